"""Judging one koan: may its fill be run, and what does the run say?

Pure decisions over a lesson, a fill and an exception. pytest and the grader
both ask here, so that they can't disagree.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from sensei import blanks, predictions
from sensei.blanks import Fill, Function, Unreadable
from sensei.lesson import Lesson, NotAsGiven
from sensei.notes import Note
from sensei.verdicts import Kind, Verdict


@dataclass(frozen=True)
class Answer:
    """A filled koan that may be run.

    ``value`` is what a prediction comes to (None for code).
    """

    note: Note
    function: Function
    fill: Fill
    value: Any = None

    @property
    def wrote(self) -> str:
        return shortened(self.fill.text)


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
        return Verdict(Kind.ERROR, not_as_given(change, name), change.line)
    value = None
    if note.is_prediction:
        try:
            value = predictions.evaluate(fill.nodes[0], names)  # type: ignore[arg-type]
        except predictions.Refused as refusal:
            wrote = shortened(fill.text)
            return Verdict(Kind.REFUSED, str(refusal), fill.line, wrote)
    return Answer(note, function, fill, value)


def _blank_sentence(note: Note) -> str:
    if note.is_prediction:
        return "put what you expect in place of __"
    return "put your code in place of __"


def unreadable(fault: Unreadable) -> str:
    return f"Python can't read this file: {fault.reason}."


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
    failed = _own_assert(answer, error, path)
    if failed:
        sentence = named or f"The check at line {line} does not hold."
    else:
        said = next(iter(str(error).strip().splitlines()), "")
        what = (
            f"{type(error).__name__}: {shortened(said)}"
            if said
            else type(error).__name__
        )
        sentence = f"{named} ({what})" if named else f"Line {line} raises {what}"
    kind = Kind.FAILED if failed else Kind.ERROR
    return Verdict(kind, sentence, line, answer.wrote)


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
    """What the notes say to exactly this fill; None for a mistake without a name."""
    fill = _worked_out(answer) if answer.note.is_prediction else answer.fill
    for mistake in answer.note.mistakes:
        if blanks.alike(mistake.fill, fill):
            return mistake.says
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


def _which_hold(answer: Answer, actual: Any) -> str:
    """Which entries of a wrong prediction hold; of truth values only how many."""
    compare = check_of(answer).test
    assert isinstance(compare, ast.Compare)
    is_approx = isinstance(compare.comparators[0], ast.Call)
    return which_hold(actual, answer.value, pytest.approx if is_approx else _same)


def _same(value: Any) -> Any:
    return value


def which_hold(actual: Any, wrote: Any, around: Callable[[Any], Any] = _same) -> str:
    """A sentence on the entries of a wrong prediction that hold, without answers.

    ``around`` widens what was written (``pytest.approx``) before it is compared.
    """
    if isinstance(actual, dict):
        return _which_keys(actual, wrote, around)
    if not isinstance(actual, list | tuple):
        return ""
    kind = "list" if isinstance(actual, list) else "tuple"
    if not isinstance(wrote, list | tuple):
        return f"A {kind} is asked for."
    if len(wrote) != len(actual):
        entries = "1 entry" if len(wrote) == 1 else f"{len(wrote)} entries"
        return f"Yours has {entries}; that is not how many there are."
    holds = [_holds(a, w, around) for a, w in zip(actual, wrote, strict=True)]
    if all(holds):
        return f"Every entry holds, but a {kind} is asked for: {'[…]' if kind == 'list' else '(…)'}."
    return _told(actual, [str(i) for i in range(1, len(holds) + 1)], holds)


def _which_keys(
    actual: dict[Any, Any], wrote: Any, around: Callable[[Any], Any]
) -> str:
    if not isinstance(wrote, dict):
        return "A dict is asked for."
    if actual.keys() != wrote.keys():
        return "The keys are not those that the koan has."
    holds = [_holds(actual[key], wrote[key], around) for key in actual]
    return _told(list(actual.values()), [f'"{key}"' for key in actual], holds)


def _holds(actual: Any, wrote: Any, around: Callable[[Any], Any]) -> bool:
    try:
        return bool(actual == around(wrote))
    except Exception:  # such as approx of a text
        return False


def _told(actual: Sequence[Any], names: list[str], holds: list[bool]) -> str:
    """Which entries of numbers hold; of anything that can be guessed, how many."""
    guessable = all(isinstance(entry, bool | str) for entry in actual)
    right = [name for name, held in zip(names, holds, strict=True) if held]
    if guessable:
        return f"{len(right)} of the {len(holds)} entries hold."
    wrong = [name for name, held in zip(names, holds, strict=True) if not held]
    if not right:
        return "None of the entries holds." if len(holds) > 1 else ""
    return f"{_entries(right)} {'holds' if len(right) == 1 else 'hold'}; {_and(wrong)} {'does' if len(wrong) == 1 else 'do'} not."


def _entries(names: list[str]) -> str:
    return f"Entry {names[0]}" if len(names) == 1 else f"Entries {_and(names)}"


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
