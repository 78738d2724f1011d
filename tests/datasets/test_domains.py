"""What each domain gives the factory: the same sample in any company, files that hold what they say, marks that come off."""

import gzip
import io
import json
import zlib

import numpy as np
import pytest

from difusa.datasets.recipe import of_table
from difusa.datasets.work import bench_of, finished


def made(table: dict, indices=(0, 1)) -> list:
    """The samples of these rows."""
    return list(finished(bench_of(of_table({"name": "x", "count": 8, "seed": 5} | table, "x")), indices))


def by_suffix(sample) -> dict[str, bytes]:
    return {name.partition(".")[2]: data for name, data in sample.files.items()}


def volume(data: bytes):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(data))
    return np.asarray(image.dataobj), image.affine


@pytest.fixture()
def pictures(tmp_path):
    """A folder of pictures that count as held out, smooth and with edges."""
    image = pytest.importorskip("PIL.Image")
    rng, home = np.random.default_rng(0), tmp_path / "pictures"
    home.mkdir()
    names = [
        n
        for n in (f"p{k}" for k in range(400))
        if zlib.crc32(n.encode()) % 10 == 0 and zlib.crc32(n.encode()) // 10 % 2
    ]
    for name in names[:3]:
        field = np.kron(rng.integers(40, 215, (6, 6, 3)), np.ones((16, 16, 1)))
        image.fromarray(field.astype(np.uint8)).save(home / f"{name}.png")
    return str(home)


def table_of(name: str, pictures: str) -> dict:
    return {
        "materials": {
            "domain": "materials",
            "make": {"steps": 6},
            "conditions": {"grid": {"crystal_system": ["cubic", "triclinic"]}, "fixed": {"atoms": "2..8"}},
        },
        "medical": {
            "domain": "medical",
            "attempts": 3,
            "make": {"contrasts": "T1,CT", "spacing": 3.0, "size": [72, 60], "planes": 3},
            "conditions": {"grid": {"pathology": ["tumour"], "field": [1.5, 3.0]}},
        },
        "heritage": {
            "domain": "heritage",
            "make": {"pictures": pictures, "size": 32},
            "conditions": {"grid": {"damage": ["losses", "noise"]}},
        },
    }[name]


@pytest.mark.parametrize("name", ["materials", "medical", "heritage"])
def test_a_sample_is_the_same_in_any_company(name, pictures, monkeypatch):
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    pytest.importorskip({"materials": "spglib", "medical": "nilearn", "heritage": "cv2"}[name])
    table = table_of(name, pictures)
    both = made(table)
    assert both[1:] == made(table, [1])
    assert all(s.files for s in both) and both[0].files != both[1].files
    CHECKS[name](both, table)


def crystals(samples: list, table: dict) -> None:
    from difusa.domains.materials.asked import SYSTEMS

    for sample in samples:
        low, high = SYSTEMS[sample.row["condition_crystal_system"]]
        assert sample.row["label"] == sample.row["condition_crystal_system"]
        assert low <= sample.row["fact_spacegroup"] <= high and 2 <= sample.row["fact_atoms"] <= 8
        files = by_suffix(sample)
        assert b"_difusa_passport " in files["cif"] and b"difusa_passport=" in files["extxyz"]


def scans(samples: list, table: dict) -> None:
    """The mask tells the tumour; what is marked comes off again to the bit; a mark leaves the tumour alone."""
    from difusa.domains.medical.tissues import INDEX
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.volumes import taken_out

    bare = made(table | {"make": table["make"] | {"watermark": False}})
    for marked, plain in zip(samples, bare):
        files, clean = by_suffix(marked), by_suffix(plain)
        mask, affine = volume(files["mask.nii.gz"])
        tissues, _ = volume(files["tissues.nii.gz"])
        assert mask.shape == (60, 72, 3) and np.allclose(np.diag(affine)[:3], 3.0)
        assert ((mask == 3) == (tissues == INDEX["tumour"])).all() and marked.row["valid"] == bool((mask > 2).any())
        for contrast in ("t1", "ct"):
            array, _ = volume(files[f"{contrast}.nii.gz"])
            before, _ = volume(clean[f"{contrast}.nii.gz"])
            assert (array != before).mean() > 0.2 and (array == before)[mask > 0].all()
            passport = files[f"{contrast}.nii.gz"]
            facts = json.loads(gzip.decompress(passport).split(b"difusa-passport ")[1].split(b"\0")[0])["record"][
                "made"
            ]
            assert (taken_out(array, affine, mine(), facts["watermark"]) == before).all()
            assert json.loads(files[f"{contrast}.json"])["SyntheticData"] is True


def restorations(samples: list, table: dict) -> None:
    """Nothing outside the damage changes, and the restoration is nearer to the truth than the damaged crop."""
    image = pytest.importorskip("PIL.Image")
    for sample in samples:
        files = {k: np.asarray(image.open(io.BytesIO(v))) for k, v in by_suffix(sample).items() if k.endswith("png")}
        outside = files["mask.png"] == 0
        assert (files["restored.png"] == files["truth.png"])[outside].all()
        assert (files["damaged.png"] == files["truth.png"])[outside].all()
        assert sample.row["fact_psnr_restored"] > sample.row["fact_psnr_damaged"] + 1
        assert (files["invention.png"] > 0).mean() == pytest.approx(sample.row["fact_damaged_share"], abs=1e-6)
        kept = [k for k, v in by_suffix(sample).items() if b"difusa.passport" in v]
        assert kept == ["restored.png"], "the truth is a real picture, and nobody signs it as generated"


CHECKS = {"materials": crystals, "medical": scans, "heritage": restorations}


def test_dicom_comes_with_the_same_uids_every_time_and_others_for_other_recipes(monkeypatch):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("nilearn")
    monkeypatch.delenv("DIFUSA_DATA", raising=False)

    def uids(**conditions) -> list[tuple[str, str]]:
        table = table_of("medical", "") | {"conditions": {"fixed": conditions}}
        table["make"] = table["make"] | {"contrasts": "T1", "format": "dicom", "watermark": False}
        (sample,) = made(table, [0])
        slices = [pydicom.dcmread(io.BytesIO(d)) for n, d in sample.files.items() if n.endswith(".dcm")]
        assert len(slices) == 3 and all(d.SyntheticData == "YES" for d in slices)
        return [(d.StudyInstanceUID, d.SOPInstanceUID) for d in slices]

    assert uids(noise=0.02) == uids(noise=0.02)
    assert not {*uids(noise=0.02)} & {*uids(noise=0.03)}
