"""The verb generate, with small random networks: counts and constraints hold, nothing is dropped, a seed has its bytes."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from difusa.apps import cli
from difusa.domains import models
from difusa.domains.molecules import drawing
from difusa.domains.molecules.drawing import NOT_FINITE, judged
from difusa.domains.molecules.export import sdf
from difusa.domains.molecules.molecule import Skeleton
from difusa.domains.molecules.network import Molecules
from difusa.domains.molecules.readers import load
from difusa.domains.molecules.task import generate

LARGE = [[9, 10, 5], [9, 9, 5], [7, 12, 3], [8, 9, 2], [3, 0, 1]]
SMALL = [[1, 4, 3], [2, 6, 1]]
C7H10O2 = Counter({6: 7, 1: 10, 8: 2})


def folder(place: Path, trains: str, rows) -> str:
    """A model folder with a random network."""
    torch.manual_seed(len(trains))
    options = {"elements": 5, "width": 32, "edge": 16, "hidden": 32, "heads": 4, "layers": 1}
    net = Molecules(**options)
    for p in net.parameters():  # layers that start at zero would make every draw alike
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    meta = {"name": place.name, "domain": "molecules", "trains": trains, "network": options}
    models.write(place, net, meta, beside={"sizes.json": {"elements": [6, 7, 8, 9, 1], "sizes": rows}})
    return str(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Options that every run below shares."""
    root = tmp_path_factory.mktemp("models")
    places = folder(root / "places", "hydrogens", LARGE)
    large, small = folder(root / "large", "skeleton", LARGE), folder(root / "small", "skeleton", SMALL)
    return {"large": {"model": large, "hydrogens": places, "steps": 5},
            "small": {"model": small, "hydrogens": places, "steps": 5}}  # fmt: skip


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def molecules(path: Path):
    found = [r.molecule for r in load(path)]
    assert all(m is not None for m in found)
    return found


def test_mended_draws_say_so(made, tmp_path):
    told = generate(out=tmp_path / "x.sdf", count=30, seed=7, mend=True, progress=quiet, **made["small"])
    raw = generate(out=tmp_path / "raw.sdf", count=30, seed=7, progress=quiet, **made["small"])
    assert told["validity"]["value"] > raw["validity"]["value"] and told["mended"] > 0 == raw["mended"]
    for a, b in zip(molecules(tmp_path / "x.sdf"), molecules(tmp_path / "raw.sdf"), strict=True):
        heavy = [m.numbers != 1 for m in (a, b)]
        assert np.array_equal(a.numbers[heavy[0]], b.numbers[heavy[1]]) and "MENDED" not in b.tags
        if int(a.tags["MENDED"]) == 0:
            assert np.array_equal(a.bonds, b.bonds)


def test_raw_draws_are_all_written_and_tagged(made, tmp_path):
    out = tmp_path / "raw.sdf"
    told = generate(out=out, count=40, seed=7, report=tmp_path / "r.json", progress=quiet, **made["small"])
    found = molecules(out)
    assert [m.tags["INDEX"] for m in found] == list(range(40))
    for m in found:
        assert (m.tags["SEED"], m.tags["MODEL"]) == (7, told["model"]["sha256"])
        assert (
            m.tags["VALID"] == str(bool(m.tags["SMILES"])) == str(bool(m.tags["INCHIKEY"])) == str(not m.tags["REASON"])
        )
    valid = sum(m.tags["VALID"] == "True" for m in found)
    assert 0 < valid < 40, "the random network should give both kinds"
    assert told["count"] == told["drawn"] == told["validity"]["n"] == 40
    assert told["validity"]["value"] == valid / 40
    pieces = told["reasons"].pop("valid, but in several pieces", 0)
    assert sum(told["reasons"].values()) == 40 - valid
    assert told["valid_connected"]["value"] == (valid - pieces) / 40
    assert sum(told["sizes"]["atoms"].values()) == 40
    assert told["network_evaluations"] <= 5
    assert json.loads((tmp_path / "r.json").read_text())["reasons"]


def test_valid_only_keeps_the_valid_draws_of_the_same_stream(made, tmp_path):
    raw = generate(out=tmp_path / "raw.sdf", count=40, progress=quiet, **made["small"])
    wish = dict(count=5, valid_only=True, progress=quiet, **made["small"])
    told = generate(out=tmp_path / "valid.sdf", **wish)
    fit = [
        m.tags["INDEX"]
        for m in molecules(tmp_path / "raw.sdf")
        if m.tags["VALID"] == "True" and m.tags["FRAGMENTS"] == 1
    ]
    found = molecules(tmp_path / "valid.sdf")
    assert [m.tags["INDEX"] for m in found] == fit[:5]
    assert told["drawn"] == fit[4] + 1 < raw["drawn"]
    again = generate(out=tmp_path / "again.sdf", batch=3, **wish)
    assert (tmp_path / "again.sdf").read_bytes() == (tmp_path / "valid.sdf").read_bytes()
    assert all(again[k] == told[k] for k in ("drawn", "validity", "reasons"))


