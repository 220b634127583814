"""What lesson 12 says of scales and windows, each sentence in several shapes."""

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

INF = float("inf")
every_shape = pytest.mark.parametrize("shape", ["pixels", "groups", "a model"])


class Training:
    """Leaves, an optimizer of them, a scaler; batch(x) is a loss that leads to all."""

    def __init__(self, shape, device, scale=1024.0):
        self.scaler = torch.amp.GradScaler(device, init_scale=scale)
        self.device = device
        if shape == "a model":
            model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).to(device)
            for p in model.parameters():
                nn.init.constant_(p, 0.25)
            self.leaves = list(model.parameters())
            self.optimizer = torch.optim.AdamW(self.leaves, lr=0.125)
            self.batch = lambda x: (model(torch.ones(3, 2, device=device)) * x).mean()
            return
        self.leaves = [torch.ones(n, device=device) for n in (1, 3)]
        for p in self.leaves:
            p.requires_grad = True
        groups = [{"params": [p], "lr": 0.25} for p in self.leaves]
        more = {"momentum": 0.5} if shape == "groups" else {}
        given = groups if shape == "groups" else self.leaves
        self.optimizer = torch.optim.SGD(given, lr=0.5, **more)
        self.batch = lambda x: sum((x * p * p).mean() for p in self.leaves)

    def backward(self, x):
        self.scaler.scale(self.batch(x)).backward()

    def slates(self):
        return [p.grad.clone() for p in self.leaves]

    def numbers(self):
        return [p.detach().clone() for p in self.leaves]


def true_slopes(shape, device, *xs):
    """What the batches leave without a scale."""
    plain = Training(shape, device)
    for x in xs:
        plain.batch(x).backward()
    return plain.slates()


def close(left, right):
    torch.testing.assert_close(left, right)
    return True


@pytest.mark.claim("test_the_first_pixel_again", "learned")
@every_shape
def test_one_division_serves_the_whole_pile(shape, device):
    """Slopes that were scaled alike pile up scaled, and one unscale_ divides them all,
    in place. Without it step() does, and moves as it would without a scale."""
    one, other = Training(shape, device), Training(shape, device)
    wanted = true_slopes(shape, device, 0.5, -2.0, 3.0)
    for x in (0.5, -2.0, 3.0):
        one.backward(x)
        other.backward(x)
    memory = [p.grad.data_ptr() for p in one.leaves]
    assert close(one.slates(), [1024 * slope for slope in wanted])
    one.scaler.unscale_(one.optimizer)
    assert close(one.slates(), wanted)
    assert memory == [p.grad.data_ptr() for p in one.leaves]

    one.scaler.step(one.optimizer)
    other.scaler.step(other.optimizer)
    assert close(one.numbers(), other.numbers())


@pytest.mark.claim("test_two_calls_of_unscale")
@every_shape
def test_a_second_unscale_refuses_and_divides_nothing(shape, device):
    """The scaler remembers, optimizer by optimizer, what it has unscaled since the last
    update(), and refuses before it divides again."""
    one = Training(shape, device)
    other = torch.ones(2, device=device, requires_grad=True)
    second = torch.optim.SGD([other], lr=1.0)
    one.backward(1.0)
    one.scaler.scale(other.sum()).backward()
    one.scaler.unscale_(one.optimizer)
    before = one.slates()
    with pytest.raises(RuntimeError, match="already been called"):
        one.scaler.unscale_(one.optimizer)
    assert close(one.slates(), before)
    one.scaler.unscale_(second)
    assert other.grad.eq(1).all()
    one.scaler.update()
    one.scaler.unscale_(one.optimizer)  # and now it divides again
    assert close(one.slates(), [slope / 1024 for slope in before])


@pytest.mark.claim("test_a_look_in_mid_window", "learned")
@every_shape
def test_what_arrives_after_unscale_is_in_another_unit(shape, device):
    """After unscale_ in mid-window a later slope still arrives scaled, is added to the
    divided ones, and step() divides no more."""
    one = Training(shape, device)
    one.backward(1.0)
    one.scaler.unscale_(one.optimizer)
    one.backward(1.0)
    wanted = [1025 * slope for slope in true_slopes(shape, device, 1.0)]
    assert close(one.slates(), wanted)
    one.scaler.step(one.optimizer)
    assert close(one.slates(), wanted)


