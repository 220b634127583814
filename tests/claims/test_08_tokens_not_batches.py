"""What lesson 08 says of losses per token, in other models, losses and optimizers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy, layer_norm

PAD = -100
WINDOWS = {  # of each text, the targets; the tokens before them are made up
    "lengths": [[1, 0, 2, 2, PAD], [0, PAD], [PAD, 1, PAD]],
    "an empty one": [[2, 1, 1], [PAD, PAD], [0, PAD, PAD, 2]],
    "one token": [[1], [PAD, 0, 2, 0, 0, 1, 1], [2, 2]],
}
EVEN = [[1, PAD, 0], [2, 2], [PAD, PAD, 0, 1]]  # two real tokens each


class Reader(torch.nn.Module):
    """Three scores for each place of a text, from one layer or from two."""

    def __init__(self, layers: int, dtype: torch.dtype, device: str) -> None:
        super().__init__()
        torch.manual_seed(layers)
        width = 3 if layers == 1 else 4
        parts: list[torch.nn.Module] = [torch.nn.Embedding(5, width)]
        if layers == 2:
            parts += [torch.nn.Tanh(), torch.nn.Linear(4, 3)]
        self.layers = torch.nn.Sequential(*parts).to(device, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def one_layer(device):
    return Reader(1, torch.float64, device)


def two_layers(device):
    return Reader(2, torch.float64, device)


def in_float32(device):
    return Reader(2, torch.float32, device)


MODELS = [one_layer, two_layers, in_float32]
each_model = pytest.mark.parametrize("shape", MODELS)
each_window = pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)


def texts(window, device):
    """Pairs of tokens and targets."""
    ys = [torch.tensor(y, device=device) for y in window]
    return [(torch.arange(len(y), device=device) * 3 % 5, y) for y in ys]


def real(y):
    return (y != PAD).sum().item()


def as_one_batch(pairs):
    return [(torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs]))]


def slates(model, pairs, loss_of):
    """What a backward() for each text leaves, all numbers in a row."""
    model.zero_grad()
    for x, y in pairs:
        loss_of(model(x), y).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def summed(scores, y):
    return cross_entropy(scores, y, reduction="sum")


def close(left, right):
    return torch.allclose(left, right, rtol=1e-4, atol=1e-6)


@pytest.mark.claim("learned", "test_what_goes_to_backward", "test_tokens_of_a_window")
@each_window
@each_model
def test_sums_by_the_windows_tokens_are_one_batch(shape, window, device):
    """A loss per token is divided by the real tokens of the whole window, once."""
    model, pairs = shape(device), texts(window, device)
    count = sum(real(y) for _, y in pairs)
    right = slates(model, as_one_batch(pairs), cross_entropy)

    assert close(slates(model, pairs, lambda s, y: summed(s, y) / count), right)
    shares = slates(model, pairs, lambda s, y: cross_entropy(s, y) * real(y) / count)
    assert close(shares, right)  # an empty text's NaN goes no further than the loss
    for wrong in (
        lambda s, y: summed(s, y) / max(real(y), 1),
        lambda s, y: cross_entropy(s, y) / len(pairs),
        lambda s, y: summed(s, y) / count / len(pairs),
        lambda s, y: summed(s, y) / sum(len(y) for _, y in pairs),
    ):
        places = sum(len(y) for _, y in pairs)
        assert places > count and not close(slates(model, pairs, wrong), right)


@pytest.mark.claim("test_a_window_from_a_stream")
@each_window
@each_model
def test_dividing_the_slates_at_the_end_does_as_well(shape, window, device):
    """Sums pile up, the count grows beside them, and the slate is divided once."""
    model, pairs = shape(device), iter(texts(window, device))
    count = 0
    for x, y in pairs:
        summed(model(x), y).backward()
        count += real(y)
    piled = torch.cat([p.grad.flatten() for p in model.parameters()]) / count

    whole = as_one_batch(texts(window, device))
    assert close(piled, slates(model, whole, cross_entropy))


@pytest.mark.claim("test_all_in_one_batch")
@pytest.mark.parametrize(
    "shape",
    [{}, {"label_smoothing": 0.2}, {"ignore_index": 2}, {"weight": [1.0, 2.0, 5.0]}],
    ids=["plain", "smoothing", "another index", "class weights"],
)
def test_a_mean_divides_by_the_real_tokens(shape, device):
    """Padded places are neither added nor counted; class weights count by weight."""
    options, pad = dict(shape), shape.get("ignore_index", PAD)
    y = torch.tensor([0, 1, pad, 1, pad, 0], device=device)
    torch.manual_seed(0)
    scores = torch.randn(6, 3, dtype=torch.float64).to(device)
    count = 4.0
    if weight := options.get("weight"):
        options["weight"] = torch.tensor(weight, dtype=torch.float64, device=device)
        count = sum(weight[c] for c in y.tolist() if c != pad)

    def loss_of(rows, reduction="mean"):
        p = scores[rows].clone().requires_grad_()
        loss = cross_entropy(p, y[rows], reduction=reduction, **options)
        loss.backward()
        return loss.item(), p.grad

    mean, slopes = loss_of([0, 1, 2, 3, 4, 5])
    total, pulls = loss_of([0, 1, 2, 3, 4, 5], "sum")
    without, _ = loss_of([0, 1, 3, 5])
    assert mean == pytest.approx(total / count)
    assert close(slopes, pulls / count)
    assert mean == pytest.approx(without)
    assert slopes[[2, 4]].count_nonzero() == 0


@pytest.mark.claim("test_the_same_places_in_two_parts")
@each_model
def test_means_are_right_where_all_have_as_many_tokens(shape, device):
    """Dividing means by the number of micro-batches is right where each has as many
    real tokens, whatever the padding; else it is not."""
    model = shape(device)

    def agree(window):
        pairs = texts(window, device)
        right = slates(model, as_one_batch(pairs), cross_entropy)
        means = slates(model, pairs, lambda s, y: cross_entropy(s, y) / len(pairs))
        return close(means, right)

    assert agree(EVEN)
    assert not any(agree(window) for window in WINDOWS.values())


def in_rows(p):
    return p.expand(4, 3), torch.full((4,), PAD, device=p.device)


def in_columns(p):
    return p[:, None].expand(2, 3, 5), torch.full((2, 5), PAD, device=p.device)


def of_a_product(p):
    return torch.outer(p, p), torch.full((3,), PAD, device=p.device)


@pytest.mark.claim("test_nothing_but_padding")
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}], ids=["", "smooth"])
@pytest.mark.parametrize("shape", [in_rows, in_columns, of_a_product])
def test_a_mean_of_nothing_spares_the_slate(shape, options, device):
    """The mean over no token is NaN, and cross_entropy leaves zeros on the slate: it
    passes back zeros from places that it leaves out. A sum is 0."""
    p = torch.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    for reduction in ("mean", "none", "sum"):
        p.grad = None
        scores, y = shape(p)
        losses = cross_entropy(scores, y, reduction=reduction, **options)
        loss = losses.sum() / (y != PAD).sum() if reduction == "none" else losses
        loss.backward()
        assert loss.item() == 0.0 if reduction == "sum" else loss.isnan()
        assert p.grad.count_nonzero() == 0 and not p.grad.isnan().any()


@pytest.mark.claim("test_nothing_but_padding")
@pytest.mark.parametrize(
    "shape",
    [
        lambda p: (p - 1).pow(2),
        lambda p: -p.expand(3, 3).log_softmax(dim=1)[:, 0],
        lambda p: cross_entropy(p.expand(3, 3), p.long() * 0, reduction="none"),
    ],
    ids=["squares", "log_softmax", "cross_entropy without a padded target"],
)
def test_a_mean_by_hand_does_not_spare_it(shape, device):
    """Losses that leave no place out, with a mean by hand, put NaN on the slate."""
    p = torch.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    losses, mask = shape(p), torch.zeros(3, dtype=torch.bool, device=device)
    ((losses * mask).sum() / mask.sum()).backward()
    assert p.grad.isnan().all()


def squares(parameters):
    return sum(0.5 * p.pow(2).sum() for p in parameters)


def sizes(parameters):
    return sum(p.abs().sum() for p in parameters)


def of_one_layer(parameters):
    return 3 * parameters[0].pow(4).sum()


@pytest.mark.claim("test_a_penalty_on_the_weight")
@each_model
@pytest.mark.parametrize("penalty", [squares, sizes, of_one_layer])
@pytest.mark.parametrize("window", [EVEN, WINDOWS["lengths"]], ids=["even", "uneven"])
def test_a_penalty_belongs_to_the_step(shape, penalty, window, device):
    """What belongs to the step and not to a token is divided by the number of
    micro-batches, or added once; undivided it counts once for each of them."""
    model, pairs = shape(device), texts(window, device)
    parameters = list(model.parameters())
    count = sum(real(y) for _, y in pairs)

    def with_penalty(pairs, loss_of, share):
        return slates(
            model, pairs, lambda s, y: loss_of(s, y) + share * penalty(parameters)
        )

    def part(scores, y):
        return summed(scores, y) / count

    right = with_penalty(as_one_batch(pairs), cross_entropy, 1)
    assert close(with_penalty(pairs, part, 1 / len(pairs)), right)
    slates(model, pairs, part)
    penalty(parameters).backward()
    assert close(torch.cat([p.grad.flatten() for p in parameters]), right)
    extra = right - slates(model, as_one_batch(pairs), cross_entropy)
    often = with_penalty(pairs, part, 1)
    assert close(often, right + (len(pairs) - 1) * extra)


def slope_of(loss, x, parts):
    w = torch.ones_like(x[0], requires_grad=True)
    for rows in parts:
        loss(w * x[rows]).backward()
    return w.grad


OF_ITS_OWN = {
    "absolute error": lambda h: (h - 2).abs().sum(),
    "cross-entropy": lambda h: -h.log_softmax(dim=1)[:, 1].sum(),
    "layer norm": lambda h: layer_norm(h, [3]).pow(3).sum(),
}
AMONG_OTHERS = {
    "spread of the batch": lambda h: h.var(dim=0, correction=0).sum() * len(h),
    "contrastive": lambda h: -(h @ h.T).log_softmax(dim=1).diagonal().sum(),
    "distances": lambda h: torch.cdist(h, h + 1).sum(),
}


@pytest.mark.claim("test_two_halves_of_four_rows")
@pytest.mark.parametrize("rows", [4, 6, 10])
@pytest.mark.parametrize("shape", [*OF_ITS_OWN, *AMONG_OTHERS])
def test_a_cut_is_harmless_where_rows_add_their_own(shape, rows, device):
    """Where each row adds a part of its own, halves add up to the batch. Where rows
    are compared, they don't, and no factor repairs it."""
    torch.manual_seed(rows)
    x = torch.rand(rows, 3, dtype=torch.float64).to(device) + 0.5
    half = rows // 2
    loss = {**OF_ITS_OWN, **AMONG_OTHERS}[shape]
    whole = slope_of(loss, x, [slice(None)])
    halves = slope_of(loss, x, [slice(half), slice(half, None)])
    if shape in OF_ITS_OWN:
        assert close(halves, whole)
        return
    factor = (halves @ whole) / (halves @ halves)
    assert not torch.allclose(factor * halves, whole, rtol=1e-3)


