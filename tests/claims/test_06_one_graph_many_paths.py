"""What lesson 06 says, each sentence in shapes that its koans do not have."""

import copy

import pytest
import torch
from torch import nn, optim

F16, BF16, F64 = torch.float16, torch.bfloat16, torch.float64


def leaf(value, device, dtype=torch.float32):
    return torch.tensor(value, device=device, dtype=dtype, requires_grad=True)


def slopes(loss, leaves):
    """What a backward() of the loss leaves on slates that were empty before."""
    for one in leaves:
        one.grad = None
    loss.backward()
    return [None if one.grad is None else one.grad.clone() for one in leaves]


def close(found, expected):
    torch.testing.assert_close(found, expected)


# A penalty of several places, and whether its graph holds a tensor that is needed.
PLACES = {
    "a product of three": (3, lambda a, b, c: (a * b * c).sum()),
    "a product and a sum": (3, lambda a, b, c: (a * b + c).sum()),
    "a mean": (2, lambda a, b: (a.exp() * b.pow(2)).mean()),
    "picked twice": (2, lambda a, b: (a[[0, 0]] * b[[0, 2]]).sum()),
    "spread out": (2, lambda a, b: (a.expand(4, 3) / b).sum()),
    "a matrix": (2, lambda a, b: torch.outer(a, b).pow(2).mean()),
}


@pytest.mark.claim("test_one_pixel_in_two_places", "test_a_layer_used_twice", "learned")
@pytest.mark.parametrize("shape", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_slopes_of_all_places_are_added_up(shape, dtype, device):
    """One backward() adds up the slopes of all the paths to a leaf."""
    count, penalty = shape
    numbers = [0.5, -1.5, 2.0]
    places = [leaf(numbers, device, dtype) for _ in range(count)]
    apart = slopes(penalty(*places), places)
    p = leaf(numbers, device, dtype)
    [together] = slopes(penalty(*[p] * count), [p])
    close(together, sum(apart))


@pytest.mark.claim("test_one_pixel_in_two_places", "learned")
@pytest.mark.parametrize(
    "shape", [(F16, 2048.0), (BF16, 256.0), (torch.float32, 2.0**24)], ids=str
)
def test_the_sum_goes_on_the_slate_once(shape, device):
    """One backward() puts the sum of its paths on the slate at once; several put
    their slopes there one after the other, and small ones may get lost."""
    dtype, big = shape
    p, q = leaf(0.0, device, dtype), leaf(0.0, device, dtype)
    writes = []
    p.register_post_accumulate_grad_hook(lambda one: writes.append(one.grad.item()))
    (big * p + p + p).backward()
    for part in (big * q, 1 * q, 1 * q):
        part.backward()
    assert writes == [big + 2]
    assert q.grad.item() == big


HOLDING = {
    "a product": lambda a: (a * a).sum(),
    "a number times it": lambda a: (3 * a).mean(),
    "a power": lambda a: (a - 1).pow(2).mean(),
    "a loss": lambda a: nn.MSELoss()(a.exp(), torch.ones_like(a)),
    "cross entropy": lambda a: nn.functional.cross_entropy(
        a.view(1, -1), torch.tensor([1], device=a.device)
    ),
}


@pytest.mark.claim("test_backward_twice", "test_review_one_graph_five_events")
@pytest.mark.parametrize("shape", HOLDING.values(), ids=HOLDING)
@pytest.mark.parametrize("wiped", [False, True], ids=["piled", "wiped"])
def test_a_graph_that_was_used_up(shape, wiped, device):
    """A second backward() stops before it gets to a leaf behind what is gone: it
    adds nothing, takes nothing back, and puts nothing on a wiped slate."""
    p = leaf([0.5, 2.0, -1.0], device)
    loss = shape(p)
    [before] = slopes(loss, [p])
    if wiped:
        p.grad = None
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    assert p.grad is None if wiped else torch.equal(p.grad, before)


@pytest.mark.claim("test_backward_twice")
@pytest.mark.parametrize("shape", HOLDING.values(), ids=HOLDING)
def test_a_graph_that_was_kept(shape, device):
    """A second walk over a graph that was kept adds the same slope again."""
    p = leaf([0.5, 2.0, -1.0], device)
    loss = shape(p)
    loss.backward(retain_graph=True)
    once = p.grad.clone()
    loss.backward()
    close(p.grad, 2 * once)


@pytest.mark.claim("test_backward_twice")
@pytest.mark.parametrize(
    "shape",
    [lambda a: (a + a).sum(), lambda a: -a.sum(), lambda a: a.mean()],
    ids=["sum", "minus", "mean"],
)
def test_a_graph_that_holds_nothing(shape, device):
    """The graph of a sum can go backward twice without being kept."""
    p = leaf([1.0, 2.0], device)
    loss = shape(p)
    [once] = slopes(loss, [p])
    loss.backward()
    close(p.grad, 2 * once)


HEADS = {
    "squares": (lambda h: h.pow(2).sum(), lambda h: (3 * h).mean()),
    "losses": (lambda h: h.exp().mean(), lambda h: (h - 2).abs().sum()),
    "one of them zero": (lambda h: 0 * h.sum(), lambda h: (h * h * h).sum()),
}


@pytest.mark.claim("test_two_heads_on_one_trunk", "test_one_step_for_two_heads")
@pytest.mark.parametrize("shape", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop])
def test_two_heads(shape, kind, device):
    """One backward() from the sum leaves what two leave, of which the first keeps
    the graph; without that the second is refused. A step goes the same way."""
    places = []
    for together in (True, False):
        torch.manual_seed(0)
        trunk = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(device)
        optimizer = kind(trunk.parameters(), lr=0.1)
        h = trunk(torch.linspace(-1, 1, 6, device=device).view(2, 3))
        left, right = (head(h) for head in shape)
        if together:
            (left + right).backward()
        else:
            left.backward(retain_graph=True)
            right.backward()
        optimizer.step()
        places.append([p.detach().clone() for p in trunk.parameters()])
        with pytest.raises(RuntimeError, match="second time"):
            right.backward()
    torch.testing.assert_close(*places, rtol=1e-4, atol=1e-5)


