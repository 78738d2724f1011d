"""The verbs that make scans out of nothing but anatomy: simulate one as a scanner would, synthesize many with their masks."""

import os
from pathlib import Path

import numpy as np

from difusa.domains.medical.scan import CONTRASTS, Made, Scan, Source
from difusa.shared.run import Progress, Run

SCALE = 1000  # of MRI in files: this number is the reference signal
MASKS = ("lesion", "oedema", "tumour", "necrosis")  # 1, 2, 3, 4 in a mask


def simulate(
    *,
    out: Path,
    to: str = "T2",
    labels: Path | None = None,
    pathology: str = "none",
    field: float = 3.0,
    te: float | None = None,
    tr: float | None = None,
    ti: float | None = None,
    flip: float | None = None,
    spacing: float = 1.0,
    deform: float = 0.0,
    bias: float = 0.1,
    noise: float = 0.02,
    motion: float = 0.0,
    seed: int = 0,
    index: int = 0,
    passport: bool = True,
    report: Path | None = None,
    progress: Progress | None = None,
) -> dict:
    """Paint one contrast of a head as a scanner would measure it: signal equations, partial volume, bias field, noise, motion.

    out: file to write (.nii, .nii.gz) or a folder for a DICOM series.
    to: T1, T2, PD, FLAIR or CT.
    labels: whole-head label map with SynthSeg's labels; by default the MNI152 head, which needs no file.
    pathology: none, lesions or tumour.
    field: tesla.
    te: echo time, milliseconds; by default the contrast's usual one. With an inversion time the sequence is an inversion
        recovery, with a flip angle a gradient echo.
    tr: repetition time, milliseconds.
    ti: inversion time, milliseconds.
    flip: flip angle, degrees.
    spacing: millimetres between voxels.
    deform: millimetres of random change of the anatomy.
    bias: strength of the bias field, as a standard deviation of its logarithm.
    noise: its standard deviation over the reference signal (the 99.8th percentile).
    motion: pixels that the head moves during the scan.
    seed: the same seed and index give the same bytes.
    index: number of the simulated person.
    passport: sign OUT, and write OUT.passport.json, by which `difusa verify` knows it.
    report: JSON file for the run's figures.
    progress: called with (done, total).

    Returns the figures. Raises ValueError for values that no scanner has.
    """
    from difusa.domains.medical import labels as maps
    from difusa.domains.medical.export import save
    from difusa.domains.medical.signed import sign
    from difusa.domains.medical.simulate import Options, person, scans

    if to not in CONTRASTS:
        raise ValueError(f"--to {to}: is none of {', '.join(CONTRASTS)}")
    options = Options(field=field, deform=deform, bias=bias, noise=noise, motion=motion, atrophy=0.0, stripped=0.0)
    with Run("medical simulate", seed=seed, progress=progress) as run:
        head = maps.from_synthseg(labels) if labels else maps.mni()
        who = person([head], seed, index, options, pathology)
        asked = sequence(to, who.table, te, tr, ti, flip)
        affine, shape = grid(head, spacing)
        made, tissue, used = scans(who, (to,), seed, index, affine, shape, options, asked and {to: asked})
        told = settings(used.get(to), field)
        note = Made("simulated", seed, index, settings=facts(who, used.get(to)))
        sign(save(stored(made[to], affine, to, told), out, note), run.verb, note, repr(options), passport)
        run.progress(1, 1)
        return run.write(
            report, out=out, to=to, head=head.name, pathology=pathology, volumes_ml=volumes(tissue, spacing)
        )


