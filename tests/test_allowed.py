"""What code may use: right answers pass, ways out are refused, the lists are sound."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import symtable
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensei import allowed
from sensei.allowed import Refusal
from sensei.blanks import Fill
from sensei.free import Free
from sensei.lesson import Koan
from sensei.listed import ListError
from sensei.scope import Scope, scope_of
from sensei.work import Work
from this_course import KOANS, ROOT, id_of, is_code

FREE_TOML = ROOT / "course" / "free.toml"
FREE = Free.load(FREE_TOML)


def fill_of(text: str, *, is_expression: bool = False) -> Fill:
    body = ast.parse(textwrap.dedent(text).strip("\n")).body
    if is_expression:
        [statement] = body
        assert isinstance(statement, ast.Expr)
        return Fill((statement.value,))
    return Fill(tuple(body))


# --------------------------------------------------------- the course's own answers


CODE = {koan.name: koan for koan in KOANS if is_code(koan)}


def refusal(koan: Koan, text: str) -> Refusal | None:
    """Why an answer to a koan may not run."""
    assert koan.solution and koan.scope
    fill = fill_of(text, is_expression=koan.solution.is_expression)
    return allowed.refusal(fill, koan.scope, FREE)


def known_answers(koan: Koan) -> Iterator[str]:
    yield koan.solution_text
    yield from koan.note.also_right
    for mistake in koan.note.mistakes:
        yield from mistake.fills


def is_pattern(text: str) -> bool:
    """Whether a mistake stands for many fills: ``...`` is any expression."""
    nodes = ast.walk(ast.parse(textwrap.dedent(text)))
    return any(isinstance(n, ast.Constant) and n.value is ... for n in nodes)


def test_there_are_code_koans():
    assert len(CODE) >= 22
    assert sum(1 for koan in CODE.values() for _ in known_answers(koan)) >= 200


@pytest.mark.slow
@pytest.mark.parametrize("koan", CODE.values(), ids=id_of)
def test_every_answer_that_the_course_knows_may_run(koan):
    """A mistake may be refused, in all of its spellings: the notes speak first."""
    answers = [text for text in known_answers(koan) if not is_pattern(text)]
    refused = {text for text in answers if refusal(koan, text)}
    told = [{*mistake.fills} for mistake in koan.note.mistakes]
    assert refused <= set().union(*(fills for fills in told if fills <= refused))


def test_a_scope_is_the_same_with_the_fill_in_the_place_of_the_blank():
    for koan in CODE.values():
        text = koan.lesson.pristine.solution
        work = Work(koan.lesson, text.encode())
        function, fill = work.function(koan), work.fill(koan)
        assert scope_of(ast.parse(text).body, function, fill) == koan.scope, koan.name


# ------------------------------------------------------------ right code must pass

TEXTBOOK = {
    "03 test_the_order_of_three_calls": [
        """
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            p -= 0.25 * p.grad
            q -= 0.25 * q.grad
        """,
        """
        def closure():
            optimizer.zero_grad()
            loss = penalty(p, q)
            loss.backward()
            return loss
        optimizer.step(closure)
        """,
        "assert p.grad is None\nloss.backward()\nassert p.grad is not None, 'no slate'",
        "loss = penalty(p, q)\nloss.backward()",
        "p.data -= 0.25 * p.grad\np.data.sub_(0.25 * p.grad)",
        "for pixel in (p, q):\n    pixel.grad = None",
        """
        for pixel in [p, q]:
            if pixel.grad is not None:
                pixel.grad.zero_()
        """,
        "for group in optimizer.param_groups:\n    for x in group['params']:\n"
        "        x.grad = None",
        "p.grad, q.grad = torch.autograd.grad(loss, [p, q])\noptimizer.step()",
        "gradients = torch.autograd.grad(loss, (p, q))\n"
        "with torch.no_grad():\n    for x, g in zip((p, q), gradients):\n"
        "        x.sub_(g, alpha=0.25)",
        "import torch\noptimizer.zero_grad(set_to_none=True)",
        "from torch.optim import SGD\noptimizer = SGD([p, q], lr=0.25)",
        "setattr(p, 'grad', None)\nsetattr(q, 'grad', None)\nloss.backward()",
        "try:\n    p.grad.zero_()\nexcept AttributeError as error:\n    pass\n"
        "finally:\n    loss.backward()",
        "if loss.isnan().any():\n    raise ValueError(f'a loss of {loss.item():.3f}')",
        "[x.grad.zero_() for x in (p, q) if x.grad is not None]",
        "before = p.detach().clone()\nassert not torch.equal(p, before)",
        "_ = loss.backward()",
        "for x in (p, q):\n    print(type(x), x.grad)\n    breakpoint()",
        "del p.grad",
        "torch.nn.utils.clip_grad_norm_([p, q], max_norm=1.0)",
        "zero: bool = True\nx: torch.Tensor = p.detach()",
        "try:\n    loss.backward()\nexcept (RuntimeError, ValueError):\n    raise",
    ],
    "05 test_windows_with_a_schedule": [
        """
        optimizer.zero_grad()
        for x in batches:
            loss = model(x) / len(batches)
            loss.backward()
        optimizer.step()
        """,
        """
        total = 0.0
        for i, x in enumerate(batches):
            loss = model(x).mean() / len(batches)
            loss.backward()
            total += loss.item()
            if (i + 1) % len(batches) == 0:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            else:
                continue
        """,
        """
        losses = [model(x) for x in batches]
        torch.stack(losses).mean().backward()
        optimizer.step(); optimizer.zero_grad()
        """,
        """
        n = sum(len(x) for x in batches)
        while n > 0:
            n -= 1
        """,
        """
        def share(loss: torch.Tensor, *, n: int) -> torch.Tensor:
            return loss / n
        for x in batches:
            share(model(x), n=len(batches)).backward()
        """,
        """
        share = lambda loss: loss / len(batches)
        for x in batches: share(model(x)).backward()
        """,
        """
        model.train()
        for p in model.parameters():
            if p.grad is not None:
                p.grad.detach_()
                p.grad.zero_()
        """,
        """
        import math
        mean = torch.tensor(batches).mean()
        assert math.isclose(sum(batches) / len(batches), mean.item(), rel_tol=1e-6)
        """,
        """
        accumulated = {name: 0 * p for name, p in model.named_parameters()}
        for x in batches:
            model.zero_grad()
            model(x).backward()
            for name, p in model.named_parameters():
                accumulated[name] += p.grad
        for name, p in model.named_parameters():
            p.grad = accumulated[name] / len(batches)
        """,
        "model.weight.register_hook(lambda slope: slope / len(batches))",
        "model.weight.register_hook(lambda sum: sum / 2)",  # in its own scope
        "if (n := len(batches)) > 1:\n    model.weight.grad = model.weight.grad / n",
        "first, *rest = batches",
        "loss = sum(map(lambda x: model(x), batches)) / len(batches)",
        "with torch.enable_grad(), torch.autograd.detect_anomaly():\n"
        "    model(batches[0]).backward()",
        "import torch.nn.functional as F\n"
        "F.mse_loss(model(batches[0]), batches[0]).backward()",
        "from torch.nn.functional import mse_loss as loss_of",
        "from torch import nn\nnn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "match len(batches):\n    case 1:\n        pass\n    case 2 | 3 as few:\n"
        "        few += 1\n    case _:\n        pass",
        "@torch.no_grad()\ndef step():\n    for p in model.parameters():\n"
        "        p -= 0.5 * p.grad\nstep()",
        "optimizer.param_groups[0]['lr'] *= 0.5",
        "model.weight.grad.data[:] = 0",
        "model.weight.data.copy_(model.weight - 0.5 * model.weight.grad)",
        "model.weight = torch.nn.Parameter(model.weight.detach().clone())",
    ],
    "02 test_a_wipe_for_every_pixel": [
        "type(p.grad) is torch.Tensor",
        "type(p.grad) == type(p)",
        "type(p.grad) in (torch.Tensor, torch.nn.Parameter)",
        "isinstance(p.grad, (torch.Tensor, int))",
        "isinstance(p.grad, torch.Tensor | None)",
        "getattr(p, 'grad', None) is not None",
        "hasattr(p, 'grad') and p.grad is not None",
        "not (p.grad is None)",
        "(lambda g: g is not None)(p.grad)",
        "True if p.grad is not None else False",
        "bool(p.grad is not None)",
        "id(p.grad) != id(None)",
        "repr(p.grad) != 'None' and '%s' % p.grad != 'None'",
        "f'{p.grad}' != 'None' and f'{p.grad!r:>9}' != ''",
        "torch.is_tensor(p.grad)",
        "any(x is not None for x in [p.grad])",
        "p.grad",  # an honest mistake
        "p.grad.sum() >= 0",
        "torch.count_nonzero(p.grad) > 0",
        "callable(getattr(p.grad, 'zero_', None))",
    ],
    "08 test_a_window_from_a_stream": [
        """
        mask = targets != -100
        loss = cross_entropy(logits, targets, reduction="none")
        (loss * mask).sum().backward()
        real += mask.sum().item()
        """,
        "real = real + int((targets != -100).sum())",
        "real += len([t for t in targets.tolist() if t != -100])",
        "real += targets.ne(-100).sum().item()",
        "real += torch.count_nonzero(targets != -100).item()",
        "from torch import nn\n"
        "loss_of = nn.CrossEntropyLoss(ignore_index=-100, reduction='sum')\n"
        "loss_of(logits, targets).backward()",
        "cross_entropy(logits.float(), targets, reduction='sum').backward()",
        "cross_entropy(input=logits, target=targets).backward()",
        "model.bias.grad = None",
    ],
    "07 test_freeze_the_backbone": [
        "p.requires_grad_(False); p.grad = None",
        "setattr(p, 'requires_grad', False)\np.grad = None",
        "for x in backbone.parameters():\n    x.requires_grad, x.grad = False, None",
        "optimizer = torch.optim.SGD(head.parameters(), lr=0.5, **settings)",
        "optimizer.param_groups[0]['params'].remove(p)",
        "optimizer.state.pop(p, None)",
        "backbone.eval().requires_grad_(False).zero_grad()",
        "for m in model.modules():\n    if isinstance(m, torch.nn.Linear): m.eval()",
    ],
    "12 test_a_whole_scaled_window": [
        "scaler.unscale_(optimizer)\n"
        "torch.nn.utils.clip_grad_norm_(pixels, max_norm=1.0)\n"
        "scaler.step(optimizer)\nscaler.update()",
        "for p in pixels:\n    p.grad.div_(scaler.get_scale())\n"
        "if torch.isfinite(pixels[0].grad).all():\n    optimizer.step()",
        "found_inf = not all(x.grad.isfinite().all() for x in pixels)",
        "with raises(RuntimeError):\n    scaler.unscale_(optimizer)",
        "p = pixels[0]\nscale, p.grad = scaler.get_scale(), p.grad / 2",
    ],
    "10 test_what_one_backward_adds": [
        "p.grad.detach().clone()",
        "torch.empty_like(p.grad).copy_(p.grad)",
        "copy.deepcopy(p).grad",
        "copy.copy(p.grad) * 1.0",
        "p.grad.new_tensor(p.grad.tolist())",
        "torch.tensor([x.item() for x in p.grad], device=p.device, dtype=p.dtype)",
    ],
    "13 test_the_painters_turn": [
        "(slope,) = torch.autograd.grad(loss, [painter])\n"
        "with torch.no_grad():\n    painter -= 0.5 * slope",
        "painter.grad = torch.autograd.grad(loss, painter)[0]\nmove_painter.step()",
        "critic.requires_grad_(False)\nloss.backward()\ncritic.requires_grad_(True)",
        "painter.register_hook(lambda grad: grad.clamp(-1, 1))",  # like the import
        "grad(lambda painter: -critic.detach() * painter)(painter.detach())",
        "with Kept() as kept:\n    loss.backward()\nassert kept.now() == 0",
    ],
    "16 test_stepping_in_the_hook": [
        "with torch.no_grad():\n    p -= 0.25 * p.grad\np.grad = None",
        "p.data.add_(p.grad, alpha=-0.25)\np.grad = None",
    ],
}


@pytest.mark.parametrize("start", TEXTBOOK)
def test_textbook_code_may_run(start):
    number, name = start.split()
    assert CODE[name].lesson.number == number
    refused = {text: refusal(CODE[name], text) for text in TEXTBOOK[start]}
    assert {text: why for text, why in refused.items() if why} == {}


# --------------------------------------------------------------- what is refused

LESSON = """
import copy
import os
import torch
import torch.nn.functional as F
from pytest import approx, mark, raises
from slate import slate
from torch import nn, optim
from torch.func import grad
from workers import on_two_ranks


