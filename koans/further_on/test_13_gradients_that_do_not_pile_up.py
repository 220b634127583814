"""13  Gradients that do not pile up

backward() works out slopes and adds each to the slate of its leaf. You can also
have slopes without a slate, or choose whose slate is meant:

    torch.autograd.grad(loss, [p])    hands the slopes over, as a tuple
    loss.backward(inputs=[p])         names the leaves that are meant
    torch.func.grad(f)                a function that works out the slope of f
    torch.func.vmap(f)                calls f for each element of a batch
    y.detach()                        the numbers in y, without the graph behind y

    >>> p = torch.tensor(5.0, requires_grad=True)
    >>> (slope,) = torch.autograd.grad(p * p, [p])
    >>> slope.item()
    10.0

A graph keeps some tensors for its backward(): (p - target).pow(2) keeps one,
p - target, because the slope 2 * (p - target) is made from it. It lets go of
them once backward() has used them (unless retain_graph=True), or when nothing
leads to the graph any more.
`with Kept() as kept:` counts what the graphs made inside it keep: kept.now() says
how many tensors now, kept.most how many at once, at the most.
"""

import pytest
import torch
from kept import Kept
from sensei import __
from slate import slate
from torch.func import grad, vmap


def test_asking_for_a_slope(device):
    """p has had one backward when torch.autograd.grad is asked for a slope.
    What does it hand over, and what is on p's slate then?"""
    p = torch.tensor(3.0, device=device, requires_grad=True)
    (5 * p).backward()

    (slope,) = torch.autograd.grad(p * p, [p])

    assert [slope.item(), slate(p)] == __


def test_naming_the_leaves(device):
    """Of a * b * c, the slope for a is b * c, and so on. Two backwards name
    their leaves. What is on the slates of a, b and c?"""
    a = torch.tensor(1.0, device=device, requires_grad=True)
    b = torch.tensor(2.0, device=device, requires_grad=True)
    c = torch.tensor(3.0, device=device, requires_grad=True)

    (a * b * c).backward(inputs=[a])
    (a * b * c).backward(inputs=[a, b])

    assert [slate(a), slate(b), slate(c)] == __


def test_a_slope_for_each_pixel(device):
    """vmap asks grad(penalty) once for each pixel in x; the slope is 2 * w * x * x.
    What comes back (a list), what is on w's slate then, and what after the
    backward()?"""
    w = torch.tensor(2.0, device=device, requires_grad=True)
    x = torch.tensor([1.0, 2.0, 3.0], device=device)

    def penalty(w, x):
        return (w * x).pow(2)

    each = vmap(grad(penalty), in_dims=(None, 0))(w, x)  # one w, a row of x
    before = slate(w)
    penalty(w, x).sum().backward()

    assert [each.tolist(), before, slate(w)] == __


# torch warns that p and its slate now hold on to each other; here they may
@pytest.mark.filterwarnings("ignore:Using backward")
def test_the_slope_of_a_slope(device):
    """The slope of p**3 is 3 * p**2, and the slope of that is 6 * p. With
    create_graph=True a slope has a graph too. What is on both slates at the end?"""
    p = torch.tensor(1.0, device=device, requires_grad=True)
    p.pow(3).backward(create_graph=True)
    p.grad.backward()

    q = torch.tensor(1.0, device=device, requires_grad=True)
    (slope,) = torch.autograd.grad(q.pow(3), [q], create_graph=True)
    slope.backward()

    assert [slate(p), slate(q)] == __


def test_what_a_total_leads_to(device):
    """Six losses are added up in four ways: as they are, as item(), detached, and
    after a backward() each. For each way: how many tensors do the graphs keep in
    the end?"""

    def add_up(take):
        p = torch.tensor(0.5, device=device, requires_grad=True)
        total = 0.0
        with Kept() as kept:
            for target in range(6):
                total = total + take((p - target).pow(2))
            return kept.now()

    def after_backward(loss):
        loss.backward()
        return loss

    ways = [lambda loss: loss, torch.Tensor.item, torch.Tensor.detach, after_backward]
    left = [add_up(take) for take in ways]
    assert left == __


def test_the_most_at_once(device):
    """p's four losses are added up for one backward(), q's get one each. Both
    slates come out alike. How many tensors are kept at once, at the most?"""
    p = torch.tensor(0.5, device=device, requires_grad=True)
    with Kept() as for_p:
        total = sum((p - target).pow(2) for target in range(4))
        total.backward()

    q = torch.tensor(0.5, device=device, requires_grad=True)
    with Kept() as for_q:
        for target in range(4):
            (q - target).pow(2).backward()

    assert slate(p) == slate(q)
    assert [for_p.most, for_q.most] == __


def test_the_painter_and_the_critic(device):
    """The critic's score of a picture is critic * picture. First the painter has
    its turn, then the critic, shown a real picture of 5 as well. What is on the
    critic's slate after each turn?"""
    painter = torch.tensor(1.0, device=device, requires_grad=True)
    critic = torch.tensor(3.0, device=device, requires_grad=True)
    fake = 2 * painter

    (-critic * fake).backward()  # the painter wants a high score
    found = [slate(critic)]
    (critic * (fake.item() - 5.0)).backward()  # low for the fake, high for a real 5
    found.append(slate(critic))

    assert found == __


def test_what_the_critic_sees(device):
    """The critic goes first here, the painter second, with the same picture. What
    should the critic see, so that its turn leaves nothing with the painter?"""

    def both_turns(paint, start):
        painter = torch.tensor(start, device=device, requires_grad=True)
        critic = torch.tensor(3.0, device=device, requires_grad=True)
        fake = paint(painter)

        seen = __
        (critic * seen).backward()
        found = [slate(critic), slate(painter)]

        (-critic * fake).backward(inputs=[painter])
        return found + [slate(painter)]

    assert both_turns(lambda painter: 5 * painter, 2.0) == [10.0, None, -15.0]
    assert both_turns(lambda painter: painter * painter, 4.0) == [16.0, None, -24.0]


def test_the_painters_turn(device):
    """The critic's turn is given. Write the painter's: let move_painter move
    it by its own slope of this loss, and leave nothing that the critic would find."""

    def play(paint, rounds):
        painter = torch.tensor(1.0, device=device, requires_grad=True)
        critic = torch.tensor(1.0, device=device, requires_grad=True)
        move_painter = torch.optim.SGD([painter], lr=0.5)
        move_critic = torch.optim.SGD([critic], lr=0.5)
        found = []
        for _ in range(rounds):
            with torch.no_grad():
                seen = paint(painter)
            (critic * (seen - 5.0)).backward()
            found.append(slate(critic))
            move_critic.step()
            move_critic.zero_grad()
            loss = -critic * paint(painter)
            __
        (moved,) = move_painter.param_groups[0]["params"]
        return found, moved.item()

    assert play(lambda painter: 2 * painter, rounds=2) == ([-3.0, 2.0], 5.0)
    assert play(lambda painter: painter * painter, rounds=2) == ([-4.0, 11.0], -6.0)
