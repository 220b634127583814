"""01  Piling up

A pixel p should match a target. The penalty (p - target)**2 says how far off
it is. penalty.backward() works out the slope of the penalty at p, which is
2 * (p - target), and leaves it in p.grad. Think of p.grad as p's slate.
A negative slope says: make p larger. A positive one: make p smaller.

    >>> p = torch.tensor([0.5], requires_grad=True)
    >>> penalty = (p - 0.75).pow(2)
    >>> penalty.item()
    0.0625
    >>> penalty.backward()
    >>> slate(p)                  # 2 * (0.5 - 0.75)
    -0.5

requires_grad=True asks for slopes. A tensor that you create yourself and that
asks for slopes is called a leaf. Unless you ask for more, it is leaves alone
that backward() writes for. slate(p) reads p.grad as plain Python: a number, or
None.

__ is a blank. Replace it by what you expect, then run pytest. You may write
arithmetic: 2 * (0.5 - 0.75) is as good as -0.5. approx(x) means x, give or
take the last few digits. device is "cpu" or "cuda"; one answer fits both.
"""

import torch
from pytest import approx
from sensei import __
from slate import slate


def test_before_any_backward(device):
    """A new pixel and its penalty; backward() has not been called.
    What is on the slate?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    penalty = (p - 0.75).pow(2)

    assert slate(p) == None


def test_one_backward(device):
    """The target is 0.8 now, and backward() is called.
    What is on the slate?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    penalty = (p - 0.8).pow(2)
    penalty.backward()

    assert slate(p) == approx(-0.6)


def test_a_second_target(device):
    """The same start. Then a second penalty, towards 0.1, goes backward too.
    What is on the slate after both?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    (p - 0.8).pow(2).backward()
    (p - 0.1).pow(2).backward()

    assert slate(p) == approx(0.2)


def test_the_same_penalty_three_times(device):
    """Three passes with one and the same target.
    Where is p in the end, and what is on its slate?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    for _ in range(3):
        penalty = (p - 0.8).pow(2)
        penalty.backward()

    assert [p.item(), slate(p)] == approx([0.5, -1.8])


def test_two_penalties_at_once(device):
    """p gets two backwards. q gets one, on the sum of the same two penalties.
    What is on each slate?"""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    (p - 1.0).pow(2).backward()
    (p - 0.25).pow(2).backward()

    q = torch.tensor([0.5], device=device, requires_grad=True)
    both = (q - 1.0).pow(2) + (q - 0.25).pow(2)
    both.backward()

    assert [slate(p), slate(q)] == [-0.5, -0.5]


def test_which_comparisons_hold(device):
    """p is a float32, which keeps about seven digits. 0.9, 0.3 and 0.4 do not fit
    into one exactly; 0.75, 0.125 and 0.25 do. Which lines hold? Write a list of
    four, each True or False."""
    p = torch.tensor([0.5], device=device, requires_grad=True)
    (p - 0.9).pow(2).backward()
    (p - 0.3).pow(2).backward()  # on paper: -0.8 + 0.4 = -0.4

    q = torch.tensor([0.5], device=device, requires_grad=True)
    (q - 0.75).pow(2).backward()
    (q - 0.125).pow(2).backward()  # on paper: -0.5 + 0.75 = 0.25

    assert [
        slate(p) == -0.4,
        slate(p) == approx(-0.4),
        slate(q) == 0.25,
        slate(q) == approx(0.25),
    ] == [False, True, True, True]


def test_what_one_batch_brought(device):
    """A loop as you may have one at home: a model, a loss function, batches of rows.
    Nobody wipes, so its log showed the sum of all batches so far. Which number is to
    go into the log, to say what the backward() of this batch alone has added?"""

    def log_of(start, *batches):
        model = torch.nn.Linear(1, 1, bias=False, device=device)  # weight * x
        torch.nn.init.constant_(model.weight, start)
        loss_fn = torch.nn.MSELoss()  # (model(x) - y)**2, and the mean over all rows
        log = []
        for rows in batches:
            x, y = torch.tensor(rows, device=device).float().split(1, dim=1)
            before = slate(model.weight)
            loss = loss_fn(model(x), y)
            loss.backward()
            alone = slate(model.weight) - (before or 0)
            log.append(alone)
        return log

    assert log_of(1.0, [(1, 2)], [(2, 1)], [(3, 4), (1, 3)]) == [-2.0, 4.0, -5.0]
    assert log_of(2.0, [(2, 3), (4, 1)], [(2, 4)], [(1, 1)]) == [30.0, 0.0, 2.0]
