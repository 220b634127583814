"""03  zero_grad

An optimizer holds a list of parameters: the pixels it may move. With
optimizer.step() it moves each of them against what its slate says; plain SGD
moves it by lr * p.grad. With optimizer.zero_grad() it wipes them all in one
call. There is one slate, and it belongs to p, not to a loss and not to an
optimizer: all that go backward, step or wipe meet at the same p.grad. A
training step is four lines, and the wipe for all parameters is at its head:

    >>> p = torch.tensor(1.0, requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=0.25)
    >>> optimizer.zero_grad()     # wipe
    >>> loss = p.pow(2)           # forward
    >>> loss.backward()           # the slope, 2 * p, is added to the slate
    >>> optimizer.step()          # p = 1.0 - 0.25 * 2.0
    >>> [slate(p), p.item()]
    [2.0, 0.5]

optimizer.register_step_pre_hook(f) has f called just before every step(): the
last code koan uses it to note down what a step finds on the slates.
"""

import torch
from pytest import raises
from sensei import __
from slate import slate


def test_two_ways_to_wipe(device):
    """Both pixels have feedback. p is wiped by its optimizer, q by hand.
    What is on each slate?"""
    p = torch.tensor(0.5, device=device, requires_grad=True)
    q = torch.tensor(0.5, device=device, requires_grad=True)
    (p - 0.75).pow(2).backward()
    (q - 0.75).pow(2).backward()

    torch.optim.SGD([p], lr=0.1).zero_grad()
    q.grad.zero_()

    assert [slate(p), slate(q)] == [None, 0.0]


def test_keeping_the_slates(device):
    """p has had feedback, q never. r had some, then r.grad = None took it away.
    Now zero_grad() is told not to use None. What is on the slates of p, q, r?"""
    p = torch.tensor(0.5, device=device, requires_grad=True)
    q = torch.tensor(0.5, device=device, requires_grad=True)
    r = torch.tensor(0.5, device=device, requires_grad=True)
    (p - 0.75).pow(2).backward()
    (r - 0.75).pow(2).backward()
    r.grad = None

    torch.optim.SGD([p, q, r], lr=0.1).zero_grad(set_to_none=False)

    assert [slate(p), slate(q), slate(r)] == [0.0, None, None]


def test_a_weight_without_its_bias(device):
    """The optimizer holds the weight of a model, not the bias. First the
    optimizer wipes, later the model. What is on the slates after each wipe?
    Write two lists, each of them [weight, bias]."""
    model = torch.nn.Linear(1, 1, device=device)  # weight * x + bias
    optimizer = torch.optim.SGD([model.weight], lr=0.1)
    x = torch.tensor([3.0], device=device)

    model(x).backward()
    optimizer.zero_grad()
    by_optimizer = [slate(model.weight), slate(model.bias)]

    model(x).backward()
    model.zero_grad()
    by_model = [slate(model.weight), slate(model.bias)]

    assert [by_optimizer, by_model] == [[None, 1.0], [None, None]]


def test_who_was_wiped(device):
    """The input x asks for a slope too. The optimizer was given w alone. The second
    loss is four times the first, x * w. (The slope of x * w for x is w, and for w it
    is x.) What is on the slates after two passes?"""
    x = torch.tensor(2.0, device=device, requires_grad=True)
    w = torch.tensor(3.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for factor in (1.0, 4.0):
        optimizer.zero_grad()
        (factor * x * w).backward()

    assert {"x": slate(x), "w": slate(w)} == {"x": 15.0, "w": 8.0}


def test_three_steps_each(device):
    """p and q start at 0.0 and take three steps, with lr 1. Both get the slopes 1, 2
    and 4. Only q is ever wiped. Where are they after each step?
    Write {"p": [...], "q": [...]}."""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    q = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p, q], lr=1.0)
    path = {"p": [], "q": []}
    for slope in (1.0, 2.0, 4.0):
        q.grad = None
        (slope * (p + q)).backward()
        optimizer.step()
        path["p"].append(p.item())
        path["q"].append(q.item())

    assert path == {"p": [-1.0, -4.0, -11.0], "q": [-1.0, -3.0, -7.0]}


