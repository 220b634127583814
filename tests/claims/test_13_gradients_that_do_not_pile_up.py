"""What lesson 13 says of slopes without a slate, each sentence in several shapes."""

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call, grad, vmap

every_shape = pytest.mark.parametrize("shape", ["pixels", "half", "a model"])
quiet = pytest.mark.filterwarnings("ignore:Using backward")


def made(shape, device):
    """Leaves, and a loss that leads to all of them and keeps tensors for its slopes."""
    if shape == "a model":
        model = nn.Sequential(nn.Linear(2, 3), nn.SiLU(), nn.Linear(3, 1)).to(device)
        x = torch.ones(4, 2, device=device)
        leaves = list(model.parameters())
        return leaves, lambda target=0.0: (model(x) - target).pow(2).mean()
    dtype = torch.bfloat16 if shape == "half" else torch.float32
    leaves = [torch.full((n,), 2.0, device=device, dtype=dtype) for n in (1, 3)]
    for p in leaves:
        p.requires_grad = True
    return leaves, lambda target=0.0: sum((p - target).pow(3).mean() for p in leaves)


def slates(leaves):
    return [None if p.grad is None else p.grad.clone() for p in leaves]


def equal(left, right):
    """Whether slates are the same: None like None, numbers like numbers."""
    return all(
        (a is b) if a is None or b is None else torch.equal(a, b)
        for a, b in zip(left, right, strict=True)
    )


@pytest.mark.claim("test_asking_for_a_slope", "learned")
@every_shape
def test_autograd_grad_hands_over_and_touches_no_slate(shape, device):
    """autograd.grad hands over what a backward() would add, in a tuple, whatever is on
    the slates, and leaves them as they are: full or empty."""
    leaves, loss = made(shape, device)
    handed = torch.autograd.grad(loss(), leaves)
    assert isinstance(handed, tuple) and slates(leaves) == [None] * len(leaves)
    loss().backward()
    before = slates(leaves)
    assert equal(handed, before)
    assert equal(torch.autograd.grad(loss(), leaves), handed)
    assert equal(slates(leaves), before)


@pytest.mark.claim("test_naming_the_leaves", "test_the_painters_turn", "learned")
@every_shape
def test_inputs_says_whose_slates_are_written_on(shape, device):
    """backward(inputs=...) adds to the slates of the leaves that are named, what a
    whole backward() would add, and writes nothing for the others, not even a zero."""
    leaves, loss = made(shape, device)
    wanted = torch.autograd.grad(loss(), leaves)
    first, *others = leaves
    loss().backward(inputs=[first])
    assert equal(slates(leaves), [wanted[0], *[None for _ in others]])
    loss().backward(inputs=leaves[:2])
    assert equal(slates(leaves[:2]), [2 * wanted[0], wanted[1]])
    assert all(p.grad is None for p in leaves[2:])


@pytest.mark.claim("test_a_slope_for_each_pixel")
@pytest.mark.parametrize("shape", [(3, 1), (4, 2), (2, 5)], ids=str)
def test_vmap_keeps_apart_what_backward_adds_up(shape, device):
    """vmap(grad(f)) hands over one slope for each row and writes on no slate. A
    backward of the sum leaves them added up, one of the mean their mean."""
    rows, width = shape
    model = nn.Linear(width, 1, device=device)
    x = torch.arange(rows * width, device=device, dtype=torch.float32).view(rows, width)

    def penalty(parameters, row):
        return functional_call(model, parameters, (row,)).pow(2).sum()

    parameters = {name: p.detach() for name, p in model.named_parameters()}
    each = vmap(grad(penalty), in_dims=(None, 0))(parameters, x)
    assert {p.grad for p in model.parameters()} == {None}
    for together in (torch.sum, torch.mean):
        model.zero_grad()
        together(model(x).pow(2)).backward()
        for name, p in model.named_parameters():
            assert each[name].shape == (rows, *p.shape)
            torch.testing.assert_close(p.grad, together(each[name], dim=0))


@pytest.mark.claim("test_the_slope_of_a_slope")
@pytest.mark.parametrize("shape", [2, 3, 4])
@quiet
def test_a_slope_of_a_slope_is_added_to_the_slope(shape, device):
    """p.grad.backward() adds the slope of the slope to the slope that is on the slate.
    After autograd.grad(..., create_graph=True) it is there alone."""
    for dtype in (torch.float32, torch.float64):
        p = torch.full((2,), 2.0, device=device, dtype=dtype, requires_grad=True)
        p.pow(shape).sum().backward(create_graph=True)
        p.grad.sum().backward()
        first, second = shape * 2 ** (shape - 1), shape * (shape - 1) * 2 ** (shape - 2)
        assert p.grad.eq(first + second).all()

        q = torch.full((2,), 2.0, device=device, dtype=dtype, requires_grad=True)
        (slope,) = torch.autograd.grad(q.pow(shape).sum(), [q], create_graph=True)
        assert q.grad is None
        slope.sum().backward()
        assert q.grad.eq(second).all()
        p.grad = None  # or the slate and its leaf hold on to each other


