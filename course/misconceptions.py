"""Misconceptions: worlds in which a wrong answer about .grad would be right.

[tool.sensei] names this module; the engine (``sensei.beliefs``) runs a koan in each
world that its lesson allows. A world is a context manager: it gets the globals of
the lesson, for the names that were imported there, puts something of torch aside
while it is open, and puts it back.

Most of these beliefs are true in another system, or were asked about in public.
TensorFlow's tape and JAX's grad hand out fresh slopes (``replaces``), Opacus' step()
wiped for a while (``step wipes``), Chainer's update took an empty slate for zeros
(``none is zero``), Composer's DecoupledSGDW takes weight decay off whole, Keras'
BatchNorm has its momentum the other way round, and zero_grad() left zeros before
torch 2.0.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from sensei.beliefs import Belief, Names, Sort, World

GRAD: Any = torch._C.TensorBase.grad
MEAN = 1  # as a loss has it in its node of the graph
BELIEFS: list[Belief] = []


def belief(
    says: str,
    lesson: str,
    see: str = "",
    touches: str = "",
    also: Sequence[World] = (),
    **more: Any,
) -> Callable[[Any], Any]:
    """Puts a belief into the list, with the world below it, and others that are as
    good; ``touches`` are names with spaces between them. See ``sensei.beliefs``.
    """

    def add(world: Any) -> Any:
        name, names = world.__name__.replace("_", " "), frozenset(touches.split())
        worlds = (world, *also)
        BELIEFS.append(Belief(name, lesson, says, see, worlds, touches=names, **more))
        return world

    return add


def slip(says: str, see: str = "") -> Callable[[Any], Any]:
    """Puts a slip of reading into the list: what it makes of a value is below it."""

    def add(reading: Any) -> Any:
        name, how = reading.__name__.replace("_", " "), (each_entry(reading),)
        slip = Belief(name, "01", says, see, readings=how, sort=Sort.READING)
        BELIEFS.append(slip)
        return reading

    return add


# ------------------------------------------------------------------------ how to patch


@contextmanager
def put(owner: Any, **new: Any) -> Iterator[None]:
    """Attributes of an object, or entries of a dict, are others while this is open.

    What an object has from its class is deleted then, not copied into it.
    """
    with pytest.MonkeyPatch.context() as patch:
        change = patch.setitem if isinstance(owner, dict) else patch.setattr
        for name, value in new.items():
            change(owner, name, value)
        yield


@contextmanager
def replaced(names: Names, owner: Any, **new: Any) -> Iterator[None]:
    """As put, and what the lesson imported of these by name is replaced, too."""
    old = [(getattr(owner, name), value) for name, value in new.items()]
    here = {
        name: value
        for name, known in names.items()
        for before, value in old
        if known is before
    }
    with put(owner, **new), put(names, **here):
        yield


# ---------------------------------------------------------------- what backward() does


def slate_of(leaf: Tensor) -> Tensor | None:
    """What is on a slate, whatever another world puts over Tensor.grad."""
    slate: Tensor | None = GRAD.__get__(leaf)
    return slate


def put_on_slate(leaf: Tensor, slate: Tensor | None) -> None:
    GRAD.__set__(leaf, slate)


class NoWorld(Exception):
    """In this koan a belief can't be made true: it is passed over."""


Write = Callable[[Tensor | None, Tensor, Tensor], Tensor]  # slate, slope, leaf: slate


@contextmanager
def writing(write: Write, fresh: bool = False) -> Iterator[None]:
    """backward() puts on each slate what ``write`` makes of it and the new slope.

    ``write`` gets None for an empty slate, also for one that was wiped to zeros. What
    it gives is written in place, where there is a slate; ``fresh``: it is a new one.
    Then a hook that sees the slate sees the slope alone, and is right to; any other
    world is none where there is such a hook.
    """
    real = torch.autograd.backward
    zeros = weakref.WeakKeyDictionary[Any, bool]()  # whether a backward() left these

    def backward(
        tensors: Any,
        grad_tensors: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        grad_variables: Any = None,
        inputs: Any = None,
    ) -> None:
        how = grad_tensors, retain_graph, create_graph, grad_variables, inputs
        found = [] if create_graph else leaves(tensors, inputs)
        held = [(leaf, slate_of(leaf)) for leaf in found]
        if not fresh and any(leaf._post_accumulate_grad_hooks for leaf in found):
            raise NoWorld("a hook would see another slate")
        for leaf, _ in held:
            put_on_slate(leaf, None)
        try:
            real(tensors, *how)
        except BaseException:
            for leaf, slate in held:
                put_on_slate(leaf, slate)
            raise
        for leaf, slate in held:
            slope = slate_of(leaf)
            if slope is None:
                put_on_slate(leaf, slate)
                continue
            is_wiped = is_empty(slate) and not zeros.get(_key(leaf), False)
            new = write(None if is_wiped else slate, slope, leaf)
            put_on_slate(leaf, new if fresh or slate is None else slate.copy_(new))
            zeros[_key(leaf)] = is_empty(new)

    with put(torch.autograd, backward=backward):
        yield


@contextmanager
def watching(see: Callable[[list[Tensor], Any], None]) -> Iterator[None]:
    """``see`` is called with the leaves of each backward() before it begins."""
    real = torch.autograd.backward

    def backward(tensors: Any, *rest: Any, **more: Any) -> None:
        see(leaves(tensors, more.get("inputs")), tensors)
        real(tensors, *rest, **more)

    with put(torch.autograd, backward=backward):
        yield


