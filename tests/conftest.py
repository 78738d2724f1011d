"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The data folder named by DIFUSA_DATA; tests that need it are skipped without it."""
    folder = os.environ.get("DIFUSA_DATA")
    if not folder:
        pytest.skip("needs the data folder: set DIFUSA_DATA")
    return Path(folder)