def test_four_places_for_the_wipe(device):
    """One wipe a pass, at A, B, C or D. p starts at 1.0; the slope of p**2 is
    2 * p. For each of the four places: where is p after two passes?"""

    def train(place):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.25)

        def wipe_if(here):
            return optimizer.zero_grad() if here == place else None

        for _ in range(2):
            wipe_if("A")
            loss = p.pow(2)
            wipe_if("B")
            loss.backward()
            wipe_if("C")
            optimizer.step()
            wipe_if("D")
        return p.item()

    assert [train(place) for place in "ABCD"] == [0.25, 0.25, 1.0, 0.25]


def test_a_step_by_hand(device):
    """Somebody wrote the step by hand. It works once; the next backward()
    raises. What is p now: its number, its slate, its requires_grad?"""
    p = torch.tensor(2.0, device=device, requires_grad=True)
    (3 * p).backward()
    with torch.no_grad():
        p = p - 0.5 * p.grad

    with raises(RuntimeError):
        (3 * p).backward()

    assert [p.item(), slate(p), p.requires_grad] == [0.5, None, False]


def test_the_order_of_three_calls(device):
    """The optimizer holds two pixels. Three calls are missing: one moves, one
    wipes, one works out the slopes. Write them in an order that trains both."""

    def train(penalty, steps):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        q = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p, q], lr=0.25)
        for _ in range(steps):
            loss = penalty(p, q)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return [p.item(), q.item()]

    assert train(lambda p, q: p.pow(2) + q, steps=1) == [0.5, -0.25]
    assert train(lambda p, q: p.pow(2) + q, steps=2) == [0.25, -0.5]
    assert train(lambda p, q: 3 * p - 2 * q, steps=3) == [-1.25, 1.5]


def test_two_layers_one_optimizer(device):
    """The optimizer moves the head alone; the log is for the slopes of both layers,
    [base, head], at each step. Somebody wrote optimizer.zero_grad() at the beginning,
    and base's numbers grow and grow. Write all that comes after the loss."""
    heads = []

    def train(*batches):
        base = torch.nn.Linear(1, 1, bias=False, device=device)
        head = torch.nn.Linear(1, 1, bias=False, device=device)
        model = torch.nn.Sequential(base, head)  # head(base(x))
        for p in model.parameters():
            torch.nn.init.ones_(p)
        loss_fn = torch.nn.MSELoss()
        optimizer = torch.optim.SGD(head.parameters(), lr=0.25)
        log = []
        optimizer.register_step_pre_hook(
            lambda *_: log.append([slate(base.weight), slate(head.weight)])
        )
        for rows in batches:
            x, y = torch.tensor(rows, device=device).float().split(1, dim=1)
            loss = loss_fn(model(x), y)
            model.zero_grad()
            loss.backward()
            optimizer.step()
        heads.append(head.weight.item())
        return log

    assert train([(1, 3)], [(2, 3)], [(1, 1), (1, 2)]) == [
        [-4.0, -4.0],
        [8.0, 4.0],
        [-1.0, -1.0],
    ]
    assert train([(2, 1)], [(1, 0), (1, 3)]) == [[4.0, 4.0], [0.0, -3.0]]
    assert heads == [1.25, 0.75]


def test_review_weight_and_input(device):
    """The optimizer holds w alone. Five things happen, in the order of the list.
    What is on the two slates after each of the five? Write {"w": [...], "x": [...]}."""
    w = torch.tensor(5.0, device=device, requires_grad=True)
    x = torch.tensor(2.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)

    def backward():
        (x * w).backward()

    seen = {"w": [], "x": []}
    for event in [backward, backward, optimizer.step, optimizer.zero_grad, backward]:
        event()
        seen["w"].append(slate(w))
        seen["x"].append(slate(x))

    assert seen == {"w": [2.0, 4.0, 4.0, None, 2.0], "x": [5.0, 10.0, 10.0, 10.0, 13.0]}
