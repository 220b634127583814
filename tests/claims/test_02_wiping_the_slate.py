"""What lesson 02 says, each sentence tried in shapes that its koans don't have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch


class World(NamedTuple):
    """A model, and a loss of its for each number of a batch."""

    model: torch.nn.Module
    loss: Callable[[int], torch.Tensor]

    @property
    def params(self) -> list[torch.Tensor]:
        return list(self.model.parameters())

    def backward(self, i: int) -> None:
        self.loss(i).backward()

    def slopes(self) -> list[torch.Tensor | None]:
        return [None if p.grad is None else p.grad.clone() for p in self.params]


def numbers(*shape: int, device: str, dtype: torch.dtype = torch.float32):
    size = torch.Size(shape).numel()
    return (torch.arange(size, device=device, dtype=dtype) / 4 - 0.75).view(shape)


def filled(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(numbers(*p.shape, device=p.device, dtype=p.dtype) + 0.125)
    return model


def two_layers(device: str) -> World:
    layers = torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    model = filled(torch.nn.Sequential(*layers).to(device))
    x, loss_fn = numbers(5, 3, device=device), torch.nn.MSELoss()
    return World(model, lambda i: loss_fn(model(x - i), x[:, 1:] * i + 1))


def classes(device: str) -> World:
    model = filled(torch.nn.Embedding(4, 3, device=device, dtype=torch.float64))
    words = torch.tensor([[0, 1, 1], [3, 3, 0], [2, 0, 0]], device=device)
    entropy = torch.nn.CrossEntropyLoss()
    return World(model, lambda i: entropy(model(words[i]), words[0]))


def half_precision(device: str) -> World:
    model = torch.nn.ParameterList(
        torch.full(size, 0.5, device=device, dtype=torch.bfloat16)
        for size in [(), (2, 2)]
    )
    return World(model, lambda i: ((model[0] - i) * model[1]).pow(2).mean())


WORLDS = [two_layers, classes, half_precision]
in_every_world = pytest.mark.parametrize("shape", WORLDS, ids=lambda f: f.__name__)


def alone(shape: Callable[[str], World], device: str, i: int):
    """What batch i leaves on slates that nobody has used."""
    world = shape(device)
    world.backward(i)
    return world.slopes()


def zeros_in_place(p: torch.Tensor) -> None:
    p.grad.zero_()


def nothing(p: torch.Tensor) -> None:
    p.grad = None


def zeros_instead(p: torch.Tensor) -> None:
    p.grad = torch.zeros_like(p)


each_wipe = pytest.mark.parametrize(
    "wipe", [zeros_in_place, nothing, zeros_instead], ids=lambda f: f.__name__
)


@pytest.mark.claim("test_three_quiet_pixels")
@in_every_world
def test_zeros_and_none(shape, device):
    """zero_() leaves zeros; a slope may come to zero; None says: no slate."""
    world = shape(device)
    assert world.slopes() == [None] * len(world.params)
    (0 * world.loss(1)).backward()
    came_to_zero = world.slopes()
    world.backward(1)
    for p in world.params:
        p.grad.zero_()
    for wiped, zero in zip(world.slopes(), came_to_zero, strict=True):
        assert torch.equal(wiped, zero) and not wiped.any()


@pytest.mark.claim("test_three_quiet_pixels")
@in_every_world
def test_in_place(shape, device):
    """zero_() changes the tensor that is there, and makes no new one."""
    world = shape(device)
    world.backward(1)
    slates = [p.grad for p in world.params]
    for p in world.params:
        p.grad.zero_()
    assert all(p.grad is old for p, old in zip(world.params, slates, strict=True))


@pytest.mark.claim("test_a_wipe_in_between", "test_four_attempts_to_wipe", "learned")
@pytest.mark.claim("test_a_clean_slate_for_every_batch", "test_review_five_events")
@in_every_world
@each_wipe
def test_after_a_wipe_the_next_slope_stands_alone(shape, device, wipe):
    """Zeros in place, None, new zeros: the next backward() leaves the same."""
    world = shape(device)
    for i in (2, 0, 0, 1):
        world.backward(i)
        torch.testing.assert_close(world.slopes(), alone(shape, device, i))
        for p in world.params:
            wipe(p)


@pytest.mark.claim(
    "test_three_cells_of_a_notebook", "test_review_five_events", "learned"
)
@in_every_world
@each_wipe
def test_since_the_last_wipe(shape, device, wipe):
    """All since the last wipe is on the slate, and nothing from before."""
    world = shape(device)
    world.backward(2)
    for p in world.params:
        wipe(p)
    world.backward(0)
    world.backward(1)
    parts = zip(alone(shape, device, 0), alone(shape, device, 1), strict=True)
    torch.testing.assert_close(world.slopes(), [a + b for a, b in parts])


@pytest.mark.claim("test_review_five_events", "test_five_calls", "learned")
@in_every_world
def test_a_forward_writes_nothing(shape, device):
    """A forward neither adds nor wipes."""
    world = shape(device)
    world.loss(0)
    assert world.slopes() == [None] * len(world.params)
    world.backward(1)
    before = world.slopes()
    world.loss(2)
    torch.testing.assert_close(world.slopes(), before, rtol=0, atol=0)


SLATES = {
    "none": lambda device: torch.ones(2, device=device, requires_grad=True),
    "no dimension": lambda device: with_slope(torch.tensor(2.0, device=device)),
    "zeros": lambda device: with_slope(torch.zeros(2, 2, device=device)),
    "many": lambda device: with_slope(torch.full((3, 2), -1.0, device=device)),
    "half": lambda device: with_slope(torch.ones(4, device=device).bfloat16()),
    "empty": lambda device: with_slope(torch.ones(0, device=device)),
}


def with_slope(p: torch.Tensor) -> torch.Tensor:
    p.requires_grad_().pow(2).sum().backward()
    return p


@pytest.mark.claim("test_a_wipe_for_every_pixel")
@pytest.mark.parametrize("shape", SLATES.values(), ids=SLATES)
def test_is_not_none_asks_for_a_slate(shape, device):
    """`p.grad is not None` works for new pixels, zeros, any number of places."""
    p = shape(device)
    if p.grad is not None:
        p.grad.zero_()
    assert p.grad is None or not p.grad.any()
    assert (p.grad is None) == (shape is SLATES["none"])


REFUSED = {
    "a number": (TypeError, lambda p: 0),
    "a float": (TypeError, lambda p: 0.0),
    "a list": (TypeError, lambda p: [0.0] * p.numel()),
    "another shape": (RuntimeError, lambda p: torch.zeros(7, device=p.device)),
    "p itself": (RuntimeError, lambda p: p),
}


@pytest.mark.claim("test_four_attempts_to_wipe", "test_a_clean_slate_for_every_batch")
@in_every_world
@pytest.mark.parametrize("what", REFUSED.values(), ids=REFUSED)
def test_a_slate_is_a_tensor_of_its_shape_or_none(shape, device, what):
    """A number, a list, another shape, p itself: refused, and nothing has changed."""
    error, made_from = what
    world = shape(device)
    world.backward(1)
    for p in world.params:
        with pytest.raises(error):
            p.grad = made_from(p)
    torch.testing.assert_close(world.slopes(), alone(shape, device, 1))


@pytest.mark.claim("test_a_clean_slate_for_every_batch")
@in_every_world
def test_a_slate_with_a_graph(shape, device):
    """What is worked out from p carries a graph along; zeros and None do not."""
    made = {
        "0 * p": (lambda p: 0 * p, True),
        "0 * p.detach()": (lambda p: 0 * p.detach(), False),
        "zeros": (torch.zeros_like, False),
        "None": (lambda p: None, False),
    }
    for slate_from, has_graph in made.values():
        world = shape(device)
        for p in world.params:
            p.grad = slate_from(p)
        world.backward(1)
        torch.testing.assert_close(
            [p.grad.detach() for p in world.params], alone(shape, device, 1)
        )
        assert [p.grad.requires_grad for p in world.params] == [has_graph] * len(
            world.params
        )


OPTIMIZERS = {
    "SGD": lambda ps: torch.optim.SGD(ps, lr=0.1),
    "momentum, decay": lambda ps: torch.optim.SGD(
        ps, lr=0.1, momentum=0.5, weight_decay=0.5
    ),
    "Nesterov": lambda ps: torch.optim.SGD(
        ps, lr=0.1, momentum=0.5, nesterov=True, foreach=True
    ),
    "Adam": lambda ps: torch.optim.Adam(ps, lr=0.1, amsgrad=True),
    "AdamW": lambda ps: torch.optim.AdamW(ps, lr=0.1, maximize=True),
    "RMSprop": lambda ps: torch.optim.RMSprop(ps, lr=0.1),
    "Adagrad": lambda ps: torch.optim.Adagrad(ps, lr=0.1),
}


@pytest.mark.claim("test_five_calls", "learned")
@pytest.mark.parametrize("shape", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_wipes_nothing(shape, device):
    """step() reads the slates and moves the weights by them; it wipes nothing.

    Not "it leaves the slates as they were": SGD with Nesterov's momentum, where it
    goes over all parameters at once (on CUDA by default), writes over them.
    """
    world = two_layers(device)
    optimizer, start = shape(world.params), [p.detach().clone() for p in world.params]
    for i in (1, 2):
        world.backward(i)
        slates = [p.grad for p in world.params]
        written = [p.grad.ne(0) for p in world.params]
        optimizer.step()
        for p, old, there in zip(world.params, slates, written, strict=True):
            assert p.grad is old and p.grad[there].ne(0).all()
    for p, old in zip(world.params, start, strict=True):
        assert not torch.equal(p, old)


CALLS = {
    "eval": lambda model: model.eval(),
    "train": lambda model: model.train(),
    "state_dict": lambda model: model.load_state_dict(
        {name: value + 1 for name, value in model.state_dict().items()}
    ),
    "zero_grad": lambda model: model.zero_grad(),
}


@pytest.mark.claim("test_five_calls")
@in_every_world
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_calls_of_a_model(shape, device, call):
    """Of these zero_grad() alone wipes; new numbers are copied into the same weight."""
    world = shape(device)
    world.backward(1)
    slates = [p.grad for p in world.params]
    CALLS[call](world.model)
    if call == "zero_grad":
        slates = [None] * len(slates)
    assert all(p.grad is old for p, old in zip(world.params, slates, strict=True))
    if slates[0] is not None:
        torch.testing.assert_close(world.slopes(), alone(shape, device, 1))
