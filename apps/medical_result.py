"""The medical page of a job: its progress; then source and result side by side or blended, intervals, months, and files."""

from pathlib import Path

import streamlit as st

from difusa.apps import job_page, jobs, medical_view
from difusa.apps import medical_planes as planes
from difusa.apps.i18n import number, session_language

VERBS = ("medical translate", "medical progress")


def show(id: str, _) -> None:
    """Draw the job of that id."""
    words = job_page.Words(
        failed=refused(id, _) or _("Nothing came of it: {reason}"),
        cancelled=_("The job was cancelled."),
        reading=_("Reading the scan"),
        doing=_("At work: {done} of {total}, about {left} s left"),
        back=_("Back to the scan"),
    )
    job_page.show(id, VERBS, words, _, lambda job: outcome(job, _))


def refused(id: str, _) -> str:
    """What to say of a job that the gate stopped; nothing of any other."""
    job = jobs.find(id)
    path = job.folder / "report.json" if job is not None and job.state == "failed" else None
    word = jobs.read_json(path).get("gate") if path is not None and path.exists() else None
    if not word or word["accepted"]:
        return ""
    return _(
        "The gate refuses the scan: {reason}. Nothing was translated. If you know better, go back and switch on: Go on where the "
        "gate refuses the scan."
    ).format(reason=reason(word, _))


def reason(word: dict, _) -> str:
    """The gate's reason in the visitor's language."""
    looks, called = word["looks_like"], word["called"]
    flaws = {
        "CT as MR": _("it looks like CT"),
        "MR as CT": _("it is no CT in Hounsfield units"),
        "upside down": _("the head is upside down"),
        "on its side": _("the head lies on its side"),
        "other planes": _("its planes are not axial"),
        "negative": _("it looks like a negative"),
        "other size": _("it has not the size of a head; are its millimetres right?"),
        "no head": _("it does not look like a head"),
        "unknown": _("it is unlike the heads that the gate knows"),
    }
    return flaws.get(looks) or _("it looks like {looks}, but was called {called}").format(looks=looks, called=called)


def outcome(job: jobs.Job, _) -> None:
    """A finished job."""
    report = jobs.read_json(job.folder / "report.json")
    (translated if job.request["verb"] == VERBS[0] else progressed)(job, report, _)


@st.cache_data(max_entries=8, show_spinner=False)
def volume(path: str, contrast: str | None = None) -> planes.Volume:
    """A volume of a job."""
    return planes.read(Path(path), contrast)


def translated(job: jobs.Job, report: dict, _) -> None:
    """Source and translation, the interval over it, the gate's word, structures, lost lesions, files."""
    arguments = job.request["arguments"]
    before = volume(str(job.folder / arguments["scans"][0]), arguments["from_"])
    after = volume(str(job.folder / "made.nii.gz"))
    wide = job.folder / "made_halfwidth.nii.gz"
    gate(report["gate"], _)
    names = {"beside": _("Side by side"), "blend": _("Blended"), "interval": _("Interval over it")}
    ways = [w for w in names if w != "interval" or wide.exists()]
    way = st.segmented_control(
        _("View"), ways, default="beside", format_func=names.get, key="look_medical", label_visibility="collapsed"
    )
    at, (low, high) = medical_view.place(after, _, "result"), medical_view.window(after, _, "result")
    first = lambda axis, k: planes.grey(planes.plane(before, axis, k), *before.ends)  # noqa: E731
    second = lambda axis, k: planes.grey(planes.plane(after, axis, k), low, high)  # noqa: E731
    if way == "blend":
        share = st.slider(_("Share of the translation"), 0.0, 1.0, 0.5, key="share")
        medical_view.show(after, at, lambda axis, k: (1 - share) * first(axis, k) + share * second(axis, k), _)
    elif way == "interval":
        strength = st.slider(_("Strength of the overlay"), 0.0, 1.0, 0.7, key="strength")
        half = volume(str(wide))
        top = half.ends[1]
        medical_view.show(
            after, at, lambda axis, k: planes.heat(second(axis, k), planes.plane(half, axis, k), top, strength), _
        )
        st.caption(interval(report, _))
    else:
        st.caption(_("Source: {contrast}").format(contrast=before.contrast))
        medical_view.show(before, at, first, _)
        st.caption(_("Translation: {contrast}, synthetic").format(contrast=after.contrast))
        medical_view.show(after, at, second, _)
    lost(report, _)
    structures(report, _)
    files = [
        (_("Translation (NIfTI)"), f"{after.contrast}.nii.gz", job.folder / "made.nii.gz", "application/gzip"),
        (_("DICOM series (zip)"), f"{after.contrast}-dicom.zip", job.folder / "dicom.zip", "application/zip"),
        (_("Report (JSON)"), "report.json", job.folder / "report.json", "application/json"),
    ]
    downloads(files)


