"""11  Running out of digits

A slate has the dtype of its pixel (unless you set another, as in one koan here),
and a dtype keeps a fixed number of binary digits: float32 24, float16 11,
bfloat16 8. So float16 has every whole number as
far as 2**11. Beyond that it has multiples of 2 alone, beyond 2**12 multiples of
4, and so on. A sum between two of them goes to the nearer one. From half-way it
goes to the one with the even count: to 1026 fours, say, and not to 1025. Every
backward() rounds the slate anew.

    >>> p = torch.tensor(0.0, dtype=torch.float16, requires_grad=True)
    >>> found = []
    >>> for slope in (4096.0, 3.0, 2.0):
    ...     (slope * p).backward()
    ...     found.append(slate(p))
    >>> found    # 4099 is nearer to 4100; 4102 is half-way
    [4096.0, 4100.0, 4104.0]

Small numbers end too: all that float16 has are multiples of 2**-24. bfloat16
has fewer digits, but it reaches down as far as float32 does, to about 1e-38.
And nan, "not a number", spreads: a sum, a difference or a product with a nan in
it is nan. It equals nothing, not even itself; isnan(x) tells.
"""

from math import isnan

import torch
from needs import needs_torch
from sensei import __
from slate import slate


def test_a_large_slope_and_many_small_ones(device):
    """One large slope, then three slopes of 1, on pixels of three dtypes.
    What is on the three slates at the end?"""

    def pile(dtype, large):
        p = torch.tensor(0.0, dtype=dtype, device=device, requires_grad=True)
        (large * p).backward()
        for _ in range(3):
            (1.0 * p).backward()
        return slate(p)

    found = [
        pile(torch.float32, 2048.0),
        pile(torch.float16, 2048.0),
        pile(torch.bfloat16, 256.0),
    ]
    assert found == __


def test_the_order_of_the_slopes(device):
    """float32 has an end too. In each pile a large slope comes and is taken back,
    and there is a 1. What is left on the slate, in each of the four?"""

    def pile(*slopes):
        p = torch.tensor(0.0, device=device, requires_grad=True)
        for slope in slopes:
            (slope * p).backward()
        return slate(p)

    found = [
        pile(2.0**23, 1.0, -(2.0**23)),
        pile(2.0**24, 1.0, -(2.0**24)),
        pile(1e8, 1.0, -1e8),
        pile(1e8, -1e8, 1.0),
    ]
    assert found == __


def test_divide_early_or_late(device):
    """Four slopes of one tiny, 2**-24, each. Every loss is divided by 4, or else
    the slate is, once, at the end. What is left in each case, counted in tinies
    (so a slate of 2**-23 counts as 2)?"""
    tiny = 2.0**-24

    def pile(dtype, early, late):
        p = torch.tensor(1.0, dtype=dtype, device=device, requires_grad=True)
        for _ in range(4):
            (tiny * p / early).backward()
        p.grad.div_(late)
        return slate(p) / tiny

    found = [
        pile(torch.float16, early=4, late=1),
        pile(torch.float16, early=1, late=4),
        pile(torch.bfloat16, early=4, late=1),
    ]
    assert found == __


def test_wiping_after_a_nan(device):
    """One loss left a nan. The slate is wiped, in four ways, and then a slope of
    2 arrives. Is the slate still nan? Answer True or False for each way."""

    def still_nan(wipe):
        p = torch.tensor(1.0, device=device, requires_grad=True)
        (float("nan") * p).backward()
        wipe(p)
        (2.0 * p).backward()
        return isnan(slate(p))

    found = [
        still_nan(lambda p: p.grad.mul_(0)),
        still_nan(lambda p: p.grad.zero_()),
        still_nan(lambda p: p.grad.sub_(p.grad)),
        still_nan(lambda p: torch.optim.SGD([p], lr=1.0).zero_grad()),
    ]
    assert found == __


def test_under_autocast(device):
    """autocast works out x @ w in bfloat16, from a bfloat16 copy of w.
    Which dtype has the slate of w, and what is on it after the four slopes?
    (A dtype is written torch.float16.)"""
    w = torch.tensor([[0.0]], device=device, requires_grad=True)
    for slope in [512.0, 1.0, 1.0, 1.0]:
        x = torch.tensor([[slope]], device=device)
        with torch.autocast(device, dtype=torch.bfloat16):
            y = x @ w
        assert y.dtype == torch.bfloat16
        y.sum().backward()

    assert [w.grad.dtype, slate(w)] == __


def test_a_pile_beside_the_slate(device):
    """p is a float16, and so is its slate: let it hold one slope at a time. pile is
    a float32, and is to hold their sum. What must be done with each loss?"""

    def accumulate(losses):
        p = torch.tensor(0.0, dtype=torch.float16, device=device, requires_grad=True)
        pile = torch.tensor(0.0, device=device)
        for loss in losses(p):
            __
        return pile.item()

    def slopes(*values):
        return lambda p: (value * p for value in values)

    assert accumulate(slopes(2048.0, *[1.0] * 101)) == 2149.0
    assert accumulate(slopes(4096.0, 1.0, 0.5)) == 4097.5
    assert accumulate(slopes(-1.0, 4096.0, -1.0)) == 4094.0


@needs_torch("2.10")
def test_a_dtype_for_the_slate(device):
    """grad_dtype, new in torch 2.10, says which dtype a slate is to have.
    What is on the two slates, and which dtype has q itself (torch.bfloat16, say)?"""
    p = torch.tensor(0.0, dtype=torch.float16, device=device, requires_grad=True)
    q = torch.tensor(0.0, dtype=torch.float16, device=device, requires_grad=True)
    q.grad_dtype = torch.float32
    for slope in [4096.0, 1.0, 0.5]:
        (slope * p).backward()
        (slope * q).backward()

    assert [slate(p), slate(q), q.dtype] == __


def test_your_loop_under_autocast(device):
    """A loop with its forward in bfloat16. autocast copies a weight once, and uses this
    copy until the outermost `with` of autocast ends. Write what train does: for each
    batch forward, backward, step, wipe. Each step is to find the slope for the weight
    as it is by then."""

    def train(model, loss_fn, optimizer, batches):
        __

    def run(start, lr, *rows):
        model = torch.nn.Linear(1, 1, bias=False, device=device)
        torch.nn.init.constant_(model.weight, start)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        found = []
        optimizer.register_step_pre_hook(lambda *_: found.append(slate(model.weight)))
        batches = [torch.tensor(row, device=device).view(2, 1, 1) for row in rows]
        train(model, torch.nn.MSELoss(), optimizer, batches)
        return found

    assert run(0.0, 0.25, (1.0, 2.0), (1.0, 2.0), (2.0, 1.0)) == [-4.0, -2.0, 8.0]
    assert run(2.0, 0.25, (1.0, 0.0), (2.0, 4.0), (1.0, 1.0)) == [4.0, -8.0, 4.0]
    assert run(1.0, 2**-10, *[(1.0, 3.0)] * 3) == [-4.0, -4.0, -3.984375]
