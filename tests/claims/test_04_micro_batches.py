"""What lesson 04 says, in other shapes than its own: see test_every_koan.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

ROWS = 12
Loss = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """A model and a loss of rows; ``numbers`` is what a row counts in its mean."""

    layers: Callable[[], torch.nn.Module]
    loss: Loss
    classes: bool = False
    numbers: int = 1

    def model(self, device: str) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            return self.layers().to(device, torch.float64)

    def rows(self, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        chance = torch.Generator().manual_seed(40)
        x = torch.randn(ROWS, 3, generator=chance, dtype=torch.float64)
        y = torch.randn(ROWS, self.numbers, generator=chance, dtype=torch.float64)
        if self.classes:
            y = torch.randint(0, 4, (ROWS,), generator=chance)
        return x.to(device), y.to(device)


def _deep() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )


def _normed() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.LayerNorm(3), torch.nn.Linear(3, 3))


SHAPES = {
    "two layers, squares": Shape(_deep, functional.mse_loss, numbers=2),
    "classes": Shape(lambda: torch.nn.Linear(3, 4), functional.cross_entropy, True),
    "LayerNorm, L1": Shape(_normed, functional.l1_loss, numbers=3),
    "Huber": Shape(
        lambda: torch.nn.Linear(3, 2),
        partial(functional.huber_loss, delta=0.3),
        False,
        2,
    ),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
CUTS = [[1, 11], [11, 1], [5, 4, 3], [3, 9], [2, 2, 2, 5, 1]]
Weigh = Callable[[torch.Tensor, int], torch.Tensor]


def slates(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def left(
    shape: Shape,
    device: str,
    cut: Sequence[int],
    weigh: Weigh = lambda loss, rows: loss,
    reduction: str = "mean",
) -> torch.Tensor:
    """What micro-batches of these sizes leave, each loss weighed by its rows."""
    model = shape.model(device)
    x, y = shape.rows(device)
    for part, wanted in zip(x.split(list(cut)), y.split(list(cut)), strict=True):
        loss = shape.loss(model(part), wanted, reduction=reduction)
        weigh(loss, len(part)).backward()
    return slates(model)


def whole(shape: Shape, device: str) -> torch.Tensor:
    return left(shape, device, [ROWS])


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("test_two_means", "test_equal_micro_batches")
@each_shape
def test_means_of_equal_parts(shape, device):
    """k equal parts, each with its mean, leave k times what the whole leaves; / k."""
    for k in (2, 3, 6):
        cut = [ROWS // k] * k
        assert near(left(shape, device, cut), k * whole(shape, device))
        assert near(
            left(shape, device, cut, lambda loss, _, k=k: loss / k),
            whole(shape, device),
        )


@pytest.mark.claim("test_sums", "learned")
@each_shape
def test_sums_under_any_cut(shape, device):
    """Sums leave the whole batch's sum under any cut; each row has its own loss."""
    at_once = left(shape, device, [ROWS], reduction="sum")
    for cut in CUTS:
        assert near(left(shape, device, cut, reduction="sum"), at_once)


@pytest.mark.claim("test_any_cut", "test_a_dataloader_with_a_rest", "learned")
@each_shape
def test_divided_by_what_the_whole_holds(shape, device):
    """A mean by its share, a sum by all numbers, or the slate by them at the end."""
    count = ROWS * shape.numbers
    for cut in CUTS:
        share = left(shape, device, cut, lambda loss, rows: loss * rows / ROWS)
        sums = left(shape, device, cut, lambda loss, _: loss / count, "sum")
        slate = left(shape, device, cut, reduction="sum") / count
        assert all(near(one, whole(shape, device)) for one in (share, sums, slate))


@pytest.mark.claim("test_a_dataloader_with_a_rest")
@each_shape
def test_the_size_of_a_batch_is_a_question_of_memory(shape, device):
    """With each mean weighed by its rows, any batch_size leaves the same."""
    data = TensorDataset(*shape.rows(device))
    for size in (1, 5, 7, 11, 12, 20):
        model = shape.model(device)
        for x, y in DataLoader(data, batch_size=size):
            (shape.loss(model(x), y) * len(x) / len(data)).backward()
        assert near(slates(model), whole(shape, device))


@pytest.mark.claim("test_uneven_micro_batches")
@each_shape
def test_a_lonely_row_has_half_of_the_say(shape, device):
    """Of two means, each halved, a row alone weighs a half; the others share one."""
    rows = left_alone(shape, device)
    for first in (1, 11):
        alone = rows[0] if first == 1 else rows[-1]
        others = rows[1:] if first == 1 else rows[:-1]
        both = left(shape, device, [first, ROWS - first], lambda loss, _: loss / 2)
        assert near(both, alone / 2 + others.mean(dim=0) / 2)
        assert not near(both, whole(shape, device))


