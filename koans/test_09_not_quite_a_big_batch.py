"""09  Not quite a big batch

Divide every loss rightly, and micro-batches leave on the slate what the big
batch leaves. This lesson is about what no dividing repairs.

Clipping. The length of slates is the root of the sum of the squares of all
numbers on all of them: [3, 4] has length 5. clip_grad_norm_(parameters, max_norm=m)
shortens slates that are longer to length m, every number by the same factor,
leaves shorter ones alone, and returns the length that it found:

    >>> p = torch.zeros(2, requires_grad=True)
    >>> (60 * p[0] + 80 * p[1]).backward()
    >>> clip_grad_norm_([p], max_norm=50.0).item()
    100.0
    >>> slate(p)
    [30.0, 40.0]

Normalising. BatchNorm takes the mean and the spread of the rows that come in
together, subtracts the one and divides by the other, and keeps a running mean
and a running spread of all it saw. So it does in train mode, which a new layer
is in; in eval mode it uses the running ones instead. LayerNorm takes mean and
spread of each row by itself, in both modes.
"""

import torch
from kept import Kept
from pytest import approx, mark
from sensei import __
from slate import slate
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_


def where(p):
    """Where p stands: its numbers, with three digits behind the point."""
    return [round(number, 3) + 0.0 for number in p.tolist()]


def places_in(texts):
    return texts.numel() if torch.is_tensor(texts) else 0


def two_layers(device):
    """A model that gives two scores to each place of a text of tokens 0 and 1."""
    kind = {"device": device, "dtype": torch.float64}
    embedding = torch.nn.Embedding(2, 2, **kind)
    linear = torch.nn.Linear(2, 2, bias=False, **kind)
    torch.nn.init.zeros_(embedding.weight)
    linear.weight.data = 4 * torch.eye(2, **kind)
    return torch.nn.Sequential(embedding, linear)


def watched(train, device, k, max_norm):
    """Runs train on five texts. For each step: what it finds on the slates of the two
    layers (a column of the first, a number of the second: the others are the same, or
    the same with the other sign), and the rate. And what the forwards came to."""
    texts = [[0, 1, 0, 1], [1, 1], [0, 0, 1], [1, 0], [0]]
    targets = [[1, 0, 1, -100], [0, -100], [1, 1, 1], [-100, -100], [0]]
    x, y = ([torch.tensor(t, device=device) for t in ts] for ts in (texts, targets))
    model = two_layers(device)
    with Kept() as one_graph:
        cross_entropy(model(x[0]), y[0]).backward()
    model.zero_grad()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    steps, widths = [], [0]

    def before_step(*_):
        first, last = (slate(layer.weight) for layer in model)
        first = first and [round(row[0], 3) + 0.0 for row in first]
        last = last and round(last[0][0], 3) + 0.0
        steps.append([first, last, scheduler.get_last_lr()[0]])

    optimizer.register_step_pre_hook(before_step)
    model.register_forward_pre_hook(lambda _, inputs: widths.append(places_in(*inputs)))
    with Kept() as kept:
        loss_fn = torch.nn.CrossEntropyLoss()
        train(model, loss_fn, optimizer, scheduler, list(zip(x, y)), k, max_norm)
    graphs = kept.most // one_graph.most
    return {"steps": steps, "widest forward": max(widths), "graphs at once": graphs}


def test_clipped_once_or_each_time(device):
    """Both pixels get the slopes 3 and -1.75. each is clipped to length 1 after every
    backward, once only after the second. What is on the two slates?"""
    once = torch.tensor(0.0, device=device, requires_grad=True)
    each = torch.tensor(0.0, device=device, requires_grad=True)
    for slope in (3.0, -1.75):
        (slope * once).backward()
        (slope * each).backward()
        clip_grad_norm_([each], max_norm=1.0)
    clip_grad_norm_([once], max_norm=1.0)

    assert [slate(once), slate(each)] == approx(__)


def test_a_micro_batch_for_every_pixel(device):
    """p has three pixels. Each micro-batch has feedback for one of them, always 40.
    After every backward p is clipped to length 30. What is on its slate at the end?"""
    p = torch.zeros(3, device=device, requires_grad=True)
    for i in range(3):
        (40 * p[i]).backward()
        clip_grad_norm_([p], max_norm=30.0)

    assert slate(p) == approx(__)