class Counted(saved_tensors_hooks):
    """How many tensors graphs keep: now, and the most at once. (As koans/kept.py.)"""

    def __init__(self):
        super().__init__(self.keep, lambda box: box[0])
        self.now = self.most = 0

    def __enter__(self):
        super().__enter__()
        return self

    def keep(self, tensor):
        counted = self

        class Box(list):
            def __del__(self):
                counted.now -= 1

        self.now += 1
        self.most = max(self.most, self.now)
        return Box([tensor])


def nodes(*totals):
    """How many nodes of graphs these lead to."""
    seen, waiting = set(), [t.grad_fn for t in totals if torch.is_tensor(t)]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return len(seen)


@pytest.mark.claim("test_what_a_total_leads_to", "learned")
@every_shape
def test_what_leads_to_a_graph_keeps_its_tensors(shape, device):
    """A total, or a list, of losses keeps the tensors of all graphs, until a backward()
    lets go of them; the bare graphs it keeps even then. item() and detach() keep none
    of either. With retain_graph=True a backward() lets go of nothing."""
    _, loss = made(shape, device)

    def kept(take, collect=sum):
        with Counted() as counted:
            total = collect([take(loss(target)) for target in range(6)])
        held = total if isinstance(total, list) else [total]
        return counted.now, nodes(*held)

    def after_backward(loss, **more):
        loss.backward(**more)
        return loss

    one, _ = kept(lambda loss: loss, lambda losses: list(losses)[:1])
    assert one > 0
    for collect in (sum, list):
        tensors, graph = kept(lambda loss: loss, collect)
        assert tensors == 6 * one and graph > 6
        assert kept(after_backward, collect) == (0, graph)
        retained = kept(lambda loss: after_backward(loss, retain_graph=True), collect)
        assert retained == (tensors, graph)
        assert kept(torch.Tensor.item, collect) == (0, 0)
        assert kept(torch.Tensor.detach, collect) == (0, 0)


@pytest.mark.claim("test_the_most_at_once")
@every_shape
def test_one_backward_each_keeps_one_graph_at_a_time(shape, device):
    """Of what the graphs keep, n losses with one backward() each hold an n-th of what
    one backward() for their sum holds. The slates come out alike."""
    leaves, loss = made(shape, device)
    for n in (2, 4, 8):
        for p in leaves:
            p.grad = None
        with Counted() as together:
            sum(loss(target / 8) for target in range(n)).backward()
        wanted = slates(leaves)
        for p in leaves:
            p.grad = None
        with Counted() as each:
            for target in range(n):
                loss(target / 8).backward()
        assert together.most == n * each.most > 0
        close = {"rtol": 0.05, "atol": 0.01} if shape == "half" else {}
        torch.testing.assert_close(slates(leaves), wanted, **close)


@pytest.mark.claim("test_the_painter_and_the_critic")
@pytest.mark.claim("test_what_the_critic_sees", "test_the_painters_turn")
@pytest.mark.parametrize("shape", ["SGD", "Adam", "wide"])
def test_a_turn_writes_for_every_leaf_behind_its_loss(shape, device):
    """The painter's backward() also writes on the critic's slates, whoever is stepped.
    inputs=, a wipe of the critic behind it, or autograd.grad keep them out of it; and a
    critic that sees a detached picture leaves nothing with the painter."""
    width = 5 if shape == "wide" else 1
    kind = torch.optim.Adam if shape == "Adam" else torch.optim.SGD

    def turn(how):
        torch.manual_seed(0)
        painter = nn.Linear(2, width, device=device)
        critic = nn.Sequential(nn.Linear(width, 3), nn.Tanh(), nn.Linear(3, 1))
        critic.to(device)
        optimizer = kind(painter.parameters(), lr=0.25)
        fake = painter(torch.ones(4, 2, device=device))
        critic(fake.detach()).mean().backward()
        assert {p.grad for p in painter.parameters()} == {None}
        before = slates(critic.parameters())
        critic.zero_grad()
        how(-critic(fake).mean(), list(painter.parameters()), critic)
        optimizer.step()
        moved = [p.detach().clone() for p in painter.parameters()]
        critic_left = any(p.grad is not None for p in critic.parameters())
        critic(fake.detach()).mean().backward()
        return moved, critic_left, equal(slates(critic.parameters()), before)

    def whole(loss, painters, critic):
        loss.backward()

    def named(loss, painters, critic):
        loss.backward(inputs=painters)

    def wiped_behind(loss, painters, critic):
        loss.backward()
        critic.zero_grad()

    def wiped_before(loss, painters, critic):
        critic.zero_grad()
        loss.backward()

    def handed_over(loss, painters, critic):
        slopes = torch.autograd.grad(loss, painters)
        for p, slope in zip(painters, slopes, strict=True):
            p.grad = slope

    wanted, *found = turn(whole)
    assert found == [True, False]
    assert turn(wiped_before)[1:] == (True, False)
    for how in (named, wiped_behind, handed_over):
        moved, *found = turn(how)
        torch.testing.assert_close(moved, wanted)
        assert found == [False, True]