def test_valid_only_gives_up_and_says_why(made, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "PATIENCE", 4)
    with pytest.raises(ValueError, match=r"only 0 of 3 .* in a row were broken; most often: .*--valid-only"):
        generate(
            out=tmp_path / "x.sdf", count=3, valid_only=True, formula="C9H20", report=tmp_path / "r.json",
            progress=quiet, **made["large"],
        )  # fmt: skip
    assert json.loads((tmp_path / "r.json").read_text())["drawn"] == 4
    assert not (tmp_path / "x.sdf").exists()


def test_a_formula_is_obeyed_by_every_draw(made, tmp_path):
    generate(out=tmp_path / "x.sdf", count=50, formula="C7H10O2", progress=quiet, **made["large"])
    found = molecules(tmp_path / "x.sdf")
    assert [Counter(m.numbers.tolist()) for m in found] == [C7H10O2] * 50
    assert len({m.positions.tobytes() for m in found}) == 50


def test_elements_and_atoms_are_obeyed_by_every_draw(made, tmp_path):
    generate(out=tmp_path / "x.sdf", count=50, atoms=19, elements="C,H,O", progress=quiet, **made["large"])
    found = molecules(tmp_path / "x.sdf")
    assert {len(m) for m in found} == {19}
    assert {n for m in found for n in m.numbers.tolist()} <= {1, 6, 8}
    heavy = Counter(int((m.numbers != 1).sum()) for m in found)
    assert set(heavy) == {9, 7}  # of (9, 10) and (7, 12) in the training data, 5 to 3
    assert abs(heavy[9] - 50 * 5 / 8) < 4 * np.sqrt(50 * 5 / 8 * 3 / 8)


def test_without_hydrogen_there_is_none(made, tmp_path):
    generate(out=tmp_path / "x.sdf", count=4, elements="F, O", progress=quiet, **made["large"])
    found = molecules(tmp_path / "x.sdf")
    assert {len(m) for m in found} == {3}
    assert {n for m in found for n in m.numbers.tolist()} <= {8, 9}


@pytest.mark.parametrize("wish", [{}, {"formula": "C7H10O2"}])
def test_the_batch_does_not_change_a_byte(made, tmp_path, wish):
    for batch in (1, 3, 8):
        generate(out=tmp_path / f"{batch}.sdf", count=8, batch=batch, progress=quiet, **wish, **made["large"])
    assert len({(tmp_path / f"{b}.sdf").read_bytes() for b in (1, 3, 8)}) == 1
    generate(out=tmp_path / "other.sdf", count=8, seed=1, progress=quiet, **wish, **made["large"])
    assert (tmp_path / "other.sdf").read_bytes() != (tmp_path / "8.sdf").read_bytes()


@pytest.mark.parametrize("suffix", [".extxyz", ".parquet"])
def test_other_formats_hold_the_same_rows(made, tmp_path, suffix):
    pytest.importorskip({".extxyz": "ase", ".parquet": "pyarrow"}[suffix])
    out = tmp_path / f"x{suffix}"
    generate(out=out, count=6, progress=quiet, **made["small"])
    if suffix == ".parquet":
        from pyarrow import parquet

        assert parquet.read_table(out).column("INDEX").to_pylist() == list(range(6))
    else:
        assert [m.tags["INDEX"] for m in molecules(out)] == list(range(6))


def test_what_was_finished_survives_a_stop(made, tmp_path):
    def stop(done, total):
        if done >= 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(out=tmp_path / "x.sdf", count=9, batch=3, progress=stop, **made["small"])
    assert not (tmp_path / "x.sdf").exists()
    assert [m.tags["INDEX"] for m in molecules(tmp_path / "x.part.sdf")] == [0, 1, 2, 3, 4, 5]


