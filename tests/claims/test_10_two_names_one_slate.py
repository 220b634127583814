"""What lesson 10 says of names and slates, each sentence in several shapes."""

import copy

import pytest
import torch
from torch import nn

every_shape = pytest.mark.parametrize("shape", ["a model", "half", "two groups"])
quiet = pytest.mark.filterwarnings("ignore:Using backward")


def made(shape, device):
    """Leaves, an optimizer of them, and a loss that leads to all of them."""
    if shape == "a model":
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).to(device)
        x, y = torch.ones(4, 2, device=device), torch.zeros(4, 2, device=device)
        leaves = list(model.parameters())
        optimizer = torch.optim.AdamW(leaves, lr=0.5)
        return leaves, optimizer, lambda: nn.functional.mse_loss(model(x), y)
    dtype = torch.float16 if shape == "half" else torch.float64
    p = torch.ones(2, 3, device=device, dtype=dtype, requires_grad=True)
    q = torch.ones(1, device=device, dtype=dtype, requires_grad=True)
    groups = [{"params": [p]}, {"params": [q], "lr": 0.25}]
    optimizer = torch.optim.SGD(groups, lr=0.5, momentum=0.5)
    return [p, q], optimizer, lambda: (p * p * q).mean()


def same_memory(left, right):
    return left.data_ptr() == right.data_ptr()


@pytest.mark.claim("test_three_ways_to_keep_it", "test_a_log_of_three_passes")
@pytest.mark.claim("learned")
@every_shape
def test_who_keeps_a_name_sees_what_the_next_backward_adds(shape, device):
    """Without create_graph, backward() writes into the tensor that is on the slate: a
    name, detach(), data and a view of it change with it, a clone does not."""
    leaves, _, loss = made(shape, device)
    loss().backward()
    log = [[p.grad, p.grad.detach(), p.grad.data, p.grad.view(-1)] for p in leaves]
    clones = [p.grad.clone() for p in leaves]
    loss().backward()

    for p, names, clone in zip(leaves, log, clones, strict=True):
        assert all(torch.equal(name.view_as(p), p.grad) for name in names)
        assert torch.equal(p.grad, 2 * clone) and clone.any()


@pytest.mark.claim("test_what_one_backward_adds")
@every_shape
def test_what_a_second_loss_adds_is_the_difference_to_a_copy(shape, device):
    """A copy keeps what was on the slate before, so the difference is what that one
    backward added; to(), float() and [:] may give back the same memory, and do."""
    leaves, _, loss = made(shape, device)
    loss().backward()
    before = [p.grad.clone() for p in leaves]
    shared = [p.grad.to(p.device, p.dtype)[:].contiguous() for p in leaves]
    (3 * loss()).backward()

    for p, copied, same in zip(leaves, before, shared, strict=True):
        torch.testing.assert_close(p.grad - copied, 3 * copied)
        assert not (p.grad - same).any()


@pytest.mark.claim("test_a_name_and_zero_grad")
@every_shape
def test_zero_grad_leaves_the_old_tensor_to_its_names(shape, device):
    """zero_grad() puts None into p.grad, and the next backward starts a new tensor."""
    leaves, optimizer, loss = made(shape, device)
    loss().backward()
    loss().backward()
    names = [p.grad for p in leaves]
    kept = [g.clone() for g in names]
    optimizer.zero_grad()
    assert [p.grad for p in leaves] == [None] * len(leaves)
    loss().backward()

    for p, name, old in zip(leaves, names, kept, strict=True):
        assert torch.equal(name, old) and not same_memory(name, p.grad)
        torch.testing.assert_close(p.grad, old / 2)


@pytest.mark.claim("test_a_name_and_set_to_none_false")
@every_shape
def test_set_to_none_false_writes_zeros_into_the_tensor(shape, device):
    """With set_to_none=False zeros are written into the tensor that all names mean,
    and the next backward adds into it."""
    leaves, optimizer, loss = made(shape, device)
    loss().backward()
    names = [p.grad for p in leaves]
    optimizer.zero_grad(set_to_none=False)
    assert not any(name.any() for name in names)
    loss().backward()

    for p, name in zip(leaves, names, strict=True):
        assert name is p.grad and name.any()


