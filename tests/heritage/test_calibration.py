"""The 90 % interval holds 90 % of the truth, whatever the network's own spread is off by."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from difusa.domains.heritage.calibration import GUESS, Calibration, conformal, fit, load_calibration
from difusa.domains.heritage.posterior import Plan, samples, summary
from difusa.domains.heritage.tiles import Observation


class Overconfident(nn.Module):
    """The restorer of N(0, 0.3^2) pixels, although the truth is N(0, 0.5^2)."""

    def forward(self, x, sigma, *, observed, doubt, task, kind):
        lost = doubt > 0
        return torch.where(lost, x * 0.3**2 / (0.3**2 + sigma**2), observed)


def losses(seed: int, count: int):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        clean = torch.from_numpy(rng.normal(0, 0.5, (3, 48, 48)).astype(np.float32))
        doubt = torch.zeros(1, 48, 48)
        doubt[:, 8:40, 8:40] = torch.inf
        yield clean, Observation(torch.where(doubt > 0, torch.zeros(()), clean), doubt, torch.zeros(4), 3)


@pytest.mark.parametrize("count", [1, 4])
def test_an_overconfident_network_is_corrected(count):
    plan = Plan(samples=4, steps=12)
    factors = fit(Overconfident(), losses(0, 8), plan, counts=(1, 4))
    calibration = Calibration({"inpaint": factors})
    inside = []
    for number, (clean, seen) in enumerate(losses(1, 8)):
        made = summary(samples(Overconfident(), seen, Plan(samples=count, steps=12, seed=3), part=number), seen)
        half, known = calibration.half_width(made.spread, ("inpaint",), count)
        assert known
        inside.append(((clean - made.mean).abs() <= half)[:, seen.doubt[0] > 0].float().mean().item())
    # 8 crops of 3072 independent values: standard error 0.2 %; the fitted factor's own error is as large
    assert np.mean(inside) == pytest.approx(0.9, abs=0.012)


def test_conformal_is_the_quantile_and_refuses_too_few():
    errors = np.arange(1, 100) / 100.0
    assert conformal(errors, np.ones(99)) == 0.9
    with pytest.raises(ValueError, match="too few"):
        conformal(np.ones(5), np.ones(5))


def test_the_widest_task_counts_and_an_unknown_one_is_said():
    known = Calibration({"inpaint": {1: 9.0, 4: 2.0}, "denoise": {4: 3.0}})
    assert known.factor(("inpaint",), 4) == (2.0, True) and known.factor(("inpaint",), 3) == (9.0, True)
    assert known.factor(("inpaint", "denoise"), 8) == (3.0, True)
    assert known.factor(("denoise",), 2) == (GUESS, False) and known.factor(("colour", "inpaint"), 4) == (GUESS, False)


def test_calibration_file(tmp_path):
    assert load_calibration(tmp_path, "abc").factors == {}
    told = {"model": "abc", "level": 0.9, "floor": 0.01, "factors": {"inpaint": {"4": 2.5}}}
    (tmp_path / "calibration.json").write_text(json.dumps(told))
    assert load_calibration(tmp_path, "abc") == Calibration({"inpaint": {4: 2.5}}, 0.01, 0.9)
    assert load_calibration(tmp_path, "def").factors == {}  # fitted to other weights
