"""05  Windows

The micro-batches between two steps are a window; k is how many it holds. Six
micro-batches that add 1 each, k = 3: a window is full at i = 2 and at i = 5.

    >>> p, slates = torch.tensor(0.0, requires_grad=True), []
    >>> for i in range(6):
    ...     (1.0 * p).backward()
    ...     slates.append(slate(p))
    ...     if i in (2, 5):
    ...         p.grad = None  # and before it, a step
    >>> slates
    [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
"""

import torch
from pytest import mark
from sensei import __
from slate import slate


def test_when_to_step(device):
    """Windows of k micro-batches, one pixel each. When is it time to step?
    found collects what each step finds on the slate."""

    def train(k, *pixels):
        model = torch.nn.Linear(1, 1, bias=False, device=device)  # weight * x
        torch.nn.init.ones_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        found = []
        for i, x in enumerate(torch.tensor(pixels, device=device).split(1)):
            loss = model(x) / k
            loss.backward()
            if __:
                found.append(slate(model.weight))
                optimizer.step()
                optimizer.zero_grad()
        return found

    assert train(4, 1.0, 2.0, 3.0, 6.0, 4.0, 4.0, 4.0, 8.0) == [3.0, 5.0]
    assert train(2, 1.0, 3.0, 5.0, 9.0, 6.0, 2.0) == [2.0, 7.0, 4.0]
    assert train(1, 5.0, 7.0, 2.0, 6.0) == [5.0, 7.0, 2.0, 6.0]


def test_one_wipe_a_window(device):
    """Windows of four, each micro-batch adds 1. One wipe in each window, just before
    its first backward(), or its second, or its last. What do the two steps find?
    Write three lists, one for each place of the wipe."""

    def train(wipe_before):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0)
        found = []
        for i in range(8):
            if i % 4 == wipe_before:
                optimizer.zero_grad()
            (1.0 * p).backward()
            if (i + 1) % 4 == 0:
                found.append(slate(p))
                optimizer.step()
        return found

    places = [train(wipe_before=0), train(wipe_before=1), train(wipe_before=3)]
    assert places == __


def test_ten_batches_four_a_window(device):
    """Each of ten micro-batches adds a quarter of its slope to the slate. At the end:
    how many steps were taken, where is p, and what is on its slate?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    steps = 0
    slopes = [1.0, 2.0, 1.0, 4.0, 1.0, 2.0, 1.0, 4.0, 3.0, 1.0]
    for i, slope in enumerate(slopes):
        (slope * p / 4).backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
            steps += 1

    assert [steps, p.item(), slate(p)] == __


def test_three_epochs_of_five(device):
    """Five micro-batches an epoch, and a step after the fourth. The first four add 1
    each, the fifth adds 3. What does step() find on the slate in epoch one, two and
    three?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    found = []
    for epoch in range(3):
        for i, slope in enumerate([1.0, 1.0, 1.0, 1.0, 3.0]):
            (slope * p).backward()
            if (i + 1) % 4 == 0:
                found.append(slate(p))
                optimizer.step()
                optimizer.zero_grad()

    assert found == __


def test_no_batch_left_behind(device):
    """k micro-batches a window, but the last window may be short: it should get
    its step, too. When is it time to step now?"""

    def train(k, *pixels):
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        torch.nn.init.ones_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        batches = torch.tensor(pixels, device=device).split(1)
        found = []
        for i, x in enumerate(batches):
            loss = model(x) / k
            loss.backward()
            if __:
                found.append(slate(model.weight))
                optimizer.step()
                optimizer.zero_grad()
        return found

    assert train(4, 1.0, 2.0, 3.0, 6.0, 4.0, 4.0, 4.0, 8.0) == [3.0, 5.0]
    assert train(4, 1.0, 2.0, 3.0, 6.0, 4.0, 4.0, 4.0, 8.0, 9.0, 3.0) == [3.0, 5.0, 3.0]
    assert train(4, 2.0, 3.0, 7.0) == [3.0]
    assert train(2, 1.0, 3.0, 5.0, 9.0, 6.0) == [2.0, 7.0, 3.0]


def test_a_short_last_window(device):
    """split(k) cuts the pixels into windows of k; the last may be shorter. What must
    go to backward() so that each step finds the mean of its own window's pixels?"""

    def train(k, *pixels):
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        torch.nn.init.ones_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        found = []
        for window in torch.tensor(pixels, device=device).split(k):
            for x in window.split(1):
                penalty = model(x)
                loss = __
                loss.backward()
            found.append(slate(model.weight))
            optimizer.step()
            optimizer.zero_grad()
        return found

    assert train(4, 1.0, 2.0, 3.0, 6.0, 7.0, 9.0) == [3.0, 8.0]
    assert train(2, 1.0, 3.0, 5.0, 9.0, 6.0) == [2.0, 7.0, 6.0]
    assert train(4, 5.0, 3.0) == [4.0]


