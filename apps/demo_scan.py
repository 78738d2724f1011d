"""The scan of `difusa demo`: a few planes of a simulated head, translated from T1 to T2, beside the true T2."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NAME, PLANES, APART = "anytoany", 4, 6.0  # planes, millimetres from one to the next
SAMPLES, STEPS = 2, 4


@dataclass(frozen=True)
class Translation:
    """Pictures [rows, columns, 3] uint8 of the middle plane; psnr in dB inside the head, of all planes."""

    source: np.ndarray
    made: np.ndarray
    truth: np.ndarray
    psnr: float
    seconds: float


def translated(folder: Path, seed: int, threads: int | None, model: str = NAME) -> Translation | None:
    """Translate a simulated stack; None, with a line that says why, where the model or a package is missing."""
    try:
        from difusa.domains import models

        models.find(model, domain="medical")
        return _translated(folder, seed, threads, model)
    except (FileNotFoundError, ModuleNotFoundError) as why:
        print(f"  scan      skipped: {' '.join(str(why).split())}", flush=True)
    return None


def _translated(folder: Path, seed: int, threads: int | None, model: str) -> Translation:
    from difusa.domains.medical import labels, simulate
    from difusa.domains.medical.export import save
    from difusa.domains.medical.metrics import scores
    from difusa.domains.medical.readers import load
    from difusa.domains.medical.scan import Made
    from difusa.domains.medical.synthesizing import grid, settings, stored
    from difusa.domains.medical.task import translate

    folder.mkdir(parents=True, exist_ok=True)
    options = simulate.Options(field=3.0, atrophy=0, motion=0, stripped=0)
    who = simulate.person([labels.mni()], seed, 0, options, "lesions")
    affine, shape = grid(who.head, 1.0)
    levels = who.rest.levels
    affine[2, 2] = APART
    affine[2, 3] = (who.head.affine @ [0, 0, levels[int(0.55 * len(levels))], 1])[2]
    made, _, used = simulate.scans(who, ("T1", "T2"), seed, 0, affine, (*shape[:2], PLANES), options)
    note = Made("simulated", seed)
    paths = {
        c: save(stored(image, affine, c, settings(used[c], 3.0)), folder / f"true_{c}.nii.gz", note)
        for c, image in made.items()
    }
    began = time.perf_counter()
    translate(
        [paths["T1"]], to="T2", out=folder / "made_T2.nii.gz", samples=SAMPLES, steps=STEPS, seed=seed, anyway=True,
        threads=threads, model=model, report=folder / "report.json", progress=lambda done, total: None,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    result, truth = load(folder / "made_T2.nii.gz"), load(paths["T2"])
    psnr = scores(result, truth)["psnr"]
    print(f"  {'scan':9} {seconds:5.1f} s  T1 to T2, inside the head {psnr:.1f} dB", flush=True)
    pictures = [_picture(scan.array[:, :, PLANES // 2]) for scan in (load(paths["T1"]), result, truth)]
    return Translation(*pictures, psnr, seconds)


def _picture(plane: np.ndarray) -> np.ndarray:
    from difusa.domains.medical.codec import picture

    shown = picture(plane.astype(np.float32))
    grey = np.clip(255 * shown / max(float(np.percentile(shown, 99.8)), 1.0), 0, 255)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
