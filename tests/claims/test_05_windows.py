"""What lesson 05 says, in other shapes than its own: see test_every_koan.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch.nn import functional
from torch.optim import lr_scheduler

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """A model, its loss, its optimizer, and how many batches go into a window."""

    layers: Callable[[], torch.nn.Module]
    optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer]
    loss: Callable[..., torch.Tensor] = functional.mse_loss
    k: int = 3
    classes: bool = False

    def model(self, device: str) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return self.layers().to(device, torch.float64)

    def batches(self, device: str, count: int) -> list[Batch]:
        """Batches of two rows each."""
        chance = torch.Generator().manual_seed(50)
        x = torch.randn(2 * count, 3, generator=chance, dtype=torch.float64)
        y = torch.randn(2 * count, 2, generator=chance, dtype=torch.float64)
        if self.classes:
            y = torch.randint(0, 2, (2 * count,), generator=chance)
        pairs = zip(x.split(2), y.split(2), strict=True)
        return [(one.to(device), other.to(device)) for one, other in pairs]


def _deep() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )


def _two_groups(model: torch.nn.Module) -> torch.optim.Optimizer:
    groups = [
        {"params": [p], "lr": 0.1 / i} for i, p in enumerate(model.parameters(), 1)
    ]
    return torch.optim.Adagrad(groups)


SHAPES = {
    "momentum": Shape(
        _deep, lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    ),
    "AdamW, classes": Shape(
        lambda: torch.nn.Linear(3, 2),
        lambda m: torch.optim.AdamW(m.parameters(), lr=0.1),
        functional.cross_entropy,
        k=4,
        classes=True,
    ),
    "two groups": Shape(lambda: torch.nn.Linear(3, 2), _two_groups, k=2),
    "L1, RMSprop": Shape(
        _deep, lambda m: torch.optim.RMSprop(m.parameters()), functional.l1_loss, k=5
    ),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def slates(model: torch.nn.Module) -> torch.Tensor | None:
    found = [p.grad for p in model.parameters()]
    if any(slate is None for slate in found):
        return None
    return torch.cat([slate.flatten() for slate in found])


def near(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.allclose(one, other, rtol=1e-8, atol=1e-12)


class Loop:
    """A shape's training: what each step finds, beside one batch of its window."""

    def __init__(self, shape: Shape, device: str) -> None:
        self.shape, self.model = shape, shape.model(device)
        self.optimizer = shape.optimizer(self.model)
        self.found: list[torch.Tensor | None] = []
        self.optimizer.register_step_pre_hook(
            lambda *_: self.found.append(slates(self.model))
        )

    def loss(self, batch: Batch) -> torch.Tensor:
        return self.shape.loss(self.model(batch[0]), batch[1])

    def slope(self, batches: Sequence[Batch]) -> torch.Tensor:
        """Of the mean of all rows of these batches, where the model is now."""
        x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
        gradients = torch.autograd.grad(
            self.loss((x, y)), list(self.model.parameters())
        )
        return torch.cat([g.flatten() for g in gradients])

    def step(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def wipe(self) -> None:
        self.optimizer.zero_grad()


def windows(batches: Sequence[Batch], k: int) -> Iterator[Sequence[Batch]]:
    for start in range(0, len(batches), k):
        yield batches[start : start + k]


@pytest.mark.claim("test_when_to_step", "test_no_batch_left_behind")
@each_shape
def test_a_window_is_full_at_every_multiple_of_k(shape, device):
    """After micro-batch i there were i + 1; the last one steps, full or not."""
    k = shape.k
    for count in (1, k - 1, k, 2 * k, 2 * k + 1):
        loop, seen, expected = Loop(shape, device), [], []
        batches = shape.batches(device, count)
        for i, batch in enumerate(batches):
            expected.append(loop.slope([batch]) / k)
            (loop.loss(batch) / k).backward()
            seen.append(i)
            if (i + 1) % k == 0 or i + 1 == len(batches):
                assert len(seen) == (k if (i + 1) % k == 0 else count % k)
                loop.step()
                assert near(loop.found[-1], sum(expected))
                seen, expected = [], []
        assert len(loop.found) == -(-count // k)


@pytest.mark.claim(
    "test_a_short_last_window", "test_windows_with_a_schedule", "learned"
)
@each_shape
def test_a_step_finds_the_mean_of_its_own_window(shape, device):
    """Divided by what is there, a short window is right, too; by k it is too small."""
    for count in (2 * shape.k + 1, shape.k, 1):
        loop = Loop(shape, device)
        for window in windows(shape.batches(device, count), shape.k):
            right = loop.slope(window)
            for batch in window:
                (loop.loss(batch) / len(window)).backward()
            by_k = slates(loop.model) * len(window) / shape.k
            loop.step()
            assert near(loop.found[-1], right)
            assert near(by_k, right) == (len(window) == shape.k)


@pytest.mark.claim("test_a_short_last_window")
@pytest.mark.parametrize("shape", [1.0, 0.25, 0.0625], ids="{} of k".format)
def test_who_moves_too_little(shape, device):
    """A slate that is too small moves SGD too little; Adam's first step is the same."""
    ways = {}
    for make in (torch.optim.SGD, torch.optim.Adam):
        for size in (1.0, shape):
            p = torch.zeros(2, dtype=torch.float64, device=device, requires_grad=True)
            (size * torch.tensor([3.0, -2.0], device=device) * p).sum().backward()
            make([p], lr=0.5).step()
            ways[make, size] = p.detach()
    right, short = ways[torch.optim.SGD, 1.0], ways[torch.optim.SGD, shape]
    assert near(short, shape * right)
    adam = ways[torch.optim.Adam, 1.0], ways[torch.optim.Adam, shape]
    assert torch.allclose(*adam, rtol=1e-6)


@pytest.mark.claim("test_one_wipe_a_window")
@each_shape
@pytest.mark.parametrize("to_none", [True, False], ids=["None", "zeros"])
def test_a_step_finds_what_came_since_the_wipe(shape, to_none, device):
    """Before the first backward() or behind the step; before the last, one is left."""
    k = shape.k
    for place in range(k):
        loop = Loop(shape, device)
        for window in windows(shape.batches(device, 3 * k), k):
            for i, batch in enumerate(window):
                if i == place:
                    loop.optimizer.zero_grad(set_to_none=to_none)
                (loop.loss(batch) / k).backward()
            right = loop.slope(window[place:]) * (k - place) / k
            loop.optimizer.step()
            assert near(loop.found[-1], right)


@pytest.mark.claim(
    "test_ten_batches_four_a_window", "test_three_epochs_of_five", "learned"
)
@each_shape
def test_what_is_left_over_waits_for_the_next_epoch(shape, device):
    """A new epoch wipes nothing: its first step finds the leftover and its own k.

    Once wiped, it is no more than left out, and every step finds k.
    """
    k = shape.k
    for left_out in (False, True):
        loop, steps = Loop(shape, device), []
        batches = shape.batches(device, 2 * k + 1)
        waiting: torch.Tensor | None = None
        for _ in range(3):
            if left_out:
                loop.wipe()
                waiting = None
            for i, batch in enumerate(batches):
                slope = loop.slope([batch]) / k
                (loop.loss(batch) / k).backward()
                waiting = slope if waiting is None else waiting + slope
                if (i + 1) % k == 0:
                    before = [p.detach().clone() for p in loop.model.parameters()]
                    steps.append(waiting)
                    loop.step()
                    waiting = None
            moved = list(loop.model.parameters())
            assert near(slates(loop.model), waiting) and waiting is not None
            assert not all(map(torch.equal, before, moved))
        assert len(loop.found) == 6
        assert all(map(near, loop.found, steps))


@pytest.mark.claim("test_ten_batches_four_a_window")
@pytest.mark.parametrize("shape", [(10, 4), (7, 3), (9, 2)], ids=str)
def test_what_is_on_the_slate_has_moved_nothing(shape, device):
    """count // k steps; the rest is on the slate, and p has not moved by it."""
    count, k = shape
    p = torch.zeros(2, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.5)
    for i in range(count):
        (p.sum() * 1.0).backward()
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()
    assert p.tolist() == [-0.5 * k * (count // k)] * 2
    assert p.grad.tolist() == [count % k] * 2


# ---------------------------------------------------------------------- schedulers

Make = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
SCHEDULES: dict[str, Callable[[int], Make]] = {
    "linear": lambda n: partial(
        lr_scheduler.LinearLR, start_factor=1.0, end_factor=0.25, total_iters=n
    ),
    "cosine": lambda n: partial(lr_scheduler.CosineAnnealingLR, T_max=n, eta_min=0.1),
    "polynomial": lambda n: partial(
        lr_scheduler.PolynomialLR, total_iters=n, power=2.0
    ),
    "warm-up": lambda n: partial(
        lr_scheduler.LinearLR, start_factor=0.25, end_factor=1.0, total_iters=n
    ),
}
each_schedule = pytest.mark.parametrize("shape", SCHEDULES.values(), ids=SCHEDULES)
out_of_order = pytest.mark.filterwarnings("ignore:Detected call of")


def scheduled(
    make: Make, device: str
) -> tuple[torch.optim.Optimizer, lr_scheduler.LRScheduler]:
    pixels = [torch.zeros(1, device=device, requires_grad=True) for _ in range(2)]
    groups = [{"params": [pixels[0]]}, {"params": [pixels[1]], "lr": 4.0}]
    for p in pixels:
        p.grad = torch.ones_like(p)
    optimizer = torch.optim.SGD(groups, lr=2.0)
    return optimizer, make(optimizer)


def rates(make: Make, device: str, calls: str) -> list[list[float]]:
    """The rates at each step of an optimizer ("o"), amid a scheduler's ("s")."""
    optimizer, scheduler = scheduled(make, device)
    used = []
    for call in calls:
        if call == "o":
            used.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
        else:
            scheduler.step()
    return [*used, scheduler.get_last_lr()]


def close(one: list[list[float]], other: list[list[float]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(a == pytest.approx(b, abs=1e-9) for a, b in pairs)


@pytest.mark.claim("test_two_schedulers", "learned")
@out_of_order
@each_schedule
def test_a_scheduler_counts_its_own_calls(shape, device):
    """Steps of the optimizer change nothing; k calls a window go k times as far."""
    make = shape(8)
    steady = rates(make, device, "osososososososos")
    assert rates(make, device, "ossss")[-1] == pytest.approx(steady[4])
    assert rates(make, device, "ooosos")[-1] == pytest.approx(steady[2])
    assert steady[1] != pytest.approx(steady[4])


@pytest.mark.claim("test_how_long_is_the_schedule", "learned")
@each_schedule
def test_a_schedule_is_as_long_as_its_calls(shape, device):
    """Told the windows, it ends where it should; told micro-batches, far from it."""
    k, count = 4, 5
    calls = "os" * count
    right, long = shape(count), shape(k * count)
    whole = rates(right, device, calls)
    end = rates(long, device, "os" * (k * count))[-1]
    assert whole[-1] == pytest.approx(end, abs=1e-9)
    told_too_much = rates(long, device, calls)
    assert told_too_much[-1] != pytest.approx(end, abs=1e-3)
    part = rates(long, device, "os" * (k * count))[: count + 1]
    assert close(told_too_much, part)


@pytest.mark.claim("test_each_window_at_half_the_rate", "test_windows_with_a_schedule")
@out_of_order
@each_schedule
def test_the_scheduler_comes_after_the_step(shape, device):
    """Behind the step, the first is at the first rate; before it, at the second."""
    behind, before = (
        rates(shape(6), device, "ososos"),
        rates(shape(6), device, "sososo"),
    )
    assert behind[0] == rates(shape(6), device, "")[0]
    assert close(before[:3], behind[1:])
    assert not close(before[:1], behind[:1])


@pytest.mark.claim("test_each_window_at_half_the_rate", "test_windows_with_a_schedule")
@each_schedule
def test_the_wipe_and_the_scheduler_change_places(shape, device):
    """Both come after the step, in any order: the pixels go the same way."""
    ways = []
    for order in ("ws", "sw"):
        optimizer, scheduler = scheduled(shape(5), device)
        [p], [q] = (group["params"] for group in optimizer.param_groups)
        for _ in range(4):
            (p.sin() + 3 * q.cos()).backward()
            optimizer.step()
            for call in order:
                optimizer.zero_grad() if call == "w" else scheduler.step()
        ways.append([p.item(), q.item()])
    assert ways[0] == ways[1]


@pytest.mark.claim("test_windows_with_a_schedule")
@each_shape
def test_divided_at_the_loss_or_at_the_slates(shape, device):
    """A count beside the loop, and the slates divided by it, does as well."""
    ends = []
    for late in (False, True):
        loop = Loop(shape, device)
        for window in windows(shape.batches(device, 2 * shape.k + 1), shape.k):
            for batch in window:
                (loop.loss(batch) / (1 if late else len(window))).backward()
            for p in loop.model.parameters() if late else ():
                p.grad /= len(window)
            loop.step()
        ends.append(torch.cat([p.detach().flatten() for p in loop.model.parameters()]))
    assert torch.allclose(*ends, rtol=1e-6)


@pytest.mark.claim("test_windows_with_a_schedule")
@pytest.mark.parametrize("shape", [[3, 1, 2], [1, 1, 5], [2, 4]], ids=str)
def test_batches_of_different_sizes_are_weighed_by_rows(shape, device):
    """A mean of means is the window's mean only where batches are equally large."""
    chance = torch.Generator().manual_seed(51)
    x = torch.randn(sum(shape), 3, generator=chance).to(device)
    model = torch.nn.Linear(3, 2, device=device)
    model(x).square().mean().backward()
    whole = slates(model).clone()
    slopes = {}
    for name in ("rows", "batches"):
        model.zero_grad()
        for part in x.split(shape):
            share = len(part) / len(x) if name == "rows" else 1 / len(shape)
            (model(part).square().mean() * share).backward()
        slopes[name] = slates(model).clone()
    assert torch.allclose(slopes["rows"], whole, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(slopes["batches"], whole, rtol=1e-2)


@pytest.mark.claim("test_review_four_other_loops")
@pytest.mark.parametrize("shape", [2, 3, 5], ids="k = {}".format)
def test_four_loops_by_what_their_steps_find(shape, device):
    """Never wiped it grows; wiped too often, 1; a wrong i, short first; a leftover."""
    k = shape

    def found(epoch: int, step: int, wipes: Sequence[int]) -> list[float]:
        p = torch.zeros(1, device=device, requires_grad=True)
        seen = []
        for _ in range(3):
            for i in range(epoch):
                p.sum().backward()
                if i % k == step:
                    seen.append(p.grad.item())
                if i % k in wipes:
                    p.grad = None
        return seen[:3]

    full = k - 1
    assert found(2 * k, full, [full]) == [k, k, k]
    assert found(2 * k, full, []) == [k, 2 * k, 3 * k]
    assert found(2 * k, full, range(k)) == [1, 1, 1]
    assert found(2 * k, 0, [0]) == [1, k, k]
    assert found(k + 1, full, [full]) == [k, k + 1, k + 1]
