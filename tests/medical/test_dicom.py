"""A written series: marked as synthetic, referring to its source, naming nobody, the same bytes for the same seed."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from difusa.domains.medical.export import save
from difusa.domains.medical.readers import load
from difusa.domains.medical.scan import Made, Scan
from difusa.domains.medical.signed import sign

# Debian's dicom3tools of 2022 does not know the attribute that DICOM got in 2023 (CP 2177), and calls it an error.
NEWER = "Attribute with an even group number is not a recognized standard attribute - (0x0008,0x001c)"
PERSON = {"PatientName": "Doe^Jane", "PatientID": "4711-X", "PatientBirthDate": "19700102", "AccessionNumber": "ACC99"}
PERSON |= {"ReferringPhysicianName": "House^Gregory", "StudyDate": "20200304"}


@pytest.fixture
def named(series):
    """The series with a person in every file, in standard elements, a private one and a description."""
    for file in series.iterdir():
        d = pydicom.dcmread(file)
        for key, value in PERSON.items():
            setattr(d, key, value)
        d.SeriesDescription = "T2 tse Doe"
        d.private_block(0x0019, "Doe^Jane", create=True).add_new(0x10, "LO", "Doe^Jane")
        d.InstitutionName = d.OperatorsName = "Doe^Jane"
        d.save_as(file)
    return series


def errors(file) -> list[str]:
    told = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True).stderr.splitlines()
    return [line for line in told if line.startswith("Error") and NEWER not in line]


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs dciodvfy (Debian package dicom3tools)")
@pytest.mark.parametrize("contrast", ["T1", "CT"])
@pytest.mark.parametrize("kind", ["whole", "float"])
@pytest.mark.parametrize("identity", [False, True])
def test_dciodvfy_finds_no_error(tmp_path, named, contrast, kind, identity):
    scan = load(named, "T2")
    array = scan.array if kind == "whole" else (scan.array * 0.3).astype(np.float32)
    made = Made("translated", 1, 2, sources=(scan.source,))
    out = save(replace(scan, array=array, contrast=contrast), tmp_path / "out", made, identity)
    sign(out, "medical translate", made, "Plan()")
    for file in (out / "0001.dcm", out / "0006.dcm"):
        assert errors(file) == []


def test_marks_and_references(tmp_path, named):
    scan = load(named)
    made = Made("translated", 4, 2, ("anytoany", "ab" * 32), (scan.source,))
    d = pydicom.dcmread(save(replace(scan, contrast="T1"), tmp_path / "out", made) / "0003.dcm")
    assert d[0x0008001C].value == "YES" and list(d.ImageType)[:2] == ["DERIVED", "SECONDARY"]
    code = d.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == (
        "109100",
        "DCM",
        "Synthesizing Equipment",
    )
    source = pydicom.dcmread(named / "0003.dcm")
    assert d.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert d.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert d.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert "not for diagnosis" in d.ImageComments and "not for diagnosis" in d.DerivationDescription


def test_uids_come_from_seed_and_index(tmp_path, series):
    scan = load(series)
    bytes_of, uids = [], []
    for n, (seed, index) in enumerate([(1, 0), (1, 0), (0, 1), (2, 0)]):
        out = save(scan, tmp_path / str(n), Made("translated", seed, index, sources=(scan.source,)))
        bytes_of.append([f.read_bytes() for f in sorted(out.iterdir())])
        d = [pydicom.dcmread(f) for f in out.iterdir()]
        uids.append({x.SOPInstanceUID for x in d} | {d[0].SeriesInstanceUID, d[0].StudyInstanceUID})
    assert bytes_of[0] == bytes_of[1] and uids[0] == uids[1] and len(uids[0]) == 8
    assert not uids[0] & uids[2] and not uids[0] & uids[3] and not uids[2] & uids[3]
    assert not uids[0] & set(scan.source.series.instances)


def test_nobody_is_named_unless_asked(tmp_path, named):
    scan = load(named)
    made = Made("translated", sources=(scan.source,))
    save(scan, tmp_path / "out", made)
    save(scan, tmp_path / "out.nii.gz", made)
    raw = b"".join(f.read_bytes() for f in (tmp_path / "out").iterdir()) + (tmp_path / "out.json").read_bytes()
    import gzip

    raw += gzip.decompress((tmp_path / "out.nii.gz").read_bytes())
    for word in [*PERSON.values(), "Doe", "Jane"]:
        assert word.encode() not in raw
    assert "Doe" not in repr(scan)
    asked = pydicom.dcmread(save(scan, tmp_path / "asked", made, identity=True) / "0001.dcm")
    assert {k: str(asked[k].value) for k in PERSON} == PERSON and asked.PatientIdentityRemoved == "NO"
    assert "OperatorsName" not in asked and "InstitutionName" not in asked


def test_sidecar(tmp_path, volume):
    save(Scan(volume, np.eye(4), "FLAIR"), tmp_path / "a.nii.gz", Made("simulated", 7, 3))
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["SyntheticData"] is True and "not for diagnosis" in told["Notice"]
    assert (told["Contrast"], told["Seed"], told["Index"]) == ("FLAIR", 7, 3)
    assert load(tmp_path / "a.nii.gz").contrast == "FLAIR"


def test_a_folder_in_use_is_refused(series, volume):
    with pytest.raises(ValueError, match="not empty"):
        save(Scan(volume, np.eye(4), "T1"), series, Made("simulated"))
