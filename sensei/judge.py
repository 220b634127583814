"""Judging a koan: what its run says, and what is told about it.

``decide`` is the whole way from an attempt to its verdict. pytest, watch, grading
and the tests of a course ask here, so that what one of them passes, all pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sensei import beliefs, comparing, partial, predictions
from sensei.attempt import IN_THE_FILL, Arguments, Attempt
from sensei.diagnosis import diagnose
from sensei.running import SKIPS, Outcome, Raised, run
from sensei.verdicts import Kind, Verdict
from sensei.watchdog import Limits

LONGEST = 600  # characters of an exception's own message
NOT_RIGHT = (Kind.WRONG, Kind.FAILED, Kind.ERROR)


def decide(
    attempt: Attempt,
    arguments: Arguments,
    limits: Limits,
    function: Callable[..., object] | None = None,
) -> tuple[Verdict, Outcome | None]:
    """Run a koan, and judge what it did; the outcome is None where it did not run.

    Raises what ``running.run`` raises.
    """
    if refusal := refused(attempt, arguments):
        return refusal, None
    outcome = run(attempt, arguments, limits, function)
    return judge(outcome), outcome


def refused(attempt: Attempt, arguments: Arguments) -> Verdict | None:
    """The verdict on what is no prediction; None for one, and for code."""
    try:
        attempt.prediction(arguments)
    except predictions.Refused as refusal:
        sentence, line = str(refusal), attempt.fill.line
        return Verdict(Kind.REFUSED, sentence, line, attempt.wrote)
    return None


def judge(outcome: Outcome) -> Verdict:
    """What an outcome says of its attempt. The answer is not in the verdict."""
    verdict = replace(_judged(outcome), wrote=outcome.attempt.wrote)
    if verdict.kind is Kind.SKIPPED:
        return _skipped(outcome, verdict)
    is_code = not outcome.attempt.koan.note.is_prediction
    about_it = outcome.raised if is_code else None
    if verdict.kind is Kind.ERROR and not about_it or verdict.kind not in NOT_RIGHT:
        return verdict
    named = diagnose(outcome)
    tell = {Kind.ERROR: _of_error, Kind.WRONG: _of_prediction, Kind.FAILED: _of_code}
    return replace(tell[verdict.kind](outcome, verdict, named), mistake=named)


def _judged(outcome: Outcome) -> Verdict:
    """The kind of verdict, its line, and a sentence that holds of any koan."""
    attempt, raised = outcome.attempt, outcome.raised
    if outcome.skipped is not None:
        return Verdict(Kind.SKIPPED, outcome.skipped)
    failed = failing(outcome)
    is_code = not attempt.koan.note.is_prediction
    if raised and not (is_code and failed is not None):
        return Verdict(Kind.ERROR, _of_what_was_raised(outcome, raised), raised.line)
    if not raised and not outcome.complete:
        sentence = "The koan did not come to its last check, so nothing is shown yet."
        return Verdict(Kind.ERROR, sentence, attempt.function.lineno)
    if failed is None:
        return Verdict(Kind.PASSED, attempt.koan.note.because)
    line = attempt.forms[outcome.checks[failed].number].line
    if not is_code:
        return Verdict(Kind.WRONG, "That does not hold.", line)
    return Verdict(Kind.FAILED, "A check does not hold.", line)


def failing(outcome: Outcome) -> int | None:
    """Which of the checks of an outcome is the first that does not hold."""
    forms, is_code = outcome.attempt.forms, not outcome.attempt.koan.note.is_prediction
    for i, check in enumerate(outcome.checks):
        tolerance = forms[check.number].tolerance
        if not (
            check.holds
            if is_code
            else comparing.predicted(check.found, outcome.prediction, tolerance)
        ):
            return i
    return None


def _skipped(outcome: Outcome, verdict: Verdict) -> Verdict:
    """A skip counts only where the solution is skipped, too."""
    attempt = outcome.attempt
    koan = attempt.koan
    if koan.note.is_prediction or koan.solution is None:
        return verdict
    solution = attempt.work.example(koan, koan.solution.text)
    if run(solution, outcome.arguments, outcome.limits).skipped is not None:
        return verdict
    sentence = "What stands in the blank makes the koan skip itself: it is not done."
    return replace(verdict, kind=Kind.ERROR, sentence=sentence, line=attempt.fill.line)


# -------------------------------------------------------------- what was raised


def _of_what_was_raised(outcome: Outcome, raised: Raised) -> str:
    attempt, error, line = outcome.attempt, raised.error, raised.line
    where = attempt.quoted(line)
    kind = type(error).__name__
    if outcome.hung:
        seconds = outcome.limits.seconds
        return f"It did not end within {seconds:g} s; it was at {where}."
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


def _message(error: BaseException) -> str:
    """What an exception says, up to where it gets long: at the end of a sentence."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # one that can't say what it is
        return ""
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    return cut[: cut.rfind(". ") + 1] or f"{cut} ..."


# -------------------------------------------------------- what is told, and named


def _of_error(outcome: Outcome, verdict: Verdict, named: str) -> Verdict:
    raised = outcome.raised
    if not named or raised is None:
        return verdict
    if outcome.hung:
        return replace(verdict, sentence=f"{named} {verdict.sentence}")
    first = _message(raised.error).partition(". ")[0]
    what = ": ".join(filter(None, [type(raised.error).__name__, first]))
    return replace(verdict, sentence=f"{named} ({what})")


def _of_prediction(outcome: Outcome, verdict: Verdict, named: str) -> Verdict:
    """The diagnosis, a belief where there is none, and what holds entry by entry."""
    [form], [check] = outcome.attempt.forms, outcome.checks
    entries = partial.which_hold(check.found, outcome.prediction, form.tolerance)
    told = beliefs.told(outcome, in_part=not named)
    general = verdict.sentence if not entries else ""
    first = named or (told.sentence if told else general)
    sentence = " ".join(filter(None, [first, entries]))
    return replace(verdict, sentence=sentence, beliefs=told.says if told else ())


def _of_code(outcome: Outcome, verdict: Verdict, named: str) -> Verdict:
    """What the failing check found, beside what it expected."""
    place = failing(outcome)
    assert place is not None
    check = outcome.checks[place]
    form, note = outcome.attempt.forms[check.number], outcome.attempt.koan.note
    values = check.found, check.expected, form.tolerance
    table = partial.table(form.asks, *values, note.row, note.columns)
    if form.op not in ("", "=="):
        table = table.with_sign(form.op)
    return replace(verdict, sentence=named or verdict.sentence, table=table.pack())