def is_empty(slate: Tensor | None) -> bool:
    """None, or wiped to zeros."""
    return slate is None or not slate.to_dense().any()


def leaves(tensors: Any, inputs: Any = None) -> list[Tensor]:
    """The leaves that a backward() from these tensors writes for."""
    if inputs is not None:
        meant = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        return [tensor for tensor in meant if tensor.is_leaf]
    found = {
        id(node.variable): node.variable for node in graph(tensors) if _leads(node)
    }
    for root in roots(tensors):
        if root.grad_fn is None and root.requires_grad:
            found[id(root)] = root
    return list(found.values())


def roots(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def graph(tensors: Any) -> list[Any]:
    """The nodes of the graph behind these tensors, each once."""
    found: dict[Any, None] = {}
    ahead: list[Any] = [root.grad_fn for root in roots(tensors)]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in found:
            found[node] = None
            ahead += [after for after, _ in node.next_functions]
    return list(found)


def _leads(node: Any) -> bool:
    return isinstance(getattr(node, "variable", None), Tensor)


@belief(
    "backward() replaced what is on the slate",
    lesson="01",
    see="test_a_second_target",
    touches="backward",
    common=True,
)
def replaces(names: Names) -> Any:
    return writing(lambda slate, slope, leaf: slope, fresh=True)


@belief(
    "only the first backward() counted",
    lesson="01",
    see="test_a_second_target",
    touches="backward",
)
def first_only(names: Names) -> Any:
    return writing(lambda slate, slope, leaf: slope if slate is None else slate)


@belief(
    "each slope had the other sign",
    lesson="01",
    see="test_one_backward",
    touches="backward",
)
def other_sign(names: Names) -> Any:
    return writing(
        lambda slate, slope, leaf: -slope if slate is None else slate - slope
    )


@belief(
    "the slate held the mean of its slopes",
    lesson="01",
    see="test_a_second_target",
    touches="backward",
)
def averages(names: Names) -> Any:
    """Of all slopes since the slate was empty."""
    counts = weakref.WeakKeyDictionary[Any, int]()

    def write(slate: Tensor | None, slope: Tensor, leaf: Tensor) -> Tensor:
        key = _key(leaf)
        if slate is None:
            counts[key] = 1
            return slope
        counts[key] = counts.get(key, 0) + 1
        return slate + (slope - slate) / counts[key]

    return writing(write)


class _Key:
    """Stands for a tensor in a dict: tensors compare number by number."""


def _key(tensor: Tensor) -> _Key:
    if not hasattr(tensor, "_key"):
        tensor._key = _Key()  # type: ignore[attr-defined]
    key: _Key = tensor._key  # type: ignore[attr-defined]
    return key


@belief(
    "means of parts made the mean of all, whatever the cut",
    lesson="04",
    see="test_uneven_micro_batches",
    touches="backward",
)
@contextmanager
def any_cut_will_do(names: Names) -> Iterator[None]:
    """The means of k micro-batches make the whole mean, however many are in each."""
    sums = weakref.WeakKeyDictionary[Any, tuple[Tensor, int, int]]()
    real, size = torch.autograd.backward, 0

    def write(slate: Tensor | None, slope: Tensor, leaf: Tensor) -> Tensor:
        key, nothing = _key(leaf), (0 * slope, 0, 0)
        total, rows, times = nothing if slate is None else sums.get(key, nothing)
        sums[key] = total, rows, times = total + size * slope, rows + size, times + 1
        return total * times / rows

    with writing(write):
        weighed = torch.autograd.backward

        def backward(tensors: Any, *rest: Any, **more: Any) -> None:
            nonlocal size
            size = max(map(_size_of_mean, graph(tensors)), default=0)
            (weighed if size else real)(tensors, *rest, **more)

        with put(torch.autograd, backward=backward):
            yield


def _size_of_mean(node: Any) -> int:
    """Of how many numbers a mean was taken; 0 for another node of a graph."""
    match type(node).__name__:
        case "MeanBackward0":
            return int(getattr(node, "_saved_self_sym_numel", 0))
        case "MseLossBackward0" if node._saved_reduction == MEAN:
            return int(node._saved_self.numel())
        case "NllLossBackward0" if node._saved_reduction == MEAN:
            return int(node._saved_total_weight)
    return 0


def other_path(names: Names) -> Any:
    return one_path(names, last=True)


@belief(
    "a leaf in two places of one penalty counted once",
    lesson="06",
    see="test_one_pixel_in_two_places",
    touches="backward",
    also=[other_path],
)
@contextmanager
def one_path(names: Names, last: bool = False) -> Iterator[None]:
    """Of several paths that end at one leaf, one brings its slope."""

    def see(found: list[Tensor], tensors: Any) -> None:
        ends: dict[Any, list[tuple[Any, int]]] = {}
        for node in graph(tensors):
            for place, (after, _) in enumerate(node.next_functions):
                if after is not None and _leads(after):
                    ends.setdefault(after, []).append((node, place))
        for edges in ends.values():
            for node, place in edges[:-1] if last else edges[1:]:
                node.register_hook(functools.partial(_silence, place))

    with watching(see):
        yield


def _silence(place: int, slopes: Sequence[Tensor | None], _: object) -> Any:
    """A hook of a node: nothing goes on at one of its places."""
    silent = slopes[place]
    zero = None if silent is None else torch.zeros_like(silent)
    return (*slopes[:place], zero, *slopes[place + 1 :])


# -------------------------------------------------------------------------- what wipes

WipedBy = Callable[[list[Tensor], bool], None]  # parameters, set_to_none


@contextmanager
def zero_grad_does(wipe: WipedBy) -> Iterator[None]:
    """zero_grad() of optimizers and of models does this."""

    def of_optimizer(self: Optimizer, set_to_none: bool = True) -> None:
        wipe(list(parameters(self)), set_to_none)

    def of_model(self: torch.nn.Module, set_to_none: bool = True) -> None:
        wipe(list(self.parameters()), set_to_none)

    models = put(torch.nn.Module, zero_grad=of_model)
    with put(Optimizer, zero_grad=of_optimizer), models:
        yield


def parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _zeros_where_there_was_one(wiped: list[Tensor], _: bool) -> None:
    for p in wiped:
        if p.grad is not None:
            p.grad = torch.zeros_like(p.grad)


def _zeros_everywhere(wiped: list[Tensor], _: bool) -> None:
    for p in wiped:
        p.grad = torch.zeros_like(p)


def leaves_zeros_everywhere(names: Names) -> Any:
    return zero_grad_does(_zeros_everywhere)


@belief(
    "zero_grad() left zeros behind",
    lesson="03",
    see="test_two_ways_to_wipe",
    touches="zero_grad",
    also=[leaves_zeros_everywhere],
)
def leaves_zeros(names: Names) -> Any:
    return zero_grad_does(_zeros_where_there_was_one)


@belief(
    "zero_grad() wiped every slate there is",
    lesson="03",
    see="test_a_weight_without_its_bias",
    touches="zero_grad",
)
@contextmanager
def wipes_all_in_sight(names: Names) -> Iterator[None]:
    """zero_grad() wipes whatever has had a backward()."""
    known = _Known()

    def wipe(wiped: list[Tensor], set_to_none: bool) -> None:
        for p in {id(p): p for p in (*wiped, *known.leaves())}.values():
            p.grad = None if set_to_none or p.grad is None else torch.zeros_like(p)

    with watching(known.see), zero_grad_does(wipe):
        yield


class _Known:
    """The leaves that have had a backward(); none is kept alive."""

    def __init__(self) -> None:
        self._leaves: dict[int, weakref.ref[Tensor]] = {}

    def see(self, found: list[Tensor], _: object) -> None:
        self._leaves |= {id(leaf): weakref.ref(leaf) for leaf in found}

    def leaves(self) -> list[Tensor]:
        alive = (leaf() for leaf in self._leaves.values())
        return [leaf for leaf in alive if leaf is not None]

    def with_slate(self, tensor: Tensor) -> Tensor | None:
        """The leaf whose slate a tensor is."""
        for leaf in self.leaves():
            slate = slate_of(leaf)
            if slate is not None and slate.data_ptr() == tensor.data_ptr():
                return leaf
        return None


@belief(
    "whatever wipes left None, zero_() too",
    lesson="02",
    see="test_three_quiet_pixels",
    touches="zero_ zero_grad",
)
@contextmanager
def always_none(names: Names) -> Iterator[None]:
    known, real = _Known(), Tensor.zero_

    def zero_(self: Tensor) -> Tensor:
        leaf = known.with_slate(self)
        if leaf is None:
            return real(self)
        leaf.grad = None
        return self

    def wipe(wiped: list[Tensor], _: bool) -> None:
        for p in wiped:
            p.grad = None

    with watching(known.see), zero_grad_does(wipe), put(Tensor, zero_=zero_):
        yield


@belief(
    "nothing had been wiped",
    lesson="02",
    see="test_a_wipe_in_between",
    touches="grad zero_ zero_grad",
)
@contextmanager
def no_wipe(names: Names) -> Iterator[None]:
    """Who overlooks the wipe: it is as if it did not stand there."""
    known, real = _Known(), Tensor.zero_

    def zero_(self: Tensor) -> Tensor:
        return self if known.with_slate(self) is not None else real(self)

    def put_there(self: Tensor, value: Tensor | None) -> None:
        if not is_empty(value) or slate_of(self) is None:
            put_on_slate(self, value)

    def nothing(*_: object) -> None: ...

    kept = property(GRAD.__get__, put_there, nothing)
    written = put(Tensor, zero_=zero_, grad=kept)
    with watching(known.see), zero_grad_does(nothing), written:
        yield


class _Forward(TorchFunctionMode):
    """Whatever is computed from a leaf wipes it."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.grad_fn is not None:
            for value in (*args, *(kwargs or {}).values()):
                if isinstance(value, Tensor) and value.is_leaf and value.requires_grad:
                    value.grad = None
        return result


@belief(
    "a forward pass wiped the slates of what it uses",
    lesson="02",
    see="test_five_calls",
    touches="backward",
    rare=True,
)
@contextmanager
def forward_wipes(names: Names) -> Iterator[None]:
    with _Forward():
        yield


# -------------------------------------------------------------------- what step() does

Step = Callable[[Callable[[], Any], Optimizer], Any]


@contextmanager
def stepping(step: Step, outside: bool = False) -> Iterator[None]:
    """step() of every optimizer is ``step``, which gets what it did and whose it is.

    torch puts its hooks around step() when an optimizer of that class is first made.
    They are called once, around ``step`` or (``outside``) within it.
    """
    with ExitStack() as stack:
        for kind in _optimizers(Optimizer):
            if real := vars(kind).get("step"):
                stack.enter_context(put(kind, step=_step_of(real, step, outside)))
        yield


def _optimizers(kind: type[Optimizer]) -> Iterator[type[Optimizer]]:
    for below in kind.__subclasses__():
        yield below
        yield from _optimizers(below)


def stepping_on(new: Callable[[Tensor], Tensor | None]) -> Any:
    """step() finds other slates."""

    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        with with_slates(optimizer, new):
            return inner()

    return stepping(step)


def stepping_with(**new: Any) -> Any:
    """step() has other settings."""

    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        with with_settings(optimizer, **new):
            return inner()

    return stepping(step)


def _step_of(real: Any, step: Step, outside: bool) -> Any:
    inner = real.__wrapped__ if getattr(real, "hooked", False) else real
    called: Any = Optimizer.profile_hook_step(inner) if outside else inner

    def stepped(self: Optimizer, closure: Any = None) -> Any:
        return step(functools.partial(called, self, closure), self)

    around: Any = stepped if outside else Optimizer.profile_hook_step(stepped)
    around.hooked = True
    return around


@contextmanager
def with_slates(
    optimizer: Optimizer, new: Callable[[Tensor], Tensor | None]
) -> Iterator[None]:
    """The slates are others for a while."""
    before = [(p, slate_of(p)) for p in parameters(optimizer)]
    try:
        for p, _ in before:
            put_on_slate(p, new(p))
        yield
    finally:
        for p, slate in before:
            put_on_slate(p, slate)


@contextmanager
def with_settings(optimizer: Optimizer, **new: Any) -> Iterator[None]:
    """Settings of all groups are others for a while, where a group has them."""
    with ExitStack() as stack:
        for group in optimizer.param_groups:
            known = {name: value for name, value in new.items() if name in group}
            stack.enter_context(put(group, **known))
        yield


def _step_wipes(zeros: bool) -> Any:
    """Behind the hooks: the move comes first, and then the wipe."""

    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        result = inner()
        for p in parameters(optimizer):
            p.grad = torch.zeros_like(p) if zeros and p.grad is not None else None
        return result

    return stepping(step, outside=True)


def step_wipes_to_zeros(names: Names) -> Any:
    return _step_wipes(zeros=True)


@belief(
    "step() wiped what it has used",
    lesson="02",
    see="test_five_calls",
    touches="step",
    also=[step_wipes_to_zeros],
)
def step_wipes(names: Names) -> Any:
    return _step_wipes(zeros=False)


@belief(
    "step() used only what the last backward() brought",
    lesson="03",
    see="test_three_steps_each",
    touches="step",
    rare=True,
)
@contextmanager
def newest_alone(names: Names) -> Iterator[None]:
    newest = weakref.WeakKeyDictionary[Any, Tensor]()

    def write(slate: Tensor | None, slope: Tensor, leaf: Tensor) -> Tensor:
        newest[_key(leaf)] = slope.clone()
        return slope if slate is None else slate + slope

    def slope_of(p: Tensor) -> Tensor | None:
        return p.grad if is_empty(p.grad) else newest.get(_key(p), p.grad)

    with writing(write), stepping_on(slope_of):
        yield


@belief(
    "step() moved up the slope, not down",
    lesson="03",
    see="test_three_steps_each",
    touches="step",
    sort=Sort.ARITHMETIC,
)
def up_the_slope(names: Names) -> Any:
    return stepping_with(maximize=True)


@belief(
    "step() moved by the slope itself, without lr",
    lesson="03",
    see="test_a_step_by_hand",
    touches="step",
    sort=Sort.ARITHMETIC,
)
def without_rate(names: Names) -> Any:
    return stepping_with(lr=1.0)


@belief(
    "step() divided by the number of backwards",
    lesson="04",
    see="test_three_places_to_divide",
    touches="step",
)
@contextmanager
def step_divides(names: Names) -> Iterator[None]:
    """By the number of backwards since the wipe."""
    counts = weakref.WeakKeyDictionary[Any, int]()

    def see(found: list[Tensor], _: object) -> None:
        for leaf in found:
            before = 0 if is_empty(leaf.grad) else counts.get(_key(leaf), 0)
            counts[_key(leaf)] = before + 1

    def divided(p: Tensor) -> Tensor | None:
        return None if p.grad is None else p.grad / counts.get(_key(p), 1)

    with watching(see), stepping_on(divided):
        yield


@belief(
    "a slope of zero meant that nothing moves",
    lesson="07",
    see="test_a_head_times_zero",
    touches="step",
)
def zero_stays(names: Names) -> Any:
    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        before = [(p, p.detach().clone()) for p in parameters(optimizer)]
        result = inner()
        for p, place in before:
            if p.grad is not None:
                still = p.grad.to_dense() == 0
                p.data[still] = place[still]
        return result

    return stepping(step)


@belief(
    "step() took an empty slate for a slope of zero",
    lesson="07",
    see="test_two_wiped_slates",
    touches="step",
)
def none_is_zero(names: Names) -> Any:
    return stepping_on(lambda p: torch.zeros_like(p) if p.grad is None else p.grad)


@belief(
    "step() passed by what has requires_grad = False",
    lesson="07",
    see="test_frozen_over_three_slates",
    touches="step",
)
def passes_by_the_frozen(names: Names) -> Any:
    return stepping_on(lambda p: p.grad if p.requires_grad else None)


@belief(
    "weight decay was taken off whole, not by way of lr",
    lesson="07",
    see="test_two_wiped_slates",
    touches="weight_decay",
)
def decay_is_taken_whole(names: Names) -> Any:
    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        groups = optimizer.param_groups
        loss_of = [
            (p, group.get("weight_decay", 0) * p.detach().clone())
            for group in groups
            for p in group["params"]
            if p.grad is not None
        ]
        with with_settings(optimizer, weight_decay=0):
            result = inner()
        for p, loss in loss_of:
            p.data -= loss
        return result

    return stepping(step)


@belief(
    "the velocity was m * the last + (1 - m) * slope",
    lesson="07",
    see="test_after_the_last_push",
    touches="momentum",
)
def velocity_is_a_mean(names: Names) -> Any:
    velocities = weakref.WeakKeyDictionary[Any, Tensor]()

    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        if not any(group.get("momentum") for group in optimizer.param_groups):
            return inner()
        for group in optimizer.param_groups:
            m = group["momentum"]
            for p in group["params"]:
                if p.grad is not None:
                    slope = p.grad + group["weight_decay"] * p.detach()
                    old = velocities.get(_key(p), 0 * slope)
                    velocities[_key(p)] = new = m * old + (1 - m) * slope
                    p.data -= group["lr"] * new
        return None

    return stepping(step)


@belief(
    "every optimizer moved by lr * slope, and no more",
    lesson="07",
    see="test_who_moves_without_feedback",
    touches="step",
)
def all_plain(names: Names) -> Any:
    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data -= group["lr"] * p.grad
        return None

    return stepping(step)


@belief(
    "zero_grad() took the velocity with it",
    lesson="07",
    see="test_after_the_last_push",
    touches="zero_grad",
)
def wipe_takes_velocity(names: Names) -> Any:
    real = Optimizer.zero_grad

    def zero_grad(self: Optimizer, set_to_none: bool = True) -> None:
        real(self, set_to_none)
        self.state.clear()

    return put(Optimizer, zero_grad=zero_grad)


# -------------------------------------------------------------------- what is computed


def halved(tensor: Tensor) -> Tensor:
    """The same number, and half of its slope goes back."""
    result: Tensor = _Halved.apply(tensor)  # type: ignore[no-untyped-call]
    return result


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope / 2


@belief(
    "the slope of a square was the number itself",
    lesson="01",
    see="test_one_backward",
    touches="MSELoss backward pow",
    sort=Sort.ARITHMETIC,
)
@contextmanager
def no_factor_of_two(names: Names) -> Iterator[None]:
    power, times, loss = Tensor.pow, Tensor.__mul__, functional.mse_loss

    def pow(self: Tensor, exponent: Any) -> Tensor:
        result = power(self, exponent)
        return halved(result) if exponent == 2 else result

    def mul(self: Tensor, other: Any) -> Tensor:
        result = times(self, other)
        return halved(result) if other is self else result

    def mse_loss(*args: Any, **more: Any) -> Tensor:
        return halved(loss(*args, **more))

    squares = put(Tensor, pow=pow, __pow__=pow, __mul__=mul)
    with replaced(names, functional, mse_loss=mse_loss), squares:
        yield


def _of_floats(of_floats: Callable[..., Any], real: Callable[..., Any]) -> Any:
    """Counts stay what they are."""

    def chosen(self: Tensor, *args: Any, **more: Any) -> Any:
        use = of_floats if self.is_floating_point() else real
        return use(self, *args, **more)

    return chosen


@belief(
    "mean() divided by nothing",
    lesson="04",
    see="test_two_means",
    touches="MSELoss cross_entropy mean",
)
@contextmanager
def means_are_sums(names: Names) -> Iterator[None]:
    """mean(), and what takes a mean by default, divides by nothing."""
    taken = _of_floats(Tensor.sum, Tensor.mean)
    new = {name: _reduced("sum", name) for name in ("mse_loss", "cross_entropy")}
    both = put(Tensor, mean=taken), put(torch, mean=taken)
    with replaced(names, functional, **new), both[0], both[1]:
        yield


def _reduced(by: str, name: str) -> Any:
    real, other = getattr(functional, name), {"sum": "mean", "mean": "sum"}[by]

    def loss(*args: Any, **more: Any) -> Tensor:
        if more.get("reduction", "mean") == other:
            more["reduction"] = by
        result: Tensor = real(*args, **more)
        return result

    return loss


@belief(
    "a sum was divided by how many it is of",
    lesson="04",
    see="test_sums",
    touches="sum",
    sort=Sort.ARITHMETIC,
)
@contextmanager
def sums_are_means(names: Names) -> Iterator[None]:
    taken = _of_floats(Tensor.mean, Tensor.sum)
    new = {name: _reduced("mean", name) for name in ("mse_loss", "cross_entropy")}
    both = put(Tensor, sum=taken), put(torch, sum=taken)
    with replaced(names, functional, **new), both[0], both[1]:
        yield


@belief(
    "padded places counted as tokens",
    lesson="08",
    see="test_all_in_one_batch",
    touches="CrossEntropyLoss cross_entropy",
)
@contextmanager
def padded_places_count(names: Names) -> Iterator[None]:
    real = functional.cross_entropy

    def cross_entropy(scores: Tensor, targets: Tensor, *args: Any, **more: Any) -> Any:
        if more.get("reduction", "mean") != "mean":
            return real(scores, targets, *args, **more)
        more["reduction"] = "sum"
        return real(scores, targets, *args, **more) / targets.numel()

    with replaced(names, functional, cross_entropy=cross_entropy):
        yield


@belief(
    "i began at 1",
    lesson="05",
    see="test_when_to_step",
    touches="enumerate range",
    sort=Sort.READING,
)
def counting_from_one(names: Names) -> Any:
    def numbered(items: Iterable[Any], start: int = 1) -> Any:
        return enumerate(items, start)

    def numbers(*bounds: int) -> range:
        return range(1, bounds[0] + 1) if len(bounds) == 1 else range(*bounds)

    return put(names, enumerate=numbered, range=numbers)


@belief(
    "a scheduler counted the optimizer's steps itself",
    lesson="05",
    see="test_two_schedulers",
    touches="lr_scheduler",
)
@contextmanager
def scheduler_waits(names: Names) -> Iterator[None]:
    """A scheduler moves at most once for each step() of its optimizer."""
    kind = torch.optim.lr_scheduler.LRScheduler
    real = kind.step
    steps = weakref.WeakKeyDictionary[Optimizer, int]()

    def step(inner: Callable[[], Any], optimizer: Optimizer) -> Any:
        steps[optimizer] = steps.get(optimizer, 0) + 1
        return inner()

    def move(self: Any, *args: Any) -> None:
        is_first = getattr(self, "last_epoch", -1) < 0
        if is_first or steps.pop(self.optimizer, 0):
            real(self, *args)

    with stepping(step), put(kind, step=move):
        yield


@belief(
    "a scheduler counted the micro-batches itself",
    lesson="05",
    see="test_two_schedulers",
    touches="lr_scheduler",
)
@contextmanager
def scheduler_counts_micro_batches(names: Names) -> Iterator[None]:
    """It moves with each backward(), and not when it is told to."""
    kind = torch.optim.lr_scheduler.LRScheduler
    real, known = kind.step, weakref.WeakSet[Any]()

    def move(self: Any, *args: Any) -> None:
        if self not in known:
            known.add(self)
            real(self, *args)

    def see(_: list[Tensor], __: Any) -> None:
        for scheduler in list(known):
            real(scheduler)

    with put(kind, step=move), watching(see):
        yield


@belief(
    "a schedule of n was over after n - 1 calls",
    lesson="05",
    see="test_how_long_is_the_schedule",
    touches="LinearLR",
)
@contextmanager
def one_piece_less(names: Names) -> Iterator[None]:
    kind = torch.optim.lr_scheduler.LinearLR
    real = kind.__init__

    def init(self: Any, optimizer: Any, start: float, end: float, n: int) -> None:
        real(self, optimizer, start, end, n - 1)

    with put(kind, __init__=init):
        yield


# ----------------------------------------------------------------- clipping, BatchNorm


Clip = Callable[[list[Tensor], float, Tensor], object]  # slates, max_norm, length


@contextmanager
def clipping(names: Names, clip: Clip) -> Iterator[None]:
    """clip_grad_norm_ does this with the slates, and returns their length as ever."""

    def called(params: Any, max_norm: float, *_: Any, **__: Any) -> Tensor:
        found = [params] if isinstance(params, Tensor) else list(params)
        slates = [p.grad for p in found if p.grad is not None]
        length = length_of(slates)
        clip(slates, max_norm, length)
        return length

    with replaced(names, torch.nn.utils, clip_grad_norm_=called):
        yield


def length_of(slates: list[Tensor]) -> Tensor:
    """The root of the sum of the squares of all numbers on all of them."""
    lengths = [slate.norm() for slate in slates]
    return torch.stack(lengths).norm() if lengths else torch.tensor(0.0)


@belief(
    "clipping cut each number by itself",
    lesson="09",
    see="test_a_micro_batch_for_every_pixel",
    touches="clip_grad_norm_",
)
def clips_each_entry(names: Names) -> Any:
    def clip(slates: list[Tensor], max_norm: float, _: Tensor) -> None:
        for slate in slates:
            slate.clamp_(-max_norm, max_norm)

    return clipping(names, clip)


@belief(
    "clip_grad_norm_ only looked, and changed nothing",
    lesson="09",
    see="test_a_micro_batch_for_every_pixel",
    touches="clip_grad_norm_",
)
def clipping_only_looks(names: Names) -> Any:
    return clipping(names, lambda *_: None)


@belief(
    "clipping made short slates longer, too",
    lesson="09",
    see="test_clipped_once_or_each_time",
    touches="clip_grad_norm_",
)
def clipping_stretches(names: Names) -> Any:
    def clip(slates: list[Tensor], max_norm: float, length: Tensor) -> None:
        for slate in slates if length > 0 else ():
            slate.mul_(max_norm / length)

    return clipping(names, clip)


@belief(
    "clipping left inf and NaN out of the length",
    lesson="09",
    see="test_a_slope_that_overflowed",
    touches="clip_grad_norm_",
)
def clipping_leaves_out(names: Names) -> Any:
    def clip(slates: list[Tensor], max_norm: float, _: Tensor) -> None:
        length = length_of([slate[slate.isfinite()] for slate in slates])
        for slate in slates:
            slate.mul_((max_norm / (length + 1e-6)).clamp(max=1.0))  # as torch does

    return clipping(names, clip)


@belief(
    "momentum was the share of the old running mean",
    lesson="09",
    see="test_the_running_mean",
    touches="BatchNorm1d",
)
@contextmanager
def momentum_of_the_old(names: Names) -> Iterator[None]:
    real = functional.batch_norm

    def batch_norm(*args: Any, **more: Any) -> Tensor:
        values = list(args)
        if len(values) > 6 and values[6] is not None:
            values[6] = 1 - values[6]
        return real(*values, **more)

    with replaced(names, functional, batch_norm=batch_norm):
        yield


@belief(
    "the running mean was the mean of all that came in",
    lesson="09",
    see="test_the_running_mean",
    touches="BatchNorm1d",
)
@contextmanager
def running_mean_of_all(names: Names) -> Iterator[None]:
    kind = torch.nn.modules.batchnorm._BatchNorm
    real = kind.forward

    def forward(self: Any, rows: Tensor) -> Tensor:
        with put(self, momentum=None):
            return real(self, rows)

    with put(kind, forward=forward):
        yield


@belief(
    "BatchNorm took a single row in train mode, too",
    lesson="09",
    see="test_five_rows_cut_to_size",
    touches="BatchNorm1d",
)
def single_rows_will_do(names: Names) -> Any:
    return put(functional, _verify_batch_size=lambda size: None)


@belief(
    "split() left out a rest that is shorter",
    lesson="09",
    see="test_five_rows_cut_to_size",
    touches="split",
)
def no_rest(names: Names) -> Any:
    real = Tensor.split

    def split(self: Tensor, size: Any, dim: int = 0) -> Any:
        parts = real(self, size, dim)
        if not isinstance(size, int):
            return parts
        return tuple(part for part in parts if part.shape[dim] == size)

    return put(Tensor, split=split)


# -------------------------------------------------------------------- names and slates


def written_is_a_copy(names: Names) -> Any:
    def write(self: Tensor, value: Tensor | None) -> None:
        put_on_slate(self, value.clone() if isinstance(value, Tensor) else value)

    return put(Tensor, grad=property(GRAD.__get__, write, GRAD.__delete__))


@belief(
    "p.grad gave a copy, or took one",
    lesson="10",
    see="test_three_ways_to_keep_it",
    touches="grad",
    also=[written_is_a_copy],
)
def read_is_a_copy(names: Names) -> Any:
    def read(self: Tensor) -> Tensor | None:
        slate = slate_of(self)
        return None if slate is None else slate.clone()

    return put(Tensor, grad=property(read, GRAD.__set__, GRAD.__delete__))


@belief(
    "detach() copied",
    lesson="10",
    see="test_three_ways_to_keep_it",
    touches="detach",
)
def detached_is_a_copy(names: Names) -> Any:
    real = Tensor.detach
    return put(Tensor, detach=lambda self: real(self).clone())


class _Doubles(TorchFunctionMode):
    """Whoever asks for fewer digits gets those of a double."""

    FEW = (torch.float16, torch.bfloat16, torch.float32)
    TO = frozenset({"half", "bfloat16", "float"})

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        more = {name: self._wide(value) for name, value in (kwargs or {}).items()}
        if getattr(func, "__name__", "") in self.TO:
            return args[0].double()
        return func(*map(self._wide, args), **more)

    def _wide(self, value: object) -> object:
        is_dtype = isinstance(value, torch.dtype)
        return torch.float64 if is_dtype and value in self.FEW else value


@belief(
    "every dtype kept all digits",
    lesson="11",
    see="test_a_large_slope_and_many_small_ones",
    touches="bfloat16 float16 float32 half pile",
)
@contextmanager
def all_digits(names: Names) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Doubles():
            yield
    finally:
        torch.set_default_dtype(before)


# ------------------------------------------------------------------- scalers and ranks


@belief(
    "the slate held the true slopes, not scaled",
    lesson="12",
    see="test_the_first_pixel_again",
    touches="GradScaler",
)
@contextmanager
def true_slopes_under_a_scaler(names: Names) -> Iterator[None]:
    kind = torch.amp.GradScaler
    scale, unscale = kind.scale, kind._unscale_grads_

    def scaled(self: Any, outputs: Any) -> Any:
        scale(self, torch.zeros(1, device=outputs.device))  # which sets it up
        return outputs

    def unscaled(self: Any, optimizer: Any, inv_scale: Tensor, *rest: Any) -> Any:
        return unscale(self, optimizer, torch.ones_like(inv_scale), *rest)

    with put(kind, scale=scaled, _unscale_grads_=unscaled):
        yield


@belief(
    "unscale_ only looked for inf and nan",
    lesson="12",
    see="test_the_first_pixel_again",
    touches="unscale_",
)
@contextmanager
def unscale_only_looks(names: Names) -> Iterator[None]:
    kind = torch.amp.GradScaler
    unscale, step = kind._unscale_grads_, kind._maybe_opt_step

    def looked_at(self: Any, optimizer: Any, inv_scale: Tensor, *rest: Any) -> Any:
        return unscale(self, optimizer, torch.ones_like(inv_scale), *rest)

    def stepped(self: Any, optimizer: Any, *args: Any, **more: Any) -> Any:
        with with_slates(optimizer, lambda p: _divided(p, self.get_scale())):
            return step(self, optimizer, *args, **more)

    with put(kind, _unscale_grads_=looked_at, _maybe_opt_step=stepped):
        yield


def _divided(p: Tensor, by: float) -> Tensor | None:
    return None if p.grad is None else p.grad / by


@belief(
    "the ranks added up their slates",
    lesson="14",
    see="test_one_pixel_on_each_rank",
    touches="on_two_ranks",
)
def ranks_add_up(names: Names) -> Any:
    return _exchanging(lambda slopes: slopes)


@belief(
    "the ranks never exchanged anything",
    lesson="14",
    see="test_one_pixel_on_each_rank",
    touches="on_two_ranks",
)
def ranks_are_silent(names: Names) -> Any:
    return _exchanging(None)


@contextmanager
def _exchanging(after: Callable[[Tensor], Tensor] | None) -> Iterator[None]:
    """What two ranks do when they exchange; their processes are forks of this one.

    Where they are not, the koan is as it was, and nothing is told.
    """
    import torch.distributed as dist
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
    from torch.nn.parallel import DistributedDataParallel

    forward = DistributedDataParallel.forward

    def exchange(_, bucket):  # type: ignore[no-untyped-def] # torch reads annotations
        slopes = bucket.buffer()
        if after is not None:
            dist.all_reduce(slopes)
        done: Any = torch.futures.Future()
        done.set_result(slopes)
        return done

    def with_hook(self: Any, *args: Any, **more: Any) -> Any:
        if not self._comm_hooks:
            self.register_comm_hook(None, exchange)
        return forward(self, *args, **more)

    default = put(default_hooks, allreduce_hook=exchange)
    with put(DistributedDataParallel, forward=with_hook), default:
        yield


# -------------------------------------------------------------- slopes without a slate


@belief(
    "torch.autograd.grad wrote on the slate, too",
    lesson="13",
    see="test_asking_for_a_slope",
    touches="autograd",
)
def grad_writes(names: Names) -> Any:
    """torch.autograd.grad leaves what it hands over on the slates as well."""
    real = torch.autograd.grad

    def grad(outputs: Any, inputs: Any, *args: Any, **more: Any) -> Any:
        slopes = real(outputs, inputs, *args, **more)
        for p, slope in zip(roots(inputs), slopes, strict=True):
            if slope is not None and p.is_leaf:
                p.grad = slope.detach() if p.grad is None else p.grad + slope.detach()
        return slopes

    return put(torch.autograd, grad=grad)


@belief(
    "backward() wrote for every leaf, named or not",
    lesson="13",
    see="test_naming_the_leaves",
    touches="inputs",
)
def inputs_overlooked(names: Names) -> Any:
    real = torch.autograd.backward

    def backward(*args: Any, inputs: Any = None, **more: Any) -> None:
        real(*args, **more)

    return put(torch.autograd, backward=backward)


@belief(
    "a hook was given the slate, not the slope",
    lesson="16",
    see="test_two_kinds_of_hook",
    touches="register_hook",
)
def hooks_get_the_slate(names: Names) -> Any:
    """A hook on a leaf gets the slate as it will be, not the slope alone."""
    real = Tensor.register_hook

    def register_hook(self: Tensor, hook: Callable[..., Any]) -> Any:
        pile = weakref.ref(self)

        def called(slope: Tensor) -> Any:
            leaf = pile()
            slate = leaf.grad if leaf is not None and leaf.is_leaf else None
            told = slope if slate is None else slate + slope
            answer = hook(told)
            return answer if answer is None or slate is None else answer - slate

        return real(self, called)

    return put(Tensor, register_hook=register_hook)


# -------------------------------------------------------------------- slips of reading


def each_entry(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A value with each of its innermost entries changed; or all of a list at once."""

    def changed(value: Any) -> Any:
        whole = change(value)
        if whole is not value:
            return whole
        if isinstance(value, list | tuple):
            return [changed(item) for item in value]
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        return value

    return changed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@slip("None was 0", see="test_before_any_backward")
def zero_for_none(value: Any) -> Any:
    return 0.0 if value is None else value


@slip("0 was None", see="test_before_any_backward")
def none_for_zero(value: Any) -> Any:
    return None if _is_number(value) and value == 0 else value


@slip("every number had the other sign", see="test_one_backward")
def flipped(value: Any) -> Any:
    return -value if _is_number(value) else value


@slip("a list was read from its end")
def read_backwards(value: Any) -> Any:
    """Where its entries are of one kind, and more than two."""
    kinds = {type(item) for item in value} if isinstance(value, list) else set()
    is_plain = len(kinds) == 1 and kinds <= {int, float, str}
    return value[::-1] if is_plain and len(value) > 2 else value


@slip("True was False, and False True")
def negated(value: Any) -> Any:
    return not value if isinstance(value, bool) else value
