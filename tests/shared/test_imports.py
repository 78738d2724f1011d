"""Packages hidden from an import are back afterwards, and what was loaded before stays."""

import sys

import pytest

from difusa.shared.imports import hidden


def test_hidden_only_inside():
    sys.modules.pop("colorsys", None)
    with hidden("colorsys", "pytest"):
        import pytest as loaded

        assert loaded is pytest
        with pytest.raises(ImportError):
            import colorsys
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
