"""What lesson 14 says of two ranks and their slates, each sentence in several shapes.

All of it in two real processes, which work on the CPU.
"""

from contextlib import nullcontext
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from workers import exchanges, on_two_ranks

SHAPES = ["two layers", "table", "double"]
every_shape = pytest.mark.parametrize("shape", SHAPES)
FOUND = {}


def made(shape):
    """A model, an optimizer class and its options; alike on both ranks."""
    torch.manual_seed(0)
    if shape == "two layers":
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
        return model, torch.optim.AdamW, {"lr": 0.5}
    if shape == "table":
        model = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 2))
        return model, torch.optim.SGD, {"lr": 0.25, "momentum": 0.5}
    return nn.Linear(2, 2).double(), torch.optim.Adagrad, {"lr": 0.5}


def rows_of(shape, rank, i, count=2):
    """Micro-batch i of a rank: rows and targets, other ones in each."""
    torch.manual_seed(100 * rank + i + 1)
    dtype = torch.float64 if shape == "double" else torch.float32
    x = torch.randn(count, 2, dtype=dtype)
    y = torch.randn(count, 2, dtype=dtype)
    return (torch.randint(4, (count, 2)) if shape == "table" else x), y


def slopes(model):
    """All slates in one row."""
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def alone(shape, batches, scale=1.0, loss_fn=nn.functional.mse_loss):
    """What batches leave in one process: the sum of their slopes, times scale."""
    model, *_ = made(shape)
    for x, y in batches:
        (scale * loss_fn(model(x), y)).backward()
    return slopes(model)


def quiet_if(condition, model):
    return model.no_sync() if condition else nullcontext()


def both(work, shape, *more):
    """What a function of the shape, of more and of the rank gives back on both ranks.

    A pair of processes goes through all shapes, whichever is asked for first.
    """
    key = work.__code__, more
    if key not in FOUND:
        ways = [(each, *more) for each in SHAPES]
        FOUND[key] = on_two_ranks(
            lambda rank: [work(*way, rank) for way in ways], "cpu"
        )
    left, right = (found[SHAPES.index(shape)] for found in FOUND[key])
    return torch.tensor(left), torch.tensor(right)


def close(left, right):
    torch.testing.assert_close(left.double(), right.double(), rtol=1e-4, atol=1e-6)


@pytest.fixture(autouse=True)
def on_the_cpu(device):
    if device != "cpu":
        pytest.skip("two processes work on the CPU")


@pytest.mark.claim("test_one_pixel_on_each_rank", "learned")
@every_shape
def test_every_rank_has_the_mean_of_the_slates(shape, device):
    """After a backward() every rank has the mean of what the ranks worked out."""

    def work(shape, rank):
        model = DistributedDataParallel(made(shape)[0])
        x, y = rows_of(shape, rank, 0)
        nn.functional.mse_loss(model(x), y).backward()
        return slopes(model).tolist()

    left, right = both(work, shape)
    mean = alone(shape, [rows_of(shape, rank, 0) for rank in (0, 1)], 0.5)
    assert torch.equal(left, right)
    close(left, mean)


@pytest.mark.claim("test_first_without_sync", "test_when_to_keep_quiet", "learned")
@pytest.mark.claim("test_your_own_loop_on_two_ranks")
@every_shape
def test_one_exchange_takes_the_mean_of_whole_piles(shape, device):
    """In no_sync() each rank piles up by itself; the next backward() outside leaves
    the mean of the piles on both, by one exchange, however much has piled up."""

    def work(shape, rank):
        model = DistributedDataParallel(made(shape)[0])
        talks = exchanges(model)
        for i in range(3):
            x, y = rows_of(shape, rank, i)
            with quiet_if(i < 2, model):
                nn.functional.mse_loss(model(x), y).backward()
            if i == 1:
                before = slopes(model).tolist()
        return [before, slopes(model).tolist(), [float(len(talks))] * len(before)]

    left, right = both(work, shape)
    for rank, found in enumerate((left, right)):
        close(found[0], alone(shape, [rows_of(shape, rank, i) for i in (0, 1)]))
    batches = [rows_of(shape, rank, i) for rank in (0, 1) for i in range(3)]
    assert torch.equal(left[1:], right[1:])
    close(left[1], alone(shape, batches, 0.5))
    assert left[2].unique().tolist() == [1.0]


@pytest.mark.claim("test_six_micro_batches_on_each_rank", "test_when_to_keep_quiet")
@pytest.mark.claim("learned")
@every_shape
@pytest.mark.parametrize("last_is_quiet", [True, False])
def test_a_window_that_ends_in_no_sync_parts_the_ranks(shape, device, last_is_quiet):
    """A short window whose last micro-batch is in no_sync() leaves other weights on
    each rank, for good and without an error; else both have the same weights."""

    def work(shape, last_is_quiet, rank):
        inner, optimizer_class, options = made(shape)
        model = DistributedDataParallel(inner)
        optimizer = optimizer_class(model.parameters(), **options)
        weights = []
        for i in range(6):  # windows of 4 and of 2; and a full one of 4 behind them
            x, y = rows_of(shape, rank, i)
            ends = i == 3 or (i == 5 and not last_is_quiet)
            with quiet_if(not ends, model):
                nn.functional.mse_loss(model(x), y).backward()
            if i in (3, 5):
                optimizer.step()
                optimizer.zero_grad()
                weights.append(nn.utils.parameters_to_vector(inner.parameters()))
        model(rows_of(shape, rank, 6)[0]).sum().backward()
        optimizer.step()
        weights.append(nn.utils.parameters_to_vector(inner.parameters()))
        return torch.stack(weights).tolist()

    left, right = both(work, shape, last_is_quiet)
    assert torch.equal(left[0], right[0])
    for later in (1, 2):
        assert torch.equal(left[later], right[later]) == (not last_is_quiet)


