"""07  None is not zero

A slate can be wiped in two ways. None: there is nothing on it, no number at
all. Zero: there is a slope on it, and the slope is 0.0. So far step() moved p
against its slate by lr * slope. Most optimizers do more than that:

    weight decay d    adds d * p to the slope, so p shrinks towards 0
                      (p = 10, d = 0.25, slope 0: the step sees 2.5);
                      AdamW shrinks p beside the slope, by lr * d * p
    momentum m        remembers a velocity = m * (the last velocity) + slope,
                      and moves p by lr * velocity
    Adam              remembers a mean of the slopes and of their squares; its
                      first steps are of about lr, however large the slope

Two steps with momentum 0.5, on slopes of 4: the velocity is 4, then
0.5 * 4 + 4 = 6.

    >>> p = torch.tensor(0.0, requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=1.0, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad = torch.tensor(4.0)
    ...     optimizer.step()
    ...     print(p.item())
    -4.0
    -10.0
"""

import torch
from sensei import __
from slate import slate


def layer(device):
    """A layer of one weight, which is 1.0: it gives back weight * x."""
    linear = torch.nn.Linear(1, 1, bias=False, device=device)
    torch.nn.init.ones_(linear.weight)
    return linear


def test_two_wiped_slates(device):
    """One optimizer with weight decay holds p and q. Their slates are wiped,
    each in its own way. Where are p and q after the step?"""
    p = torch.tensor(8.0, device=device, requires_grad=True)
    q = torch.tensor(8.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p, q], lr=0.25, weight_decay=0.5)
    (p + q).backward()
    p.grad.zero_()
    q.grad = None
    optimizer.step()

    assert [p.item(), q.item()] == __


def test_after_the_last_push(device):
    """One slope of -8, then no more feedback: the slate is wiped after each step.
    Where is p after each of three steps? One list of three places for wiping to
    zeros, one for wiping to None."""

    def roll(set_to_none):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0, momentum=0.5)
        places = []
        (-8 * p).backward()
        for _ in range(3):
            optimizer.step()
            places.append(p.item())
            optimizer.zero_grad(set_to_none=set_to_none)
        return places

    zeros, nones = roll(set_to_none=False), roll(set_to_none=True)
    assert [zeros, nones] == __


def test_who_moves_without_feedback(device):
    """Each optimizer takes a step on a slope of 2. Then the slate is wiped, and
    it takes another. Does that second step move p? Five times True or False."""

    def moves(kind, set_to_none, **settings):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        optimizer = kind([p], lr=0.125, **settings)
        (2 * p).backward()
        optimizer.step()
        before = p.item()
        optimizer.zero_grad(set_to_none=set_to_none)
        optimizer.step()
        return p.item() != before

    moved = [
        moves(torch.optim.SGD, set_to_none=False),
        moves(torch.optim.SGD, set_to_none=False, momentum=0.5),
        moves(torch.optim.SGD, set_to_none=False, weight_decay=0.5),
        moves(torch.optim.Adam, set_to_none=False),
        moves(torch.optim.Adam, set_to_none=True),
    ]
    assert moved == __


def test_a_head_times_zero(device):
    """Two heads, a and b. The first loss leaves b out, the second adds 0 * b. What
    is on b's slate, and where is b after the step? Two pairs [slate, place]."""

    def look_at_b(loss_of):
        a = torch.tensor(2.0, device=device, requires_grad=True)
        b = torch.tensor(2.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([a, b], lr=0.5, weight_decay=0.5)
        loss_of(a, b).backward()
        optimizer.step()
        return [slate(b), b.item()]

    left_out = look_at_b(lambda a, b: 3 * a)
    times_zero = look_at_b(lambda a, b: 3 * a + 0 * b)
    assert [left_out, times_zero] == __


def test_frozen_over_three_slates(device):
    """p is frozen: requires_grad is set to False, just before a step with weight
    decay. Where is p afterwards, if its slate held 4.0, 0.0, None? Three places."""

    def freeze_and_step(held):
        p = torch.tensor(4.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.5, weight_decay=0.5)
        p.grad = None if held is None else torch.tensor(held, device=device)
        p.requires_grad = False
        optimizer.step()
        return p.item()

    places = [freeze_and_step(held) for held in (4.0, 0.0, None)]
    assert places == __


def test_freeze_the_backbone(device):
    """Between backward() and step() the backbone is to be frozen: from here on it
    stays where it is, and the head trains on as before. Somebody wrote only
    p.requires_grad = False here, and it moved. Write what freezes it."""

    def train(x, freeze_at, **settings):
        model = torch.nn.Sequential(layer(device), layer(device))
        backbone, head = model
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, **settings)
        for i in range(3):
            optimizer.zero_grad()
            loss = model(torch.tensor([x], device=device)).sum()
            loss.backward()
            if i == freeze_at:
                for p in backbone.parameters():
                    __
            optimizer.step()
        return [backbone.weight.item(), head.weight.item()]

    assert train(1.0, freeze_at=1) == [0.5, 0.0]
    assert train(2.0, freeze_at=0) == [1.0, -2.0]
    assert train(1.0, freeze_at=0, weight_decay=0.5) == [1.0, -0.734375]
    assert train(1.0, freeze_at=1, momentum=0.5) == [0.5, -0.5]