@mark.filterwarnings("ignore:Detected call of")  # torch warns about one of the two
def test_two_schedulers(device):
    """A scheduler changes the learning rate: with ExponentialLR and gamma=0.5 each
    scheduler.step() halves it. One window of four micro-batches, the rate starts at
    1, and scheduler.step() is called where i is in steps_at. What are the two rates
    after the window?"""

    def rate_after(steps_at):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        for i in range(4):
            (p / 4).backward()
            if i == 3:
                optimizer.step()
            if i in steps_at:
                scheduler.step()
        return scheduler.get_last_lr()[0]

    rates = [rate_after(steps_at=[0, 1, 2, 3]), rate_after(steps_at=[3])]
    assert rates == __


def test_how_long_is_the_schedule(device):
    """LinearLR takes the rate from 1 down to 0 in equal pieces, in total_iters calls
    of its step(). Eight micro-batches in windows of four, and it steps with each
    window. What are the rates of the two steps, and what is the rate after both, for
    total_iters=8 and for total_iters=2? Write two lists of three."""

    def rates(total_iters):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters)
        used = []
        for i in range(8):
            (p / 4).backward()
            if (i + 1) % 4 == 0:
                used.append(scheduler.get_last_lr()[0])
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()
        return [*used, scheduler.get_last_lr()[0]]

    assert [rates(8), rates(2)] == __


def test_each_window_at_half_the_rate(device):
    """Write what comes after a backward(): a step for each window, the first at rate
    1, every later one at half the rate before it; it is the scheduler that halves.
    log holds [slate, rate] for each."""

    def train(k, *pixels):
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        torch.nn.init.ones_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        log = []
        optimizer.register_step_pre_hook(
            lambda *_: log.append([slate(model.weight), scheduler.get_last_lr()[0]])
        )
        for i, x in enumerate(torch.tensor(pixels, device=device).split(1)):
            loss = model(x) / k
            loss.backward()
            __
        return log

    assert train(4, 1.0, 2.0, 3.0, 6.0, 4.0, 4.0, 4.0, 8.0) == [[3.0, 1.0], [5.0, 0.5]]
    assert train(2, 1.0, 3.0, 5.0, 9.0, 6.0, 2.0) == [
        [2.0, 1.0],
        [7.0, 0.5],
        [4.0, 0.25],
    ]


def test_windows_with_a_schedule(device):
    """Your own loop, from an empty body: a step for every k batches, and one for those
    that are left over at the end. Each step finds the mean of its own window's rows;
    after it the scheduler moves once. Each batch has two rows, and a backward() of its
    own. found has [weight's slate, bias's, rate, backwards so far] for each step."""

    def train(model, loss_fn, optimizer, scheduler, batches, k):
        __

    def run(rows, k, gamma):
        model = torch.nn.Linear(1, 1, device=device)  # weight * x + bias
        w, b = map(torch.nn.init.zeros_, model.parameters())
        optimizer = torch.optim.SGD([w, b], lr=0.25)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma)
        found, backwards, [group] = [], [], optimizer.param_groups
        b.register_hook(backwards.append)  # called in every backward()
        optimizer.register_step_pre_hook(
            lambda *_: found.append([slate(w), slate(b), group["lr"], len(backwards)])
        )
        pairs = torch.tensor(rows, device=device).split(2)
        batches = [pair.split(1, dim=1) for pair in pairs]  # x, y of two rows
        train(model, torch.nn.MSELoss(), optimizer, scheduler, batches, k)
        return found

    four = [[1.0, 2], [1, 4], [2, 1], [2, 3], [0, 8], [1, 2], [1, 0], [1, 2]]
    six = [*four, [2, 2], [2, 6], [1, 1], [0, 1]]
    three = [[1.0, 2], [1, 4], [2, 1], [0, 3], [1, 8], [1, 2]]
    assert run(six, 4, 0.5) == [[-4.5, -5.5, 0.25, 4], [0.0, 0.5625, 0.125, 6]]
    assert run(four, 2, 0.5) == [[-7.0, -5.0, 0.25, 2], [2.5, -0.875, 0.125, 4]]
    assert run(three, 2, 0.25) == [[-4.0, -5.0, 0.25, 2], [-5.5, -5.5, 0.0625, 3]]


def test_review_four_other_loops(device):
    """k is 4, each micro-batch adds 1, and run() is a good loop: its steps find
    4, 4, 4. seen holds what the steps of four other loops found. Which letter of
    seen belongs to which loop? Write a list of four letters, each in quotes, in the
    order of loops."""
    seen = {"a": [4, 8, 12], "b": [1, 1, 1], "c": [4, 6, 6], "d": [1, 4, 4]}

    def run(epoch=8, step=3, wipe=(3,)):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        found = []
        for _ in range(3):
            for i in range(epoch):
                (1.0 * p).backward()
                if i % 4 == step:
                    found.append(slate(p))
                if i % 4 in wipe:
                    p.grad = None
        return found[:3]

    loops = [
        run(epoch=6),  # six micro-batches an epoch, not eight
        run(wipe=[]),  # no wipe
        run(step=0, wipe=[0]),  # steps and wipes at i = 0, at 4, ...
        run(wipe=[0, 1, 2, 3]),  # wipes after every micro-batch
    ]
    letters = [letter for loop in loops for letter in seen if seen[letter] == loop]
    assert letters == __
