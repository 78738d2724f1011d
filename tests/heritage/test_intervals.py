"""Half-widths by bins: exact coverage of known errors in every bin, crops that count alike, fallbacks, the file."""

import json

import numpy as np
import pytest
import torch

from difusa.domains.heritage.intervals import (
    DISTANCES,
    FLOOR,
    GUESS,
    SPREADS,
    Calibration,
    Factors,
    Held,
    distance_to_known,
    fitted,
    load_calibration,
    quantile,
)

ONE = Factors((), (), ((3.0,),))
LOSS = Factors((2.0,), (), ((1.0,), (4.0,)))


def held(rng, pixels: int, scale=0.1, distance: float | None = 0.0, spread=None) -> Held:
    """Normal errors of standard deviation scale * spread; distance None: 1 to 30 px, and the error grows with it."""
    spread = rng.uniform(0.01, 0.2, pixels) if spread is None else np.full(pixels, spread)
    far = rng.uniform(1, 30, pixels) if distance is None else np.full(pixels, distance)
    size = scale * (1 + far) * (spread + FLOOR)
    return Held(np.abs(rng.normal(0, 1, (3, pixels))) * size, spread, far)


def half(factors: Factors, crop: Held) -> np.ndarray:
    spread, far = torch.from_numpy(crop.spread), torch.from_numpy(crop.distance)
    return factors.at(spread, far).numpy() * (crop.spread + FLOOR)


def test_every_bin_of_distance_holds_ninety_per_cent():
    rng = np.random.default_rng(0)
    factors, fresh = fitted([held(rng, 4000, distance=None) for _ in range(10)]), held(rng, 40000, distance=None)
    inside = fresh.errors <= half(factors, fresh)
    for low, high in zip((0, *DISTANCES), (*DISTANCES, 30), strict=True):
        chosen = inside[:, (fresh.distance > low) & (fresh.distance <= high)]
        # independent errors: as many held out as fresh, so the standard error of the share is sqrt(2 * 0.09 / n)
        assert chosen.mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.18 / chosen.size)), (low, high)
    assert [row[0] for row in factors.table] == sorted(row[0] for row in factors.table)


def test_every_bin_of_spread_holds_ninety_per_cent_where_the_network_misjudges_it():
    rng = np.random.default_rng(1)

    def crop():  # a spread half as large means an error four times smaller, not twice
        spread = rng.uniform(0.01, 0.2, 4000)
        return Held(np.abs(rng.normal(0, 1, (3, 4000))) * 20 * spread**2, spread, np.zeros(4000))

    factors, fresh = fitted([crop() for _ in range(10)]), [crop() for _ in range(10)]
    assert factors.distances == () and np.shape(factors.table) == (1, SPREADS)
    errors, spread = (np.concatenate([getattr(h, k) for h in fresh], axis=-1) for k in ("errors", "spread"))
    inside = errors <= half(factors, Held(errors, spread, np.zeros(spread.size)))
    column = np.searchsorted(factors.spreads, spread)
    for number in range(SPREADS):
        chosen = inside[:, column == number]
        assert chosen.mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.18 / chosen.size)), number


def test_crops_count_alike_whatever_their_pixels():
    rng = np.random.default_rng(2)
    crops = [held(rng, 9000, 0.5, spread=0.1) for _ in range(9)] + [held(rng, 90, 1.5, spread=0.1) for _ in range(9)]
    factors = fitted(crops)
    shares = [(crop.errors <= half(factors, crop)).mean() for crop in crops]
    # the quantile is exact on its own data up to one value of the smallest crop and the rounding to 4 digits
    assert np.mean(shares) == pytest.approx(0.9, abs=1e-3)
    pooled = np.concatenate([crop.errors.ravel() for crop in crops]), half(factors, crops[0])[0]
    assert (pooled[0] <= pooled[1]).mean() > 0.97  # counted by pixels the large easy crops would set the width


def test_a_bin_without_pixels_or_with_few_crops_takes_its_neighbours_factor():
    rng = np.random.default_rng(3)
    near = [held(rng, 500, distance=1.0) for _ in range(6)]
    factors = fitted([*near, held(rng, 5000, scale=5, distance=9.0)])  # far ones in a single crop
    assert all(row == factors.table[0] for row in factors.table)
    factors = fitted([*near, *[held(rng, 500, distance=9.0) for _ in range(6)]])
    middle, far = factors.table[1], factors.table[3]
    assert far[0] > 3 * factors.table[0][0] and far == factors.table[4] == factors.table[5]
    assert middle == factors.table[0]


