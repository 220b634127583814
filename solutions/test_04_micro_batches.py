"""04  Micro-batches

A huge batch does not fit into memory. Cut it into small batches that pretend
to be the huge one: send the first through, backward(); send the next through,
backward(). The slate adds them up, and nobody wipes in between. Then comes
one step. The small batches are called micro-batches.

In this lesson a pixel x gives the loss w * x, so its slope for w is x, and of a
mean of losses the slope is the mean of the x. A batch sent through whole:

    >>> w = torch.tensor(1.0, requires_grad=True)
    >>> losses = w * torch.tensor([2.0, 4.0, 3.0, 11.0])
    >>> losses.mean().backward()     # (2 + 4 + 3 + 11) / 4
    >>> slate(w)
    5.0

SGD moves by lr times what is on a slate; with momentum it also goes on a little
in the direction of earlier steps. Adam and AdamW divide what is on the slate by
its usual size in the steps so far, this one among them, and move by lr times that.
"""

import torch
from pytest import approx
from sensei import __
from slate import slate
from torch.utils.data import DataLoader, TensorDataset


def test_two_means(device):
    """The whole batch [1, 2, 3, 6] leaves 3. Now it comes in two micro-batches,
    each with its own mean. What is on the slate after each of them?"""
    w = torch.tensor(1.0, device=device, requires_grad=True)
    seen = []
    for x in ([1.0, 2.0], [3.0, 6.0]):
        losses = w * torch.tensor(x, device=device)
        losses.mean().backward()
        seen.append(slate(w))

    assert seen == [1.5, 6.0]


def test_sums(device):
    """The same four pixels, with sum() instead of mean(): whole, cut in halves,
    and cut unevenly. What does each leave on the slate?"""

    def accumulate(*micro_batches):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        for x in micro_batches:
            losses = w * torch.tensor(x, device=device)
            losses.sum().backward()
        return slate(w)

    whole = accumulate([1.0, 2.0, 3.0, 6.0])
    halves = accumulate([1.0, 2.0], [3.0, 6.0])
    uneven = accumulate([1.0], [2.0, 3.0, 6.0])
    assert [whole, halves, uneven] == [12.0, 12.0, 12.0]


def test_equal_micro_batches(device):
    """A batch is cut into k micro-batches of equal size. What must go to
    backward() so that they leave what the whole batch's mean leaves?"""

    def cut(pixels, size):
        yield from torch.tensor(pixels, device=device).split(size)

    def accumulate(micro_batches, k):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        for x in micro_batches:
            losses = w * x
            loss = losses.mean() / k
            loss.backward()
        return slate(w)

    assert accumulate(cut([1.0, 2.0, 3.0, 6.0], size=4), k=1) == 3.0
    assert accumulate(cut([1.0, 2.0, 3.0, 6.0], size=2), k=2) == 3.0
    assert accumulate(cut([1.0, 2.0, 3.0, 6.0], size=1), k=4) == 3.0
    assert accumulate(cut([2.0, 9.0, 1.0, 3.0, 7.0, 2.0, 6.0, 2.0], size=2), k=4) == 4.0


def test_uneven_micro_batches(device):
    """The whole batch [0, 3, 3, 6] leaves 3. Here it is cut in two ways, and
    each mean is divided by 2, the number of micro-batches. What is left?"""

    def accumulate(*micro_batches):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        for x in micro_batches:
            losses = w * torch.tensor(x, device=device)
            (losses.mean() / 2).backward()
        return slate(w)

    late = accumulate([0.0, 3.0, 3.0], [6.0])
    early = accumulate([0.0], [3.0, 3.0, 6.0])
    assert [late, early] == approx([4.0, 2.0])


def test_any_cut(device):
    """k micro-batches, total pixels in all of them together, any sizes. What
    must go to backward() so that every cut leaves what the whole batch leaves?"""

    def cut(*micro_batches):
        for x in micro_batches:
            yield torch.tensor(x, device=device)

    def accumulate(micro_batches, k, total):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        for x in micro_batches:
            losses = w * x
            loss = losses.sum() / total
            loss.backward()
        return slate(w)

    assert accumulate(cut([0.0, 3.0, 3.0, 6.0]), k=1, total=4) == approx(3.0)
    assert accumulate(cut([0.0, 3.0, 3.0], [6.0]), k=2, total=4) == approx(3.0)
    assert accumulate(cut([0.0], [3.0, 3.0, 6.0]), k=2, total=4) == approx(3.0)
    eight = accumulate(cut([2.0], [9.0, 1.0, 3.0, 7.0, 2.0], [6.0, 2.0]), k=3, total=8)
    assert eight == approx(4.0)


def test_three_places_to_divide(device):
    """Two micro-batches, of slopes 6 and 2. a has its losses halved, b its slate
    once at the end, c its slate after every backward(). What is left on each?"""
    a = torch.tensor(1.0, device=device, requires_grad=True)
    b = torch.tensor(1.0, device=device, requires_grad=True)
    c = torch.tensor(1.0, device=device, requires_grad=True)
    for slope in (6.0, 2.0):
        (slope * a / 2).backward()
        (slope * b).backward()
        (slope * c).backward()
        c.grad /= 2
    b.grad /= 2

    assert [slate(a), slate(b), slate(c)] == [4.0, 4.0, 2.5]


