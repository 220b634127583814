"""What lesson 11 says of digits, each sentence in several shapes."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

DIGITS = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24}
has_grad_dtype = pytest.mark.skipif(
    not hasattr(torch.Tensor, "grad_dtype"), reason="grad_dtype came with torch 2.10"
)


def pixels(dtype, device, shape=(2,)):
    return torch.zeros(shape, dtype=dtype, device=device, requires_grad=True)


def pile(p, *slopes):
    """What is on p's slate after these slopes, one backward() for each."""
    p.grad = None
    for slope in slopes:
        (slope * p).sum().backward()
    return p.grad.double().flatten()


@pytest.mark.claim("test_a_large_slope_and_many_small_ones", "learned")
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("dtype", DIGITS, ids=str)
def test_a_small_slope_is_lost_where_the_pile_has_no_digit_for_it(dtype, shape, device):
    """The slate is rounded at every backward(): from 2**digits on a 1 is lost, however
    often it comes. One digit further down all of them are kept, as on a wider pile."""
    p, end = pixels(dtype, device, shape), 2.0 ** DIGITS[dtype]
    assert pile(p, end, *[1.0] * 5).eq(end).all()
    assert pile(p, end, 3.0).eq(end + 4).all()  # half-way: to the even one
    assert pile(p, end / 2, *[1.0] * 5).eq(end / 2 + 5).all()

    wide = torch.zeros(shape, dtype=torch.float64, device=device)
    for slope in (end, *[1.0] * 5):
        wide += pile(p, slope).view(shape)
    assert wide.eq(end + 5).all()


@pytest.mark.claim("test_the_order_of_the_slopes")
@pytest.mark.parametrize("shape", DIGITS, ids=str)
def test_a_sum_depends_on_its_order(shape, device):
    """A 1 counts only where the pile is small enough for it, in every dtype."""
    p, end = pixels(shape, device), 2.0 ** DIGITS[shape]
    assert pile(p, end, 1.0, -end).eq(0).all()
    assert pile(p, end, -end, 1.0).eq(1).all()
    assert pile(p, 1.0, end, -end).eq(0).all()
    assert pile(p, end / 2, 1.0, -end / 2).eq(1).all()


@pytest.mark.claim("test_divide_early_or_late", "learned")
@pytest.mark.parametrize("shape", [(4, 1.0), (8, 2.0), (16, 5.0)], ids=str)
def test_what_was_divided_too_early_is_lost(shape, device):
    """A float16 slope that division takes below half of 2**-24 becomes 0, before it
    gets to the slate. bfloat16 reaches further down. Larger losses save it."""
    (k, count), tiny = shape, 2.0**-24

    def left(dtype, early, late, scale=1.0):
        p = pixels(dtype, device)
        for _ in range(k):
            (tiny * count * scale * p / early).sum().backward()
        assert p.grad.dtype == dtype
        return p.grad.div_(late).double() / tiny / scale

    lost = count / k < 0.5
    assert left(torch.float16, k, 1).eq(0).all() == lost
    assert left(torch.float16, 1, k).eq(count).all()
    assert left(torch.bfloat16, k, 1).eq(count).all()
    assert left(torch.float16, k, 1, scale=1024.0).eq(count).all()