class Guesser(nn.Module):
    pass


def layer(size):
    return nn.Linear(size, size)


def test_it(device):
    p = torch.tensor([0.5], device=device, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    scaler = torch.amp.GradScaler(device)
    model = Guesser()
    seen = [n * 2 for n in range(3)]

    def penalty(p):
        return p.pow(2)

    def train(steps):
        real = 0
        for i in range(steps):
            loss = penalty(p)
            __
        return real

    assert train(2) == 2
"""


def scope_in(lesson: str) -> Scope:
    """The scope of the last function of a lesson."""
    body = ast.parse(lesson).body
    assert isinstance(body[-1], ast.FunctionDef)
    return scope_of(body, body[-1])


TREE = ast.parse(LESSON)
SCOPE = scope_in(LESSON)


def refused(text: str) -> Refusal | None:
    return allowed.refusal(fill_of(text), SCOPE, FREE)


CAUGHT = "with raises(ZeroDivisionError) as e:\n    1 / 0\n"
ATTACKS = {
    "size": [
        "[" + "0, " * 3000 + "]",
        f"x = '{'x' * 10_001}'",
        "x = y" + "y" * 10_000,
    ],
    "form": [
        "class Half: pass",
        "class Same(int):\n    def mine(self, other): return True",
        "global p",
        "def f():\n    nonlocal p",
        "yield",
        "x = yield from seen",
        "(lambda: (yield))",
        "def f():\n    yield 1",
        "async def f(): pass",
        "def f():\n    [x async for x in seen]",
        "match p:\n    case Guesser(grad=g): pass",
        "match p:\n    case object(numpy=f): f()",
        "match p:\n    case [nn.Module(weight=w)]: pass",
        "match {}:\n    case {'x': y, **rest}: pass",
        "try:\n    1\nexcept* ValueError:\n    1",
        "(len): int",  # binds nothing, so that len is still Python's
        "(eval): int\neval('1')",
    ],
    "leaving": [
        "return",
        "return 2",
        "if real == 0:\n    return 2",
        "for x in seen:\n    return x",
        "with torch.no_grad():\n    return",
        "def f():\n    return 1\nreturn f()",
    ],
    "dunder": [
        "__import__('os')",
        "__builtins__",
        "__",
        "p.__class__",
        "{}.__class__.__base__.__subclasses__()",
        "slate.__globals__['torch']",
        "penalty.__code__",
        "torch.nn.__dict__",
        "torch.__config__",
        "torch.Tensor.item.__class__",
        "f'{p.__class__}'",
        "f'{p:{p.__class__}}'",
        "def __eq__(a, b): pass",
        "lambda __x__: 1",
        "dict(__class__=1)",
        "import math as __builtins__",
        "for __x in seen: pass",
        "try:\n    1\nexcept Exception as __e__:\n    1",
        "p.__dict__['x'] = 1",
        "(x for x in seen).__next__()",
    ],
    "private": [
        "_x = 1",
        "def _f(): pass",
        "dict(_x=1)",
        "lambda _x: 1",
    ],
    "name": [
        "lambda x=eval('1'): x",
        *[
            f"{name}('x')"
            for name in re.findall(
                r"\w+",
                "eval exec compile open input exit quit delattr vars dir globals "
                "locals object super memoryview help classmethod staticmethod "
                "property aiter anext bytearray BaseException SystemExit "
                "KeyboardInterrupt GeneratorExit BaseExceptionGroup OSError",
            )
        ],
        "raise SystemExit",
        "try:\n    1\nexcept BaseException:\n    1",
        "optimzer.step()",  # a slip is refused as well, with advice
        "n",  # bound in a comprehension of the koan, not here
        # names that are bound elsewhere in the fill, not where they are used
        "[0 for eval in seen]\neval('1')",
        "[x for eval in eval('1')]",
        "[[x for eval in eval('1')] for x in seen]",
        "(lambda eval: 0)\neval('1')",
        "def f(eval): pass\neval('1')",
        "def f():\n    eval = 1\neval('1')",
        "def f():\n    from math import sqrt as eval\neval('1')",
        "def f(x: eval('1')): pass",
        "def f(eval: eval('1')): pass",
        "def f() -> eval('1'): pass",
        "def f():\n    def eval(): pass\neval('1')",
        "(lambda: (eval := 1))\neval('1')",
        "x: (eval := 1) = 2\neval('1')",
        "@torch.no_grad(eval)\ndef f(): pass",
        "map(eval, ['1'])",
        "sorted(['1'], key=eval)",
        "f\"{eval('1')}\"",
        "isinstance(p, eval('1'))",
    ],
    "attribute": [
        CAUGHT + "e.tb",
        CAUGHT + "e.traceback[0].frame.f_globals",
        CAUGHT + "e.value.with_traceback(None)",
        CAUGHT + "e.type.mro()",
        CAUGHT + "e.getrepr()",
        CAUGHT + "[t for t in e.traceback]",
        "try:\n    1 / 0\nexcept Exception as e:\n    e.add_note('x')",
        "try:\n    p.x\nexcept AttributeError as e:\n    e.obj",
        "(x for x in seen).gi_frame.f_back",
        "'{0.grad}'.format(p)",
        "''.format_map({})",
        "str.format('{0}', p)",
        "''.join(seen).encode()",
        "p.numpy()",
        "p.data_ptr()",
        "p.storage()",
        "p.untyped_storage()",
        "p.map_(p, lambda a, b: 1)",
        "p.apply_(lambda x: 1)",
        "p.share_memory_()",
        "p.set_(p)",
        "p.as_subclass(1)",
        "p.resize_(9)",
        "p.as_strided((9,), (1,))",
        "p.type('x')",
        "p.module_load(p)",
        "torch.Tensor.as_subclass(p, 1)",
        "model.load_state_dict({})",
        "optimizer.load_state_dict({'step': 1})",
        "scheduler.load_state_dict({'step': 1})",
        "scaler.load_state_dict({})",
        "optim.lr_scheduler.LRScheduler.state_dict(optimizer)",  # anything's __dict__
        "model.state_dict()",  # an OrderedDict: Sequential takes names from it
        "model.apply(print)",
        "model.add_module('x', model)",
        "model.register_module('x', model)",
        "model.register_buffer('x', p)",
        "model.register_parameter('x', None)",
        "model.register_load_state_dict_post_hook(print)",
        "model.set_submodule('x', model)",
        "model.compile()",
        "p._backward_hooks",
        "optimizer._optimizer_step_pre_hooks",
        "p.grad_fn.metadata",
        "f'{p.numpy}'",
        "getattr(p, 'numpy')()",
        "hasattr(p, 'data_ptr')",
        "optimizer.step.f_globals",
        "match p:\n    case p.numpy: pass",
        "[p.numpy() for x in seen]",
        "lambda x: x.numpy()",
        "import math as m\n\ndef f(m):\n    m.numpy",
        "p.gard",
    ],
    "module": [
        "os.system('true')",
        "os.path.exists('x')",
        "torch.load('x')",
        "torch.save(p, 'x')",
        "torch.from_file('x')",
        "torch.from_numpy(p)",
        "torch.frombuffer(b'x')",
        "torch.asarray(b'x')",
        "torch.os.system('true')",
        "torch.sys.exit()",
        "torch.hub.load('x', 'y')",
        "torch.jit.script(p)",
        "torch.compile(p)",
        "torch.ops.load_library('x')",
        "torch.classes.load_library('x')",
        "torch.library.define('x')",
        "torch.utils.cpp_extension.load('x', [])",
        "torch.utils.data.DataLoader(seen)",
        "torch.multiprocessing.spawn(1)",
        "torch.distributed.init_process_group()",
        "torch.serialization.os",
        "torch.set_num_threads(9)",
        "torch.package.PackageImporter('x')",
        "torch._C",
        "torch.autograd.Function",
        "torch.autograd.function.torch",
        "torch.nn.modules.module.register_module_forward_hook(print)",
        "torch.nn.functional.torch.save(p, 'x')",
        "torch.optim.optimizer.torch",
        "nn.ParameterDict({'x': p})",  # writes attributes by name
        "nn.ModuleDict({'__deepcopy__': model})",  # whose hook gets its memo
        "nn.DataParallel(model)",
        "F.math",
        "nn.functional.importlib",
        "optim.lr_scheduler.warnings",
        "copy.sys",
        "copy._reconstruct",
        "on_two_ranks(penalty, device)",
        "mark.skip",
        "f'{torch.sys}'",
        "import math\nmath.sys",
        "import math as m\nm.save",
        "from torch import nn as n\nn.utils.parametrize",
        "print(torch.version)",
        "isinstance(p, torch.distributed.Work)",
    ],
    "whole module": [
        "lambda t=torch: t",
        "torch",
        "t = torch\nt.save",
        "mine = torch.nn",
        "[torch][0].grad",
        "print(torch)",
        "getattr(torch, 'grad')",
        "(lambda t: t)(torch)",
        "torch if real else nn",
        "f'{torch}'",
        "with torch as t: pass",
        "for t in [F]: pass",
        "import math\nm = math",
        "from torch import optim as o\no",
        "setattr(p, 'grad', torch)",
        "isinstance(torch, int)",
        "(t := torch)",
        "copy.copy(torch)",
    ],
    "bare class": [
        "lambda t=torch.optim.SGD: t",
        "mine = torch.Tensor",
        "mine = Guesser",
        "[torch.Tensor]",
        "{'x': Guesser}",
        "lambda: Guesser",
        "max(torch.Tensor, 1)",
        "map(torch.Tensor, seen)",
        "(T := torch.Tensor)",
        "isinstance(p, (T := torch.Tensor))",
        "isinstance(p, [T := torch.Tensor][0])",
        "isinstance(p, (lambda: torch.Tensor)())",
        "isinstance(p, seen.append(torch.Tensor))",
        "isinstance(p, [torch.Tensor].pop())",
        "type(p) is [torch.Tensor].pop()",
        "[torch.Tensor].pop().grad",
        "(torch.Tensor if real else Guesser).grad = 1",
        "(lambda isinstance: isinstance(p, torch.Tensor))(lambda a, b: b)",
        "def isinstance_(a, b): return b\nisinstance_(p, torch.Tensor)",
        "def f(): return torch.Tensor",
        "getattr(Guesser, 'grad')",
        "hasattr(torch.Tensor, 'grad')",
        "optimizer.state[torch.Tensor] is None",  # which keeps what it is asked for
        "def f(x: optimizer.state[torch.Tensor]): pass",
        "f'{optimizer.state[Guesser]}'",
        "copy.copy(Guesser)",
        "for c in (nn.Linear, nn.ReLU): pass",
        "raise Guesser",
        "from torch import Tensor\nx = Tensor",
        "[torch.optim.SGD for x in seen]",
        "p.grad = torch.Tensor",
        "@torch.func.vmap(torch.Tensor)\ndef f(): pass",
    ],
    "plain call": [
        "getattr(p, 'gr' + 'ad')",
        "getattr(p, seen[0])",
        "getattr(p, f'{real}')",
        "getattr(*[p, '__class__'])",
        "getattr(p, *['__class__'])",
        "getattr(p, **{})",
        "getattr(p, 'grad', None, None)",
        "getattr(p)",
        "getattr(p, b'grad')",
        "hasattr(p, (x := 'grad'))",
        "setattr(p, seen, 1)",
        "setattr(p, *['grad', 1])",
        "[getattr(p, x) for x in ['__class__']]",
        "g = getattr\ng(p, '__class__')",
        "map(getattr, [p], ['__class__'])",
        "(lambda f: f(p, 'x'))(getattr)",
        "seen.append(setattr)",
        "type(p)",
        "type(p)(1)",
        "t = type(p)",
        "type(p).grad = 1",
        "type('X', (), {})",
        "type('X', (), {}) is int",
        "type(*[p]) is int",
        "type(p, x=1) is int",
        "type() is int",
        "[type(p)]",
        "seen.append(type(p))",
        "setattr(type(p), 'grad', 1)",
        "type(p).grad",
        "isinstance(p, (t := type(p)))",
        "copy.copy(type(p))",
        "(type(p) or 1) is int",
        "raise type(p)",
        "optimizer.state[type(p)] is None",
        "map(type, seen)",
        "t = type",
        "sorted(seen, key=type)",
        "type is int",
        "breakpoint(print)",
        "breakpoint(**{})",
        "f = breakpoint",
        "memo = {}\ncopy.deepcopy(optimizer, memo)",  # it holds optimizer.__dict__
        "copy.deepcopy(p, memo=seen)",
        "from copy import deepcopy as d\nd(p, seen)",
        "map(copy.deepcopy, [p], [{}])",
        "f = copy.copy",
        "@copy.copy\ndef f(): pass",
    ],
    "assignment": [
        "torch.Tensor.grad = None",
        "torch.nn.Linear.forward = None",
        "torch.nn.Linear.weight = None",
        "torch.float32.data = 1",
        "torch.x = 1",
        "F.relu.data = 1",
        "slate.data = 1",
        "Guesser.bias = None",
        "Guesser.bias.data = 1",
        "optimizer.step = None",
        "model.forward = None",
        "p.backward = None",
        "penalty.x = 1",
        "scheduler.last_epoch = 3",
        "optimizer.defaults = {}",
        "del p.requires_grad_",
        "del torch.load",
        "for torch.grad in seen: pass",
        "for p.shape in seen: pass",
        "with torch.no_grad() as torch.grad: pass",
        "with raises(ValueError) as p.step: pass",
        "torch.grad += 1",
        "p.item += 1",
        "(p.grad, p.step) = 1, 2",
        "[p.step for p.step in seen]",
        "p.step: int = 1",
        "setattr(p, 'step', 1)",
        "setattr(p, '__class__', 1)",
        "setattr(slate, 'data', 1)",
        "setattr(torch.Tensor, 'grad', 1)",
        "setattr(Guesser, 'grad', 1)",
        "import math\nmath.pi = 3",
        "p.__class__ = 1",
    ],
    "rebinding": [
        "torch = 1",
        "slate = lambda p: 0",
        "approx = lambda x: x",
        "penalty = lambda p: 2",
        "def penalty(p): pass",
        "layer = 1",
        "Guesser = 1",
        "test_it = 1",
        "len = 3",
        "isinstance = lambda a, b: b",
        "for slate in seen: pass",
        "with torch.no_grad() as slate: pass",
        "(slate := 1)",
        "[slate := x for x in seen]",
        "[[slate := x for x in seen] for y in seen]",
        "try:\n    1\nexcept Exception as slate:\n    1",
        "def slate(p): pass",
        "import math as torch",
        "import math as slate",
        "import math as len",
        "from torch import nn as F",
        "from math import sqrt as approx",
        "import math as m\nimport copy as m",
        "import math as m\nm = 1",
        "import math as loss\nloss.pi",  # a tensor until then
        "m = p\nimport math as m",
        "def f(m):\n    import math as m",
        "match p:\n    case slate: pass",
        "match seen:\n    case [*slate]: pass",
        "first, *slate = seen",
        "slate += 1",
        "slate: int = 1",
        "del slate",
        "torch, x = 1, 2",
        "sum = 0",
    ],
    "deleting": ["del p", "del seen, loss", "del real"],
    "import": [
        "import os",
        "import sys as torch",
        "import torch.utils",
        "import torch.multiprocessing as mp",
        "import torch.serialization",
        "import pytest.skip",
        "import importlib, math",
        "from os import path",
        "from os import system as slate",
        "from torch import save",
        "from torch import load as tensor",
        "from torch import *",
        "from torch.nn import *",
        "from torch.nn import ParameterDict",
        "from . import slate",
        "from .slate import slate",
        "from .. import sensei",
        "from pytest import skip",
        "from workers import on_two_ranks",
        "from sensei import __",
        "from slate import torch",
        "from math import __loader__",
        "import builtins",
        "from __future__ import annotations",
        "import numpy",
    ],
    "decorator": [
        "@penalty\ndef f(): pass",
        "@(lambda f: 3)\ndef f(): pass",
        "@seen.append\ndef f(): pass",
        "@getattr(p, 'register_hook')\ndef f(s): pass",
        "@staticmethod\ndef f(): pass",
        "@print\ndef f(): pass",
    ],
}


def test_every_rule_is_attacked():
    assert list(ATTACKS) == list(allowed.RULES)


@pytest.mark.parametrize("rule", ATTACKS)
def test_what_leads_out_is_refused_by_its_rule(rule):
    found = {text: refused(text) for text in ATTACKS[rule]}
    rules = {text: r.rule if r else None for text, r in found.items()}
    assert {text: r for text, r in rules.items() if r != rule} == {}


def test_each_sentence_can_be_acted_on():
    sentences = {refused(text).sentence for texts in ATTACKS.values() for text in texts}
    assert len(sentences) > 200
    for sentence in sentences:
        assert re.fullmatch(r"[^{}]*\.|`.*", sentence), sentence
        assert sentence.endswith("."), sentence
        assert "grading" not in sentence
        assert len(sentence) < 320


def test_a_sentence_names_the_thing():
    assert "`p.numpy`" in refused("x = p.numpy()").sentence
    assert "numpy is not on the list" in refused("x = p.numpy()").sentence
    assert ".grad, .grad_dtype" in refused("p.step = 1").sentence
    assert '`hasattr(x, "real")`' in refused("hasattr(p, seen)").sentence
    assert "`type(x) is float`" in refused("t = type(p)").sentence


def test_the_line_is_that_of_the_fault():
    assert refused("loss.backward()\nx = (\n    1,\n    eval('1'),\n)").line == 4
    assert refused("if real:\n    pass\nelse:\n    return").line == 4
    assert refused("x = [\n" + "0,\n" * 3000 + "]").line == 1


def test_the_first_fault_is_named():
    assert refused("eval('1')\nimport os").rule == "name"
    assert refused("import os\neval('1')").rule == "import"


# --------------------------------------------------------------- scopes and forms


@pytest.mark.parametrize(
    "text",
    [
        "real += 1",
        "loss = penalty(p)",
        "p = p - 1",
        "device = 'cpu'",
        "seen = []",
        "n = 3",  # bound in a comprehension of the koan, free here
        "[slate for slate in seen]",
        "sum(len for len in seen)",
        "sorted(seen, key=lambda slate: -slate)",
        "def half(slate, len): return slate / len",
        "def half():\n    sum = 0\n    return sum",
        "input, vars = seen[:2]\nprint(input, vars)",  # Python's, but on no list
        "for input in seen:\n    print(input)",
        "mine = 1\ndel mine",
        "import torch\nimport torch.nn\nimport torch.nn.functional as F",
        "from torch import nn, optim\nfrom slate import slate",
        "import math as m\nm.pi",
        "def f():\n    import math\n    return math.pi",
        "def f():\n    import math as p\n    return [p.grad for p in seen]",
        "lambda Guesser: Guesser",
        "from math import sqrt as root\nroot(2)",
        "Guesser()",
        "isinstance(model, Guesser)",
        "optim.lr_scheduler.StepLR(optimizer, 1)",
        "torch.Tensor.detach(p)",
        "torch.func.vmap(torch.func.grad(lambda x: x))(p)",
        "def f(m: Guesser, t: list[torch.Tensor]) -> torch.Tensor | None: pass",
        "try:\n    loss.backward()\nexcept RuntimeError as error:\n    print(error)",
        "for i, _ in enumerate(seen): pass",
        "x = {**{}, 'a': 1}\ny = {*seen}\nz = seen[1:2, ...]",
        "[(y := x) for x in seen]\nprint(y)",
        "while True:\n    break",
    ],
)
def test_what_else_may_run(text):
    assert refused(text) is None


def test_a_name_of_the_koan_is_no_class_of_the_lesson():
    lesson = "class Half: pass\ndef test_it(Half):\n    x = __"
    fill = fill_of("Half", is_expression=True)
    assert allowed.refusal(fill, scope_in(lesson), FREE) is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax of Python 3.12")
@pytest.mark.parametrize("text", ["type X = int", "def f[T](): pass"])
def test_newer_forms_are_refused(text):
    assert refused(text).rule == "form"


def test_statements_that_only_look_can_be_left_out():
    text = "for x in seen:\n    print(vars(x))\n    x.numpy()"
    assert refused(text).line == 2
    is_print = lambda node: "print" in ast.unparse(node).splitlines()[0]  # noqa: E731
    assert allowed.refusal(fill_of(text), SCOPE, FREE, is_print).line == 3


# ------------------------------------------------------------------- the property


def words(text: str) -> list[str]:
    return text.split()


def mostly(harmless: str, harmful: str) -> st.SearchStrategy[str]:
    return st.sampled_from(4 * words(harmless) + words(harmful))


name = mostly(
    "p loss optimizer seen real penalty x y _ print",
    "torch F nn Guesser slate len isinstance getattr type eval vars __ _x",
)
dotted = mostly(
    "grad backward item shape append data step weight",
    "numpy __class__ format tb Tensor nn save relu SGD load_state_dict gi_frame",
)
IMPORTS = (
    "import math",
    "import os",
    "import math as eval",
    "from torch import nn as n",
    "import torch.nn.functional as F",
    "from torch import load",
    "from math import sqrt as x",
)


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda texts: template.format(*texts))


constant = mostly("1 None 'grad'", "'__class__' torch.Tensor")
expression = st.recursive(
    name | constant,
    lambda e: st.one_of(
        joined("{}.{}", e, dotted),
        joined("{}({})", e, e),
        joined("{}({}, {})", name, e, e),
        joined("{}({}={})", name, name, e),
        joined("{}({}, *{}, **{})", name, e, e, e),
        joined("(lambda {}: {})", name, e),
        joined("(lambda {}={}: {})", name, e, e),
        joined("[{} for {} in {}]", e, name, e),
        joined("[{} for {} in {} for {} in {} if {}]", e, name, e, name, e, e),
        joined("({} := {})", name, e),
        joined("({} if {} else {})", e, e, e),
        joined("({} is {})", e, e),
        joined("({} + {})", e, e),
        joined("{}[{}]", e, e),
        joined("[{}, {}]", e, e),
        joined("{{{}: {}}}", e, e),
        joined("f'{{{}}}'", e.filter(lambda text: "'" not in text)),
    ),
    max_leaves=4,
)


def indented(block: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return block.map(lambda text: textwrap.indent(text, "    "))


simple = st.one_of(
    expression,
    joined("{} = {}", name, expression),
    joined("{}.{} = {}", expression, dotted, expression),
    joined("{}[{}] = {}", name, expression, expression),
    joined("{} += {}", name, expression),
    joined("{}: {} = {}", name, expression, expression),
    joined("({}): {}", name, expression),
    joined("del {}", name),
    joined("return {}", expression),
    joined("raise {}", expression),
    joined("global {}", name),
    st.sampled_from(IMPORTS),
)
block = st.recursive(
    st.lists(simple, min_size=1, max_size=3).map("\n".join),
    lambda b: st.one_of(
        joined("for {} in {}:\n{}", name, expression, indented(b)),
        joined("if {}:\n{}", expression, indented(b)),
        joined("with {} as {}:\n{}", expression, name, indented(b)),
        joined("def {}({}):\n{}", name, name, indented(b)),
        joined(
            "def {}({}: {}) -> {}:\n{}", name, name, expression, expression, indented(b)
        ),
        joined("@{}\ndef {}():\n{}", expression, name, indented(b)),
        joined("try:\n{}\nexcept {} as {}:\n    pass", indented(b), expression, name),
        joined("match {}:\n    case {}:\n{}", expression, name, indented(indented(b))),
        joined("match p:\n    case {}(grad={}):\n        pass", name, name),
        joined("{}\n{}", b, b),
    ),
    max_leaves=3,
)
HARMLESS_FORMS = words(
    """Expr Assign AugAssign AnnAssign Delete Pass If For While With withitem Try
    ExceptHandler Raise Assert FunctionDef Return Import ImportFrom alias Match
    match_case MatchValue MatchSingleton MatchAs MatchOr MatchSequence MatchStar Break
    Continue BoolOp NamedExpr BinOp UnaryOp Lambda IfExp Dict Set ListComp SetComp
    DictComp GeneratorExp comprehension Compare Call keyword JoinedStr FormattedValue
    Constant Attribute Subscript Starred Name List Tuple Slice arguments arg Load Store
    Del And Or Add Sub Mult MatMult Div Mod Pow FloorDiv BitOr BitAnd BitXor LShift
    RShift Not Invert UAdd USub Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn"""
)
FROM_MODULES = {word for words in FREE.modules.values() for word in words} | {
    part for module in FREE.modules for part in module.split(".")
}


def identifiers(node: ast.AST) -> Iterator[str]:
    for field in ("id", "attr", "arg", "name", "asname", "module", "rest"):
        value = getattr(node, field, None)
        if isinstance(value, str):
            yield from value.split(".")


def globals_used(fill: Fill) -> set[str]:
    """By Python's own reckoning: the names that a fill takes from outside its koan."""
    lesson = ast.parse(LESSON)
    koan: Any = lesson.body[-1]
    loop = koan.body[-2].body[1]
    assert isinstance(loop, ast.For)
    loop.body[1:] = cast("tuple[ast.stmt, ...]", fill.nodes)
    source = ast.unparse(ast.fix_missing_locations(lesson))
    compile(source, "<fill>", "exec")
    tables = [symtable.symtable(source, "<fill>", "exec")]
    used: set[str] = set()
    for table in tables:
        tables += table.get_children()
        if table.get_type() == "function":
            symbols = (s for s in table.get_symbols() if s.is_referenced())
            used |= {s.get_name() for s in symbols if s.is_global()}
    return used


def hold_to_be_harmless(fill: Fill) -> None:
    for node in (node for root in fill.nodes for node in ast.walk(root)):
        assert type(node).__name__ in HARMLESS_FORMS
        for text in identifiers(node):
            assert not text.startswith("__") and not text.endswith("__")
        if isinstance(node, ast.Attribute):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            is_name = isinstance(root, ast.Name)
            listed = FROM_MODULES | FREE.attributes if is_name else FREE.attributes
            assert node.attr in listed
            assert node.attr not in ("numpy", "load_state_dict", "save", "tb", "format")
    at_the_top = {node.name for node in TREE.body if hasattr(node, "name")}
    at_the_top |= SCOPE.imports.keys()
    assert globals_used(fill) <= at_the_top | FREE.builtins


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_no_fill_that_may_run_has_what_is_on_no_list():
    counts = {True: 0, False: 0}

    @settings(max_examples=200)
    @given(block)
    def check(text: str) -> None:
        try:
            compile(
                "def koan():\n    while 1:\n" + textwrap.indent(text, "     "),
                "",
                "exec",
            )
        except SyntaxError:
            return
        fill = fill_of(text)
        may_run = allowed.refusal(fill, SCOPE, FREE) is None
        counts[may_run] += 1
        if may_run:
            hold_to_be_harmless(fill)

    check()
    assert counts[True] > 10 and counts[False] > 25, counts


# ---------------------------------------------------------------------- free.toml


def test_plain_python_is_known_without_a_file():
    free = Free.load(None)
    assert "append" in free.attributes and "len" in free.builtins
    assert free.lists("math", "pi") and not free.lists("math", "sys")
    assert free.assignable == frozenset()


def test_a_file_adds_to_plain_python(tmp_path):
    path = tmp_path / "free.toml"
    path.write_text(
        'builtins = ["object"]\nattributes = ["wag"]\nassignable = ["tail"]\n'
        '[modules]\ndogs = ["[A-Z]*", "*bark", "w?g"]\n"dogs.big" = ["Dane"]\n'
        'math = ["perm"]\n'
    )
    free = Free.load(path)
    assert {"object", "len"} <= free.builtins
    assert {"wag", "tail", "append"} <= free.attributes
    assert free.assignable == {"tail"}
    assert free.lists("dogs", "Spaniel") and free.lists("dogs", "bark")
    assert free.lists("dogs", "wig") and not free.lists("dogs", "wagg")
    assert not free.lists("dogs", "_bark") and free.lists("dogs", "embark")
    assert free.lists("dogs.big", "Dane")
    assert free.lists("math", "pi") and free.lists("math", "perm")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("attributes = 'grad'", "attributes: should be a list of names"),
        ("attributes = ['grad', 3]", "attributes: 3 can't be listed"),
        ("attributes = ['p.grad']", "attributes: 'p.grad' can't be listed"),
        ("attributes = ['__class__']", "attributes: '__class__' can't be listed"),
        ("attributes = ['*_']", "attributes: '*_' can't be listed"),
        ("assignable = [['grad']]", "assignable: ['grad'] can't be listed"),
        ("builtins = ['lenn']", "builtins: Python has no lenn"),
        ("builtins = ['__import__']", "builtins: '__import__' can't be listed"),
        ("modules = 3", "modules: should be a table"),
        ("modules = {math = 'pi'}", "modules: math: should be a list of names"),
        ("modules = {math = ['']}", "modules: math: '' can't be listed"),
        ("modules = {math = ['__*']}", "modules: math: '__*' can't be listed"),
        ("modules = {'a b' = []}", "modules: 'a b' is no name of a module"),
        ("atributes = []\nbuilds = []", "does not know atributes, builds"),
        ("attributes = [", "Invalid value (at end of document)"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, fault, tmp_path):
    path = tmp_path / "free.toml"
    path.write_text(text)
    with pytest.raises(ListError) as caught:
        Free.load(path)
    assert str(path) in str(caught.value) and fault in str(caught.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ListError, match=r"free\.toml: can't be read: No such file"):
        Free.load(tmp_path / "free.toml")
    (tmp_path / "free.toml").write_bytes(b"attributes = ['\xff']")
    with pytest.raises(ListError, match="not UTF-8 at byte 15"):
        Free.load(tmp_path / "free.toml")


def test_the_tiny_course_has_a_list_of_its_own():
    free = Free.load(ROOT / "tests" / "tiny_course" / "free.toml")
    assert free.lists("pytest", "approx") and not free.lists("torch", "tensor")


# --------------------------------------------------------- what is on the lists

NEWER = {"Buffer", "RMSNorm", "Adafactor", "clip_grads_with_norm_", "get_total_norm"}
NEWER |= {"rms_norm", "grad_dtype", "CircularPad1d", "ZeroPad1d"}  # than torch 2.3


def listed() -> Iterator[tuple[str, str, object]]:
    for module, names in FREE.modules.items():
        for name in names:
            value = getattr(importlib.import_module(module), name, NEWER)
            assert value is not NEWER or name in NEWER, f"{module}.{name}"
            if value is not NEWER:
                yield module, name, value


def test_the_lists_name_what_is_there_and_no_module():
    values = list(listed())
    assert len(values) > 500
    for _, name, value in values:
        assert not isinstance(value, types.ModuleType | list | dict | set), name
        assert getattr(value, "__module__", "") not in ("os", "sys", "io"), name


def test_a_class_is_known_by_its_capital():
    """And what is a class without one has no attribute that could be changed."""
    for module, name, value in listed():
        if name[0].isupper() and value is not NEWER:
            assert isinstance(value, type), f"{module}.{name}"
        elif isinstance(value, type):
            kept = [a for a in FREE.assignable if hasattr(value, a)]
            assert kept == [], f"{module}.{name}"


def test_the_builtins_are_there():
    assert all(hasattr(builtins, name) for name in FREE.builtins)


def at_hand() -> Iterator[object]:
    """One of each kind of thing that a koan or its fill can have."""
    from kept import Kept
    from slate import slate

    p = torch.ones(2, requires_grad=True)
    loss = (p * 2).sum()
    table = torch.ones(3, 2, requires_grad=True)
    rows = torch.tensor([1])
    torch.nn.functional.embedding(rows, table, sparse=True).sum().backward()
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    yield from (
        p,
        loss,
        loss.grad_fn,
        table.grad,
        rows,
        torch.Tensor,
        p.register_hook(print),
    )
    yield from (
        model,
        model[0],
        model[1],
        torch.nn.ParameterList(),
    )
    yield from (optimizer, optimizer.state, optimizer.param_groups, optimizer.step)
    yield from (
        torch.optim.lr_scheduler.StepLR(optimizer, 1),
        torch.amp.GradScaler("cpu"),
    )
    yield from (torch.no_grad(), torch.autocast("cpu"), torch.Generator(), Kept(), Kept)
    yield from (torch.float32, torch.device("cpu"), torch.finfo(), torch.Size([1]))
    yield from (torch.func.grad(sum), torch.relu, torch.strided, slate, lambda: 0)
    yield from (caught, caught.value, AttributeError("x", name="x", obj=p), Exception)
    yield from (pytest.raises(KeyError), pytest.approx(1), (x for x in "x"), iter([]))
    yield from (
        [],
        {},
        {1},
        (1,),
        "x",
        b"x",
        1,
        1.0,
        1j,
        None,
        True,
        range(3),
        slice(1),
    )
    yield from (map(str, []), zip(), {}.items(), len, [].append, int, str, dict, list)


WAYS_OUT = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.TracebackType,
    types.MappingProxyType,
    torch.UntypedStorage,
    type,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_attribute_on_the_list_leads_out():
    things = list(at_hand())
    kinds = set(map(type, things))
    for thing in things:
        for name in FREE.attributes:
            try:
                value = getattr(thing, name)
            except Exception:
                continue
            where = f"{type(thing).__name__}.{name}"
            assert not isinstance(value, WAYS_OUT), where
            assert not isinstance(value, dict) or value is not vars(type(thing)), where
            assert value is not getattr(thing, "__dict__", ...), where
            if type(value) not in kinds:
                kinds.add(type(value))
                things.append(value)
    assert len(kinds) > 40


def test_the_engine_knows_nothing_of_the_subject():
    assert "torch" not in (ROOT / "sensei" / "allowed.py").read_text("utf-8").lower()