def left_alone(shape: Shape, device: str) -> torch.Tensor:
    """The slope of each row's own loss, one below the other."""
    model = shape.model(device)
    x, y = shape.rows(device)
    losses = [shape.loss(model(x[i : i + 1]), y[i : i + 1]) for i in range(ROWS)]
    slopes = [torch.autograd.grad(loss, list(model.parameters())) for loss in losses]
    return torch.stack([torch.cat([g.flatten() for g in gs]) for gs in slopes])


@pytest.mark.claim("test_three_places_to_divide")
@each_shape
def test_dividing_the_slate_again_and_again(shape, device):
    """Once is once, at the loss or at the end; after each backward() the early ones
    are divided again."""
    for k in (2, 3, 4):
        model, (x, y) = shape.model(device), shape.rows(device)
        slopes = []
        for part, wanted in zip(x.chunk(k), y.chunk(k), strict=True):
            loss = shape.loss(model(part), wanted)
            gradients = torch.autograd.grad(
                loss, list(model.parameters()), retain_graph=True
            )
            slopes.append(torch.cat([g.flatten() for g in gradients]))
            loss.backward()
            for p in model.parameters():
                p.grad /= k
        again = sum(slope / k ** (k - i) for i, slope in enumerate(slopes))
        assert near(slates(model), again)
        early = left(shape, device, [ROWS // k] * k, lambda loss, _, k=k: loss / k)
        assert near(early, sum(slopes) / k)
        assert not near(slates(model), early)


OPTIMIZERS = {
    "SGD": partial(torch.optim.SGD, lr=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "AdamW": partial(torch.optim.AdamW, lr=0.1, weight_decay=0.1),
    "RMSprop": partial(torch.optim.RMSprop, lr=0.1),
}
SCALED = ("SGD", "momentum")


def trained(make, device: str, steps: Sequence[Sequence[slice]]) -> torch.Tensor:
    """Where a model ends: a step for each list of parts, all their means in one."""
    shape = SHAPES["two layers, squares"]
    model, (x, y) = shape.model(device), shape.rows(device)
    optimizer = make(model.parameters())
    for parts in steps:
        for part in parts:
            loss = shape.loss(model(x[part]), y[part]) / len(parts)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.claim("test_one_step_or_two")
@pytest.mark.parametrize("shape", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_one_step_is_the_huge_batch_two_are_not(shape, device):
    """Two halves and one step are the huge batch's; small steps look again."""
    halves = [slice(0, 6), slice(6, 12)]
    huge = trained(shape, device, [[slice(0, 12)]])
    assert near(trained(shape, device, [halves]), huge)
    assert not near(trained(shape, device, [[half] for half in halves]), huge)


@pytest.mark.claim("test_the_printed_loss")
@each_shape
def test_what_is_printed_is_divided_twice(shape, device):
    """item() sees the divided loss: the mean of it is k times too small."""
    for k in (2, 3, 6):
        seen: list[float] = []

        def weigh(loss: torch.Tensor, rows: int, k=k, seen=seen) -> torch.Tensor:
            seen.append((loss / k).item())
            return loss / k

        slate = left(shape, device, [ROWS // k] * k, weigh)
        model, (x, y) = shape.model(device), shape.rows(device)
        true = shape.loss(model(x), y).item()
        assert sum(seen) / k == pytest.approx(true / k)
        assert sum(seen) == pytest.approx(true)
        assert near(slate, whole(shape, device))


FIRST_STEPS = {
    "SGD": (torch.optim.SGD, {}, 4),
    "momentum": (torch.optim.SGD, {"momentum": 0.5}, 4),
    "nesterov": (torch.optim.SGD, {"momentum": 0.5, "nesterov": True}, 4),
    "Adam": (torch.optim.Adam, {}, 1),
    "AdamW": (torch.optim.AdamW, {}, 1),
    "AMSGrad": (torch.optim.Adam, {"amsgrad": True}, 1),
}


def way(make, settings, slopes: Sequence[float], device: str, lr=0.25, steps=1):
    """How far a pixel of two numbers goes, the slopes on its slate at each step."""
    p = torch.ones(2, dtype=torch.float64, device=device, requires_grad=True)
    optimizer = make([p], lr=lr, **settings)
    for _ in range(steps):
        (p * torch.tensor(slopes, dtype=torch.float64, device=device)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return p.detach() - 1


@pytest.mark.claim("test_the_division_forgotten")
@pytest.mark.parametrize("shape", FIRST_STEPS.values(), ids=FIRST_STEPS)
def test_who_notices_a_slate_four_times_as_large(shape, device):
    """SGD goes four times as far; Adam and AdamW do not, while slopes dwarf eps."""
    make, settings, times = shape
    go = partial(way, make, settings, device=device)
    for steps in (1, 3):
        right, forgotten = go([3.0, -0.5], steps=steps), go([12.0, -2.0], steps=steps)
        assert torch.allclose(forgotten, times * right, rtol=1e-6)
    tiny, more = go([1e-9, -2e-9]), go([4e-9, -8e-9])
    assert not torch.allclose(more, tiny, rtol=0.1, atol=0.0), (
        "beside eps, all of them notice"
    )


RATES = {
    "SGD": (torch.optim.SGD, {}, True),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}, True),
    "nesterov": (torch.optim.SGD, {"momentum": 0.5, "nesterov": True}, True),
    "Adam": (torch.optim.Adam, {}, False),
    "AdamW": (torch.optim.AdamW, {"weight_decay": 0.0}, False),
    "decay": (torch.optim.SGD, {"weight_decay": 0.5}, None),
}


@pytest.mark.claim("test_a_smaller_rate_instead")
@pytest.mark.parametrize("shape", RATES.values(), ids=RATES)
def test_lr_divided_in_place_of_the_loss(shape, device):
    """The same for SGD, with momentum, too; four times too short for Adam."""
    make, settings, same = shape
    for steps in (1, 3):
        loss = way(make, settings, [2.0, -3.0], device, steps=steps)
        rate = way(make, settings, [8.0, -12.0], device, lr=0.25 / 4, steps=steps)
        if same is False:
            assert torch.allclose(rate, loss / 4, rtol=1e-6)
        else:
            assert torch.allclose(rate, loss) == bool(same)


@pytest.mark.claim("test_a_smaller_rate_instead")
@pytest.mark.parametrize("shape", [2, 4, 8], ids="k = {}".format)
def test_clipping_reads_the_slate_not_the_rate(shape, device):
    """What else reads the slate finds it k times too large."""
    norms = []
    for divide_by in (shape, 1):
        p = torch.ones(3, device=device, requires_grad=True)
        for _ in range(shape):
            (
                (p * torch.tensor([1.0, 2.0, 2.0], device=device)).sum() / divide_by
            ).backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p], 100.0).item())
    assert norms == pytest.approx([3.0, 3.0 * shape])


def _over_the_batch(out: torch.Tensor) -> torch.Tensor:
    """Each row against all rows of its batch, as contrastive losses do."""
    return -functional.log_softmax(out @ out.T, dim=1).diagonal().sum()


SHARED = {
    "BatchNorm": lambda out: torch.nn.BatchNorm1d(2).to(out)(out).pow(3).sum(),
    "contrast": _over_the_batch,
    "distance from the batch's mean": lambda out: (out - out.mean(0)).pow(2).sum(),
}


@pytest.mark.claim("learned")
@pytest.mark.parametrize("shape", SHARED.values(), ids=SHARED)
def test_rows_that_share_a_loss(shape, device):
    """Where a row's loss looks at the others of its batch, sums do not add up."""
    model = SHAPES["two layers, squares"].model(device)
    x, _ = SHAPES["two layers, squares"].rows(device)
    shape(model(x)).backward()
    at_once = slates(model).clone()
    model.zero_grad()
    for part in x.split([4, 8]):
        shape(model(part)).backward()
    assert not torch.allclose(slates(model), at_once, rtol=1e-3)


@pytest.mark.claim("test_review_four_wrong_slates")
@each_shape
def test_each_wrong_loop_leaves_its_trace(shape, device):
    """No division, none by k, two by k, a wipe in between: four other slates."""
    right = whole(shape, device)
    for k in (2, 3):
        cut = [ROWS // k] * k
        sums = left(shape, device, cut, lambda loss, _: loss / shape.numbers, "sum")
        assert near(sums, ROWS * right)
        assert near(left(shape, device, cut), k * right)
        assert near(
            left(shape, device, cut, lambda loss, _, k=k: loss / k**2), right / k
        )
        last = left_alone(shape, device)[-ROWS // k :].mean(dim=0) / k
        model, (x, y) = shape.model(device), shape.rows(device)
        for part, wanted in zip(x.chunk(k), y.chunk(k), strict=True):
            model.zero_grad()
            (shape.loss(model(part), wanted) / k).backward()
        assert near(slates(model), last)
