"""A small restorer with random weights, a small picture, and a folder for jobs: what the pages are tried with."""

import importlib.util
import io
import time
from pathlib import Path

import numpy as np
import pytest

import difusa.apps
from difusa.apps import jobs
from difusa.shared.seeds import stream

pytest.importorskip("streamlit", reason="the pages need the [apps] extra")


def fixtures_of(domain: str):
    """The conftest of a domain's tests, where its small random models are made."""
    beside = importlib.util.spec_from_file_location(f"of_{domain}", Path(__file__).parents[1] / domain / "conftest.py")
    found = importlib.util.module_from_spec(beside)
    beside.loader.exec_module(found)
    return found


_molecules, _materials = fixtures_of("molecules"), fixtures_of("materials")
small_models, molecules = _molecules.small_models, _molecules.molecules
small_crystals, small_crystal_models = _materials.small_crystals, _materials.small_crystal_models


@pytest.fixture(scope="session")
def tiny_restorer(tmp_path_factory):
    """Folder of a Restorer with random weights: a page needs no beauty."""
    import torch

    from difusa.domains.heritage.network import Restorer
    from difusa.domains.models import write

    torch.manual_seed(0)
    options = {"channels": [16, 32, 32, 32], "layers": 1}
    folder = tmp_path_factory.mktemp("tiny-restorer")
    write(folder, Restorer(**options), {"name": "tiny", "domain": "heritage", "trains": "restorer", "network": options})
    return folder


@pytest.fixture
def picture():
    """A 96 x 72 picture [72, 96, 3] uint8 with something in every corner."""
    y, x = np.mgrid[:72, :96]
    waves = np.stack([128 + 90 * np.sin(x / 9 + y / 14), 2.5 * x, 3 * y], axis=2)
    return np.clip(waves + 6 * stream(5, 0).standard_normal(waves.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def hole(picture):
    """A mask [72, 96] of bool with one loss in it."""
    mask = np.zeros(picture.shape[:2], bool)
    mask[20:34, 40:58] = True
    return mask


@pytest.fixture
def job_root(tmp_path, monkeypatch, tiny_restorer):
    """Jobs go to a folder of the test; the pages use the tiny restorer; one thread, since tests share the machine."""
    monkeypatch.setenv("DIFUSA_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("DIFUSA_MODEL", str(tiny_restorer))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "jobs"


@pytest.fixture
def png():
    """A function from pixels to the bytes of a PNG file."""

    def encode(pixels: np.ndarray) -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    return encode


@pytest.fixture
def until():
    """A function that waits for ready() to give something true; a job imports torch, slow on a busy machine."""

    def wait(ready, seconds: float = 200):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := ready():
                return found
            time.sleep(0.1)
        raise AssertionError(f"nothing after {seconds} s")

    return wait


@pytest.fixture
def ended(until):
    """A function that waits for the end of a job and gives it."""
    return lambda id: until(lambda: (job := jobs.find(id)).finished and job)


@pytest.fixture
def visit():
    """A function that opens a page by its file's name, in a language, at a job if one is named."""
    from streamlit.testing.v1 import AppTest

    def visited(page: str, language: str = "en", job: str | None = None):
        at = AppTest.from_file(str(Path(difusa.apps.__file__).parent / "main_page.py"), default_timeout=250)
        at.session_state["language"] = language
        if job:
            at.query_params["job"] = job
        at = at.run().switch_page(page).run()
        assert not at.exception
        return at

    return visited


@pytest.fixture
def texts():
    """A function that gives all that is written on a page."""

    def written(at) -> str:
        kinds = (at.title, at.subheader, at.markdown, at.caption, at.info, at.error, at.warning, at.success, at.code)
        return "\n".join(element.value for kind in kinds for element in kind)

    return written


@pytest.fixture
def button():
    """A function that finds the button of that label."""
    return lambda at, label: next(b for b in at.button if b.label == label)


@pytest.fixture
def started(button):
    """A function that presses Generate and gives the job in the address."""

    def pressed(at) -> str:
        button(at, "Generate").click().run()
        assert not at.exception
        value = at.query_params["job"]
        return value if isinstance(value, str) else value[0]

    return pressed
