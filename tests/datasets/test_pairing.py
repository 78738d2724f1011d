"""Counterfactual pairs are what they say: alike in all but the condition; and the verb tells what changed."""

import json

import pytest

pytest.importorskip("nibabel")

from difusa.apps.counterfactual import counterfactual
from difusa.datasets.pairing import pairs
from difusa.datasets.recipe import of_table
from difusa.datasets.repairing import toml

TABLE = {
    "name": "heads", "domain": "medical", "count": 40, "seed": 4,
    "make": {"contrasts": "T1", "spacing": 4.0, "size": [48, 40], "planes": 2, "watermark": False},
    "conditions": {
        "grid": {"field": [1.5, 3.0]}, "shares": {"pathology": {"none": 0.5, "lesions": 0.5}},
        "ranges": {"noise": [0.01, 0.05]},
    },
    "quotas": [{"where": {"field": 1.5}, "least": 4}],
}  # fmt: skip
RECIPE = of_table(TABLE, "x")


@pytest.fixture(autouse=True)
def without_data(monkeypatch):
    monkeypatch.delenv("DIFUSA_DATA", raising=False)


def test_a_pair_differs_in_its_condition_alone():
    _, made = pairs(RECIPE, "field", ("1.5", "3"), 3)
    made = list(made)
    assert len(made) == 3
    for first, second in made:
        assert first.files["tissues.nii.gz"] == second.files["tissues.nii.gz"]  # the same head, cut and disease
        assert first.files["t1.nii.gz"] != second.files["t1.nii.gz"]
        assert (first.facts["field"], second.facts["field"]) == (1.5, 3.0)
        assert first.label == second.label
    assert made[0][0].files["tissues.nii.gz"] != made[1][0].files["tissues.nii.gz"]


@pytest.mark.parametrize(
    ("change", "values", "told"),
    [
        ("tesla", ("1.5", "3"), "unknown key 'tesla'"),
        ("field", ("3", "3.0"), "two different"),
        ("field", ("a", "b"), "number"),
    ],
)
def test_what_is_no_pair_is_refused(change, values, told):
    with pytest.raises(ValueError, match=told):
        pairs(RECIPE, change, values, 2)


def test_molecules_of_one_stream_do_not_overwrite_each_other():
    """Their maker knows samples by their streams, which the two of a pair share."""
    pytest.importorskip("rdkit")
    table = {
        "name": "m",
        "domain": "molecules",
        "count": 8,
        "make": {"steps": 4},
        "conditions": {"fixed": {"atoms": 14}},
    }
    _, made = pairs(of_table(table, "x"), "elements", ("C,H,N,O", "C,H"), 3)
    assert all(second.label in ("C,H", "C") and first.facts != second.facts for first, second in made)


def test_the_verb_tells_what_changed(tmp_path):
    (tmp_path / "r.toml").write_text(toml(RECIPE))
    told = counterfactual(
        tmp_path / "r.toml", change="noise", values=("0.01", "0.2"), count=10, report=tmp_path / "c.html",
        progress=lambda done, total: None,
    )  # fmt: skip
    found = {f["name"]: f for f in told["findings"]}
    assert found["sharpness"]["low"] > 0  # noise is power at high frequencies
    assert found["white_matter_ml"]["value"] == 0 if "white_matter_ml" in found else True
    assert told["about"]["n"] == 10 and told == json.loads((tmp_path / "c.json").read_text())
    assert "pares contrafactuais" in (tmp_path / "c.html").read_text()
