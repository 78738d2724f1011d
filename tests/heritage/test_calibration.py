"""The 90 % interval holds 90 % of the truth, whatever the network's own spread is off by; the verb resumes."""

import numpy as np
import pytest
import torch
from torch import nn

from difusa.domains.heritage import calibration as verb
from difusa.domains.heritage.calibration import calibrate, fit
from difusa.domains.heritage.intervals import Calibration, load_calibration
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
    calibration = Calibration({"inpaint": fit(Overconfident(), losses(0, 8), plan, counts=(1, 4))})
    inside = []
    for number, (clean, seen) in enumerate(losses(1, 8)):
        made = summary(samples(Overconfident(), seen, Plan(samples=count, steps=12, seed=3), part=number), seen)
        half, known = calibration.half_width(made.spread, seen.doubt, ("inpaint",), count)
        assert known
        inside.append(((clean - made.mean).abs() <= half)[:, seen.doubt[0] > 0].float().mean().item())
    # 8 crops of 3072 independent values: standard error 0.2 %; the fitted factors' own error is as large
    assert np.mean(inside) == pytest.approx(0.9, abs=0.012)


def test_without_damage_nothing_can_be_fitted():
    whole = (torch.zeros(3, 16, 16), Observation(torch.zeros(3, 16, 16), torch.zeros(1, 16, 16), torch.zeros(4), 3))
    with pytest.raises(ValueError, match="no held-out crop with damage"):
        fit(Overconfident(), [whole], Plan())


def test_a_finished_task_is_stored_at_once_and_not_fitted_again(tiny, tmp_path, monkeypatch, capsys):
    import shutil

    folder, asked = tmp_path / "model", []
    shutil.copytree(tiny, folder)

    def held_out(data, task, *, count, size):
        asked.append(task)
        if asked.count("sr2") == 1 and task == "sr2":
            raise KeyboardInterrupt
        return ((clean[:, :32, :32], seen.crop((slice(0, 32),) * 2)) for clean, seen in losses(0, count))

    monkeypatch.setattr(verb, "held_out", held_out)
    wish = {"data": tmp_path, "crops": 5, "size": 32, "steps": 1, "threads": 1}
    with pytest.raises(KeyboardInterrupt):
        calibrate(str(folder), task="inpaint,sr2", **wish)
    made = calibrate(str(folder), task="inpaint,sr2", **wish)
    assert asked == ["inpaint", "sr2", "sr2"] and "inpaint: fitted before" in capsys.readouterr().out
    assert sorted(made.factors) == ["inpaint", "sr2"] and sorted(made.factors["sr2"]) == [2, 4]
    assert load_calibration(folder, verb_sha(folder)) == made
    calibrate(str(folder), task="inpaint", **wish | {"size": 48})  # other settings: fitted again, the other task stays
    assert asked[3:] == ["inpaint"] and "sr2" in load_calibration(folder, verb_sha(folder)).factors


def verb_sha(folder) -> str:
    from difusa.domains.models import find

    return find(str(folder), domain="heritage").sha256


def test_impossible_wishes_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="--size 100"):
        calibrate("restorer", data=tmp_path, size=100)
    with pytest.raises(ValueError, match="--task sr3"):
        calibrate("restorer", data=tmp_path, task="sr3")
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    with pytest.raises(ValueError, match="give --data"):
        calibrate("restorer")


def test_the_held_out_cases_are_the_benchs_damage(data):
    found = list(verb.held_out(data, "inpaint", count=2, size=64))
    assert len(found) == 4  # losses and scratches on each crop
    for clean, seen in found:
        known = seen.doubt[0] == 0
        assert clean.shape == (3, 64, 64) and torch.equal(clean[:, known], seen.observed[:, known])
    clean, seen = next(verb.held_out(data, "outpaint", count=1, size=64))
    assert sorted(clean.shape[1:]) == [96, 256] and torch.isinf(seen.doubt).sum() == 32 * 256  # as restore cuts it
