"""The mark of crystals: keyed noise and a keyed kind of template, read with the tags; nothing without the key."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, kstest

from difusa.domains.materials import keyed_kinds, marks
from difusa.domains.materials.reducing import standard
from difusa.domains.materials.task import generate
from difusa.domains.materials.templates import read as lent
from difusa.domains.models import find
from difusa.shared.passport.keys import mine
from difusa.shared.watermark.issued import keyed


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("crystals") / "a"
    generate(out=out, count=6, steps=10, seed=3, batch=8)
    return [marks.written(f.read_text()) for f in sorted(out.glob("*.cif"))]


@pytest.fixture(scope="module")
def templates():
    return lent(find("materials", domain="materials").folder)[0]


def test_drawn_crystals_are_read_with_the_key_and_with_no_other(drawn, templates):
    ours = [marks.read(c, mine().secret, templates) for c in drawn]
    others = [marks.read(c, b"another key of thirty-two bytes!", templates) for c in drawn]
    assert np.median([r.p_value for r in ours]) < 1e-3 < min(r.p_value for r in others) * 20  # six at once
    assert not any(r.reason for r in ours)


def test_symmetry_tells_of_the_key_in_another_order_and_cell(drawn, templates):
    rng = np.random.default_rng(0)
    for crystal in drawn:
        order, own = rng.permutation(len(crystal)), keyed(mine().secret, crystal.tags["seed"])
        moved = replace(crystal, numbers=crystal.numbers[order], frac=(crystal.frac[order] + rng.random(3)) % 1)
        large = standard(moved)
        kinds = [keyed_kinds.kinds_of(c) for c in (crystal, moved, large)]
        assert kinds[0] == kinds[1] == kinds[2]
        told = marks.read(moved, mine().secret, templates)
        assert told.reason and told.p_value == keyed_kinds.chance(kinds[0], own, crystal.tags["index"])


def test_the_key_lends_each_kind_as_often_as_it_occurs_and_its_chance_is_uniform(templates):
    rows = np.arange(len(templates))
    lot = [keyed_kinds.lent(templates, rows, 5, k, 0) for k in range(400)]
    names = keyed_kinds.kinds(templates)
    common, count = Counter(names).most_common(1)[0]
    seen = sum(names[r[0]] == common for r in lot)
    assert binomtest(seen, len(lot), count / len(names)).pvalue > 1e-3
    assert all(len(r) == names.count(names[r[0]]) for r in lot[:20])
    assert kstest([np.exp(-keyed_kinds.number(7, k, 0, common)) for k in range(2000)], "uniform").pvalue > 1e-3


def test_what_predict_draws_bears_passport_and_mark(templates, tmp_path):
    from difusa.apps.verify import trusted
    from difusa.domains.materials.predicting import predict
    from difusa.shared.passport.verdict import INTACT, verdict

    told = predict("LiFePO4", out=tmp_path / "a", count=4, steps=14, seed=3, threads=1)
    assert told["watermark"]["key"] == mine().watermark_id
    assert verdict(tmp_path / "a" / "00000.cif", trusted()).status == INTACT
    made = [marks.written(f.read_text()) for f in sorted((tmp_path / "a").glob("*.cif"))]
    ours, others = (
        [marks.read(c, key, templates).p_value for c in made]
        for key in (mine().secret, b"thirty-two bytes of another key!")
    )
    assert np.median(ours) < 0.05 < max(others)


def test_says_why_it_cannot_read(drawn, templates):
    with pytest.raises(ValueError, match="no tags tell"):
        marks.read(replace(drawn[0], tags={}), mine().secret, templates)
    told = marks.read(replace(drawn[0], tags=drawn[0].tags | {"template": "none"}), mine().secret, templates)
    assert "which template" in told.reason
    few = replace(drawn[0], numbers=drawn[0].numbers[:1], frac=drawn[0].frac[:1])
    assert "sites" in marks.read(few, mine().secret, templates).reason
