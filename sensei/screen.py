"""The learner's screen: where they are on the path, and what comes next.

``lines`` is a pure function of a path and a request; ``show`` writes what it
gives through pytest's terminal reporter.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from pytest import TerminalReporter

from sensei import timeline
from sensei.notes import HINTS
from sensei.path import Path, Step, Stretch
from sensei.verdicts import Kind, Verdict

WIDEST = 80
WIDEST_PICTURE = 120
NARROWEST = 40
MARGIN = 9  # where text begins, behind its label
TITLE = 28  # columns of a lesson's number and title
SHORTEST_TITLE = 11
WITHOUT_TITLE = 35  # columns of the bar, the count and "you are here"
BAR = 12  # the longest bar of a lesson
FEWER = str.maketrans("█▒░─→←…·", "#+.-><.-")

COLOURS = {
    Kind.BLANK: ("yellow",),
    Kind.PASSED: ("green",),
    Kind.SKIPPED: ("yellow",),
}


@dataclass(frozen=True)
class Request:
    """What to show: tiers of hints, the answer; the devices; how wide it may be.

    ``command`` is what started the run, without the hints and the answer; "" in
    ``sensei watch``, where a letter does it.
    """

    hints: int = 0
    reveal: bool = False
    devices: tuple[str, ...] = ()
    columns: int = 80
    command: str = "pytest"


@dataclass(frozen=True)
class Span:
    """A piece of a line, and its colours (pytest's names for them)."""

    text: str
    markup: tuple[str, ...] = ()


Line = tuple[Span, ...]


def show(screen: list[Line], reporter: TerminalReporter) -> None:
    """Write lines to the terminal, in ASCII where it has no more than that."""
    encoding = getattr(reporter._tw._file, "encoding", None) or "utf-8"
    for line in screen:
        for span in line:
            text = _writable(span.text, encoding)
            reporter.write(text, **dict.fromkeys(span.markup, True))
        reporter.write("\n")


def _writable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeError:
        text = text.translate(FEWER).encode(encoding, "replace").decode(encoding)
    return text


def lines(path: Path, request: Request) -> list[Line]:
    """The whole screen: prose in 80 columns at most, pictures in all there are."""
    width = max(NARROWEST, min(request.columns - 1, WIDEST))
    return [line for block in _blocks(path, request, width) for line in ((), *block)]


def _blocks(path: Path, request: Request, width: int) -> Iterator[list[Line]]:
    yield _board(path, request, width)
    if path.last_solved:
        # The reason belongs to the moment when it turned green.
        at_work = path.next and path.next.verdict and path.next.verdict.wrote
        yield list(_solved(path.last_solved, width, with_reason=not at_work))
    if path.just_done:
        yield list(_lesson_done(path.just_done, width))
    if path.next is None:
        yield list(_ending(path, width))
        return
    yield list(_next(path, path.next, request, width))


# ------------------------------------------------------------------- the board


def _board(path: Path, request: Request, width: int) -> list[Line]:
    here = path.next
    title = path.part.replace("_", " ") or "the path"
    rows = [
        _row(stretch, stretch.files == (here and here.files), width)
        for stretch in path.stretches
    ]
    return [(Span(f" {title}", ("bold",)),), *rows, *_totals(path, request, width)]


def _row(stretch: Stretch, here: bool, width: int) -> Line:
    total, solved = len(stretch.steps), stretch.solved
    title = max(SHORTEST_TITLE, min(TITLE, width - WITHOUT_TITLE))
    name = f"  {stretch.files.number} {stretch.files.title}"
    count = f"{solved}/{total}"
    mark = ("bold",) if here else ("green",) if stretch.complete else ()
    you = " ← you are here" if here else ""
    return (
        Span(f"{name:<{title}.{title}}", mark),
        Span(f"{_bar(stretch):<{BAR}}", ("green",) if solved else ()),
        Span(f" {count:>5}{you}", mark),
    )


def _bar(stretch: Stretch) -> str:
    """A cell a koan: solved, filled in but not run, or still to come."""
    cells = [
        "█" if step.solved else "▒" if step.verdict is None and step.filled else "░"
        for step in stretch.steps
    ]
    return "".join(cells[:BAR])


def _totals(path: Path, request: Request, width: int) -> Iterator[Line]:
    solved = sum(step.solved for step in path.steps)
    devices = f", on {' and '.join(request.devices)}" if request.devices else ""
    yield (Span(f"  {solved} of {len(path.steps)} koans solved{devices}"),)
    if path.partial:
        ran = sum(step.verdict is not None for step in path.steps)
        yield (Span(f"  only {ran} of them {'was' if ran == 1 else 'were'} run"),)
    unrun = sum(step.verdict is None and step.filled for step in path.steps)
    if unrun:
        text = f"{unrun} more filled in (▒), not run this time"
        yield (Span(f"  {text}"),)
    for step in path.steps:
        if step.skipped and step.verdict:
            yield from _text(
                "", f"not run here: {step.name}: {step.verdict.sentence}", width
            )


# -------------------------------------------------------------- what was solved


def _solved(step: Step, width: int, with_reason: bool) -> Iterator[Line]:
    yield _labelled("solved", step.name, ("green",))
    if step.verdict and with_reason:
        yield from _text("", step.verdict.sentence, width)


def _lesson_done(stretch: Stretch, width: int) -> Iterator[Line]:
    if stretch.lesson is None:
        return
    notes, files = stretch.lesson.notes, stretch.files
    yield _labelled("done", f"lesson {files.number}, {files.title}", ("green", "bold"))
    yield from _text("", f"In your own words: {notes.say}", width, ("bold",))
    yield from _text("", notes.learned, width)
    yield from _text("", notes.caught, width)
    yield _labelled("", notes.link)


def _ending(path: Path, width: int) -> Iterator[Line]:
    if not path.complete:
        text = "What you ran is solved. Run pytest for the whole path."
        yield from _text("", text, width)
        return
    course = path.stretches[0].files.course
    yield _labelled("", "You have reached the end of the path.", ("green", "bold"))
    if course.ending and course.ending.exists() and not path.part:
        for paragraph in course.ending.read_text("utf-8").split("\n\n"):
            yield ()
            yield from _paragraph(paragraph, width)


def _paragraph(paragraph: str, width: int) -> Iterator[Line]:
    """Prose is wrapped; indented lines stay as they are."""
    if paragraph.startswith(" "):
        yield from (_labelled("", line) for line in paragraph.rstrip().splitlines())
    else:
        yield from _text("", paragraph, width)


# --------------------------------------------------------------- what comes next


def _next(path: Path, step: Step, request: Request, width: int) -> Iterator[Line]:
    stretch = path.stretch_of(step)
    verdict = step.verdict or Verdict(Kind.BLANK, "not run yet; run pytest")
    yield _labelled("next", step.name, ("bold",))
    line = verdict.line or (stretch.lesson.line(step.name) if stretch.lesson else 1)
    yield _labelled("", f"{step.files.relative}:{line}")
    yield from _question(stretch, step, width)
    yield ()
    yield from _verdict(verdict, width)
    yield from _help(path, step, verdict, request, width)


def _question(stretch: Stretch, step: Step, width: int) -> Iterator[Line]:
    lesson = stretch.lesson
    if lesson is None or step.name not in lesson.notes.koans:
        return
    if step.name in lesson.readable_koans:
        yield from _text("", lesson.source.question(step.name), width)
    yield ()
    for line in lesson.notes.koans[step.name].asks.strip().splitlines():
        yield from _code(line, width)


def _code(line: str, width: int) -> Iterator[Line]:
    """A line of code, folded only where the terminal is too narrow for it."""
    indent = " " * (4 + len(line) - len(line.lstrip()))
    folded = textwrap.wrap(
        line.strip(),
        width - MARGIN,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (_labelled("", part, ("cyan",)) for part in folded)


def _verdict(verdict: Verdict, width: int) -> Iterator[Line]:
    colour = COLOURS.get(verdict.kind, ("red",))
    label = verdict.kind.value
    if verdict.wrote:
        first, *more = verdict.wrote.splitlines()
        yield _labelled(label, f"you wrote: {first}", colour)
        yield from (_labelled("", f"           {line}") for line in more)
        label = ""
    yield from _text(label, verdict.sentence, width, colour if label else ())


def _help(
    path: Path, step: Step, verdict: Verdict, request: Request, width: int
) -> Iterator[Line]:
    stretch = path.stretch_of(step)
    note = stretch.lesson.notes.koans.get(step.name) if stretch.lesson else None
    if note is None:
        return
    for number, hint in enumerate(note.hints[: request.hints], 1):
        yield from _text(f"hint {number}", hint, width, ("cyan",))
    if request.reveal:
        yield from _revealed(stretch, verdict, request, width)
    elif verdict.story:
        yield from _story(stretch, verdict, request, width)
    if request.hints:
        yield _labelled("see", note.link)
    yield ()
    for command, what in _offers(path, step, verdict, request):
        if MARGIN + 27 + len(what) <= width:
            yield _labelled("", f"{command:<26} {what}")
        else:
            yield _labelled("", command)
            yield from _text("", what, width)


def _offers(
    path: Path, step: Step, verdict: Verdict, request: Request
) -> Iterator[tuple[str, str]]:
    """Commands that help from here, and what each is for."""
    if request.hints < HINTS:
        again = " --hint" * (request.hints + 1)
        what = "one hint more" if request.hints else "a hint"
        yield f"{request.command}{again}" if request.command else "h", what
    if verdict.kind is Kind.WRONG and not request.reveal:
        answer = f"{request.command} --reveal" if request.command else "r"
        yield answer, "the answer, and how it came about"
    here = [stretch.files for stretch in path.stretches].index(step.files)
    others = [*path.stretches[here + 1 :], *path.stretches[:here]]
    other = next((stretch.files for stretch in others if not stretch.complete), None)
    if request.hints >= HINTS and other and request.command:
        folder = f"{other.path.parent.relative_to(other.course.root).as_posix()} "
        where = folder if other.part else ""
        yield f"pytest {where}-k test_{other.number}", "another lesson meanwhile"


def _revealed(
    stretch: Stretch, verdict: Verdict, request: Request, width: int
) -> Iterator[Line]:
    if verdict.kind is Kind.WRONG:
        yield ()
        yield _labelled("answer", verdict.answer, ("green",))
        yield from _story(stretch, verdict, request, width)
    elif verdict.story:
        text = "Code has more than one right answer; this is what yours did."
        yield from _text("reveal", text, width, ("yellow",))
        yield from _story(stretch, verdict, request, width)
    else:
        text = "Write a guess first: an answer sticks when it meets one."
        yield from _text("reveal", text, width, ("yellow",))


def _story(
    stretch: Stretch, verdict: Verdict, request: Request, width: int
) -> Iterator[Line]:
    if not verdict.story or stretch.lesson is None:
        return
    events, misses = timeline.unpack(verdict.story)
    source = stretch.lesson.source.decoded.split("\n")
    yield ()
    room = max(NARROWEST, min(request.columns - 1, WIDEST_PICTURE)) - MARGIN
    rows = timeline.draw(events, source, room)
    for label, row in zip(["story"] + [""] * len(rows), rows, strict=False):
        yield _labelled(label, row)
    for remark in timeline.remarks(events, misses):
        yield from _text("", remark, width)


# ------------------------------------------------------------------------ lines


def _labelled(label: str, text: str, markup: tuple[str, ...] = ()) -> Line:
    return Span(f" {label:<{MARGIN - 1}}", markup), Span(
        text, markup if not label else ()
    )


def _text(
    label: str, text: str, width: int, markup: tuple[str, ...] = ()
) -> Iterator[Line]:
    """Prose, wrapped behind its label."""
    folded = textwrap.wrap(
        " ".join(text.split()),
        width - MARGIN,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in folded:
        yield _labelled(label, line, markup)
        label = ""