def gate(word: dict, _) -> None:
    """Whether the scan is like those the model knows."""
    if word["score"] is None:
        st.info(_("The gate was not asked: none was fitted for this contrast."))
    elif word["accepted"]:
        st.success(
            _("The gate accepts the scan (score {score}, limit 1).").format(
                score=number(word["score"], 2, session_language())
            )
        )
    else:
        st.error(_("The gate refuses the scan: {reason}. Do not trust the result.").format(reason=reason(word, _)))


def interval(report: dict, _) -> str:
    """What the overlay shows, and whether it was calibrated."""
    level = round(100 * report["interval_level"])
    if report["interval_calibrated"]:
        return _("Orange: half the width of the {level} % interval of each voxel.").format(level=level)
    return _("Orange: spread of the samples, widened by a guess: this model is not calibrated.")


def lost(report: dict, _) -> None:
    """Lesions of the source that the translation does not show."""
    if not report["lesions_looked_for"]:
        st.caption(_("Lost lesions are looked for where the source is a FLAIR."))
    elif report["lost_lesions"]:
        st.error(_("{n} lesions of the source are not seen in the translation.").format(n=len(report["lost_lesions"])))
        st.dataframe(report["lost_lesions"], hide_index=True)
    else:
        st.success(_("Every bright lesion of the source is seen in the translation."))


def structures(report: dict, _) -> None:
    """Volumes and means of the dark, middle and bright parts, with intervals."""
    names = {"dark": _("dark"), "middle": _("middle"), "bright": _("bright")}
    rows = []
    for name, found in report["structures"].items():
        row = {_("structure"): names[name]}
        for key, label in (("volume_ml", _("volume (ml)")), ("mean", _("mean"))):
            ends = found[key]["interval"]
            row[label] = found[key]["value"]
            row[f"{label} – {_('interval')}"] = "" if ends is None else f"{ends[0]:g} – {ends[1]:g}"
        rows.append(row)
    st.dataframe(rows, hide_index=True)


def progressed(job: jobs.Job, report: dict, _) -> None:
    """The scan at a month beside the first one, what changed, volumes, files."""
    st.info(_("A scenario, not a prediction: volumes follow published rates, places follow distance alone."))
    contrast, folder = report["contrast"], job.folder / "months"
    start = folder / f"month-000_{contrast}.nii.gz"
    before = (
        volume(str(start)) if start.exists() else volume(str(job.folder / job.request["arguments"]["scan"]), contrast)
    )
    rows = report["volumes_ml"]
    months = [round(r["month"]) for r in rows]
    month = st.select_slider(_("Month"), months, months[-1], key="month")
    then, mask = before, None
    if month:
        then = volume(str(folder / f"month-{month:03d}_{contrast}.nii.gz"))
        mask = volume(str(folder / f"month-{month:03d}_mask.nii.gz"))
    strength = st.slider(_("Strength of the overlay"), 0.0, 1.0, 0.0, key="mask_strength")
    at, (low, high) = medical_view.place(before, _, "month"), medical_view.window(before, _, "month")

    def later(axis: int, k: int):
        picture = planes.grey(planes.plane(then, axis, k), low, high)
        return picture if mask is None else planes.marked(picture, planes.plane(mask, axis, k), strength)

    st.caption(_("Month 0"))
    medical_view.show(before, at, lambda axis, k: planes.grey(planes.plane(before, axis, k), low, high), _)
    st.caption(_("Month {n}: scenario, synthetic").format(n=month))
    medical_view.show(before, at, later, _)
    labels = {
        "month": _("month"), "lesion": _("lesions"), "oedema": _("oedema"), "tumour": _("tumour"), "necrosis": _("dead tissue"),
        "cavity": _("cavity"), "inner_fluid": _("fluid of the inner brain"), "inner_brain": _("inner brain"),
    }  # fmt: skip
    st.dataframe([{labels[k]: v for k, v in row.items()} for row in rows], hide_index=True)
    st.caption(_("Volumes in millilitres."))
    files = [
        (_("All months (NIfTI, zip)"), "months.zip", job.folder / "months.zip", "application/zip"),
        (_("DICOM series (zip)"), "months-dicom.zip", job.folder / "dicom.zip", "application/zip"),
        (_("Report (JSON)"), "report.json", job.folder / "report.json", "application/json"),
    ]
    downloads(files)


def downloads(files: list[tuple[str, str, Path, str]]) -> None:
    """Buttons in a row: label, name, path, kind."""
    for column, (label, name, path, kind) in zip(st.columns(len(files)), files, strict=True):
        column.download_button(
            label, path.read_bytes, name, kind, width="stretch", icon=":material/download:", on_click="ignore"
        )
