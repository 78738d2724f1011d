"""What all tests share."""

import os
from pathlib import Path

import pytest

from difusa.shared.passport.keys import folder, mine


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory):
    """Keys of the tests' own, made at first use: nobody's real ones sign what a test writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFUSA_KEYS", str(tmp_path_factory.mktemp("keys") / "keys"))
        mine()
        (folder() / "watermark.key").write_text(
            "5eed" * 16
        )  # starting noise comes of it: the same at every run of the tests
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The data folder named by DIFUSA_DATA; tests that need it are skipped without it."""
    folder = os.environ.get("DIFUSA_DATA")
    if not folder:
        pytest.skip("needs the data folder: set DIFUSA_DATA")
    return Path(folder)
