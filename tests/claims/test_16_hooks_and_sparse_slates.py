"""What lesson 16 says of hooks and sparse slates, each sentence in several shapes."""

import pytest
import torch
from torch import nn
from torch.nn.functional import embedding
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from workers import on_two_ranks

every_shape = pytest.mark.parametrize("shape", ["layers", "half", "used twice"])


def made(shape, device):
    """Parameters, and a loss for each i that leads to all of them."""
    torch.manual_seed(0)
    if shape == "layers":
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).to(device)
        x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], device=device)
        return list(model.parameters()), lambda i: (model(x) - i).pow(2).mean()
    dtype = torch.bfloat16 if shape == "half" else torch.float64
    p = torch.tensor([1.0, -2.0], device=device, dtype=dtype, requires_grad=True)
    q = torch.tensor([[0.5]], device=device, dtype=dtype, requires_grad=True)
    if shape == "half":
        return [p, q], lambda i: (p * q).mean() * (i + 1)
    return [p, q], lambda i: ((p * p).sum() * q).sum() + (i + 1) * (p.sum() + q.sum())


@pytest.mark.claim("test_two_kinds_of_hook", "learned")
@every_shape
def test_one_hook_is_given_what_arrives_the_other_what_is_there(shape, device):
    """register_hook's function is given what each backward() brings to a leaf, its
    paths added up; the other one finds the slate with that added."""
    ps, loss = made(shape, device)
    arrived, written = [], []
    for p in ps:
        p.register_hook(lambda slope: arrived.append(slope.clone()))
        p.register_post_accumulate_grad_hook(lambda p: written.append(p.grad.clone()))
    expected = []
    for i in range(2):
        expected += torch.autograd.grad(loss(i), ps)
        arrived.clear()  # grad() calls the first kind as well
        loss(i).backward()
        assert len(arrived) == len(ps)
        new = expected[-len(ps) :]
        for slope in new:
            assert any(torch.equal(slope, one) for one in arrived)
    assert len(written) == 2 * len(ps)
    for p, first, second in zip(ps, expected[: len(ps)], new, strict=True):
        assert torch.equal(p.grad, first + second)
        assert any(torch.equal(p.grad, one) for one in written)


@pytest.mark.claim("test_a_limit_in_a_hook", "learned")
@every_shape
def test_a_limit_in_a_hook_holds_for_each_backward(shape, device):
    """What a hook returns goes on in the slope's place; it limits what arrives, and
    what has piled up can be beyond the limit."""
    ps, loss = made(shape, device)
    limit = 0.25
    own = []
    for i in range(3):
        own.append([g.clamp(max=limit) for g in torch.autograd.grad(loss(i), ps)])
    for p in ps:
        p.register_hook(lambda slope: slope.clamp(max=limit))
    for i in range(3):
        loss(i).backward()
    for p, *parts in zip(ps, *own, strict=True):
        assert torch.equal(p.grad, parts[0] + parts[1] + parts[2])
    assert any((p.grad > limit).any() for p in ps)


