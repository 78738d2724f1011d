"""What the tests of data sets share: a recipe of a few molecules, made in the test's own process."""

import shutil
from pathlib import Path

import pytest

RECIPE = """
name = "small"
domain = "molecules"
count = 7
seed = 3
shard = 3
attempts = 2
audits = ["privacy"]

[make]
steps = 5

[conditions.grid]
atoms = [12, 14]

[about]
title = "A few molecules"
title_pt = "Algumas moléculas"
"""


def inline(tasks, workers):
    """An engine in the calling process: a run of it takes a second."""
    from difusa.datasets.work import produce

    for task in tasks:
        try:
            yield task, produce(task), ""
        except OSError as error:
            yield task, None, str(error)


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture()
def at_once(monkeypatch):
    """The local engine without processes of its own."""
    from difusa.datasets.engines import ENGINES

    monkeypatch.setitem(ENGINES, "local", inline)


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory, recipe) -> Path:
    """A finished data set, made in one go."""
    for package in ("rdkit", "pyarrow", "mlcroissant"):
        pytest.importorskip(package)
    from difusa.datasets.batch import batch
    from difusa.datasets.engines import ENGINES

    out = tmp_path_factory.mktemp("sets") / "unbroken"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENGINES, "local", inline)
        batch(recipe, out=out, progress=lambda done, total: None)
    return out


@pytest.fixture()
def copied(unbroken, tmp_path) -> Path:
    """A copy of the finished set, to be damaged."""
    shutil.copytree(unbroken, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="session")
def shards():
    """shards(folder) -> the bytes of a set's shards, by name."""
    return lambda folder: {p.name: p.read_bytes() for p in sorted((folder / "shards").iterdir())}
