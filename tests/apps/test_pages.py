"""Each page as a visitor uses it: navigation, language, a restoration from upload to download, and what goes wrong."""

from pathlib import Path

import numpy as np
import pytest

import difusa.apps
from difusa.apps import jobs

MAIN = Path(difusa.apps.__file__).parent / "main_page.py"


@pytest.fixture
def site(job_root):
    """The pages, opened in English; imports of torch on a busy machine take long."""
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_file(str(MAIN), default_timeout=200)
    at.session_state["language"] = "en"
    return at.run()


def heritage(site):
    at = site.switch_page("heritage_page.py").run()
    assert not at.exception
    return at


def texts(at) -> str:
    return "\n".join(
        element.value for kind in (at.title, at.markdown, at.caption, at.info, at.error, at.warning) for element in kind
    )


def named_job(at) -> str:
    """The job in the address; AppTest gives it as a list or as it is, by its version."""
    value = at.query_params["job"]
    return value if isinstance(value, str) else value[0]


def uploaded(site, png, pixels, name="tela.png"):
    at = heritage(site)
    at.file_uploader(key="picture").upload(name, png(pixels), "image/png").run()
    assert not at.exception
    return at


def test_start_page_leads_to_the_heritage_page(site):
    assert not site.exception
    assert site.title[0].value == "Difusa"
    at = site.button(key="begin").click().run()
    assert not at.exception
    assert at.title[0].value == "Restore a picture"
    assert "Choose a picture" in texts(at)


def test_language_switch(site):
    site.selectbox(key="language").select("pt_BR").run()
    at = heritage(site)
    assert at.title[0].value == "Restaurar uma imagem"
    assert "Ela não sai desta máquina" in texts(at)


def test_a_restoration_from_upload_to_download(site, png, picture, hole, ended):
    at = uploaded(site, png, picture)
    assert "96 × 72 px" in texts(at)
    at.segmented_control(key="way").select("file").run()
    at.file_uploader(key="mask").upload("mask.png", png(hole), "image/png").run()
    assert f"{100 * hole.mean():.2f} % of the picture is marked" in texts(at)
    at.slider(key="samples").set_value(2)
    at.number_input(key="steps").set_value(4)
    next(b for b in at.button if b.label == "Restore").click().run()
    assert not at.exception
    id = named_job(at)
    job = ended(id)
    assert job.state == "done", job.error
    at.run()
    assert not at.exception
    said = texts(at)
    assert "were invented by the model" in said
    assert "not calibrated" in said  # the tiny restorer has no calibration, and the page admits it
    labels = [element.label for element in at.get("download_button")]
    assert labels == ["Restored picture (TIFF)", "Bundle: original, mask, maps, report", "Intervention report"]
    # A closed tab: a new visitor with the address alone sees the same job.
    later = type(at).from_file(str(MAIN), default_timeout=200)
    later.session_state["language"] = "pt_BR"
    later.query_params["job"] = id
    later.run()
    later = heritage(later)
    assert "foram inventados pelo modelo" in texts(later)


def test_two_presses_make_two_jobs(site, png, picture, hole):
    ids = []
    for _ in range(2):
        site.query_params.pop("job", None)
        at = uploaded(site, png, picture)
        at.segmented_control(key="way").select("file").run()
        at.file_uploader(key="mask").upload("mask.png", png(hole), "image/png").run()
        next(b for b in at.button if b.label == "Restore").click().run()
        ids.append(named_job(at))
    for id in ids:
        jobs.cancel(id)
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    "name, content, said",
    [("note.png", b"no picture at all", "not a TIFF, PNG, JPEG or WebP"), ("half.png", None, "truncated or damaged")],
)
def test_a_bad_picture_gets_a_sentence(site, png, picture, name, content, said):
    at = heritage(site)
    at.file_uploader(key="picture").upload(name, content or png(picture)[:900], "image/png").run()
    assert not at.exception
    assert said in texts(at) and name in texts(at)
    assert "/tmp" not in texts(at)


