"""08  Tokens, not batches

At every place of a text a language model gives each class of token a score, a
logit. Texts are padded to one length: the target of a padded place is -100, and
cross_entropy leaves it out. All other places hold real tokens.

Guesser, below, has two scores, the same at every place, both 0 at first. From
there each real token pulls 0.5 towards its class: it leaves [-0.5, 0.5] if that
is class 0, [0.5, -0.5] if it is class 1. reduction="sum" adds the pulls up;
"mean", the default, then divides by the number of real tokens.

    >>> model, targets = Guesser("cpu"), torch.tensor([1, 1, -100])
    >>> cross_entropy(model(targets), targets, reduction="sum").backward()
    >>> slate(model.bias)
    [1.0, -1.0]
"""

from itertools import zip_longest

import torch
from pytest import approx
from sensei import __
from slate import slate
from torch.nn.functional import cross_entropy, layer_norm


def halves_agree(loss, x):
    """Do two halves of x, a backward() each, leave what all of x leaves?"""
    half = len(x) // 2
    slates = []
    for parts in ([x], [x[:half], x[half:]]):
        w = torch.ones_like(x[0], requires_grad=True)
        for part in parts:
            loss(w * part).backward()
        slates.append(slate(w))
    return slates[0] == approx(slates[1])


class Guesser(torch.nn.Module):
    """A model with the same two scores, its bias, for every place of a text.

    It asks a text for its length alone. The slope that a token leaves on a score is
    the probability of that class, less 1 for the right class.
    """

    def __init__(self, device):
        super().__init__()
        # float64: enough digits for approx to tell 0 from nearly 0
        scores = torch.zeros(2, device=device, dtype=torch.float64)
        self.bias = torch.nn.Parameter(scores)

    def forward(self, text):
        return self.bias.expand(len(text), 2)


def places_in(texts):
    return texts.numel() if torch.is_tensor(texts) else 0


def short(value):
    """A number or a list of numbers, with four digits behind the point."""
    if isinstance(value, list):
        return [short(item) for item in value]
    if torch.is_tensor(value):
        return "a tensor with a graph" if value.requires_grad else "a tensor"
    return round(value, 4) + 0.0 if isinstance(value, float) else value