@pytest.mark.claim("test_one_large_slope_in_a_window", "learned")
@pytest.mark.parametrize("bad", [INF, -INF, float("nan")], ids=str)
@every_shape
def test_one_bad_micro_batch_costs_its_optimizer_the_window(shape, bad, device):
    """One inf or nan: step() gives up all of that optimizer's step, update() halves the
    scale, nothing wipes the slate. Another optimizer, without one, steps."""
    one = Training(shape, device)
    clean = torch.ones(2, device=device, requires_grad=True)
    second = torch.optim.SGD([clean], lr=1.0)
    start = one.numbers()
    for x in (1.0, bad, 1.0):
        one.backward(x)
    one.scaler.scale(clean.sum()).backward()
    one.scaler.step(one.optimizer)
    one.scaler.step(second)
    one.scaler.update()

    assert close(one.numbers(), start)
    assert clean.eq(0).all()
    assert one.scaler.get_scale() == 512.0
    assert not all(slate.isfinite().all() for slate in one.slates())


@pytest.mark.claim("test_one_large_slope_in_a_window")
@pytest.mark.parametrize("shape", [(1024.0, 64.0), (4096.0, 16.0), (256.0, 256.0)])
def test_float16_ends_at_65504(shape, device):
    """A slope times the scale that float16 has no number for arrives as inf."""
    scale, slope = shape

    def arrives(slope):
        p = torch.ones(3, device=device, requires_grad=True)
        (scale * (slope * p.half()).sum().float()).backward()
        return p.grad.isinf().all().item()

    assert arrives(slope) and not arrives(slope * 0.75)


@pytest.mark.claim("test_every_micro_batch_its_own_update", "learned")
@every_shape
def test_update_lets_unscale_divide_the_old_part_again(shape, device):
    """With unscale_ and update() in every micro-batch nothing raises, and each unscale_
    divides all that has piled up. Without any inf check update() raises."""
    one = Training(shape, device, scale=4.0)
    [*single] = true_slopes(shape, device, 1.0)
    factor = 0.0
    for _ in range(3):
        one.backward(1.0)
        with pytest.raises(AssertionError):
            one.scaler.update()
        one.scaler.unscale_(one.optimizer)
        one.scaler.update()
        factor = factor / 4 + 1
        assert close(one.slates(), [factor * slope for slope in single])
    assert factor == 1.3125


@pytest.mark.claim("test_a_head_that_took_no_part")
@pytest.mark.parametrize("shape", [(1,), (2, 3), (4, 1)], ids=str)
def test_one_slate_is_enough_for_a_step(shape, device):
    """step() asserts, inside torch, if no parameter of its optimizer has a slate. One
    is enough, in any group, be its slope 0; the others stay where they are."""
    leaves = [torch.ones(shape, device=device, requires_grad=True) for _ in range(3)]
    groups = [{"params": leaves[:1]}, {"params": leaves[1:], "lr": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=64.0)
    scaler.scale(torch.ones(1, device=device))  # a scaler is made when it is used
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)
    scaler = torch.amp.GradScaler(device, init_scale=64.0)

    for factor, end in ((0.0, 1.0), (2.0, 0.0)):
        scaler.scale((factor * leaves[2]).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        assert [p.eq(1).all().item() for p in leaves[:2]] == [True, True]
        assert leaves[2].eq(end).all()


@pytest.mark.claim("test_a_whole_scaled_window", "learned")
@every_shape
def test_divide_clip_step_update(shape, device):
    """Divided first, clipped to 1 and stepped, a scaled window moves as one without a
    scale. Clipping to the scale without dividing comes to the same; clipping before
    dividing, or number by number, does not."""

    def moved(clip, unscale_first=True):
        one = Training(shape, device)
        for x in (3.0, 5.0):
            one.backward(x)
        if unscale_first:
            one.scaler.unscale_(one.optimizer)
        clip(one)
        one.scaler.step(one.optimizer)
        one.scaler.update()
        return one.slates()

    plain = Training(shape, device)
    for x in (3.0, 5.0):
        plain.batch(x).backward()
    assert clip_grad_norm_(plain.leaves, 1.0) > 1
    wanted = plain.slates()

    assert close(moved(lambda one: clip_grad_norm_(one.leaves, 1.0)), wanted)
    to_the_scale = moved(lambda one: clip_grad_norm_(one.leaves, 1024.0), False)
    assert close(to_the_scale, wanted)
    too_early = moved(lambda one: clip_grad_norm_(one.leaves, 1.0), False)
    assert close(too_early, [slope / 1024 for slope in wanted])
    cut = moved(lambda one: [p.grad.clamp_(-1, 1) for p in one.leaves])
    assert any((a - b).abs().max() > 0.1 for a, b in zip(cut, wanted, strict=True))
