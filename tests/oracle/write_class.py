"""Grade the made class of 30 and keep what `sensei grade` wrote about it.

    python tests/oracle/write_class.py [FOLDER]

keeps in tests/oracle/class/, or in FOLDER: grades.csv, the answers of results.json
with their verdicts, and the words of four learners' feedback. It was first written
before the engine was built anew; `diff -r` with what another engine has written shows
what that grades otherwise.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from made_class_of_30 import ROOT, build

CLASS = Path(__file__).parent / "class"
GRADE = "import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))"
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
HEAD, TAG = re.compile(r"<head>.*?</head>", re.DOTALL), re.compile(r"<[^>]*>")
KEPT = ("koan", "fill", "verdict", "sentence")
FEEDBACK = ("all-right", "all-blank", "mixed-1", "syntax-errors")


def grade(submissions: Path, out: Path) -> None:
    """Run `sensei grade` as an instructor does, in the folder of the course."""
    ran = subprocess.run(
        [sys.executable, "-c", GRADE, "grade", str(submissions)]
        + ["--out", str(out), "--timeout", "3"],
        cwd=ROOT,
        check=False,
    )
    if ran.returncode != 1:  # a submission is unreadable
        sys.exit(f"sensei grade ended with exit code {ran.returncode}, not 1")


def keep(out: Path, folder: Path) -> None:
    """Copy what is compared; no time and no address is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(out / "grades.csv", folder)
    results = json.loads((out / "results.json").read_text("utf-8"))
    answers = [{key: answer[key] for key in KEPT} for answer in results["answers"]]
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (folder / "answers.json").write_text(ADDRESS.sub("0x...", text) + "\n", "utf-8")
    for name in FEEDBACK:
        page = (out / "feedback" / f"{name}.html").read_text("utf-8")
        (folder / f"feedback_{name}.txt").write_text(text_of(page), "utf-8")


def text_of(page: str) -> str:
    """What a page says, a line for each piece; what it looks like is no grade."""
    words = TAG.sub("\n", HEAD.sub("", page))
    pieces = (" ".join(line.split()) for line in html.unescape(words).split("\n"))
    return "\n".join(filter(None, pieces)) + "\n"


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="oracle-") as name:
        scratch = Path(name)
        build(scratch / "submissions")
        grade(scratch / "submissions", scratch / "out")
        keep(scratch / "out", folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CLASS)
