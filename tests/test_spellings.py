"""Code is diagnosed by what it did: other spellings of mistakes that the notes name.

Each is told what the mistake that it ends like is told. None is in the notes.
"""

from __future__ import annotations

import pytest

from sensei.check.trials import Trials
from sensei.verdicts import Kind
from sensei.work import Work
from this_course import KOANS, is_code, solved

STEP = "\n    optimizer.step()\n    optimizer.zero_grad()"
EVERY_K = "if (i + 1) % k == 0:" + STEP
SUMMED = 'cross_entropy(logits, targets, reduction="sum")'
WINDOW = "for x in batches:\n    loss = model(x) / len(batches)\n    loss.backward()"
REST = (
    "\nloss = loss_fn(h, y)\nloss.backward()\noptimizer.step()\noptimizer.zero_grad()"
)
ZEROED = """\
for p in backbone.parameters():
    p.requires_grad = False
    p.grad.zero_()"""
BY_K = """\
for start in range(0, len(batches), k):
    for x, y in batches[start : start + k]:
        loss = loss_fn(model(x), y) / k
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    scheduler.step()"""
SUM_OF = 'sum_of = torch.nn.CrossEntropyLoss(reduction="sum")\n'
LOOP = """\
for start in range(0, len(batches), k):
    window = batches[start : start + k]
    real = sum((y != -100).sum().item() for x, y in window)
    for x, y in window:
        {}
{}    optimizer.step()
    optimizer.zero_grad()
    scheduler.step()"""
