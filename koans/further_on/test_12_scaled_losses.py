"""12  Scaled losses

In float16 a slope below 2**-24 becomes 0, and one above 65504 becomes inf. The
cure for the small ones: multiply the loss by 1024, say. Every slope on the
slate is then 1024 times too large, and is divided again before the step.
torch.amp.GradScaler keeps that scale, for a whole window of micro-batches:

    scaler.scale(loss).backward()   a slope arrives, times the scale
    scaler.unscale_(optimizer)      divides its slates by the scale, and looks
                                    for inf and nan
    scaler.step(optimizer)          unscales, if you have not. Then it steps,
                                    unless there was an inf or a nan
    scaler.update()                 ends the window. A skipped step halves the
                                    scale for the windows to come

    >>> p = torch.tensor(1.0, requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=1.0)
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(3 * p).backward()
    >>> slate(p)
    24.0
    >>> scaler.step(optimizer)
    >>> [slate(p), p.item()]
    [3.0, -2.0]

The pixels here are float32, as they are under autocast; their slates are too.
clip_grad_norm_(pixels, 1.0) takes their slates as the sides of one arrow. If that
is longer than 1 it is shortened to length 1, each side in proportion.
"""

import torch
from pytest import approx, raises
from sensei import __
from slate import slate
from torch.nn.utils import clip_grad_norm_


def test_the_first_pixel_again(device):
    """The pixel of lesson 01 with its two targets, under a scale of 1024. What
    is on the slate after both backwards, and what after unscale_?"""
    p = torch.tensor(0.5, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=1024.0)
    for target in [0.8, 0.1]:  # their own slopes: -0.6 and 0.8
        scaler.scale((p - target).pow(2)).backward()
    found = [slate(p)]
    scaler.unscale_(optimizer)
    found.append(slate(p))

    assert found == approx(__)


def test_two_calls_of_unscale(device):
    """Two micro-batches of slopes 3 and 5, a scale of 64. unscale_ is called twice, and
    raises the second time. What is on the slate before, between and after?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=64.0)
    for slope in (3.0, 5.0):
        scaler.scale(slope * p).backward()
    found = [slate(p)]
    scaler.unscale_(optimizer)
    found.append(slate(p))
    with raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    found.append(slate(p))

    assert found == __


def test_a_look_in_mid_window(device):
    """Two micro-batches of slope 1. To look at the first, somebody called unscale_
    between them. What is on the slate before step(), and where is p after it?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=1024.0)
    scaler.scale(1.0 * p).backward()
    scaler.unscale_(optimizer)
    scaler.scale(1.0 * p).backward()
    found = slate(p)
    scaler.step(optimizer)

    assert [found, p.item()] == __


def test_one_large_slope_in_a_window(device):
    """p.half() is a float16 copy, so the slopes come through float16, scaled.
    Before any wipe: where is p, what is on its slate, and what is the scale?"""
    p = torch.tensor(1.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=1024.0)
    for slope in [1.0, 2.0, 64.0, 3.0]:
        scaler.scale(slope * p.half()).backward()
    scaler.step(optimizer)
    scaler.update()

    assert [p.item(), slate(p), scaler.get_scale()] == __


def test_every_micro_batch_its_own_update(device):
    """Three micro-batches of slope 1, a scale of 4. To get rid of "already been called"
    somebody ended each micro-batch with update(). What is on the slate after each
    unscale_, and where is p after the step?"""
    p = torch.tensor(0.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler(device, init_scale=4.0)
    found = []
    for i in range(3):
        scaler.scale(1.0 * p).backward()
        scaler.unscale_(optimizer)
        found.append(slate(p))
        if i == 2:
            scaler.step(optimizer)
        scaler.update()

    assert [found, p.item()] == __


def test_a_head_that_took_no_part(device):
    """Two heads of two pixels, an optimizer each. A loss may leave a head out, or part
    of it, and then torch itself may assert: "No inf checks were recorded". When is it
    right to step?"""

    def train(*losses):
        heads = [
            [torch.tensor(0.0, device=device, requires_grad=True) for _ in range(2)]
            for _ in range(2)
        ]
        optimizers = [torch.optim.SGD(head, lr=1.0) for head in heads]
        scaler = torch.amp.GradScaler(device, init_scale=1024.0)
        for loss in losses:
            scaler.scale(loss(*heads)).backward()
            for head, optimizer in zip(heads, optimizers):
                if __:
                    scaler.step(optimizer)
                    optimizer.zero_grad()
            scaler.update()
        return [p.item() for head in heads for p in head]

    assert train(lambda a, b: 2 * a[0] + a[1] + 3 * b[0] + b[1]) == [-2, -1, -3, -1]
    assert train(lambda a, b: 2 * a[1] + 5 * b[0]) == [0, -2, -5, 0]
    assert train(lambda a, b: 2 * a[0], lambda a, b: 5 * b[1]) == [-2, 0, 0, -5]
    assert train(lambda a, b: 0 * a[0], lambda a, b: a[1] - b[1]) == [0, -1, 0, 1]


def test_a_whole_scaled_window(device):
    """The slopes of a window are on two slates, scaled. Clip them, together, to a norm
    of 1, step, and let the scaler end the window. The wipe is there already."""

    def train(*windows):
        pixels = [torch.tensor(0.0, device=device, requires_grad=True) for _ in "pq"]
        optimizer = torch.optim.SGD(pixels, lr=1.0)
        scaler = torch.amp.GradScaler(device, init_scale=1024.0)
        seen = []
        for losses in windows:
            for loss in losses(*pixels):
                scaler.scale(loss).backward()
            __
            optimizer.zero_grad()
            seen.append([round(p.item(), 4) for p in pixels] + [scaler.get_scale()])
        return seen

    def slopes(*pairs):
        return lambda p, q: (a * p + b * q for a, b in pairs)

    small, large = slopes((0.25, 0.5)), slopes((1.0, 2.0), (2.0, 2.0))
    broken = slopes((1.0, 2.0), (1.0, float("inf")))
    assert train(small, large) == [[-0.25, -0.5, 1024], [-0.85, -1.3, 1024]]
    assert train(broken, large, small) == [
        [0, 0, 512],
        [-0.6, -0.8, 512],
        [-0.85, -1.3, 512],
    ]