def test_two_optimizers_one_parameter(device):
    """Two tasks share p, and each has an optimizer of its own. a wipes, takes
    its slope of 4 and steps. Then b takes its slope of 1 and steps: without a
    wipe before it, then with one. Where does p end?"""

    def train(b_wipes):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        a = torch.optim.SGD([p], lr=1.0)
        b = torch.optim.SGD([p], lr=1.0)
        a.zero_grad()
        (4 * p).backward()
        a.step()
        if b_wipes:
            b.zero_grad()
        (1 * p).backward()
        b.step()
        return p.item()

    without, with_wipe = train(b_wipes=False), train(b_wipes=True)
    assert [without, with_wipe] == __


def test_a_harder_picture(device):
    """To train w on a harder x, a first backward() asks which way to push x.
    Then the loss of the harder one is taken. What will step() find on the slate
    of w, and what is on x's?"""
    w = torch.tensor(2.0, device=device, requires_grad=True)
    x = torch.tensor(3.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)

    optimizer.zero_grad()
    (w * x).backward()
    with torch.no_grad():
        harder = x + x.grad.sign()  # 3 + 1
    (w * harder).backward()
    found = [slate(w), slate(x)]
    optimizer.step()

    assert found == __


def test_freezing_with_slates_that_stay(device):
    """From batch freeze_at on the backbone is to stay where it is, and the head is to
    train on, velocity and all. This loop keeps its slates in place: it wipes them to
    zeros. Write what freezes the backbone. run() gives the places after each batch."""

    def train(model, loss_fn, optimizer, batches, freeze_at):
        backbone, head = model
        for i, (x, y) in enumerate(batches):
            if i == freeze_at:
                __
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)

    def run(freeze_at, **settings):
        model = torch.nn.Sequential(layer(device), layer(device))
        groups = [{"params": part.parameters()} for part in model]
        optimizer = torch.optim.SGD(groups, lr=0.25, **settings)
        places = []

        def batches():
            for rows in ([[1.0, 2.0]], [[1.0, 2.0], [1.0, 3.0]], [[1.0, -1.0]]):
                yield torch.tensor(rows, device=device).split(1, dim=1)
                places.append([part.weight.item() for part in model])

        train(model, torch.nn.MSELoss(), optimizer, batches(), freeze_at)
        return places

    assert run(1) == [[1.5, 1.5], [1.5, 1.6875], [1.5, -0.9609375]]
    assert run(1, momentum=0.5) == [[1.5, 1.5], [1.5, 1.9375], [1.5, -0.7734375]]
    assert run(2, momentum=0.5)[1:] == [[1.9375, 1.9375], [1.9375, -2.4490966796875]]
    assert run(1, weight_decay=0.5)[:2] == [[1.375, 1.375], [1.375, 1.6220703125]]


def test_review_five_steps(device):
    """Five events, and a step after each of them. What is on the slate, and where
    is p, after each of the five steps? Answer with five pairs [slate, place]."""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0, momentum=0.5)
    story = []
    for event in (
        lambda: (4 * p).backward(),
        lambda: (2 * p).backward(),
        lambda: optimizer.zero_grad(set_to_none=False),
        lambda: optimizer.zero_grad(),
        lambda: (1 * p).backward(),
    ):
        event()
        optimizer.step()
        story.append([slate(p), p.item()])

    assert story == __
