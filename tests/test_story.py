"""The story of .grad: what it sees, and that it changes nothing it watches."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import itertools
import re
import sys
import textwrap
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.optim import optimizer as optimizers

from course.story import watch
from sensei.timeline import Event

pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parent.parent
SOLUTIONS = sorted((ROOT / "solutions").rglob("test_*.py"))
KOANS = [
    (path, name)
    for path in SOLUTIONS
    for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
]
count = itertools.count()


def load(path: Path) -> ModuleType:
    """Import a lesson from a file, afresh; lessons import what stands in koans/."""
    if str(ROOT / "koans") not in sys.path:
        sys.path.insert(0, str(ROOT / "koans"))
    spec = importlib.util.spec_from_file_location(f"watched_{next(count)}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


loaded = functools.cache(load)


def events_of(function: Callable[..., object], *arguments: object) -> list[Event]:
    """What the story has of a function that may raise."""
    events: list[Event] = []
    with contextlib.suppress(Exception), watch(function.__code__.co_filename, events):
        function(*arguments)
    return events


def of_solution(lesson: str, name: str) -> list[Event]:
    [path] = [path for path in SOLUTIONS if path.name.startswith(f"test_{lesson}_")]
    return events_of(getattr(loaded(path), name), "cpu")


@pytest.fixture
def koan(tmp_path):
    """A function with this body, in a file of its own; its body begins at line 5."""

    def written(body: str, head: str = "") -> Callable[..., object]:
        code = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        path = tmp_path / "koan.py"
        path.write_text(f"import torch\n{head}\n\ndef test_it(mark=None):\n{code}\n")
        return load(path).test_it

    return written


@pytest.fixture
def story(koan):
    """The events of a koan with this body."""
    return lambda *source: events_of(koan(*source))


def changes(events: list[Event]) -> list[tuple]:
    return [(event.name, event.before, event.after) for event in events]


def hows(events: list[Event], name: str) -> list[tuple]:
    return [(event.after, event.how) for event in events if event.name == name]


# ------------------------------------------------------------------- slates


def test_every_change_with_its_line(story):
    events = story("""
        p = torch.tensor(0.5, requires_grad=True)
        (p - 1.0).pow(2).backward()
        (p - 0.25).pow(2).backward()
        p.grad.zero_()
        p.grad = None
    """)
    assert events == [
        Event(6, "p.grad", None, -1.0, leaf=1),
        Event(7, "p.grad", -1.0, -0.5, leaf=1),
        Event(8, "p.grad", -0.5, 0.0, leaf=1),
        Event(9, "p.grad", 0.0, None, leaf=1),
    ]


def test_a_parameter_and_del(story):
    events = story("""
        q = torch.nn.Parameter(torch.tensor(1.0))
        (2 * q).backward()
        del q.grad
    """)
    assert changes(events) == [("q.grad", None, 2.0), ("q.grad", 2.0, None)]


def test_what_happens_inside_a_hook_of_the_koan(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        def wipe(leaf):
            leaf.grad = None
        p.register_post_accumulate_grad_hook(wipe)
        (3 * p).backward()
    """)
    assert changes(events) == [("p.grad", None, 3.0), ("p.grad", 3.0, None)]
    assert [event.line for event in events] == [9, 7]


def test_a_slope_that_a_hook_has_seen_is_the_doing_of_backward(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        def double(slope):
            return 2 * slope
        p.register_hook(double)
        (3 * p).backward()
    """)
    assert [(event.line, event.after) for event in events] == [(9, 6.0)]


def test_a_function_inside_is_told_line_by_line(story):
    events = story("""
        def twice(leaf):
            (2 * leaf).backward()
            (2 * leaf).backward()
        p = torch.tensor(1.0, requires_grad=True)
        twice(p)
        (1 * p).backward()
    """)
    assert [(e.line, e.name, e.after) for e in events] == [
        (6, "p.grad", 2.0),
        (7, "p.grad", 4.0),
        (10, "p.grad", 5.0),
    ]


def test_several_calls_on_one_line_are_told_one_by_one(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward(); p.grad = None; (3 * p).backward()
    """)
    assert [event.after for event in events] == [2.0, None, 3.0]
    assert {event.line for event in events} == {6}


