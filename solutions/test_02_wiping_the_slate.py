"""02  Wiping the slate

Feedback stays on the slate until somebody wipes it. The slate is a tensor like
any other, with one place for each number in p. Below, its second place is
wiped by hand before the same feedback comes again. (.sum() makes one penalty
out of two: by itself, backward() starts from a single number.)

    >>> p = torch.tensor([0.5, 1.0], requires_grad=True)
    >>> (p - 0.75).pow(2).sum().backward()
    >>> slate(p)
    [-0.5, 0.5]
    >>> p.grad[1] = 0.0
    >>> (p - 0.75).pow(2).sum().backward()
    >>> slate(p)
    [-1.0, 0.5]

p.grad.zero_() writes a zero into every place at once. The underscore at the
end of its name means in place: the tensor that is there changes, and no new
one is made. One more word you will meet: under `with raises(TypeError):`
stands a line that stops with a TypeError; raises catches it and we go on.
"""

import torch
from pytest import approx, raises
from sensei import __
from slate import slate


def test_three_quiet_pixels(device):
    """p had feedback and was wiped. q is new. r sits right on its target.
    What is on the three slates?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    q = torch.tensor([0.5], device=device, requires_grad=True)
    r = torch.tensor([0.5], device=device, requires_grad=True)

    (p - 0.75).pow(2).backward()
    p.grad.zero_()
    (r - 0.5).pow(2).backward()

    assert [slate(p), slate(q), slate(r)] == [0.0, None, 0.0]


def test_a_wipe_in_between(device):
    """The same penalty goes backward twice, with a wipe in between.
    What was read the first time, and what the second time?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)

    (p - 0.8).pow(2).backward()
    first = slate(p)
    p.grad.zero_()
    (p - 0.8).pow(2).backward()
    second = slate(p)

    assert [first, second] == approx([-0.6, -0.6])


def test_a_wipe_for_every_pixel(device):
    """wipe() gets pixels two at a time: one new pair, then three pairs that have
    feedback. Under which condition is there a slate to wipe?"""

    def wipe(p):
        if p.grad is not None:
            p.grad.zero_()
        return slate(p)

    def new(*pair):
        return torch.tensor(pair, device=device, requires_grad=True)

    def used(*pair):
        p = new(*pair)
        (p - 0.75).pow(2).sum().backward()
        return p

    assert wipe(new(0.5, 1.0)) is None
    assert wipe(used(0.25, 0.5)) == [0.0, 0.0]
    assert wipe(used(1.0, 1.25)) == [0.0, 0.0]
    assert wipe(used(0.5, 1.0)) == [0.0, 0.0]


def test_four_attempts_to_wipe(device):
    """Four pixels with the same feedback, and four attempts to wipe it. Then a
    second penalty for each, towards 1.0. What is on the four slates?"""
    pixels = [torch.tensor([0.5], device=device, requires_grad=True) for _ in range(4)]
    for p in pixels:
        (p - 0.75).pow(2).backward()

    a, b, c, d = pixels
    a.grad.zero_()
    b.grad = None
    c.grad = torch.zeros_like(c)
    with raises(TypeError):
        d.grad = 0

    for p in pixels:
        (p - 1.0).pow(2).backward()

    assert [slate(p) for p in pixels] == [-1.0, -1.0, -1.0, -1.5]


def test_five_calls(device):
    """Five times a new model with 3.0 on its slate, and one call each.
    Is the 3.0 gone afterwards? Write a list of five, each True or False."""

    def wipes(call):
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        model(torch.tensor([3.0], device=device)).backward()
        call(model)
        return slate(model.weight) != 3.0

    wiped = [
        wipes(lambda m: m(torch.tensor([5.0], device=device))),  # another forward
        wipes(lambda m: torch.optim.SGD(m.parameters(), lr=0.1).step()),  # moves m
        wipes(lambda m: m.eval()),  # from training to use
        wipes(lambda m: m.load_state_dict({"weight": torch.ones(1, 1)})),  # loads one
        wipes(lambda m: m.zero_grad()),
    ]
    assert wiped == [False, False, False, False, True]


def test_three_cells_of_a_notebook(device):
    """Somebody checks slopes by hand, with one x for all cells. (The slope of
    x**2 is 2 * x, of x**3 it is 3 * x**2, of x it is 1.) What does each show?"""
    x = torch.tensor(2.0, device=device, requires_grad=True)

    x.pow(2).backward()
    cell_1 = slate(x)

    x.pow(3).backward()
    cell_2 = slate(x)

    x.grad.zero_()
    (x.pow(2) + x).backward()
    cell_3 = slate(x)

    assert [cell_1, cell_2, cell_3] == [4.0, 16.0, 5.0]


def test_a_clean_slate_for_every_batch(device):
    """The log of lesson 01 again, now [weight, weight, bias] for each batch. Each, the
    first one too, is to start on clean slates. What is to be put on each of the two?
    (A slate is for numbers: the last check asks that none of them has a graph.)"""
    graphs = []

    def log_of(start, *batches):
        model = torch.nn.Linear(2, 1, device=device)
        for p in model.parameters():  # the weight, of two numbers, and the bias
            torch.nn.init.constant_(p, start)
        loss_fn = torch.nn.MSELoss()
        log = []
        for rows in batches:
            x, y = torch.tensor(rows, device=device).float().split([2, 1], dim=1)
            for p in model.parameters():
                p.grad = None
            loss_fn(model(x), y).backward()
            log.append([*slate(model.weight)[0], slate(model.bias)])
            graphs.append(any(p.grad.requires_grad for p in model.parameters()))
        return log

    assert log_of(1.0, [(1, 2, 3)], [(2, 0, -1), (4, 1, 2)], [(1, 2, 3)]) == [
        [2.0, 4.0, 2.0],
        [24.0, 4.0, 8.0],
        [2.0, 4.0, 2.0],
    ]
    assert log_of(0.0, [(1, 1, -2), (3, 1, 0)], [(0, 0, 5)]) == [
        [2.0, 2.0, 2.0],
        [0.0, 0.0, -10.0],
    ]
    assert graphs == [False] * 5


def test_review_five_events(device):
    """Five things happen to p, and the slate is read after each of them.
    What does the log say?"""
    p = torch.tensor([1.0], device=device, requires_grad=True)
    log = []
    penalty = (p - 0.5).pow(2)
    log.append(slate(p))
    penalty.backward()
    log.append(slate(p))
    (p - 3.0).pow(2).backward()
    log.append(slate(p))
    p.grad.zero_()
    log.append(slate(p))
    ((p - 0.5).pow(2) + (p - 2.0).pow(2)).backward()
    log.append(slate(p))

    assert log == [None, 1.0, -3.0, 0.0, -1.0]