@pytest.mark.claim("test_a_tensor_of_your_own")
@every_shape
def test_a_tensor_that_was_put_there_is_the_slate(shape, device):
    """p.grad = t makes t the slate, and backward() writes into it; a clone of t, given
    away in its place, leaves t alone."""
    leaves, _, loss = made(shape, device)
    given = [torch.full_like(p, 8.0).detach() for p in leaves]
    for p, t in zip(leaves, given, strict=True):
        p.grad = t
    loss().backward()
    for p, t in zip(leaves, given, strict=True):
        assert p.grad is t and (t != 8.0).any()
        p.grad = t.clone()
    kept = [t.clone() for t in given]
    loss().backward()
    assert all(torch.equal(t, old) for t, old in zip(given, kept, strict=True))


@pytest.mark.claim("test_a_slope_with_a_graph")
@every_shape
@quiet
def test_create_graph_decides_where_the_sum_goes(shape, device):
    """With create_graph=True the sum goes into a new tensor, also where the slope has
    no graph. Without it, into the tensor that is there, also if that has a graph."""
    leaves, _, loss = made(shape, device)

    def goes_into_the_same(backward):
        before = [p.grad for p in leaves]
        memory = [g.data_ptr() for g in before]
        backward()
        return {p.grad.data_ptr() == old for p, old in zip(leaves, memory, strict=True)}

    def flat():  # its slopes are constants
        return sum((3 * p).sum() for p in leaves)

    loss().backward()
    assert goes_into_the_same(lambda: loss().backward()) == {True}
    assert goes_into_the_same(lambda: flat().backward(create_graph=True)) == {False}
    assert goes_into_the_same(lambda: loss().backward(create_graph=True)) == {False}
    assert any(p.grad.requires_grad for p in leaves)
    assert goes_into_the_same(lambda: loss().backward()) == {True}
    for p in leaves:
        p.grad = None  # or the graph and its leaf hold on to each other


@pytest.mark.claim("test_what_was_passed_in")
@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 4)], ids=str)
def test_a_view_passes_back_the_memory_of_what_was_passed_in(shape, device):
    """A view passes back a look at g's own memory, which becomes the slate. What makes
    a new tensor does not, x itself gets a copy, and passing in a clone saves g."""
    views = [lambda x: x.view(-1), lambda x: x.flatten().unflatten(0, shape)]
    others = [lambda x: x, lambda x: 1 * x, lambda x: x.view(-1) / 1]

    def doubled(make, dtype, pass_in=lambda g: g):
        x = torch.ones(shape, device=device, dtype=dtype, requires_grad=True)
        g = torch.full_like(make(x), 2.0).detach()
        for _ in range(3):
            make(x).backward(pass_in(g))
        found = {same_memory(x.grad, g), g.eq(8.0).all().item()}
        assert x.grad.eq(8.0 if True in found else 6.0).all()
        assert len(found) == 1
        return found.pop()

    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        assert [doubled(make, dtype) for make in views] == [True, True]
        assert [doubled(make, dtype) for make in others] == [False] * 3
        assert not any(doubled(m, dtype, torch.clone) for m in views + others)


@pytest.mark.claim("test_two_deep_copies")
@every_shape
def test_a_deep_copy_has_a_slate_of_its_own_or_none(shape, device):
    """A plain tensor's copy has a slate of its own, as full as it was; a Parameter's
    copy begins with an empty one."""
    leaves, _, loss = made(shape, device)
    loss().backward()
    kept = [p.grad.clone() for p in leaves]
    copies = copy.deepcopy(leaves)
    loss().backward()

    for p, one, old in zip(leaves, copies, kept, strict=True):
        if isinstance(p, nn.Parameter):
            assert one.grad is None
        else:
            assert torch.equal(one.grad, old) and not torch.equal(p.grad, old)
