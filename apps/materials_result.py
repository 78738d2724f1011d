"""The materials page of a job: how a crystal forms, then the table of all, one in 3D with its powder pattern, and the files."""

from pathlib import Path

import streamlit as st

from difusa.apps import form, job_page, jobs, listing, materials_draw, materials_list, materials_rows, viewer3d
from difusa.apps import materials_words as words
from difusa.apps.film import FRAMES
from difusa.apps.i18n import number, session_language
from difusa.apps.rows import read

VERBS = ("materials generate", "materials predict")


def show(id: str, _) -> None:
    """Draw the job of that id."""
    told = job_page.Words(
        failed=_("No crystals came of it: {reason}"),
        cancelled=_("The job was cancelled."),
        reading=_("The model is read and set to work"),
        doing=_("Drawing: {done} of {total} crystals, about {left} s left"),
        back=_("Back to the settings"),
    )
    job_page.show(id, VERBS, told, _, lambda job: outcome(job, _), lambda job: live(job, _), back)


def back(job: jobs.Job) -> None:
    """The form as it was when the job was started."""
    st.session_state.update(job.request["about"].get("form", {}))


def live(job: jobs.Job, _) -> None:
    """The newest estimate of one crystal, while the others are drawn beside it."""
    if not (job.folder / FRAMES).exists():
        return
    frames = jobs.read_json(job.folder / FRAMES)["frames"]
    left, right = st.columns([3, 2], gap="large")
    with left:
        viewer3d.view(frames[-1:], "cif", _, key=f"live-{job.id}", name=f"live {job.id}", height=420)
    with right:
        st.subheader(_("A crystal forms"))
        st.write(_("What the network takes one of the crystals for, after {n} evaluations.").format(n=len(frames)))
        st.caption(_("Cell, places and elements form together; the elements are decided on the way."))


def outcome(job: jobs.Job, _) -> None:
    """Figures, table, view and files of a finished job."""
    rows = _rows(str(job.folder))
    summary(job, rows, _)
    left, right = st.columns([3, 2], gap="large")
    with left:
        found = materials_list.choose(job, rows, _)
    with right:
        row = next((r for r in found if r["row"] == st.session_state.get(materials_list.CHOSEN)), None)
        view(job, row or (found[0] if found else None), _)
    labels = {".zip": "CIF (ZIP)", ".extxyz": "extxyz", ".csv": _("Table (CSV)")}
    files = {suffix: (labels[suffix], kind) for suffix, kind in materials_rows.FORMATS.items()}
    said = _("Files hold the {n} crystals that the filters leave, in this order.").format(n=len(found))
    listing.downloads(found, said, files, lambda s: materials_rows.part(job.folder, found, s), "difusa-crystals")


@st.cache_data(max_entries=4, show_spinner=False)
def _rows(folder: str) -> list[dict]:
    return read(Path(folder))


@st.cache_data(max_entries=4, show_spinner=False)
def _crystals(folder: str) -> list:
    from difusa.domains.materials.worked import written

    return written(Path(folder) / "crystals")


@st.cache_data(max_entries=100, show_spinner=False)
def _seen(folder: str, row: int) -> str:
    return materials_draw.seen(_crystals(folder)[row - 1])


@st.cache_data(max_entries=100, show_spinner=False)
def _pattern(folder: str, row: int) -> list[dict]:
    return [vars(peak) for peak in materials_draw.pattern(_crystals(folder)[row - 1])]


def summary(job: jobs.Job, rows: list[dict], _) -> None:
    """What was asked, and how much of it is sound."""
    asked, report = job.request["arguments"], jobs.read_json(job.folder / "report.json")
    parts = [asked.get("formula"), asked.get("elements"), *(asked.get("property") or [])]
    parts += [f"+ {asked['contains']}"] if asked.get("contains") else []
    parts += [f"− {asked['exclude']}"] if asked.get("exclude") else []
    parts += [_("{n} atoms").format(n=asked["atoms"])] if asked.get("atoms") else []
    parts += [words.systems(_)[asked["crystal_system"]]] if asked.get("crystal_system") else []
    parts += [_("space group {n}").format(n=asked["spacegroup"])] if asked.get("spacegroup") else []
    parts += [
        _("model {name}").format(name=report["model"]["name"]), _("seed {seed}").format(seed=asked["seed"]),
        _("{n} steps").format(n=asked["steps"]), f"{job.seconds:.0f}\N{NO-BREAK SPACE}s",
    ]  # fmt: skip
    st.caption(" · ".join(p for p in parts if p))
    if report.get("note"):
        st.warning(report["note"])
    whole = [r for r in rows if r["status"] != "broken"]
    balanced = sum(r["tags"]["charge_balanced"] for r in rows)
    unlike = len({materials_rows.kind(r) for r in whole})
    figures = [
        (_("Crystals drawn"), str(len(rows))),
        (_("Without overlapping atoms"), listing.share(len(whole), len(rows))),
        (_("Charges balance"), listing.share(balanced, len(rows))),
        (_("Different ones"), str(unlike)),
    ]
    for column, (label, value) in zip(st.columns(4), figures):
        column.metric(label, value, border=True)


