"""The medical page: a scan, three planes of it, what to do; then the job that the address names, and what came of it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from difusa.apps import jobs, medical_result, medical_view
from difusa.apps import medical_planes as planes
from difusa.apps.i18n import session_language, translator

KEPT = "medical_scan"  # (name of the job's file, content, contrast) in the session
SPACING = 2.0  # millimetres of the simulated example


def draw() -> None:
    """Draw the page: the job in the address, or the form for a new one."""
    _ = translator(session_language())
    st.title(_("Translate a scan"))
    medical_view.notice(_)
    if id := st.query_params.get("job"):
        medical_result.show(id, _)
    else:
        ask(_)


def ask(_) -> None:
    """The form: a scan, its planes, translation or progression; its button starts a job."""
    upload = st.file_uploader(
        _("Scan of a head (NIfTI, or a zip of one DICOM series)"), type=["nii", "gz", "zip"], key="scan"
    )
    if upload is not None:
        ends = next((e for e in (".nii.gz", ".nii", ".zip") if upload.name.lower().endswith(e)), ".nii.gz")
        st.session_state[KEPT] = (f"scan{ends}", upload.getvalue(), named(upload.name))
    elif st.button(_("Simulate an example (T1)"), icon=":material/casino:", key="example"):
        with st.spinner(_("A head is painted as a scanner would measure it")):
            st.session_state[KEPT] = ("scan.nii.gz", example(), "T1")
    if KEPT not in st.session_state:
        st.info(_("Choose a scan to begin, or have one simulated. It stays on this machine."))
        return
    name, content, contrast = st.session_state[KEPT]
    try:
        volume = look(name, content, contrast)
    except (ValueError, OSError) as error:
        st.error(str(error))
        return
    st.caption(
        f"{' × '.join(map(str, volume.array.shape))} voxels · {' × '.join(f'{s:.2f}' for s in volume.spacing)} mm · "
        + (volume.contrast or _("contrast unknown"))
    )
    at, (low, high) = medical_view.place(volume, _, "source"), medical_view.window(volume, _, "source")
    medical_view.show(volume, at, lambda axis, k: planes.grey(planes.plane(volume, axis, k), low, high), _)
    ways = {"translate": _("Translate to another contrast"), "progress": _("Play a disease through")}
    way = st.segmented_control(
        _("What to do"), list(ways), default="translate", format_func=ways.get, key="way", label_visibility="collapsed"
    )
    known = ("T1", "T2", "PD", "FLAIR", "CT")
    given = volume.contrast or st.selectbox(_("Contrast of the scan"), known, key="from")
    if way == "progress":
        request, files, wrong = disease(given, _)
        verb, request = "medical progress", request | {"scan": name, "from_": given}
    else:
        request, files, wrong = translation(given, _)
        verb, request = "medical translate", request | {"scans": [name], "from_": given}
    if wrong:
        st.warning(wrong)
    if st.button(_("Begin"), type="primary", disabled=bool(wrong), icon=":material/play_arrow:", key="begin_medical"):
        st.query_params["job"] = jobs.start(verb, request, {name: content} | files, {"contrast": given})
        st.rerun()


def named(name: str) -> str | None:
    """The contrast that an uploaded file's name tells, if it is one that can be said by --from."""
    from difusa.domains.medical.contrast import by_name
    from difusa.domains.medical.nifti import stem
    from difusa.domains.medical.scan import CONTRASTS

    found = by_name(stem(Path(name)))
    return found if found in CONTRASTS else None


@st.cache_data(max_entries=2, show_spinner=False)
def look(name: str, content: bytes, contrast: str | None) -> planes.Volume:
    """The volume in an uploaded file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return planes.read(path, contrast)
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(f"{folder}/", "")) from None


@st.cache_data(max_entries=1, show_spinner=False)
def example() -> bytes:
    """A simulated T1 of the default head, a NIfTI file."""
    from difusa.domains.medical.synthesizing import simulate

    with TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii.gz"
        simulate(out=path, to="T1", spacing=SPACING, passport=False, progress=lambda done, total: None)
        return path.read_bytes()


def translation(given: str, _) -> tuple[dict, dict, str]:
    """The arguments of a translation, no files, and what stands in the way."""
    from difusa.domains import models

    left, middle, right = st.columns(3)
    wanted = [c for c in ("T1", "T2", "PD", "FLAIR", "CT") if c != given]
    to = left.selectbox(_("Target contrast"), wanted, key="to")
    samples = middle.slider(_("Samples"), 1, 8, 4, key="medical_samples", help=_("More samples: a steadier interval."))
    steps = right.slider(_("Steps of each sample"), 2, 10, 5, key="medical_steps")
    anyway = st.toggle(_("Go on where the gate refuses the scan"), key="anyway")
    wrong = ""
    try:
        models.find(model(), domain="medical")
    except (ValueError, OSError) as error:
        wrong = _("The model is missing: {advice}").format(advice=error)
    request = {"to": to, "samples": samples, "steps": steps, "anyway": anyway, "model": model()}
    return request, {}, wrong


def model() -> str:
    """The model that `difusa app --medical` named: a shipped one or a folder."""
    return os.environ.get("DIFUSA_MEDICAL") or "anytoany"


def disease(given: str, _) -> tuple[dict, dict[str, bytes], str]:
    """The arguments of a progression, the mask's file, and what stands in the way."""
    st.caption(_("A scenario, not a prediction: volumes follow published rates, places follow distance alone."))
    upload = st.file_uploader(
        _("Mask of the disease (NIfTI: 1 lesion, 2 oedema, 3 tumour, 4 dead tissue)"),
        type=["nii", "gz"],
        key="mask_medical",
    )
    left, middle, right = st.columns(3)
    places = {
        "lesions": _("put lesions there"),
        "tumour": _("put a tumour there"),
        "none": _("no disease: the brain shrinks"),
    }
    if given == "FLAIR":
        places = {"bright": _("bright islands are lesions")} | places
    place = left.selectbox(
        _("Without a mask"), list(places), format_func=places.get, key="place", disabled=upload is not None
    )
    scenarios = {"untreated": _("untreated"), "resection": _("resection"), "radiotherapy": _("radiotherapy")}
    scenario = middle.selectbox(_("Scenario"), list(scenarios), format_func=scenarios.get, key="scenario")
    kinds = {"glioblastoma": _("glioblastoma"), "low-grade": _("low-grade glioma")}
    kind = right.selectbox(_("Tumour"), list(kinds), format_func=kinds.get, key="kind_medical")
    lesions = left.slider(_("Lesion load, % a year"), -20, 50, 7, key="lesions")
    atrophy = middle.slider(_("Loss of brain, % a year"), 0.0, 3.0, 0.5, 0.1, key="atrophy")
    request = {"scenario": scenario, "kind": kind, "lesions": float(lesions), "atrophy": atrophy, "months": "12,24,36"}
    wrong = ""
    if given == "PD":
        wrong = _("Brain and fluid look alike in a PD scan: give a T1, T2, FLAIR or CT.")
    elif upload is None and scenario != "untreated" and place != "tumour":
        wrong = _("A treatment needs a tumour: give a mask, or put one there.")
    if upload is not None:
        ends = ".nii.gz" if upload.name.lower().endswith(".gz") else ".nii"
        return request | {"mask": f"mask{ends}"}, {f"mask{ends}": upload.getvalue()}, wrong
    return request | ({} if place == "bright" else {"place": place}), {}, wrong


if __name__ == "__main__":
    draw()
