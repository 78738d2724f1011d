"""Groups drawn equally often: chances by hand, in the draws of a corpus, in the log of a training, and tables that are wrong."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from difusa.apps.train import train
from difusa.domains.heritage import corpus
from difusa.domains.heritage.corpus import Examples, Options
from difusa.shared.training.balance import evenly, told

GREY = {"common": 40, "rare": 200}


@pytest.fixture
def pictures(tmp_path):
    """Forty grey pictures, of which the table calls a tenth rare; these are brighter."""
    names = ["rare" if k % 10 == 0 else "common" for k in range(40)]
    for k, name in enumerate(names):
        Image.fromarray(np.full((40, 40, 3), GREY[name], np.uint8)).save(tmp_path / f"{k:02d}.png")
    lines = [f"{k:02d}.png,{name}" for k, name in enumerate(names)]
    (tmp_path / "groups.csv").write_text("\n".join(["file,school", *lines]) + "\n")
    return tmp_path


def test_chances_by_hand():
    chances = evenly(["a", "a", "a", "b"])
    assert np.allclose(chances, [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert told(["a", "a", "a", "b"]) == {
        "a": {"rows": 3, "before": 0.75, "after": 0.5}, "b": {"rows": 1, "before": 0.25, "after": 0.5}
    }  # fmt: skip


@pytest.mark.parametrize("balance", ["", "school"])
def test_draws_follow(pictures, balance):
    examples = Examples(pictures, "train", Options(size=16, damage=False, halved=0, balance=balance))
    rows = [i.about["school"] for i in examples.groups["unknown"]]
    wanted = 0.5 if balance else rows.count("rare") / len(rows)
    drawn = Counter(bool(examples[n]["clean"].mean() > 0) for n in range(400))
    assert drawn[True] / 400 == pytest.approx(wanted, abs=0.08)  # three standard deviations of 400 draws
    again = Examples(pictures, "train", Options(size=16, damage=False, halved=0, balance=balance))
    assert all((examples[n]["clean"] == again[n]["clean"]).all() for n in (3, 7))


def test_a_training_says_what_balance_changed(pictures, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "small"\ndomain = "heritage"\ntrains = "restorer"\nsteps = 1\nbatch = 2\nheldout_count = 0\n'
        "[network]\nchannels = [16, 32]\nlayers = 1\n"
        '[examples]\nsize = 16\nbalance = "school"\n[objective]\ntarget = "own"\nweighting = "own"\n'
    )
    train(recipe, data=pictures, out=tmp_path / "run", device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (said,) = [r["groups"]["unknown"] for r in rows if r["event"] == "balance"]
    assert said["rare"]["after"] == said["common"]["after"] == 0.5 and said["rare"]["before"] < 0.2


def test_a_wrong_column_is_named(pictures):
    with pytest.raises(
        ValueError, match=r"balance = 'scool' is no column of the table of pictures; it has file, school"
    ):
        Examples(pictures, "train", Options(balance="scool"))
    (pictures / "groups.csv").write_text("picture,school\n00.png,rare\n")
    with pytest.raises(ValueError, match="no column `file`"):
        corpus.items(pictures, "train")
    (pictures / "groups.csv").unlink()
    with pytest.raises(ValueError, match="put a groups.csv beside the pictures"):
        Examples(pictures, "train", Options(balance="school"))
