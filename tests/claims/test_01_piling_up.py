"""What lesson 01 says, each sentence tried in shapes that its koans don't have."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import pytest
import torch
from pytest import approx


class World(NamedTuple):
    """Parameters, and a loss of theirs for each number of a batch."""

    params: list[torch.Tensor]
    loss: Callable[[int], torch.Tensor]


def numbers(*shape: int, device: str, dtype: torch.dtype = torch.float64):
    size = torch.Size(shape).numel()
    return (torch.arange(size, device=device, dtype=dtype) / 4 - 0.75).view(shape)


def model_with_mean(device: str) -> World:
    model = torch.nn.Linear(3, 2, device=device, dtype=torch.float64)
    model.load_state_dict(
        {"weight": numbers(2, 3, device=device), "bias": numbers(2, device=device)}
    )
    loss_fn, x = torch.nn.MSELoss(), numbers(4, 3, device=device)
    return World(
        list(model.parameters()), lambda i: loss_fn(model(x + i), x[:, :2] * i + 1)
    )


def product_of_two(device: str) -> World:
    a = numbers(3, device=device).requires_grad_()
    b = (numbers(2, 1, device=device) + 2).requires_grad_()
    return World([a, b], lambda i: (a * b).exp().mean() * (i + 1))


def classes(device: str) -> World:
    table = numbers(4, 3, device=device).requires_grad_()
    batches = torch.tensor([[0, 1, 1, 2], [3, 3, 0, 1], [2, 0, 0, 0]], device=device)
    entropy = torch.nn.functional.cross_entropy
    return World([table], lambda i: entropy(table[batches[i]], batches[0] % 3))


def one_bfloat16(device: str) -> World:
    p = torch.tensor(0.5, device=device, dtype=torch.bfloat16, requires_grad=True)
    return World([p], lambda i: (p - i).pow(2))


EXACT = [model_with_mean, product_of_two, classes]
in_every_world = pytest.mark.parametrize(
    "shape", [*EXACT, one_bfloat16], ids=lambda f: f.__name__
)
in_exact_worlds = pytest.mark.parametrize("shape", EXACT, ids=lambda f: f.__name__)


def slopes(world: World) -> list[torch.Tensor]:
    assert all(p.grad is not None for p in world.params)
    return [p.grad.clone() for p in world.params]


def alone(shape: Callable[[str], World], device: str, i: int) -> list[torch.Tensor]:
    """What batch i leaves on slates that nobody has used."""
    world = shape(device)
    world.loss(i).backward()
    return slopes(world)


@pytest.mark.claim("test_before_any_backward", "learned")
@in_every_world
def test_no_slate_before_a_backward(shape, device):
    """A slate starts as None, and a forward pass leaves it so."""
    world = shape(device)
    assert [p.grad for p in world.params] == [None] * len(world.params)
    world.loss(1)
    assert [p.grad for p in world.params] == [None] * len(world.params)


@pytest.mark.claim("test_one_backward")
@in_exact_worlds
def test_a_slope_is_the_growth_of_the_loss(shape, device):
    """backward() leaves the slope of the loss: what it grows by, for a little more."""
    world, little = shape(device), 1e-6
    world.loss(1).backward()
    for p in world.params:
        for place in range(p.numel()):
            losses = []
            for change in (little, -2 * little, little):
                with torch.no_grad():
                    p.view(-1)[place] += change
                losses.append(world.loss(1).item())
            grown = (losses[0] - losses[1]) / (2 * little)
            assert p.grad.view(-1)[place].item() == approx(grown, abs=1e-6)


@pytest.mark.claim("test_one_backward")
@in_exact_worlds
def test_its_sign_says_where_to_go(shape, device):
    """A negative slope says: make p larger. A positive one: make p smaller."""
    world = shape(device)
    before = world.loss(1)
    before.backward()
    with torch.no_grad():
        for p in world.params:
            p -= 1e-4 * p.grad.sign()
    assert world.loss(1).item() < before.item()


@pytest.mark.claim("test_one_backward", "test_what_one_batch_brought")
@in_every_world
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_leaves_alone_are_written_for(shape, device):
    """Unless you ask for more, backward() writes for leaves alone."""
    world = shape(device)
    between = world.loss(1)
    (2 * between).backward()
    assert between.grad is None and not between.is_leaf
    assert all(p.grad is not None and p.is_leaf for p in world.params)


@pytest.mark.claim(
    "test_a_second_target", "test_the_same_penalty_three_times", "learned"
)
@in_every_world
@pytest.mark.parametrize("batches", [(0, 1), (1, 1, 1), (2, 0, 1, 2)], ids=str)
def test_backward_adds(shape, device, batches):
    """backward() adds its slope to what is on the slate already."""
    world = shape(device)
    pile = [torch.zeros_like(p) for p in world.params]
    for i in batches:
        world.loss(i).backward()
        pile = [a + b for a, b in zip(pile, alone(shape, device, i), strict=True)]
        torch.testing.assert_close(slopes(world), pile)


@pytest.mark.claim("test_the_same_penalty_three_times")
@in_every_world
def test_backward_moves_nothing(shape, device):
    """backward() only writes to slates: the parameters stay where they are."""
    world, fresh = shape(device), shape(device)
    for i in (1, 1, 2):
        world.loss(i).backward()
    torch.testing.assert_close(world.params, fresh.params, rtol=0, atol=0)


@pytest.mark.claim("test_two_penalties_at_once")
@in_every_world
def test_a_sum_in_pieces(shape, device):
    """Adding slopes on the slate, adding losses before backward(): the same."""
    pieces, whole = shape(device), shape(device)
    for i in range(3):
        pieces.loss(i).backward()
    sum(whole.loss(i) for i in range(3)).backward()
    torch.testing.assert_close(slopes(pieces), slopes(whole))


DIGITS = {torch.float16: 2048.0, torch.bfloat16: 256.0, torch.float32: 2.0**24}
with_few_digits = pytest.mark.parametrize("shape", DIGITS, ids=str)


@pytest.mark.claim("test_two_penalties_at_once")
@with_few_digits
def test_give_or_take_the_last_digits(shape, device):
    """... the same, give or take the last digits of the slate's numbers."""
    p, q = (torch.ones((), device=device, dtype=shape) for _ in range(2))
    p.requires_grad_(), q.requires_grad_()
    parts = [DIGITS[shape], 1.0, 1.0]
    for slope in parts:
        (slope * p).backward()
    sum(slope * q for slope in parts).backward()
    assert p.grad.item() == DIGITS[shape] != sum(parts)
    assert q.grad.item() in (DIGITS[shape], sum(parts))  # the engine's order