MANY = {
    "squares": lambda x: x * x,
    "a number for every pair": lambda x: torch.outer(x, x.exp()),
    "a running sum": lambda x: x.pow(3).cumsum(0),
    "a mix in float64": lambda x: (x.double().sin() + x.prod()).sqrt(),
}


@pytest.mark.claim("test_a_backward_from_three_numbers")
@pytest.mark.parametrize("shape", MANY.values(), ids=MANY)
def test_what_a_gradient_is(shape, device):
    """y.backward(gradient=g) leaves what (y * g).sum().backward() leaves: ones are
    sum(), 1 / n each is mean(), and without one only a single number may go."""
    x = leaf([1.0, 0.5, 2.0], device)
    y = shape(x)
    g = torch.arange(y.numel(), device=device, dtype=y.dtype).view(y.shape) - 1

    def left(gradient):
        x.grad = None
        shape(x).backward(gradient=gradient)
        return x.grad

    close(left(g), slopes((shape(x) * g).sum(), [x])[0])
    close(left(torch.ones_like(g)), slopes(shape(x).sum(), [x])[0])
    close(left(torch.ones_like(g) / g.numel()), slopes(shape(x).mean(), [x])[0])
    with pytest.raises(RuntimeError, match="scalar"):
        y.backward()


@pytest.mark.claim("test_a_tensor_in_between", "learned")
@pytest.mark.parametrize("shape", HOLDING.values(), ids=HOLDING)
@pytest.mark.parametrize("backwards", [2, 3])
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_a_slate_that_was_asked_for(shape, backwards, device):
    """Slopes pile up on a slate that retain_grad() gave as on a leaf's, and what
    flows on is each walk's own slope, not the pile. Unasked there is no slate."""
    x, other = leaf([0.5, 2.0, -1.0], device), leaf([0.5, 2.0, -1.0], device)
    h, unasked = 3 * x, 3 * other
    h.retain_grad()
    loss = shape(h)
    for number in range(1, backwards + 1):
        loss.backward(retain_graph=True)
        if number == 1:
            first = [h.grad.clone(), x.grad.clone()]
        close([h.grad, x.grad], [number * one for one in first])
    shape(unasked).backward()
    assert unasked.grad is None
    close(other.grad, first[1])


