"""09  Not quite a big batch

Divide every loss rightly, and micro-batches leave on the slate what the big
batch leaves. This lesson is about what no dividing repairs.

Clipping. The length of a slate is the root of the sum of its squares: [3, 4]
has length 5. clip_grad_norm_([p], max_norm=m) shortens p's slate to length m,
every entry by the same factor. A slate that is not longer than m is left
alone. Here the length is 100 and may be 50, so every entry is halved:

    >>> p = torch.zeros(2, requires_grad=True)
    >>> (60 * p[0] + 80 * p[1]).backward()
    >>> _ = clip_grad_norm_([p], max_norm=50.0)
    >>> slate(p)
    [30.0, 40.0]

Normalising. BatchNorm takes the mean and the spread of the rows that come in
together, subtracts the one and divides by the other, and keeps a running mean
and a running spread of all it saw. So it does in train mode, which a new layer
is in; in eval mode it uses the running ones instead. LayerNorm takes mean and
spread of each row by itself, in both modes.
"""

import torch
from pytest import approx
from torch.nn.utils import clip_grad_norm_
from sensei import __
from slate import slate


def test_clipped_once_or_each_time(device):
    """Both pixels get the slopes 3 and -3. each is clipped to length 1 after every
    backward, once only after the second. What is on the two slates?"""
    once = torch.tensor(0.0, device=device, requires_grad=True)
    each = torch.tensor(0.0, device=device, requires_grad=True)
    for slope in (3.0, -3.0):
        (slope * once).backward()
        (slope * each).backward()
        clip_grad_norm_([each], max_norm=1.0)
    clip_grad_norm_([once], max_norm=1.0)

    assert [slate(once), slate(each)] == approx([0.0, -1.0])


def test_a_micro_batch_for_every_pixel(device):
    """p has three pixels. Each micro-batch has feedback for one of them, always 40.
    After every backward p is clipped to length 30. What is on its slate at the end?"""
    p = torch.zeros(3, device=device, requires_grad=True)
    for i in range(3):
        (40 * p[i]).backward()
        clip_grad_norm_([p], max_norm=30.0)

    assert slate(p) == approx([10.8, 14.4, 24.0])


def test_a_clipped_window(device):
    """k micro-batches a window, their losses divided already. Write all there is to
    do, backward() to wipe. No step may find a slate longer than max_norm = 1.0."""

    def loss_of(p, i):
        return [3.0, -3.0, 4.0, 4.0, 0.25, 0.25][i] * p

    def train(k):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0)
        places = []  # where p stands after every micro-batch
        for i in range(6):
            loss = loss_of(p, i)
            loss.backward()
            if (i + 1) % k == 0:
                clip_grad_norm_([p], max_norm=1.0)
                optimizer.step()
                optimizer.zero_grad()
            places.append(p.item())
        return places

    assert train(k=1) == approx([-1.0, 0.0, -1.0, -2.0, -2.25, -2.5])
    assert train(k=2) == approx([0.0, 0.0, 0.0, -1.0, -1.0, -1.5])
    assert train(k=3) == approx([0.0, 0.0, -1.0, -1.0, -1.0, -2.0])


def test_the_running_mean(device):
    """The running mean starts at 0. With this momentum each forward makes it half of
    what it was plus half of the new mean. What is it, for the batch and the halves?"""
    x = torch.tensor([[0.0], [2.0], [10.0], [14.0]], device=device)
    batch = torch.nn.BatchNorm1d(1, momentum=0.5, device=device)
    halves = torch.nn.BatchNorm1d(1, momentum=0.5, device=device)

    batch(x)
    for half in x.split(2):
        halves(half)

    means = [batch.running_mean.item(), halves.running_mean.item()]
    assert means == approx([3.25, 6.25])


def test_four_rows_or_two_and_two(device):
    """The losses are sums, so nothing has to be divided. Do the two halves leave on
    the slate of the layer's weight what all four rows leave?"""
    mixed = torch.tensor([[0.0, 1], [2, 5], [10, 3], [14, 9]], device=device)
    twice = mixed[[0, 1, 0, 1]]  # its first two rows, and the same two once more

    def agrees(layer, x):
        (layer(x) * x).sum().backward()
        whole = slate(layer.weight)
        layer.zero_grad()
        for half in x.split(2):
            (layer(half) * half).sum().backward()
        return slate(layer.weight) == approx(whole, rel=0.001)

    layer_norm = agrees(torch.nn.LayerNorm(2, device=device), mixed)
    in_eval = agrees(torch.nn.BatchNorm1d(2, device=device).eval(), mixed)
    in_train = agrees(torch.nn.BatchNorm1d(2, device=device), mixed)
    in_train_twice = agrees(torch.nn.BatchNorm1d(2, device=device), twice)
    assert [layer_norm, in_eval, in_train, in_train_twice] == [True, True, False, True]


def test_five_rows_cut_to_size(device):
    """Five rows, cut into parts of size rows; the last part has what is left. BatchNorm
    is in train mode and refuses some parts. Which sizes get through, as a list?"""
    x = torch.tensor([[1.0], [2.0], [4.0], [5.0], [9.0]], device=device)
    through = []
    for size in (1, 2, 3, 4, 5):
        layer = torch.nn.BatchNorm1d(1, device=device)
        try:
            for part in x.split(size):
                layer(part).sum().backward()
        except ValueError:
            continue
        through.append(size)

    assert through == [3, 5]


def test_review_of_the_whole_path(device):
    """One story from all nine lessons. log has p's slate after each event; last in
    the list is where p stands. What does the list hold?"""
    p = torch.tensor(20.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.5, momentum=0.5)
    (p * p).backward()
    log = [slate(p)]
    for x in ([8.0, 16.0, 24.0], [48.0]):
        (p * torch.tensor(x, device=device) / 4).sum().backward()
    log.append(slate(p))
    clip_grad_norm_([p], max_norm=32.0)
    log.append(slate(p))
    optimizer.step()
    log.append(slate(p))
    optimizer.zero_grad()
    log.append(slate(p))
    optimizer.step()
    assert [*log, p.item()] == [40.0, 64.0, 32.0, 32.0, None, 4.0]
