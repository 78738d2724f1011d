"""How close a translation comes to the truth: PSNR, SSIM and mean absolute error inside the head."""

from pathlib import Path

import numpy as np

from difusa.domains.medical.scan import Scan
from difusa.shared.run import Progress, Run

SPAN = 2000.0  # HU that count as the range of CT


def scores(made: Scan, truth: Scan) -> dict[str, float]:
    """Of one pair on one grid: psnr (dB), ssim, mae, inside the head of the truth.

    MRI is compared in units of each scan's own reference signal (which no scanner fixes), range 1; CT in HU, range SPAN. SSIM:
    Wang et al. 2004, 7 voxels, its map averaged over the head. Raises ValueError for two grids or contrasts.
    """
    from difusa.domains.medical.codec import reference
    from difusa.domains.medical.volumes import inside

    if made.array.shape != truth.array.shape or np.abs(made.affine - truth.affine).max() > 1e-3:
        raise ValueError(f"two grids ({made.array.shape}, {truth.array.shape}): bring them to one first")
    if made.contrast != truth.contrast:
        raise ValueError(f"a {made.contrast} against a {truth.contrast}: the same contrast is needed")
    ct = truth.contrast == "CT"
    a, b = (s.array.astype(np.float32) / np.float32(1 if ct else reference(s.array)) for s in (made, truth))
    head, span = inside(truth, b), SPAN if ct else 1.0
    if not head.any():
        raise ValueError("the truth holds no head")
    return within(a, b, head, span)


def within(a: np.ndarray, b: np.ndarray, head: np.ndarray, span: float) -> dict[str, float]:
    """psnr, ssim and mae of two volumes [X, Y, Z] inside a head [X, Y, Z] bool; span: the range of the values."""
    from skimage.metrics import structural_similarity

    error = (a - b)[head].astype(np.float64)
    thin = min(a.shape) < 7  # a stack of fewer planes than the window is compared plane by plane
    pairs = [(a[..., k], b[..., k]) for k in range(a.shape[2])] if thin else [(a, b)]
    maps = [structural_similarity(x, y, data_range=span, full=True)[1] for x, y in pairs]
    ssim = np.stack(maps, -1) if thin else maps[0]
    mse = float((error**2).mean())
    psnr = float(10 * np.log10(span**2 / mse)) if mse else float("inf")
    return {"psnr": psnr, "ssim": float(ssim[head].mean()), "mae": float(np.abs(error).mean())}


def evaluate(
    made: list[Path], *, truth: tuple[Path, ...] = (), report: Path | None = None, progress: Progress | None = None
) -> dict:
    """Score translations against the true scans of the same people, pair by pair, inside the head.

    made: translated scans, NIfTI files, DICOM folders or zips.
    truth: the true scan of each, in the same order; said once for each.
    report: JSON file for the scores.
    progress: called with (done, total) pairs.

    Returns each pair's psnr (dB), ssim and mae (HU for CT, else in units of the reference signal), and their means with 95 %
    intervals; a pair that cannot be compared is named with its reason, and the rest goes on. Raises ValueError where the lists do
    not match.
    """
    from difusa.domains.medical.readers import load

    if len(truth) != len(made):
        raise ValueError(f"{len(made)} translations and {len(truth)} true scans: give --truth once for each")
    pairs, failed = [], []
    with Run("medical evaluate", progress=progress) as run:
        for number, (one, other) in enumerate(zip(made, truth, strict=True)):
            try:
                pairs.append({"pair": number, **scores(load(one), load(other))})
            except (ValueError, OSError) as error:
                failed.append({"pair": number, "reason": str(error)})
            run.progress(number + 1, len(made))
        means = {}
        for key in ("psnr", "ssim", "mae") if pairs else ():
            values = np.array([p[key] for p in pairs])
            half = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            means[key] = {"mean": values.mean(), "interval": [values.mean() - half, values.mean() + half]}
        return run.write(report, pairs=pairs, failed=failed, means=means)