def tied(device):
    table, head = nn.Embedding(3, 2), nn.Linear(2, 3, bias=False)
    head.weight = table.weight
    return nn.Sequential(table, head).to(device), torch.tensor([0, 2], device=device)


def thrice(device):
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Tanh(), layer, layer)
    return model.to(device), torch.ones(4, 2, device=device)


def norms(device):
    norm = nn.LayerNorm(3)
    model = nn.Sequential(norm, nn.Linear(3, 3, bias=False), nn.Tanh(), norm)
    return model.to(device), torch.linspace(-1, 1, 6, device=device).view(2, 3)


@pytest.mark.claim("test_a_layer_used_twice")
@pytest.mark.parametrize("shape", [tied, thrice, norms])
def test_a_weight_in_several_places(shape, device):
    """It is one weight, whatever the number of places: it is counted once, and its
    slate holds what copies of it, one in each place, would hold together."""
    torch.manual_seed(1)
    model, x = shape(device)
    copies = nn.Sequential(*[copy.deepcopy(module) for module in model])
    model(x).pow(3).sum().backward()
    copies(x).pow(3).sum().backward()
    shared = model[0].weight
    pairs = zip(model, copies, strict=True)
    places = [c.weight for m, c in pairs if getattr(m, "weight", 0) is shared]
    assert [p is shared for p in model.parameters()].count(True) == 1
    assert len(places) > 1
    close(shared.grad, sum(place.grad for place in places))