def test_more_numbers_are_told_one_by_one_and_many_in_short(story):
    events = story("""
        few = torch.ones(2, 2, requires_grad=True)
        many = torch.ones(20, requires_grad=True)
        (few.sum() + many.sum()).backward()
    """)
    assert changes(events) == [
        ("few.grad", None, [1.0, 1.0, 1.0, 1.0]),
        ("many.grad", None, "20 numbers, sum 20"),
    ]


def test_half_and_nan(story):
    events = story("""
        half = torch.tensor(1.0, dtype=torch.float16, requires_grad=True)
        odd = torch.tensor(0.0, requires_grad=True)
        (2 * half).backward()
        odd.sqrt().mul(0).backward()
        odd.sqrt().mul(0).backward()
    """)
    assert [(e.name, str(e.after)) for e in events] == [
        ("half.grad", "2.0"),
        ("odd.grad", "nan"),
        ("odd.grad", "nan"),
    ]


def test_what_is_written_and_changes_nothing_is_told(story):
    """As where a slate has run out of digits."""
    events = story("""
        p = torch.tensor(1.0, dtype=torch.float16, requires_grad=True)
        (2048 * p).backward()
        p.backward()
        torch.nn.utils.clip_grad_norm_([p], 1e6)
    """)
    assert changes(events) == [
        ("p.grad", None, 2048.0),
        ("p.grad", 2048.0, 2048.0),
        ("p.grad", 2048.0, 2048.0),
    ]


def test_a_slate_that_was_asked_for(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        h = 3 * p
        h.retain_grad()
        (2 * h).backward()
    """)
    assert sorted(changes(events)) == [("h.grad", None, 2.0), ("p.grad", None, 6.0)]


def test_what_a_sparse_slate_stores():
    events = of_solution("16", "test_entries_on_a_sparse_slate")
    assert [event.after for event in events] == [
        "1 stored: rows 3",
        "3 stored: rows 3, 3, 1",
    ]
    both = of_solution("16", "test_two_kinds_of_slope")
    assert [event.how for event in both] == ["", "", "a new tensor", ""]


def test_it_stops_where_the_koan_does(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        assert p.grad.item() == 3.0
        (2 * p).backward()
    """)
    assert changes(events) == [("p.grad", None, 2.0)]


@pytest.mark.parametrize(
    ("lesson", "name"),
    [
        ("01", "test_before_any_backward"),
        ("09", "test_the_running_mean"),
        ("14", "test_one_pixel_on_each_rank"),
    ],
)
def test_of_nothing_nothing_is_told(lesson, name):
    assert of_solution(lesson, name) == []


def test_a_name_that_is_missing_leaves_nothing_to_tell(story):
    assert story("(2 * pixel).backward()") == []


# ------------------------------------------ the same tensor, or a new one


def test_a_slate_that_is_written_in_place_is_so_for_its_other_names():
    two = of_solution("10", "test_three_ways_to_keep_it")
    assert hows(two, "p.grad") == [
        (6.0, ""),
        (12.0, "in place, so kept[0], kept[2] too"),
    ]
    own = of_solution("10", "test_a_tensor_of_your_own")
    assert hows(own, "p.grad") == [(100.0, ""), (106.0, "in place, so t too")]
    log = of_solution("10", "test_a_log_of_three_passes")
    assert log[-1].how == "in place, so log[0], log[1] too"


def test_a_slate_that_is_another_tensor():
    graph = of_solution("10", "test_a_slope_with_a_graph")
    assert hows(graph, "p.grad") == [(10.0, ""), (20.0, "a new tensor, not g")]
    wiped = of_solution("10", "test_a_name_and_zero_grad")
    assert hows(wiped, "p.grad")[2:] == [(None, "still in g"), (8.0, "")]


