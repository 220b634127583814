"""The learner's screen: what became of the koan they are at, then how far they are.

``lines`` is a pure function of a run's progress and a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sensei import chart, timeline
from sensei.notes import HINTS
from sensei.partial import Row, Table
from sensei.progress import Progress, Step, Stretch
from sensei.review import PART
from sensei.text import MARGIN, Line, Span, code, labelled, prose
from sensei.verdicts import Kind, Verdict

WIDEST = 80
WIDEST_PICTURE = 120
NARROWEST = 40
TITLE = 28  # columns of a lesson's number and title
SHORTEST_TITLE = 11
WITHOUT_TITLE = 36  # columns of the bar, the count and "you are here"
BAR = 13  # the longest bar of a lesson
COUNT = 6
HERE = " ← you are here"
MOST_WRITTEN = 4  # lines of the learner's own code
MOST_ROWS = 8  # of a check's table
STORY_ROWS = 10
FEWEST_STORY_ROWS = 3
REVEALED_ROWS = 24
LONGEST = 40  # lines of the screen of a koan that is being tried
COMMAND = 26  # columns of an offered command
BEFORE = 2  # rows above the first that differs


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
    story_rows: int = STORY_ROWS

    @property
    def width(self) -> int:
        return max(NARROWEST, min(self.columns - 1, WIDEST))

    @property
    def picture_width(self) -> int:
        return max(NARROWEST, min(self.columns - 1, WIDEST_PICTURE))


def lines(progress: Progress, request: Request) -> list[Line]:
    """The whole screen: prose in 80 columns at most, pictures in all there are.

    The story gets the lines that are left.
    """
    without = _laid_out(progress, replace(request, story_rows=0))
    room = LONGEST - len(without) - 2
    rows = max(FEWEST_STORY_ROWS, min(STORY_ROWS, room))
    if request.reveal or request.hints:  # who asks for more is not shown less
        rows = REVEALED_ROWS if request.reveal else STORY_ROWS
    return _laid_out(progress, replace(request, story_rows=rows))


def nothing(width: int) -> list[Line]:
    """What a run has to say in which there was no koan."""
    text = (
        "There is no koan in what you ran. Run pytest in the folder of the course, "
        "or name a koan: `sensei list` has them all."
    )
    return [(), *prose("", text, width)]


def _laid_out(progress: Progress, request: Request) -> list[Line]:
    return [
        line for block in _blocks(progress, request) if block for line in ((), *block)
    ]


def _blocks(progress: Progress, request: Request) -> Iterator[list[Line]]:
    here, width = progress.next, request.width
    if here is None or not here.tried:
        # A reason, and what a lesson was about, belong to the moment of success.
        if progress.last_solved:
            yield list(_solved(progress.last_solved, width))
        if progress.just_done:
            yield list(_lesson_done(progress.just_done, width))
    if here:
        yield list(_next(progress, here, request))
        yield list(_offered(progress, here, request))
    if here and here.tried:
        yield list(_short_board(progress, here, request))
        return
    yield list(board(progress, request))
    if here is None:
        yield list(_ending(progress, width))


# ------------------------------------------------------------------- the board


def board(progress: Progress, request: Request) -> Iterator[Line]:
    """Every lesson, and how much of it is solved."""
    title = progress.part.replace("_", " ") or "the path"
    yield (Span(f" {title}", ("bold",)),)
    here = progress.next
    for stretch in progress.stretches:
        yield _row(stretch, bool(here and stretch.lesson is here.lesson), request.width)
    yield from _totals(progress, request)


def _short_board(progress: Progress, here: Step, request: Request) -> Iterator[Line]:
    """One lesson: whoever tries again and again has seen the others."""
    yield _row(progress.stretch_of(here), True, request.width)
    yield from _totals(progress, request)


def _row(stretch: Stretch, here: bool, width: int) -> Line:
    total, solved = len(stretch.steps), stretch.solved
    title = max(SHORTEST_TITLE, min(TITLE, width - WITHOUT_TITLE))
    name = f"  {stretch.lesson.number} {stretch.lesson.title}"
    mark = ("bold",) if here else ("green",) if stretch.complete else ()
    room = width - title - BAR - COUNT
    you = (HERE if len(HERE) <= room else HERE[:2]) if here else ""
    return (
        Span(f"{name:<{title}.{title - 1}}", mark),
        Span(f"{_bar(stretch):<{BAR}}", ("green",) if solved else ()),
        Span(f"{f'{solved}/{total}':>{COUNT}}{you}", mark),
    )


def _bar(stretch: Stretch) -> str:
    """A cell a koan: solved, filled in but not run, or still to come."""
    cells = [
        "█" if step.solved else "▒" if step.verdict is None and step.filled else "░"
        for step in stretch.steps
    ]
    return "".join(cells[:BAR])


def _totals(progress: Progress, request: Request) -> Iterator[Line]:
    steps = progress.steps
    if not any(step.verdict for step in steps):
        filled = sum(step.filled for step in steps)
        said = f"  {filled} of {len(steps)} koans filled in; pytest says what holds"
        yield (Span(said),)
        return
    solved = sum(step.solved for step in steps)
    devices = f", on {' and '.join(request.devices)}" if request.devices else ""
    yield (Span(f"  {solved} of {len(steps)} koans solved{devices}"),)
    if progress.partial:
        ran = sum(step.verdict is not None for step in steps)
        yield (Span(f"  only {ran} of them {'was' if ran == 1 else 'were'} run"),)
    unrun = sum(step.verdict is None and step.filled for step in steps)
    if unrun:
        yield (Span(f"  {unrun} more filled in (▒), not run this time"),)
    for step in steps:
        if step.skipped and step.verdict:
            reason = f"not run here: {step.name}: {step.verdict.sentence}"
            yield from prose("", reason, request.width)


# -------------------------------------------------------------- what was solved


def _solved(step: Step, width: int) -> Iterator[Line]:
    yield labelled("solved", step.name, ("green",))
    if step.verdict:
        yield from prose("", step.verdict.sentence, width)


def _lesson_done(stretch: Stretch, width: int) -> Iterator[Line]:
    notes, lesson = stretch.lesson.notes, stretch.lesson
    title = f"lesson {lesson.number}, {lesson.title}"
    yield labelled("done", title, ("green", "bold"))
    yield from prose("", f"In your own words: {notes.say}", width, ("bold",))
    yield from prose("", notes.learned, width)
    yield from prose("", notes.caught, width)
    yield labelled("", notes.link)


def _ending(progress: Progress, width: int) -> Iterator[Line]:
    if not progress.complete:
        text = "What you ran is solved. Run pytest for the whole path."
        yield from prose("", text, width)
        return
    end = "You have reached the end of the path."
    if progress.part == PART:
        end = "You have done them all. `sensei review` brings other numbers."
    yield labelled("", end, ("green", "bold"))
    ending = progress.stretches[0].lesson.course.ending
    if ending and ending.exists() and not progress.part:
        for paragraph in ending.read_text("utf-8").split("\n\n"):
            yield ()
            yield from _paragraph(paragraph, width)


def _paragraph(paragraph: str, width: int) -> Iterator[Line]:
    """Prose is wrapped; indented lines stay as they are."""
    if paragraph.startswith(" "):
        yield from (labelled("", line) for line in paragraph.rstrip().splitlines())
    else:
        yield from prose("", paragraph, width)


# ------------------------------------------------------------- the koan they are at


def _next(progress: Progress, step: Step, request: Request) -> Iterator[Line]:
    stretch, width = progress.stretch_of(step), request.width
    verdict = step.verdict or Verdict(Kind.BLANK, "not run yet; run pytest")
    work = stretch.work
    yield labelled("next", step.name, ("bold",))
    line = verdict.line or (work.line(step.koan) if work and step.koan else 1)
    yield labelled("", f"{step.lesson.relative}:{line}")
    if step.tried:
        yield ()
        yield from _verdict(verdict, width)
        yield ()
    if step.koan and work:
        yield from prose("", work.question(step.koan), width)
    if step.koan:
        yield ()
        for part in step.koan.note.asks.strip().splitlines():
            yield from code(part, width)
    if not step.tried:
        yield ()
        yield from _verdict(verdict, width)
    yield from _table(verdict, width)
    yield from _help(stretch, step, verdict, request)


def _verdict(verdict: Verdict, width: int) -> Iterator[Line]:
    label, colour = verdict.kind.value, (verdict.kind.colour,)
    if verdict.wrote:
        first, *more = verdict.wrote.splitlines()
        yield labelled(label, f"you wrote: {first}", colour)
        if len(more) >= MOST_WRITTEN:  # it stands in the file that they look at
            more = [f"… and {len(more)} lines more"]
        yield from (labelled("", f"           {line}") for line in more)
        label = ""
    yield from prose(label, verdict.sentence, width, colour if label else ())


def _help(
    stretch: Stretch, step: Step, verdict: Verdict, request: Request
) -> Iterator[Line]:
    note, width = step.koan.note if step.koan else None, request.width
    for number, hint in enumerate(note.hints[: request.hints] if note else (), 1):
        yield from prose(f"hint {number}", hint, width, ("cyan",))
    if request.reveal:
        yield from _revealed(step, verdict, width)
    yield from _story(stretch, verdict, request)
    if note and request.hints:
        yield labelled("see", note.link)


def _offered(progress: Progress, step: Step, request: Request) -> Iterator[Line]:
    if step.koan is None:
        return
    for command, what in _offers(progress, step, request):
        if len(command) <= COMMAND and MARGIN + 27 + len(what) <= request.width:
            yield labelled("", f"{command:<26} {what}")
        else:
            yield labelled("", command)
            yield from prose("", what, request.width)


def _offers(
    progress: Progress, step: Step, request: Request
) -> Iterator[tuple[str, str]]:
    """Commands that help from here, and what each is for."""
    if request.hints < HINTS:
        again = f"{request.command}{' --hint' * (request.hints + 1)}"
        if request.command and step.verdict is None:  # the run was of others
            again = f"sensei hint {step.name}"
        what = "one hint more" if request.hints else "a hint"
        yield again if request.command else "h", what
    if step.tried and _reveals(step) and not request.reveal:
        answer = f"{request.command} --reveal" if request.command else "r"
        is_code = step.koan is not None and not step.koan.note.is_prediction
        story = ", and how it came about" if step.lesson.course.story else ""
        what = "a solution, beside what yours did" if is_code else f"the answer{story}"
        yield answer, what
    stretches = progress.stretches
    here = [stretch.lesson for stretch in stretches].index(step.lesson)
    others = [*stretches[here + 1 :], *stretches[:here]]
    other = next((stretch.lesson for stretch in others if not stretch.complete), None)
    if request.hints >= HINTS and other and request.command:
        folder = other.path.parent.relative_to(other.course.root).as_posix()
        where = f"{folder} " if other.part else ""
        yield f"pytest {where}-k test_{other.number}", "another lesson meanwhile"


def _reveals(step: Step) -> bool:
    """Whether --reveal has something to tell: a guess was judged, code was tried."""
    if step.verdict is None or step.koan is None or not step.lesson.course.reveal:
        return False
    is_code = not step.koan.note.is_prediction
    return step.verdict.kind is Kind.WRONG or (is_code and bool(step.verdict.wrote))


def _revealed(step: Step, verdict: Verdict, width: int) -> Iterator[Line]:
    yield ()
    if verdict.answer:
        yield labelled("answer", verdict.answer, ("green",))
    elif _reveals(step) and step.koan and step.koan.solution_text:
        text = "One way to fill it in; there are others."
        yield from prose("answer", text, width, ("green",))
        for line in step.koan.solution_text.splitlines():
            yield labelled("", f"    {line}", ("green",))
    else:
        yield from prose("reveal", _declined(step), width, ("yellow",))


def _declined(step: Step) -> str:
    """Why nothing is revealed."""
    if not step.lesson.course.reveal:
        return "This copy of the course has no answers to show: ask who gave it to you."
    kind = step.verdict.kind if step.verdict else Kind.BLANK
    is_prediction = step.koan is not None and step.koan.note.is_prediction
    if not step.tried or (is_prediction and kind is Kind.REFUSED):
        return "Write a guess first: an answer sticks when it meets one."
    if step.koan and step.koan.solution is None:
        return "The solutions are not in this copy of the course."
    return "What stands there can't be judged, so no answer can meet it. Mend it first."


# ------------------------------------------------------- what was found, and how so


def _table(verdict: Verdict, width: int) -> Iterator[Line]:
    if not verdict.table:
        return
    table = Table.unpack(verdict.table)
    yield ()
    yield from prose("check", table.asks, width)
    if len(table.rows) == 1:
        [row] = table.rows
        yield labelled("", f"found     {row.found}", ("red",))
        yield labelled("", f"expected  {row.expected}", ("green",))
        return
    yield from _rows(table, width)


def _rows(table: Table, width: int) -> Iterator[Line]:
    """The rows around the first that differs, side by side where there is room."""
    first = next((i for i, row in enumerate(table.rows) if row.differs), 0)
    start = max(0, min(first - BEFORE, len(table.rows) - MOST_ROWS))
    rows = table.rows[start : start + MOST_ROWS]
    each = f" [{', '.join(table.columns)}]" if table.columns else ""
    head = Row("", f"found{each}", "expected", False)
    names = max(len(row.name) for row in rows)
    values = max(len(row.found) for row in (head, *rows))
    for i, row in enumerate((head, *rows)):
        mark = "  ←" if start + i - 1 == first and row.differs else ""
        text = f"{row.name:<{names}}  {row.found:<{values}}  {row.expected}{mark}"
        colour = ("red",) if row.differs else ()
        yield labelled("", text.rstrip(), colour)
    left = len(table.rows) - start - len(rows)
    if start or left:
        yield labelled("", f"({len(table.rows)} in all; the others are not shown)")


def _story(stretch: Stretch, verdict: Verdict, request: Request) -> Iterator[Line]:
    if not verdict.story or stretch.work is None or not request.story_rows:
        return
    events, lines = timeline.unpack(verdict.story), stretch.work.lines
    room, most = request.picture_width - MARGIN, request.story_rows
    if verdict.believed:
        others = timeline.unpack(verdict.believed)
        rows = chart.beside(events, others, lines, room, most)
    else:
        rows = chart.draw(events, lines, room, most)
    if not rows:
        return
    yield ()
    for label, row in zip(["story"] + [""] * len(rows), rows, strict=False):
        yield labelled(label, row)
    for remark in verdict.remarks.splitlines():
        yield from prose("", remark, request.width)
