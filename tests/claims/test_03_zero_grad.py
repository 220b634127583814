"""What lesson 03 says, each sentence tried in shapes that its koans don't have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

SGD, Adam = torch.optim.SGD, torch.optim.Adam


def leaf(*shape: int, device: str, value: float = 0.5) -> torch.Tensor:
    return torch.full(shape, value, device=device, requires_grad=True)


def loss_of(params: list[torch.Tensor]) -> torch.Tensor:
    """No sum: a product of means of squares, so every slope depends on all."""
    loss = torch.ones((), device=params[0].device)
    for number, p in enumerate(params, 1):
        loss = loss * (p - number).pow(2).mean()
    return loss


def slates(params: list[torch.Tensor]) -> list[torch.Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in params]


def close(left: object, right: object) -> bool:
    """Whether two lists of slates agree, None with None alone."""
    for a, b in zip(left, right, strict=True):
        if (a is None) != (b is None):
            return False
        if a is not None and not torch.allclose(a, b):
            return False
    return True


def in_two_groups(make: Callable, **options: float) -> Callable:
    return lambda params: make(
        [{"params": params[:1], "lr": 0.05}, {"params": params[1:]}], lr=0.1, **options
    )


OPTIMIZERS = {
    "SGD in two groups": in_two_groups(SGD),
    "momentum, decay": lambda ps: SGD(ps, lr=0.1, momentum=0.5, weight_decay=0.25),
    "Nesterov": lambda ps: SGD(ps, lr=0.1, momentum=0.5, nesterov=True, foreach=True),
    "Adam": lambda ps: Adam(ps, lr=0.1),
    "AdamW in two groups": in_two_groups(torch.optim.AdamW, weight_decay=0.5),
    "RMSprop": lambda ps: torch.optim.RMSprop(ps, lr=0.1),
    "Adagrad": lambda ps: torch.optim.Adagrad(ps, lr=0.1),
}
with_every_optimizer = pytest.mark.parametrize(
    "shape", OPTIMIZERS.values(), ids=OPTIMIZERS
)
reading = {name: make for name, make in OPTIMIZERS.items() if name != "Nesterov"}
"""Those that only read slates: see the claims of lesson 02."""
lbfgs = pytest.param(lambda ps: torch.optim.LBFGS(ps, lr=0.1), id="LBFGS")
with_lbfgs_too = pytest.mark.parametrize(
    "shape", [*map(pytest.param, OPTIMIZERS.values()), lbfgs]
)


def params_on(device: str) -> list[torch.Tensor]:
    return [leaf(device=device), leaf(2, 3, device=device), leaf(2, device=device)]


def trained(shape: Callable, device: str, a_pass: Callable, passes: int = 3):
    """Where parameters are after some passes, and what each step found."""
    params, found = params_on(device), []
    optimizer = shape(params)
    optimizer.register_step_pre_hook(lambda *_: found.append(slates(params)))
    for _ in range(passes):
        a_pass(optimizer, params)
    return [p.detach() for p in params], found


# -------------------------------------------------------------- who wipes what, and how


@pytest.mark.claim("test_two_ways_to_wipe")
@with_lbfgs_too
def test_zero_grad_leaves_none(shape, device):
    """zero_grad() sets .grad to None; zero_() works on the tensor that is there."""
    params, others = params_on(device), params_on(device)
    (loss_of(params) + loss_of(others)).backward()
    slate = others[1].grad
    shape(params).zero_grad()
    slate.zero_()
    assert slates(params) == [None] * 3
    assert others[1].grad is slate and not slate.any()


@pytest.mark.claim("test_keeping_the_slates")
@with_lbfgs_too
def test_zeros_where_there_was_a_slate(shape, device):
    """set_to_none=False writes zeros over the slates there are, and makes no new."""
    params = params_on(device)
    loss_of(params[:2]).backward()
    params[0].grad = None
    there = params[1].grad
    shape(params).zero_grad(set_to_none=False)
    assert params[1].grad is there and not there.any()
    assert [params[0].grad, params[2].grad] == [None, None]


@pytest.mark.claim("test_a_weight_without_its_bias", "test_who_was_wiped", "learned")
@with_lbfgs_too
def test_what_it_holds_and_no_other(shape, device):
    """optimizer.zero_grad() wipes the slates that it holds, and no other."""
    params, others = params_on(device), params_on(device)
    loss_of(params + others).backward()
    before = slates(others)
    shape(params).zero_grad()
    assert slates(params) == [None] * 3
    assert close(slates(others), before)


MODELS = {
    "nested": lambda: torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.Sequential(torch.nn.Linear(3, 2))
    ),
    "norm": lambda: torch.nn.Sequential(torch.nn.LayerNorm(2), torch.nn.Linear(2, 2)),
    "bilinear": lambda: torch.nn.ModuleList([torch.nn.Bilinear(2, 2, 2)]),
}


def left_on(model: torch.nn.Module, device: str) -> None:
    """Some feedback on every parameter of a model."""
    sum(p.pow(2).mean() for p in model.parameters()).backward()


@pytest.mark.claim("test_a_weight_without_its_bias", "test_two_layers_one_optimizer")
@pytest.mark.parametrize("shape", MODELS.values(), ids=MODELS)
def test_a_model_wipes_all_of_its_own(shape, device):
    """model.zero_grad() wipes all of its parameters, whoever holds them; to None."""
    model = shape().to(device)
    params = list(model.parameters())
    optimizer = SGD(params[:1], lr=0.1)
    left_on(model, device)
    optimizer.zero_grad()
    kept = [p.grad is not None for p in params]
    assert kept == [False] + [True] * (len(params) - 1)
    params[-1].requires_grad_(False)
    model.zero_grad()
    assert slates(params) == [None] * len(params)


@pytest.mark.claim("test_who_was_wiped", "test_review_weight_and_input")
@pytest.mark.parametrize("shape", [(), (3,), (2, 4)], ids=str)
def test_every_leaf_that_had_a_part(shape, device):
    """backward() writes for every leaf that asks and had a part, an input, too."""
    w, x = leaf(*shape, device=device, value=3.0), leaf(*shape, device=device)
    silent, away = torch.ones(shape, device=device), leaf(*shape, device=device)
    optimizer = SGD([w, away], lr=0.5)
    for count in (1, 2, 3):
        optimizer.zero_grad()
        (w * x * silent).mean().backward()
        assert torch.allclose(w.grad, x.detach() / x.numel())
        assert torch.allclose(x.grad, count * w.detach() / x.numel())
    assert silent.grad is None and away.grad is None


@pytest.mark.claim("test_who_was_wiped", "test_two_layers_one_optimizer")
@with_every_optimizer
def test_one_slate_and_it_belongs_to_p(shape, device):
    """All losses and optimizers of p meet at the same p.grad."""
    params = params_on(device)
    one, other = shape(params), SGD(params[1:], lr=0.5)
    loss_of(params).backward()
    first = slates(params)
    loss_of(params[1:]).backward()
    assert not close(slates(params)[1:], first[1:])  # two losses, one slate
    found = []
    one.register_step_pre_hook(lambda *_: found.append(slates(params)))
    other.zero_grad()
    one.step()
    [seen] = found
    assert close(seen, [first[0], None, None])  # wiped by the other one


# ------------------------------------------------------------------- steps and places


@pytest.mark.claim("test_three_steps_each")
@pytest.mark.parametrize("shape", reading.values(), ids=reading)
def test_without_a_wipe_steps_find_all_before(shape, device):
    """Without a wipe each step finds all the slopes before it, too."""
    alone, params = [], params_on(device)
    optimizer, found = shape(params), []
    optimizer.register_step_pre_hook(lambda *_: found.append(slates(params)))
    for _ in range(3):
        fresh = [p.detach().clone().requires_grad_() for p in params]
        for these in (fresh, params):
            loss_of(these).backward()
        alone.append(slates(fresh))
        optimizer.step()
    for i in range(3):
        piles = [sum(slopes) for slopes in zip(*alone[: i + 1], strict=True)]
        assert close(found[i], piles)


@pytest.mark.claim("test_three_steps_each", "test_a_step_by_hand")
@pytest.mark.parametrize("shape", [0.5, 0.125, 2.0])
def test_plain_sgd_moves_by_lr_times_the_slate(shape, device):
    """Plain SGD moves p by lr * p.grad against its slate, all that is on it."""
    params, by_hand = params_on(device), params_on(device)
    optimizer = SGD(params, lr=shape)
    for _ in range(2):  # nobody wipes
        loss_of(params).backward()
        loss_of(by_hand).backward()
        optimizer.step()
        with torch.no_grad():
            for p in by_hand:
                p -= shape * p.grad
    assert close([p.detach() for p in params], [p.detach() for p in by_hand])


def passes(place: str) -> Callable:
    def a_pass(optimizer, params):
        for here in "ABCD":
            if here == place:
                optimizer.zero_grad()
            if here == "A":
                loss = loss_of(params)
            elif here == "B":
                loss.backward()
            elif here == "C":
                optimizer.step()

    return a_pass


@pytest.mark.claim(
    "test_four_places_for_the_wipe", "test_the_order_of_three_calls", "learned"
)
@with_every_optimizer
def test_anywhere_but_between_backward_and_step(shape, device):
    """One backward() a step: the wipe stands anywhere but between the two."""
    ends = {place: trained(shape, device, passes(place))[0] for place in "ABCD"}
    start = [p.detach() for p in params_on(device)]
    assert close(ends["A"], ends["B"]) and close(ends["A"], ends["D"])
    assert close(ends["C"], start)
    assert not any(map(torch.equal, ends["A"], start))


@pytest.mark.claim("test_four_places_for_the_wipe", "learned")
@with_every_optimizer
def test_several_backwards_for_one_step(shape, device):
    """Where several backwards make one step, no wipe may come between them either."""

    def window(wipe_before):
        def a_pass(optimizer, params):
            for number in range(3):
                if number == wipe_before:
                    optimizer.zero_grad()
                loss_of(params).backward()
            optimizer.step()

        return trained(shape, device, a_pass, passes=1)[1][0]

    params = params_on(device)
    loss_of(params).backward()
    one = slates(params)
    for wipe_before, count in [(0, 3), (1, 2), (2, 1)]:
        assert close(window(wipe_before), [count * slope for slope in one])


@pytest.mark.claim("test_the_order_of_three_calls", "test_review_weight_and_input")
@with_every_optimizer
def test_a_step_uses_what_is_there(shape, device):
    """A step before backward() finds what the pass before has left."""

    def late(optimizer, params):
        optimizer.step()
        optimizer.zero_grad()
        loss_of(params).backward()

    _, found = trained(shape, device, late)
    _, usual = trained(shape, device, passes("A"))
    assert found[0] == [None] * 3
    assert all(map(close, found[1:], usual[:2]))


# -------------------------------------------------------------------- a step by hand


CUTS = {
    "no_grad": lambda p: torch.no_grad()(lambda: p - 0.5 * p.grad)(),
    "detach": lambda p: (p - 0.5 * p.grad).detach(),
    "data": lambda p: p.data - 0.5 * p.grad,
    "item": lambda p: torch.tensor(p.mean().item(), device=p.device),
}


@pytest.mark.claim("test_a_step_by_hand")
@pytest.mark.parametrize("shape", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("size", [(), (2, 3)], ids=str)
def test_nobody_to_write_to(shape, size, device):
    """`element 0 of tensors does not require grad`: nothing behind the loss asks."""
    p = old = leaf(*size, device=device)
    p.pow(2).mean().backward()
    p = shape(p)
    assert p is not old and p.grad is None and not p.requires_grad
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require"):
        p.pow(2).mean().backward()
    q = leaf(*size, device=device)
    (p * q).mean().backward()  # one that asks is enough
    assert p.grad is None and q.grad is not None and old.grad is not None


@pytest.mark.claim("test_a_step_by_hand")
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)], ids=str)
def test_in_place_it_stays_the_same_tensor(shape, device):
    """p -= ... under no_grad() changes p in place: slate and slopes stay."""
    p = old = leaf(*shape, device=device)
    p.pow(2).mean().backward()
    slate = p.grad
    with torch.no_grad():
        p -= 0.5 * p.grad
    assert p is old and p.grad is slate and p.requires_grad and p.is_leaf
    p.pow(2).mean().backward()
    q = leaf(*shape, device=device)
    q.pow(2).mean().backward()
    with pytest.raises(RuntimeError, match="in-place"):
        q -= 0.5 * q.grad


# ---------------------------------------------------------------- the loop of one's own


@pytest.mark.claim("test_two_layers_one_optimizer", "test_the_order_of_three_calls")
@with_every_optimizer
def test_the_head_alone(shape, device):
    """Whoever wipes base, the head moves alike; unwiped, base's slate piles up."""

    def run(wipes_all: bool):
        model = torch.nn.Sequential(
            torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2)
        ).to(device)
        torch.nn.init.eye_(model[0].weight)
        for p in model[1].parameters():
            torch.nn.init.constant_(p, 0.5)
        optimizer, found = shape(list(model[1].parameters())), []
        optimizer.register_step_pre_hook(
            lambda *_: found.append(slates(list(model.parameters())))
        )
        x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], device=device)
        for _ in range(3):
            loss = torch.nn.MSELoss()(model(x), 2 * x)
            (model if wipes_all else optimizer).zero_grad()
            loss.backward()
            optimizer.step()
        return [p.detach() for p in model.parameters()], found

    ends, found = run(wipes_all=True)
    other_ends, piled = run(wipes_all=False)
    assert close(ends, other_ends)
    assert torch.equal(ends[0], torch.eye(2, device=device))
    for i in range(3):
        assert close(piled[i][1:], found[i][1:])
        assert torch.allclose(piled[i][0], sum(step[0] for step in found[: i + 1]))
    assert not close(piled[2][:1], found[2][:1])
