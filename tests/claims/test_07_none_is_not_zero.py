"""What lesson 07 says, each sentence in shapes that its koans do not have."""

import pytest
import torch
from torch import nn, optim

# Every optimizer of torch, with the settings that make it move on a slope of zero
# (True) or not (False). LBFGS and SparseAdam are no part of it.
KINDS = {
    "SGD": (False, {}),
    "SGD, momentum": (True, {"momentum": 0.9}),
    "SGD, decay": (True, {"weight_decay": 0.5}),
    "SGD, nesterov, not foreach": (
        True,
        {"momentum": 0.5, "nesterov": True, "foreach": False},
    ),
    "Adam": (True, {}),
    "Adam, amsgrad, foreach": (True, {"amsgrad": True, "foreach": True}),
    "AdamW": (True, {}),
    "NAdam": (True, {}),
    "RAdam": (True, {}),
    "Adamax": (True, {}),
    "ASGD": (True, {}),
    "Muon": (True, {}),
    "Adagrad": (False, {}),
    "Adagrad, decay": (True, {"weight_decay": 0.5}),
    "RMSprop": (False, {}),
    "RMSprop, momentum": (True, {"momentum": 0.5}),
    "Rprop": (False, {}),
    "Adadelta": (False, {}),
    "Adadelta, decay": (True, {"weight_decay": 0.5}),
    "Adafactor": (False, {}),
}
DTYPES = [torch.float32, torch.float64]


def optimizer_of(name, params, **settings):
    kind = getattr(optim, name.partition(",")[0], None)
    if kind is None:
        pytest.skip(f"torch {torch.__version__} has no {name}")
    return kind(params, lr=0.125, **{**KINDS[name][1], **settings})


def leaf(device, dtype=torch.float32, number=2.0):
    """Muon takes matrices alone."""
    value = torch.full((2, 3), number, device=device, dtype=dtype)
    return value.requires_grad_()


def place(p):
    return p.detach().clone()


def layers(device, count=2):
    torch.manual_seed(3)
    parts = [nn.Linear(2, 2) for _ in range(count)]
    return nn.Sequential(*parts).to(device), torch.ones(4, 2, device=device)


every_kind = pytest.mark.parametrize("shape", KINDS)


@pytest.mark.claim("test_two_wiped_slates", "test_who_moves_without_feedback")
@pytest.mark.claim("test_review_five_steps", "learned")
@every_kind
@pytest.mark.parametrize("dtype", DTYPES)
def test_none_and_zero(shape, dtype, device):
    """All of torch's optimizers but LBFGS pass by a parameter whose slate is None,
    whatever they remember. A slope of zero moves it, but for SGD, Adagrad, RMSprop,
    Rprop, Adadelta and Adafactor that have neither decay nor momentum."""
    p, q = leaf(device, dtype), leaf(device, dtype)
    optimizer = optimizer_of(shape, [p, q])
    (p.pow(2) + q.pow(2)).mean().backward()
    optimizer.step()
    before = [place(p), place(q)]
    p.grad.zero_()
    q.grad = None
    optimizer.step()
    moves, _ = KINDS[shape]
    assert bool((p != before[0]).all()) is moves
    assert torch.equal(q, before[1])


@pytest.mark.claim("test_who_moves_without_feedback", "learned")
@pytest.mark.parametrize("shape", [{}, {"lr": 0.5}, {"max_iter": 2}], ids=str)
def test_lbfgs_takes_none_for_zero(shape, device):
    """LBFGS takes None for a zero: what it remembers moves the parameter."""

    def moved(wipe):
        p, q = leaf(device), leaf(device)
        settings = {"lr": 0.125, "max_iter": 1, **shape}
        optimizer = optim.LBFGS([p, q], **settings)
        (p.pow(2) + 2 * q).mean().backward()
        optimizer.step(lambda: p.pow(2).mean().detach())
        before = place(q)
        wipe(q)
        optimizer.step(lambda: p.pow(2).mean().detach())
        return q - before

    to_none, to_zero = (
        moved(wipe)
        for wipe in (lambda q: setattr(q, "grad", None), lambda q: q.grad.zero_())
    )
    assert to_none.all()
    assert torch.equal(to_none, to_zero)


