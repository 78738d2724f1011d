"""Real damage: splits do not share a file, pasting changes what the mask says and nothing else."""

import os
from pathlib import Path

import numpy as np
import pytest

from difusa.domains.heritage import real_damage
from difusa.shared.seeds import stream

needs_data = pytest.mark.skipif(not os.environ.get("DIFUSA_DATA"), reason="needs the real damage in DIFUSA_DATA")
SPLITS = ("train", "calibrate", "test")


@pytest.fixture(scope="module")
def by_hand():
    """One opacity map of a bar, one square outline, one crack: enough for every family."""
    bar, crack = np.zeros((2, 64, 64), np.uint8)
    bar[28:36, 8:56] = 255
    crack[:, 30:33] = 200
    square = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]], np.float32)
    return real_damage.Damages((("dirt", bar),), (square,), (crack,))


@pytest.fixture
def data():
    return Path(os.environ["DIFUSA_DATA"])


@pytest.mark.parametrize("family", real_damage.FAMILIES)
def test_paste_changes_what_the_mask_says(family, by_hand):
    picture = stream(1, 0).uniform(0.3, 0.4, (96, 80, 3)).astype(np.float32)
    for index in range(20):
        damaged, mask = real_damage.paste(picture, stream(0, index), by_hand, family)
        change = np.abs(damaged - picture).max(2)
        assert damaged.min() >= 0 and damaged.max() <= 1
        assert mask.any() and not mask.all()
        # outside the mask each of at most three layers has an opacity below SIGNIFICANT
        assert change[~mask].max() <= 1 - (1 - real_damage.SIGNIFICANT) ** 3 + 1e-6
        assert change[mask].mean() > 10 * change[~mask].mean()


def test_same_stream_same_damage(by_hand):
    picture = np.full((64, 64, 3), 0.5, np.float32)
    first, again = (real_damage.paste(picture, stream(3, 5), by_hand) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_refusals(by_hand, tmp_path):
    with pytest.raises(ValueError, match="divide uint8 by 255"):
        real_damage.paste(np.full((8, 8, 3), 200, np.uint8), stream(0, 0), by_hand)
    with pytest.raises(ValueError, match="overlays, polygons, craquelure"):
        real_damage.paste(np.zeros((8, 8, 3)), stream(0, 0), by_hand, "rust")
    with pytest.raises(ValueError, match="'dev'"):
        real_damage.damages(tmp_path, "dev")
    with pytest.raises(FileNotFoundError, match="DIFUSA_DATA"):
        real_damage.damages(tmp_path, "train")


@needs_data
def test_splits_share_no_file(data):
    files = {split: set(real_damage.overlays(data, split)) for split in SPLITS}
    assert sum(map(len, files.values())) == len(set.union(*files.values())) == 150
    assert len(files["train"]) == 141
    # 12,137 outlines, one of which has only two points
    assert sum(len(real_damage.damages(data, split).polygons) for split in SPLITS) == 12136


@needs_data
def test_cracks_lie_on_the_skeletons(data):
    """The photographs are turned upright: cracks are darker than the paint beside them only then."""
    for path, grey, skeleton in real_damage.cracked(data):
        assert grey.shape == skeleton.shape, path
        assert grey[~skeleton].mean() - grey[skeleton].mean() > 40, path
