"""The engines, with real processes: local, Dask and Ray give the same bytes, and no SIGKILL changes one. Minutes."""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest

import difusa.datasets
from difusa.datasets.batch import batch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = 20


@pytest.mark.parametrize(("engine", "package"), [("local", "psutil"), ("dask", "distributed"), ("ray", "ray")])
def test_every_engine_gives_the_same_bytes(unbroken, recipe, tmp_path, engine, package, shards):
    pytest.importorskip(package)
    told = batch(recipe, out=tmp_path / "x", engine=engine, workers=2)
    assert told["engine"] == engine and shards(tmp_path / "x") == shards(unbroken)
    assert difusa.datasets.table(tmp_path / "x").equals(difusa.datasets.table(unbroken))


def test_runs_killed_at_random_instants_go_on_to_the_same_bytes(unbroken, recipe, tmp_path, shards):
    """A folder is killed again and again with its workers until a run gets through; then a fresh one, until KILLS were killed."""
    rng, killed, whole = random.Random(2), 0, 0
    out = tmp_path / "0"
    command = [
        sys.executable,
        "-P",
        "-m",
        "difusa.apps.cli",
        "batch",
        str(recipe),
        "--workers",
        "1",
        "--resume",
        "--out",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert subprocess.run([*command, str(tmp_path / "first")], stderr=subprocess.DEVNULL).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    need = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    while killed < KILLS:
        run = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL, start_new_session=True)
        if _killed(run, rng.uniform(0.4 * need, need)):
            killed += 1
            continue
        assert run.returncode == 0
        assert shards(out) == shards(unbroken) and difusa.datasets.table(out).equals(difusa.datasets.table(unbroken))
        whole += 1
        out = tmp_path / str(whole)
    assert subprocess.run([*command, str(out)], stderr=subprocess.DEVNULL).returncode == 0
    assert shards(out) == shards(unbroken)
    ids = [r["id"] for r in difusa.datasets.table(out).to_pylist()]
    assert len(set(ids)) == len(ids) == 7


def _killed(run: subprocess.Popen, seconds: float) -> bool:
    """SIGKILL to the driver and its workers once they worked for so many seconds of processor time; False if they ended first."""
    root = psutil.Process(run.pid)
    while run.poll() is None:
        try:
            group = [root, *root.children(recursive=True)]
            spent = sum(t.user + t.system for t in (p.cpu_times() for p in group))
        except psutil.NoSuchProcess:
            continue
        if spent >= seconds:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return True
        time.sleep(0.05)  # to look at all processes costs some time itself
    return False
