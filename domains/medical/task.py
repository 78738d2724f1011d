"""The verb of scans: translate some contrasts of a head into another, with intervals, a gate, and what was lost."""

import sys
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np

from difusa.domains.medical.scan import CONTRASTS, NOTICE, Made, Scan, Source
from difusa.shared.run import Counter, Progress, Run


def translate(
    scans: list[Path],
    *,
    to: str,
    out: Path | None = None,
    dicom: Path | None = None,
    from_: str | None = None,
    samples: int = 4,
    steps: int = 5,
    seed: int = 0,
    index: int = 0,
    report: Path | None = None,
    identity: bool = False,
    anyway: bool = False,
    passport: bool = True,
    watermark: bool = True,
    model: str = "anytoany",
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict:
    """Translate contrasts of one head into another: research use, not for diagnosis.

    The result lies on the grid of the first scan. Its values stand in proportion to that scan's (of CT: in HU). Of several
    samples the mean is written, and beside it half the width of the 90 % interval of each voxel (OUT with _halfwidth).

    scans: contrasts of one head, aligned: NIfTI files, DICOM folders or zips.
    to: contrast to make: T1, T2, PD, FLAIR or CT.
    out: file to write, .nii.gz or .nii.
    dicom: folder to write a DICOM series to.
    from_: contrast of the scan, where its name, sidecar or tags do not say; only with one scan.
    samples: how many to draw; 1 writes a single sample, without intervals.
    steps: network evaluations a sample.
    seed: the same seed gives the same bytes.
    index: number of the case, for the random streams and the DICOM UIDs of a batch.
    report: JSON file: gate, interval_level, structures, lost_lesions, and the run's figures.
    identity: write the patient's name and the other identifying elements of the source into the DICOM files too.
    anyway: go on where the gate refuses the scan.
    passport: sign what is written, and write OUT.passport.json, by which `difusa verify` knows it. The signature is part of a
        NIfTI file's bytes and depends on your keys.
    watermark: mark the head, but for what looks like a lesion, by 0.3 % of the reference signal (2 HU), so that `difusa watermark
        read` knows it with your key when the passport is gone; the passport tells how to take it out again.
    model: shipped model or a folder written by `difusa train`.
    device: cpu or cuda.
    threads: number of CPU threads; bytes do not depend on it.
    progress: called with (done, total) network runs.

    Returns the report. Raises ValueError or OSError with the way out, also where the gate refuses the scan.
    """
    from difusa.domains.medical import gate
    from difusa.domains.medical.intervals import load as load_intervals
    from difusa.domains.medical.readers import load
    from difusa.domains.medical.sampling import Plan
    from difusa.domains.medical.signed import sign
    from difusa.domains.medical.volumes import prepare
    from difusa.domains.models import find
    from difusa.shared.run import set_threads

    if to not in CONTRASTS:
        raise ValueError(f"--to {to}: is none of {', '.join(CONTRASTS)}")
    if out is None and dicom is None:
        raise ValueError("nothing to write: give --out FILE.nii.gz, --dicom FOLDER, or both")
    if out is not None and not str(out).lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"--out {out}: end it in .nii.gz; a DICOM series goes to --dicom FOLDER")
    if from_ is not None and len(scans) > 1:
        raise ValueError("--from names the contrast of one scan: with several, end their names in _T1, _T2 and so on")
    plan = Plan(samples=samples, steps=steps, seed=seed)
    set_threads(threads)
    found = find(model, domain="medical")
    read = [load(path, from_) for path in scans]
    for path, scan in zip(scans, read, strict=True):
        if scan.contrast is None:
            raise ValueError(
                f"{path}: nothing tells its contrast; say it by --from, or end its name in _T1, _T2 and so on"
            )
        if scan.contrast == to:
            raise ValueError(f"{path} is {to} already: nothing to translate")
    with Run("medical translate", seed=seed, model=found, device=device, progress=progress) as run:
        network = found.load(device)
        ready = prepare(read, network.unit)
        word = gate.judge(ready)
        if not word["accepted"] and not anyway:
            run.write(report, gate=word, to=to, interval_level=None, structures={}, lost_lesions=[], notice=NOTICE)
            said = f"{word['reason']} (score {word['score']}, limit 1; p {word['p_value']})"
            raise ValueError(f"the gate refuses {scans[0]}: {said}; --anyway goes on all the same")
        if not word["accepted"]:
            print(f"the gate would refuse this scan: {word['reason']}", file=sys.stderr)
        calibration = load_intervals(found.folder, found.sha256)
        drawn = draw(network, ready, to, plan, run, device)
        told = figures(drawn, ready, to, calibration)
        made = Made(
            "translated", seed, index, (found.name, found.sha256), tuple(s.source for s in read), {"Gate": word}
        )
        files, mark = write(
            drawn, ready, to, calibration, made, out, dicom, identity, repr(plan) if watermark else None
        )
        for path in files:
            sign(path, run.verb, made, repr(plan), passport, None if "_halfwidth" in path.name else mark)
        return run.write(
            report, to=to, sources=[{"contrast": s.contrast, "sha256": s.source.sha256} for s in read], plan=repr(plan),
            gate=word, notice=NOTICE, notes=[n for s in read for n in s.source.notes], **told,
            watermark=mark and {k: mark[k] for k in ("key", "scheme", "payload", "strength")},
        )  # fmt: skip


