"""Draws docs/first_run.svg: a learner's second minute, from a real run.

    python docs/picture.py

It copies the course to a temporary folder, answers the first koan right and the
second one wrong, runs pytest in a pseudo-terminal and draws what came out.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "first_run.svg"
COLUMNS = 84

# rich's own frame for a terminal, without the font that it would fetch.
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, Consolas, Menlo, monospace;
}}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})"
   clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""

ANSWERS = {
    "assert slate(p) == __": "assert slate(p) == None",
    "assert slate(p) == approx(__)": "assert slate(p) == approx(0.5 - 0.8)",
}


def screen(folder: Path) -> str:
    """What a terminal shows for `python -m pytest` on a path just begun."""
    for name in ("koans", "course", "solutions", "sensei"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    lesson = folder / "koans" / "test_01_piling_up.py"
    text = lesson.read_text("utf-8")
    for blank, answer in ANSWERS.items():
        assert blank in text, blank
        text = text.replace(blank, answer, 1)
    lesson.write_text(text, "utf-8")
    shown: bytes = pexpect.run(
        f"{sys.executable} -m pytest",
        cwd=str(folder),
        env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        timeout=300,
        dimensions=(60, COLUMNS),
    )
    lines = shown.decode().replace("\r\n", "\n").split("\n")
    start = next(i for i, line in enumerate(lines) if "next  " in line)
    return "\n".join(lines[start:]).rstrip()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shown = screen(Path(folder, "gradient-koans"))
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print("[bold green]$[/] [bold]python -m pytest[/]\n")
    console.print(Text.from_ansi(shown))
    console.save_svg(str(PICTURE), title="gradient-koans", code_format=FRAME)
    print(PICTURE.relative_to(ROOT))


if __name__ == "__main__":
    main()
