"""15  Interrupted windows

A window is half done, and something comes in between: the machine is stopped, a
micro-batch is no good, k changes, somebody wants an average. What is on the slate
then is what you have, and nobody but you knows how much of a window that is.

A loss that is nan or inf is a bad one, and one such loss spoils a whole pile:

    >>> p = torch.tensor(1.0, requires_grad=True)
    >>> for x in (2.0, float("nan"), 2.0):
    ...     (x * p).backward()
    >>> slate(p)
    nan

torch.isfinite(loss) is True for all others. What else this lesson uses:

- model.state_dict() and optimizer.state_dict() are what one saves of a run, and
  load_state_dict() puts it into a new model and a new optimizer.
- An average on the side (EMA): average = (average + p) / 2 lets it follow p slowly.
- optimizer.step(closure) calls closure() for the loss. LBFGS does so several times
  in one step, each time after it has moved the pixels.
- AdamW with weight_decay=0.5 and lr=0.5 first takes 0.25 * p from every p.
"""

import math

import torch
from pytest import approx
from sensei import __
from slate import slate


def test_a_checkpoint_in_mid_window(device):
    """A window of four micro-batches, each adds 1. After the second, all is saved; a
    new model and a new optimizer load it and do the other two. What is on the slate
    when it is saved, when it is loaded, and at the end of the window?"""

    def begin():
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        return model, torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)

    def two_micro_batches(model):
        for _ in range(2):
            loss = model(torch.tensor([4.0], device=device)) / 4
            loss.backward()

    model, optimizer = begin()
    two_micro_batches(model)
    seen = [slate(model.weight)]
    saved = model.state_dict(), optimizer.state_dict()

    model, optimizer = begin()
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    seen.append(slate(model.weight))
    two_micro_batches(model)
    seen.append(slate(model.weight))

    assert seen == [2.0, None, 2.0]


def test_where_to_go_on(device):
    """A run was stopped after `done` micro-batches, anywhere in a window, with weights
    and velocity saved. Its steps are to find what they would have found without the
    stop. With which i does the new process begin? found is of both processes."""

    def run(k, done):
        xs, found = [1.0, 2.0, 3.0, 1.0, 2.0, 1.0, 1.0, 3.0], []

        def train(begin, end, saved):
            model = torch.nn.Linear(1, 1, bias=False, device=device)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.25, momentum=0.5)
            torch.nn.init.ones_(model.weight)
            if saved:
                model.load_state_dict(saved[0])
                optimizer.load_state_dict(saved[1])
            for i in range(begin, end):
                loss = model(torch.tensor([xs[i]], device=device)).pow(2) / 2 / k
                loss.backward()
                if (i + 1) % k == 0:
                    found.append(slate(model.weight))
                    optimizer.step()
                    optimizer.zero_grad()
            return model.state_dict(), optimizer.state_dict()

        saved = train(0, done, None)
        first = done - done % k
        train(first, len(xs), saved)
        return found

    assert run(k=4, done=6) == [3.75, 0.234375]
    assert run(k=4, done=3) == [3.75, 0.234375]
    assert run(k=4, done=4) == [3.75, 0.234375]
    assert run(k=2, done=7) == [2.5, 1.875, -1.015625, -2.71484375]


def test_a_bad_micro_batch(device):
    """Two micro-batches a window, each adds a half; one of the six is bad, and is left
    out by `continue`. What do the steps find if i = 2 is the bad one, and what if it is
    i = 3? (A list of two lists.)"""

    def run(bad):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        found = []
        for i in range(6):
            loss = p / 2 * (math.nan if i == bad else 1.0)
            if not torch.isfinite(loss):
                continue
            loss.backward()
            if (i + 1) % 2 == 0:
                found.append(slate(p))
                p.grad = None
        return found

    assert [run(bad=2), run(bad=3)] == [[1.0, 0.5, 1.0], [1.0, 1.5]]