def view(job: jobs.Job, row: dict | None, _) -> None:
    """One crystal in 3D with what is known of it, or its powder pattern; or how the first one formed."""
    sights = {"one": _("The chosen crystal"), "pattern": _("Powder pattern")}
    film = jobs.read_json(job.folder / FRAMES) if (job.folder / FRAMES).exists() else None
    if film:
        sights["film"] = _("How one formed")
    sight = st.segmented_control(
        _("View"), list(sights), format_func=sights.get, key=form.kept(form.LOOK, "sight", "one"),
        label_visibility="collapsed",
    )  # fmt: skip
    if sight == "film" and film:
        viewer3d.view(film["frames"], "cif", _, key=f"film-{job.id}", name=f"film {job.id}", play=True)
        st.caption(
            _("The network's estimate of crystal 1, step by step; the last frame is the crystal.")
            if film["row"] is not None
            else _("The network's estimate of one crystal, step by step.")
        )
    elif row is None:
        st.info(_("No crystal passes these filters."))
    elif sight == "pattern":
        powder(job, row, _)
        details(row, _)
    else:
        if text := _seen(str(job.folder), row["row"]):
            viewer3d.view([text], "cif", _, key=f"one-{job.id}", name=f"crystal {row['row']}")
        details(row, _)


def powder(job: jobs.Job, row: dict, _) -> None:
    """The powder pattern of one crystal as sticks, with spacings and planes at the pointer."""
    import altair
    import pandas

    peaks = [] if row["status"] == "broken" else _pattern(str(job.folder), row["row"])
    if not peaks:
        st.info(_("This crystal gives no pattern."))
        return
    low, high = materials_draw.ANGLES
    angle = altair.X("angle:Q", title="2θ (°)", scale=altair.Scale(domain=[low, high]))
    height = altair.Y("height:Q", title=_("intensity (largest: 100)"), scale=altair.Scale(domain=[0, 100]))
    tips = [
        altair.Tooltip("angle:Q", title="2θ (°)", format=".2f"), altair.Tooltip("height:Q", title="I", format=".1f"),
        altair.Tooltip("spacing:Q", title="d (Å)", format=".3f"), altair.Tooltip("planes:N", title="hkl"),
    ]  # fmt: skip
    sticks = altair.Chart(pandas.DataFrame(peaks).assign(floor=0.0)).mark_rule(size=2, color="#9a3b26")
    st.altair_chart(sticks.encode(x=angle, y=height, y2="floor:Q", tooltip=tips).properties(height=360))
    st.caption(_("Cu Kα, computed from the ideal crystal (pymatgen): no thermal motion, no texture, no background."))


def details(row: dict, _) -> None:
    """What is known of one crystal."""
    tags, language = row["tags"], session_language()
    st.markdown(f"**{row['row']} · {tags['formula']}** · {words.statuses(_)[row['status']]}")
    if why := words.reason(row, _):
        st.caption(why)
    if row["symbol"]:
        loose = tags["spacegroup_loose"]
        more = "" if loose == tags["spacegroup"] else _("; at 0.1 Å: {n}").format(n=loose)
        st.write(_("Space group {symbol} ({n})").format(symbol=f"**{row['symbol']}**", n=tags["spacegroup"]) + more)
    names = [n for n in materials_rows.figures([row]) if n not in ("spacegroup", "prototype")]
    st.markdown(listing.figures(row, names, materials_list.told(_), materials_rows.ENDS))
    if (low := tags.get("above_hull_low")) is not None:
        st.caption(_("In brackets: the interval that should hold the true value 9 times of 10."))
        st.caption(
            _(
                "Stability is an estimate from the crystal as drawn: {low} to {high} eV/atom above the mixtures of crystals that "
                "the model was trained on. Many known compounds are not among these: a value below 0 says that a competitor is "
                "missing, not that the crystal is stable."
            ).format(low=number(low, 2, language), high=number(tags["above_hull_high"], 2, language))
        )