@pytest.mark.claim("test_two_halves_of_four_rows")
@pytest.mark.parametrize("shape", [2, 3, 5])
def test_halves_that_are_alike_do_no_harm(shape, device):
    """... unless the halves happen to be alike."""
    x = torch.rand(shape, 3, dtype=torch.float64).to(device)
    loss, both = AMONG_OTHERS["spread of the batch"], torch.cat([x, x])
    halves = slope_of(loss, both, [slice(shape), slice(shape, None)])
    assert close(halves, slope_of(loss, both, [slice(None)]))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.5)


def momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.05)


@pytest.mark.claim("test_tokens_of_a_window")
@pytest.mark.parametrize("shape", [sgd, momentum, adam])
def test_shares_of_slate_and_loss_add_up(shape, device):
    """A text's sum by the window's tokens is its share of the big batch's slate and
    of its loss; a text without a token adds nothing."""
    big = two_layers(device)
    small = copy.deepcopy(big)
    of_big, of_small = shape(big.parameters()), shape(small.parameters())
    for window in WINDOWS.values():
        pairs = texts(window, device)
        [(x, y)] = as_one_batch(pairs)
        expected = cross_entropy(big(x), y)
        expected.backward()
        printed, count = 0.0, sum(real(y) for _, y in pairs)
        for x, y in pairs:
            loss = summed(small(x), y) / count
            loss.backward()
            printed += loss.item()
        assert printed == pytest.approx(expected.item())
        for optimizer in (of_big, of_small):
            optimizer.step()
            optimizer.zero_grad()
    for p, q in zip(big.parameters(), small.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)


@pytest.mark.claim("test_review_four_reports")
@each_window
@each_model
def test_four_symptoms(shape, window, device):
    """By the tokens and by the texts, too: a part; nobody wiped: a multiple; divided
    by nothing: the sum; means of unequal texts: something else altogether."""
    model, pairs = shape(device), texts(window, device)
    count = sum(real(y) for _, y in pairs)
    right = slates(model, as_one_batch(pairs), cross_entropy)

    def by(divisor):
        return lambda s, y: summed(s, y) / divisor

    assert close(slates(model, pairs, by(count * len(pairs))), right / len(pairs))
    assert close(slates(model, pairs * 2, by(count)), 2 * right)
    assert close(slates(model, pairs, by(1)), count * right)
    means = slates(model, pairs, lambda s, y: cross_entropy(s, y) / len(pairs))
    factor = (means @ right) / (means @ means)
    assert not torch.allclose(factor * means, right, rtol=1e-3)