@pytest.mark.claim("test_who_moves_without_feedback", "test_review_five_steps")
@every_kind
def test_what_zero_grad_leaves(shape, device):
    """None is what zero_grad() leaves unless it is told otherwise; told to leave
    zeros, it leaves a None as it is."""
    p, q = leaf(device), leaf(device)
    optimizer = optimizer_of(shape, [p, q])
    p.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert not p.grad.any()
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


@pytest.mark.claim("test_two_wiped_slates", "test_frozen_over_three_slates")
@pytest.mark.parametrize("shape", ["SGD, decay", "Adagrad, decay", "Adadelta, decay"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_decay_is_part_of_the_slope(shape, dtype, device):
    """Weight decay is added to the slope that step() finds: a step over a slope of
    zero is the step that d * p on the slate makes without decay."""
    decayed, plain = leaf(device, dtype), leaf(device, dtype)
    decayed.grad, plain.grad = torch.zeros_like(decayed), 0.5 * place(plain)
    optimizer_of(shape, [decayed]).step()
    optimizer_of(shape, [plain], weight_decay=0).step()
    torch.testing.assert_close(decayed, plain)
    assert (plain != leaf(device, dtype)).all()
    assert not decayed.grad.any()  # and the slate is as it was


@pytest.mark.claim("test_after_the_last_push", "test_review_five_steps")
@pytest.mark.parametrize("shape", [0.5, 0.25, 0.75], ids=str)
@pytest.mark.parametrize("foreach", [False, True])
def test_a_velocity(shape, foreach, device):
    """Over zeros the velocity is multiplied by m at each step and moves p; over None
    it is neither used nor faded: the step after it goes on from it."""
    momentum = shape

    def roll(*slates):
        p = torch.zeros(3, device=device, requires_grad=True)
        settings = {"momentum": momentum, "foreach": foreach}
        optimizer = optim.SGD([p], lr=1.0, **settings)
        places = []
        for slope in slates:
            p.grad = None if slope is None else torch.full_like(p, slope)
            optimizer.step()
            places.append(p[0].item())
        return places

    first, second = 16 * momentum, 16 * momentum**2
    assert roll(-16.0, 0.0, 0.0) == [16, 16 + first, 16 + first + second]
    assert roll(-16.0, None, None, 0.0) == [16, 16, 16, 16 + first]


BESIDE = {
    "times zero": (lambda a, b: (3 * a + 0 * b).sum(), True),
    "squared at the foot": (lambda a, b: (a + (b - 2).pow(2)).mean(), True),
    "masked": (lambda a, b: torch.where(a > -9, a, b).sum(), True),
    "left out": (lambda a, b: (3 * a).sum(), False),
    "detached": (lambda a, b: (a * b.detach()).sum(), False),
    "under no_grad": (lambda a, b: (a * without_record(b)).sum(), False),
}


def without_record(b):
    with torch.no_grad():
        return 2 * b


@pytest.mark.claim("test_a_head_times_zero")
@pytest.mark.parametrize("shape", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("name", ["SGD, decay", "AdamW"])
def test_a_slope_of_zero_for_whoever_is_in_the_graph(shape, name, device):
    """backward() writes on the slate of every leaf in the loss's graph, even where
    the slope is zero, and then decay works on it; on no other."""
    loss, in_the_graph = shape
    a, b = leaf(device), leaf(device)
    optimizer = optimizer_of(name, [a, b])
    loss(a, b).backward()
    assert (b.grad is not None) is in_the_graph
    assert b.grad is None or not b.grad.any()
    optimizer.step()
    assert bool((b < 2).all()) is in_the_graph


def frozen(p):
    p.requires_grad = False


@pytest.mark.claim("test_frozen_over_three_slates", "test_freeze_the_backbone")
@pytest.mark.claim("learned")
@every_kind
@pytest.mark.parametrize("held", [4.0, 0.0, None], ids=str)
def test_step_does_not_ask_for_requires_grad(shape, held, device):
    """A frozen parameter moves as any other: an old slope is used, over a zero what
    the optimizer adds works on; only None keeps it in its place."""
    ends = []
    for freeze in (frozen, lambda p: None):
        p = leaf(device)
        optimizer = optimizer_of(shape, [p])
        p.sum().backward()
        optimizer.step()
        before = place(p)
        p.grad = None if held is None else torch.full_like(p, held)
        freeze(p)
        optimizer.step()
        ends.append(place(p))
    assert torch.equal(*ends)
    moves = held == 4.0 or (held == 0.0 and KINDS[shape][0])
    assert bool((ends[0] != before).any()) is moves


@pytest.mark.claim("test_frozen_over_three_slates", "test_freeze_the_backbone")
@pytest.mark.parametrize("shape", [0, 1, 2])
@pytest.mark.parametrize("forward_first", [False, True])
def test_frozen_from_the_next_backward_on(shape, forward_first, device):
    """requires_grad = False stops new slopes from the next backward() on, even if
    its graph was made before; the other layers get theirs."""
    model, x = layers(device, 3)
    made = model(x).pow(2).mean() if forward_first else None
    model[shape].requires_grad_(False)
    loss = made if forward_first else model(x).pow(2).mean()
    loss.backward()
    for number, part in enumerate(model):
        slates = [p.grad is not None for p in part.parameters()]
        assert slates == [number != shape] * 2


def both(p):
    p.requires_grad = False
    p.grad = None


def zeros(p):
    p.requires_grad = False
    p.grad.zero_()


def none_alone(p):
    p.grad = None


FREEZES = {"both": both, "zeros": zeros, "no slope": frozen, "None": none_alone}
REMEMBERING = ["SGD, momentum", "SGD, decay", "Adam", "AdamW", "RMSprop, momentum"]


def trained(name, freeze, before_the_step, device):
    """Four batches; at the second the first layer is frozen, after the backward() of
    a loop that wipes to None, or before the forward of one that wipes to zeros. Where
    that layer was and is, and where the other one is."""
    model, x = layers(device)
    groups = [{"params": part.parameters()} for part in model]
    optimizer = optimizer_of(name, groups)
    for i in range(4):
        if i == 1:
            was = place(model[0].weight)
        if i == 1 and not before_the_step:
            freeze(model[0], optimizer)
        model(x).pow(2).mean().backward()
        if i == 1 and before_the_step:
            freeze(model[0], optimizer)
        optimizer.step()
        optimizer.zero_grad(set_to_none=before_the_step)
    return was, place(model[0].weight), place(model[1].weight)


def given_away(_, optimizer):
    optimizer.param_groups.pop(0)


def at_no_rate(_, optimizer):
    optimizer.param_groups[0]["lr"] = 0


@pytest.mark.claim("test_freeze_the_backbone")
@pytest.mark.claim("test_freezing_with_slates_that_stay", "learned")
@pytest.mark.parametrize("shape", REMEMBERING)
@pytest.mark.parametrize("freeze", FREEZES.values(), ids=FREEZES)
@pytest.mark.parametrize("before_the_step", [True, False])
def test_freezing_takes_both(shape, freeze, before_the_step, device):
    """Freezing takes both: no new slope, and none left over, not even a zero; a wipe
    to zeros puts none there. The other layer trains on as if the optimizer no longer
    had the frozen one, or had it at a rate of 0."""

    def freeze_each(part, _):
        for p in part.parameters():
            freeze(p)

    was, backbone, head = trained(shape, freeze_each, before_the_step, device)
    assert torch.equal(was, backbone) is (freeze is both)
    for other in (given_away, at_no_rate):
        was, backbone, expected = trained(shape, other, before_the_step, device)
        assert torch.equal(was, backbone)
        assert torch.equal(head, expected) or freeze is not both


def replaced(_, optimizer):
    """As a learner would: the same settings, but the rest alone, and a fresh start."""
    del optimizer.param_groups[0]
    optimizer.state.clear()


@pytest.mark.claim("test_freezing_with_slates_that_stay")
@pytest.mark.parametrize("shape", ["SGD, momentum", "Adam", "RMSprop, momentum"])
@pytest.mark.parametrize("before_the_step", [True, False])
def test_a_new_optimizer_remembers_nothing(shape, before_the_step, device):
    """A new optimizer over the rest keeps the first layer in its place, but the rest
    goes elsewhere: what was remembered of it is gone."""
    _, _, expected = trained(shape, given_away, before_the_step, device)
    was, backbone, head = trained(shape, replaced, before_the_step, device)
    assert torch.equal(was, backbone)
    assert not torch.equal(head, expected)


@pytest.mark.claim("test_freezing_with_slates_that_stay")
@pytest.mark.parametrize("shape", [nn.MSELoss(), nn.L1Loss(), nn.HuberLoss()], ids=str)
@pytest.mark.parametrize("cause", ["frozen", "grad mode", "detached"])
def test_a_loss_without_a_way_back(shape, cause, device):
    """Where torch says "element 0 of tensors does not require grad", there is no way
    from the loss back to anything that asks for a slope. One that asks is enough."""
    model, x = layers(device)
    model.requires_grad_(cause != "frozen")
    with torch.set_grad_enabled(cause != "grad mode"):
        y = model(x)
    loss = shape(y.detach() if cause == "detached" else y, x)
    with pytest.raises(RuntimeError, match="does not require grad"):
        loss.backward()
    model[1].bias.requires_grad_(True)
    shape(model(x), x).backward()
    assert model[1].bias.grad is not None


@pytest.mark.claim("test_two_optimizers_one_parameter")
@pytest.mark.parametrize("shape", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("b_wipes", [False, True])
def test_one_slate_for_all_optimizers(shape, b_wipes, device):
    """There is one slate, and it belongs to p: whoever holds p steps on all that is
    on it, and wipes all of it; a wipe takes no step back."""
    p, q = leaf(device), leaf(device)
    a, b = (optimizer_of(shape, [p, q]) for _ in range(2))
    (4 * p + q).mean().backward()
    a.step()
    after_a, was = place(p), place(p.grad)
    if b_wipes:
        b.zero_grad()
    assert torch.equal(p, after_a)
    p.mean().backward()
    found = []
    b.register_step_pre_hook(lambda *_: found.append(place(p.grad)))
    b.step()
    own = torch.full_like(p, 1 / 6)
    torch.testing.assert_close(found, [own if b_wipes else was + own])
    assert (p != after_a).all()


ASKS = {
    "all": (lambda loss, x: loss.backward(), True),
    "inputs": (lambda loss, x: loss.backward(inputs=[x]), False),
    "autograd.grad": (
        lambda loss, x: setattr(x, "grad", torch.autograd.grad(loss, [x])[0]),
        False,
    ),
}


@pytest.mark.claim("test_a_harder_picture")
@pytest.mark.parametrize("shape", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize(
    "loss_of", [torch.sum, torch.mean, nn.Softplus()], ids=["sum", "mean", "softplus"]
)
def test_a_backward_that_is_wanted_for_x(shape, loss_of, device):
    """A backward() that is wanted for x writes on the weights' slates as well, and
    training finds both; one that is asked for x alone does not. Nothing goes back to
    x from what was made under no_grad."""
    ask, writes = shape
    model, _ = layers(device)
    x = torch.ones(3, 2, device=device, requires_grad=True)
    ask(loss_of(model(x)).sum(), x)
    for_x = place(x.grad)
    first = [0 if p.grad is None else place(p.grad) for p in model.parameters()]
    with torch.no_grad():
        harder = x + x.grad.sign()
    alone = torch.autograd.grad(loss_of(model(harder)).sum(), list(model.parameters()))
    loss_of(model(harder)).sum().backward()
    for p, left, own in zip(model.parameters(), first, alone, strict=True):
        torch.testing.assert_close(p.grad, left + own)
        assert bool((p.grad != own).any()) is writes
    assert torch.equal(x.grad, for_x)