def test_another_tensor_with_the_same_number(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        p.grad = p.grad.clone()
    """)
    assert hows(events, "p.grad") == [(2.0, ""), (2.0, "a new tensor")]


def test_where_nobody_else_has_the_slate_in_place_is_not_said():
    events = of_solution("01", "test_the_same_penalty_three_times")
    assert [event.how for event in events] == ["", "", ""]


# --------------------------------------------------- step(), and where p is


def test_where_p_is_after_the_last_push():
    """What the koan asks for has to be in its story: 8, 12, 14 and 8, 8, 8."""
    events = of_solution("07", "test_after_the_last_push")
    assert hows(events, "p") == [
        (8.0, "step() found -8"),
        (12.0, "step() found 0"),
        (14.0, "step() found 0"),
        (0.0, "a new p"),
        (8.0, "step() found -8"),
        (8.0, "step() found None"),
        (8.0, "step() found None"),
    ]


def test_step_and_wipe_of_two_pixels():
    events = of_solution("03", "test_three_steps_each")
    assert changes(events)[:4] == [
        ("p.grad", None, 1.0),
        ("q.grad", None, 1.0),
        ("p", 0.0, -1.0),
        ("q", 0.0, -1.0),
    ]
    assert hows(events, "p")[-1] == (-11.0, "step() found 7")
    assert hows(events, "q")[-1] == (-7.0, "step() found 4")


def test_what_the_steps_of_windows_found():
    events = of_solution("05", "test_three_epochs_of_five")
    assert [how for _, how in hows(events, "p")] == [
        "step() found 4",
        "step() found 7",
        "step() found 7",
    ]


def test_a_clipped_slate_of_three_numbers():
    events = of_solution("09", "test_a_micro_batch_for_every_pixel")
    assert events[-1].after == pytest.approx([10.8, 14.4, 24.0])


def test_a_step_by_hand(story):
    events = story("""
        p = torch.tensor(2.0, requires_grad=True)
        (3 * p).backward()
        with torch.no_grad():
            p -= 0.5 * p.grad
        p.data.add_(1.0)
    """)
    assert changes(events)[1:] == [("p", 2.0, 0.5), ("p", 0.5, 1.5)]
    assert [event.line for event in events] == [6, 8, 9]


def test_a_name_for_a_tensor_that_wants_no_slope():
    events = of_solution("03", "test_a_step_by_hand")
    assert hows(events, "p") == [(0.5, "a new p: requires_grad is False")]


def test_a_closure_works_out_what_step_finds(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.5)
        def closure():
            loss = 3 * p
            loss.backward()
            return loss
        optimizer.step(closure)
    """)
    assert changes(events) == [("p.grad", None, 3.0), ("p", 1.0, -0.5)]
    assert events[-1].how == "step() found 3"


def test_hooks_of_the_koan_before_and_after_a_step(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.5)
        def double(*_):
            p.grad.mul_(2)
        def wipe(*_):
            p.grad = None
        optimizer.register_step_pre_hook(double)
        optimizer.register_step_post_hook(wipe)
        (3 * p).backward()
        optimizer.step()
    """)
    assert changes(events) == [
        ("p.grad", None, 3.0),
        ("p.grad", 3.0, 6.0),
        ("p", 1.0, -2.0),
        ("p.grad", 6.0, None),
    ]
    assert events[2].how == "step() found 6"


def test_a_step_that_raised_is_over(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        optimizer = torch.optim.SGD([p], lr=0.5)
        def closure():
            raise ValueError
        try:
            optimizer.step(closure)
        except ValueError:
            pass
        with torch.no_grad():
            p += 1.0
    """)
    assert events == [Event(14, "p", 1.0, 2.0, leaf=1)]


def test_a_large_leaf_is_told_of_by_step_alone(story):
    events = story("""
        p = torch.zeros(20, requires_grad=True)
        with torch.no_grad():
            p += 1.0
        p.sum().backward()
        torch.optim.SGD([p], lr=1.0).step()
    """)
    assert changes(events)[1:] == [("p", "20 numbers, sum 20", "20 numbers, sum 0")]
    assert events[-1].how == "step() found 20 numbers, sum 20"


