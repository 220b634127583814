"""What lesson 15 says of interrupted windows, each sentence in several shapes."""

import copy
import math

import pytest
import torch
from torch import nn

every_shape = pytest.mark.parametrize("shape", ["adam", "two groups", "table"])


def made(shape, device):
    """A model, an optimizer of it, and a loss for each micro-batch i."""
    torch.manual_seed(0)
    if shape == "table":
        model = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    elif shape == "adam":
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    else:
        model = nn.Sequential(nn.Linear(2, 2).double(), nn.Linear(2, 1).double())
    model.to(device)
    if shape == "table":
        optimizer = torch.optim.Adagrad(model.parameters(), lr=0.5)
    elif shape == "adam":
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.25)
    else:
        groups = [{"params": part.parameters(), "lr": 0.1} for part in model]
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.5)

    def loss(i):
        generator = torch.Generator().manual_seed(i)
        if shape == "table":
            x = torch.randint(5, (3,), generator=generator).to(device)
            return nn.functional.cross_entropy(model(x), x % 3)
        dtype = torch.float64 if shape == "two groups" else torch.float32
        x = torch.randn(3, 2, generator=generator, dtype=dtype).to(device)
        return model(x).pow(2).mean()

    return model, optimizer, loss


def slopes(model):
    return torch.cat([p.grad.detach().clone().flatten() for p in model.parameters()])


def close(left, right):
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def flat(state):
    """All tensors somewhere in a state_dict."""
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state
    return [t for part in parts for t in flat(part)] if has_parts(state) else []


def has_parts(state):
    return isinstance(state, dict | list | tuple)


@pytest.mark.claim("test_a_checkpoint_in_mid_window", "learned")
@every_shape
def test_slates_are_in_no_state_dict(shape, device):
    """A slate is in neither state_dict: what loads them has None on every slate, and
    its step finds the rest of the window alone."""
    model, optimizer, loss = made(shape, device)
    loss(0).backward()
    optimizer.step()
    optimizer.zero_grad()
    for i in (1, 2):
        loss(i).backward()
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict()])
    slates = {p.grad.data_ptr() for p in model.parameters()}
    kept = flat([model.state_dict(), optimizer.state_dict()])
    assert kept and not slates & {t.data_ptr() for t in kept}

    new, new_optimizer, new_loss = made(shape, device)
    new.load_state_dict(saved[0])
    new_optimizer.load_state_dict(saved[1])
    assert [p.grad for p in new.parameters()] == [None] * len(list(new.parameters()))
    before = slopes(model)
    loss(3).backward()
    new_loss(3).backward()
    close(slopes(new), slopes(model) - before)


@pytest.mark.claim("test_where_to_go_on", "learned", "test_review_four_interruptions")
@every_shape
@pytest.mark.parametrize(("k", "done"), [(3, 5), (4, 4), (2, 1)])
def test_a_window_that_begins_again_finds_what_it_would_have_found(
    shape, device, k, done
):
    """From the beginning of the interrupted window on, all steps find the same as
    without a stop; from the next micro-batch on, the first step finds a part. Slates
    that are saved as well, and put back, do, too."""

    def train(begin, end, saved=None, slates=None):
        model, optimizer, loss = made(shape, device)
        for module in model.modules():  # running statistics would go on twice
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 0.0
        if saved:
            model.load_state_dict(saved[0])
            optimizer.load_state_dict(copy.deepcopy(saved[1]))  # it would share them
        if slates:
            for p, slate in zip(model.parameters(), slates, strict=True):
                p.grad = slate
        found = []
        for i in range(begin, end):
            (loss(i) / k).backward()
            if (i + 1) % k == 0:
                found.append(slopes(model))
                optimizer.step()
                optimizer.zero_grad()
        state = copy.deepcopy([model.state_dict(), optimizer.state_dict()])
        return found, state, [p.grad for p in model.parameters()]

    whole, *_ = train(0, 2 * k + 2)
    first, saved, slates = train(0, done)
    again, *_ = train(done - done % k, 2 * k + 2, saved)
    put_back, *_ = train(done, 2 * k + 2, saved, slates)
    onward, *_ = train(done, 2 * k + 2, saved)
    close(torch.stack(first + again), torch.stack(whole))
    close(torch.stack(first + put_back), torch.stack(whole))
    same = torch.allclose(onward[0], whole[len(first)], rtol=1e-2)
    assert same == (done % k == 0)