def test_a_mask_of_another_size_is_refused(site, png, picture, hole):
    at = uploaded(site, png, picture)
    at.segmented_control(key="way").select("file").run()
    at.file_uploader(key="mask").upload("mask.png", png(hole[:40]), "image/png").run()
    assert "the mask has 96 x 40 pixels, the picture 96 x 72" in texts(at)
    assert next(b for b in at.button if b.label == "Restore").disabled


def test_a_missing_model_is_told(site, png, picture, monkeypatch, tmp_path):
    monkeypatch.setenv("DIFUSA_MODEL", str(tmp_path / "nowhere"))
    at = uploaded(site, png, picture)
    assert "The model is missing" in texts(at) and "difusa train" in texts(at)


def test_an_unknown_job_is_told(job_root):
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_file(str(MAIN), default_timeout=200)
    at.session_state["language"] = "en"
    at.query_params["job"] = "../../../etc/passwd"
    at = heritage(at.run())
    assert "does not exist" in texts(at)


def test_a_cancelled_job_is_told(site, png, picture, hole, ended, tiny_restorer):
    arguments = {
        "picture": ["in.png"],
        "out": "restored.tif",
        "mask": "m.png",
        "model": str(tiny_restorer),
        "steps": 1000,
    }
    id = jobs.start("heritage restore", arguments, {"in.png": png(picture), "m.png": png(hole)})
    site.query_params["job"] = id
    at = heritage(site)
    next(b for b in at.button if b.label == "Cancel").click().run()
    assert ended(id).state == "cancelled"
    assert "was cancelled" in texts(at.run())
    next(b for b in at.button if b.label == "Delete this job's files").click().run()
    assert jobs.find(id) is None


def test_damage_is_searched_for_shown_and_restored(site, png, ended):
    """A white scratch across a smooth picture is found; the mask that is shown is the one that is restored."""
    from difusa.domains.models import find

    try:
        find("finder", domain="heritage")
    except FileNotFoundError:
        pytest.skip("no damage finder is shipped")
    y, x = np.mgrid[:128, :128]
    pixels = np.stack([90 + x / 4, 70 + y / 4, 60 + x / 8], axis=2).astype(np.uint8)
    pixels[60:63, 10:118] = 250
    at = uploaded(site, png, pixels)
    at.button(key="search").click().run()
    (id,) = at.session_state["searches"].values()
    assert ended(id).state == "done", jobs.find(id).error
    at.run()
    assert not at.exception
    assert "of the picture is marked as damaged" in texts(at)
    at.slider(key="samples").set_value(2)
    next(b for b in at.button if b.label == "Restore").click().run()
    job = ended(named_job(at))
    assert job.state == "done", job.error
    assert job.request["arguments"]["mask"] == "drawn-mask.png" and not job.request["arguments"]["find_damage"]
    assert job.request["arguments"]["mask_origin"] == "found"  # the visitor changed nothing


def test_marks_on_a_face_are_left_out_until_the_visitor_keeps_them(site, png, picture, tmp_path, monkeypatch):
    """A search that found an eye and a scratch: the eye is not in the mask; the toggle brings it back, and the mask then
    counts as reviewed by hand."""
    from difusa.apps import heritage_marks
    from difusa.domains.heritage.face_features import Feature

    likely = np.zeros(picture.shape[:2], np.float32)
    likely[20:24, 20:24] = likely[60:62, 10:80] = 1
    eye = Feature("eye", ((16, 16), (28, 16), (28, 28), (16, 28)))
    monkeypatch.setattr(heritage_marks, "found", lambda folder: (likely, 0.25, (eye,)))
    monkeypatch.setattr(heritage_marks, "WIDEN", 0)
    done = jobs.Job("x" * 22, tmp_path, "done", 1, 1, 1.0, "", {"about": {}})
    monkeypatch.setattr(jobs, "find", lambda id: done)
    asked = []
    monkeypatch.setattr(jobs, "start", lambda verb, arguments, files, about: asked.append(arguments) or done.id)
    at = uploaded(site, png, picture)
    assert f"{100 * 140 / likely.size:.2f} % of the picture" in texts(at)
    at.toggle(key="face").set_value(True).run()
    assert f"{100 * 156 / likely.size:.2f} % of the picture" in texts(at)
    next(b for b in at.button if b.label == "Restore").click().run()
    assert asked[0]["mask_origin"] == "reviewed"
