"""What a learner sees in ``sensei watch``: a koan, the list of all, or the help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sensei import screen
from sensei.course import Course
from sensei.notes import HINTS
from sensei.progress import Progress, Step, progress
from sensei.text import Line, Span, folded, labelled, prose
from sensei.verdicts import Kind, Verdict
from sensei.watch.runs import Run

MOST_TOLD = 3  # saved koans that get a line each
MOST_WORDS = 15  # lines of what a koan prints, or pytest says
KEYS = {
    "h": ("hint", "a hint for this koan; again for one more"),
    "r": ("reveal", "the answer to this koan, after your guess"),
    "l": ("list", "the path, and what became of each koan"),
    "n": ("next", "the koan behind this one"),
    "p": ("previous", "the koan before this one"),
    "e": ("edit", "open it in your editor ($VISUAL or $EDITOR)"),
    "x": ("reset", "put it back as it was given, after a y"),
    "q": ("quit", "as Ctrl-C does"),
    "?": ("help", "this. Enter runs all again, space shows more"),
}
PROMPTS = {
    "": " · ".join(f"{key}\xa0{name}" for key, (name, _) in KEYS.items()),
    "list": "↑ ↓ (or p n) walk · any other key shows the koan",
    "help": "any key goes back",
    "reset": "y puts this koan back as it was given (`sensei reset --undo` undoes "
    "that), any other key does not",
}


@dataclass(frozen=True)
class Part(Progress):
    """A part of the course and, in it, the koan that a learner chose to look at."""

    chosen: Step | None = None

    @property
    def next(self) -> Step | None:
        return self.chosen or super().next

    @property
    def last_solved(self) -> Step | None:
        return None if self.chosen else super().last_solved

    @property
    def partial(self) -> bool:
        return self.chosen is None and super().partial


def name_of(step: Step | None) -> str:
    """A koan as pytest names it."""
    return f"{step.lesson.relative}::{step.name}" if step else ""


@dataclass
class Page:
    """What is on the page; ``lines`` and ``footer`` are how it looks.

    ``chosen`` is the koan that it is about, "" for the next on the path; ``saved``
    are those whose verdicts are news. ``mode`` is "", or a key of PROMPTS. ``guesses``
    are the wrong answers since the watch began, by what they would be right if.
    """

    course: Course
    run: Run | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    saved: Sequence[str] = ()
    chosen: str = ""
    mode: str = ""
    notice: str = ""
    hints: Counter[str] = field(default_factory=Counter)
    guesses: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    has_keys: bool = True  # somebody may type them

    def turn_to(self, run: Run, edited: Sequence[str]) -> None:
        """Take in a run; show the koan that was saved, unless it is solved."""
        kept = {} if run.code is not None and not run.sentence else self.verdicts
        self.verdicts = {**kept, **run.verdicts}
        if run is self.run:
            return
        self.run, self.saved = run, edited
        for koan in edited:
            if koan in run.verdicts:
                self._remember(koan, run.verdicts[koan])
        if run.koan not in run.verdicts:
            self.notice = run.sentence
        if edited:
            self.mode = ""
            judged = [koan for koan in edited if koan in run.verdicts]
            stopping = (koan for koan in judged if run.verdicts[koan].kind.stops)
            self.chosen = next(stopping, "")

    def _remember(self, koan: str, verdict: Verdict) -> None:
        for says in verdict.beliefs:
            self.guesses.setdefault(says, set()).add((koan, verdict.wrote))

    def shared(self, verdict: Verdict) -> str:
        """What a wrong answer has in common with an earlier one; "" for nothing."""
        counts = {says: len(self.guesses.get(says, ())) for says in verdict.beliefs}
        says = max(counts, key=lambda one: counts[one], default="")
        if counts.get(says, 0) < 2:
            return ""
        return f"That makes {counts[says]} answers that would be right if {says}."

    def parts(self) -> list[Part]:
        """The parts that were run; that with the koan of the page first."""
        results = {}
        for koan, verdict in self.verdicts.items():
            file, _, name = koan.partition("::")
            results[file, name] = [verdict]
        parts = []
        about = self.chosen or next(iter(self.saved), "")
        for part in progress(self.course, results):
            steps = {name_of(step): step for step in part.steps}
            parts.append(Part(part.part, part.stretches, steps.get(self.chosen)))
            if about in steps:
                parts.insert(0, parts.pop())
        return parts

    def here(self) -> Step | None:
        """The koan that the page is about."""
        return next((part.next for part in self.parts()), None)

    def walk(self, by: int) -> None:
        """Choose the koan so many places on."""
        names = [name_of(step) for part in self.parts() for step in part.steps]
        here = name_of(self.here())
        place = names.index(here) + by if here in names else len(names) - 1
        self.chosen = "".join(names[max(0, min(place, len(names) - 1)) :][:1])

    # ---------------------------------------------------------------- how it looks

    def lines(self, columns: int) -> Iterator[Line]:
        parts, run, width = self.parts(), self.run, width_of(columns)
        if self.mode == "help":
            for key, (name, what) in KEYS.items():
                yield from prose(f"  {key}", f"{name}: {what}", width)
        elif self.mode == "list" and parts:
            yield from _listed(parts, name_of(parts[0].next))
        elif run and parts:
            here = name_of(parts[0].next)
            hints = min(HINTS, self.hints[here])
            command = "" if self.has_keys else "pytest"
            yield from screen.lines(
                parts[0],
                screen.Request(hints, run.reveals, run.devices, columns, command),
            )
            for koan in dict.fromkeys([*self.saved, here]):
                yield from _words("prints", run.words.get(koan, ""))
        elif run:
            yield from _words("pytest", run.output)

    def footer(self, columns: int, running: Run | None) -> Iterator[Line]:
        """The verdict, which is always in sight, and what may be typed."""
        width = width_of(columns)
        yield ()
        if self.notice:
            yield from prose("", self.notice, width, ("red",))
        elif self.verdicts and running in (None, self.run):
            yield from self._status(width)
        if running:
            yield labelled("", "running ...", ("bold",))
        elif self.has_keys:
            for line in folded(PROMPTS[self.mode], width, " "):
                yield (Span(line.replace("\xa0", " "), ("bold",)),)

    def _status(self, width: int) -> Iterator[Line]:
        """The verdicts on what was saved or, where nothing was, on the koan shown."""
        judged = {k: self.verdicts[k] for k in self.saved if k in self.verdicts}
        solved = [koan for koan in judged if judged[koan].kind is Kind.PASSED]
        if len(judged) > MOST_TOLD:
            says = f"{len(solved)} of {len(judged)} koans: solved"
            yield from prose("saved", says, width, ("bold",))
        elif not judged:
            here = self.here()
            says = f"{here.name}: {_became(here)}" if here else "all solved"
            yield from prose("here", says, width, ("bold",))
        else:
            for koan, verdict in judged.items():
                why = f". {verdict.sentence}" if koan in solved else ""
                says = f"{koan.partition('::')[2]}: {_word(verdict)}{why}"
                yield from prose("saved", says, width, (verdict.kind.colour, "bold"))
                yield from prose("", self.shared(verdict), width)


def width_of(columns: int) -> int:
    """How wide a page is on a terminal of so many columns."""
    return screen.Request(columns=columns).width


def _words(label: str, text: str) -> Iterator[Line]:
    lines = text.rstrip().splitlines()
    more = len(lines) - MOST_WORDS
    if more > 1:
        lines[MOST_WORDS:] = [f"... and {more} lines more"]
    for line in lines:
        yield labelled(label, line.expandtabs())
        label = ""


def _word(verdict: Verdict) -> str:
    return "solved" if verdict.kind is Kind.PASSED else verdict.kind.value


def _became(step: Step) -> str:
    if step.verdict:
        return _word(step.verdict)
    return "filled in, not run" if step.filled else "blank"


def _listed(parts: Sequence[Part], chosen: str) -> Iterator[Line]:
    """Each koan in a line, and an arrow before one."""
    for stretch in (stretch for part in parts for stretch in part.stretches):
        title = f" {stretch.lesson.number} {stretch.lesson.title}"
        total = f"  {stretch.solved}/{len(stretch.steps)}"
        yield (Span(f"{title}{total}", ("bold",)),)
        for step in stretch.steps:
            arrow, colour = " ", ("green",) if step.solved else ()
            if name_of(step) == chosen:
                arrow, colour = "→", ("bold",)
            mark = "█" if step.solved else "▒" if step.filled else "░"
            yield (Span(f"{arrow} {mark} {step.name}: {_became(step)}", colour),)