@pytest.mark.claim("test_a_bad_micro_batch", "test_review_four_interruptions")
@pytest.mark.claim("learned")
@every_shape
def test_continue_takes_the_step_along(shape, device):
    """A bad micro-batch left out by continue leaves a gap in mid-window. At a window's
    end the step is left out too, and the next one finds both windows."""

    def steps(bad):
        model, _, loss = made(shape, device)
        found = {}
        for i in range(6):
            one = loss(i) * (math.nan if i == bad else 1.0)
            if not torch.isfinite(one):
                continue
            one.backward()
            if (i + 1) % 3 == 0:
                found[i] = slopes(model)
                model.zero_grad()
        return found

    model, _, loss = made(shape, device)
    alone = []
    for i in range(6):
        loss(i).backward()
        alone.append(slopes(model))
        model.zero_grad()
    gap, late = steps(bad=1), steps(bad=2)
    assert list(gap) == [2, 5] and list(late) == [5]
    close(gap[2], alone[0] + alone[2])
    close(late[5], sum(alone) - alone[2])


@pytest.mark.claim("test_your_own_loop_with_bad_batches")
@every_shape
def test_a_pile_with_one_nan_is_spoiled(shape, device):
    """One bad loss spoils the pile, what is added later too; and isfinite() is what
    tells it from all others."""
    model, _, loss = made(shape, device)
    loss(0).backward()
    for bad in (math.nan, math.inf, -math.inf):
        assert not torch.isfinite(loss(1) * bad)
    (loss(1) * math.nan).backward()
    loss(2).backward()
    assert torch.isfinite(loss(2))
    assert all(p.grad.isnan().any() for p in model.parameters())


@pytest.mark.claim("test_your_own_loop_with_bad_batches", "learned")
@every_shape
@pytest.mark.parametrize("bad", [(), (1,), (0, 3)])
def test_divided_by_the_count_at_the_end_it_is_the_mean(shape, device, bad):
    """Slates that are divided by the count of good batches hold the mean of these, as
    one loss that is their mean would leave it."""
    model, _, loss = made(shape, device)
    good = [i for i in range(4) if i not in bad]
    for i in good:
        loss(i).backward()
    for p in model.parameters():
        p.grad /= len(good)
    piled = slopes(model)

    model, _, loss = made(shape, device)
    (sum(loss(i) for i in good) / len(good)).backward()
    close(piled, slopes(model))


@pytest.mark.claim("test_a_k_that_grows", "test_a_k_that_changes", "learned")
@pytest.mark.claim("test_review_four_interruptions")
@pytest.mark.parametrize(
    ("shape", "by_i", "by_count"),
    [
        ((2, 2, 3, 3, 3), [2, 1], [2, 3]),
        ((4, 4, 4, 2, 2, 2), [4, 2], [4, 2]),
        ((5, 5, 5, 2, 2, 2, 2), [4, 2], [4, 2]),
        ((1, 3, 3, 3, 2, 2), [1, 2, 3], [1, 3, 2]),
        ((4, 4, 4, 3, 3, 3, 3), [6], [4, 3]),
    ],
)
def test_count_what_has_piled_up_since_the_last_step(shape, by_i, by_count, device):
    """Where k changes, (i + 1) % k does not make windows of k. Whoever counts since
    the last step, and asks for k or more, gets a window as soon as it is full."""
    p = torch.ones(2, device=device, requires_grad=True)
    for is_due, expected in (
        (lambda i, waiting, k: (i + 1) % k == 0, by_i),
        (lambda i, waiting, k: waiting >= k, by_count),
    ):
        found, waiting, p.grad = [], 0, None
        for i, k in enumerate(shape):
            p.sum().backward()
            waiting += 1
            if is_due(i, waiting, k):
                found.append(p.grad[0].item())
                waiting, p.grad = 0, None
        assert found == expected


@pytest.mark.claim("test_an_average_on_the_side", "learned")
@pytest.mark.parametrize("shape", [(0.5, 3), (0.9, 4), (0.75, 2)], ids=str)
def test_an_average_forgets_k_times_as_fast(shape, device):
    """Updated in each of k micro-batches, an average keeps decay**k of its distance to
    p for each window; updated once a step it keeps decay."""
    decay, k = shape
    p = torch.tensor([1.0, -2.0], device=device, dtype=torch.float64)
    often, seldom = torch.zeros_like(p), torch.zeros_like(p)
    for _ in range(k):  # a window behind a step: p stands still
        often = decay * often + (1 - decay) * p
    seldom = decay * seldom + (1 - decay) * p
    close(p - often, decay**k * p)
    close(p - seldom, decay * p)


