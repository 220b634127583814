"""What the two pages share: a page that needs nothing but itself.

Its styles are in it and are allowed by their hash, it has no script, and its policy
forbids every request. What somebody wrote is text everywhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache, lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sensei.grading.out.files import TEMPLATES
from sensei.grading.shown import clean, shortened

LINES, LONGEST_CODE, LONGEST_PROSE = 12, 300, 1_000
BLANK = re.compile(r"\b__\b")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, paragraphs=paragraphs, asks=asks)
    return environment


def render(template: str, *styles: str, rule: str = "", **values: object) -> str:
    """A page: ``styles`` are files of CSS, ``rule`` is another line of it, ``values``
    are what the template names.
    """
    css = "".join(map(_css, styles)) + rule
    style_hash = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(style=Markup(css), policy=policy, **values)


@cache
def _css(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


@lru_cache(10_000)
def prose(text: str) -> Markup:
    """A sentence as HTML; what stands in `backquotes` becomes code."""
    pieces = shortened(clean(text.replace("\n", " ")), LONGEST_PROSE).split("`")
    if len(pieces) % 2 == 0:
        return escape("`".join(pieces))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 else piece
        for i, piece in enumerate(pieces)
    )


@lru_cache(10_000)
def paragraphs(text: str) -> Markup:
    """Prose of several paragraphs."""
    parts = (part for part in text.split("\n\n") if part.strip())
    return Markup("").join(Markup("<p>{}</p>").format(prose(part)) for part in parts)


@lru_cache(10_000)
def asks(text: str) -> Markup:
    """The code that asks, its blank to be seen."""
    return Markup(BLANK.sub("<mark>__</mark>", str(escape(clean(text, keep="\n")))))


def code(text: str, lines: int = LINES, longest: int = LONGEST_CODE) -> str:
    """A piece of code, shortened in both directions, its lines kept."""
    all_lines = clean(text, keep="\n").split("\n")
    more = ["..."] if len(all_lines) > lines else []
    return shortened("\n".join([*all_lines[:lines], *more]), longest)
