"""The report of a run: what it counts is counted right, and the file is whole."""

import hashlib
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from difusa.shared.machine import cpu_name, forget_peak, peak_memory_mib
from difusa.shared.run import Meter, Run, set_threads
from difusa.shared.samplers import SAMPLERS, evaluations, schedule
from difusa.shared.seeds import streams
from difusa.shared.spaces import Euclidean

MODEL = SimpleNamespace(name="restorer", sha256=hashlib.sha256(b"weights").hexdigest())
silent = lambda done, total: None  # noqa: E731


def shrink(x, sigma):
    """The exact denoiser of N(0, 1)."""
    return x / (1 + sigma**2)


def test_report_carries_the_common_figures(tmp_path):
    with Run("heritage restore", seed=7, model=MODEL, progress=silent) as run:
        time.sleep(0.05)
        said = run.write(tmp_path / "deep" / "r.json", tiles=np.int64(3), psnr=torch.tensor(31.5), out=tmp_path)
    read = json.loads((tmp_path / "deep" / "r.json").read_text())
    assert read == said
    assert 0.05 <= read["seconds"] < 30
    assert read["verb"] == "heritage restore"
    assert read["seed"] == 7
    assert read["model"] == {"name": MODEL.name, "sha256": MODEL.sha256}
    assert read["threads"] == torch.get_num_threads()
    assert read["cpu"] == cpu_name()
    assert read["versions"]["torch"] == torch.__version__
    assert (read["tiles"], read["psnr"], read["out"]) == (3, 31.5, str(tmp_path))
    assert [f.name for f in (tmp_path / "deep").iterdir()] == ["r.json"]


def test_a_figure_may_not_hide_a_common_one(tmp_path):
    with Run("x", progress=silent) as run, pytest.raises(ValueError, match="seconds"):
        run.write(tmp_path / "r.json", seconds=1)


def test_infinite_figures_become_gaps(tmp_path):
    with Run("x", progress=silent) as run:
        run.write(tmp_path / "r.json", psnr=float("inf"), rows=[float("nan"), 1.0])
    read = json.loads((tmp_path / "r.json").read_text())
    assert (read["psnr"], read["rows"]) == (None, [None, 1.0])


@pytest.mark.parametrize("name", ["ddim", "heun", "dpmpp_2m"])
def test_evaluations_are_what_the_sampler_spends(name):
    with Run("x", progress=silent) as run:
        for batch in range(3):  # three batches: a sample still took the evaluations of one trajectory
            sigmas = schedule(name, 8, 0.01, 10.0)
            x = Euclidean().noise(torch.zeros(2, 1, 4, 4), streams(batch, range(2))) * sigmas[0]
            denoise = run.counted(shrink)
            for _ in SAMPLERS[name](denoise, Euclidean(), x, sigmas, rng=streams(batch, range(2))):
                pass
    assert run.network_evaluations == evaluations(name, len(sigmas) - 1) <= 8


def test_guidance_is_counted():
    with Run("x", progress=silent) as run:
        network = run.counted(shrink)
        main, guide = run.counted(shrink, shrink)
        for _ in range(5):
            network(torch.ones(1), torch.tensor(1.0))
            main(torch.ones(1), torch.tensor(1.0)), guide(torch.ones(1), torch.tensor(1.0))
    assert run.network_evaluations == 10
    assert repr(network) == repr(shrink)


def test_peak_memory_is_the_runs_own():
    # Earlier peaks must not count: take 400 MB, free it, start anew, take 100 MB.
    np.ones(50_000_000)
    if not forget_peak():
        pytest.skip("this system cannot reset the peak of a process")
    before = peak_memory_mib()
    block = np.ones(12_500_000)
    grown = peak_memory_mib() - before
    # 95.4 MiB; other threads of the test process may add or free a little.
    assert block.nbytes / 2**20 == pytest.approx(grown, abs=20)


def test_threads_are_fixed_and_recorded(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # put back after the test
    before = torch.get_num_threads()
    try:
        assert set_threads(1) == 1
        with Run("x", progress=silent) as run:
            assert run.report()["threads"] == 1
        with pytest.raises(ValueError, match="at least 1, got 0"):
            set_threads(0)
    finally:
        torch.set_num_threads(before)


def test_meter_writes_a_line_for_a_log(capsys):
    meter = Meter()
    for done in range(1, 101):
        meter(done, 100)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1  # under ten seconds: only the end
    assert shown.startswith("100/100")


def test_interruption_passes_through(tmp_path):
    with pytest.raises(KeyboardInterrupt), Run("x", progress=silent) as run:
        raise KeyboardInterrupt
    assert run.seconds > 0
    assert list(tmp_path.iterdir()) == []
