"""Augmentation: the condition follows the picture, exact pixels stay exact, a number always gives one example."""

import numpy as np
import pytest

from difusa.shared.seeds import stream
from difusa.shared.training.augment import Augment, Augmented, coloured, mixed, moved, noisy

ALL = Augment(flip=0.5, turn=0.5, shift=5, brightness=0.2, contrast=0.3, tint=0.1, noise=0.1, mix=0.3)


class Numbered:
    """Examples as the restorer's: a third of the pixels exact, a third lost, a third noisy."""

    def __getitem__(self, n):
        rng = stream(0, n)
        clean = rng.uniform(-1, 1, (3, 24, 24)).astype(np.float32)
        doubt = rng.choice([0, np.inf, 0.2], (1, 24, 24)).astype(np.float32)
        observed = np.where(doubt == 0, clean, np.where(np.isinf(doubt), 0, clean + 0.1)).astype(np.float32)
        return {"clean": clean, "observed": observed, "doubt": doubt, "task": np.zeros(4), "kind": np.int64(n % 2)}


def test_exact_pixels_stay_exact_and_lost_ones_zero():
    source, augmented = Numbered(), Augmented(Numbered(), ALL, seed=3)
    changed = 0
    for n in range(30):
        example = augmented[n]
        exact, lost = (np.broadcast_to(m, (3, 24, 24)) for m in (example["doubt"] == 0, np.isinf(example["doubt"])))
        np.testing.assert_array_equal(example["observed"][exact], example["clean"][exact])
        assert (example["observed"][lost] == 0).all()
        assert np.abs(example["clean"]).max() <= 1
        assert example["kind"] == source[n]["kind"]
        changed += not np.array_equal(example["clean"], source[n]["clean"])
    assert changed == 30  # brightness alone changes every picture


def test_a_number_always_gives_the_same_example():
    first, again = Augmented(Numbered(), ALL, seed=3), Augmented(Numbered(), ALL, seed=3)
    forwards = [first[n]["clean"] for n in range(5)]
    backwards = [again[n]["clean"] for n in reversed(range(5))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert not np.array_equal(first[0]["clean"], Augmented(Numbered(), ALL, seed=4)[0]["clean"])


def test_defaults_change_nothing():
    for name, value in Augmented(Numbered(), Augment(), seed=0)[7].items():
        np.testing.assert_array_equal(value, Numbered()[7][name])


def test_geometry_moves_all_maps_alike():
    """A picture whose pixels are their own coordinates tells where each came from; the mask must agree."""
    rows, columns = np.mgrid[0:16, 0:16].astype(np.float32)
    example = {"clean": np.stack([rows, columns]), "mask": (rows > columns)[None], "label": np.int64(3)}
    seen = set()
    for n in range(40):
        result = moved(example, stream(1, n), flip=0.5, turn=0.5, shift=3)
        y, x = result["clean"]
        np.testing.assert_array_equal(result["mask"][0], y > x)
        assert result["label"] == 3
        seen.add((y[8, 8], x[8, 8], y[8, 9] - y[8, 8], x[8, 9] - x[8, 8]))
    assert len(seen) > 20  # 8 attitudes x 49 shifts


def test_a_picture_that_is_not_square_keeps_its_shape():
    example = {"clean": np.arange(60.0).reshape(1, 6, 10)}
    for n in range(20):
        assert moved(example, stream(0, n), turn=1.0, flip=0.5)["clean"].shape == (1, 6, 10)


def test_noise_has_the_drawn_spread():
    example = {"clean": np.zeros((3, 200, 200), np.float32)}
    spreads = [noisy(example, stream(0, n), 0.1)["clean"].std() for n in range(60)]
    assert max(spreads) <= 0.1 * 1.01  # 120,000 values: the standard error of a spread is 0.2 %
    assert abs(np.mean(spreads) - 0.05) < 4 * 0.1 / np.sqrt(12 * 60)  # uniform on 0..0.1, four standard errors


def test_colour_is_affine_a_channel():
    example = {"clean": np.linspace(-0.5, 0.5, 48).reshape(3, 4, 4)}
    for n in range(10):
        result = coloured(example, stream(0, n), brightness=0.2, contrast=0.2, tint=0.1)["clean"]
        for before, after in zip(example["clean"], result):
            slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
            np.testing.assert_allclose(after, slope * before + offset, atol=1e-12)
            assert 0.7 - 1e-9 <= slope <= 1.3 + 1e-9 and abs(offset) <= 0.2 + 1e-9


def test_mixing_takes_one_box_and_never_mixes_classes():
    ones, zeros = ({"clean": np.full((1, 20, 20), v), "mask": np.full((1, 20, 20), v)} for v in (1.0, 0.0))
    for n in range(20):
        result = mixed(zeros, ones, stream(0, n))
        rows, columns = np.nonzero(result["clean"][0])
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert result["clean"].sum() == box and 0.05 < box / 400 < 0.6
        np.testing.assert_array_equal(result["mask"], result["clean"])
    other_class = ones | {"label": np.int64(1)}
    assert mixed(zeros | {"label": np.int64(0)}, other_class, stream(0, 0))["clean"].sum() == 0


@pytest.mark.parametrize(("options", "words"), [({"flip": 1.5}, "augment.flip"), ({"noise": -0.1}, "augment.noise")])
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Augment(**options)


def test_a_shift_beyond_the_picture_is_refused():
    with pytest.raises(ValueError, match="smaller than the examples' sides"):
        moved({"clean": np.zeros((1, 8, 8))}, stream(0, 0), shift=8)
