"""Trying answers: what a worker does with a koan and its fills.

``Bench`` lives in the warm process: it has imported the lessons. Its ``try_*``
methods are called in a forked child, which ends after them. Verdicts come from
``sensei.judge`` and ``sensei.running``, which pytest uses, too.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import itertools
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

import pytest

from sensei import blanks, judge, predictions
from sensei.blanks import Fill, Function
from sensei.course import Course
from sensei.grading.template import Template, TemplateKoan, TemplateLesson
from sensei.judge import Answer
from sensei.running import Koan, Rules, run
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Hang

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
PROBE = "_sensei_probe"
SUBJECT = "_sensei_subject"

Report = dict[str, Any]
Names = Mapping[str, Any]


class NoSubject(Exception):
    """What a prediction is compared with can't be had apart from the prediction."""


class KoanFailed(Exception):
    """A koan as it was given raised, with no answer in it to blame."""


@dataclass(frozen=True)
class Ready:
    """A koan whose lesson was imported.

    ``arguments`` are those that it is run with, one after the other; ``skip`` is
    why this machine can't run it ("" if it can).
    """

    koan: TemplateKoan
    module: ModuleType
    arguments: tuple[Names, ...]
    skip: str

    @property
    def path(self) -> str:
        return self.koan.lesson.files.relative


class Bench:
    """Every koan of a template, ready to be tried.

    Raises whatever the import of a lesson raises.
    """

    def __init__(self, template: Template) -> None:
        sys.path.insert(0, str(template.course.koans))
        modules = {lesson.files.name: _imported(lesson) for lesson in template.lessons}
        self.koans = [
            _ready(koan, modules[koan.lesson.files.name], template.course)
            for koan in template.koans
        ]

    def warm_up(self) -> None:
        """Run every solution once, so that what is lazy has happened.

        The first call of some functions takes longer than ten koans. Whether the
        solutions pass is for the canaries to say.
        """
        for ready in self.koans:
            fill = ready.koan.lesson.given.fill(ready.koan.name).text
            names = ready.arguments[0]
            answer = answer_to(ready, fill, names)
            if isinstance(answer, Answer) and not ready.skip:
                with contextlib.suppress(Exception, pytest.skip.Exception):
                    _function(ready, answer.function)(**names)

    def try_one(self, number: int, fill: str, seconds: float) -> Report:
        """Judge one answer by running it."""
        ready = self.koans[number]
        if ready.skip:
            return report(ready, Verdict(Kind.SKIPPED, ready.skip), None)
        reports = (_ran(ready, fill, names, seconds) for names in ready.arguments)
        return _joined(reports)

    def try_predictions(self, number: int, fills: list[str]) -> list[Report]:
        """Judge many predictions of one koan, which is run once.

        Raises NoSubject where that can't be done; then ``try_one`` can.
        """
        ready = self.koans[number]
        if ready.skip:
            return [report(ready, Verdict(Kind.SKIPPED, ready.skip), None)] * len(fills)
        subjects = [(names, _subject(ready, names)) for names in ready.arguments]
        return [
            _joined(
                _compared(ready, fill, names, subject) for names, subject in subjects
            )
            for fill in fills
        ]


def _joined(reports: Iterator[Report]) -> Report:
    """Of several runs the first that is not passed; a skip only if all are skips."""
    skipped = passed = None
    for one in reports:
        if one["kind"] == Kind.SKIPPED:
            skipped = one
        elif one["kind"] == Kind.PASSED:
            passed = one
        else:
            return one
    return passed or skipped or {}


# --------------------------------------------------------------------- importing


