"""The README's examples: each names functions that exist, with arguments that they take; the core's runs."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import difusa
from difusa.apps.cli import VERBS, load

README = Path(difusa.__file__).parent / "README.md"
TEXT = README.read_text() if README.exists() else ""
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)

pytestmark = pytest.mark.skipif(not TEXT, reason="needs a checkout")


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_calls_fit_the_functions(block):
    tree = ast.parse(block)
    known, calls = {}, 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            known |= {name.name: getattr(import_module(node.module), name.name) for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and callable(known.get(node.func.id)):
            named = {k.arg: None for k in node.keywords}
            inspect.signature(known[node.func.id]).bind(*node.args, **named)
            calls += 1
    assert calls


def test_every_verb_has_an_example():
    imported = set(re.findall(r"^from (difusa\S+) import (.+)$", "\n".join(BLOCKS), re.M))
    names = {(module, name.strip()) for module, listed in imported for name in listed.split(",")}
    missing = [verb for verb, v in VERBS.items() if tuple(v.where.split(":")) not in names]
    assert not missing


def test_the_commands_it_shows_exist():
    shown = re.findall(
        r"difusa ((?:heritage|data|rate) \w+|\w+)(?=[ `])", " ".join(re.findall(r"```\n(.*?)```", TEXT, re.S))
    )
    assert shown
    assert set(shown) <= set(VERBS)
    assert all(callable(load(VERBS[name].where)) for name in set(shown))


def test_the_cores_example_is_right(capsys):
    block = next(b for b in BLOCKS if "SAMPLERS" in b)
    scope = {}
    exec(compile(block, "README.md", "exec"), scope)  # noqa: S102
    x = scope["x"]
    # 1000 samples of spread 0.5: the mean's standard error is 0.016, the spread's 0.011; four of each are allowed,
    # and 0.01 for what 20 evaluations take off the spread.
    assert x.mean(0).tolist() == pytest.approx([1.0, -2.0], abs=0.07)
    assert x.std(0).tolist() == pytest.approx([0.5, 0.5], abs=0.06)
