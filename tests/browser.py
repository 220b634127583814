"""A page in a headless Chromium, for the tests of what grading writes.

playwright drives the Chromium that is installed here, and downloads none.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any, Literal

from waiting import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
#: why there are no tests in a browser; "" where there are
MISSING = (
    ("" if HAS_PLAYWRIGHT else "playwright is not installed")
    if CHROMIUM
    else "there is no Chromium here"
)


class Browser:
    """One page in a Chromium of its own; ``requests`` and ``said`` are what it did.

    ``requests`` are the addresses it asked for, ``said`` what it wrote to the
    console, its errors and its dialogs.
    """

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self.requests: list[str] = []
        self.said: list[str] = []
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False
        )
        self._page = self._browser.new_page()
        self._page.set_default_timeout(PATIENCE * 1000)
        self._page.on("request", lambda request: self.requests.append(request.url))
        self._page.on("console", lambda message: self.said.append(message.text))
        self._page.on("pageerror", lambda error: self.said.append(error.message))
        self._page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """Load a file, and wait until it has loaded."""
        self._page.set_viewport_size({"width": width, "height": height})
        self.requests.clear()
        self.said.clear()
        self._page.goto(path.as_uri())

    def scheme(self, value: Literal["light", "dark"]) -> None:
        """Prefer light or dark."""
        self._page.emulate_media(color_scheme=value)

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        return self._page.evaluate(expression)

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        self._page.wait_for_function(expression)