def _imported(lesson: TemplateLesson) -> ModuleType:
    """The lesson as it was given; its blanks are in functions that are not called."""
    name = f"sensei_template_{lesson.files.name}"
    spec = importlib.util.spec_from_file_location(name, lesson.files.path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _ready(koan: TemplateKoan, module: ModuleType, course: Course) -> Ready:
    function = getattr(module, koan.name)
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = []
    for name in parameters:
        if name not in course.arguments:
            raise KoanFailed(
                f"{koan.lesson.files.relative}: {koan.name} has a parameter {name}; "
                f"[tool.sensei] arguments in pyproject.toml does not say what it is"
            )
        values.append(course.arguments[name])
    runs = itertools.product(*values)
    arguments = tuple(dict(zip(parameters, run, strict=True)) for run in runs)
    return Ready(koan, module, arguments, _skip_reason(function))


def _skip_reason(function: object) -> str:
    """The reason of a koan's skip or skipif mark that holds here."""
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "skip" or (mark.name == "skipif" and any(mark.args)):
            return str(mark.kwargs.get("reason") or "it is marked to be skipped")
    return ""


# ----------------------------------------------------------------------- answers


def answer_to(ready: Ready, fill: str, names: Names) -> Answer | Verdict:
    """A fill in its koan, or the verdict where it is no prediction.

    ``names`` are the koan's arguments.
    """
    note = ready.koan.note
    [function] = blanks.parse(ready.koan.filled(fill)).body
    assert isinstance(function, Function)
    fit = blanks.match([ready.koan.lesson.given.function(note.name)], [function])
    assert isinstance(fit, blanks.Fit), fit
    [found] = fit.fills
    value, wrote = None, judge.shortened(fill)
    if note.is_prediction:
        try:
            value = _worked_out(ready, found, names)
        except predictions.Refused as refusal:
            return Verdict(Kind.REFUSED, str(refusal), found.line, wrote)
    return Answer(note, function, found, value, wrote)


def _worked_out(ready: Ready, fill: Fill, names: Names) -> Any:
    modules = {k: v for k, v in vars(ready.module).items() if isinstance(v, ModuleType)}
    return predictions.evaluate(fill.nodes[0], {**modules, **names})  # type: ignore[arg-type]


def _function(ready: Ready, tree: Function, **more: Any) -> Koan:
    """A koan's syntax tree as a function that runs in its lesson."""
    bare = {
        **{name: getattr(tree, name) for name in tree._fields},
        "decorator_list": [],
    }
    function = ast.copy_location(type(tree)(**bare), tree)
    code = compile(ast.Module([function], []), ready.path, "exec", dont_inherit=True)
    namespace = {**vars(ready.module), **more}
    exec(code, namespace)
    made: Koan = namespace[tree.name]
    return made


def _ran(ready: Ready, fill: str, names: Names, seconds: float) -> Report:
    answer = answer_to(ready, fill, names)
    if isinstance(answer, Verdict):
        return report(ready, answer, None)
    function = _function(ready, answer.function)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict, error = run(answer, function, dict(names), Rules(seconds))
    except pytest.skip.Exception as skip:
        return report(ready, Verdict(Kind.SKIPPED, str(skip)), answer)
    if isinstance(error, Hang):
        verdict = replace(verdict, kind=Kind.TIMEOUT)
    return report(ready, verdict, answer)


# ------------------------------------------------------------------- predictions


class _Probe:
    """Stands where a prediction stands, and keeps what it is compared with."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __eq__(self, other: object) -> bool:
        self.seen.append(other)
        return True


def _subject(ready: Ready, names: Names) -> Any:
    """What a koan compares its prediction with; the koan runs to its end.

    Raises NoSubject if that is not the value of a plain ``==`` at the very end,
    or might not be the same without the prediction.
    """
    tree = _probing(ready)
    probe = _Probe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _function(ready, tree, **{PROBE: probe})(**names)
    except pytest.skip.Exception:
        raise NoSubject from None
    except Exception as error:
        raise NoSubject from error
    if len(probe.seen) != 1:
        raise NoSubject
    return probe.seen[0]


def _probing(ready: Ready) -> Function:
    """The koan with a probe in place of ``__`` or ``approx(__)``."""
    [tree] = blanks.parse(ready.koan.text).body
    assert isinstance(tree, Function)
    check = tree.body[-1]
    if not isinstance(check, ast.Assert) or not isinstance(check.test, ast.Compare):
        raise NoSubject
    compare = check.test
    if len(compare.ops) != 1 or not isinstance(compare.ops[0], ast.Eq):
        raise NoSubject
    if not blanks.find_blanks(compare.comparators[0]) or _rebinds(ready, tree):
        raise NoSubject
    name = ast.Name(PROBE, ast.Load())
    compare.comparators[0] = ast.copy_location(name, compare.comparators[0])
    return tree


def _rebinds(ready: Ready, tree: Function) -> bool:
    """Whether a koan gives another value to a name that a prediction may use."""
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    usable = {k for k, v in vars(ready.module).items() if isinstance(v, ModuleType)}
    usable |= {"approx", "float", *(arg.arg for arg in tree.args.args)}
    return bool(stored & usable)


def _compared(ready: Ready, fill: str, names: Names, subject: Any) -> Report:
    answer = answer_to(ready, fill, names)
    if isinstance(answer, Verdict):
        return report(ready, answer, None)
    if _holds(ready, answer, names, subject):
        return report(ready, judge.judge(answer, None, ready.path), answer)
    return report(ready, judge.wrong(answer, subject), answer)


def _holds(ready: Ready, answer: Answer, names: Names, subject: Any) -> bool:
    """Compare as the koan's own assert does."""
    compare = judge.check_of(answer).test
    assert isinstance(compare, ast.Compare)
    left = ast.copy_location(ast.Name(SUBJECT, ast.Load()), compare.left)
    check = ast.Compare(left, compare.ops, compare.comparators)
    tree = ast.Expression(ast.copy_location(check, compare))
    code = compile(tree, ready.path, "eval", dont_inherit=True)
    namespace = {**vars(ready.module), **names, SUBJECT: subject}
    try:
        return bool(eval(code, namespace))
    except Exception:  # as under pytest: what can't be compared does not hold
        return False


# ----------------------------------------------------------------------- reports


def report(ready: Ready, verdict: Verdict, answer: Answer | None) -> Report:
    """A verdict as it travels: lines told by what stands in them, no addresses."""
    told = {**asdict(verdict), "kind": str(verdict.kind)}
    told["sentence"] = plain(_without_line(verdict, ready, answer))
    told["mistake"] = ""
    if answer and verdict.kind not in (Kind.PASSED, Kind.SKIPPED):
        told["mistake"] = judge.diagnosis(answer) or ""
    return {key: told[key] for key in ("kind", "sentence", "line", "wrote", "mistake")}


def plain(sentence: str) -> str:
    """A sentence that is the same in every run."""
    return ADDRESS.sub("0x...", sentence)


def _without_line(verdict: Verdict, ready: Ready, answer: Answer | None) -> str:
    """Its line is that of the koan as it was graded: quote what stands there."""
    if answer is None:
        return verdict.sentence
    lines = ready.koan.filled(answer.fill.text).split("\n")
    if not 0 < verdict.line <= len(lines):
        return verdict.sentence
    text = lines[verdict.line - 1].strip()
    quoted = f"`{text if len(text) <= 60 else text[:57] + '...'}`"
    pattern = re.compile(rf"\bline {verdict.line}\b", re.IGNORECASE)
    return pattern.sub(lambda _: quoted, verdict.sentence, count=1)
