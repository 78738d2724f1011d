"""The house's one-way streets: apps -> datasets -> ethics -> domains -> shared, and no domain knows another."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import difusa

ROOT = Path(difusa.__file__).parent
LAYERS = ["apps", "datasets", "ethics", "domains", "shared"]
FILES = sorted(f for layer in LAYERS for f in (ROOT / layer).rglob("*.py"))
NAMES = [str(f.relative_to(ROOT)) for f in FILES]
BASE = {"numpy", "psutil", "safetensors", "torch", "tyro"}


def imports(tree: ast.AST) -> list[str]:
    """The modules that the tree imports, dotted; a relative import keeps its leading dots."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # `from difusa.domains import heritage` names a module only with its last part.
            found += [f"{module}.{name.name}" for name in node.names] if module.startswith("difusa") else [module]
    return found


def at_import(tree: ast.Module) -> list[str]:
    """The modules imported as soon as the file is: those outside functions."""
    outside = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in [n for n in outside if isinstance(n, ast.ClassDef)]:
        outside += [n for n in node.body if not isinstance(n, ast.FunctionDef)]
    plain = [n for n in outside if not isinstance(n, ast.ClassDef)]
    return [name for node in plain for name in imports(node)]


def wrong(own: list[str], module: str) -> str | None:
    """Why the file at `own` (its path parts below the root) may not import `module`; None if it may."""
    parts = module.split(".")
    if module.startswith("."):
        return f"{module} is relative: write difusa...."
    if parts[0] in set(LAYERS) - {"datasets"}:  # a bare `datasets` is Hugging Face's package
        return f"{module} has no `difusa.` before it"
    if parts[0] != "difusa" or len(parts) < 2 or parts[1] not in LAYERS:
        return None
    if LAYERS.index(parts[1]) < LAYERS.index(own[0]):
        return f"{own[0]} may not know {module}"
    domains = {d.name for d in (ROOT / "domains").iterdir() if (d / "__init__.py").exists()}
    if own[0] == parts[1] == "domains" and len(own) > 2 and len(parts) > 2 and parts[2] in domains - {own[1]}:
        return f"the domain {own[1]} may not know {module}"
    return None


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_imports_go_one_way(file):
    own = list(file.relative_to(ROOT).parts)
    found = [why for module in imports(ast.parse(file.read_text())) if (why := wrong(own, module))]
    assert not found, f"{'/'.join(own)}: {'; '.join(found)}"


@pytest.mark.parametrize(
    ("own", "module", "allowed"),
    [
        ("shared/x.py", "difusa.domains.heritage", False),
        ("shared/x.py", "difusa.shared.spaces", True),
        ("domains/heritage/x.py", "difusa.apps.cli", False),
        ("domains/heritage/x.py", "difusa.domains.models", True),
        ("domains/heritage/x.py", "difusa.domains.heritage.data", True),
        ("apps/x.py", "difusa.domains.heritage.task", True),
        ("apps/x.py", "shared.spaces", False),
        ("apps/x.py", ".cli", False),
        ("apps/x.py", "datasets", True),
    ],
)
def test_the_rule_itself(own, module, allowed):
    assert (wrong(own.split("/"), module) is None) == allowed


def test_the_core_needs_only_the_base_installation():
    known = BASE | set(sys.stdlib_module_names) | {"difusa"}
    strangers = {
        f"{name}: {module}"
        for name, file in zip(NAMES, FILES, strict=True)
        if name.startswith("shared/")
        for module in at_import(ast.parse(file.read_text()))
        if module.split(".")[0] not in known
    }
    assert not strangers


@pytest.mark.parametrize("module", ["cli", "doctor", "jobs", "launch", "arguments"])
def test_light_modules_stay_light(module):
    heavy = "{'torch', 'diffusers', 'transformers', 'monai', 'streamlit', 'skimage', 'cv2', 'openvino', 'tyro'}"
    code = f"import sys, difusa.apps.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
