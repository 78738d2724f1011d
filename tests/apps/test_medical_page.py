"""The medical page as a visitor uses it: a translation from upload to files, a disease played through, what goes wrong."""

import importlib.util
import io
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from difusa.apps import jobs, medical_planes

_beside = importlib.util.spec_from_file_location("of_medical", Path(__file__).parents[1] / "medical" / "conftest.py")
_of_medical = importlib.util.module_from_spec(_beside)
_beside.loader.exec_module(_of_medical)
ball, painted, small_model = _of_medical.ball, _of_medical.painted, _of_medical.small_model


@pytest.fixture
def opened(visit):
    return partial(visit, "medical_page.py")


@pytest.fixture
def site(job_root, small_model, monkeypatch, opened):
    monkeypatch.setenv("DIFUSA_MEDICAL", small_model)
    return opened()


def nifti(scan, tmp_path) -> bytes:
    from difusa.domains.medical.export import save
    from difusa.domains.medical.scan import Made

    return save(scan, tmp_path / "x.nii.gz", Made("simulated")).read_bytes()


@pytest.fixture
def at(site, painted, tmp_path):
    """The page with a FLAIR uploaded."""
    at = site.file_uploader(key="scan").upload(
        "ana_FLAIR.nii.gz", nifti(painted[0]["FLAIR"], tmp_path), "application/gzip"
    )
    at = at.run()
    assert not at.exception
    return at


def finished(at, ended):
    at.button(key="begin_medical").click().run()
    assert not at.exception
    value = at.query_params["job"]
    job = ended(value if isinstance(value, str) else value[0])
    assert job.state == "done", job.error
    at.run()
    assert not at.exception
    return job


def test_a_translation_from_upload_to_files(at, ended, opened, texts):
    assert "FLAIR" in texts(at) and "not for diagnosis" in texts(at)
    assert len(at.get("image")) == 3
    at.selectbox(key="to").select("T2")
    at.slider(key="medical_samples").set_value(2)
    at.slider(key="medical_steps").set_value(2)
    at.toggle(key="anyway").set_value(True).run()
    job = finished(at, ended)
    said = texts(at)
    assert "not for diagnosis" in said and ("gate" in said) and "ana" not in str(job.request["arguments"])
    assert len(at.get("image")) == 6
    at.segmented_control(key="look_medical").select("interval").run()
    assert not at.exception and "not calibrated" in texts(at) and len(at.get("image")) == 3
    at.segmented_control(key="look_medical").select("blend").run()
    assert not at.exception and at.slider(key="share").value == 0.5
    assert [e.label for e in at.get("download_button")] == [
        "Translation (NIfTI)",
        "DICOM series (zip)",
        "Report (JSON)",
    ]
    with zipfile.ZipFile(job.folder / "dicom.zip") as archive:
        assert archive.namelist()[0] == "0001.dcm" and len(archive.namelist()) == 10
    later = opened("pt_BR", job.id)  # a closed tab, and another language
    assert "não para diagnóstico" in texts(later) and "Tradução: T2, sintética" in texts(later)


def test_a_disease_played_through(site, ball, ended, tmp_path, texts):
    from difusa.domains.medical import simulate
    from difusa.domains.medical.synthesizing import grid, stored

    who = simulate.person([ball], 3, 0, simulate.Options(deform=0, atrophy=0, stripped=0), "none")
    affine, shape = grid(ball, 2.0)
    made, _, _ = simulate.scans(who, ("T1",), 3, 0, affine, shape, simulate.Options(motion=0))
    content = nifti(stored(made["T1"], affine, "T1", {}), tmp_path)
    at = site.file_uploader(key="scan").upload("a_T1.nii.gz", content, "application/gzip").run()
    at.segmented_control(key="way").select("progress").run()
    assert "scenario, not a prediction" in texts(at)
    at.selectbox(key="scenario").select("resection").run()
    assert "A treatment needs a tumour" in texts(at) and at.button(key="begin_medical").disabled
    at.selectbox(key="place").select("tumour").run()
    at.slider(key="atrophy").set_value(0.0).run()
    job = finished(at, ended)
    said = texts(at)
    assert "scenario, not a prediction" in said and "not for diagnosis" in said
    assert [int(v) for v in at.select_slider(key="month").options] == [0, 12, 24, 36]
    at.select_slider(key="month").set_value(12).run()
    assert not at.exception and "Month 12: scenario, synthetic" in texts(at)
    rows = at.dataframe[0].value
    assert rows["cavity"].iloc[1] > 0 and rows["tumour"].iloc[0] > 0
    with zipfile.ZipFile(job.folder / "months.zip") as archive:
        names = archive.namelist()
    assert {"month-012_T1.nii.gz", "month-012_mask.nii.gz", "month-012_T1.json"} <= set(names)


