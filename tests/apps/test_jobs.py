"""Jobs outlive the page that started them, and tell the truth about how they ended."""

import json
import os
import signal

import pytest

from difusa.apps import jobs


@pytest.fixture
def restoration(job_root, picture, hole, tiny_restorer, png):
    """A function that starts a restoration and gives its id."""
    files = {"in.png": png(picture), "mask.png": png(hole), "short.png": png(hole[:-3])}
    arguments = {
        "picture": ["in.png"],
        "out": "restored.tif",
        "mask": "mask.png",
        "report": "report.json",
        "model": str(tiny_restorer),
    }
    return lambda **more: jobs.start("heritage restore", arguments | more, files)


def test_two_visitors_get_two_jobs_that_both_end(restoration, ended):
    ids = [restoration(samples=2, steps=3, seed=seed) for seed in (0, 1)]
    assert ids[0] != ids[1]
    both = [ended(id) for id in ids]
    assert [job.state for job in both] == ["done", "done"], [job.error for job in both]
    assert all(job.done == job.total > 0 for job in both)
    # They waited for one another: the second began after the first had ended.
    times = sorted((json.loads((job.folder / "state.json").read_text()) for job in both), key=lambda s: s["began"])
    assert times[1]["began"] >= times[0]["ended"] - 0.05  # s; both read the clock of one machine
    assert (both[0].folder / "restored.tif").read_bytes() != (both[1].folder / "restored.tif").read_bytes()


def test_killed_job_is_reported(restoration, until, ended):
    id = restoration(samples=16, steps=1000)
    until(lambda: jobs.find(id).done > 0)
    os.killpg(json.loads((jobs.find(id).folder / "process.json").read_text())["pid"], signal.SIGKILL)
    assert ended(id).state == "killed"


def test_cancel_stops_the_process_and_forget_deletes_the_folder(restoration, until, ended):
    id = restoration(samples=16, steps=1000)
    pid = json.loads((jobs.find(id).folder / "process.json").read_text())["pid"]
    until(lambda: jobs.find(id).state == "running")
    jobs.cancel(id)
    job = ended(id)
    assert job.state == "cancelled"
    assert not (job.folder / "restored.tif").exists()
    os.waitpid(pid, 0)  # it is our child and has ended; hangs (and times out) if it has not
    jobs.forget(id)
    assert jobs.find(id) is None and not job.folder.exists()


def test_failure_says_the_way_out(restoration, ended):
    id = restoration(mask="short.png")
    job = ended(id)
    assert job.state == "failed"
    assert "save the mask at the picture's size" in job.error


@pytest.mark.parametrize("id", ["", "../../etc", "a" * 22, "x/" * 11, "é" * 22])
def test_a_foreign_id_finds_nothing(job_root, id):
    assert jobs.find(id) is None


def test_a_file_cannot_leave_the_folder(job_root):
    with pytest.raises(ValueError, match="plain name"):
        jobs.start("heritage restore", {}, {"../evil.png": b""})
    assert not job_root.exists() or not any(job_root.iterdir())


def test_unknown_verb_is_refused(job_root):
    with pytest.raises(ValueError, match="heritage restore"):
        jobs.start("rm -rf", {}, {})
