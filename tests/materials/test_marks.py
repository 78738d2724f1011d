"""The mark of crystals: keyed noise in what is drawn, read with the tags; nothing without the key or with another order."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.materials import marks
from difusa.domains.materials.task import generate
from difusa.domains.materials.templates import read as lent
from difusa.domains.models import find
from difusa.shared.passport.keys import mine


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("crystals") / "a"
    generate(out=out, count=6, steps=10, seed=3, batch=8)
    return [marks.written(f.read_text()) for f in sorted(out.glob("*.cif"))]


def test_drawn_crystals_are_read_with_the_key_and_with_no_other(drawn):
    templates, _ = lent(find("materials", domain="materials").folder)
    ours, others = [], []
    for crystal in drawn:
        template = marks.template_of(crystal, templates)
        ours.append(marks.read(crystal, mine().secret, template))
        others.append(marks.read(crystal, b"another key of thirty-two bytes!", template))
    assert np.median(ours) < 0.01 < min(others) * 20  # six at once
    jittered = replace(drawn[0], frac=(drawn[0].frac + 0.005) % 1)
    assert marks.read(jittered, mine().secret, marks.template_of(jittered, templates)) < 0.3


def test_says_why_it_cannot_read(drawn):
    templates, _ = lent(find("materials", domain="materials").folder)
    bare = replace(drawn[0], tags={})
    with pytest.raises(ValueError, match="no tag tells"):
        marks.template_of(bare, templates)
    with pytest.raises(ValueError, match="sites"):
        marks.read(
            replace(drawn[0], numbers=drawn[0].numbers[:1], frac=drawn[0].frac[:1]),
            mine().secret, marks.template_of(drawn[0], templates),
        )  # fmt: skip
