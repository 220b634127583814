"""What lesson 09 says of clipping, normalising and the whole loop, in other shapes."""

from __future__ import annotations

import copy
import warnings
import weakref

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

PAD = -100


def leaves(*sizes, device, dtype=torch.float64):
    return [
        torch.zeros(size, device=device, dtype=dtype, requires_grad=True)
        for size in sizes
    ]


def one_leaf(device):
    return leaves(3, device=device)


def three_leaves(device):
    return leaves((2, 2), 1, (3, 1, 2), device=device)


def in_float32(device):
    return leaves(5, 2, device=device, dtype=torch.float32)


def in_bfloat16(device):
    return leaves(4, 4, device=device, dtype=torch.bfloat16)


LEAVES = [one_leaf, three_leaves, in_float32]
each_leaves = pytest.mark.parametrize("shape", LEAVES)


def row(ps):
    """All numbers of all slates, in a row."""
    return torch.cat([p.grad.flatten() for p in ps]).double()


def slopes(ps, count):
    """Slopes for count micro-batches, the same for all runs."""
    torch.manual_seed(count)
    return [[torch.randn(p.shape).to(p) for p in ps] for _ in range(count)]


def add(ps, batch):
    sum((p * slope).sum() for p, slope in zip(ps, batch, strict=True)).backward()


