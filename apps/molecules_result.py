"""The molecules page of a job: how one forms, then all of them as a grid or table, one in 3D, and the files."""

from pathlib import Path

import streamlit as st

from difusa.apps import form, job_page, jobs, listing, molecules_draw, molecules_list, molecules_rows, viewer3d
from difusa.apps import molecules_words as words
from difusa.apps.film import FRAMES
from difusa.apps.rows import read

VERBS = ("molecules generate", "molecules conformers")


def show(id: str, _) -> None:
    """Draw the job of that id."""
    told = job_page.Words(
        failed=_("No molecules came of it: {reason}"),
        cancelled=_("The job was cancelled."),
        reading=_("The model is read and set to work"),
        doing=_("Drawing: {done} of {total} molecules, about {left} s left"),
        back=_("Back to the settings"),
    )
    job_page.show(id, VERBS, told, _, lambda job: outcome(job, _), lambda job: live(job, _), back)


def back(job: jobs.Job) -> None:
    """The form as it was when the job was started, its scaffold too."""
    st.session_state.update(job.request["about"].get("form", {}))
    if name := job.request["arguments"].get("scaffold"):
        st.session_state["scaffold_file"] = (name, (job.folder / name).read_bytes())


def live(job: jobs.Job, _) -> None:
    """The newest estimate of one molecule, while the others are drawn beside it."""
    if not (job.folder / FRAMES).exists():
        return
    frames = jobs.read_json(job.folder / FRAMES)["frames"]
    left, right = st.columns([3, 2], gap="large")
    with left:
        viewer3d.view(frames[-1:], "sdf", _, key=f"live-{job.id}", name=f"live {job.id}", height=420)
    with right:
        st.subheader(_("A molecule forms"))
        st.write(_("What the network takes one of the molecules for, after {n} evaluations.").format(n=len(frames)))
        st.caption(_("Hydrogens are placed at the end. All others are drawn at the same time."))


def outcome(job: jobs.Job, _) -> None:
    """Figures, list, view and files of a finished job."""
    rows = _rows(str(job.folder))
    summary(job, rows, _)
    left, right = st.columns([3, 2], gap="large")
    with left:
        found = molecules_list.choose(job, rows, _)
    with right:
        row = next((r for r in found if r["row"] == st.session_state.get(molecules_list.CHOSEN)), None)
        view(job, row or (found[0] if found else None), _)
    downloads(job, found, _)


@st.cache_data(max_entries=4, show_spinner=False)
def _rows(folder: str) -> list[dict]:
    return read(Path(folder))


def summary(job: jobs.Job, rows: list[dict], _) -> None:
    """What was asked, and how much of it is sound."""
    asked = job.request["arguments"]
    report = jobs.read_json(job.folder / "report.json")
    parts = [", ".join(asked.get("smiles", [])), asked.get("formula"), *(asked.get("property") or [])]
    parts += [_("{n} atoms").format(n=asked["atoms"])] if asked.get("atoms") else []
    parts += [asked.get("elements"), _("on a scaffold") if asked.get("scaffold") else None]
    parts += [
        _("model {name}").format(name=report["model"]["name"]), _("seed {seed}").format(seed=asked["seed"]),
        _("{n} steps").format(n=asked["steps"]), f"{job.seconds:.0f}\N{NO-BREAK SPACE}s",
    ]  # fmt: skip
    st.caption(" · ".join(p for p in parts if p))
    for note in [report.get("properties", {}).get("note")] + [f["reason"] for f in report.get("failures", [])]:
        if note:
            st.warning(note)
    sound = [r for r in rows if r["status"] != "broken"]
    whole = sum(r["status"] == "valid" for r in rows)
    unlike = len({r["tags"].get("SMILES") for r in sound})

    figures = [(_("Molecules drawn"), str(len(rows)))]
    if job.request["verb"] == VERBS[0]:
        figures += [
            (_("Valid"), listing.share(len(sound), len(rows))),
            (_("Valid and in one piece"), listing.share(whole, len(rows))),
        ]
        figures += [(_("Different among the valid"), listing.share(unlike, len(sound)))]
    else:
        stereo = sum(r["tags"].get("STEREO") == "wrong" for r in rows)
        figures += [(_("Valid"), listing.share(whole, len(rows)))]
        figures += [(_("Different molecules"), str(unlike)), (_("Wrong stereo"), str(stereo))]
    for column, (label, value) in zip(st.columns(4), figures):
        column.metric(label, value, border=True)


def view(job: jobs.Job, row: dict | None, _) -> None:
    """One molecule in 3D with what is known of it; or how one formed; or all conformers in turn."""
    sights = {"one": _("The chosen molecule")}
    film = jobs.read_json(job.folder / FRAMES) if (job.folder / FRAMES).exists() else None
    if film:
        sights["film"] = _("How one formed")
    if job.request["verb"] == VERBS[1]:
        sights["all"] = _("All its conformers")
    sight = st.segmented_control(
        _("View"), list(sights), format_func=sights.get, key=form.kept(form.LOOK, "sight", "one"),
        label_visibility="collapsed",
    )  # fmt: skip
    if sight == "film" and film:
        viewer3d.view(film["frames"], "sdf", _, key=f"film-{job.id}", name=f"film {job.id}", play=True)
        st.caption(
            _("The network's estimate of molecule {n}, step by step; the last frame is the molecule.").format(
                n=film["row"] + 1
            )
            if film["row"] is not None
            else _("The network's estimate of one skeleton, step by step.")
        )
    elif row is None:
        st.info(_("No molecule passes these filters."))
    elif sight == "all":
        same = [r["row"] for r in _rows(str(job.folder)) if r["tags"].get("ROW") == row["tags"].get("ROW")]
        models = molecules_draw.laid_over([molecules_list.records(str(job.folder))[k - 1] for k in same])
        viewer3d.view(models, "sdf", _, key=f"all-{job.id}", name=f"all {row['tags'].get('ROW')}", play=True)
    else:
        record = molecules_list.records(str(job.folder))[row["row"] - 1]
        viewer3d.view([record], "sdf", _, key=f"one-{job.id}", name=f"molecule {row['row']}")
        details(row, _)


def details(row: dict, _) -> None:
    """What is known of one molecule."""
    st.markdown(f"**{row['row']} · {row.get('formula', '')}** · {words.statuses(_)[row['status']]}")
    if why := words.reason(row, _):
        st.caption(why)
    if smiles := row["tags"].get("ISOMERIC_SMILES") or row["tags"].get("SMILES"):
        st.code(smiles, language=None, wrap_lines=True)
    st.markdown(listing.figures(row, molecules_rows.figures([row]), molecules_list.told(_), ("_LOW", "_HIGH")))
    if any(k.endswith("_LOW") for k in row["tags"]):
        st.caption(_("In brackets: the interval that should hold the true value 9 times of 10."))


def downloads(job: jobs.Job, rows: list[dict], _) -> None:
    """What the filters leave, in the three formats."""
    labels = {".sdf": "SDF", ".extxyz": "extxyz", ".parquet": _("Table (Parquet)")}
    files = {suffix: (labels[suffix], kind) for suffix, kind in molecules_rows.FORMATS.items()}
    said = _("Files hold the {n} molecules that the filters leave, in this order.").format(n=len(rows))
    listing.downloads(rows, said, files, lambda s: molecules_rows.part(job.folder, rows, s), "difusa-molecules")