@pytest.mark.claim("test_what_one_batch_brought")
@with_few_digits
def test_as_exact_as_the_slate_has_digits(shape, device):
    """What a batch brought is read off as exactly as the slate has digits."""
    p = torch.ones((), device=device, dtype=shape, requires_grad=True)
    (DIGITS[shape] * p).backward()
    before = p.grad.item()
    p.backward()
    assert p.grad.item() - before == 0.0  # and it was 1.0


@pytest.mark.claim("test_what_one_batch_brought")
@in_every_world
def test_the_pile_less_what_was_there(shape, device):
    """What is on the slate now, less what was there before, this batch brought."""
    world, before = shape(device), None
    for i in (2, 0, 1):
        world.loss(i).backward()
        now = slopes(world)
        brought = [a - b for a, b in zip(now, before, strict=True)] if before else now
        torch.testing.assert_close(brought, alone(shape, device, i))
        before = now


@pytest.mark.claim("test_what_one_batch_brought")
@pytest.mark.parametrize("shape", [(3,), (2, 2), (5, 1)], ids=str)
def test_mse_takes_the_mean(shape, device):
    """MSELoss is (model(x) - y)**2, and the mean over all rows (and columns)."""
    x, y = numbers(*shape, device=device), 2 * numbers(*shape, device=device)
    loss = torch.nn.MSELoss()(x, y)
    assert loss.item() == approx(sum((x - y).pow(2).flatten().tolist()) / x.numel())


@pytest.mark.claim("test_which_comparisons_hold")
@pytest.mark.parametrize(
    "shape",
    [
        (torch.float32, [0.875, 2.25, -0.125]),
        (torch.float16, [0.75, 0.375, 1.5]),
        (torch.bfloat16, [0.25, 3.0, 0.5]),
    ],
    ids=lambda shape: str(shape[0]),
)
def test_eighths_fit(shape, device):
    """Halves, quarters and eighths are exact, and so are their sums."""
    dtype, targets = shape
    p = torch.tensor([0.5], device=device, dtype=dtype, requires_grad=True)
    for target in targets:
        (p - target).pow(2).backward()
    on_paper = sum(2 * (Fraction(1, 2) - Fraction(target)) for target in targets)
    assert Fraction(p.grad.item()) == on_paper


@pytest.mark.claim("test_which_comparisons_hold")
@pytest.mark.parametrize("shape", [("0.8", "0.1"), ("0.3", "0.9"), ("0.6", "0.7")])
def test_tenths_are_a_little_off(shape, device):
    """Tenths are stored a little off: == does not hold, approx does."""
    p = torch.tensor([0.5, 0.5], device=device, requires_grad=True)
    for target in shape:
        (p - float(target)).pow(2).mean().backward()
    on_paper = float(sum(Fraction(1, 2) - Fraction(target) for target in shape))
    for found in p.grad.tolist():
        assert found != on_paper and found == approx(on_paper)