def test_a_torch_without_hooks_of_step(story, monkeypatch):
    monkeypatch.delattr(optimizers, "register_optimizer_step_pre_hook")
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        torch.optim.SGD([p], lr=1.0).step()
    """)
    assert changes(events) == [("p.grad", None, 2.0), ("p", 1.0, -1.0)]


def test_no_hook_stays_behind(story):
    story("raise ValueError")
    assert not optimizers._global_optimizer_pre_hooks
    assert not optimizers._global_optimizer_post_hooks


# -------------------------------------------------------------------- names


def test_under_the_names_that_the_koan_has_for_them(story):
    events = story("""
        layer = torch.nn.Linear(1, 1)
        pixels = [torch.tensor(1.0, requires_grad=True)]
        named = {"left": torch.tensor(1.0, requires_grad=True)}
        pair = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False))
        loss = layer.weight.sum() + 2 * pixels[0] + 3 * named["left"]
        (loss + 4 * pair[0].weight.sum()).backward()
    """)
    assert sorted(changes(events)) == [
        ("layer.weight.grad", None, 1.0),
        ("named['left'].grad", None, 3.0),
        ("pair[0].weight.grad", None, 4.0),
        ("pixels[0].grad", None, 2.0),
    ]


def test_a_helper_that_is_called_again_has_a_new_p():
    events = of_solution("07", "test_frozen_over_three_slates")
    again = [event for event in events if event.how == "a new p"]
    assert [(event.name, event.leaf) for event in again] == [("p", 2), ("p", 3)]
    assert len({event.line for event in again}) == 1
    assert events[0].how == "", "the first of them is no new one"


def test_all_that_is_new_is_told_of_before_one_of_it_changes():
    events = of_solution("07", "test_a_head_times_zero")
    assert [(e.name, e.how) for e in events[3:6]] == [
        ("a", "a new a"),
        ("b", "a new b"),
        ("a.grad", ""),
    ]
    assert [event.how for event in events].count("a new b") == 1


def test_two_leaves_that_take_turns_with_a_name(story):
    events = story("""
        class Box:
            def __init__(self):
                self.p = torch.tensor(1.0, requires_grad=True)
        def push(p):
            (2 * p).backward()
        one, other = Box(), Box()
        for box in (one, other, one):
            push(box.p)
    """)
    assert [(e.name, e.after, e.how) for e in events] == [
        ("p.grad", 2.0, ""),
        ("p", 1.0, "a new p"),
        ("p.grad", 2.0, ""),
        ("p", 1.0, "the earlier p again"),
        ("p.grad", 4.0, ""),
    ]


def test_a_layer_is_called_as_the_koan_calls_it():
    """Not linear.weight, as the helper does that made it and is over."""
    names = {e.name for e in of_solution("07", "test_freeze_the_backbone")}
    assert names == {
        "backbone.weight",
        "backbone.weight.grad",
        "head.weight",
        "head.weight.grad",
    }


def test_what_initialises_a_layer_is_where_it_starts():
    events = of_solution("06", "test_one_step_for_two_heads")
    assert events[0].name == "trunk.weight.grad"
    assert (1.0, "a new trunk.weight") in hows(events, "trunk.weight")


# -------------------------------------------------- it changes nothing


def test_nothing_is_kept_alive(story):
    head = "seen = []"
    events = story(
        """
        import gc, weakref
        p = torch.tensor(1.0, requires_grad=True)
        loss = 2 * p
        gone = weakref.ref(loss)
        loss.backward()
        del loss
        pass
        assert gone() is None
        g = p.grad
        p.grad, slate = None, weakref.ref(g)
        del g
        pass
        assert slate() is None
        (2 * p).backward()
        leaf, slate = weakref.ref(p), weakref.ref(p.grad)
        del p
        pass
        assert leaf() is None and slate() is None
        q = torch.tensor(1.0, requires_grad=True)
        (2 * q).backward()
        """,
        head,
    )
    assert events[-1].name == "q.grad", "the koan ended at an assert"


def test_identity_and_aliasing_are_as_they_would_be(story):
    events = story("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        saved, address = p.grad, p.grad.data_ptr()
        (2 * p).backward()
        assert saved is p.grad and p.grad.data_ptr() == address
        assert saved._version == 1 and p._version == 0
        assert saved.grad_fn is None and torch.is_grad_enabled()
        p.grad = torch.tensor(0.25)
    """)
    assert events[-1].after == 0.25, "the koan ended at an assert"