def synthesize(
    *,
    out: Path,
    count: int = 1,
    pathology: str = "none",
    contrasts: str = ",".join(CONTRASTS),
    labels: Path | None = None,
    field: float = 0.0,
    spacing: float = 1.0,
    seed: int = 0,
    start: int = 0,
    passport: bool = True,
    report: Path | None = None,
    progress: Progress | None = None,
) -> dict:
    """Make paired contrasts of COUNT simulated people, each with its tissue map and mask, as NIfTI with sidecars.

    Files of person N: case-N_T1.nii.gz and so on, case-N_tissues.nii.gz (numbers as in the sidecar) and case-N_mask.nii.gz
    (1 lesion, 2 oedema, 3 tumour, 4 dead tissue). Person N is the same in any run with the same seed.

    out: folder to write to.
    count: people.
    pathology: lesions, tumour or none.
    contrasts: which ones, separated by commas.
    labels: folder of whole-head label maps; by default those of DIFUSA_DATA, or without it the MNI152 head.
    field: tesla; 0 takes 1.5 or 3 by chance.
    spacing: millimetres between voxels.
    seed: of all random numbers.
    start: number of the first person.
    passport: sign the folder, and write OUT.passport.json, by which `difusa verify` knows it.
    report: JSON file for the run's figures.
    progress: called with (people done, total).

    Returns the figures. Raises ValueError for an unknown contrast or pathology.
    """
    from difusa.domains.medical import labels as maps
    from difusa.domains.medical.export import save_nifti
    from difusa.domains.medical.pathology import PATHOLOGIES
    from difusa.domains.medical.signed import sign
    from difusa.domains.medical.simulate import Options, person, scans
    from difusa.domains.medical.tissues import NAMES

    wanted = tuple(c.strip() for c in contrasts.split(","))
    if wrong := [c for c in wanted if c not in CONTRASTS]:
        raise ValueError(f"--contrasts {wrong[0]}: is none of {', '.join(CONTRASTS)}")
    if pathology not in PATHOLOGIES or count < 1:
        raise ValueError(f"--pathology {pathology} --count {count}: one of {', '.join(PATHOLOGIES)}, and at least 1")
    options, cases = Options(field=field, stripped=0.0), []
    with Run("medical synthesize", seed=seed, progress=progress) as run:
        found = maps.maps(labels) if labels else []
        if labels and not found:
            raise ValueError(f"--labels {labels}: no .nii.gz file in it")
        heads = [maps.kept(str(p)) for p in found] or maps.heads(os.environ.get("DIFUSA_DATA"), "train")
        for index in range(start, start + count):
            who = person(heads, seed, index, options, pathology)
            affine, shape = grid(who.head, spacing)
            made, tissue, used = scans(who, wanted, seed, index, affine, shape, options)
            name = Path(out) / f"case-{index:04d}"
            for contrast in wanted:
                note = Made("simulated", seed, index, settings=facts(who, used.get(contrast)))
                scan = stored(made[contrast], affine, contrast, settings(used.get(contrast), who.field))
                save_nifti(scan, name.with_name(f"{name.name}_{contrast}.nii.gz"), note)
            note = Made("simulated", seed, index, settings={"Labels": dict(enumerate(NAMES))})
            save_nifti(Scan(tissue, affine), name.with_name(f"{name.name}_tissues.nii.gz"), note)
            note = Made("simulated", seed, index, settings={"Labels": dict(enumerate(("none", *MASKS)))})
            save_nifti(Scan(sick(tissue), affine), name.with_name(f"{name.name}_mask.nii.gz"), note)
            cases.append(
                {"index": index, "head": who.head.name, "field": who.field, "volumes_ml": volumes(tissue, spacing)}
            )
            run.progress(len(cases), count)
        sign(Path(out), run.verb, Made("simulated", seed, start), repr(options), passport)
        each = round(run.seconds / count, 3)
        return run.write(report, out=out, count=count, pathology=pathology, seconds_per_person=each, cases=cases)


def sequence(contrast: str, table, te, tr, ti, flip):
    """The sequence that the given times make, or none where none is given. Raises ValueError where they do not fit together."""
    from dataclasses import replace

    from difusa.domains.medical.physics import SEQUENCES

    given = {k: v for k, v in (("te", te), ("tr", tr), ("ti", ti), ("flip", flip)) if v is not None}
    if not given:
        return None
    if contrast == "CT":
        raise ValueError(f"--{next(iter(given))}: CT has no such time or angle")
    if ti is not None and flip is not None:
        raise ValueError("--ti and --flip: an inversion recovery here ends in a spin echo; give one of them")
    usual = SEQUENCES[contrast][0]
    kind = "inversion" if ti is not None else "gradient" if flip is not None else usual.kind
    return replace(usual, kind=kind, **given)


def grid(head, spacing: float):
    """Affine and shape of a volume around a head, with room for its change."""
    if not 0.25 <= spacing <= 10:
        raise ValueError(f"--spacing {spacing}: give 0.25 to 10 millimetres")
    low, high = head.box[0] - 5, head.box[1] + 5
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low
    return affine, tuple(int(n) for n in np.ceil((high - low) / spacing))


def stored(image: np.ndarray, affine: np.ndarray, contrast: str, acquisition: dict) -> Scan:
    """A simulated image as whole numbers: HU, or SCALE times the signal."""
    scaled = image if contrast == "CT" else np.clip(image * SCALE, 0, 32000)
    return Scan(np.rint(scaled).astype(np.int16), affine, contrast, Source("simulator", acquisition=acquisition))


def settings(used, field: float) -> dict:
    """A sequence in DICOM's words."""
    if used is None:
        return {}
    told = {"EchoTime": round(used.te, 3), "RepetitionTime": round(used.tr, 3), "MagneticFieldStrength": field}
    return told | (
        {"InversionTime": round(used.ti, 3)} if used.kind == "inversion" else {"FlipAngle": round(used.flip, 2)}
    )


def facts(who, used) -> dict:
    """What a sidecar tells beyond the acquisition."""
    return {"Head": who.head.name, "Pathology": who.pathology, "Sequence": used and used.kind, **who.settings}


def sick(tissue: np.ndarray) -> np.ndarray:
    """Mask uint8: 0, or the place of the tissue in MASKS plus 1."""
    from difusa.domains.medical.tissues import INDEX, TISSUES

    table = np.zeros(len(TISSUES), np.uint8)
    for number, name in enumerate(MASKS):
        table[INDEX[name]] = number + 1
    return table[tissue]


def volumes(tissue: np.ndarray, spacing: float) -> dict[str, float]:
    """Millilitres of each of tissues.STRUCTURES."""
    from difusa.domains.medical.tissues import STRUCTURES, mask

    return {name: round(float(mask(tissue, parts).sum()) * spacing**3 / 1000, 2) for name, parts in STRUCTURES.items()}
