"""The factory: exactly once, whatever kills it; the same bytes in any order of work; what is refused, and what stays whole."""

import json
import os
import random
import resource
import shutil
import signal
import time

import psutil
import pytest

import difusa.datasets
from difusa.apps import cli
from difusa.datasets.batch import batch
from difusa.datasets.manifest import MARKER, locked, opened
from difusa.datasets.shards import members
from difusa.shared.factory import ATTEMPTS
from difusa.shared.watermark.ledger import issues

KILLS = 3


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def test_a_set_is_whole_marked_and_documented(unbroken):
    names = {p.name for p in unbroken.iterdir()}
    assert {MARKER, "manifest.json", "index.parquet", "croissant.json", "report.json"} <= names
    manifest, recipe = opened(unbroken)
    rows = difusa.datasets.table(unbroken).to_pylist()
    assert [r["index"] for r in rows] == list(range(7)) and len({r["id"] for r in rows}) == 7
    assert {r["condition_atoms"] for r in rows} == {12, 14}
    assert all(r["fact_atoms"] == r["condition_atoms"] for r in rows)
    assert all(r["valid"] == (not r["reason"]) for r in rows)
    assert all((r["stream"] > 6) == bool(r["refused"]) for r in rows), "an earlier draw that failed leaves its reason"
    assert [m["name"] for m in manifest["models"]] == ["qm9", "qm9-hydrogens", "qm9-guide"]
    assert manifest["recipe_sha256"] == recipe.sha256 and len(manifest["models"][0]["sha256"]) == 64
    assert json.loads((unbroken / "report.json").read_text())["energy_watt_hours"] >= 0


def test_the_ledger_knows_where_to_look_for_a_set(unbroken):
    """Of every sample its stream was issued, so that its mark is found when all its tags are gone; of other seeds none is."""
    rows, known = difusa.datasets.table(unbroken).to_pylist(), issues("molecules generate")
    told = [r for one in known if one.seed == 3 for r in (range(one.first, one.first + one.count),)]
    assert all(any(row["stream"] in r for r in told) for row in rows)
    refused = {row["stream"] // ATTEMPTS for row in rows} - {0}
    assert {r.start // ATTEMPTS for r in told} == {0} | refused


@pytest.mark.parametrize(("language", "words"), [("en", "A few molecules"), ("pt-BR", "Algumas moléculas")])
def test_sheets_are_filled_in_both_languages(unbroken, language, words):
    for kind in ("datasheet", "card"):
        text = (unbroken / f"{kind}.{language}.md").read_text()
        assert words in text and "$" not in text and "atoms: 12" in text and "privacy" in text


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_batch_does_not_change_a_byte(unbroken, recipe, at_once, tmp_path, size, shards):
    batch(recipe, out=tmp_path / "x", batch=size, progress=quiet)
    assert shards(tmp_path / "x") == shards(unbroken)
    assert difusa.datasets.table(tmp_path / "x").equals(difusa.datasets.table(unbroken))


def test_a_run_killed_anywhere_goes_on_to_the_same_bytes(unbroken, recipe, at_once, tmp_path, shards):
    out, rng, ends = tmp_path / "x", random.Random(1), []
    for _ in range(KILLS):
        child = os.fork()
        if not child:
            try:
                batch(recipe, out=out, resume=True, progress=quiet)
            finally:
                os._exit(0)
        _kill(child, rng.uniform(0.05, 0.6))
        ends.append(os.waitpid(child, 0)[1])
    assert all(os.WIFSIGNALED(e) or os.WIFEXITED(e) for e in ends) and any(os.WIFSIGNALED(e) for e in ends)
    batch(recipe, out=out, resume=True, progress=quiet)
    assert shards(out) == shards(unbroken), "half-written files are gone and the shards are those of an unbroken run"
    assert difusa.datasets.table(out).equals(difusa.datasets.table(unbroken))


def _kill(child: int, seconds: float) -> None:
    """SIGKILL once the child has worked for so many seconds of processor time: the clock tells little on a busy machine."""
    process = psutil.Process(child)
    while process.status() != psutil.STATUS_ZOMBIE:
        spent = process.cpu_times()
        if spent.user + spent.system >= seconds:
            os.kill(child, signal.SIGKILL)
            return
        time.sleep(0.002)


def test_what_was_damaged_is_made_again_and_nothing_else(unbroken, copied, recipe, at_once, shards):
    good, bad, lost = (copied / "shards" / f"shard-{k:05d}.tar" for k in range(3))
    before = good.stat().st_mtime_ns
    bad.write_bytes(bad.read_bytes()[:-1])
    lost.unlink()
    (copied / "shards" / ".shard-00002.tar.1.tmp").write_bytes(b"half")
    (copied / "index.parquet").unlink()
    batch(recipe, out=copied, resume=True, progress=quiet)
    assert shards(copied) == shards(unbroken) and good.stat().st_mtime_ns == before


def test_a_finished_set_is_left_as_it_is(copied, recipe, at_once, capsys):
    before = {p: p.stat().st_mtime_ns for p in copied.rglob("*") if p.is_file()}
    told = batch(recipe, out=copied, resume=True, progress=quiet)
    assert told["count"] == 7 and "nothing is left to do" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in copied.rglob("*") if p.is_file()} == before


def test_another_recipe_or_other_keys_are_refused_with_the_way_out(copied, recipe, tmp_path, monkeypatch, at_once):
    before = {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()}
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text().replace("seed = 3", "seed = 4"))
    with pytest.raises(ValueError, match="begun with another recipe.*name a new folder"):
        batch(other, out=copied, resume=True)
    with pytest.raises(ValueError, match="add --resume"):
        batch(recipe, out=copied)
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "keys"))
    with pytest.raises(ValueError, match="begun with another keys"):
        batch(recipe, out=copied, resume=True)
    assert {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()} == before


