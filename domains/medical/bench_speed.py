"""Rows of the bench for whole volumes: the verb alone, in a process of its own, its memory, and whether planes flicker."""

import os
from pathlib import Path

import numpy as np

from difusa.domains.medical.bench_setup import Setup
from difusa.shared.alone import alone

VOLUMES = {"182 x 218 x 182": (182, 218, 182), "256 x 256 x 256": (256, 256, 256)}
SMALL = {"64 x 72 x 48": (64, 72, 48)}
REAL = "openms_patient07_{}.nii.gz"  # a patient that training saw: only smoothness is read from it


def verb(*, scan: str, **options) -> dict:
    """The verb's own report."""
    from difusa.domains.medical.task import translate

    options["out"] = Path(options["out"])
    return translate([Path(scan)], progress=lambda done, total: None, anyway=True, **options)


def volume(setup: Setup, name: str, shape: tuple[int, int, int]) -> tuple[Path, Path]:
    """T1 and T2 of one simulated person on a grid of 1 mm of this shape, written once."""
    from difusa.domains.medical import simulate
    from difusa.domains.medical.export import save
    from difusa.domains.medical.scan import Made
    from difusa.domains.medical.synthesizing import stored

    stem = setup.work / name.replace(" ", "")
    paths = tuple(stem.with_name(f"{stem.name}_{c}.nii.gz") for c in ("T1", "T2"))
    if not all(p.exists() for p in paths):
        who = simulate.person(setup.heads, setup.asked.seed, 0, simulate.Options(deform=0.0, atrophy=0.0, stripped=0.0))
        low, high = who.head.box
        affine = np.eye(4)
        affine[:3, 3] = (low + high) / 2 - np.array(shape) / 2
        made, _, _ = simulate.scans(who, ("T1", "T2"), setup.asked.seed, 0, affine, shape, simulate.Options(fine=1))
        for (contrast, image), path in zip(made.items(), paths):
            save(stored(image, affine, contrast, {}), path, Made("simulated", setup.asked.seed))
    return paths


def speed(setup: Setup) -> None:
    """Wall seconds and peak memory of `difusa medical translate`, Python's start left out; roughness of what it writes."""
    model, volumes = setup.model(), SMALL if setup.asked.quick else VOLUMES
    first = next(iter(volumes))
    for name, shape in volumes.items():
        pairs = {"simulated": volume(setup, name, shape)}
        real = measured(setup)
        if real and shape == VOLUMES["182 x 218 x 182"]:
            pairs["real"] = real
        for kind, (scan, truth) in pairs.items():
            for samples in (1, setup.samples) if name == first and kind == "simulated" else (1,):
                row = setup.store.row(
                    f"{name}, {kind}, {samples} sample{'s' * (samples > 1)}", "speed", [f"seed {setup.asked.seed}"],
                    score_of(setup, model, scan, truth, samples), model=model.sha256, seeds=[setup.asked.seed],
                    settings={"samples": samples, "steps": setup.steps, "threads": setup.usual(setup.asked.threads, 2, 1)},
                )  # fmt: skip
                setup.tell(row, ("seconds", "peak_memory_mib", "through_plane", "in_plane"))


def measured(setup: Setup) -> tuple[Path, Path] | None:
    """T1 and T2 of a real patient on that grid, where the data folder holds them."""
    try:
        paths = tuple(setup.folder / "medical" / "nifti" / REAL.format(c) for c in ("T1", "T2"))
    except FileNotFoundError:
        return None
    return paths if all(p.exists() for p in paths) else None


def score_of(setup: Setup, model, scan: Path, truth: Path, samples: int):
    def score(items):
        for item in items:
            out, load = setup.work / f"speed-{samples}.nii.gz", os.getloadavg()[0]
            options = {
                "scan": str(Path(scan).resolve()), "to": "T2", "from_": "T1", "out": str(out.resolve()),
                "samples": samples, "steps": setup.steps, "seed": int(item.split()[1]),
                "threads": setup.usual(setup.asked.threads, 2, 1), "model": str(model.folder.resolve()),
            }  # fmt: skip
            told = alone(__name__, "verb", options)
            yield {k: told[k] for k in ("seconds", "peak_memory_mib", "network_evaluations")} | {
                "load_before": load, **smoothness(out, truth),
            }  # fmt: skip

    return score


def smoothness(made: Path, truth: Path) -> dict[str, float]:
    """Roughness of what was made over that of the truth, through the planes and inside them; 1 is alike."""
    from difusa.domains.medical.readers import load
    from difusa.domains.medical.volumes import inside

    a, b = (s.array.astype(np.float32) / np.quantile(s.array, 0.998) for s in (load(made, "T2"), load(truth, "T2")))
    head = inside(load(truth, "T2"), b)
    return {
        name: roughness(a, head, axis) / max(roughness(b, head, axis), 1e-9)
        for name, axis in (("through_plane", 2), ("in_plane", 1))
    }


def roughness(image: np.ndarray, head: np.ndarray, axis: int) -> float:
    """Mean |difference| of neighbours along an axis, both inside the head."""
    both = np.logical_and(*(np.take(head, range(k, head.shape[axis] - 1 + k), axis) for k in (0, 1)))
    return float(np.abs(np.diff(image, axis=axis))[both].mean()) if both.any() else 0.0