def test_one_step_or_two(device):
    """Two micro-batches, with p**2 / 2 and p**2 / 4 as their losses. p takes one step
    after both; q wipes and steps for each of them. Where do p and q land?"""
    p = torch.tensor(4.0, device=device, requires_grad=True)
    q = torch.tensor(4.0, device=device, requires_grad=True)
    optimizer_p = torch.optim.SGD([p], lr=0.25)
    optimizer_q = torch.optim.SGD([q], lr=0.25)
    for parts in (2, 4):
        (p.pow(2) / parts).backward()

        optimizer_q.zero_grad()
        (q.pow(2) / parts).backward()
        optimizer_q.step()
    optimizer_p.step()

    assert [p.item(), q.item()] == [2.5, 2.625]


def test_the_printed_loss(device):
    """Four micro-batches; their losses are w, 2 * w, 3 * w and 6 * w. The loop wants
    to print their mean loss. What does it print, and what is on the slate?"""
    w = torch.tensor(2.0, device=device, requires_grad=True)
    running = 0.0
    for slope in (1.0, 2.0, 3.0, 6.0):
        loss = slope * w
        loss = loss / 4
        loss.backward()
        running += loss.item()
    printed = running / 4

    assert {"printed": printed, "slate": slate(w)} == {"printed": 1.5, "slate": 3.0}


def test_the_division_forgotten(device):
    """Four micro-batches, each loss divided by 4 or, forgotten, by 1; then the
    first step. For which of the four optimizers does that change where p lands?
    Write a list of four, each True or False."""

    def first_step(make_optimizer, divide_by):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        optimizer = make_optimizer([p])
        for _ in range(4):
            (3 * p / divide_by).backward()
        optimizer.step()
        return p.item()

    makers = [
        lambda params: torch.optim.SGD(params, lr=0.1),
        lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.5),
        lambda params: torch.optim.Adam(params, lr=0.1),
        lambda params: torch.optim.AdamW(params, lr=0.1),
    ]
    changes = [first_step(m, 4) != approx(first_step(m, 1)) for m in makers]
    assert changes == [True, True, False, False]


def test_a_smaller_rate_instead(device):
    """Four micro-batches, of slopes 1, 1, 2 and 4, and one step with lr 0.5. One loop
    divides each loss by 4. Another divides lr by 4 in its place. Where do both land
    with SGD, where both with Adam? Write four numbers: SGD's two, then Adam's two."""

    def one_step(make_optimizer, loss_by, lr_by):
        p = torch.tensor(8.0, device=device, requires_grad=True)
        optimizer = make_optimizer([p], lr=0.5 / lr_by)
        for slope in (1.0, 1.0, 2.0, 4.0):
            (slope * p / loss_by).backward()
        optimizer.step()
        return p.item()

    landed = [
        one_step(torch.optim.SGD, loss_by=4, lr_by=1),
        one_step(torch.optim.SGD, loss_by=1, lr_by=4),
        one_step(torch.optim.Adam, loss_by=4, lr_by=1),
        one_step(torch.optim.Adam, loss_by=1, lr_by=4),
    ]
    assert landed == approx([7.0, 7.0, 7.5, 7.875])


def test_a_dataloader_with_a_rest(device):
    """A loop as you may have one at home. A DataLoader hands out size rows at a time,
    and what is left at the end; no step comes before all are through. What must go to
    backward(), so that any size leaves what loss_fn leaves of all rows at once?"""

    def load(rows, size):
        x, y = torch.tensor(rows, device=device).split([1, 2], dim=1)
        return DataLoader(TensorDataset(x, y), batch_size=size)

    def accumulate(rows, size):
        model = torch.nn.Linear(1, 2, bias=False, device=device)
        torch.nn.init.ones_(model.weight)
        loss_fn = torch.nn.MSELoss()  # the mean of all numbers: a row of y has two
        loader, total = load(rows, size), len(rows)
        for x, y in loader:
            loss = loss_fn(model(x), y) * len(x) / total
            loss.backward()
        return model.weight.grad.flatten().tolist()

    four = [[1.0, 4, 8], [2.0, 2, -4], [1.0, 8, 0], [4.0, 1, 2]]
    five = [[2.0, 1, 4], [1.0, 2, 8], [4.0, 2, 1], [1.0, 6, 0], [2.0, 3, 5]]
    assert accumulate(four, size=4) == approx([0.5, 3.5])
    assert accumulate(four, size=3) == approx([0.5, 3.5])
    assert accumulate(four, size=2) == approx([0.5, 3.5])
    assert accumulate(five, size=2) == approx([0.4, -0.8])
    assert accumulate(five, size=3) == approx([0.4, -0.8])


def test_review_four_wrong_slates(device):
    """The whole batch [1, 3, 5, 7] leaves 4. Four loops with a mistake each went
    over [1, 3] and [5, 7]. Which of them left 8, which 2, which 16, which 3? Write
    a list of four letters, each in quotes."""

    def left_by(loss_of, wipe=False):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        for x in ([1.0, 3.0], [5.0, 7.0]):
            if wipe:
                w.grad = None
            loss_of(w * torch.tensor(x, device=device)).backward()
        return slate(w)

    who = {
        left_by(lambda losses: losses.sum()): "A",
        left_by(lambda losses: losses.mean() / 4): "B",
        left_by(lambda losses: losses.mean() / 2, wipe=True): "C",
        left_by(lambda losses: losses.mean()): "D",
    }
    assert [who[8.0], who[2.0], who[16.0], who[3.0]] == ["D", "B", "A", "C"]