def test_positions_that_are_no_numbers_are_written_and_tagged():
    bare = Skeleton(
        np.array([6, 8]), np.array([[0, 0, np.nan], [1.2, 0, 0]]), np.zeros(2), np.array([2, 0]), np.array([[0, 1, 2]])
    )
    found = judged(bare, np.zeros((2, 3)), {"INDEX": 0})
    assert (found.tags["VALID"], found.tags["REASON"]) == (False, NOT_FINITE)
    assert NOT_FINITE in sdf(found)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": -3}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"atoms": 20_000}, "no molecule of 20000 atoms.* nearest number is 19, of 3 to 19"),
        ({"atoms": 10}, "nearest number is 3 or 17"),
        ({"atoms": 0}, "no molecule of 0 atoms"),
        ({"atoms": 18, "elements": "C,O,H"}, "no size of the training data fits C, O, H"),  # 9 hydrogens, no N nor F
        ({"formula": "C9000H18002"}, "9000 heavy atoms; this model draws 3 to 9"),
        ({"formula": "CH4"}, "1 heavy atoms; this model draws 3 to 9"),
        ({"formula": "C7H9O2"}, "odd electron"),
        ({"formula": "C7H18O2"}, "at most 16 hydrogens"),
        ({"formula": "CF8"}, "more atoms than bonds"),
        ({"formula": "C6H5Cl"}, "Cl is none of this model's C, N, O, F, H"),
        ({"formula": "c7h10o2"}, "such as C7H10O2"),
        ({"formula": "C7H10O2+"}, "no brackets, charges"),
        ({"formula": "Ca(OH)2"}, "no brackets"),
        ({"formula": ""}, "such as C7H10O2"),
        ({"formula": "C7H10O0"}, "leave it out"),
        ({"formula": "C7H10O2", "atoms": 18}, "has 19 atoms"),
        ({"formula": "C7H10O2", "elements": "C,H"}, "holds O"),
        ({"elements": "C,Xx"}, "Xx is none"),
        ({"elements": "H"}, "besides H"),
        ({"elements": ""}, "empty"),
        ({"guidance": 2.0}, "nothing is guided"),
        ({"steps": 3}, "at least 4"),
        ({"sampler": "magic"}, "there are"),
        ({"seed": -1}, "seed"),
        ({"out": "x.pdb"}, "unknown format"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_the_way_out(made, tmp_path, wish, reason):
    with pytest.raises(ValueError, match=reason):
        generate(**{"out": tmp_path / "x.sdf", "count": 2, "progress": quiet} | made["large"] | wish)
    assert not list(tmp_path.iterdir())


def test_a_condensed_formula_adds_up(made, tmp_path):
    generate(out=tmp_path / "x.sdf", count=2, formula="CH3CH2OH", progress=quiet, **made["large"])
    assert {tuple(sorted(m.numbers.tolist())) for m in molecules(tmp_path / "x.sdf")} == {(1,) * 6 + (6, 6, 8)}


def test_models_of_the_wrong_kind_or_without_sizes_say_so(made, tmp_path):
    wish = {"out": tmp_path / "x.sdf", "count": 1} | made["large"]
    with pytest.raises(ValueError, match="is of the kind 'hydrogens', needed is 'skeleton'"):
        generate(**wish | {"model": wish["hydrogens"]})
    with pytest.raises(FileNotFoundError, match="for the hydrogens: no model 'large-hydrogens'.*--hydrogens"):
        generate(**wish | {"hydrogens": None})
    bare = Path(folder(tmp_path / "bare", "skeleton", LARGE))
    (bare / "sizes.json").write_text('{"elements": [6], "sizes": [[0, 1, 2]]}')
    with pytest.raises(ValueError, match="heavy atoms, hydrogens, molecules"):
        generate(**wish | {"model": str(bare)})
    (bare / "sizes.json").unlink()
    with pytest.raises(FileNotFoundError, match="how large its molecules are"):
        generate(**wish | {"model": str(bare)})


def test_the_command_line_is_the_function(made, tmp_path, capsys):
    names = [x for k, v in made["small"].items() for x in (f"--{k}", str(v))]
    out = tmp_path / "x.sdf"
    assert cli.main(["molecules", "generate", "--count", "2", "--seed", "5", "--out", str(out), *names]) == 0
    assert [m.tags["SEED"] for m in molecules(out)] == [5, 5]
    assert cli.main(["molecules", "generate", "--formula", "C99H2", "--out", str(out), *names]) == 2
    assert "heavy atoms" in capsys.readouterr().err


def test_a_molecule_can_be_watched_as_it_forms(tmp_path, small_models):
    frames = []
    generate(out=tmp_path / "x.sdf", count=3, atoms=19, look=frames.append, **small_models)
    assert len(frames) == small_models["steps"] - 1  # one evaluation places the hydrogens
    assert all(len(frame) == len(frames[0]) and np.isfinite(frame.positions).all() for frame in frames)
