"""The worlds of this course: what each does to torch, and that nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer
from torch.overrides import _get_current_function_mode_stack

from sensei import beliefs, processes
from sensei.beliefs import Belief, World
from sensei.lesson import Koan
from sensei.running import run
from sensei.verdicts import Kind
from sensei.watchdog import Hang
from sensei.work import Work
from this_course import COURSE, KOANS, LIMITS, id_of, judged, solved

assert COURSE is not None
BELIEFS = COURSE.beliefs
WORLDS = [
    pytest.param(belief, world, id=f"{belief.name}-{number}".replace(" ", "_"))
    for belief in BELIEFS
    for number, world in enumerate(belief.worlds, 1)
]
each_world = pytest.mark.parametrize(("belief", "world"), WORLDS)
BY_NAME = {koan.name: koan for koan in KOANS}


def kinds_of(kind: Any) -> Iterator[type]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of(below)


def state_of_torch() -> dict[str, Any]:
    """Whatever a world may put something else in the place of."""
    owners = {
        "autograd": torch.autograd,
        "functional": functional,
        "utils": torch.nn.utils,
        "Tensor": Tensor,
        "Module": torch.nn.Module,
        "torch": torch,
        "GradScaler": torch.amp.GradScaler,
        "LRScheduler": torch.optim.lr_scheduler.LRScheduler,
        "DDP": torch.nn.parallel.DistributedDataParallel,
        **{kind.__qualname__: kind for kind in kinds_of(Optimizer)},
    }
    found = {
        f"{owner}.{name}": getattr(value, "__wrapped__", value)
        for owner, where in owners.items()
        for name, value in vars(where).items()
        if callable(value) or isinstance(value, property)
    }
    return {
        **found,
        "modes": len(_get_current_function_mode_stack()),
        "dtype": torch.get_default_dtype(),
    }


def train() -> None:
    """A little of everything that worlds touch."""
    model = torch.nn.Linear(2, 1)
    for kind in (torch.optim.SGD, torch.optim.Adam):
        optimizer = kind(model.parameters(), lr=0.5)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for _ in range(2):
            loss = functional.mse_loss(model(torch.ones(3, 2)), torch.ones(3, 1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=False)
            model.zero_grad()


@each_world
def test_torch_is_what_it_was_after_a_world(belief: Belief, world: World):
    train()  # so that the optimizers have their hooks
    before, names = state_of_torch(), {"range": range}
    with world(names):
        train()
    assert names == {"range": range}
    assert state_of_torch() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, Hang, RuntimeError, SystemExit])
def test_and_after_one_that_is_left_in_a_hurry(error):
    before = state_of_torch()
    for belief in BELIEFS:
        for world in belief.worlds:
            with pytest.raises(error), world({}):
                raise error
            assert state_of_torch() == before, belief.name


def test_and_in_who_forked_inside_it():
    [belief] = [each for each in BELIEFS if each.name == "replaces"]
    before = state_of_torch()
    with belief.worlds[0]({}):
        child = processes.fork(lambda: 0)
        while child.ended() is None:
            pass
    assert child.status == 0
    assert state_of_torch() == before


def test_a_state_of_torch_that_was_changed_is_seen(monkeypatch):
    before = state_of_torch()
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: None)
    assert state_of_torch() != before


# ------------------------------------------------------------------------- the list


def test_each_belief_has_a_name_a_sentence_and_a_way_to_be_true():
    assert len({belief.name for belief in BELIEFS}) == len(BELIEFS)
    assert len({belief.says for belief in BELIEFS}) == len(BELIEFS)
    for belief in BELIEFS:
        assert belief.worlds or belief.readings, belief.name
        assert not belief.says.endswith("."), belief.says


@pytest.mark.parametrize("belief", BELIEFS, ids=lambda belief: belief.name)
def test_the_koan_to_look_at_is_there_and_not_behind_its_lesson(belief: Belief):
    if belief.see:
        assert BY_NAME[belief.see].lesson.number <= belief.lesson


# ------------------------------------------------------------------- what they tell

TOLD = [
    ("test_a_second_target", "0.8", "replaces"),
    ("test_three_cells_of_a_notebook", "[4, 8, 5]", "averages"),
    ("test_review_five_events", "[None, 1, 1, 0, -1]", "first only"),
    ("test_two_penalties_at_once", "[-0.25, -0.25]", "no factor of two"),
    ("test_a_wipe_in_between", "[-0.6, -1.2]", "no wipe"),
    ("test_five_calls", "[False, True, False, False, True]", "step wipes"),
    ("test_three_quiet_pixels", "[None, None, 0.0]", "always none"),
    ("test_two_ways_to_wipe", "[0.0, 0.0]", "leaves zeros"),
    (
        "test_a_weight_without_its_bias",
        "[[None, None], [None, None]]",
        "wipes all in sight",
    ),
    ("test_two_heads_on_one_trunk", "[6.0, 21.0]", "one path"),
    ("test_two_wiped_slates", "[7.0, 7.0]", "none is zero"),
    ("test_frozen_over_three_slates", "[4.0, 4.0, 4.0]", "passes by the frozen"),
    ("test_all_in_one_batch", "[-0.125, 0.125]", "padded places count"),
    ("test_a_log_of_three_passes", "[1.0, 3.0, 6.0]", "read is a copy"),
    ("test_two_calls_of_unscale", "[8.0, 8.0, 8.0]", "true slopes under a scaler"),
    ("test_asking_for_a_slope", "[6.0, 11.0]", "grad writes"),
    ("test_naming_the_leaves", "[12.0, 6.0, 4.0]", "inputs overlooked"),
    ("test_one_pixel_on_each_rank", "[3.0, 3.0]", "ranks add up"),
    ("test_two_kinds_of_hook", "[[3.0, 7.0], [3.0, 7.0]]", "hooks get the slate"),
]


@pytest.mark.parametrize(("name", "wrote", "belief"), TOLD)
def test_what_an_answer_would_be_right_if(name: str, wrote: str, belief: str):
    says = {each.name: each.says for each in BELIEFS}[belief]
    verdict = judged(BY_NAME[name], wrote)
    assert verdict.kind is Kind.WRONG
    assert says in verdict.beliefs


PREDICTIONS = [koan for koan in KOANS if koan.note.is_prediction]


@pytest.mark.parametrize("koan", PREDICTIONS[::3], ids=id_of)
def test_the_right_answer_is_believed_by_nobody(koan: Koan):
    """And a koan that ran through all of its worlds is as before behind them.

    Of every third: ``sensei check`` has all of them run so, one after the other.
    """
    work = Work(koan.lesson, solved(koan).encode())
    attempt = work.attempt(koan)
    outcome = run(attempt, {"device": "cpu"}, LIMITS)  # type: ignore[arg-type]
    if outcome.skipped is not None:
        pytest.skip(outcome.skipped)
    before = state_of_torch()
    for one in beliefs.believed(outcome):
        assert not beliefs.agree(one.value, outcome.prediction, None), one.belief.name
    assert state_of_torch() == before
    again = run(attempt, {"device": "cpu"}, LIMITS)  # type: ignore[arg-type]
    assert again.alike(outcome)