LOOP_14 = """real = over_ranks(sum((y != -100).sum().item() for x, y in texts))
for i, (x, y) in enumerate(texts, 1):
    with no_sync_if(i < len(texts), model):
        loss = 2 * loss_fn(model(x), y) / real
        loss.backward()
clip_grad_norm_(model.parameters(), max_norm)
optimizer.step()
optimizer.zero_grad()
"""
GOOD_15 = """for begin in range(0, len(batches), k):
    good = 0
    for x, y in batches[begin : begin + k]:
        loss = loss_fn(model(x), y)
        if torch.isfinite(loss):
            loss.backward()
            good += 1
    if good:
        for p in model.parameters():
            p.grad /= good
        optimizer.step()
        optimizer.zero_grad()
"""
DIVIDED = "        for p in model.parameters():\n            p.grad /= good\n"
HOOKS_16 = """optimizers = {p: new_optimizer([p]) for p in model.parameters()}

def when_written(p):
    optimizers[p].step()
    optimizers[p].zero_grad()

for p in model.parameters():
    p.register_post_accumulate_grad_hook(when_written)
"""
ENDS_LIKE = {
    "test_when_to_keep_quiet": {
        "bool((i + 1) % k)": "(i + 1) % k != 0",
        "not i + 1 == n": "i + 1 < n",
    },
    "test_your_own_loop_on_two_ranks": {
        LOOP_14.replace(
            "loss = 2 * loss_fn(model(x), y) / real\n        loss.backward()",
            "(loss_fn(model(x), y) / real).backward()",
        ): LOOP_14.replace("2 * ", "", 1),
        LOOP_14.replace("i < len(texts)", "x is None"): (
            LOOP_14.replace(
                "for i, (x, y) in enumerate(texts, 1)", "for x, y in texts"
            ).replace("i < len(texts)", "False")
        ),
    },
    "test_where_to_go_on": {"max(done, 0)": "done", "int(done // k)": "done // k"},
    "test_a_k_that_changes": {
        "waiting in (k,)": "waiting == k",
        "divmod(i + 1, k)[1] == 0": "(i + 1) % k == 0",
    },
    "test_a_row_that_stays": {
        "table.grad[0] *= 0\noptimizer.step()\noptimizer.zero_grad()": (
            "table.grad[0] = 0.0\noptimizer.step()\noptimizer.zero_grad()"
        ),
        "optimizer.step()\ntable.grad = None": (
            "optimizer.step()\noptimizer.zero_grad()"
        ),
    },
    "test_your_own_loop_with_bad_batches": {
        GOOD_15.replace("p.grad /= good", "p.grad = p.grad / k"): GOOD_15.replace(
            "/= good", "/= k"
        ),
        GOOD_15.replace(DIVIDED, "").replace("good += 1", "good = good + 1"): (
            GOOD_15.replace(DIVIDED, "")
        ),
    },
    "test_your_own_loop_with_one_slate": {
        HOOKS_16.replace("    optimizers[p].zero_grad()\n", "").replace(
            "when_written", "moved"
        ): HOOKS_16.replace("    optimizers[p].zero_grad()\n", ""),
    },
    "test_what_one_batch_brought": {
        "(lambda: before)()": "before",
        "slate(model.weight) + 0 * loss.item()": "slate(model.weight)",
    },
    "test_a_clean_slate_for_every_batch": {
        "p * torch.zeros_like(p)": "0 * p",
        "p.grad if True else None": "p.grad",
    },
    "test_two_layers_one_optimizer": {
        "for p in head.parameters():\n    p.grad = None\n"
        "loss.backward()\noptimizer.step()": (
            "optimizer.zero_grad()\nloss.backward()\noptimizer.step()"
        ),
        "loss.backward()\nfor p in model.parameters():\n    p.grad = None\n"
        "optimizer.step()": "loss.backward()\nmodel.zero_grad()\noptimizer.step()",
    },
    "test_a_dataloader_with_a_rest": {
        "loss_fn(model(x), y).div(len(loader))": "loss_fn(model(x), y) / len(loader)",
    },
    "test_windows_with_a_schedule": {
        "while batches:\n    window, batches = batches[:k], batches[k:]\n"
        "    for x, y in window:\n        (loss_fn(model(x), y) / k).backward()\n"
        "    optimizer.step()\n    model.zero_grad()\n    scheduler.step()": (BY_K),
    },
    "test_a_state_that_runs_on": {
        "for i in range(len(xs)):\n    h = cell(xs[i], h.detach())" + REST: (
            "for x in xs:\n    h = cell(x, h.detach())" + REST
        ),
    },
    "test_freezing_with_slates_that_stay": {
        "backbone.requires_grad_(False)\nfor p in backbone.parameters():\n"
        "    p.grad *= 0": ZEROED,
    },
    "test_a_wipe_for_every_pixel": {
        "p.grad is not None and bool(p.grad)": "p.grad",
        "p.grad.numel() > 0": "p.grad.any()",
    },
    "test_the_order_of_three_calls": {
        "p.grad = q.grad = None\noptimizer.step()\nloss.backward()": (
            "optimizer.zero_grad()"
        ),
        "loss.backward()\nif p.grad is not None:\n    optimizer.step()": (
            "loss.backward()\noptimizer.step()"
        ),
    },
    "test_equal_micro_batches": {
        "torch.mean(losses)": "losses.mean()",
        "losses.sum().div(k)": "losses.sum() / k",
    },
    "test_any_cut": {
        "torch.mean(losses) / k": "losses.mean() / k",
        "sum(losses) / k": "losses.sum() / k",
    },
    "test_when_to_step": {
        "not i % k": "i % k == 0",
        "i + 1 in (k, 2 * k)": "i + 1 == k or i + 1 == 2 * k",
    },
    "test_no_batch_left_behind": {
        "i % k == k - 1": "(i + 1) % k == 0",
        "i == len(batches) - 1": "i + 1 == len(batches)",
    },
    "test_a_short_last_window": {
        "penalty * (1 / k)": "penalty / k",
        "penalty.sum()": "penalty",
    },
    "test_each_window_at_half_the_rate": {
        f"if i % k == k - 1:{STEP}\nscheduler.step()": f"{EVERY_K}\nscheduler.step()",
        f"scheduler.step()\nif not (i + 1) % k:{STEP}": f"scheduler.step()\n{EVERY_K}",
    },
    "test_one_step_for_two_heads": {
        "left.backward(retain_graph=False)": "left.backward()",
        "(0.5 * left + 0.5 * right).backward()": (
            "loss = (left + right) / 2\nloss.backward()"
        ),
    },
    "test_a_pixel_to_train": {
        "torch.tensor(start).to(device).requires_grad_()": (
            "torch.tensor(start, device=device, requires_grad=True)"
        ),
        "torch.tensor(start).to(device).to(dtype)": (
            "torch.as_tensor(start, dtype=dtype, device=device)"
        ),
    },
    "test_freeze_the_backbone": {
        "p.grad.mul_(0)": "p.grad.zero_()",
        "for q in backbone.parameters():\n    q.grad = None": "p.grad = None",
    },
    "test_what_goes_to_backward": {
        'cross_entropy(logits, targets, reduction="mean") / real': (
            "cross_entropy(logits, targets) / real"
        ),
        f"{SUMMED} * 0.5": f"{SUMMED} / 2",
    },
    "test_a_window_from_a_stream": {
        f"{SUMMED}.backward()\nreal += targets.numel()": (
            f"loss = {SUMMED}\nloss.backward()\nreal += len(targets)"
        ),
        f"{SUMMED}.backward()\nreal = real + 1": (
            f"loss = {SUMMED}\nloss.backward()\nreal += 1"
        ),
    },
    "test_a_clipped_window": {
        f"loss = loss / k\nloss.backward()\nif not (i + 1) % k:{STEP}": (
            f"(loss / k).backward()\n{EVERY_K}"
        ),
        f"loss.backward()\nif i % k == k - 1:{STEP}": f"loss.backward()\n{EVERY_K}",
    },
    "test_what_one_backward_adds": {
        "p.grad * 0": "0",
        "p.detach().clone()": "p.clone()",
    },
    "test_a_pile_beside_the_slate": {
        "loss.backward()\npile = pile + p.grad": "loss.backward()\npile += p.grad",
        "loss.backward()\npile = 1 * p.grad": "loss.backward()\npile = p.grad.clone()",
    },
    "test_what_the_critic_sees": {
        "fake + 0": "fake * 1",
        "float(10)": "10.0",
    },
    "test_the_painters_turn": {
        "move_painter.zero_grad()\n(-critic * paint(painter)).backward()\n"
        "move_painter.step()": (
            "move_painter.zero_grad()\nloss.backward()\nmove_painter.step()"
        ),
        "loss.backward(inputs=painter)\nmove_painter.step()": (
            "loss.backward(inputs=[painter])\nmove_painter.step()"
        ),
    },
    "test_tokens_of_a_window": {
        "n = len(window)\nfor x, y in window:\n    part = loss_fn(model(x), y) / n\n"
        "    part.backward()\n    total = total + part.item()": (
            "for x, y in window:\n    loss = loss_fn(model(x), y) / len(window)\n"
            "    loss.backward()\n    total += loss.item()"
        ),
    },
    "test_the_whole_loop": {
        "all_of_it = torch.nn.CrossEntropyLoss(reduction='sum')\n"
        + LOOP.format("(all_of_it(model(x), y) / real).backward()", ""): (
            SUM_OF
            + LOOP.format(
                "loss = sum_of(model(x), y) / real\n        loss.backward()", ""
            )
        ),
        SUM_OF
        + LOOP.format(
            "(sum_of(model(x), y) / real).backward()",
            "    for p in model.parameters():\n"
            "        p.grad.clamp_(-max_norm, max_norm)\n",
        ): (
            SUM_OF
            + LOOP.format(
                "loss = sum_of(model(x), y) / real\n        loss.backward()",
                "    torch.nn.utils.clip_grad_value_(model.parameters(), max_norm)\n",
            )
        ),
    },
    "test_your_loop_under_autocast": {
        "with torch.autocast(device, dtype=torch.bfloat16):\n    for x, y in batches:\n"
        "        loss_fn(model(x), y).backward()\n        optimizer.step()\n"
        "        model.zero_grad()": (
            "with torch.autocast(device, dtype=torch.bfloat16):\n"
            "    for x, y in batches:\n        loss = loss_fn(model(x), y)\n"
            "        loss.backward()\n        optimizer.step()\n"
            "        optimizer.zero_grad()"
        ),
        "for x, y in batches:\n    loss_fn(model(x), y).backward()\n"
        "    optimizer.step()\n    model.zero_grad()": (
            "for x, y in batches:\n    loss = loss_fn(model(x), y)\n"
            "    loss.backward()\n    optimizer.step()\n    optimizer.zero_grad()"
        ),
    },
    "test_a_head_that_took_no_part": {
        "optimizer.param_groups[0]['params'][0].grad is not None": (
            "head[0].grad is not None"
        ),
        "any(p.grad is not None and p.grad.any() for p in head)": (
            "any(p.grad is not None and p.grad.abs().sum() > 0 for p in head)"
        ),
        "all(isinstance(p, torch.Tensor) for p in head)": (
            "any(p is not None for p in head)"
        ),
    },
    "test_a_whole_scaled_window": {
        "clip_grad_norm_(pixels, 1)\nscaler.step(optimizer)\nscaler.update()": (
            "clip_grad_norm_(pixels, 1.0)\nscaler.step(optimizer)\nscaler.update()"
        ),
        "clip_grad_norm_(pixels, max_norm=1)\noptimizer.step()": (
            "clip_grad_norm_(pixels, 1.0)\noptimizer.step()"
        ),
        "scaler.unscale_(optimizer)\ntorch.nn.utils.clip_grad_value_(pixels, 1)\n"
        "scaler.step(optimizer)\nscaler.update()": (
            "scaler.unscale_(optimizer)\nfor p in pixels:\n"
            "    p.grad.clamp_(-1, 1)\nscaler.step(optimizer)\nscaler.update()"
        ),
    },
    "test_stepping_in_the_hook": {
        "with torch.no_grad():\n    p -= 0.25 * p.grad": "optimizer.step()",
        "p.grad *= 0\noptimizer.step()": "p.grad.zero_()\noptimizer.step()",
    },
}
CODE = {koan.name: koan for koan in KOANS if is_code(koan)}


def test_every_koan_of_code_is_here():
    assert ENDS_LIKE.keys() == CODE.keys()


@pytest.mark.parametrize("name", ENDS_LIKE)
@pytest.mark.filterwarnings("ignore")
def test_another_spelling_of_a_named_mistake_gets_its_sentence(name):
    koan = CODE[name]
    trials = Trials(koan, Work(koan.lesson, solved(koan).encode()))
    faults = []
    for spelling, like in ENDS_LIKE[name].items():
        assert spelling not in [fill for m in koan.note.mistakes for fill in m.fills]
        verdicts = trials.verdict(like), trials.verdict(spelling)
        named = [
            [
                says
                for says in {m.says for m in koan.note.mistakes}
                if says in v.sentence
            ]
            for v in verdicts
            if v.kind in (Kind.FAILED, Kind.ERROR)
        ]
        if not named[0] or named[0] != named[-1] or len(named) < 2:
            faults.append(f"{spelling}: {verdicts[1]}\n  {verdicts[0]}")
    assert faults == [], "\n".join(["", *faults])
