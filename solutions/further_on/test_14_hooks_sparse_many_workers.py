"""14  Hooks, sparse, many workers

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
an entry for each row that was looked up, and nothing at all for the others.

DistributedDataParallel (DDP) trains one model in several processes, the ranks,
each with its own data. During backward() the ranks take the mean of their slates.
on_two_ranks(worker, device) is [worker(0), worker(1)], from two real processes.
"""

import torch
from sensei import __
from slate import slate
from torch.nn.functional import embedding
from torch.nn.parallel import DistributedDataParallel
from workers import on_two_ranks


def test_two_kinds_of_hook(device):
    """One hook of each kind writes down what it sees, over two backwards.
    What do the two lists hold? Write down both, as a list of two lists."""
    p = torch.tensor(1.0, device=device, requires_grad=True)
    arrived, written = [], []
    p.register_hook(lambda slope: arrived.append(slope.item()))
    p.register_post_accumulate_grad_hook(lambda p: written.append(p.grad.item()))

    (3 * p).backward()
    (4 * p).backward()

    assert [arrived, written] == [[3.0, 4.0], [3.0, 7.0]]


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

    assert [slate(p), slate(q)] == [2.5, 1.0]


def test_stepping_in_the_hook(device):
    """Memory is short. Move p as soon as its slate has been written, and throw
    the slate away, so that backward() leaves none behind."""

    def train(loss, steps):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.25)

        def when_written(p):
            optimizer.step()
            optimizer.zero_grad()

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

    assert stored == [1, 3, 2]


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

    assert seen == [True, True, False, False]


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

    assert stepped == ["SGD", "SparseAdam"]


def one_weight():
    """A model with one weight, w = 1: its output is w * x, the slope of that is x."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    return model


def one_pixel_each(rank):
    inner = one_weight()
    model = DistributedDataParallel(inner)
    x = torch.tensor([rank + 1.0])
    model(x).backward()
    return slate(inner.weight)


def test_one_pixel_on_each_rank(device):
    """Rank 0 has the pixel 1, rank 1 the pixel 2. After one backward(), what is
    on the slate of rank 0, and of rank 1?"""
    found = on_two_ranks(one_pixel_each, device)

    assert found == [1.5, 1.5]


def first_without_sync(rank):
    inner = one_weight()
    model = DistributedDataParallel(inner)
    x = torch.tensor([rank + 1.0])
    with model.no_sync():
        model(x).backward()
    before = slate(inner.weight)
    model(x).backward()
    return [before, slate(inner.weight)]


def test_first_without_sync(device):
    """In no_sync() the ranks do not talk. Each returns a list: its slate after a
    backward() in no_sync(), and after one more outside. What do the two ranks return?
    (A list of two lists, rank 0 first.)"""
    found = on_two_ranks(first_without_sync, device)

    assert found == [[1.0, 3.0], [2.0, 3.0]]


def half_without_sync(rank):
    inner = one_weight()
    model = DistributedDataParallel(inner)
    x = torch.tensor([rank + 1.0])

    loss = model(x)
    with model.no_sync():
        loss.backward()
    found = [slate(inner.weight)]

    model.zero_grad()
    with model.no_sync():
        loss = model(x)
    loss.backward()
    return found + [slate(inner.weight)]


def test_half_without_sync(device):
    """Only the backward stands in no_sync(); then, wiped, only the forward does.
    Each rank lists its slate after both. What do the two ranks return?
    (A list of two lists, rank 0 first.)"""
    found = on_two_ranks(half_without_sync, device)

    assert found == [[1.5, 1.0], [1.5, 2.0]]


def three_ways_to_divide(rank):
    tokens = [[[1.0], [1.0], [1.0]], [[5.0]]]
    ways = [
        lambda losses: losses.mean(),
        lambda losses: losses.sum() / 4,
        lambda losses: 2 * losses.sum() / 4,
    ]
    found = []
    for divide in ways:
        inner = one_weight()
        model = DistributedDataParallel(inner)
        losses = model(torch.tensor(tokens[rank]))
        divide(losses).backward()
        found.append(slate(inner.weight))
    return found


def test_tokens_on_two_ranks(device):
    """Rank 0 has three tokens of slope 1, rank 1 has one of slope 5. In one process
    their mean leaves (1 + 1 + 1 + 5) / 4. What do the three ways leave on rank 0? (It
    is the same on rank 1.)"""
    rank_0, rank_1 = on_two_ranks(three_ways_to_divide, device)

    assert rank_1 == rank_0
    assert rank_0 == [3.0, 1.0, 2.0]
