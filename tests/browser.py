"""A headless Chromium for the tests of the report page, spoken to over a pipe.

Its own protocol needs no driver and no package: messages of JSON, each ended
by a zero byte, on the file descriptors 3 and 4.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking "
    "--disable-dev-shm-usage --no-first-run --hide-scrollbars --remote-debugging-pipe"
)


class Browser:
    """One page in a Chromium of its own; ``requests`` and ``said`` are what it did.

    ``requests`` are the addresses it asked for, ``said`` what it wrote to the
    console, its errors and its dialogs.
    """

    def __init__(self) -> None:
        assert CHROMIUM
        self.requests: list[str] = []
        self.said: list[str] = []
        self.loaded = False
        self._number = 0
        self._buffer = b""
        self._profile = tempfile.mkdtemp(prefix="sensei-chromium-")
        self._start()
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def _start(self) -> None:
        command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={self._profile}"]
        source, self._to = os.pipe()
        self._from, sink = os.pipe()

        def rewire() -> None:
            high = [os.dup(fd) for fd in (source, sink)]
            while min(high) < 5:
                high = [os.dup(fd) for fd in high]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            command,
            preexec_fn=rewire,  # noqa: PLW1509 (it moves descriptors only)
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(source)
        os.close(sink)
        self._session = ""

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._session = ""
            self.send("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    # --------------------------------------------------------------- the protocol

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told["error"]
                return dict(told["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._from, 1 << 20)
            if not data:
                raise EOFError("Chromium has ended")
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        told: dict[str, Any] = json.loads(message)
        self._note(told.get("method", ""), told.get("params", {}))
        return told

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method in (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        ):
            self.said.append(json.dumps(told)[:500])
        elif method == "Page.loadEventFired":
            self.loaded = True

    # ------------------------------------------------------------------- the page

    def open(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """Load a file, and wait until it has loaded."""
        self.size(width, height)
        self.requests.clear()
        self.said.clear()
        self.loaded = False
        self.send("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self._next()
        self.until("document.readyState === 'complete'")

    def size(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, value: str) -> None:
        """Prefer light or dark."""
        self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": value}],
        )

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        told = self.send(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, expression: str, seconds: float = 10) -> None:
        """Wait until an expression is true."""
        ends = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < ends, f"never true: {expression}"
            time.sleep(0.01)

    def picture(self, path: Path, whole: bool = False) -> None:
        """Take a screenshot, of the whole page if wanted."""
        told = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def printed(self, path: Path) -> None:
        """Print to a PDF."""
        told = self.send(
            "Page.printToPDF", preferCSSPageSize=True, printBackground=True
        )
        path.write_bytes(base64.b64decode(told["data"]))