def test_a_folder_of_other_things_is_left_alone(tmp_path, recipe, at_once):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="holds thesis.tex and no manifest"):
        batch(recipe, out=tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        batch(recipe, out=tmp_path / "thesis.tex")


def test_two_runs_cannot_write_to_one_folder_and_a_dead_one_holds_no_lock(tmp_path, recipe, at_once):
    child = os.fork()
    if not child:
        with locked(tmp_path / "x"):
            (tmp_path / "held").touch()
            time.sleep(60)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with pytest.raises(OSError, match="another run is writing there"):
        batch(recipe, out=tmp_path / "x")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path / "x"):
        pass


def test_where_the_disk_is_full_finished_shards_stay_whole(unbroken, copied, recipe, at_once, shards):
    for k in (1, 2):
        (copied / "shards" / f"shard-{k:05d}.tar").unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # a file cannot grow beyond: EFBIG, as ENOSPC would
    try:
        with pytest.raises(OSError, match="File too large.* 1 of 3 shards are finished and whole.*--resume"):
            batch(recipe, out=copied, resume=True, progress=quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert set(shards(copied)) == {"shard-00000.tar"}
    assert shards(copied)["shard-00000.tar"] == shards(unbroken)["shard-00000.tar"]
    batch(recipe, out=copied, resume=True, progress=quiet)
    assert shards(copied) == shards(unbroken)


def test_a_folder_that_cannot_be_written_to_is_told(recipe, capsys):
    assert cli.main(["batch", str(recipe), "--out", "/proc/sets"]) == 2
    assert "nothing can be written there" in capsys.readouterr().err


def test_every_sample_has_a_passport_that_its_change_breaks(unbroken, tmp_path, capsys):
    from difusa.shared.passport.keys import export

    row = difusa.datasets.open(unbroken, valid=False).rows[0]
    files = members(difusa.datasets.open(unbroken, valid=False).stretch(row))
    home = tmp_path / row["id"]
    home.mkdir()
    for name, data in files.items():
        inside = not name.endswith("passport.json")
        (home / name if inside else tmp_path / f"{row['id']}.passport.json").write_bytes(data)
    export(out=tmp_path / "public.pem")
    assert cli.main(["verify", str(home)]) == 0
    sdf = next(home.glob("*.sdf"))
    sdf.write_text(sdf.read_text().replace("C ", "N ", 1))
    assert cli.main(["verify", str(home)]) == 1
    record = json.loads(files[f"{row['id']}.passport.json"])
    assert "filed" not in record and record["record"]["made"]["recipe"] == opened(unbroken)[1].sha256
    capsys.readouterr()


def test_stopping_keeps_what_is_finished(unbroken, recipe, tmp_path, monkeypatch, capsys, shards):
    from difusa.datasets.engines import ENGINES
    from difusa.datasets.work import produce

    def interrupted(tasks, workers):
        yield tasks[0], produce(tasks[0]), ""
        signal.raise_signal(signal.SIGTERM)
        yield tasks[1], produce(tasks[1]), ""

    monkeypatch.setitem(ENGINES, "local", interrupted)
    assert cli.main(["batch", str(recipe), "--out", str(tmp_path / "x")]) == 130
    assert "1 of 3 shards are finished and stay" in capsys.readouterr().err
    assert shards(tmp_path / "x") == {"shard-00000.tar": shards(unbroken)["shard-00000.tar"]}
    shutil.rmtree(tmp_path / "x")
