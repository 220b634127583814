"""14  One window on two ranks

DistributedDataParallel (DDP) trains one model in several processes, the ranks,
each with its own data. During backward() the ranks exchange their slates: what
every rank has afterwards is the mean of them. In no_sync() they do not talk:

    with model.no_sync():
        loss_fn(model(x), y).backward()
    loss_fn(model(x), y).backward()     # exchanged

no_sync() is a flag: model.require_backward_grad_sync is False inside, and what it
was before behind it. The ranks start with the same weights, and nobody compares
them later on: who steps by the same slates stays one model.

on_two_ranks(worker, device) is [worker(0), worker(1)], from two real processes.
over_ranks(number) is the sum of all ranks' numbers, and every rank gets it:

    >>> on_two_ranks(lambda rank: over_ranks(rank + 1), "cpu")
    [3, 3]
"""

from contextlib import nullcontext

import torch
from pytest import approx
from sensei import __
from slate import slate
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from workers import exchanges, on_two_ranks


def one_weight():
    """A model with one weight, w = 1: its output is w * x, the slope of that is x."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    return model


def no_sync_if(condition, model):
    """model.no_sync() where the condition holds, else nothing at all."""
    return model.no_sync() if condition else nullcontext()


def over_ranks(number):
    """The sum of all ranks' numbers, on every rank."""
    total = torch.as_tensor(number).detach().clone()
    torch.distributed.all_reduce(total)
    return total.item()


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

    assert found == __


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

    assert found == __


def six_micro_batches(rank):
    inner = one_weight()
    model = DistributedDataParallel(inner)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x = torch.tensor([rank + 1.0])
    found = []
    for i in range(6):
        with no_sync_if((i + 1) % 4 != 0, model):
            loss = model(x) / 4
            loss.backward()
        if (i + 1) % 4 == 0 or i + 1 == 6:
            found.append(slate(inner.weight))
            optimizer.step()
            optimizer.zero_grad()
    return found


def test_six_micro_batches_on_each_rank(device):
    """Four micro-batches a window; the last window is short, and gets its step, too.
    What do the steps find on rank 0, and on rank 1? (A list of two lists.)"""
    found = on_two_ranks(six_micro_batches, device)

    assert found == __


def test_when_to_keep_quiet(device):
    """n micro-batches, k a window, the last one may be short. Every step should find
    the same on both ranks, and one exchange a window has to do. When is a micro-batch
    in no_sync()? found collects [slate, exchanges so far] for each step."""

    def train(rank, k, n):
        inner = one_weight()
        model = DistributedDataParallel(inner)
        talks = exchanges(model)
        x = torch.tensor([rank + 1.0])
        found = []
        for i in range(n):
            with no_sync_if(__, model):
                loss = model(x) / k
                loss.backward()
            if (i + 1) % k == 0 or i + 1 == n:
                found.append([slate(inner.weight), len(talks)])
                inner.weight.grad = None
        return found

    def three_runs(rank):
        return [train(rank, k=4, n=6), train(rank, k=2, n=5), train(rank, k=4, n=3)]

    rank_0, rank_1 = on_two_ranks(three_runs, device)
    assert rank_0[0] == [[1.5, 1], [0.75, 2]]
    assert rank_0[1] == [[1.5, 1], [1.5, 2], [0.75, 3]]
    assert rank_0[2] == [[1.125, 1]]
    assert rank_1[0] == [[1.5, 1], [0.75, 2]]
    assert rank_1[1] == [[1.5, 1], [1.5, 2], [0.75, 3]]
    assert rank_1[2] == [[1.125, 1]]


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

    assert found == __


def a_flag_set_by_hand(rank):
    inner = one_weight()
    model = DistributedDataParallel(inner)
    x = torch.tensor([rank + 1.0])
    for i in range(2):
        loss = model(x) / 2
        model.require_backward_grad_sync = i == 1  # exchange at the last one
        loss.backward()
    return slate(inner.weight)


def test_a_flag_set_by_hand(device):
    """A window of two micro-batches, without no_sync(): the loop sets the flag itself.
    What is on the slate of rank 0, and of rank 1, after the window?"""
    found = on_two_ranks(a_flag_set_by_hand, device)

    assert found == __


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
    assert rank_0 == __


def texts_of(rank):
    """Two windows of texts (x, y); of each window a rank has its own share."""
    shares = [
        [["1111", "001-"], ["1-"]],
        [["1-", "0-1"], ["11"]],
    ]
    number = {"0": 0, "1": 1, "-": -100}
    windows = []
    for texts in shares[rank]:
        targets = [torch.tensor([number[sign] for sign in text]) for text in texts]
        windows.append([(torch.zeros_like(y), y) for y in targets])
    return windows


def log_of(train, rank):
    """Runs train twice on this rank, and notes down what each of its steps finds."""
    log = {"found": [], "talks": [], "backwards": []}
    for max_norm in (9.0, 0.45):
        inner = torch.nn.Embedding(1, 2)
        torch.nn.init.zeros_(inner.weight)
        model = DistributedDataParallel(inner)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        talks, backwards = exchanges(model), []
        inner.weight.register_hook(backwards.append)

        def note(*_):
            found = slate(inner.weight)
            log["found"].append(found and found[0][0])
            log["talks"].append(len(talks))
            log["backwards"].append(len(backwards))

        optimizer.register_step_pre_hook(note)
        loss_fn = torch.nn.CrossEntropyLoss(reduction="sum")
        train(model, loss_fn, optimizer, texts_of(rank), max_norm)
    return log


def test_your_own_loop_on_two_ranks(device):
    """Write what a rank does with its texts of a window. On both ranks the step finds
    the mean over the real tokens (y is not -100) of both ranks' texts, clipped to
    max_norm. Each text has a forward and a backward() of its own; the ranks exchange
    once a window. talks and backwards: how many of them there were by each step."""

    def train(model, loss_fn, optimizer, windows, max_norm):
        for texts in windows:
            __

    rank_0, rank_1 = on_two_ranks(lambda rank: log_of(train, rank), device)
    assert rank_0["found"] == approx([0.2, 0.40131, 0.2, 0.3182], abs=1e-4)
    assert rank_1["found"] == approx([0.2, 0.40131, 0.2, 0.3182], abs=1e-4)
    assert rank_0["talks"] == [1, 2, 1, 2]
    assert rank_0["backwards"] == [2, 3, 2, 3]
