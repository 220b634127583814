"""10  Two names, one slate

g = p.grad copies nothing. It gives the tensor in p.grad a second name, just as
b = a does with a list. Who writes into that tensor under one name has written
under both:

    >>> p = torch.tensor(2.0, requires_grad=True)
    >>> (p * p).backward()
    >>> g = p.grad
    >>> _ = g.fill_(7.0)
    >>> slate(p)
    7.0

So when a slate changes, one of two things has happened: somebody wrote into
the tensor that was there (and all its names see it), or p.grad was given
another tensor (and the old one is left to whoever kept a name for it). Every
koan of this lesson asks which of the two it was.
"""

import copy
import pytest
import torch
from sensei import __
from slate import slate


def test_three_ways_to_keep_it(device):
    """p's slate is kept in three ways, then a second backward comes. What do the
    three hold now?"""
    p = torch.tensor(3.0, device=device, requires_grad=True)
    (p * p).backward()
    kept = [p.grad, p.grad.clone(), p.grad.detach()]
    (p * p).backward()

    assert [g.item() for g in kept] == __


def test_a_log_of_three_passes(device):
    """The slopes are 1, 2 and 3, and the slate is logged after each of them. What
    does the log hold at the end?"""
    w = torch.tensor(1.0, device=device, requires_grad=True)
    log = []
    for slope in (1.0, 2.0, 3.0):
        (slope * w).backward()
        log.append(w.grad)

    assert [g.item() for g in log] == __


def test_what_one_backward_adds(device):
    """added() is to say what the second loss alone has put on the slate. Its author
    wrote before = p.grad, and it always returned zeros. What should it be?"""

    def added(first, second):
        p = torch.tensor([1.0, 2.0], device=device, requires_grad=True)
        first(p).backward()
        before = __
        second(p).backward()
        return (p.grad - before).tolist()

    assert added(lambda p: (p * p).sum(), lambda p: (3 * p).sum()) == [3.0, 3.0]
    assert added(lambda p: (5 * p).sum(), lambda p: (p * p).sum()) == [2.0, 4.0]


def test_a_name_and_zero_grad(device):
    """g names the slate. Then the optimizer wipes, and one more backward comes.
    What is in g, and what is on the slate?"""
    p = torch.tensor(4.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    (p * p).backward()
    (p * p).backward()
    g = p.grad

    optimizer.zero_grad()
    (p * p).backward()

    assert [g.item(), slate(p)] == __


def test_a_name_and_set_to_none_false(device):
    """The same with set_to_none=False. What is in g after the wipe, and what after
    the backward that follows it?"""
    p = torch.tensor(4.0, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    (p * p).backward()
    (p * p).backward()
    g = p.grad

    optimizer.zero_grad(set_to_none=False)
    wiped = g.item()
    (p * p).backward()

    assert [wiped, g.item()] == __


def test_a_tensor_of_your_own(device):
    """You put a tensor of your own into p.grad. Then p gets a backward with slope 6.
    What is in your tensor, and what is on the slate?"""
    p = torch.tensor(3.0, device=device, requires_grad=True)
    t = torch.tensor(100.0, device=device)
    p.grad = t
    (p * p).backward()

    assert [t.item(), slate(p)] == __


# create_graph makes torch warn that a slate with a graph can be hard to get rid of.
@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_slope_with_a_graph(device):
    """With create_graph=True a backward() leaves the slope together with the graph that
    it came from. What is in g, named before that, and what is on the slate?"""
    p = torch.tensor(5.0, device=device, requires_grad=True)
    (p * p).backward()
    g = p.grad
    (p * p).backward(create_graph=True)

    assert [g.item(), slate(p)] == __


def test_what_was_passed_in(device):
    """y.backward(g) starts from g as the slope for y, in the place of a 1. Three y have
    the same number as x, and each is sent backward three times with one g. What is in
    g at the end, and what on x's slate? Write three pairs."""

    def thrice(make):
        x = torch.tensor([1.0], device=device, requires_grad=True)
        g = torch.tensor([2.0], device=device)
        for _ in range(3):
            make(x).backward(g)
        return [g.item(), slate(x)]

    found = [thrice(lambda x: x), thrice(lambda x: 1 * x), thrice(lambda x: x.view(1))]
    assert found == __


def test_two_deep_copies(device):
    """A layer and a pixel get slope 5, are copied with deepcopy, and get slope 5 once
    more. What is on the slates of the two copies?"""
    layer = torch.nn.Linear(1, 1, bias=False, device=device)
    pixel = torch.tensor(1.0, device=device, requires_grad=True)
    (5 * layer.weight + 5 * pixel).backward()

    layer_copy = copy.deepcopy(layer)
    pixel_copy = copy.deepcopy(pixel)
    (5 * layer.weight + 5 * pixel).backward()

    assert [slate(layer_copy.weight), slate(pixel_copy)] == __