@pytest.mark.claim("test_wiping_after_a_nan")
@pytest.mark.parametrize("shape", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_what_works_with_a_nan_keeps_it(shape, device):
    """mul_ and sub_ work with what they find, and 0 * inf and inf - inf are nan as
    well; zero_(), fill_() and zero_grad() write, or throw away, without looking."""

    def still_nan(wipe):
        p = torch.ones(2, 2, device=device, requires_grad=True)
        (shape * p).sum().backward()
        wipe(p)
        (2.0 * p).mean().backward()
        return p.grad.isnan().all().item()

    def zero_grad(p, to_none):
        torch.optim.Adam([p]).zero_grad(set_to_none=to_none)

    worked_out = [lambda p: p.grad.mul_(0), lambda p: p.grad.sub_(p.grad)]
    overwritten = [
        lambda p: p.grad.zero_(),
        lambda p: p.grad.fill_(0),
        lambda p: zero_grad(p, False),
        lambda p: zero_grad(p, True),
    ]
    assert all(map(still_nan, worked_out))
    assert not any(map(still_nan, overwritten))


def autocast(device, **more):
    return torch.autocast(device, dtype=torch.bfloat16, **more)


@pytest.mark.claim("test_under_autocast")
@pytest.mark.parametrize("shape", ["matmul", "linear", "two layers"])
def test_the_pile_between_backwards_has_the_digits_of_the_weight(shape, device):
    """Under autocast slopes have 8 digits, and the slate is that of the float32 weight:
    slopes of two backwards are added up with 24, those of one on the shared copy."""
    first = nn.Linear(1, 1, bias=False, device=device)
    last = nn.Linear(1, 1, bias=False, device=device)
    nn.init.ones_(first.weight)
    nn.init.ones_(last.weight)

    def forward(slope):
        x = torch.tensor([[slope]], device=device)
        if shape == "matmul":
            return x @ first.weight
        return last(first(x)) if shape == "two layers" else first(x)

    slopes = [512.0, 1.0, 1.0, 1.0]
    for slope in slopes:
        with autocast(device):
            y = forward(slope)
        y.sum().backward()
    assert (first.weight.grad.dtype, first.weight.grad.item()) == (torch.float32, 515.0)

    first.weight.grad = None
    with autocast(device):
        total = sum(forward(slope).float().sum() for slope in slopes)
    total.backward()
    assert first.weight.grad.item() != 515.0  # and which, is the engine's order

    first.weight.grad = None
    total = 0
    for slope in slopes:  # a copy each
        with autocast(device):
            total = total + forward(slope).float().sum()
    total.backward()
    assert first.weight.grad.item() == 515.0


@pytest.mark.claim("test_a_pile_beside_the_slate", "learned")
@pytest.mark.parametrize("shape", [torch.float16, torch.bfloat16, "a model"], ids=str)
def test_a_wider_pile_keeps_what_single_slopes_have(shape, device):
    """If the slate never holds more than one slope, the piling up takes place in the
    dtype of the pile: it comes to what a float64 would have, whatever the slopes."""
    torch.manual_seed(0)
    dtype = torch.bfloat16 if shape == "a model" else shape
    layers = [nn.Linear(3, 2, device=device, dtype=dtype) for _ in range(2)]
    inputs = [torch.randn(4, 3, device=device, dtype=dtype) * 3 for _ in range(40)]
    leaves = [p for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.SGD(leaves, lr=0.5)

    def slopes():
        for x in inputs:
            sum(layer(x).float().pow(2).mean() for layer in layers).backward()
            yield [p.grad for p in leaves]

    wide = [torch.zeros_like(p, dtype=torch.float32) for p in leaves]
    exact = [torch.zeros_like(p, dtype=torch.float64) for p in leaves]
    for found in slopes():
        for beside, reference, slope in zip(wide, exact, found, strict=True):
            beside += slope
            reference += slope
        optimizer.zero_grad()
    for _ in slopes():
        pass

    on_the_slate = 0.0
    for p, beside, reference in zip(leaves, wide, exact, strict=True):
        torch.testing.assert_close(beside.double(), reference, rtol=1e-5, atol=1e-5)
        on_the_slate = max(on_the_slate, (p.grad - reference).abs().max().item())
    assert on_the_slate > 1e-2


@has_grad_dtype
@pytest.mark.claim("test_a_dtype_for_the_slate")
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2)], ids=str)
def test_grad_dtype_gives_the_slate_digits_of_its_own(shape, device):
    """The slate has that dtype, the pixel keeps its own. SGD, RMSprop and Adagrad take
    such a slate; Adam and AdamW refuse it, and so does what is fused."""
    q = pixels(torch.float16, device, shape)
    q.grad_dtype = torch.float32
    assert pile(q, 4096.0, 1.0, 0.5).eq(4097.5).all()
    assert (q.dtype, q.grad.dtype) == (torch.float16, torch.float32)

    optim = torch.optim
    for take in (optim.SGD, optim.RMSprop, optim.Adagrad):
        take([q], lr=0.5).step()
    assert q.isfinite().all() and q.lt(0).all()
    for refuse in (optim.Adam, optim.AdamW, optim.NAdam, optim.Adamax):
        with pytest.raises(RuntimeError):
            refuse([q], lr=0.5).step()
    with pytest.raises(RuntimeError):
        optim.SGD([q], lr=0.5, fused=True).step()


@pytest.mark.claim("test_your_loop_under_autocast")
@pytest.mark.parametrize("shape", ["SGD", "Adam", "two layers"])
def test_autocast_keeps_one_copy_until_it_ends(shape, device):
    """One autocast around the whole loop keeps the first copy of a weight: no forward
    sees a step, whatever `with` stands inside. If the outermost one ends in between, or
    keeps no copy, every forward does."""

    def losses(around, **more):
        layers = [nn.Linear(1, 1, device=device) for _ in range(2)]
        model = nn.Sequential(*layers) if shape == "two layers" else layers[0]
        for p in model.parameters():
            nn.init.constant_(p, 0.5)
        kind = torch.optim.Adam if shape == "Adam" else torch.optim.SGD
        optimizer = kind(model.parameters(), lr=0.0625)
        found, x = [], torch.ones(2, 1, device=device)
        with around:
            for _ in range(3):
                with autocast(device, **more):
                    out = model(x)
                assert out.dtype == torch.bfloat16
                loss = (out.float() - 4).pow(2).mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                found.append(loss.item())
        return found

    fresh = losses(nullcontext())
    assert fresh[0] > fresh[1] > fresh[2]
    no_copy = autocast(device, cache_enabled=False)
    assert losses(no_copy, cache_enabled=False) == fresh
    for around in (autocast(device), autocast(device, enabled=False)):
        assert losses(around) == fresh[:1] * 3