def test_what_goes_wrong_is_told(site, monkeypatch, tmp_path, painted, texts):
    at = site.file_uploader(key="scan").upload("x.nii.gz", b"no scan at all", "application/gzip").run()
    assert not at.exception and "scan.nii.gz" in texts(at) and "/tmp" not in texts(at)
    monkeypatch.setenv("DIFUSA_MEDICAL", str(tmp_path / "nowhere"))
    content = nifti(painted[0]["T1"], tmp_path)
    at = at.file_uploader(key="scan").upload("a_T1.nii.gz", content, "application/gzip").run()
    assert "The model is missing" in texts(at) and at.button(key="begin_medical").disabled


def test_a_cancelled_job_is_told(site, painted, ended, tmp_path, small_model, opened, texts):
    arguments = {
        "scans": ["scan.nii.gz"],
        "to": "T2",
        "from_": "T1",
        "model": small_model,
        "steps": 500,
        "anyway": True,
    }
    id = jobs.start("medical translate", arguments, {"scan.nii.gz": nifti(painted[0]["T1"], tmp_path)})
    at = opened(job=id)
    next(b for b in at.button if b.label == "Cancel").click().run()
    assert ended(id).state == "cancelled" and "was cancelled" in texts(at.run())


def test_a_refusal_of_the_gate_is_told_in_words_of_the_page(site, ended, tmp_path, small_model, opened, texts):
    from difusa.domains.medical.scan import Scan

    pytest.importorskip("monai")
    noise = Scan(
        np.random.default_rng(0).integers(0, 1000, (60, 60, 12)).astype(np.int16), np.diag([2.0, 2, 4, 1]), "T1"
    )
    arguments = {"scans": ["scan.nii.gz"], "to": "T2", "from_": "T1", "model": small_model}
    id = jobs.start("medical translate", arguments, {"scan.nii.gz": nifti(noise, tmp_path)})
    assert ended(id).state == "failed"
    at = opened(job=id)
    assert "The gate refuses the scan: it does not look like a head" in texts(at)
    assert not any("--" in e.value for kind in (at.error, at.warning, at.markdown) for e in kind)  # only in the details
    later = texts(opened("pt_BR", id))
    assert "A triagem recusa o exame: não parece uma cabeça" in later and "Nada foi traduzido" in later


def test_planes_are_the_planes():
    """A bright voxel is where it should be: front on top, the patient's right on the left; a window cuts; true proportions."""
    array = np.zeros((10, 12, 8), np.float32)
    array[8, 9, 6] = 100  # right, front, top
    volume = medical_planes.Volume(array, np.array([1.0, 1.0, 2.0]), "T1")
    axial, coronal, sagittal = (medical_planes.plane(volume, k, at) for k, at in ((2, 6), (1, 9), (0, 8)))
    assert axial.shape == (12, 10) and axial[2, 1] == 100
    assert coronal.shape == (8, 10) and coronal[1, 1] == 100 and sagittal[1, 9] == 100
    assert medical_planes.sized(medical_planes.grey(coronal, 0, 1), volume, 1).shape[:2] == (380, 238)
    assert medical_planes.grey(np.array([[-5.0, 50, 500]]), 0, 100)[0, :, 0].tolist() == [0, 127.5, 255]
    hot = medical_planes.heat(np.zeros((1, 1, 3)), np.array([[1.0]]), 1.0, 1.0)
    assert hot[0, 0].tolist() == [255, 120, 0]


def test_packed_zip_opens(tmp_path):
    from difusa.apps.medical_job import pack

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").write_bytes(b"x")
    pack(tmp_path / "a", tmp_path / "a.zip")
    assert zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())).read("1.dcm") == b"x"
