"""Was a head's MR scan measured, or made? Texture of the noise, shape of k-space, and how planes go together.

Judged are axial planes of 1 mm pixels, in stacks of neighbours; the real ones known are those of a handful of patients of one
hospital, so the answer is "unsure" more often than not, and should be.
"""

from functools import cache
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec, gate
from difusa.domains.medical.scan import Scan
from difusa.shared.forensics.detector import WEIGHTS, Detector, load
from difusa.shared.forensics.judging import Judged
from difusa.shared.forensics.tables import weigh

PLANES = 6  # of a stack
STACKS = 3  # of a scan, at a third, half and two thirds of its head
KNOWN = ("T1", "T2", "FLAIR")
SQUARE = 128  # px, of the middle of the head whose k-space is read
FIGURES = (
    "finest residue in the head, log", "finest residue in the air, log", "residue, kurtosis", "residue, neighbours in a row",
    "residue, neighbours in a column", "k-space, slope in the middle", "k-space, slope at the edge", "k-space, corners over edge",
    "k-space, rows over columns", "residues of neighbouring planes, correlation", "neighbouring planes, correlation",
    "brightness from plane to plane, spread",
)  # fmt: skip


def eight_bits(planes: np.ndarray) -> np.ndarray:
    """Signals (1 = reference) in whole steps of 1 / 255, cut at 1: what all were brought to, so that depth tells nothing."""
    return np.rint(np.clip(planes, 0, 1) * 255) / 255


def residue(plane: np.ndarray) -> np.ndarray:
    """The finest diagonal detail: half of (a - b) - (c - d) over squares of four pixels; one of white noise keeps its spread."""
    return (plane[:-1, :-1] - plane[:-1, 1:] - plane[1:, :-1] + plane[1:, 1:]) / 2


def figures(planes: np.ndarray, contrast: str) -> np.ndarray:
    """FIGURES of a stack of signals [Z, rows, columns]. Raises ValueError where there is hardly any head in it."""
    from scipy.ndimage import binary_erosion

    planes = eight_bits(planes)
    heads = np.stack([gate.head_of(codec.encode(p, contrast), contrast) for p in planes])
    inner = np.stack([binary_erosion(h, iterations=3) for h in heads])[:, :-1, :-1]
    if min(i.sum() for i in inner) < 1500:
        raise ValueError("hardly any head lies in its planes")
    found = np.stack([residue(p) for p in planes])
    outer = ~np.stack([binary_erosion(~h, iterations=4, border_value=1) for h in heads])[:, :-1, :-1]
    inside, outside = found[inner], found[~outer]
    rows, columns = neighbours(found, inner)
    pairs = range(len(planes) - 1)
    together = [correlation(found[k][b], found[k + 1][b]) for k in pairs if (b := inner[k] & inner[k + 1]).sum() > 500]
    alike = [
        correlation(planes[k, :-1, :-1][b], planes[k + 1, :-1, :-1][b])
        for k in pairs
        if (b := inner[k] & inner[k + 1]).any()
    ]
    bright = np.log([p[:-1, :-1][i].mean() + 1e-3 for p, i in zip(planes, inner)])
    return np.array([
        np.log(inside.std() + 1e-4), np.log(outside.std() + 1e-4) if outside.size else np.log(1e-4),
        np.log((inside**4).mean() / ((inside**2).mean() ** 2 + 1e-12) + 1e-3), rows, columns, *spectrum(planes, heads),
        np.mean(together) if together else 0.0, np.mean(alike) if alike else 0.0, np.std(np.diff(bright, 2)),
    ])  # fmt: skip


def neighbours(found: np.ndarray, inner: np.ndarray) -> tuple[float, float]:
    """Correlation of residues two pixels apart (nearer ones share pixels), along rows and along columns."""
    beside = inner[:, :, :-2] & inner[:, :, 2:]
    below = inner[:, :-2] & inner[:, 2:]
    return correlation(found[:, :, :-2][beside], found[:, :, 2:][beside]), correlation(
        found[:, :-2][below], found[:, 2:][below]
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, 0 where either is constant."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / (a.std() * b.std() + 1e-12))


def spectrum(planes: np.ndarray, heads: np.ndarray) -> tuple[float, float, float, float]:
    """Of the power of the middle SQUARE of each plane: log-log slopes from 0.08 to 0.22 and from 0.25 to 0.48 cycles a pixel, the
    corners beyond 0.55 over the ring at 0.45, rows over columns at high frequency; means over planes."""
    at = np.fft.fftfreq(SQUARE)
    away = np.hypot(at[:, None], at)
    window = np.hanning(SQUARE)[:, None] * np.hanning(SQUARE)
    total = np.zeros((SQUARE, SQUARE))
    for plane, head in zip(planes, heads, strict=True):
        row, column = (int(np.average(np.flatnonzero(head.any(1 - axis)))) for axis in (0, 1))
        padded = np.pad(plane, SQUARE // 2)
        total += np.abs(np.fft.fft2(padded[row : row + SQUARE, column : column + SQUARE] * window)) ** 2
    logs = np.log(total / len(planes) + 1e-6)

    def slope(low: float, high: float) -> float:
        ring = (away > low) & (away < high)
        return float(np.polyfit(np.log(away[ring]), logs[ring], 1)[0])

    steep = (np.abs(at)[:, None] > 0.3) & (np.abs(at) < 0.1)
    corners = logs[away > 0.55].mean() - logs[(away > 0.42) & (away < 0.48)].mean()
    return slope(0.08, 0.22), slope(0.25, 0.48), float(corners), float(logs[steep].mean() - logs[steep.T].mean())


def stacks(planes: np.ndarray, contrast: str) -> list[np.ndarray]:
    """Up to STACKS stacks of PLANES neighbours, at a third, half and two thirds of the planes that show a head."""
    areas = [gate.head_of(codec.encode(p, contrast), contrast).sum() for p in planes]
    there = np.flatnonzero(np.array(areas) > 3000)
    if len(there) < PLANES:
        raise ValueError(f"{len(there)} planes show a head: at least {PLANES} are judged")
    starts = {int(there[int(share * (len(there) - PLANES))]) for share in (1 / 3, 1 / 2, 2 / 3)}
    return [planes[s : s + PLANES] for s in sorted(starts)]


def judge(scan: Scan) -> Judged:
    """The verdict on one scan. Raises ValueError where it holds no head."""
    from difusa.domains.medical.volumes import prepare

    if scan.contrast not in KNOWN:
        raise ValueError(
            f"its contrast is {scan.contrast or 'unknown'}: judged are {', '.join(KNOWN)} of heads; end its name in _T1 and so on"
        )
    ready = prepare([scan], 8)
    across = np.sort(scan.spacing)
    outside = "" if np.abs(ready.spacing[:2] - 1).max() <= 0.16 and across[0] > 0.84 else "its pixels are not of 1 mm"
    signals = codec.decode(ready.given[list(ready.present).index(1)], scan.contrast)
    found = np.mean([figures(s, scan.contrast) for s in stacks(signals, scan.contrast)], 0)
    return weigh(found, tools(), "scan", outside)


@cache
def tools(folder: Path = WEIGHTS) -> Detector:
    """The shipped detector."""
    return load(folder, "scans")
