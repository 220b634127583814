"""06  One graph, many paths

While you compute a penalty, PyTorch records how: that record is the graph.
backward() walks it from the penalty back to the leaves. Along a path the
slopes multiply; where several paths reach one leaf, their slopes are added
up, and the sum goes on the slate.

    >>> x = torch.tensor(5.0, requires_grad=True)
    >>> h = 4 * x
    >>> penalty = 3 * h + 2 * x
    >>> penalty.backward()
    >>> slate(x)
    14.0

One path leads through h and brings 3 * 4, the other brings 2.

- The graph holds the tensors that its slopes are made from (the tensors, no
  copies of them). backward() throws them out when it has used them;
  backward(retain_graph=True) keeps them.
- h was computed, so it is no leaf: slopes pass through it and leave nothing
  in h.grad, unless you called h.retain_grad() before.
- h.detach() is the same number without the record: no slope passes there.
- cell = torch.nn.RNNCell(1, 1, bias=False) has two weights, and cell(x, h)
  makes the next state from a pixel x and the last state h.
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
    """The first backward() throws out what a's graph holds; b's graph is kept. Both
    penalties then go backward a second time. What is on each slate?"""
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


def test_a_backward_from_three_numbers(device):
    """backward() starts from one number. y has three, so it wants a gradient as well:
    three numbers, one for each of y's. q's penalties are summed, and go backward
    without one. What is on each slate?"""
    x = torch.tensor([1.0, 2.0, 4.0], device=device, requires_grad=True)
    y = x * x
    y.backward(gradient=torch.tensor([3.0, 1.0, 0.5], device=device))

    q = torch.tensor([1.0, 2.0, 4.0], device=device, requires_grad=True)
    (q * q).sum().backward()

    assert [slate(x), slate(q)] == __


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


def test_a_state_carried_over(device):
    """w is 2, and a state h starts at 1. In each of three rounds h becomes w * h and
    goes backward. In one loop h keeps its whole record, in the other it is detached
    after each round. What is on w's slate after each round? Two lists of three."""

    def three_rounds(detach):
        w = torch.tensor(2.0, device=device, requires_grad=True)
        h = torch.tensor(1.0, device=device)
        seen = []
        for _ in range(3):
            h = w * h
            h.backward(retain_graph=True)
            seen.append(slate(w))
            if detach:
                h = h.detach()
        return seen

    kept, detached = three_rounds(detach=False), three_rounds(detach=True)
    assert [kept, detached] == __


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

    def train(start, dtype, device):
        p = __
        if device == "meta":  # a device without numbers, and every machine has it
            return [p.device.type, p.is_leaf]
        optimizer = torch.optim.SGD([p], lr=0.25)
        (p - 1.0).pow(2).backward()
        found = slate(p)
        optimizer.step()
        return [p.dtype, found, p.item()]

    assert train([0.5], torch.float64, device) == [torch.float64, -1.0, 0.75]
    assert train([3.0], torch.bfloat16, device) == [torch.bfloat16, 4.0, 2.0]
    assert train([2.0], torch.float32, "meta") == ["meta", True]


def test_a_state_that_runs_on(device):
    """An RNN reads long sequences in pieces. The state h runs on from piece to piece,
    and a step is taken after each. "Trying to backward through the graph a second
    time", it said at the second piece. Write what happens to a piece, wipe and all:
    xs are its pixels, and y is what h should be after the last of them."""

    def train(cell, loss_fn, optimizer, pieces):
        h = torch.zeros(1, 1, device=device)
        for xs, y in pieces:
            __

    def run(*pieces):
        cell = torch.nn.RNNCell(1, 1, False, "relu", device=device)
        torch.nn.init.constant_(cell.weight_ih, 1.0)  # h = relu(1 * x + 0.5 * h)
        torch.nn.init.constant_(cell.weight_hh, 0.5)
        weights = [cell.weight_ih, cell.weight_hh]
        optimizer = torch.optim.SGD(weights, lr=0.125)
        found = []
        optimizer.register_step_pre_hook(
            lambda *_: found.append([slate(weight) for weight in weights])
        )
        rows = (torch.tensor(piece, device=device).view(-1, 1, 1) for piece in pieces)
        train(cell, torch.nn.MSELoss(), optimizer, [(r[:-1], r[-1]) for r in rows])
        return found

    three = run([1.0, 2.0, 1.5], [1.0, 2.0, 2.0], [2.0, 1.0])  # the last is y
    assert three == [[5.0, 2.0], [-4.5, -3.25], [6.125, 3.0625]]
    assert run([2.0, 1.0], [2.0, 2.0, 4.0]) == [[4.0, 0.0], [-12.0, -12.0]]


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
