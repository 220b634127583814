"""The story of a koan in plain Python: what each line does to its lists of numbers."""

import sys
from contextlib import contextmanager

from sensei.timeline import Event


@contextmanager
def watch(path, events):
    """Append to ``events`` what changes in the frames of the file ``path``."""
    known, last = {}, 0

    def step(frame, event, _):
        nonlocal last
        for name, value in frame.f_locals.items():
            if name.isidentifier() and isinstance(value, list):
                now = [float(n) for n in value if isinstance(n, int)]
                if known.get(name) != now:
                    events.append(Event(last, name, known.get(name), now))
                    known[name] = now
        last = frame.f_lineno
        return step

    def enter(frame, *rest):
        return step(frame, *rest) if frame.f_code.co_filename == path else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
