"""Bias and usefulness: a removed subgroup and shuffled labels are caught, whole sets are not; the repair mends what it says."""

import numpy as np
import pytest

from difusa.ethics.bias import classes, recipe_of, repair, representation, subgroups, tone
from difusa.ethics.findings import FAIL, FEWEST, PASS, SILENT
from difusa.ethics.samples import Samples
from difusa.ethics.usefulness import usefulness

GROUPS = ("a", "b", "c")


def drawn(count: int, seed: int, shares=(0.5, 0.3, 0.2)) -> Samples:
    """Things of three groups that lie apart, with a label (text) that depends on the features."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, count, p=shares)
    centres = 3 * np.random.default_rng(9).standard_normal((3, 6))
    features = centres[group] + rng.standard_normal((count, 6))
    labels = np.where(features[:, 0] + features[:, 1] > (centres[group][:, 0] + centres[group][:, 1]), "high", "low")
    ids = tuple(f"{seed}-{i}" for i in range(count))
    return Samples("heritage", ids, features, lambda i: None, {"group": np.array(GROUPS)[group]}, labels)


def without(samples: Samples, group: str) -> Samples:
    return samples.take(samples.attributes["group"] != group)


def found_by(findings) -> dict[str, str]:
    return {f.name: f.verdict for f in findings}


@pytest.mark.parametrize("seed", range(5))
def test_a_removed_subgroup_is_caught_and_a_whole_set_is_not(seed):
    real, whole = drawn(900, 10 * seed), drawn(450, 10 * seed + 1)
    target = {"a": 0.5, "b": 0.3, "c": 0.2}
    for other, expected in ((whole, PASS), (without(whole, "c"), FAIL)):
        found = subgroups(real, other, "group", 0.5, np.random.default_rng(seed))
        found += representation(other.attributes["group"], target, "group", 0.5)
        told = found_by(found)
        assert told["group: coverage, worst group"] == expected
        assert told["group: representation, worst group"] == expected
        assert told["group: plausibility, worst group"] == PASS
    worst = next(f for f in found if f.name == "group: coverage, worst group")
    assert worst.note.values["worst"] == "c"
    gap = next(f for f in found if f.name == "group: coverage, gap")
    assert gap.low <= gap.value <= gap.high
    assert gap.value > 0.5


def test_nothing_is_claimed_of_small_groups():
    real, other = drawn(60, 0, (0.9, 0.08, 0.02)), drawn(60, 1, (0.9, 0.08, 0.02))
    found = subgroups(real, other, "group", 0.5, np.random.default_rng(0))
    few = next(f for f in found if f.name == "group: groups without a claim")
    assert "c" in few.note
    assert all(f.n >= FEWEST for f in found if f.verdict in (PASS, FAIL))
    silent = representation(np.array(["a"] * 5), {"a": 0.5, "b": 0.5}, "group", 0.5)
    assert [f.verdict for f in silent] == [SILENT]


def test_the_repair_brings_every_share_to_its_target():
    column = np.repeat(["a", "b", "c"], [60, 30, 2])
    target = {"a": 0.4, "b": 0.4, "c": 0.2}
    more = repair(column, target)
    assert more == {"a": 0, "b": 30, "c": 28}
    mended = np.concatenate([column, *[np.repeat([g], n) for g, n in more.items()]])
    assert representation(column, target, "group", 0.5)[0].verdict == FAIL
    after = representation(mended, target, "group", 0.5)
    assert after[0].verdict == PASS
    assert after[1].value == pytest.approx(0)
    import tomllib

    assert tomllib.loads(recipe_of({"group": more}))["quotas"] == [
        {"where": {"group": "b"}, "least": 30},
        {"where": {"group": "c"}, "least": 28},
    ]


def test_shares_must_sum_to_one_and_numbers_are_cut_at_quartiles():
    with pytest.raises(ValueError, match="sum to 0.9"):
        representation(np.array(["a"] * 20), {"a": 0.9}, "group", 0.5)
    assert len(np.unique(classes(np.arange(100.0)))) == 4


@pytest.mark.parametrize(("rgb", "degrees"), [((255, 224, 196), 75.6), ((198, 134, 66), 11.9), ((60, 46, 40), -76.1)])
def test_skin_tone_by_its_formula(rgb, degrees):
    # by hand from CIELAB (D65): L* 90.8, b* 16.6...; one degree allows for rounding to 8 bits
    from skimage.color import rgb2lab

    lightness, _, yellow = rgb2lab(np.array(rgb, float).reshape(1, 1, 3) / 255)[0, 0]
    assert tone(np.array([rgb] * 4, np.uint8)) == pytest.approx(np.degrees(np.arctan2(lightness - 50, yellow)))
    assert (tone(np.array([rgb], np.uint8)) > 28) == (degrees > 28)


def test_skin_tone_of_a_photograph_and_of_none():
    pytest.importorskip("openvino")
    from skimage.data import astronaut, coffee

    from difusa.ethics.pictures import TONES, skin_tone

    face = astronaut()[:256, 100:356]
    seen = skin_tone(face)
    assert seen in ("very light", "light", "intermediate")
    names = list(TONES.values())
    darker = skin_tone((face * 0.55).astype(np.uint8))
    assert names.index(darker) > names.index(seen)
    assert skin_tone(coffee()) == "no face"
    assert skin_tone(np.repeat(face.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)) == "grey"


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_labels_are_caught_and_right_ones_are_not(seed):
    train, test, other = drawn(300, 10 * seed), drawn(200, 10 * seed + 1), drawn(300, 10 * seed + 2)
    shuffled = np.random.default_rng(seed).permutation(other.labels)
    wrong = Samples(other.domain, other.ids, other.features, other.read, other.attributes, shuffled)
    assert usefulness(other, train, test, 0.7)[0].verdict == PASS
    found = usefulness(wrong, train, test, 0.7)[0]
    assert found.verdict == FAIL
    assert found.low <= found.value <= found.high


def test_labels_that_are_numbers():
    def numbers(samples):
        values = samples.features @ np.arange(6.0)
        return Samples(samples.domain, samples.ids, samples.features, samples.read, {}, values)

    train, test, other = (numbers(drawn(200, s)) for s in (0, 1, 2))
    found = usefulness(other, train, test, 0.7)[0]
    assert found.verdict == PASS
    assert "R^2" in found.note


def test_the_census_example_is_a_target():
    from pathlib import Path

    import difusa.ethics
    from difusa.apps.audit import targets

    shares, source = targets(Path(difusa.ethics.__file__).parent / "targets" / "brazil-2022.toml")
    assert "IBGE" in source
    for groups in shares.values():
        assert sum(groups.values()) == pytest.approx(1, abs=1e-9)
    women = np.repeat(["female", "male"], [80, 20])
    found = representation(women, shares["sex"], "sex", 0.8, source)
    assert found[0].verdict == FAIL
    assert "IBGE" in found[0].note