@pytest.mark.claim("test_half_without_sync", "test_a_flag_set_by_hand")
@every_shape
def test_a_forward_outside_arms_the_next_backward(shape, device):
    """Of two forwards and then two backwards, the first backward() is exchanged where
    a forward stood outside no_sync(), whichever it was, wherever the backwards are."""

    def work(shape, rank):
        counts = []
        for a, b, later, first in product([True, False], repeat=4):
            model = DistributedDataParallel(made(shape)[0])
            talks, losses = exchanges(model), []
            for quiet in (a, b):
                with quiet_if(quiet, model):
                    losses.append(model(rows_of(shape, rank, 0)[0]).sum())
            for loss in losses if first else losses[::-1]:
                with quiet_if(later, model):
                    loss.backward()
                counts.append(float(len(talks)))
        return counts

    left, right = both(work, shape)
    armed = [not (a and b) for a, b, *_ in product([True, False], repeat=4)]
    assert left.tolist() == right.tolist()
    assert left.tolist() == [float(yes) for yes in armed for _ in range(2)]


@pytest.mark.claim("test_half_without_sync")
@every_shape
def test_a_forward_without_gradients_arms_nothing(shape, device):
    """A forward under no_grad() gets no exchange ready, outside no_sync() either."""

    def work(shape, rank):
        model = DistributedDataParallel(made(shape)[0])
        talks = exchanges(model)
        x, y = rows_of(shape, rank, 0)
        with model.no_sync():
            loss = nn.functional.mse_loss(model(x), y)
        with torch.no_grad():
            model(x)
        loss.backward()
        return [float(len(talks))]

    left, _ = both(work, shape)
    assert left.tolist() == [0.0]


@pytest.mark.claim("test_half_without_sync")
@every_shape
def test_fsdp2_goes_by_the_backward(shape, device):
    """FSDP2 looks at its flag at the backward(), so there it is the backward() that
    decides whether the ranks exchange."""
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
    except ImportError:
        pytest.skip("this torch has no torch.distributed.fsdp.fully_shard")

    def work(shape, rank):
        found = []
        for forward, backward in ((False, True), (True, False)):
            model = made(shape)[0]
            fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
            x, y = rows_of(shape, rank, 0)
            model.set_requires_gradient_sync(forward)
            loss = nn.functional.mse_loss(model(x), y)
            model.set_requires_gradient_sync(backward)
            loss.backward()
            found.append(float(all(p.grad is not None for p in model.parameters())))
        return found

    left, right = both(work, shape)
    assert left.tolist() == right.tolist() == [1.0, 0.0]


@pytest.mark.claim("test_a_flag_set_by_hand")
@every_shape
def test_a_flag_that_comes_after_the_forward_comes_too_late(shape, device):
    """The flag that is set between forward and backward() holds for the next forward:
    the first micro-batch is exchanged instead of the last, and the ranks part."""

    def work(shape, rank):
        model = DistributedDataParallel(made(shape)[0])
        talks, when = exchanges(model), []
        for i in range(3):
            x, y = rows_of(shape, rank, i)
            loss = nn.functional.mse_loss(model(x), y)
            model.require_backward_grad_sync = i == 2
            loss.backward()
            when.append(float(len(talks)))
        row = slopes(model).tolist()
        return [row, (when + row)[: len(row)]]

    left, right = both(work, shape)
    assert left[1][:3].tolist() == right[1][:3].tolist() == [1.0, 1.0, 1.0]
    first = alone(shape, [rows_of(shape, rank, 0) for rank in (0, 1)], 0.5)
    for rank, found in enumerate((left, right)):
        own = alone(shape, [rows_of(shape, rank, i) for i in (1, 2)])
        close(found[0], first + own)


@pytest.mark.claim("test_tokens_on_two_ranks", "test_your_own_loop_on_two_ranks")
@pytest.mark.claim("learned")
@every_shape
@pytest.mark.parametrize("rows", [(3, 1), (1, 4)])
def test_counted_over_all_ranks_every_row_weighs_the_same(shape, device, rows):
    """Sums divided by the rows of all ranks, times the number of ranks, leave what one
    process leaves; without the factor half of it, and means of one's own another."""

    def work(shape, rows, rank):
        found = []
        for way in ("all, doubled", "all", "own"):
            model = DistributedDataParallel(made(shape)[0])
            x, y = rows_of(shape, rank, 0, rows[rank])
            loss = (model(x) - y).pow(2).sum()
            count = rows[rank] if way == "own" else sum(rows)
            ((2 if "doubled" in way else 1) * loss / count).backward()
            found.append(slopes(model).tolist())
        return found

    left, right = both(work, shape, rows)
    batches = [rows_of(shape, rank, 0, rows[rank]) for rank in (0, 1)]
    loss_fn = nn.MSELoss(reduction="sum")
    whole = alone(shape, batches, 1 / sum(rows), loss_fn)
    assert torch.equal(left, right)
    close(left[0], whole)
    close(left[1], whole / 2)
    assert not torch.allclose(left[2].double(), whole.double(), rtol=1e-2)
