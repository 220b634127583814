"""The story of a koan in plain Python: what each line does to its lists of numbers."""

import sys

from sensei.timeline import Event


def tell(koan, arguments):
    events, known, last = [], {}, 0

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
        return step(frame, *rest) if frame.f_code is koan.__code__ else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        koan(**arguments)
    except Exception:
        pass
    finally:
        sys.settrace(before)
    return events
