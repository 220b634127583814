"""The table of what a fill of code may be in grading: every row, both ways."""

from __future__ import annotations

import importlib
import re
import textwrap
from types import ModuleType

import pytest

from course import COURSE, KOANS
from sensei import blanks
from sensei.blanks import Fill
from sensei.grading import names, rules
from sensei.grading.answers import Scribe
from sensei.grading.book import Book
from sensei.grading.template import read, select

LESSON = """
import copy
import os
import torch
import torch.nn.functional as F
from pytest import approx
from torch import nn, optim
from slate import slate


class Guesser(nn.Module):
    pass


def test_it(device):
    p = torch.tensor([0.5], device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    seen = [n * 2 for n in range(3)]

    def train(steps):
        real = 0
        for i in range(steps):
            loss = p.pow(2)
            __
        return real

    assert train(2) == 2
"""


def refusal(text: str) -> tuple[str, str] | None:
    tree = blanks.parse(LESSON)
    koan = tree.body[-1]
    right = Fill(tuple(blanks.parse("loss.backward()\nreal += 1").body))
    scope = rules.scope_of(tree, koan, [right])
    return rules.refusal(Fill(tuple(blanks.parse(textwrap.dedent(text)).body)), scope)


EXAMPLES = {
    "size": ("loss.backward()", "[" + "0, " * 3000 + "]"),
    "import": ("copy.deepcopy(p)", "import os"),
    "scope": ("real += 1", "global p"),
    "leaving": ("half = lambda x: x / 2", "return 2"),
    "class": ("def half(x): x / 2", "class Half: pass"),
    "dunder": ("p.grad", "p.__class__"),
    "private": ("for _ in seen: loss.backward()", "p._backward_hooks"),
    "way out": ("p.detach().clone()", "p.untyped_storage()"),
    "rebinding": ("mine = loss / 2", "loss = 0"),
    "assignment": ("p.grad = None", "torch.Tensor.item = None"),
    "name": ("sorted(seen)", "open('x', 'w')"),
    "module": ("torch.nn.functional.relu(p)", "torch.save(p, 'x')"),
    "bare class": ("isinstance(p, torch.Tensor)", "mine = torch.Tensor"),
}


def test_every_row_has_its_examples():
    assert list(EXAMPLES) == [rule.name for rule in rules.RULES]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_row_passes_one_fill_and_refuses_another(name):
    passes, refused = EXAMPLES[name]
    assert refusal(passes) is None
    rule, sentence = refusal(refused) or ("", "")
    assert rule == name
    assert "{" not in sentence and sentence.endswith(".")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("from os import path", "import"),
        ("nonlocal p", "scope"),
        *[
            (text, "leaving")
            for text in (
                "raise ValueError",
                "assert True",
                "def f(): yield 1",
                "def f(): return 1",
                "async def f(): await p",
                "(lambda: (yield))",
            )
        ],
        ("__import__('os')", "dunder"),
        ("{}.__class__.__base__.__subclasses__()", "dunder"),
        ("def __eq__(a, b): 1", "dunder"),
        ("lambda __x__: 1", "dunder"),
        ("f(__kw__=1)", "dunder"),
        ("(x for x in seen).gi_frame", "way out"),
        ("'{0.grad}'.format(p)", "way out"),
        ("p.data_ptr()", "way out"),
        ("p = 1", "rebinding"),
        ("torch = 1", "rebinding"),
        ("slate = lambda p: 0", "rebinding"),
        ("approx = lambda x: x", "rebinding"),
        ("device = 'meta'", "rebinding"),
        ("train = lambda steps: 2", "rebinding"),
        ("len = lambda x: 2", "rebinding"),
        ("del p", "rebinding"),
        ("for p in seen: 1", "rebinding"),
        ("with torch.no_grad() as p: 1", "rebinding"),
        ("(p := 1)", "rebinding"),
        ("[p := n for n in seen]", "rebinding"),
        ("try:\n    1\nexcept Exception as p:\n    1", "rebinding"),
        ("def slate(p): 1", "rebinding"),
        ("torch.nn.Linear.forward = None", "assignment"),
        ("Guesser.bias = None", "assignment"),
        ("optimizer.step = None", "assignment"),
        ("del p.requires_grad_", "assignment"),
        ("for torch.x in seen: 1", "assignment"),
        *[
            (f"{name}('x')", "name")
            for name in re.findall(
                r"\w+",
                "eval exec compile open input exit quit getattr setattr delattr vars "
                "globals locals dir type object super memoryview id help breakpoint "
                "classmethod property BaseException SystemExit KeyboardInterrupt",
            )
        ],
        *[
            (text, "module")
            for text in (
                "os.system('true')",
                "os",
                "torch",
                "torch.os.system('true')",
                "torch.sys.exit()",
                "torch.nn.functional.torch.save(p, 'x')",
                "F.math",
                "nn.functional.importlib",
                "optim.lr_scheduler.warnings",
                "torch.load('x')",
                "torch.hub.load('x', 'y')",
                "torch.jit.script(p)",
                "torch.utils.cpp_extension.load('x', [])",
                "torch.multiprocessing.spawn(1)",
                "torch.distributed.init_process_group()",
                "torch.serialization",
                "torch.ops.load_library('x')",
                "torch.classes.load_library('x')",
                "torch.set_num_threads(9)",
                "torch.package.PackageImporter('x')",
                "torch.nn.modules.linear.math",
                "copy.sys",
                "mine = torch.nn",
            )
        ],
        ("torch.compile(p)", "way out"),
        ("torch.from_file('x')", "way out"),
        ("[torch.Tensor]", "bare class"),
        ("mine = Guesser", "bare class"),
        ("lambda t=torch.optim.SGD: t", "bare class"),
    ],
)
def test_what_else_is_refused(text, rule):
    assert (refusal(text) or ("", ""))[0] == rule