@pytest.mark.claim("test_a_state_carried_over")
@pytest.mark.parametrize("shape", [(2.0, 5), (-0.5, 4), ([1.0, 2.0], 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_record_that_is_kept(shape, dtype, device):
    """With its record kept, round n walks back through all n rounds and brings the
    slope of w to the n; detached, round n brings the h of the round before."""
    number, rounds = shape
    for detach in (False, True):
        w = leaf(number, device, dtype)
        h = torch.ones_like(w).detach()
        for n in range(1, rounds + 1):
            w.grad = None
            h = w * h
            h.sum().backward(retain_graph=True)
            power = w.detach() ** (n - 1)
            close(w.grad, power if detach else n * power)
            if detach:
                h = h.detach()


CELLS = {
    "a GRU cell": (nn.GRUCell, lambda state: state),
    "an RNN cell": (nn.RNNCell, lambda state: state),
    "an LSTM cell": (nn.LSTMCell, lambda state: state[0]),
}


def pieces_of(device):
    torch.manual_seed(2)
    return torch.randn(3, 4, 2, 3, device=device)


def of_each(state, function):
    """The function of a state: of none, a tensor, or a tuple of tensors."""
    if isinstance(state, tuple):
        return tuple(map(function, state))
    return None if state is None else function(state)


def read(cell, h_of, xs, state):
    for x in xs:
        state = cell(x, state)
    return h_of(state).pow(2).mean(), state


@pytest.mark.claim("test_a_state_that_runs_on", "test_a_state_carried_over")
@pytest.mark.parametrize("shape", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_a_state_that_is_detached_between_pieces(shape, kind, device):
    """The number runs on, the record ends where the piece begins: each step finds all
    the slopes of its own piece, as from a state that is a plain constant."""
    made, h_of = shape
    cell = made(3, 2).to(device)
    optimizer = kind(cell.parameters(), lr=0.1)
    weights, state = list(cell.parameters()), None
    for xs in pieces_of(device):
        constant = of_each(state, lambda h: torch.tensor(h.tolist(), device=device))
        loss, state = read(cell, h_of, xs, of_each(state, torch.Tensor.detach))
        found = slopes(loss, weights)
        close(found, slopes(read(cell, h_of, xs, constant)[0], weights))
        assert any(slope.any() for slope in found)
        optimizer.step()


@pytest.mark.claim("test_a_state_that_runs_on")
@pytest.mark.parametrize("shape", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("cure", ["nothing", "clone", "retain_graph"])
def test_a_state_that_is_not_detached(shape, cure, device):
    """The second piece's backward() is refused: its graph was used up ("a second
    time"), or kept, and the step has changed what it holds ("inplace operation")."""
    made, h_of = shape
    cell = made(3, 2).to(device)
    optimizer, state = optim.SGD(cell.parameters(), lr=0.1), None
    message = "inplace operation" if cure == "retain_graph" else "second time"
    for number, xs in enumerate(pieces_of(device)[:2]):
        if cure == "clone":
            state = of_each(state, torch.clone)
        loss, state = read(cell, h_of, xs, state)
        if number:
            with pytest.raises(RuntimeError, match=message):
                loss.backward()
        else:
            loss.backward(retain_graph=cure == "retain_graph")
            optimizer.step()


KINDS = {
    "SGD": (optim.SGD, {}),
    "momentum, not foreach": (optim.SGD, {"momentum": 0.9, "foreach": False}),
    "Adam": (optim.Adam, {}),
    "AdamW, foreach": (optim.AdamW, {"foreach": True}),
    "Adagrad": (optim.Adagrad, {}),
}
NEEDS_W = {"w * w": lambda w, x: w * w, "exp": lambda w, x: (w * x).exp() * w}
SPARES_W = {"w * x": lambda w, x: w * x, "w + w": lambda w, x: w + w + x}


@pytest.mark.claim("test_a_step_in_between", "learned")
@pytest.mark.parametrize("shape", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("penalty", [*NEEDS_W, *SPARES_W])
def test_a_step_over_what_a_graph_holds(shape, penalty, device):
    """A backward() that needs a tensor which a step has written to stops with an
    error and adds nothing; one that needs other tensors goes on as if nothing was."""
    kind, settings = shape
    w, x = leaf([1.0, -2.0], device), torch.tensor(3.0, device=device)
    function = {**NEEDS_W, **SPARES_W}[penalty]
    first, second = (function(w, x).sum() for _ in range(2))
    [once] = slopes(first, [w])
    kind([w], lr=0.25, **settings).step()
    if penalty in NEEDS_W:
        with pytest.raises(RuntimeError, match="inplace operation"):
            second.backward()
    else:
        second.backward()
    close(w.grad, once if penalty in NEEDS_W else 2 * once)


@pytest.mark.claim("test_a_step_in_between")
@pytest.mark.parametrize("shape", [1.0, [1.0, 2.0], [[0.5, -1.0]]], ids=str)
@pytest.mark.parametrize("x_asks", [False, True])
def test_what_a_product_holds(shape, x_asks, device):
    """w * x holds x for w's slope, and w only if x asks for a slope as well."""
    w = leaf(shape, device)
    x = torch.full_like(w, 3.0).requires_grad_(x_asks)
    loss = (w * x).sum()
    with torch.no_grad():
        w.sub_(0.5)
    if x_asks:
        with pytest.raises(RuntimeError, match="inplace operation"):
            loss.backward()
    else:
        close(slopes(loss, [w])[0], x.detach())


@pytest.mark.claim("test_a_step_in_between")
@pytest.mark.parametrize("shape", [1.0, [1.0, 2.0], [[0.5, -1.0]]], ids=str)
def test_a_write_that_goes_unnoticed(shape, device):
    """A write through .data goes unnoticed: the slope is made from the new w."""
    w = leaf(shape, device)
    loss = w.pow(3).sum()
    w.data.mul_(2)
    close(slopes(loss, [w])[0], 3 * w.detach().pow(2))
    assert not torch.equal(w.grad, 3 * torch.tensor(shape, device=device).pow(2))


@pytest.mark.claim("test_a_step_in_between")
@pytest.mark.parametrize("shape", [optim.SGD, optim.Adam, optim.AdamW])
def test_a_fused_step_may_go_unnoticed(shape, device):
    """So may the step of an optimizer with fused=True: if there is no error, the slope
    is made from the new w."""
    w = leaf([1.0, -2.0], device)
    try:
        optimizer = shape([w], lr=0.25, fused=True)
        w.sum().backward()
        second = w.pow(3).sum()
        optimizer.step()
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"no fused step here: {error}")
    old, w.grad = torch.tensor([3.0, 12.0], device=device), None
    try:
        second.backward()
    except RuntimeError as error:
        assert "inplace operation" in str(error)
    else:
        close(w.grad, 3 * w.detach().pow(2))
        assert not torch.allclose(w.grad, old)


CONVERTED = {
    "half of two": (lambda p: p.to(F16), F16, lambda p: p.to(torch.float32)),
    "a copy": (lambda p: p.to(torch.float32, copy=True), None, lambda p: p.float()),
    "its own device": (lambda p: p.double(), F64, lambda p: p.to(p.device)),
    "a reshaped one": (lambda p: p.view(-1), None, lambda p: p.contiguous()),
}


@pytest.mark.claim("test_two_conversions", "test_a_pixel_to_train", "learned")
@pytest.mark.parametrize("shape", CONVERTED.values(), ids=CONVERTED)
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_what_a_conversion_gives(shape, device):
    """Where nothing has to change to() gives the tensor itself, and its slate; what
    was really converted is no leaf: slopes pass through it, nothing stays, and an
    optimizer refuses it."""
    convert, dtype, leave = shape
    p = leaf([0.5, 2.0], device)
    new, same = convert(p), leave(p)
    assert same is p
    assert new is not p and not new.is_leaf
    assert new.dtype == (dtype or p.dtype)
    (new - 1).pow(2).sum().backward()
    (same - 1).pow(2).sum().backward()
    assert new.grad is None
    close(p.grad, 4 * (p.detach() - 1))
    with pytest.raises(ValueError, match="non-leaf"):
        optim.SGD([new], lr=0.1)


LEAVES = {
    "at once": lambda start, **where: torch.tensor(start, requires_grad=True, **where),
    "last": lambda start, **where: torch.tensor(start).to(**where).requires_grad_(),
    "a Parameter": lambda start, **where: nn.Parameter(torch.tensor(start).to(**where)),
    "cut": lambda start, **where: (
        torch.tensor(start, requires_grad=True).to(**where).detach().requires_grad_()
    ),
}


@pytest.mark.claim("test_a_pixel_to_train")
@pytest.mark.parametrize("shape", LEAVES.values(), ids=LEAVES)
@pytest.mark.parametrize("dtype", [torch.float32, F64, BF16])
@pytest.mark.parametrize("kind", [optim.SGD, optim.AdamW])
def test_a_leaf_of_the_right_kind(shape, dtype, kind, device):
    """Type and device first, requires_grad last or at the same time: what the
    optimizer holds is the leaf, it has a slate, and it moves."""
    p = shape([0.5, 3.0], dtype=dtype, device=device)
    assert (p.is_leaf, p.dtype, p.device.type) == (
        True,
        dtype,
        torch.device(device).type,
    )
    optimizer = kind([p], lr=0.25)
    [found] = slopes((p - 1).pow(2).sum(), [p])
    before = p.detach().clone()
    optimizer.step()
    assert found.tolist() == [-1.0, 4.0]
    assert (p != before).all()


@pytest.mark.claim("test_review_one_graph_five_events")
@pytest.mark.parametrize("shape", [optim.SGD, optim.Adam, optim.Adagrad])
@pytest.mark.parametrize("number", [2.0, [1.0, -3.0]], ids=str)
def test_a_failed_backward_on_a_wiped_slate(shape, number, device):
    """A wipe by an optimizer leaves None, and a backward() that fails afterwards puts
    nothing in its place; a penalty with a graph of its own does."""
    p = leaf(number, device)
    h = p * p
    (h.sum() / 4).backward()
    shape([p], lr=0.5).zero_grad()
    assert p.grad is None
    with pytest.raises(RuntimeError, match="second time"):
        (5 * h).sum().backward()
    assert p.grad is None
    (p * p + p).sum().backward()
    close(p.grad, 2 * p.detach() + 1)
