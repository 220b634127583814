"""16  Hooks and sparse slates

A hook is a function of yours that backward() calls on its way:

    p.register_hook(f)                         f(slope), when a slope reaches p;
                                               what f returns goes on in its place
    p.register_post_accumulate_grad_hook(f)    f(p), when p's slate has been written

    >>> p = torch.tensor(1.0, requires_grad=True)
    >>> heard = []
    >>> handle = p.register_hook(lambda slope: heard.append(slope.item()))
    >>> (9 * p).backward()
    >>> heard
    [9.0]

embedding(rows, table) looks up rows of a table. With sparse=True the slate has
entries for the rows that were looked up, and nothing at all for the others.
"""

from functools import partial

import torch
from sensei import __
from slate import slate
from torch.nn.functional import embedding


def test_two_kinds_of_hook(device):
    """One hook of each kind writes down what it sees, over two backwards.
    What do the two lists hold? Write down both, as a list of two lists."""
    p = torch.tensor(1.0, device=device, requires_grad=True)
    arrived, written = [], []
    p.register_hook(lambda slope: arrived.append(slope.item()))
    p.register_post_accumulate_grad_hook(lambda p: written.append(p.grad.item()))

    (3 * p).backward()
    (4 * p).backward()

    assert [arrived, written] == __


def test_a_limit_in_a_hook(device):
    """Three micro-batches. p limits to 1 in a hook, q limits its slate at the
    end. What is on the slates of p and q?"""
    p = torch.tensor(1.0, device=device, requires_grad=True)
    q = torch.tensor(1.0, device=device, requires_grad=True)
    p.register_hook(lambda slope: slope.clamp(max=1.0))

    for slope in (4.0, 0.5, 4.0):
        (slope * p).backward()
        (slope * q).backward()
    q.grad.clamp_(max=1.0)

    assert [slate(p), slate(q)] == __


def test_stepping_in_the_hook(device):
    """Memory is short. Move p as soon as its slate has been written, and throw
    the slate away, so that backward() leaves none behind. The hook returns nothing."""

    def train(loss, steps):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.25)
        calls = []

        def when_written(p):
            calls.append(slate(p))
            if len(calls) > steps:
                raise RecursionError("a backward() in the hook calls the hook again")
            __

        p.register_post_accumulate_grad_hook(when_written)
        for _ in range(steps):
            loss(p).backward()
        return [p.item(), slate(p)]

    assert train(lambda w: w, steps=2) == [0.5, None]
    assert train(lambda w: w * w, steps=1) == [0.5, None]
    assert train(lambda w: w * w, steps=3) == [0.125, None]


def test_entries_on_a_sparse_slate(device):
    """Row 3 is looked up, then rows 3 and 1. How many entries does the slate store
    after each backward(), and how many does coalesce() make of them?"""
    table = torch.ones(5, 2, device=device, requires_grad=True)
    stored = []
    for rows in ([3], [3, 1]):
        picked = embedding(torch.tensor(rows, device=device), table, sparse=True)
        picked.sum().backward()
        stored.append(table.grad._nnz())  # how many entries there are

    stored.append(table.grad.coalesce()._nnz())  # one entry for each row it has

    assert stored == __


def test_two_kinds_of_slope(device):
    """A row is looked up (sparse), again, then every row is used (dense), then one
    is looked up again. Is the slate sparse after each of the four backwards?
    Answer True or False four times."""
    table = torch.ones(5, 2, device=device, requires_grad=True)
    row = torch.tensor([3], device=device)

    def look_up():
        return embedding(row, table, sparse=True).sum()

    def use_all():
        return (2 * table).sum()

    seen = []
    for loss in (look_up, look_up, use_all, look_up):
        loss().backward()
        seen.append(table.grad.is_sparse)

    assert seen == __


def test_who_takes_a_sparse_slate(device):
    """Four optimizers are given a sparse slate; some raise. Which ones step? List
    their names in the order in which they are tried."""
    stepped = []
    for name in ("SGD", "Adam", "AdamW", "SparseAdam"):
        table = torch.ones(5, 2, device=device, requires_grad=True)
        row = torch.tensor([3], device=device)
        embedding(row, table, sparse=True).sum().backward()
        try:
            getattr(torch.optim, name)([table], lr=0.5).step()
            stepped.append(name)
        except RuntimeError:
            pass

    assert stepped == __


def test_your_own_loop_with_one_slate(device):
    """The loop below has neither a step() nor a wipe. Write what comes before it, so
    that backward() itself trains all of the model, and there are never two slates at
    once. new_optimizer([p]) is an SGD with momentum over p. run gives the weights at
    the end, and how many slates there were at most."""

    def train(model, loss_fn, new_optimizer, batches):
        __
        for x, y in batches:
            loss_fn(model(x), y).backward()

    def run(*rows):
        layers = [torch.nn.Linear(1, 1, bias=False, device=device) for _ in range(2)]
        model, slates = torch.nn.Sequential(*layers), []

        def count(_):
            slates.append(sum(p.grad is not None for p in model.parameters()))

        for p, start in zip(model.parameters(), (1.0, 2.0)):
            torch.nn.init.constant_(p, start)
            p.register_post_accumulate_grad_hook(count)
        sgd = partial(torch.optim.SGD, lr=0.25, momentum=0.5)
        pixels = torch.tensor(rows, device=device)
        batches = [(row[:1], row[1:]) for row in pixels]
        train(model, torch.nn.MSELoss(), sgd, batches)
        return [*(p.item() for p in model.parameters()), max(slates)]

    assert run((1.0, 3.0)) == [2.0, 2.5, 1]
    assert run((1.0, 3.0), (1.0, 4.5)) == [1.875, 2.25, 1]
    assert run((1.0, 3.0), (1.0, 4.5), (2.0, 8.0)) == [0.828125, 1.3046875, 1]