def test_a_k_that_grows(device):
    """In a warm-up k grows: it is 1 for one micro-batch, 2 for two, 3 for three, 4 for
    four. Each adds 1. What do the steps find, and what is left on the slate?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    found = []
    for i, k in enumerate([1, 2, 2, 3, 3, 3, 4, 4, 4, 4]):
        (1.0 * p).backward()
        if (i + 1) % k == 0:
            found.append(slate(p))
            p.grad = None

    assert [found, slate(p)] == [[1.0, 1.0, 4.0, 2.0], 2.0]


def test_a_k_that_changes(device):
    """k may change from one micro-batch to the next. A step is due as soon as the slate
    holds k micro-batches or more; waiting is how many there are on it. When is it time
    to step? train returns what the steps find, and what is left on the slate."""

    def train(*ks):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        found, waiting = [], 0
        for i, k in enumerate(ks):
            (1.0 * p).backward()
            waiting += 1
            if waiting >= k:
                found.append(slate(p))
                p.grad, waiting = None, 0
        return found + [slate(p)]

    assert train(1, 2, 2, 3, 3, 3, 4, 4, 4, 4) == [1.0, 2.0, 3.0, 4.0, None]
    assert train(4, 4, 4, 3, 3, 3, 3) == [4.0, 3.0, None]
    assert train(3, 3, 2, 2, 2, 5) == [3.0, 2.0, 1.0]


def test_an_average_on_the_side(device):
    """Two windows of four micro-batches, p's slope is 8. Both averages begin at 8, as p
    does: one is brought up to date after every micro-batch, the other after each step.
    What are the two at the end?"""
    p = torch.tensor(8.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    often = seldom = 8.0
    for i in range(8):
        loss = 8 * p / 4
        loss.backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
            seldom = (seldom + p.item()) / 2
        often = (often + p.item()) / 2

    assert [often, seldom] == [-3.75, -2.0]


def test_a_step_that_asks_again(device):
    """LBFGS calls the closure twice in its step: p is 4 at the first call, and 3.75 at
    the second. What is on the slate behind the backward() of each call, with the wipe
    before the step, and with the wipe in the closure? (A list of two lists.)"""

    def run(wipe_inside):
        p = torch.tensor(4.0, device=device, requires_grad=True)
        optimizer = torch.optim.LBFGS([p], lr=0.25, max_iter=2)
        found = []

        def closure():
            if wipe_inside:
                optimizer.zero_grad()
            loss = p * p / 2  # its slope is p
            loss.backward()
            found.append(slate(p))
            return loss

        optimizer.zero_grad()
        optimizer.step(closure)
        return found

    assert [run(False), run(True)] == [[4.0, 7.75], [4.0, 3.75]]


def test_two_rows_of_one_table(device):
    """Row 0 is to stay as it is, so its part of the slate is set to 0 before each of
    two steps. Where is row 0 then, with SGD, and with AdamW and its weight decay?"""

    def train(optimizer_class, **options):
        table = torch.tensor([[8.0], [8.0]], device=device, requires_grad=True)
        optimizer = optimizer_class([table], lr=0.5, **options)
        for _ in range(2):
            table.sum().backward()
            table.grad[0] = 0.0
            optimizer.step()
            optimizer.zero_grad()
        return table[0].item()

    seen = [train(torch.optim.SGD), train(torch.optim.AdamW, weight_decay=0.5)]
    assert seen == [8.0, 4.5]


def test_a_row_that_stays(device):
    """Write the step: row 0 is to stay exactly where it is, and row 1 to be trained as
    ever, whatever the optimizer. train returns both rows after two steps."""

    def train(start, optimizer_class, **options):
        table = torch.tensor(start, device=device, requires_grad=True)
        optimizer = optimizer_class([table], lr=0.5, **options)
        for _ in range(2):
            table.sum().backward()
            kept = table[0].detach().clone()
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                table[0] = kept
        return table.flatten().tolist()

    sgd = torch.optim.SGD
    assert train([[8.0], [8.0]], sgd) == [8.0, 7.0]
    assert train([[8.0], [8.0]], sgd, weight_decay=0.5) == [8.0, 3.625]
    adamw_rows = train([[2.0], [8.0]], torch.optim.AdamW, weight_decay=0.5)
    assert adamw_rows == approx([2.0, 3.625])


def found_by(train, device, k, rows):
    """[slate, backwards so far] for each step of train, on batches of one row."""
    model = torch.nn.Linear(1, 1, bias=False, device=device)
    torch.nn.init.ones_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.125)
    found, backwards = [], []
    model.weight.register_hook(backwards.append)
    optimizer.register_step_pre_hook(
        lambda *_: found.append([slate(model.weight), len(backwards)])
    )
    numbers = torch.tensor(rows, dtype=torch.float32, device=device)
    batches = [(row[:1], row[1:]) for row in numbers]
    train(model, torch.nn.MSELoss(), optimizer, batches, k)
    return found


def test_your_own_loop_with_bad_batches(device):
    """Write the body. Each window of k batches makes one step, the last may be short. A
    batch whose loss is not finite is left out; the step finds the mean of the others,
    and a window that has no other makes no step. One graph at a time, please: found
    holds [slate, backwards so far] for each step."""

    def train(model, loss_fn, optimizer, batches, k):
        for begin in range(0, len(batches), k):
            good = 0
            for x, y in batches[begin : begin + k]:
                loss = loss_fn(model(x), y)
                if torch.isfinite(loss):
                    loss.backward()
                    good += 1
            if good:
                for p in model.parameters():
                    p.grad /= good
                optimizer.step()
                optimizer.zero_grad()

    def run(k, *rows):
        return found_by(train, device, k, rows)

    nan, inf = math.nan, math.inf
    assert run(2, (1, 3), (2, 4), (1, nan), (1, 4), (2, 5)) == [
        [-6.0, 2],
        [-4.5, 3],
        [-1.5, 4],
    ]
    assert run(4, (1, 3), (2, 4), (1, nan), (1, 1), (1, inf), (1, 4)) == [
        [-4.0, 3],
        [-5.0, 4],
    ]
    assert run(2, (1, 3), (2, nan), (nan, 2), (1, nan), (1, 2)) == [
        [-4.0, 1],
        [-1.0, 2],
    ]


def test_review_four_interruptions(device):
    """k is 4, each micro-batch adds 1, and run() is a good loop: its steps find
    4, 4, 4. seen holds what the steps of four other loops found. Which letter of
    seen belongs to which loop? Write a list of four letters, each in quotes, in the
    order of loops."""
    seen = {"a": [4, 3, 4], "b": [3, 3, 2, 4], "c": [4, 7], "d": [4, 2, 4]}

    def run(ks=(4,) * 12, bad=None, stopped_at=None):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        found = []
        for i, k in enumerate(ks):
            if i == stopped_at:
                p = p.detach().requires_grad_()  # as if saved and loaded
            if i == bad:
                continue
            (1.0 * p).backward()
            if (i + 1) % k == 0:
                found.append(slate(p))
                p.grad = None
        return found

    loops = [
        run(bad=7),
        run(stopped_at=6),
        run(bad=6),
        run(ks=(3,) * 6 + (4,) * 6),
    ]
    letters = [letter for loop in loops for letter in seen if seen[letter] == loop]
    assert letters == ["c", "d", "a", "b"]
