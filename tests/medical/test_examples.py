"""Training examples: a pure function of their number, patients apart, only what is given is shown."""

import numpy as np
import pytest

from difusa.domains.medical import codec, data, labels, simulate
from difusa.domains.medical.examples import Examples, Options, chosen
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.training.recipe import parse, read_recipe


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_codec_comes_back(contrast):
    values = np.linspace(-1024, 2800, 4001) if contrast == "CT" else np.linspace(0, 1.4, 1001)
    back = codec.decode(codec.encode(values, contrast), contrast)
    assert np.abs(back - values).max() < (0.05 if contrast == "CT" else 1e-6)  # float32 of numbers up to 3000
    assert (np.diff(codec.encode(values, contrast)) > 0).all()
    with pytest.raises(ValueError, match="T1GD"):
        codec.encode(values, "T1GD")


def test_picture_and_plane():
    a = np.arange(12).reshape(3, 4)  # [X, Y]
    assert codec.picture(a).shape == (4, 3) and codec.picture(a)[0, 0] == a[0, 3]  # the front on top
    assert (codec.plane(codec.picture(a)) == a).all()


def test_choice_of_contrasts():
    rng, there = np.random.default_rng(0), ("T1", "T2", "FLAIR")
    drawn = [chosen(rng, there) for _ in range(600)]
    assert all(t not in g and 1 <= len(g) <= 2 and set(g) <= set(there) for t, g in drawn)
    assert {t for t, _ in drawn} == set(there)
    assert 0.4 < np.mean([len(g) == 1 for _, g in drawn]) < 0.7


def test_simulated_examples(monkeypatch, ball):
    monkeypatch.setattr(labels, "heads", lambda folder, split: [ball])
    options = Options(size=(48, 40), real=0.0)
    a, b = Examples(None, "train", options, 3), Examples(None, "train", options, 3)
    for n in (5, 2, 9):
        x, y = a[n], b[n]
        assert all((x[k] == y[k]).all() for k in x)
        assert x["clean"].shape == (1, 48, 40) and x["given"].shape == (5, 48, 40)
        assert x["clean"].dtype == x["given"].dtype == np.float32 and x["present"][x["target"]] == 0
        for k, contrast in enumerate(CONTRASTS):
            assert x["present"][k] == (np.ptp(x["given"][k]) > 0)
            if not x["present"][k]:
                assert x["given"][k].max() == np.float32(codec.blank(contrast))
    assert any((a[5][k] != a[6][k]).any() for k in ("clean", "target"))


def test_people_take_turns(monkeypatch, ball):
    monkeypatch.setattr(labels, "heads", lambda folder, split: [ball])
    made = []
    monkeypatch.setattr(simulate, "person", lambda heads, seed, index, options: made.append(index) or (seed, index))
    options = Options(size=(48, 40), real=0.0, planes=4, crowd=2)
    for split, wanted in (("train", [0, 1, 2, 3]), ("calibrate", list(range(16)))):
        made.clear()
        examples = Examples(None, split, options, 3)
        monkeypatch.setattr(examples, "painted", lambda number, rng, e=examples: e.person(e.who(number)))
        who = [examples.painted(n, None)[1] for n in range(16)]
        assert made == wanted, "each is made once, in order"
        assert split == "calibrate" or who == [0, 1] * 4 + [2, 3] * 4


def test_real_planes_are_split_by_patient(data):
    from difusa.domains.medical import data as real

    found = real.sets(data)
    who = {s: {str(found[n].patient[row]) for n, row in real.rows(found, s)} for s in ("train", "calibrate", "test")}
    assert who["test"] == set(real.TEST) and who["calibrate"] == set(real.CALIBRATE)
    assert not who["train"] & (who["test"] | who["calibrate"]) and len(who["train"]) == 3
    assert {str(found[n].patient[r]) for n, r in real.rows(found, "test", ("long-01",))} == {"long-01"}
    assert "long-12" in {str(found[n].patient[r]) for n, r in real.rows(found, "train", ("long-01",))}
    with pytest.raises(ValueError, match="long-99"):
        real.rows(found, "train", ("long-99",))
    assert found[0].signal(3, "T2").max() <= 1


def test_patients_are_drawn_equally_often(open_ms):
    found = Examples(open_ms, "train", Options(size=(48, 40), real=1.0, balance="patient", held=("long-04",)))
    who = [str(found.sets[n].patient[row]) for n, row in found.rows]
    assert found.chances.sum() == pytest.approx(1)
    for patient in set(who):
        assert sum(c for c, w in zip(found.chances, who) if w == patient) == pytest.approx(1 / len(set(who)))
        assert found.balance[patient]["after"] == pytest.approx(1 / len(set(who)), abs=1e-4)
    assert found[3]["clean"].shape == (1, 48, 40)


def test_the_recipes_fit(data):
    from pathlib import Path

    from difusa.domains.medical.domain import DOMAIN

    for path in sorted((Path(labels.__file__).parent / "recipes").glob("*.toml")):
        recipe = read_recipe(path)
        assert recipe.domain == "medical" and recipe.trains in DOMAIN.models
        made = DOMAIN.models[recipe.trains].examples(data, "calibrate", recipe.examples, recipe.seed)
        assert made[0]["clean"].shape == (1, *parse(Options, recipe.examples, "x").size)


def test_reference():
    volume = np.zeros((50, 40, 30))
    volume[10:30, 10:30, 10:20] = 400
    assert codec.reference(volume) == 400
    with pytest.raises(ValueError, match="bright head"):
        codec.reference(np.zeros((9, 9, 9)))
    assert data.patients([]) == []
