"""What generators leave in pictures: grids in the spectrum, checkerboards, blur, clipped tones, blank pictures.

Each picture gets a few numbers; the findings are the share of synthetic pictures outside what 98 of 100 real ones show, and how
far the set as a whole has moved.
"""

from collections.abc import Iterable

import numpy as np

from difusa.ethics.findings import Finding, judged
from difusa.shared.metrics import interval, share
from difusa.shared.passport.saying import Said

AUDIT = "fidelity"
SIDE = 256  # px, of the square in the middle that is looked at
OUTSIDE = 0.02  # of the real pictures lie beyond the limits
BLANK = 2.0  # grey levels of 255: a picture of less spread shows nothing
SIGNS = {
    "grid in the spectrum": (1,),
    "checkerboard": (1,),
    "sharpness": (-1, 1),
    "clipped tones": (1,),
}  # which way is wrong: too high, too low


def signs(image: np.ndarray) -> dict[str, float]:
    """The numbers SIGNS of one picture uint8 [H, W] or [H, W, 3]; raises ValueError below 16 px."""
    grey = image.astype(np.float64).mean(2) if image.ndim == 3 else image.astype(np.float64)
    side = 2 ** int(np.log2(min(*grey.shape, SIDE)))
    if side < 16:
        raise ValueError(f"a picture of {grey.shape} pixels is too small to look for artefacts: 16 at least")
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    part = grey[top : top + side, left : left + side]
    power = spectrum(part)
    return {
        "grid in the spectrum": max(peak(power, side // step) for step in (2, 4, 8)),
        "checkerboard": peak(power, side // 2, diagonal=True),
        "sharpness": band(power, side // 4, side // 2) - band(power, side // 16, side // 8),
        "clipped tones": float(((image == 0) | (image == 255)).mean()),
    }


def spectrum(part: np.ndarray) -> np.ndarray:
    """Power of a square by frequency [side / 2 + 1, side / 2 + 1], both signs of the row's together; Hann window."""
    window = np.hanning(len(part))
    power = np.abs(np.fft.rfft2((part - part.mean()) * np.outer(window, window))) ** 2 + 1e-6
    half = len(part) // 2 + 1
    folded = power[:half].copy()
    folded[1 : half - 1] += power[: half - 1 : -1]
    return folded


def band(power: np.ndarray, low: int, high: int) -> float:
    """Mean log power of the frequencies from `low` to `high` cycles a side."""
    radius = np.hypot(*np.meshgrid(np.arange(len(power)), np.arange(len(power))))
    return float(np.log(power[(radius >= low) & (radius < high)]).mean())


def peak(power: np.ndarray, at: int, diagonal: bool = False) -> float:
    """Log of how far the power at frequency `at`, along the axes (or on the diagonal), stands out from its surroundings."""
    last = len(power) - 1
    places = [(at, at)] if diagonal else [(at, 0), (0, at)]
    near = [k for k in range(at - 6, at + 7) if 0 < k <= last and abs(k - at) > 2]
    around = [[(k, k) for k in near]] if diagonal else [[(k, 0) for k in near], [(0, k) for k in near]]
    values = [
        np.log(
            max(power[p] for p in ((i, j), (max(i - 1, 0), j), (i, max(j - 1, 0)))) / np.median([power[q] for q in q_])
        )
        for (i, j), q_ in zip(places, around)
    ]
    return float(max(values))


def table(images: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Sign -> [N] values, and `blank` [N] bool: pictures that show nothing at all."""
    rows, blank = [], []
    for image in images:
        rows.append(signs(image))
        blank.append(float(image.std()) < BLANK)
    return {name: np.array([r[name] for r in rows]) for name in SIGNS} | {"blank": np.array(blank)}


def artefacts(real: dict[str, np.ndarray], other: dict[str, np.ndarray], allowed: float, shift: float) -> list[Finding]:
    """Findings on the tables of two sets, each bound made looser by chance (four standard deviations).

    allowed: share of pictures outside the real limits; shift: how far the mean may lie in the wrong direction, in standard
    deviations of the real ones: what is faint in each picture shows there.
    """
    blank = other["blank"]
    found = [judged(AUDIT, "blank pictures", share(blank), 0.0, "low", "black, white or one tone")]
    n, m = len(blank), len(real["blank"])
    error = np.sqrt(1 / n + 1 / m)
    chance = OUTSIDE + 4 * np.sqrt(OUTSIDE * (1 - OUTSIDE)) * error
    for name, ways in SIGNS.items():
        for way in ways:
            called = {("sharpness", -1): "blur", ("sharpness", 1): "noise or over-sharpening"}.get((name, way), name)
            ours, theirs = way * other[name], way * real[name]
            beyond = share(ours > np.quantile(theirs, 1 - OUTSIDE))
            said = Said(
                "share of pictures beyond what {inside} % of the real ones show", inside=f"{100 - 100 * OUTSIDE:.0f}"
            )
            found.append(judged(AUDIT, called, beyond, max(allowed, float(chance)), "low", said))
            moved = interval((ours - theirs.mean()) / max(float(theirs.std()), 1e-9))
            note = "mean of the set, in standard deviations of the real ones"
            found.append(judged(AUDIT, f"{called}: on average", moved, shift + 4 * float(error), "low", note))
    return found
