"""`difusa medical progress`: how a disease may go on in a scan, month by month; a scenario, not a prediction."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.medical import progress_growth as growth
from difusa.domains.medical.scan import Made, Scan, Source
from difusa.shared.run import Progress, Run

PLACES = ("lesions", "tumour", "none")
KEY = "Progression"  # of the sidecar: what a later run goes on from


def progress(
    scan: Path,
    *,
    out: Path,
    months: str = "12,24,36",
    mask: Path | None = None,
    place: str | None = None,
    scenario: str = "untreated",
    kind: str = "glioblastoma",
    lesions: float = growth.LESIONS,
    atrophy: float = growth.ATROPHY,
    from_: str | None = None,
    dicom: bool = False,
    seed: int = 0,
    passport: bool = True,
    report: Path | None = None,
    progress: Progress | None = None,
) -> dict:
    """Play through how a disease may go on in a scan: lesion load, loss of brain, a tumour. A scenario, not a prediction.

    Writes OUT/month-012_T1.nii.gz and so on with the masks, month-012_mask.nii.gz (1 lesion, 2 oedema, 3 tumour, 4 dead tissue,
    5 cavity). A scan that this verb wrote goes on from its month: 12 and 12 months are 24, voxel for voxel of volume.

    scan: T1, T2, FLAIR or CT of a head, a NIfTI file or a DICOM folder or zip.
    out: folder to write to.
    months: after the scan, separated by commas.
    mask: where the disease is, on the scan's grid: 1 lesion, 2 oedema, 3 tumour, 4 dead tissue, as `synthesize` writes it.
        Without it bright islands of a FLAIR are taken for lesions.
    place: lesions or tumour lets the simulator put some there; none has the brain shrink alone.
    scenario: untreated, resection (95 % of the tumour at month 0) or radiotherapy (60 Gy from month 0); of a tumour.
    kind: glioblastoma (1.4 % a day at 18 ml, slowing down) or low-grade (4.1 mm of diameter a year).
    lesions: growth of the lesion load, percent a year.
    atrophy: loss of brain, percent a year; 0 leaves anatomy as it is.
    from_: contrast of the scan, where its name, sidecar or tags do not say.
    dicom: write a DICOM series beside each scan too, in month-012_dicom.
    seed: of what is placed and painted.
    passport: sign each file, and write FILE.passport.json, by which `difusa verify` knows it.
    report: JSON file for the volumes by month.
    progress: called with (months done, total).

    Returns the report. Raises ValueError with the way out: no mask, a treatment without a tumour, a contrast in which fluid does
    not stand out.
    """
    from difusa.domains.medical.geometry import turn_of
    from difusa.domains.medical.progress_flow import NOTICE, Wish, advanced, measured
    from difusa.domains.medical.readers import load

    wish, asked, out = Wish(scenario, kind, lesions, atrophy, seed), points(months), Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file: name a folder")
    source = load(scan, from_)
    if source.contrast is None:
        raise ValueError(f"{scan}: nothing tells its contrast; say it by --from, or end its name in _T1, _T2 and so on")
    turn = turn_of(source.affine)
    with Run("medical progress", seed=seed, progress=progress) as run:
        state = first(Path(scan), source, mask, place, wish)
        rows = [{"month": state.months, **measured(state)}]
        if place not in (None, "none"):
            write(state, source, turn, wish, out, dicom, passport)
        for number, later in enumerate(asked, 1):
            then = advanced(state, later, wish)
            rows.append({"month": then.months, **measured(then)})
            write(then, source, turn, wish, out, dicom, passport)
            run.progress(number, len(asked))
        return run.write(
            report, notice=NOTICE, scenario=scenario, kind=kind, lesions_percent_a_year=lesions,
            atrophy_percent_a_year=atrophy, contrast=source.contrast, volumes_ml=rows, notes=list(source.source.notes),
        )  # fmt: skip


def points(months: str) -> list[float]:
    """The months asked for, in order. Raises ValueError for what is no number above 0."""
    try:
        found = sorted({float(m) for m in months.split(",")})
    except ValueError:
        found = []
    if not found or not 0 < found[0] <= found[-1] <= 600:
        raise ValueError(f"--months {months}: give numbers above 0 and up to 600 with commas between, such as 12,24,36")
    return found


def first(path: Path, source: Scan, mask: Path | None, place: str | None, wish):
    """The state that the scan is in: at month 0, or where an earlier run of the same scenario left it."""
    from difusa.domains.medical import progress_places as places
    from difusa.domains.medical.geometry import turn_of
    from difusa.domains.medical.nifti import sidecar
    from difusa.domains.medical.progress_flow import State, begun

    turn = turn_of(source.affine)
    upright = Scan(
        np.ascontiguousarray(turn.upright(source.array)), turn.affine(source.affine, source.array.shape),
        source.contrast, source.source,
    )  # fmt: skip
    told = sidecar(path).get(KEY) if source.source.kind == "nifti" else None
    if told is None:
        found, painted = places.disease(path, source, upright, mask, place, wish.seed)
        state = begun(upright, found)
        return places.painted(state, wish.seed) if painted else state
    if (told["scenario"], told["kind"]) != (wish.scenario, wish.kind):
        raise ValueError(
            f"{path} is month {told['months']:g} of a {told['kind']}, {told['scenario']}: go on with the same --scenario "
            "and --kind, or begin with the first scan"
        )
    beside = mask or path.with_name(f"{path.name.rsplit('_', 1)[0]}_mask.nii.gz")
    found = places.read(beside, source)
    return State(upright, np.ascontiguousarray(turn.upright(found)), told["months"], told["volumes_ml"], told["looks"])


def write(state, source: Scan, turn, wish, out: Path, dicom: bool, passport: bool) -> None:
    """The scan and mask of a state on the source's own grid, each with its passport."""
    from difusa.domains.medical.dicom_export import save_dicom
    from difusa.domains.medical.export import save_nifti
    from difusa.domains.medical.progress_flow import LABELS, NOTICE
    from difusa.domains.medical.signed import sign

    told = {
        "months": state.months,
        "scenario": wish.scenario,
        "kind": wish.kind,
        "volumes_ml": state.volumes,
        "looks": state.looks,
    }
    made = Made(
        f"progressed, {wish.scenario}", wish.seed, round(state.months), None, (source.source,),
        {KEY: told, "LesionsPercentAYear": wish.lesions, "AtrophyPercentAYear": wish.atrophy}, NOTICE,
    )  # fmt: skip
    kept = {k: v for k, v in source.source.acquisition.items() if k in ("BodyPartExamined", "PatientPosition")}
    scan = Scan(turn.back(state.scan.array), source.affine, source.contrast, Source("progressed", acquisition=kept))
    name = f"month-{state.months:03.0f}" if state.months == round(state.months) else f"month-{state.months:06.2f}"
    files = [save_nifti(scan, out / f"{name}_{source.contrast}.nii.gz", made)]
    mask = Scan(turn.back(state.mask), source.affine)
    labels = replace(made, settings={"Labels": dict(enumerate(LABELS))})
    files.append(save_nifti(mask, out / f"{name}_mask.nii.gz", labels))
    if dicom:
        files.append(save_dicom(scan, out / f"{name}_dicom", made))
    for path in files:
        sign(path, "medical progress", made, repr(wish), passport)
