"""The story of .grad: whatever is written on a slate, and each move of a small leaf.

[tool.sensei] names this module as the course's story. The engine runs a koan that
failed once more inside ``watch`` and draws the events (``sensei.chart``).

A trace function looks at the leaves in sight after each step of the koan's file:
each opcode, since several calls may stand on one line. It sees what a mode or a
hook would miss (parameters, ``del p.grad``, what happens inside hooks) and keeps
nothing of what it watches: weak references to tensors, plain numbers of them.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import FrameType
from typing import Any

import torch

from sensei.timeline import Event, Value, value_text

SMALL = 8  # numbers of a tensor that are told one by one
LOOKED_AT = 64  # items of a list that are looked at
NAMED = 2  # other names of a slate that are told
ROWS = 6  # rows of a sparse slate that are told


@contextlib.contextmanager
def watch(path: str, events: list[Event]) -> Iterator[None]:
    """While this is open, append what changes in frames of the file ``path``.

    A change is in ``events`` before the frame makes its next call.
    """
    story = _Story(path, events)
    before = sys.gettrace()
    with _hooks_of_step(story.before_step, story.after_step):
        sys._getframe().f_trace_opcodes = True  # or 3.12 tells of no opcode at all
        sys.settrace(story.enter)
        try:
            yield
        finally:
            sys.settrace(before)
            story.over = True  # a generator that outlives this is not traced on


@contextlib.contextmanager
def _hooks_of_step(
    before: Callable[..., None], after: Callable[..., None]
) -> Iterator[None]:
    """Have step() of every optimizer call these, where this torch has such hooks."""
    try:
        from torch.optim.optimizer import (
            register_optimizer_step_post_hook,
            register_optimizer_step_pre_hook,
        )
    except ImportError:
        yield
        return
    handles = [
        register_optimizer_step_pre_hook(before),
        register_optimizer_step_post_hook(after),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(eq=False)
class _Leaf:
    """A leaf in the story; nothing here keeps it or its slate alive."""

    number: int
    tensor: weakref.ref[torch.Tensor]
    name: str
    line: int  # where it was first seen,
    start: Value  # and what it was there
    place: Value
    slate: Value = None
    grad: Callable[[], torch.Tensor | None] = lambda: None
    versions: tuple[int, int] = (-1, -1)
    home: int = 0  # the frame that has this name for it; 0: its name may change
    in_story: bool = False


@dataclass
class _Step:
    """A step() under way: the frame it was called from, and its leaves."""

    caller: int
    before: dict[int, Value]  # of those of which nothing was told yet
    leaves: frozenset[int]


@dataclass(eq=False)
class _Story:
    """What is known while ``watch`` is open."""

    path: str
    events: list[Event]
    over: bool = False
    _line: int = 0
    _leaves: dict[int, _Leaf] = field(default_factory=dict)  # by the tensor's id
    _names: dict[int, dict[str, _Leaf]] = field(default_factory=dict)  # by frame
    _last: dict[str, _Leaf] = field(default_factory=dict)  # told by this name
    _count: int = 0
    _step: _Step | None = None
    _steps: int = 0  # that are over
    _initialising: bool = False

    # -------------------------------------------------------------- tracing

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        if self.over:
            return None
        if frame.f_code.co_filename != self.path:
            if frame.f_globals.get("__name__") == "torch.nn.init":
                self._initialising = True
            return None
        # Several calls may stand on one line: look after each of their steps.
        frame.f_trace = self._after  # 3.13 asks for it before
        frame.f_trace_opcodes = True
        return self._after

    def _after(self, frame: FrameType, event: str, argument: object) -> Any:
        """After a step, or as a function returns: what did it change?"""
        if self.over:
            return None
        if event == "opcode":
            self._look(frame, thorough=False)
        else:
            self._see(frame)
            self._look(frame)
        if self._step and self._step.caller == id(frame):
            self._step = None  # it raised, or its last hook would have ended it
        self._initialising = False
        self._line = frame.f_lineno
        if event == "return":
            for leaf in self._names.pop(id(frame), {}).values():
                leaf.home = 0
            self._line = self._running(frame.f_back)[1] or self._line
        return self._after

    def _running(self, frame: FrameType | None) -> tuple[int, int]:
        """The id and the line of the koan's own frame, however deep in torch it is."""
        for own in self._own_frames(frame):
            return id(own), own.f_lineno
        return 0, 0

    def _own_frames(self, frame: FrameType | None) -> Iterator[FrameType]:
        while frame:
            if frame.f_code.co_filename == self.path:
                yield frame
            frame = frame.f_back

    # --------------------------------------------------------------- naming

    def _see(self, frame: FrameType) -> None:
        """Name the leaves that this frame has, by the first name it has for each."""
        names = self._names.setdefault(id(frame), {})
        here = dict(_tensors_in(frame.f_locals))
        for name, leaf in list(names.items()):
            if here.get(name) is not leaf.tensor():
                del names[name]
                leaf.home = 0
                self._rebound(name, leaf, here.get(name))
        for name, tensor in here.items():
            if known := self._known(name, tensor):
                self._settle(known, name, id(frame))

    def _known(self, name: str, tensor: torch.Tensor) -> _Leaf | None:
        leaf = self._leaves.get(id(tensor))
        if leaf and leaf.tensor() is tensor:
            return leaf
        with contextlib.suppress(Exception):  # a tensor of vmap has no numbers
            if tensor.requires_grad and _has_slate(tensor):
                place, self._count = value_of(tensor), self._count + 1
                ref = weakref.ref(tensor)
                leaf = _Leaf(self._count, ref, name, self._line, place, place)
                self._leaves[id(tensor)] = leaf
                return leaf
        return None

    def _settle(self, leaf: _Leaf, name: str, frame: int) -> None:
        """Keep a leaf's name as long as its frame runs; untold, take a nicer one."""
        names = self._names[frame]
        if leaf.home == frame and not leaf.in_story and _is_nicer(name, leaf.name):
            del names[leaf.name]
        elif leaf.home:
            return
        leaf.name, leaf.home = name, frame
        names[name] = leaf

    def _rebound(self, name: str, leaf: _Leaf, now: torch.Tensor | None) -> None:
        """Tell that a leaf's name is one for a tensor that can't be a leaf here."""
        if now is None or self._last.get(name) is not leaf or self._known(name, now):
            return
        with contextlib.suppress(Exception):
            self._count += 1
            what = "not a leaf" if now.requires_grad else "requires_grad is False"
            how = f"a new {name}: {what}"
            event = Event(self._line, name, None, value_of(now), how, self._count)
            self.events.append(replace(event, turn=self._steps))

    # -------------------------------------------------------------- looking

    def _look(self, frame: FrameType | None, thorough: bool = True) -> None:
        """Compare every leaf with what is known of it.

        Versions tell of most changes; what is written through .data has none, and
        is seen where a line ends.
        """
        for key, leaf in list(self._leaves.items()):
            tensor = leaf.tensor()
            if tensor is None:
                del self._leaves[key]
                continue
            with contextlib.suppress(Exception):  # what can't be read is left out
                self._compare(leaf, tensor, frame, thorough)

    def _compare(
        self,
        leaf: _Leaf,
        tensor: torch.Tensor,
        frame: FrameType | None,
        thorough: bool = True,
    ) -> None:
        grad = tensor.grad if _has_slate(tensor) else None
        versions = tensor._version, -1 if grad is None else grad._version
        if thorough or grad is not leaf.grad() or versions != leaf.versions:
            self._compare_slate(leaf, grad, frame)
            self._compare_place(leaf, tensor)
            leaf.versions = versions

    def _compare_slate(
        self, leaf: _Leaf, grad: torch.Tensor | None, frame: FrameType | None
    ) -> None:
        slate, old = value_of(grad), leaf.grad()
        replaced = grad is not old and slate is not None and leaf.slate is not None
        written = grad is not None and leaf.versions[1] not in (-1, grad._version)
        if replaced or (grad is old and written) or not _alike(slate, leaf.slate):
            how = self._how(old, grad, frame) if leaf.slate is not None else ""
            self._tell(leaf, ".grad", leaf.slate, slate, how)
            leaf.slate = slate
        if grad is not old:
            leaf.grad = weakref.ref(grad) if grad is not None else lambda: None

    def _compare_place(self, leaf: _Leaf, tensor: torch.Tensor) -> None:
        step = self._step if self._step and leaf.number in self._step.leaves else None
        if tensor.numel() > SMALL and not step:
            return
        place = value_of(tensor)
        if _alike(place, leaf.place):
            return
        if self._initialising and not leaf.in_story:
            leaf.start = place
        else:
            how = f"step() found {value_text(leaf.slate)}" if step else ""
            self._tell(leaf, "", leaf.place, place, how)
            if step:
                step.before.pop(leaf.number, None)
        leaf.place = place

    def _how(
        self,
        old: torch.Tensor | None,
        new: torch.Tensor | None,
        frame: FrameType | None,
    ) -> str:
        """How a slate changed: the same tensor or a new one, where one can tell."""
        others = self._other_names(old, frame)
        if new is not None and new is old:
            return f"in place, so {others} too" if others else ""
        if new is not None:
            return f"a new tensor, not {others}" if others else "a new tensor"
        return f"still in {others}" if others else ""

    def _other_names(self, grad: torch.Tensor | None, frame: FrameType | None) -> str:
        """Which names the koan has for a slate's tensor, or for its memory."""
        if grad is None:
            return ""
        names = {
            name: None
            for own in self._own_frames(frame)
            for name, tensor in _tensors_in(own.f_locals)
            if _is_one(tensor, grad)
        }
        more = [", …"] if len(names) > NAMED else []
        return ", ".join(islice(names, NAMED)) + "".join(more)

    # ---------------------------------------------------------------- telling

    def _tell(
        self, leaf: _Leaf, part: str, before: Value, after: Value, how: str
    ) -> None:
        name, last = leaf.name, self._last.get(leaf.name)
        if last and last is not leaf:
            for other in self._new_beside(leaf):
                self.events.append(replace(self._another(other), turn=self._steps))
                self._last[other.name], other.in_story = other, True
        self._last[name], leaf.in_story = leaf, True
        event = Event(self._line, name + part, before, after, how, leaf.number)
        self.events.append(replace(event, turn=self._steps))

    def _new_beside(self, leaf: _Leaf) -> list[_Leaf]:
        """This leaf, and what else its frame has under names that were others'."""
        return [
            each
            for each in self._leaves.values()
            if each is leaf
            or (each.home == leaf.home and not each.in_story)
            and self._last.get(each.name) not in (None, each)
        ]

    def _another(self, leaf: _Leaf) -> Event:
        """Until here another leaf had this name: say so, and what this one is."""
        name, number = leaf.name, leaf.number
        if leaf.in_story:
            how = f"the earlier {name} again"
            return Event(self._line, name, None, leaf.place, how, number)
        return Event(leaf.line, name, None, leaf.start, f"a new {name}", number)

    def before_step(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        frame = sys._getframe()
        self._look(frame)
        before = {}
        for group in optimizer.param_groups:
            for tensor in group["params"]:
                leaf = self._leaves.get(id(tensor))
                if leaf and leaf.tensor() is tensor:
                    with contextlib.suppress(Exception):
                        before[leaf.number] = leaf.place = value_of(tensor)
        self._step = _Step(self._running(frame)[0], before, frozenset(before))

    def after_step(self, *_: object) -> None:
        """Tell what step() found, also where that moved nothing."""
        for leaf in list(self._leaves.values()):
            tensor, step = leaf.tensor(), self._step
            if tensor is not None and step and leaf.number in step.leaves:
                with contextlib.suppress(Exception):
                    self._compare(leaf, tensor, sys._getframe())
                if leaf.number in step.before:
                    how = f"step() found {value_text(leaf.slate)}"
                    self._tell(leaf, "", leaf.place, leaf.place, how)
        self._step = None
        self._steps += 1


# ----------------------------------------------------------- reading tensors


def _tensors_in(names: Mapping[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors that a frame has, by the names that it has for them.

    A module may still be in its __init__, without parameters.
    """
    for name, value in list(names.items()):
        items: Iterator[tuple[str, object]]
        if isinstance(value, torch.Tensor):
            items = iter([(name, value)])
        elif isinstance(value, torch.nn.Module) and "_parameters" in vars(value):
            items = ((name + _path(n), p) for n, p in value.named_parameters())
        elif isinstance(value, list | tuple):
            items = ((f"{name}[{i}]", v) for i, v in enumerate(value[:LOOKED_AT]))
        elif type(value) is dict:
            firsts = islice(value.items(), LOOKED_AT)
            items = ((f"{name}[{key!r}]", item) for key, item in firsts)
        else:
            continue
        for path, item in items:
            if isinstance(item, torch.Tensor):
                yield path, item


def _path(parameter: str) -> str:
    """A parameter's name as code has it: "0.weight" is [0].weight."""
    parts = parameter.split(".")
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts)


def _has_slate(tensor: torch.Tensor) -> bool:
    """A leaf, or who asked for one with retain_grad()."""
    return tensor.is_leaf or tensor.retains_grad


def _is_nicer(name: str, other: str) -> bool:
    """backbone.weight says more than model[0].weight, and more than p of a loop."""
    return "." in name and name.count("[") < other.count("[")


def _is_one(tensor: torch.Tensor, grad: torch.Tensor) -> bool:
    if tensor is grad:
        return True
    with contextlib.suppress(Exception):
        return tensor.data_ptr() == grad.data_ptr() != 0
    return False


def value_of(tensor: torch.Tensor | None) -> Value:
    """A tensor's numbers; a text where they are too many."""
    if tensor is None:
        return None
    plain = tensor.detach()
    if plain.layout is not torch.strided:
        return _sparse(plain)
    if plain.numel() > SMALL:
        return f"{plain.numel()} numbers, sum {value_text(float(plain.sum()))}"
    flat = [float(number) for number in plain.flatten().tolist()]
    return flat[0] if plain.numel() == 1 else flat


def _sparse(plain: torch.Tensor) -> str:
    if plain.layout is not torch.sparse_coo:
        return f"{plain._nnz()} entries stored"
    rows = plain._indices()[0].tolist()
    shown = ", ".join(map(str, rows[:ROWS])) + (", …" if len(rows) > ROWS else "")
    return f"{len(rows)} stored: rows {shown}" if rows else "0 stored"


def _alike(left: Value, right: Value) -> bool:
    """Equal, and NaN equals NaN."""
    return repr(left) == repr(right)
