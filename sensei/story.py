"""The story of .grad: every change of a leaf's slate while a koan runs.

With conftest.py the only module here that imports torch; [tool.sensei] names it
as the course's story, and ``sensei.running`` asks it about a koan that failed.

A trace function looks at the ``.grad`` of the leaves in sight after each step of
the koan's file: each opcode, since several calls may stand on one line. It sees
what a mode or a hook would miss (parameters, ``del p.grad``, what happens inside
hooks) and keeps nothing of what it watches: weak references to the leaves, plain
numbers of their slates.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import torch

from sensei.timeline import Event, Value

SHOWN = 8  # elements of a slate that are told one by one


def tell(koan: Callable[..., object], arguments: Mapping[str, Any]) -> list[Event]:
    """Run a koan once more, and give every change of a slate, in order.

    What the koan raises is left out: it is known already. An interrupt or the
    end of a time limit goes through.
    """
    recorder = Recorder(koan.__code__.co_filename)
    with contextlib.suppress(Exception):
        recorder.run(koan, arguments)
    return recorder.events


class Recorder:
    """Records the slates in one file's frames while ``run`` runs a function."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.events: list[Event] = []
        self._leaves: dict[int, _Leaf] = {}
        self._names: dict[str, int] = {}  # how many leaves had this name
        self._line = 0

    def run(self, koan: Callable[..., object], arguments: Mapping[str, Any]) -> None:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            koan(**arguments)
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != self.path:
            return None
        self._look()  # a hook is entered: what came before was the caller's doing
        self._line = frame.f_lineno
        # Several calls may stand on one line: look after each of their steps.
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, argument: object) -> Any:
        """After a step, or as a function returns: what did it change?"""
        self._compare(frame)
        self._line = frame.f_lineno
        if event == "return":
            self._line = self._line_of(frame.f_back)
        return self._step

    def _line_of(self, frame: FrameType | None) -> int:
        """Where the koan's file is running, however deep in torch that is."""
        while frame and frame.f_code.co_filename != self.path:
            frame = frame.f_back
        return frame.f_lineno if frame else self._line

    def _compare(self, frame: FrameType) -> None:
        for name, leaf in _leaves_in(frame.f_locals):
            known = self._leaves.get(id(leaf))
            if known is None or known.tensor() is not leaf:
                self._names[name] = count = self._names.get(name, 0) + 1
                unique = name if count == 1 else f"{name} ({count})"
                self._leaves[id(leaf)] = _Leaf(unique, leaf)
        self._look()

    def _look(self) -> None:
        for known in self._leaves.values():
            tensor = known.tensor()
            if tensor is None:
                continue
            value = slate(tensor)
            if not _same(value, known.value):
                event = Event(self._line, known.name, known.value, value)
                self.events.append(event)
                known.value = value


class _Leaf:
    """A leaf that was seen, by its first name; nothing here keeps it alive."""

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        self.name = name
        self.tensor = weakref.ref(tensor)
        self.value: Value = None


def _leaves_in(names: Mapping[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    """Leaves that want a slope, with the names that the koan has for them.

    A module may still be in its __init__, without parameters.
    """
    for name, value in names.items():
        if isinstance(value, torch.Tensor):
            candidates: Iterator[tuple[str, object]] = iter([(name, value)])
        elif isinstance(value, torch.nn.Module) and "_parameters" in vars(value):
            candidates = ((f"{name}.{n}", p) for n, p in value.named_parameters())
        elif isinstance(value, list | tuple):
            candidates = ((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif type(value) is dict:
            candidates = ((f"{name}[{key!r}]", item) for key, item in value.items())
        else:
            continue
        for path, candidate in candidates:
            if (
                isinstance(candidate, torch.Tensor)
                and candidate.requires_grad
                and candidate.is_leaf
            ):
                yield path, candidate


def slate(leaf: torch.Tensor) -> Value:
    """What is in a leaf's .grad, as plain numbers; a text where that is too much."""
    grad = leaf.grad
    if grad is None:
        return None
    if grad.layout is not torch.strided:
        return "a sparse tensor"
    if grad.numel() > SHOWN:
        return f"{grad.numel()} numbers, {float(grad.detach().sum()):g} in all"
    flat = [float(number) for number in grad.detach().flatten().tolist()]
    return flat[0] if grad.numel() == 1 else flat


def _same(left: Value, right: Value) -> bool:
    """Equal, and NaN equals NaN."""
    return repr(left) == repr(right)
