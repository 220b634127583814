"""How soon the class report is there, in headless Chromium.

    python benchmarks/report_page.py [--learners 500] [--rounds 7]

Makes the page of a class with a seed, opens it again and again, and prints
the median of the milliseconds until it has loaded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from test_grading_report import made_class, page  # noqa: E402

from browser import MISSING, Browser  # noqa: E402

LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def opened(browser: Browser, path: Path) -> float:
    """Milliseconds until it has loaded."""
    browser.open(path, 1280)
    return float(browser.value(LOADED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--learners", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if MISSING:
        sys.exit(f"Not here: {MISSING}.")
    browser = Browser()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        path.write_text(page(made_class(options.learners)), "utf-8")
        size = path.stat().st_size / 1000
        times = [opened(browser, path) for _ in range(options.rounds + 1)][1:]
    browser.close()
    loaded = statistics.median(times)
    print(f"{options.learners} learners, {size:.0f} kB: loaded after {loaded:.0f} ms")
    print(f"(the median of {options.rounds})")


if __name__ == "__main__":
    main()
