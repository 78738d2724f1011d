"""Imports that leave out what a package would load and never use."""

import sys
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def hidden(*names: str):
    """Inside the block, imports go as if these packages were not installed; those already loaded stay."""
    absent = [n for n in names if n not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def monai(module: str = "networks.nets"):
    """A module of MONAI, without transformers: MONAI would load that, five seconds, for one network of its many."""
    with hidden("transformers"):
        return import_module(f"monai.{module}")
