"""06  One graph, many paths

While you compute a penalty, PyTorch records how: that record is the graph.
backward() walks it from the penalty back to the leaves. Along a path the
slopes multiply; where several paths reach one leaf, each adds its own.

    >>> x = torch.tensor(5.0, requires_grad=True)
    >>> h = 4 * x
    >>> penalty = 3 * h + 2 * x
    >>> penalty.backward()
    >>> slate(x)
    14.0

One path leads through h and brings 3 * 4, the other brings 2.

- The graph keeps the numbers that its slopes need. backward() throws them
  away when it has used them; backward(retain_graph=True) keeps them.
- h was computed, so it is no leaf: slopes pass through it and leave nothing
  in h.grad, unless you called h.retain_grad() before.
"""

import torch
from pytest import mark, raises
from sensei import __
from slate import slate


def test_one_pixel_in_two_places(device):
    """a and b are both 3. Each penalty has its pixel in two places, and gets one
    backward(). What is on each slate?"""
    a = torch.tensor(3.0, device=device, requires_grad=True)
    (a * a).backward()

    b = torch.tensor(3.0, device=device, requires_grad=True)
    (b + b).backward()

    assert [slate(a), slate(b)] == __


def test_backward_twice(device):
    """The first backward() throws a's graph away; b's graph is kept. Both penalties
    then go backward a second time. What is on each slate?"""
    a = torch.tensor(3.0, device=device, requires_grad=True)
    penalty = a * a
    penalty.backward()
    with raises(RuntimeError, match="second time"):
        penalty.backward()

    b = torch.tensor(3.0, device=device, requires_grad=True)
    penalty = b * b
    penalty.backward(retain_graph=True)
    penalty.backward()

    assert [slate(a), slate(b)] == __


def test_two_heads_on_one_trunk(device):
    """x is 3. Two heads use the same h, and each goes backward on its own.
    What is on the slate after the first of them, and after the second?"""
    x = torch.tensor(3.0, device=device, requires_grad=True)
    h = x * x
    left = 2 * h
    right = 5 * h

    left.backward(retain_graph=True)
    after_left = slate(x)
    right.backward()
    after_right = slate(x)

    assert [after_left, after_right] == __


def test_one_step_for_two_heads(device):
    """left.backward() and then right.backward() stopped here: the graph had been used
    a "second time". Write what works. step() should find the feedback of both."""

    def train(left_head, right_head, *pixels):
        trunk = torch.nn.Linear(1, 1, bias=False, device=device)
        torch.nn.init.ones_(trunk.weight)
        optimizer = torch.optim.SGD(trunk.parameters(), lr=0.25)
        found = []
        for x in torch.tensor(pixels, device=device).split(1):
            optimizer.zero_grad()
            h = trunk(x)
            left, right = left_head(h), right_head(h)
            __
            found.append(slate(trunk.weight))
            optimizer.step()
        return found

    assert train(lambda h: h * h, lambda h: 5 * h, 1.0, 3.0) == [7.0, 1.5]
    assert train(lambda h: 3 * h, lambda h: -h, 4.0, 2.0, 5.0) == [8.0, 4.0, 10.0]


def test_a_tensor_in_between(device):
    """x is 2 and h is computed from it, so h is no leaf; but it retains its slope.
    Two backwards: what is on [h's slate, x's slate] after each?"""
    x = torch.tensor(2.0, device=device, requires_grad=True)
    h = 3 * x
    h.retain_grad()
    penalty = h * h

    penalty.backward(retain_graph=True)
    first = [slate(h), slate(x)]
    penalty.backward()
    second = [slate(h), slate(x)]

    assert [first, second] == __


def test_a_layer_used_twice(device):
    """The weight is 3, the pixel is 2, and the model sends it through the same layer
    two times. How many parameters has the model, and what is on the weight's slate?"""
    layer = torch.nn.Linear(1, 1, bias=False, device=device)
    torch.nn.init.constant_(layer.weight, 3.0)
    model = torch.nn.Sequential(layer, layer)
    model(torch.tensor([2.0], device=device)).backward()
    count = len(list(model.parameters()))

    assert [count, slate(layer.weight)] == __


def test_picked_and_repeated(device):
    """x has three pixels, and three picks are made from it. y is a single pixel,
    expanded to a row of four. What is on each slate?"""
    x = torch.tensor([7.0, 8.0, 9.0], device=device, requires_grad=True)
    picked = x[[0, 0, 2]]
    picked.sum().backward()

    y = torch.tensor(7.0, device=device, requires_grad=True)
    row = y.expand(4)
    row.sum().backward()

    assert [slate(x), slate(y)] == __


def test_a_step_in_between(device):
    """w is 1. Both penalties are computed before step() writes a new number into w.
    If second.backward() fails, we go on. What is on w's slate, for each penalty?"""

    def slate_after(penalty):
        w = torch.tensor(1.0, device=device, requires_grad=True)
        first, second = penalty(w), penalty(w)
        first.backward()
        torch.optim.SGD([w], lr=0.25).step()
        try:
            second.backward()
        except RuntimeError:
            pass
        return slate(w)

    x = torch.tensor(3.0, device=device)
    found = [slate_after(lambda w: w * w), slate_after(lambda w: w * x)]
    assert found == __


@mark.filterwarnings("ignore:The .grad attribute")  # torch warns about one of them
def test_two_conversions(device):
    """to() converts a tensor: it gives a new one, computed from the old, or the tensor
    itself where nothing has to change. p is float32 and is converted two times; both
    results get a penalty and a backward(). What is on the three slates?"""
    p = torch.tensor(0.5, device=device, requires_grad=True)
    single = p.to(torch.float32)
    double = p.to(torch.float64)
    (single - 1.0).pow(2).backward()
    (double - 1.0).pow(2).backward()

    assert [slate(p), slate(single), slate(double)] == __


def test_a_pixel_to_train(device):
    """p = torch.tensor(start, requires_grad=True).to(device, dtype) stood here, and
    SGD refused it: "can't optimize a non-leaf Tensor". Write a p that it can train."""

    def train(start, dtype):
        target = torch.ones(1, device=device)
        p = __
        optimizer = torch.optim.SGD([p], lr=0.25)
        (p - target).pow(2).backward()
        found = slate(p)
        optimizer.step()
        return [p.dtype, found, p.item()]

    assert train([0.5], torch.float64) == [torch.float64, -1.0, 0.75]
    assert train([3.0], torch.bfloat16) == [torch.bfloat16, 4.0, 2.0]


def test_review_one_graph_five_events(device):
    """x is 2. Five things happen to it, one after the other.
    What is on the slate after each of the five?"""
    x = torch.tensor(2.0, device=device, requires_grad=True)
    h = x * x
    seen = []
    (3 * h).backward(retain_graph=True)
    seen.append(slate(x))
    (h / 4).backward()
    seen.append(slate(x))
    torch.optim.SGD([x], lr=0.5).zero_grad()
    seen.append(slate(x))
    with raises(RuntimeError, match="second time"):
        (5 * h).backward()
    seen.append(slate(x))
    (x * x + x).backward()
    seen.append(slate(x))

    assert seen == __
