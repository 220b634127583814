"""Judging one koan: may its fill be run, and what does the run say?

Pure decisions over a lesson, a fill and an exception. pytest and the grader
both ask here, so that they can't disagree.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from sensei import blanks, predictions
from sensei.blanks import Fill, Function, Unreadable
from sensei.entries import which_hold
from sensei.lesson import Lesson, NotAsGiven, text_of
from sensei.notes import Note, NotesError
from sensei.verdicts import Kind, Verdict


@dataclass(frozen=True)
class Answer:
    """A filled koan that may be run.

    ``value`` is what a prediction comes to (None for code), ``wrote`` the fill as
    the learner wrote it.
    """

    note: Note
    function: Function
    fill: Fill
    value: Any = None
    wrote: str = ""


def prepare(lesson: Lesson, name: str, names: Mapping[str, object]) -> Answer | Verdict:
    """Look at a koan before it runs: an answer that may be run, or a verdict.

    ``names`` are those that a prediction may use (see ``predictions``).
    """
    note = lesson.notes.koans[name]
    try:
        if line := lesson.blank_line(name):
            return Verdict(Kind.BLANK, _blank_sentence(note), line)
        function, fill = lesson.function(name), lesson.fill(name)
    except Unreadable as fault:
        return Verdict(Kind.ERROR, unreadable(fault), fault.line or 1)
    except NotAsGiven as change:
        said = _forgotten_brackets(lesson, name) or not_as_given(change, name)
        return Verdict(Kind.ERROR, said, change.line)
    value, wrote = None, shortened(text_of(lesson.source.decoded, fill))
    if note.is_prediction:
        try:
            value = predictions.evaluate(fill.nodes[0], names)  # type: ignore[arg-type]
        except predictions.Refused as refusal:
            return Verdict(Kind.REFUSED, str(refusal), fill.line, wrote)
    return Answer(note, function, fill, value, wrote)


def _blank_sentence(note: Note) -> str:
    if note.is_prediction:
        return "put what you expect in place of __"
    return "put your code in place of __"


def unreadable(fault: Unreadable, source: str = "") -> str:
    """The sentence for a file that can't be read; ``source`` is its text, if any."""
    said = f"Python can't read this file: {fault.reason}."
    lines = source.split("\n")
    line = lines[fault.line - 1] if fault.line and fault.line <= len(lines) else ""
    if line.lstrip().startswith("assert ") and "," in line and "[" not in line[-40:]:
        said += " Several values need brackets round them: [..., ...]."
    return said


def _forgotten_brackets(lesson: Lesson, name: str) -> str:
    """What to say of `assert x == 1, 2` and `approx(1, 2)`: the commonest slip."""
    if not lesson.notes.koans[name].is_prediction or name not in lesson.source.koans:
        return ""
    for node in ast.walk(lesson.source.koans[name][0]):
        match node:
            case ast.Assert(
                test=ast.Compare(comparators=[first]), msg=ast.expr() as more
            ):
                values = [first, more]
            case ast.Assert(
                test=ast.Compare(
                    comparators=[ast.Call(func=ast.Name("approx"), args=values)]
                )
            ) if len(values) > 1:
                pass
            case _:
                continue
        written = ", ".join(map(ast.unparse, values))
        return f"The blank stands for one thing. Put several in brackets: [{written}]."
    return ""


def not_as_given(change: NotAsGiven, name: str) -> str:
    """The sentence for a koan that was changed, and how to get it back."""
    if not change.in_koan:
        return (
            f"The lesson around its koans is not as it was given: {change.reason}. "
            f"Only blanks are for changing; undo that line (git diff shows it)."
        )
    return (
        f"This koan is not as it was given: {change.reason}. "
        f"`sensei reset {name}` puts it back, and git has it, too."
    )


# --------------------------------------------------------------- after a run


def judge(answer: Answer, error: BaseException | None, path: str) -> Verdict:
    """What the run of an answer says; ``error`` is what it raised, if anything.

    ``path`` is the file that ran. The answer to a prediction is not in the
    verdict.
    """
    if error is None:
        return Verdict(Kind.PASSED, answer.note.because, wrote=answer.wrote)
    places = _places(error, path)
    line = places[-1][1] if places else answer.function.lineno
    if answer.note.is_prediction:
        return _judge_prediction(answer, error, places, line)
    return _judge_code(answer, error, path, line)