def draw(network, ready, to: str, plan, run: Run, device: str) -> list[np.ndarray]:
    """The samples, encoded, on the work grid; progress and evaluations told to the run."""
    from difusa.domains.medical.sampling import runs, samples
    from difusa.shared.samplers import evaluations

    done, total, one = 0, runs(network, ready, plan), Lock()

    def ran():
        nonlocal done
        with one:
            done += 1
            run.progress(min(done, total), total)

    run.counters.append(Counter(evaluations(plan.sampler, plan.steps)))
    return list(samples(network, ready, to, plan, device, ran))


def spread_of(drawn: list[np.ndarray]) -> np.ndarray:
    """Standard deviation of the samples, voxel by voxel."""
    return np.std(drawn, axis=0, ddof=1) if len(drawn) > 1 else np.zeros_like(drawn[0])


def figures(drawn: list[np.ndarray], ready, to: str, calibration) -> dict:
    """What the report says of intervals, structures and lost lesions."""
    from difusa.domains.medical import codec, intervals
    from difusa.domains.medical.lost import lost_lesions

    mean, voxel_ml = np.mean(drawn, axis=0), float(np.prod(ready.spacing)) / 1000
    rows = {}
    for name, found in intervals.structures(drawn, ready.head, voxel_ml).items():
        rows[name] = {}
        for what, key in (("volumes", "volume_ml"), ("means", "mean")):
            factor, sure = calibration.factor(what, to, len(drawn))
            centre, half = np.mean(found[what]), factor * (np.std(found[what], ddof=1) if len(drawn) > 1 else 0.0)
            ends = np.array([centre, centre - half, centre + half])
            if what == "means":
                ends = codec.decode(ends, to) * (1 if to == "CT" else ready.scale)
            value, low, high = (round(float(v), 3) for v in ends)
            rows[name][key] = {"value": value, "interval": [low, high] if len(drawn) > 1 else None, "calibrated": sure}
    k = CONTRASTS.index("FLAIR")
    lost = lost_lesions(ready.given[k], mean, ready.head, ready.spacing) if ready.present[k] else []
    return {
        "interval_level": intervals.LEVEL if len(drawn) > 1 else None,
        "interval_calibrated": calibration.factor("voxels", to, len(drawn))[1],
        "spread_mean": round(float(spread_of(drawn)[ready.head].mean()), 5),
        "structures": rows,
        "lesions_looked_for": bool(ready.present[k]),
        "lost_lesions": lost,
    }


def write(drawn, ready, to: str, calibration, made: Made, out, dicom, identity: bool, plan: str | None):
    """The mean of the samples on the first scan's grid, and the half-width of its interval: the files and folder of them, and the
    facts of the mark, which the mean gets where a plan is told."""
    from difusa.domains.medical import codec, intervals
    from difusa.domains.medical.dicom_export import save_dicom
    from difusa.domains.medical.export import save_nifti
    from difusa.domains.medical.marking import marked
    from difusa.domains.medical.nifti import stem
    from difusa.domains.medical.volumes import restore

    first, scale = ready.first, 1.0 if to == "CT" else ready.scale
    kept = {k: v for k, v in first.source.acquisition.items() if k in ("BodyPartExamined", "PatientPosition")}
    blank = codec.blank(to)

    def scan(planes: np.ndarray, outside: float) -> Scan:
        image = restore(ready, planes, outside)
        whole = first.array.dtype.kind in "iu" or to == "CT"
        image = np.clip(np.rint(image), -(2**15), 2**15 - 1).astype(np.int16) if whole else image
        return Scan(image, first.affine, to, Source("translated", acquisition=kept))

    encoded = np.mean(drawn, axis=0)
    result = scan(codec.decode(encoded, to) * scale, float(codec.decode(np.array(blank), to)) * scale)
    files, mark = [], None
    if plan is not None:
        made_from = (made.model[1], made.seed, made.index, plan, to, *(s.sha256 for s in made.sources))
        result, mark = marked(result, ready, encoded, *made_from)
    if out is not None:
        files.append(save_nifti(result, Path(out), made))
    if dicom is not None:
        files.append(save_dicom(result, Path(dicom), made, identity))
    if out is not None and len(drawn) > 1:
        factor, sure = calibration.factor("voxels", to, len(drawn))
        half = factor * (spread_of(drawn) + intervals.FLOOR)
        wide = (codec.decode(encoded + half, to) - codec.decode(encoded - half, to)) * scale / 2
        beside = Path(out).with_name(f"{stem(Path(out))}_halfwidth.nii.gz")
        note = replace(made, settings={"IntervalLevel": intervals.LEVEL, "Calibrated": sure})
        files.append(save_nifti(scan(wide, 0.0), beside, note))
    return files, mark