@pytest.mark.claim("test_a_step_that_asks_again", "learned")
@pytest.mark.parametrize("shape", ["two pixels", "layers", "line search"])
def test_a_closure_without_a_wipe_piles_up(shape, device):
    """LBFGS calls its closure several times in one step; with the wipe outside, the
    second call finds the first slope as well; inside, it finds its own alone."""

    def run(wipe_inside):
        torch.manual_seed(0)
        if shape == "layers":
            model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        else:
            model = nn.Linear(2, 1).double()
        model.to(device)
        dtype = next(model.parameters()).dtype
        x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], device=device, dtype=dtype)
        search = "strong_wolfe" if shape == "line search" else None
        optimizer = torch.optim.LBFGS(
            model.parameters(), lr=0.25, max_iter=3, line_search_fn=search
        )
        found, own = [], []

        def closure():
            if wipe_inside:
                optimizer.zero_grad()
            loss = (model(x) - 1).pow(2).sum()
            slope = torch.autograd.grad(loss, list(model.parameters()))
            own.append(torch.cat([part.flatten() for part in slope]))
            loss = (model(x) - 1).pow(2).sum()
            loss.backward()
            found.append(slopes(model))
            return loss

        optimizer.zero_grad()
        optimizer.step(closure)
        return found, own

    for wipe_inside in (False, True):
        found, own = run(wipe_inside)
        assert len(found) > 1
        close(found[0], own[0])
        close(found[1], own[1] if wipe_inside else own[0] + own[1])


OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {}),
    "adam": (torch.optim.Adam, {}),
    "adagrad": (torch.optim.Adagrad, {}),
    "sgd with decay": (torch.optim.SGD, {"weight_decay": 0.5}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.5}),
    "adam with decay": (torch.optim.Adam, {"weight_decay": 0.5}),
}


def trained(shape, device, freeze, steps=2, **more):
    """A table of three rows after some steps; freeze(table) steps."""
    optimizer_class, options = OPTIMIZERS[shape]
    table = torch.full((3, 2), 8.0, device=device, requires_grad=True)
    optimizer = optimizer_class([table], lr=0.5, **{**options, **more})
    for _ in range(steps):
        (table * torch.arange(1.0, 7.0, device=device).view(3, 2)).sum().backward()
        freeze(table, optimizer)
        optimizer.zero_grad()
    return table.detach()


@pytest.mark.claim("test_two_rows_of_one_table")
@pytest.mark.parametrize("shape", OPTIMIZERS)
def test_zeros_on_the_slate_stop_the_slope_alone(shape, device):
    """A row whose slope is set to zero stays, unless there is a weight decay."""

    def freeze(table, optimizer):
        table.grad[0] = 0.0
        optimizer.step()

    table = trained(shape, device, freeze)
    assert (table[0] == 8.0).all() == ("weight_decay" not in OPTIMIZERS[shape][1])
    assert (table[1:] != 8.0).all()


@pytest.mark.claim("test_two_rows_of_one_table")
@pytest.mark.parametrize("shape", ["sgd", "adam", "adamw"])
def test_a_velocity_from_before_goes_on(shape, device):
    """A row that was trained before moves on by what the optimizer remembers."""
    moves = []

    def freeze(table, optimizer):
        if moves:  # from the second step on
            table.grad[0] = 0.0
        before = table[0].detach().clone()
        optimizer.step()
        moves.append((table[0] - before).abs().max().item())

    more = {"momentum": 0.5} if shape == "sgd" else {}
    more |= {"weight_decay": 0.0} if shape == "adamw" else {}
    trained(shape, device, freeze, **more)
    assert moves[1] > 0.1


@pytest.mark.claim("test_a_row_that_stays", "test_two_rows_of_one_table")
@pytest.mark.parametrize("shape", OPTIMIZERS)
def test_a_row_that_is_put_back_stays_exactly(shape, device):
    """Put back from a clone after each step, a row stays, whatever the optimizer; the
    others are trained as ever. A view of the row would have moved along."""

    def put_back(table, optimizer):
        kept, view = table[0].detach().clone(), table[0].detach()
        optimizer.step()
        assert torch.equal(view, table[0]) and not torch.equal(kept, view)
        with pytest.raises(RuntimeError):
            table[0] = kept
        with pytest.raises(RuntimeError):
            table[0].requires_grad = False
        with torch.no_grad():
            table[0] = kept

    table = trained(shape, device, put_back)
    as_ever = trained(shape, device, lambda _, optimizer: optimizer.step())
    assert (table[0] == 8.0).all()
    close(table[1:], as_ever[1:])