def test_a_trace_that_was_there_before_is_put_back(koan):
    def trace(frame, event, argument):
        return None

    function, before = koan("raise KeyError"), sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyError), watch(function.__code__.co_filename, []):
            function()
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_it_catches_nothing(koan):
    function = koan("raise SystemExit")
    with pytest.raises(SystemExit), watch(function.__code__.co_filename, []):
        function()


def test_the_leaves_go_when_the_koan_is_over(koan):
    leaves: list[weakref.ref] = []
    function = koan("""
        p = torch.tensor(1.0, requires_grad=True)
        (2 * p).backward()
        mark(p)
    """)
    with watch(function.__code__.co_filename, []):
        function(lambda leaf: leaves.append(weakref.ref(leaf)))
    gc.collect()
    assert leaves[0]() is None


def test_a_generator_that_outlives_it_is_not_traced_on(koan):
    function = koan("""
        p = torch.tensor(1.0, requires_grad=True)
        def pushes():
            while True:
                yield (2 * p).backward()
        pushing = pushes()
        next(pushing)
        return pushing
    """)
    events: list[Event] = []
    with watch(function.__code__.co_filename, events):
        pushing = function()
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        next(pushing)
    finally:
        sys.settrace(before)
    assert [event.after for event in events] == [2.0]


def test_tensors_of_vmap_and_grad_are_passed_over(story):
    events = story("""
        p = torch.tensor([1.0, 2.0], requires_grad=True)
        def penalty(q, x):
            r = q * x
            return r * r
        torch.func.vmap(torch.func.grad(penalty), in_dims=(0, None))(p, p.sum())
        torch.func.grad(penalty)(p[0], 2.0)
        p.sum().backward()
    """)
    assert changes(events) == [("p.grad", None, [1.0, 1.0])]


def test_a_module_in_its_init_and_tensors_that_cannot_be_read(story):
    events = story("""
        class Mine(torch.nn.Module):
            def __init__(self):
                size = 1
                super().__init__()
                self.pixel = torch.nn.Parameter(torch.ones(size))
                self.lazy = torch.nn.LazyLinear(1)
        mine = Mine()
        nowhere = torch.ones(1, device="meta", requires_grad=True)
        with torch.inference_mode():
            unversioned = torch.ones(1, requires_grad=True)
        mine.pixel.sum().backward()
    """)
    assert changes(events) == [("mine.pixel.grad", None, 1.0)]


# ------------------------------------------------ the engine's side of it


def test_all_of_it_is_there_before_the_next_call(koan):
    """The engine notes how many events there are when a check reports."""
    function = koan("""
        def train(k):
            p = torch.tensor(1.0, requires_grad=True)
            (k * p).backward()
            p.data.mul_(2.0)
            return p.item()
        mark(train(1))
        q = torch.tensor(1.0, requires_grad=True)
        mark(train(2)); (2 * q).backward(); mark(0); q.grad = None
        mark(0)
    """)
    events: list[Event] = []
    marks: list[int] = []
    with watch(function.__code__.co_filename, events):
        function(lambda _: marks.append(len(events)))
    assert marks == [2, 5, 6, 7]


@pytest.mark.parametrize(
    ("path", "name"), KOANS, ids=[f"{path.stem}-{name}" for path, name in KOANS]
)
def test_every_solution_passes_with_the_story_on(path, name, device):
    """Watched, a koan does what it does unwatched."""
    function = getattr(loaded(path), name)
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "skipif" and mark.args[0]:
            pytest.skip(mark.kwargs["reason"])
    events: list[Event] = []
    with watch(function.__code__.co_filename, events):
        function(device)
    assert all(event.line > 0 for event in events)
    assert torch.is_grad_enabled()
