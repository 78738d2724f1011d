"""The wheel: everything that belongs into it, under the one import name."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import difusa

ROOT = Path(difusa.__file__).parent
FOLDERS = ["apps", "datasets", "domains", "ethics", "shared"]
# Sources from which a shipped file is made, and what is only half written.
LEFT_OUT = {".po", ".pot", ".tmp", ".pyc"}

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs a checkout")


def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_listed_packages_are_the_folders():
    on_disk = {"difusa"} | {
        ".".join(["difusa", *f.parent.relative_to(ROOT).parts]) for d in FOLDERS for f in (ROOT / d).rglob("*.py")
    }
    assert sorted(settings()["tool"]["setuptools"]["packages"]) == sorted(on_disk)


def test_every_package_folder_has_an_init():
    lacking = {f.parent for d in FOLDERS for f in (ROOT / d).rglob("*.py") if not (f.parent / "__init__.py").exists()}
    assert not lacking


def test_extra_all_holds_every_extra():
    extras = settings()["project"]["optional-dependencies"]
    named = extras["all"][0].removeprefix("difusa[").removesuffix("]").split(",")
    assert sorted(named) == sorted(set(extras) - {"all"})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built from a copy: a build leaves files behind that a later one would take in."""
    copy = tmp_path_factory.mktemp("source")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", "__init__.py", "py.typed"):
        shutil.copy(ROOT / file, copy)
    out = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(copy)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True, text=True)
    return next(out.glob("*.whl"))


def test_wheel_holds_every_file_and_only_ours(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in inside}
    assert tops == {"difusa", f"difusa-{difusa.__version__}.dist-info"}
    belong = {
        f"difusa/{f.relative_to(ROOT)}"
        for d in FOLDERS
        for f in (ROOT / d).rglob("*")
        if f.is_file() and "__pycache__" not in f.parts and f.suffix not in LEFT_OUT
    }
    assert not belong - inside, "missing in the wheel: add to package-data or packages"


def test_installed_wheel_runs(wheel, tmp_path):
    site = tmp_path / "site"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, text=True)
    # The folder comes before the checkout's own editable installation on the import path.
    surroundings = os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    code = "import difusa.shared.spaces, difusa.domains.heritage as h; print(difusa.__file__, h.__file__)"
    run = {"cwd": tmp_path, "env": surroundings, "capture_output": True, "text": True, "check": True}
    where = subprocess.run([sys.executable, "-c", code], **run).stdout.split()
    assert all(Path(w).is_relative_to(site) for w in where)
    shown = subprocess.run([sys.executable, str(site / "bin" / "difusa"), "--help"], **run).stdout
    assert "heritage restore" in shown
    for bare in ("shared", "datasets", "apps", "domains", "ethics"):
        assert not (site / bare).exists()