def watched(train, device, windows):
    """For each step of train: the slate that it finds, and the loss that is printed.
    And how many places the widest forward has."""
    model = Guesser(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    slates, widths = [], [0]
    optimizer.register_step_pre_hook(lambda *_: slates.append(slate(model.bias)))
    model.register_forward_pre_hook(lambda _, inputs: widths.append(places_in(*inputs)))
    targets = [[torch.tensor(y, device=device) for y in window] for window in windows]
    pairs = [[(torch.zeros_like(y), y) for y in window] for window in targets]
    printed = train(model, torch.nn.CrossEntropyLoss(), optimizer, pairs)
    steps = [short(list(step)) for step in zip_longest(slates, printed)]
    return {"steps": steps, "widest forward": max(widths)}


def test_all_in_one_batch(device):
    """Eight places, four of them padded, in one batch and with one mean.
    What is on the slate? Two numbers, one for each score."""
    model = Guesser(device)
    targets = torch.tensor([0, 0, 0, -100, 1, -100, -100, -100], device=device)
    loss = cross_entropy(model(targets), targets)
    loss.backward()

    assert slate(model.bias) == approx(__)


def test_the_same_places_in_two_parts(device):
    """The batch of the koan above as two micro-batches of four places. Each has
    its mean, and half of it goes to backward(). What is on the slate?"""
    model = Guesser(device)
    for text in ([0, 0, 0, -100], [1, -100, -100, -100]):
        targets = torch.tensor(text, device=device)
        loss = cross_entropy(model(targets), targets)
        (loss / 2).backward()

    assert slate(model.bias) == approx(__)


def test_what_goes_to_backward(device):
    """Repair the loop of the koan above, which took half of each mean. A window is to
    leave what it would leave as one batch; its real tokens were counted before."""

    def train(*window):
        model = Guesser(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        real = sum(token != -100 for text in window for token in text)
        for text in window:
            targets = torch.tensor(text, device=device)
            logits = model(targets)
            loss = __
            loss.backward()
        found = slate(model.bias)
        optimizer.step()
        return found

    assert train([1, 1, 1, -100], [0, -100, -100, -100]) == approx([0.25, -0.25])
    assert train([-100, 1], [1, -100]) == approx([0.5, -0.5])
    assert train([1, 1, 1, 0], [0, -100], [1, 0, 1]) == approx([0.125, -0.125])


def test_nothing_but_padding(device):
    """A micro-batch with no real token. Is its mean NaN ("not a number"), True or
    False? What does the mean's backward() leave on the slate? What is the sum?"""
    model = Guesser(device)
    targets = torch.tensor([-100, -100], device=device)
    mean = cross_entropy(model(targets), targets)
    mean.backward()
    total = cross_entropy(model(targets), targets, reduction="sum")

    found = [mean.isnan().item(), slate(model.bias), total.item()]
    assert found == __


def test_a_penalty_on_the_weight(device):
    """A large weight costs 0.5 * w**2, added to every loss that goes to backward().
    What does the batch leave on v, what do its four micro-batches leave on w?"""
    v = torch.tensor(1.0, device=device, requires_grad=True)
    batch = torch.tensor([1.0, 2.0, 3.0, 6.0], device=device)
    loss = (v * batch).mean() + 0.5 * v**2
    loss.backward()

    w = torch.tensor(1.0, device=device, requires_grad=True)
    for x in batch:
        loss = (w * x) / 4 + 0.5 * w**2
        loss.backward()

    assert [slate(v), slate(w)] == __


def test_a_window_from_a_stream(device):
    """The micro-batches arrive one by one, so nobody can count ahead. Write what is
    to happen to each: after the last one the slate is divided by real."""

    def train(stream):
        model = Guesser(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        real = 0
        for text in stream:
            targets = torch.tensor(text, device=device)
            logits = model(targets)
            __
        for p in model.parameters():
            p.grad /= real
        found = slate(model.bias)
        optimizer.step()
        return found

    assert train(iter([[1, 1, 1, -100], [0, -100]])) == approx([0.25, -0.25])
    assert train(iter([[1], [-100, -100], [-100, 1]])) == approx([0.5, -0.5])
    assert train(iter([[1, 1, 1, 0], [0, -100], [1, 0, 1]])) == approx([0.125, -0.125])


def test_two_halves_of_four_rows(device):
    """h holds a row for each example. Four rows go through in one batch, or as two
    halves: do the slopes of the halves add up to those of the batch? Five times
    True or False."""
    rows = [[1.0, 0.0, 2.0], [0.0, 3.0, 1.0], [2.0, 2.0, 1.0], [4.0, 0.0, 1.0]]
    x = torch.tensor(rows, device=device, dtype=torch.float64)

    agree = [
        # squared error against 1; distance from the batch's mean
        halves_agree(lambda h: (h - 1).pow(2).sum(), x),
        halves_agree(lambda h: (h - h.mean(dim=0)).pow(2).sum(), x),
        # cross-entropy with class 0; LayerNorm: less the mean of its row, by its spread
        halves_agree(lambda h: -h.log_softmax(dim=1)[:, 0].sum(), x),
        halves_agree(lambda h: layer_norm(h, [3]).pow(3).sum(), x),
        # contrastive: each row is to find itself among all rows
        halves_agree(lambda h: -(h @ h.T).log_softmax(dim=1).diagonal().sum(), x),
    ]
    assert agree == __


def test_tokens_of_a_window(device):
    """Your own loop. loss_fn is CrossEntropyLoss(), a window is a list of texts (x, y).
    Each text has a forward of its own; the step is to find what one batch of the window
    would leave. total: the loss of that batch, a number to print. Write what comes
    between total = 0.0 and the step."""

    def train(model, loss_fn, optimizer, windows):
        printed = []
        for window in windows:
            total = 0.0
            __
            optimizer.step()
            optimizer.zero_grad()
            printed.append(total)
        return printed

    def run(what, *windows):
        return watched(train, device, windows)[what]

    first = [[1, 1, 1, -100], [0, -100, -100, -100]]
    assert run("steps", first, [[-100, 1], [1, -100], [1, 1]]) == [
        [[0.25, -0.25], 0.6931],
        [[0.3775, -0.3775], 0.4741],
    ]
    assert run("steps", [[0, 0, 0, 1], [-100, -100], [0, 1, 0]], [[1]]) == [
        [[-0.2143, 0.2143], 0.6931],
        [[0.6055, -0.6055], 0.9302],
    ]
    assert run("widest forward", first) == 4


def test_review_four_reports(device):
    """Four trainers had the same window: six tokens of class 1, then one of each
    class. Each should find 0.375 for score 0. They found 0.1875, 0.25, 0.75 and 3.0.
    Who found which? A list of four letters, in that order."""

    def finds(share, windows=1):
        model = Guesser(device)
        for text in windows * [[1, 1, 1, 1, 1, 1], [1, 0]]:
            targets = torch.tensor(text, device=device)
            total = cross_entropy(model(targets), targets, reduction="sum")
            share(total, len(text)).backward()
        return slate(model.bias)[0]

    found = {
        "A": finds(lambda total, n: total),
        "B": finds(lambda total, n: total / n / 2),
        "C": finds(lambda total, n: total / 8, windows=2),
        "D": finds(lambda total, n: total / 8 / 2),
    }
    senders = sorted(found, key=found.get)
    assert senders == __