@mark.filterwarnings("ignore:.parameters. is an empty")  # a newer torch warns
def test_parameters_in_a_variable(device):
    """model.parameters() is a generator. It is kept in a variable for the clips of two
    windows, of slope 8 each. Which two lengths does clip_grad_norm_ return, and which
    two slates does it leave? Four numbers."""
    model = torch.nn.Linear(1, 1, bias=False, device=device)
    x = torch.tensor([8.0], device=device)
    parameters = model.parameters()
    lengths, slates = [], []
    for _ in range(2):
        model(x).backward()
        lengths.append(clip_grad_norm_(parameters, max_norm=1.0).item())
        slates.append(slate(model.weight))
        model.zero_grad()

    assert [*lengths, *slates] == approx(__)


def test_a_slope_that_overflowed(device):
    """One slope of p has become inf, or NaN ("not a number"), when p and q are clipped.
    What is on the slates then? Two lists, for inf and for NaN, of three entries each:
    a number, or "nan" in quotes."""

    def clipped(slope):
        p = torch.zeros(2, device=device, requires_grad=True)
        q = torch.zeros(1, device=device, requires_grad=True)
        p.grad = torch.tensor([slope, 3.0], device=device)
        q.grad = torch.tensor([4.0], device=device)
        clip_grad_norm_([p, q], max_norm=1.0)
        return ["nan" if n.isnan() else n.item() for n in (*p.grad, *q.grad)]

    with_inf, with_nan = clipped(float("inf")), clipped(float("nan"))
    assert [with_inf, with_nan] == __


def test_a_clipped_window(device):
    """k micro-batches a window, their losses divided already. Write all there is to
    do, backward() to wipe. No step may find a slate longer than max_norm = 5.0."""

    def loss_of(p, i):
        return [3.0, -3.0, 4.0, 4.0, 0.25, 0.25][i] * (3 * p[0] + 4 * p[1])

    def train(k):
        p = torch.zeros(2, device=device, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=1.0)
        places = []  # where p stands after every micro-batch
        for i in range(6):
            loss = loss_of(p, i)
            __
            places.append(where(p))
        return places

    assert train(k=1) == [
        [-3, -4],
        [0, 0],
        [-3, -4],
        [-6, -8],
        [-6.75, -9],
        [-7.5, -10],
    ]
    assert train(k=2) == [[0, 0], [0, 0], [0, 0], [-3, -4], [-3, -4], [-4.5, -6]]
    assert train(k=3) == [[0, 0], [0, 0], [-3, -4], [-3, -4], [-3, -4], [-6, -8]]


def test_the_running_mean(device):
    """The running mean starts at 0. With this momentum each forward makes it three
    quarters of what it was plus a quarter of the new mean. What is it, for the batch
    and the halves?"""
    x = torch.tensor([[0.0], [2.0], [10.0], [14.0]], device=device)
    batch = torch.nn.BatchNorm1d(1, momentum=0.25, device=device)
    halves = torch.nn.BatchNorm1d(1, momentum=0.25, device=device)

    batch(x)
    for half in x.split(2):
        halves(half)

    means = [batch.running_mean.item(), halves.running_mean.item()]
    assert means == approx(__)


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
    assert [layer_norm, in_eval, in_train, in_train_twice] == __


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

    assert through == __


def test_the_whole_loop(device):
    """Your own loop, all of it. loss_fn is CrossEntropyLoss(), batches a list of pairs
    (x, y), a text each. k of them are a window; the last may be short. Each window gets
    one clip, one step, one wipe, one scheduler.step(), and its step finds what one
    batch of all its texts would leave, clipped to max_norm. There is memory for one
    text at a time, its forward and its graph. (No window is all padding.)"""

    def train(model, loss_fn, optimizer, scheduler, batches, k, max_norm):
        __

    def run(what, k, max_norm):
        return watched(train, device, k, max_norm)[what]

    assert run("steps", k=2, max_norm=1.0) == [
        [[0.5, -0.5], 0.0, 0.5],
        [[0.184, 0.681], 0.031, 0.25],
        [[-0.703, 0.0], 0.052, 0.125],
    ]
    assert run("steps", k=3, max_norm=10.0) == [
        [[1.143, -0.286], 0.0, 0.5],
        [[-3.959, 0.0], 0.566, 0.25],
    ]
    assert run("steps", k=5, max_norm=0.5) == [[[0.335, -0.112], 0.0, 0.5]]
    assert run("widest forward", k=5, max_norm=0.5) == 4
    assert run("graphs at once", k=5, max_norm=0.5) <= 2


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
    assert [*log, p.item()] == __