def stepping(ps, **options):
    """Hooks that step with an optimizer of each parameter's own, and wipe."""
    optimizers = {p: torch.optim.SGD([p], lr=0.25, **options) for p in ps}

    def when_written(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in ps:
        p.register_post_accumulate_grad_hook(when_written)


@pytest.mark.claim("test_your_own_loop_with_one_slate", "test_stepping_in_the_hook")
@every_shape
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "weight_decay": 0.1}])
def test_hooks_that_step_train_like_an_optimizer_of_all(shape, device, options):
    """Stepping in the hooks ends where step() behind each backward() does, with one
    slate at a time and none left."""
    ps, loss = made(shape, device)
    optimizer = torch.optim.SGD(ps, lr=0.25, **options)
    for i in range(3):
        loss(i).backward()
        optimizer.step()
        optimizer.zero_grad()

    qs, loss = made(shape, device)
    counts = []
    for q in qs:
        q.register_post_accumulate_grad_hook(
            lambda _: counts.append(sum(q.grad is not None for q in qs))
        )
    stepping(qs, **options)
    for i in range(3):
        loss(i).backward()
    assert set(counts) == {1} and [q.grad for q in qs] == [None] * len(qs)
    for p, q in zip(ps, qs, strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.claim("test_stepping_in_the_hook")
@every_shape
def test_hooks_that_step_rule_out_what_needs_all_slates(shape, device):
    """With them nothing piles up, and a clip by norm behind backward() comes too late:
    there is no slate any more, and the weights have moved by unclipped slopes."""
    ps, loss = made(shape, device)
    starts = [p.detach().clone() for p in ps]
    slopes = torch.autograd.grad(loss(0), ps)
    stepping(ps)
    loss(0).backward()
    assert clip_grad_norm_(ps, 1e-3) == 0.0
    for p, start, slope in zip(ps, starts, slopes, strict=True):
        assert p.grad is None
        torch.testing.assert_close(p.detach(), start - 0.25 * slope)


@pytest.mark.claim("test_stepping_in_the_hook")
@pytest.mark.parametrize("shape", [0.25, 0.5, 1.0])
def test_under_ddp_the_hook_steps_before_the_mean(shape, device):
    """Under DDP the hook runs before the ranks have taken their mean: each rank steps
    by its own slope, and no error is raised."""

    def work(rank):
        inner = nn.Linear(1, 1, bias=False)
        nn.init.ones_(inner.weight)
        model = DistributedDataParallel(inner)
        optimizer = torch.optim.SGD(model.parameters(), lr=shape)

        def when_written(p):
            optimizer.step()
            optimizer.zero_grad()

        inner.weight.register_post_accumulate_grad_hook(when_written)
        model(torch.tensor([rank + 1.0])).backward()
        return inner.weight.item()

    assert on_two_ranks(work, device) == [1 - shape, 1 - 2 * shape]


LOSSES = {
    "sum": lambda picked: picked.sum(),
    "mean": lambda picked: picked.mean(),
    "squares": lambda picked: picked.pow(2).sum(),
    "scaled": lambda picked: (2 * picked).sum(),
}
every_loss = pytest.mark.parametrize("shape", LOSSES)


def table_of(device, rows=5, width=2):
    return torch.ones(rows, width, device=device, requires_grad=True)


def look_up(table, rows, loss):
    rows = torch.tensor(rows, device=table.device)
    loss(embedding(rows, table, sparse=True)).backward()


@pytest.mark.claim("test_entries_on_a_sparse_slate", "learned")
@every_loss
def test_only_coalesce_makes_one_entry_a_row(shape, device):
    """A sparse slate holds an entry for each row that was looked up, at least: the
    same row may be there twice. After coalesce() each is there once, added up."""
    table, dense = table_of(device), table_of(device)
    stored = []
    for rows in ([3], [3, 1], [3, 3, 0]):
        look_up(table, rows, LOSSES[shape])
        stored.append(table.grad._nnz())
        LOSSES[shape](dense[torch.tensor(rows, device=device)]).backward()
    assert stored[0] == 1 and 3 <= stored[-1] <= 6
    tidy = table.grad.coalesce()
    assert tidy.indices()[0].tolist() == [0, 1, 3]
    torch.testing.assert_close(table.grad.to_dense(), dense.grad)


@pytest.mark.claim("test_entries_on_a_sparse_slate")
@every_loss
def test_when_entries_of_one_row_are_merged(shape, device):
    """On the CPU they wait for coalesce() behind a plain sum(); behind a mean() or a
    layer they are merged at once. CUDA never merges them by itself."""
    table = table_of(device)
    look_up(table, [3], LOSSES[shape])
    look_up(table, [3, 1], LOSSES[shape])
    waits = shape == "sum" or device != "cpu"
    assert table.grad._nnz() == (3 if waits else 2)


@pytest.mark.claim("test_two_kinds_of_slope", "learned")
@every_loss
def test_a_dense_slope_makes_the_slate_dense(shape, device):
    """Sparse and sparse is sparse; with a dense slope the slate is dense, and stays so
    until it is wiped. A table that is used both ways gets a dense slope at once."""
    table = table_of(device)
    look_up(table, [3], LOSSES[shape])
    look_up(table, [3, 1], LOSSES[shape])
    assert table.grad.is_sparse
    LOSSES[shape](table).backward()
    look_up(table, [2], LOSSES[shape])
    assert not table.grad.is_sparse
    table.grad = None
    look_up(table, [2], LOSSES[shape])
    assert table.grad.is_sparse
    table.grad = None
    picked = embedding(torch.tensor([3], device=device), table, sparse=True)
    (LOSSES[shape](picked) + LOSSES[shape](picked @ table.T)).backward()
    assert not table.grad.is_sparse


SPARSE = {
    "sgd": ("SGD", {}, True),
    "sgd with momentum": ("SGD", {"momentum": 0.5}, True),
    "adagrad": ("Adagrad", {}, True),
    "sparse adam": ("SparseAdam", {}, True),
    "sgd with decay": ("SGD", {"weight_decay": 0.1}, False),
    "adam": ("Adam", {}, False),
    "adamw": ("AdamW", {}, False),
    "rmsprop": ("RMSprop", {}, False),
}


@pytest.mark.claim("test_who_takes_a_sparse_slate")
@pytest.mark.parametrize("shape", SPARSE)
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_who_steps_with_a_sparse_slate(shape, device):
    """SGD, also with momentum, Adagrad and SparseAdam take it, and leave alone what
    was not looked up; SGD with weight decay, Adam, AdamW and RMSprop raise."""
    name, options, takes_it = SPARSE[shape]
    table = table_of(device)
    optimizer = getattr(torch.optim, name)([table], lr=0.5, **options)
    for rows in ([3], [3, 1]):
        optimizer.zero_grad()
        look_up(table, rows, LOSSES["squares"])
        if not takes_it:
            with pytest.raises(RuntimeError):
                optimizer.step()
            return
        optimizer.step()
    moved = (table != 1.0).any(dim=1).tolist()
    assert moved == [False, True, False, True, False]


@pytest.mark.claim("test_who_takes_a_sparse_slate")
@pytest.mark.parametrize("shape", ["Adam", "AdamW", "RMSprop"])
def test_who_raises_moves_or_fades_every_row(shape, device):
    """Adam and AdamW move a row whose slope is zero now and was not before; RMSprop
    fades its memory of it."""
    table = table_of(device)
    optimizer = getattr(torch.optim, shape)([table], lr=0.5)
    table.sum().backward()
    optimizer.step()
    before = table.detach().clone()
    memory = optimizer.state[table][
        "square_avg" if shape == "RMSprop" else "exp_avg_sq"
    ]
    earlier = memory.clone()
    table.grad[0] = 0.0
    optimizer.step()
    assert (memory[0] < earlier[0]).all()
    if shape != "RMSprop":
        assert (table[0] != before[0]).all()