def close(left, right):
    return torch.allclose(left, right, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------- clipping


@pytest.mark.claim("test_clipped_once_or_each_time", "test_a_clipped_window")
@pytest.mark.parametrize("shape", [*LEAVES, in_bfloat16])
def test_a_clip_has_one_length_and_one_factor(shape, device):
    """The length is the root of the sum of squares of all numbers on all slates;
    longer slates shrink to max_norm by one factor, shorter ones stay, and the length
    that was found is returned."""
    ps = shape(device)
    [batch] = slopes(ps, 1)
    add(ps, batch)
    before = row(ps)
    length = before.pow(2).sum().sqrt().item()
    digits = 0.02 if ps[0].dtype == torch.bfloat16 else 1e-5

    assert clip_grad_norm_(ps, 2 * length).item() == pytest.approx(length, rel=digits)
    assert torch.equal(row(ps), before)
    clip_grad_norm_(ps, length / 3)
    assert torch.allclose(row(ps), before / 3, rtol=digits)


@pytest.mark.claim("learned", "test_clipped_once_or_each_time", "test_a_clipped_window")
@pytest.mark.parametrize("count", [2, 3, 5])
@each_leaves
def test_one_clip_a_window_is_the_big_batchs(shape, count, device):
    """Clipped once, just before the step, micro-batches leave what the big batch
    leaves. Clipped after every backward() they don't, and after the step the step
    has seen the slates at full length."""
    ps = shape(device)
    batches = slopes(ps, count)
    add(ps, [sum(parts) for parts in zip(*batches, strict=True)])
    full = row(ps)
    limit = full.norm().item() / 4
    clip_grad_norm_(ps, limit)
    big = row(ps)

    def left(clip_each=False, order="clip, step"):
        optimizer = torch.optim.SGD(ps, lr=1.0)
        optimizer.zero_grad()
        found = []
        optimizer.register_step_pre_hook(lambda *_: found.append(row(ps)))
        for batch in batches:
            add(ps, batch)
            if clip_each:
                clip_grad_norm_(ps, limit)
        for act in order.split(", "):
            optimizer.step() if act == "step" else clip_grad_norm_(ps, limit)
        return found[0]

    assert close(left(), big)
    assert not close(left(clip_each=True), big)
    assert close(left(order="step, clip"), full)


@pytest.mark.claim("learned", "test_a_clipped_window")
@pytest.mark.parametrize("shape", [three_leaves, in_float32, in_bfloat16])
def test_number_by_number_or_each_by_itself_is_another_thing(shape, device):
    """Cut number by number, or each parameter by a length of its own, slates point
    another way."""
    ps = shape(device)
    [batch] = slopes(ps, 1)

    def direction(clip):
        for p in ps:
            p.grad = None
        add(ps, batch)
        clip()
        return row(ps) / row(ps).norm()

    right = direction(lambda: clip_grad_norm_(ps, 0.5))
    by_value = direction(lambda: torch.nn.utils.clip_grad_value_(ps, 0.5))
    alone = direction(lambda: [clip_grad_norm_(p, 0.5) for p in ps])
    assert not torch.allclose(by_value, right, rtol=0.05)
    assert not torch.allclose(alone, right, rtol=0.05)


@pytest.mark.claim("test_a_micro_batch_for_every_pixel")
@pytest.mark.parametrize("sizes", [(), (1,) * 4, (2, 3)], ids=["one", "four", "wide"])
@pytest.mark.parametrize("shape", [2, 3, 6])
def test_the_last_of_equal_slopes_weighs_the_most(shape, sizes, device):
    """Equal slopes, each for numbers of its own, clipped every time: what came early
    has been through more clips, so the last weighs the most."""
    ps = leaves(*(sizes or (1,)) * shape, device=device)
    each = len(sizes) or 1
    for i in range(shape):
        for p in ps[i * each : (i + 1) * each]:
            (40 * p).sum().backward()
        clip_grad_norm_(ps, 30.0)
    left = [ps[i * each].grad.flatten()[0].item() for i in range(shape)]
    assert left == sorted(set(left))


def by_a_clip(ps):
    clip_grad_norm_(ps, 1000.0)


def by_an_optimizer(ps):
    torch.optim.AdamW(ps)


def by_a_loop(ps):
    for p in ps:
        p.requires_grad_()


def by_counting(ps):
    sum(p.numel() for p in ps)


@pytest.mark.claim("test_parameters_in_a_variable")
@pytest.mark.parametrize("shape", [by_a_clip, by_an_optimizer, by_a_loop, by_counting])
def test_a_generator_that_is_used_up_clips_nothing(shape, device):
    """Whoever went through the generator, the next clip is handed nothing: it returns
    0 and shortens nothing. A list, or a new call, has them all."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)).to(device)
    model(torch.ones(4, 3, device=device)).pow(2).sum().backward()
    before = row(model.parameters())

    parameters = model.parameters()
    shape(parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a newer torch says that it is empty
        assert clip_grad_norm_(parameters, 1e-3).item() == 0.0
    assert torch.equal(row(model.parameters()), before)

    parameters = list(model.parameters())
    shape(parameters)
    length = before.norm().item()
    assert clip_grad_norm_(parameters, 1e-3).item() == pytest.approx(length)
    assert row(parameters).norm().item() == pytest.approx(1e-3, rel=0.01)


@pytest.mark.claim("test_a_slope_that_overflowed")
@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
@pytest.mark.parametrize("shape", [*LEAVES, in_bfloat16])
def test_one_inf_or_one_nan_in_a_clip(shape, norm_type, device):
    """One inf becomes NaN and every other number of every slate 0; one NaN makes all
    of them NaN. Nobody complains, unless error_if_nonfinite=True is given."""

    def clipped(bad, **options):
        ps = shape(device)
        for p in ps:
            p.grad = torch.full_like(p, 3.0)
        ps[-1].grad.view(-1)[-1] = bad
        clip_grad_norm_(ps, 1.0, norm_type, **options)
        return row(ps)

    *others, last = clipped(float("-inf")).tolist()
    assert last != last and not any(others)
    assert clipped(float("nan")).isnan().all()
    for bad in ("inf", "nan"):
        with pytest.raises(RuntimeError, match="non-finite"):
            clipped(float(bad), error_if_nonfinite=True)


def sgd(ps):
    return torch.optim.SGD(ps, lr=0.5)


def momentum(ps):
    return torch.optim.SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.1)


def adam(ps):
    return torch.optim.AdamW(ps, lr=0.05)


OPTIMIZERS = pytest.mark.parametrize("shape", [sgd, momentum, adam])


@pytest.mark.claim("test_a_slope_that_overflowed")
@OPTIMIZERS
def test_a_step_carries_nan_into_the_weights(shape, device):
    """... and step() carries it into the weights."""
    [p] = one_leaf(device)
    p.grad = torch.tensor([float("inf"), 1.0, 1.0], dtype=p.dtype, device=device)
    clip_grad_norm_([p], 1.0)
    shape([p]).step()
    assert p.isnan().tolist() == [True, False, False]


# ---------------------------------------------------------------------- normalising


def rows(*size, device):
    torch.manual_seed(len(size))
    return (torch.randn(size, dtype=torch.float64) * 3 + 1).to(device)


def batch_norm_1d(device, **options):
    kind = {"device": device, "dtype": torch.float64}
    return torch.nn.BatchNorm1d(3, **options, **kind), rows(6, 3, device=device)


def batch_norm_of_series(device, **options):
    kind = {"device": device, "dtype": torch.float64}
    return torch.nn.BatchNorm1d(2, **options, **kind), rows(4, 2, 5, device=device)


def batch_norm_2d(device, **options):
    kind = {"device": device, "dtype": torch.float64}
    return torch.nn.BatchNorm2d(2, **options, **kind), rows(4, 2, 3, 3, device=device)


BATCH_NORMS = [batch_norm_1d, batch_norm_of_series, batch_norm_2d]
each_norm = pytest.mark.parametrize("shape", BATCH_NORMS)


@pytest.mark.claim("test_the_running_mean")
@pytest.mark.parametrize("momentum", [0.1, 0.5, 0.9])
@each_norm
def test_each_forward_moves_the_running_mean(shape, momentum, device):
    """A forward in train mode is an update, with no backward() and no step(). With a
    fixed momentum the later half counts for more."""
    layer, x = shape(device, momentum=momentum)
    first, last = x.chunk(2)

    def mean_after(*parts):
        fresh = copy.deepcopy(layer)
        for part in parts:
            fresh(part)
        return fresh.running_mean

    def mean_of(part):
        return part.transpose(0, 1).flatten(1).mean(dim=1)

    assert close(mean_after(x), momentum * mean_of(x))
    early, late = momentum * (1 - momentum), momentum
    assert late > early
    expected = early * mean_of(first) + late * mean_of(last)
    assert close(mean_after(first, last), expected)
    assert not close(mean_after(first, last), mean_after(x))
    averaging, _ = shape(device, momentum=None)  # the condition: it has no momentum
    averaging(first), averaging(last)
    assert close(averaging.running_mean, mean_of(x))


def slates_of(layer, parts):
    layer = copy.deepcopy(layer)
    for x in parts:
        (layer(x) * x).sum().backward()
    return row(layer.parameters())


@pytest.mark.claim("learned", "test_four_rows_or_two_and_two")
@each_norm
def test_only_train_mode_looks_at_the_neighbours(shape, device):
    """BatchNorm in train mode leaves something else for halves than for the batch,
    unless each half has its mean and spread; in eval mode it does not."""
    layer, x = shape(device)
    assert not close(slates_of(layer, x.chunk(2)), slates_of(layer, [x]))
    both = torch.cat([x, x])
    assert torch.allclose(slates_of(layer, [x, x]), slates_of(layer, [both]), rtol=1e-6)
    layer(x)  # so that its running mean and spread are not 0 and 1
    layer.eval()
    assert close(slates_of(layer, x.chunk(2)), slates_of(layer, [x]))


@pytest.mark.claim("test_four_rows_or_two_and_two")
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    "shape",
    [
        lambda: (torch.nn.LayerNorm(3), (6, 3)),
        lambda: (torch.nn.LayerNorm([2, 5]), (4, 2, 5)),
        lambda: (torch.nn.GroupNorm(2, 4), (4, 4, 3)),
        lambda: (torch.nn.InstanceNorm2d(2, affine=True), (4, 2, 3, 3)),
    ],
    ids=["LayerNorm", "LayerNorm of two", "GroupNorm", "InstanceNorm"],
)
def test_layers_that_look_along_one_row(shape, train, device):
    """LayerNorm (and others that take each row by itself) agrees in both modes."""
    layer, size = shape()
    layer = layer.to(device, torch.float64).train(train)
    x = rows(*size, device=device)
    assert close(slates_of(layer, x.chunk(2)), slates_of(layer, [x]))


@pytest.mark.claim("test_five_rows_cut_to_size")
@pytest.mark.parametrize(
    ("shape", "through"),
    [
        ((1, 2), False),
        ((1, 2, 1), False),
        ((1, 2, 1, 1), False),
        ((2, 2), True),
        ((1, 2, 3), True),
        ((1, 2, 2, 2), True),
        ((1, 2, 1, 2), True),
        ((2, 2, 1, 1), True),
    ],
)
def test_a_single_value_a_channel_is_refused(shape, through, device):
    """In train mode BatchNorm refuses a single value a channel: one row of plain
    numbers, one image of 1 x 1; not one larger image. In eval mode it takes all."""
    kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
    layer, x = kind(2, device=device), torch.ones(shape, device=device)
    if through:
        layer(x)
    else:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            layer(x)
    layer.eval()(x)


# -------------------------------------------------------------------- the whole loop


class Graphs(saved_tensors_hooks):
    """How many tensors graphs keep at once, at the most."""

    def __init__(self):
        super().__init__(self.keep, lambda box: box())
        self.boxes, self.most = weakref.WeakSet(), 0

    def keep(self, tensor):
        def box():
            return tensor

        self.boxes.add(box)
        self.most = max(self.most, len(self.boxes))
        return box


WINDOWS = [
    [[1, 0, 1, PAD], [0, PAD], [2, 2, 2]],
    [[PAD, PAD], [0, 1, PAD, 2, 2, 1], [1]],
    [[2, 0]],  # the last one is short
]


def pairs_of(window, device):
    ys = [torch.tensor(y, device=device) for y in window]
    return [(torch.arange(len(y), device=device) * 2 % 5, y) for y in ys]


def reader(device):
    torch.manual_seed(9)
    parts = torch.nn.Embedding(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)
    return torch.nn.Sequential(*parts).to(device, torch.float64)


def trained(model, optimizer, windows, one_batch, max_norm=0.3):
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    for window in windows:
        real = sum((y != PAD).sum().item() for _, y in window)
        if one_batch:
            xs, ys = zip(*window, strict=True)
            window = [(torch.cat(xs), torch.cat(ys))]
        for x, y in window:
            (cross_entropy(model(x), y, reduction="sum") / real).backward()
        clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()


@pytest.mark.claim("test_the_whole_loop")
@pytest.mark.parametrize("max_norm", [0.1, 0.3, 100.0])
@OPTIMIZERS
def test_the_whole_loop_trains_as_one_batch_does(shape, max_norm, device):
    """Sums by the window's tokens, one clip, one step, one wipe, one new rate: the
    weights go where one batch for each window takes them."""
    windows = [pairs_of(window, device) for window in WINDOWS]
    ends = []
    for one_batch in (True, False):
        model = reader(device)
        trained(model, shape(model.parameters()), windows, one_batch, max_norm)
        ends.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.allclose(*ends, atol=1e-6)


@pytest.mark.claim("test_the_whole_loop")
@pytest.mark.parametrize("shape", [2, 4, 7])
def test_each_graph_is_gone_before_the_next_text_comes(shape, device):
    """A backward() for each text keeps one graph at a time, however many texts a
    window has; one backward() for all of them keeps all."""
    model, pairs = reader(device), pairs_of([[0, 1, 2]] * shape, device)

    def most(run):
        with (graphs := Graphs()):
            run()
        model.zero_grad()
        return graphs.most

    def each():
        for x, y in pairs:
            cross_entropy(model(x), y, reduction="sum").backward()

    def together():
        losses = [cross_entropy(model(x), y, reduction="sum") for x, y in pairs]
        sum(losses).backward()

    one = most(lambda: cross_entropy(model(pairs[0][0]), pairs[0][1]).backward())
    assert one > 0 and most(each) == one
    assert most(together) >= shape * one


@pytest.mark.claim("test_review_of_the_whole_path")
@OPTIMIZERS
def test_the_events_of_a_story(shape, device):
    """backward() adds, a clip writes on the slate there and then, step() reads it and
    leaves it as it is, zero_grad() throws it away, and a step without a slate moves
    nothing (LBFGS apart)."""
    [p] = one_leaf(device)
    optimizer = shape([p])
    add([p], [torch.tensor([3.0, 0.0, 4.0]).to(p)])
    add([p], [torch.tensor([3.0, 0.0, 4.0]).to(p)])
    assert p.grad.tolist() == [6.0, 0.0, 8.0]
    clip_grad_norm_([p], 5.0)
    assert p.grad.tolist() == pytest.approx([3.0, 0.0, 4.0])
    start, found = p.detach().clone(), p.grad.clone()
    optimizer.step()
    assert torch.equal(p.grad, found) and not torch.equal(p, start)
    optimizer.zero_grad()
    there = p.detach().clone()
    optimizer.step()
    assert p.grad is None and torch.equal(p, there)
