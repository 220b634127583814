"""The story of .grad: what it sees, and that it changes nothing it watches."""

from __future__ import annotations

import gc
import sys
import textwrap
import weakref

import pytest

from course import KOANS, Koan, load
from sensei import story
from sensei.timeline import Event

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def tells(tmp_path):
    """The events of a koan with this body; `device` is its only parameter."""

    def told(body: str, head: str = "") -> list[Event]:
        code = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        path = tmp_path / "koan.py"
        path.write_text(f"import torch\n{head}\n\ndef test_it(device):\n{code}\n")
        return story.tell(load(path).test_it, {"device": "cpu"})

    return told


def changes(events: list[Event]) -> list[tuple]:
    return [(event.name, event.before, event.after) for event in events]


def test_every_change_with_its_line(tells):
    events = tells("""
        p = torch.tensor(0.5, requires_grad=True)
        (p - 1.0).pow(2).backward()
        (p - 0.25).pow(2).backward()
        p.grad.zero_()
        p.grad = None
    """)
    assert events == [
        Event(6, "p", None, -1.0),
        Event(7, "p", -1.0, -0.5),
        Event(8, "p", -0.5, 0.0),
        Event(9, "p", 0.0, None),
    ]


def test_a_parameter_and_del(tells):
    events = tells("""
        q = torch.nn.Parameter(torch.tensor(1.0))
        (2 * q).backward()
        del q.grad
    """)
    assert changes(events) == [("q", None, 2.0), ("q", 2.0, None)]


def test_what_happens_inside_a_hook_of_the_koan(tells):
    events = tells("""
        p = torch.tensor(1.0, requires_grad=True)
        def wipe(leaf):
            leaf.grad = None
        p.register_post_accumulate_grad_hook(wipe)
        (3 * p).backward()
    """)
    assert changes(events) == [("p", None, 3.0), ("p", 3.0, None)]


def test_under_the_names_that_the_koan_has_for_them(tells):
    events = tells("""
        layer = torch.nn.Linear(1, 1)
        pixels = [torch.tensor(1.0, requires_grad=True)]
        named = {"left": torch.tensor(1.0, requires_grad=True)}
        (layer.weight.sum() + 2 * pixels[0] + 3 * named["left"]).backward()
    """)
    assert sorted(changes(events)) == [
        ("layer.weight", None, 1.0),
        ("named['left']", None, 3.0),
        ("pixels[0]", None, 2.0),
    ]


def test_a_function_inside_is_told_line_by_line(tells):
    events = tells("""
        def twice(leaf):
            (2 * leaf).backward()
            (2 * leaf).backward()
        p = torch.tensor(1.0, requires_grad=True)
        twice(p)
        (1 * p).backward()
    """)
    assert [(event.line, event.after) for event in events] == [
        (6, 2.0),
        (7, 4.0),
        (10, 5.0),
    ]


def test_more_numbers_are_told_one_by_one_and_many_in_short(tells):
    events = tells("""
        few = torch.ones(2, 2, requires_grad=True)
        many = torch.ones(20, requires_grad=True)
        (few.sum() + many.sum()).backward()
    """)
    assert changes(events) == [
        ("few", None, [1.0, 1.0, 1.0, 1.0]),
        ("many", None, "20 numbers, 20 in all"),
    ]


def test_sparse_half_and_nan(tells):
    events = tells("""
        table = torch.nn.Embedding(3, 2, sparse=True)
        half = torch.tensor(1.0, dtype=torch.float16, requires_grad=True)
        odd = torch.tensor(0.0, requires_grad=True)
        table(torch.tensor([0])).sum().backward()
        (2 * half).backward()
        odd.sqrt().mul(0).backward()
        odd.sqrt().mul(0).backward()
    """)
    assert [event.name for event in events] == ["table.weight", "half", "odd"]
    assert events[0].after == "a sparse tensor"
    assert events[1].after == 2.0
    assert str(events[2].after) == "nan"


def test_it_stops_where_the_koan_does(tells):
    events = tells("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        assert p.grad.item() == 3.0
        (2 * p).backward()
    """)
    assert changes(events) == [("p", None, 2.0)]


def test_nothing_is_kept_alive(tells):
    head = "seen = []"
    assert (
        tells(
            """
        import gc, weakref
        p = torch.tensor(1.0, requires_grad=True)
        loss = 2 * p
        gone = weakref.ref(loss)
        loss.backward()
        del loss
        pass
        assert gone() is None
        q = torch.tensor(1.0, requires_grad=True)
        (2 * q).backward()
        """,
            head,
        )[-1].name
        == "q"
    ), "the koan ended at its assert: the graph was kept alive"


def test_identity_and_aliasing_are_as_they_would_be(tells):
    events = tells("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        saved, address = p.grad, p.grad.data_ptr()
        (2 * p).backward()
        assert saved is p.grad and p.grad.data_ptr() == address
        p.grad = torch.tensor(0.25)
    """)
    assert events[-1].after == 0.25, "the koan ended at its assert"


def test_a_trace_that_was_there_before_is_put_back(tells):
    def trace(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        tells("p = torch.tensor(1.0, requires_grad=True)")
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_the_leaves_go_when_the_koan_is_over(tmp_path):
    path = tmp_path / "koan.py"
    path.write_text(
        "def test_it(device, keep):\n"
        "    import torch\n"
        "    p = torch.tensor(1.0, requires_grad=True)\n"
        "    (2 * p).backward()\n"
        "    keep(p)\n"
    )
    leaves: list[weakref.ref] = []
    story.tell(
        load(path).test_it,
        {"device": "cpu", "keep": lambda leaf: leaves.append(weakref.ref(leaf))},
    )
    gc.collect()
    assert leaves[0]() is None


@pytest.mark.parametrize("koan", KOANS, ids=lambda koan: koan.id)
def test_every_solution_passes_with_the_recorder_on(koan: Koan, device):
    """Watched, a koan does what it does unwatched."""
    function = getattr(load(koan.files.solution), koan.note.name)
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "skipif" and mark.args[0]:
            pytest.skip(mark.kwargs["reason"])
    story.Recorder(function.__code__.co_filename).run(function, {"device": device})


def test_several_calls_on_one_line_are_told_one_by_one(tells):
    events = tells("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward(); p.grad = None; (3 * p).backward()
    """)
    assert changes(events) == [("p", None, 2.0), ("p", 2.0, None), ("p", None, 3.0)]
    assert {event.line for event in events} == {6}
