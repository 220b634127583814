"""Judging a koan: what its run says, and what is told about it.

``decide`` is the whole way from an attempt to its verdict. pytest, watch, grading
and the tests of a course ask here, so that what one of them passes, all pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sensei import comparing, partial, predictions
from sensei.attempt import IN_THE_FILL, Attempt
from sensei.diagnosis import diagnose
from sensei.running import SKIPS, Outcome, Raised, run
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Hang, Limits

LONGEST = 600  # characters of an exception's own message
Arguments = Mapping[str, Any]


def decide(
    attempt: Attempt,
    arguments: Arguments,
    limits: Limits,
    function: Callable[..., object] | None = None,
) -> tuple[Verdict, Outcome | None]:
    """Run a koan, and judge what it did; the outcome is None where it did not run.

    Raises what ``running.run`` raises.
    """
    try:
        prediction = predicted(attempt, arguments)
    except predictions.Refused as refusal:
        line = attempt.fill.line
        return Verdict(Kind.REFUSED, str(refusal), line, attempt.wrote), None
    outcome = run(attempt, arguments, limits, function)
    return judge(attempt, outcome, prediction, arguments, limits), outcome


def predicted(attempt: Attempt, arguments: Arguments) -> Any:
    """What was predicted, None for code; raises Refused."""
    if not attempt.koan.note.is_prediction:
        return None
    return attempt.prediction(arguments)


def judge(
    attempt: Attempt,
    outcome: Outcome,
    prediction: Any,
    arguments: Arguments,
    limits: Limits,
) -> Verdict:
    """What an outcome says of an attempt. The answer is not in the verdict."""
    verdict = _judged(attempt, outcome, prediction, limits)
    if verdict.kind is Kind.SKIPPED:
        return _skipped(attempt, verdict, arguments, limits)
    if verdict.kind not in (Kind.WRONG, Kind.FAILED, Kind.ERROR):
        return verdict
    is_code = not attempt.koan.note.is_prediction
    if verdict.kind is Kind.ERROR and not (is_code and outcome.raised):
        return verdict
    named = diagnose(attempt, outcome, prediction, arguments, limits)
    return _with_diagnosis(attempt, outcome, prediction, verdict, named)


def _judged(
    attempt: Attempt, outcome: Outcome, prediction: Any, limits: Limits
) -> Verdict:
    """The kind of verdict, its line, and a sentence that holds of any koan."""
    wrote = attempt.wrote
    if outcome.skipped is not None:
        return Verdict(Kind.SKIPPED, outcome.skipped, wrote=wrote)
    failed = failing(attempt, outcome, prediction)
    is_code = not attempt.koan.note.is_prediction
    if outcome.raised and not (is_code and failed is not None):
        sentence = _of_what_was_raised(attempt, outcome.raised, limits)
        return Verdict(Kind.ERROR, sentence, outcome.raised.line, wrote)
    if not outcome.raised and not outcome.came_to_its_end(attempt):
        sentence = "The koan did not come to its last check, so nothing is shown yet."
        return Verdict(Kind.ERROR, sentence, attempt.function.lineno, wrote)
    if failed is None:
        return Verdict(Kind.PASSED, attempt.koan.note.because, wrote=wrote)
    line = attempt.forms[outcome.checks[failed].number].line
    if not is_code:
        return Verdict(Kind.WRONG, "That does not hold.", line, wrote)
    return Verdict(Kind.FAILED, "A check does not hold.", line, wrote)


def failing(attempt: Attempt, outcome: Outcome, prediction: Any) -> int | None:
    """Which of the checks of an outcome is the first that does not hold."""
    for i, check in enumerate(outcome.checks):
        if attempt.koan.note.is_prediction:
            tolerance = attempt.forms[check.number].tolerance
            holds = comparing.predicted(check.found, prediction, tolerance)
        else:
            holds = check.holds
        if not holds:
            return i
    return None


def _of_what_was_raised(attempt: Attempt, raised: Raised, limits: Limits) -> str:
    error, line = raised.error, raised.line
    where = attempt.quoted(line)
    kind = type(error).__name__
    if isinstance(error, Hang):
        return f"It did not end within {limits.seconds:g} s; it was at {where}."
    if isinstance(error, SKIPS):
        return "A fill can't skip a koan: it is not done."
    if not isinstance(error, Exception | pytest.fail.Exception):
        return f"A fill can't end the run, as {kind} does."
    if attempt.koan.note.is_prediction:
        form = attempt.forms[0].statement if attempt.forms else None
        asked = form and form.lineno <= line <= (form.end_lineno or line)
        when = "in what is asked about" if asked else "before the prediction"
        return f"{where} raises {kind}, {when}."
    is_in_fill = raised.place == IN_THE_FILL
    if is_in_fill and isinstance(error, AssertionError) and _is_own(error, attempt):
        return f"Your own {where} does not hold."
    message = _message(error)
    return f"{where} raises {kind}: {message}" if message else f"{where} raises {kind}."


def _is_own(error: AssertionError, attempt: Attempt) -> bool:
    """Raised by an assert of the fill, and not inside a library that it called."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename == attempt.filename


def said_by(error: BaseException) -> str:
    """The text of an exception, which may fail at that."""
    try:
        return str(error)
    except Exception:
        return ""


def _message(error: BaseException) -> str:
    """What an exception says, up to where it gets long: at the end of a sentence."""
    text = " ".join(said_by(error).split())
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    return cut[: cut.rfind(". ") + 1] or f"{cut} ..."


def _skipped(
    attempt: Attempt, verdict: Verdict, arguments: Arguments, limits: Limits
) -> Verdict:
    """A skip counts only where the solution is skipped, too."""
    koan = attempt.koan
    if koan.note.is_prediction or koan.solution is None:
        return verdict
    solution = attempt.work.example(koan, koan.solution.text)
    if run(solution, arguments, limits).skipped is not None:
        return verdict
    sentence = "What stands in the blank makes the koan skip itself: it is not done."
    return replace(verdict, kind=Kind.ERROR, sentence=sentence, line=attempt.fill.line)


def _with_diagnosis(
    attempt: Attempt,
    outcome: Outcome,
    prediction: Any,
    verdict: Verdict,
    named: str | None,
) -> Verdict:
    """The verdict with its diagnosis, and with what may be said entry by entry."""
    if verdict.kind is Kind.ERROR:
        if named and outcome.raised:
            error = outcome.raised.error
            if isinstance(error, Hang):
                return replace(verdict, sentence=f"{named} {verdict.sentence}")
            first = _message(error).partition(". ")[0]
            raised = ": ".join(filter(None, [type(error).__name__, first]))
            return replace(verdict, sentence=f"{named} ({raised})")
        return verdict
    place = failing(attempt, outcome, prediction)
    assert place is not None
    check = outcome.checks[place]
    form = attempt.forms[check.number]
    if verdict.kind is Kind.WRONG:
        entries = partial.which_hold(check.found, prediction, form.tolerance)
        general = verdict.sentence if not entries else ""
        sentence = " ".join(filter(None, [named or general, entries]))
        return replace(verdict, sentence=sentence)
    note = attempt.koan.note
    values = check.found, check.expected, form.tolerance
    table = partial.table(form.asks, *values, note.row, note.columns)
    return replace(verdict, sentence=named or verdict.sentence, table=table.pack())
