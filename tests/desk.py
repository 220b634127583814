"""An instructor's desk, for the tests of ``sensei grade`` as a command."""

from __future__ import annotations

import csv
import html
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from sensei import cli
from tiny import grade_both_sizes

ONE, TWO = "test_01_two_names.py", "test_02_changing_lists.py"


class Desk:
    """An instructor's desk: the tiny course, a folder of submissions, a command."""

    def __init__(self, tiny, capsys) -> None:
        self.tiny = tiny
        self.capsys = capsys
        self.root: Path = tiny.root
        grade_both_sizes(self.root)
        self.solved = {
            name: (self.root / "solutions" / name).read_text() for name in (ONE, TWO)
        }
        self.empty = {
            name: (self.root / "koans" / name).read_text() for name in (ONE, TWO)
        }
        self.submissions = self.root / "submissions"
        self.submissions.mkdir()
        self.out = self.root / "out"

    def lessons(self, folder: str) -> dict[str, str]:
        return {name: (self.root / folder / name).read_text() for name in (ONE, TWO)}

    def hand_in(self, who: str | bytes, files: Mapping[str, str | bytes]) -> Path:
        folder = Path(os.fsdecode(who))
        path = self.submissions / folder
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            data = text.encode() if isinstance(text, str) else text
            (path / name).write_bytes(data)
        return path

    def answer(self, **fills: str) -> dict[str, str]:
        """The solved lessons with some answers replaced: {old: new} as old__new."""
        files = dict(self.solved)
        for old, new in fills.items():
            right = RIGHT[old]
            files = {name: text.replace(right, new, 1) for name, text in files.items()}
        return files

    def grade(self, *options: str) -> int:
        code = cli.main(
            ["grade", str(self.submissions), "--out", str(self.out), *options]
        )
        said = self.capsys.readouterr()
        self.said, self.complained = said.out, said.err
        return code

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        with (self.out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    @property
    def results(self):
        return json.loads((self.out / "results.json").read_text())

    def feedback(self, who: str) -> str:
        """What the page says, its tags taken out."""
        page = (self.out / "feedback" / f"{who}.html").read_text("utf-8")
        body = page[page.index("<body") :]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())

    def bytes(self) -> dict[str, bytes]:
        """All that is written."""
        written = [path for path in self.out.rglob("*") if path.is_file()]
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in written
            if path.name != ".lock"
        }


RIGHT = {
    "sum": "7919",
    "grew": "[size + 1, size + 1, size + 2]",
    "copy": "list(original)",
    "even": "number % 2 == 0",
    "totals": "total += number\n        totals.append(total)",
}