@pytest.mark.parametrize(
    "text",
    [
        "real += 1",  # as the right answer does
        "[p for p in seen]",  # in a scope of its own
        "sum(loss for loss in seen)",
        "sorted(seen, key=lambda p: -p)",
        "def half(p): p / 2",
        "n = 3",  # n is bound in a comprehension of the koan, not here
        "p.grad[0] = 0.0",
        "p.requires_grad = False",
        "optimizer.param_groups[0]['lr'] = 0.5",
        "model = torch.nn.Linear(1, 1)\nmodel.weight.grad = None",
        "with torch.no_grad():\n    1",
        "Guesser()",
        "F.mse_loss(p, p)",
        "nn.Parameter(p)",
        "optim.lr_scheduler.StepLR(optimizer, 1)",
        "torch.Tensor.detach(p)",
        "torch.zeros(1, dtype=torch.float64)",
        "torch.autograd.grad(loss, [p])",
        "torch.func.vmap(torch.func.grad(lambda x: x))(p)",
        "torch.amp.GradScaler('cpu')",
        "table = p.grad._nnz()",
        "try:\n    loss.backward()\nexcept RuntimeError:\n    pass",
    ],
)
def test_what_else_passes(text):
    assert refusal(text) is None


@pytest.fixture(scope="module")
def template():
    return read(COURSE, select(COURSE, "all"))


def test_no_known_answer_of_the_course_is_refused(template):
    scribe = Scribe(Book())
    given = {(k.lesson.files.name, k.name): k for k in template.koans}
    refused = []
    for koan in KOANS:
        fills = [
            koan.solution,
            *koan.note.also_right,
            *(m.fill for m in koan.note.mistakes),
        ]
        for text in fills if not koan.note.is_prediction else []:
            body = blanks.parse(textwrap.dedent(text)).body
            fill = Fill(tuple(body) if koan.has_statements else (body[0].value,))
            number = scribe.fill(given[koan.files.name, koan.note.name], fill)
            if scribe.book.entries[number].rule:
                refused.append((koan.id, text, scribe.book.entries[number].sentence))
    assert refused == []


def _listed():
    for module in names.MODULES:
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        for name in dir(found):
            if names.is_listed(module, name):
                yield module, name, getattr(found, name)


def test_no_list_lets_a_module_through():
    """What is listed is there, and is a module only where that has its own list."""
    found = list(_listed())
    assert len(found) > 500
    for module, name, value in found:
        assert not isinstance(value, ModuleType), f"{module}.{name}"
        assert getattr(value, "__module__", None) not in ("os", "sys", "subprocess")


NEWER = {"Buffer", "clip_grads_with_norm_", "get_total_norm", "rms_norm"}  # than 2.3


def test_the_lists_name_what_is_there():
    for module, words in names.MODULES.items():
        found = importlib.import_module(module)
        missing = {w for w in words.split() if "*" not in w and not hasattr(found, w)}
        assert missing <= NEWER, f"{module}: {missing}"