def actual(answer: Answer, error: BaseException, path: str) -> Any:
    """The right value of a wrong prediction: what stands left of its ``==``.

    It is worked out once more in the frame where the check did not hold.
    """
    return _subject_in(answer, _places(error, path)[-1][0])


def _judge_prediction(
    answer: Answer,
    error: BaseException,
    places: Sequence[tuple[FrameType, int]],
    line: int,
) -> Verdict:
    check = check_of(answer)
    if not check.lineno <= line <= (check.end_lineno or line):
        sentence = f"{type(error).__name__} at line {line}, before the prediction."
        return Verdict(Kind.ERROR, sentence, line, answer.wrote)
    try:
        right = _subject_in(answer, places[-1][0])
    except Exception:  # what was asked about can't be had, whatever was written
        sentence = f"{type(error).__name__} at line {line}, in what is asked about."
        return Verdict(Kind.ERROR, sentence, line, answer.wrote)
    return wrong(answer, right)


def wrong(answer: Answer, right: Any) -> Verdict:
    """The verdict on a prediction that does not hold, where ``right`` would have."""
    said = diagnosis(answer) or "That does not hold."
    sentence = " ".join(filter(None, [said, _which_hold(answer, right)]))
    return Verdict(Kind.WRONG, sentence, check_of(answer).lineno, answer.wrote)


def _judge_code(answer: Answer, error: BaseException, path: str, line: int) -> Verdict:
    named = diagnosis(answer)
    said = shortened(next(iter(str(error).strip().splitlines()), ""))
    if _own_assert(answer, error, path):
        found = said.removeprefix("assert ")
        check = f"The check at line {line} does not hold"
        sentence = named or (f"{check}: {found}" if found else f"{check}.")
        return Verdict(Kind.FAILED, sentence, line, answer.wrote)
    kind = type(error).__name__
    what = f"{kind}: {said}" if said else kind
    sentence = f"{named} ({what})" if named else f"Line {line} raises {what}"
    return Verdict(Kind.ERROR, sentence, line, answer.wrote)


def _own_assert(answer: Answer, error: BaseException, path: str) -> bool:
    """Raised by an assert of the koan, not by one inside a library or the fill."""
    if not isinstance(error, AssertionError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return bool(
        last
        and last[0].filename == path
        and not answer.fill.holds_line(last[0].lineno or 0)
    )


def diagnosis(answer: Answer) -> str | None:
    """What the notes say to exactly this fill; None for a mistake without a name.

    Raises NotesError for notes that can't be read.
    """
    fill = _worked_out(answer) if answer.note.is_prediction else answer.fill
    for mistake in answer.note.mistakes:
        try:
            if blanks.alike(mistake.fill, fill):
                return mistake.says
        except Unreadable as fault:
            place = f"[{answer.note.name}]: `{mistake.fill}`"
            raise NotesError(f"{place} is not Python: {fault.reason}") from None
    return None


def _worked_out(answer: Answer) -> Fill:
    """What a prediction comes to, as a fill: 0.5 + 1 is the same mistake as 1.5."""
    try:
        text = predictions.as_text(answer.value)
        return Fill((ast.parse(text, mode="eval").body,))
    except SyntaxError:  # the attribute of a module, such as a class
        return answer.fill


def _places(error: BaseException, path: str) -> list[tuple[FrameType, int]]:
    """The frames of a traceback that lie in one file, with their lines."""
    return [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == path
    ]


# ---------------------------------------------------- the check of a prediction


def check_of(answer: Answer) -> ast.Assert:
    """The assert that a prediction stands in."""
    return next(
        node
        for node in ast.walk(answer.function)
        if isinstance(node, ast.Assert)
        and any(inner is answer.fill.nodes[0] for inner in ast.walk(node))
    )


def _subject_in(answer: Answer, frame: FrameType) -> Any:
    compare = check_of(answer).test
    assert isinstance(compare, ast.Compare)
    code = compile(ast.Expression(compare.left), "<subject>", "eval")
    # As globals, both: what a comprehension looks up skips a frame's locals.
    return eval(code, {**frame.f_globals, **frame.f_locals})


def _which_hold(answer: Answer, right: Any) -> str:
    if is_approximate(answer):
        return which_hold(right, answer.value, pytest.approx)
    return which_hold(right, answer.value)


def is_approximate(answer: Answer) -> bool:
    """Whether a prediction is compared give or take the last digits."""
    compare = check_of(answer).test
    assert isinstance(compare, ast.Compare)
    return isinstance(compare.comparators[0], ast.Call)


def shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