def test_too_few_values_or_crops_are_refused():
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match="120 values of 8 held-out crops are too few"):
        fitted([held(rng, 5) for _ in range(8)])
    with pytest.raises(ValueError, match="too few"):
        fitted([held(rng, 5000) for _ in range(4)])
    with pytest.raises(ValueError, match=r"crops \[2\] are not numbers"):
        fitted([held(rng, 500, scale=np.nan if number == 2 else 1.0) for number in range(6)])
    with pytest.raises(ValueError, match="5 held-out values are too few"):
        quantile(np.ones(5), np.ones(5), 0.9)
    assert quantile(np.arange(99, 0, -1) / 100, np.ones(99), 0.9) == 0.9  # the 90th of 99, as split conformal has it


def test_lost_pixels_ask_the_filling_tasks_and_the_others_the_rest():
    doubt = torch.full((1, 8, 9), 0.1)
    doubt[:, :, 4:] = torch.inf
    doubt[:, :, 0] = 0
    spread = torch.full((8, 9), 0.04)
    calibration = Calibration({"inpaint": {2: LOSS}, "jpeg": {1: ONE}, "outpaint": {2: ONE}})
    width, known = calibration.half_width(spread, doubt, ("inpaint", "jpeg"), 4)
    assert known and torch.allclose(width[0] / 0.05, torch.tensor([0.0, 3, 3, 3, 1, 1, 4, 4, 4]))
    width, known = calibration.half_width(spread, doubt, ("inpaint", "jpeg", "outpaint"), 4)
    assert known and torch.allclose(width[0, 4:] / 0.05, torch.tensor([3.0, 3, 4, 4, 4]))  # the widest counts
    width, known = calibration.half_width(spread, doubt, ("inpaint", "jpeg"), 1)  # no factors for one sample
    assert not known and torch.allclose(width[0] / 0.05, torch.tensor([0.0, 3, 3, 3] + [GUESS] * 5))
    width, known = calibration.half_width(spread, doubt, ("inpaint", "denoise"), 4)
    assert not known and torch.allclose(width[0, 1:4] / 0.05, torch.tensor(GUESS))


def test_of_several_numbers_of_samples_the_next_smaller_serves():
    calibration = Calibration({"jpeg": {2: ONE, 4: LOSS}})
    assert [calibration.known("jpeg", n) for n in (1, 2, 3, 4, 9)] == [None, ONE, ONE, LOSS, LOSS]


def test_distance_to_known():
    doubt = torch.zeros(1, 5, 9)
    doubt[:, :, 3:] = torch.inf
    doubt[:, :, 0] = 0.5  # doubtful is known enough
    assert distance_to_known(doubt)[2].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    lost = torch.full((1, 4, 4), torch.inf)
    assert torch.isinf(distance_to_known(lost)).all()
    assert LOSS.at(torch.zeros(4, 4), distance_to_known(lost)).eq(4).all()


def test_the_file(tmp_path):
    rng = np.random.default_rng(5)
    assert load_calibration(tmp_path, "abc") == Calibration({})
    factors = {"inpaint": {2: fitted([held(rng, 800, distance=None) for _ in range(6)]), 4: LOSS}, "jpeg": {4: ONE}}
    calibration = Calibration(factors, settings={"jpeg": {"crops": 5}})
    calibration.save(tmp_path, "abc")
    assert load_calibration(tmp_path, "abc") == calibration
    assert load_calibration(tmp_path, "def") == Calibration({})  # fitted to other weights
    assert calibration.record("sr2") == "not calibrated" and calibration.record("jpeg")["crops"] == 5
    assert calibration.record("jpeg") != Calibration({"jpeg": {4: LOSS}}, settings=calibration.settings).record("jpeg")


def test_old_files_are_not_used_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "calibration.json"
    old = {"model": "abc", "level": 0.9, "floor": 0.01, "factors": {"inpaint": {"4": 2.5}}}
    path.write_text(json.dumps(old))
    assert load_calibration(tmp_path, "abc") == Calibration({})
    Calibration({"jpeg": {4: LOSS}}).save(tmp_path, "abc")
    for broken in (path.read_text()[:90], path.read_text().replace('"spreads": []', '"spreads": [1]'), "[]"):
        path.write_text(broken)
        with pytest.raises(ValueError, match="delete it"):
            load_calibration(tmp_path, "abc")
