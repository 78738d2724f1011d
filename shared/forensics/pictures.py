"""Pictures: what is measured in each delivery, and what a detector makes of it.

Measuring takes seconds (a diffusion model and an image tower look at the picture), weighing is a sum; so a bench measures once
and weighs with detectors that knew other generators.
"""

from dataclasses import dataclass, replace

import numpy as np

from difusa.shared.denoisers import Denoiser
from difusa.shared.forensics.deliveries import DELIVERIES, SIDE, WHOLE, resized, squares, standard
from difusa.shared.forensics.detector import EACH, Detector
from difusa.shared.forensics.fitting import sigmoid
from difusa.shared.forensics.judging import GENERATED, Judged
from difusa.shared.forensics.reconstruction import reconstructed
from difusa.shared.forensics.residuals import cooccurrences, spectrum
from difusa.shared.perceptual import tokens

PATCHES = 14  # along each side, of the tower


@dataclass(frozen=True)
class Measured:
    """Figures of one square. views: part -> [deliveries, d] in the order of DELIVERIES; reconstruction [d]; patches [196, 768]:
    tokens of the tower, mean over the deliveries in which every place is where it was."""

    views: dict[str, np.ndarray]
    reconstruction: np.ndarray
    patches: np.ndarray | None = None

    @property
    def figures(self) -> dict[str, np.ndarray]:
        """[deliveries, d] of each part; the reconstruction was measured once and counts in all."""
        count = len(next(iter(self.views.values())))
        return self.views | {"reconstruction": np.repeat(self.reconstruction[None], count, 0)}


def figures(view: np.ndarray, threads: int = 1) -> dict[str, np.ndarray]:
    """What one delivery at SIDE shows; `patches` are the tower's tokens, `tower` their mean, `spread` the logs of their standard
    deviations: what a generator does everywhere alike moves the one, what it does to variety the other."""
    patches = tokens(view, threads=threads)[1:].astype(np.float64)
    return {
        "spectrum": spectrum(view),
        "residues": cooccurrences(view),
        "tower": patches.mean(0),
        "spread": np.log(patches.std(0) + 1e-6),
        "patches": patches,
    }


def measure(square: np.ndarray, denoise: Denoiser | None, threads: int = 1) -> Measured:
    """All deliveries of one square, uint8 [S, S, 3] of any size; denoise: None where no part wants the reconstruction."""
    at = standard(square)
    seen = {name: figures(standard(send(at)), threads) for name, send in DELIVERIES.items()}
    views = {part: np.stack([one[part] for one in seen.values()]) for part in EACH}
    back = np.empty(0) if denoise is None else reconstructed(at, denoise)
    return Measured(views, back, np.mean([seen[name]["patches"] for name in WHOLE], 0))


def judge(pixels: np.ndarray, detector: Detector, denoise: Denoiser | None, threads: int = 1) -> Judged:
    """The verdict on a picture, uint8 [H, W, 3]; long ones are judged in up to three squares, whose logits are averaged."""
    places = squares(pixels)
    found = [measure(pixels[t : t + s, left : left + s], denoise, threads) for t, left, s in places]
    small = f"{min(pixels.shape[:2])} px on its shorter side, fewer than {SIDE}" if places[0][2] < SIDE else ""
    said = weigh(found, detector, small)
    return replace(said, heat=heat(pixels.shape[:2], places, found, detector, said.probability))


def weigh(found: list[Measured], detector: Detector, outside: str = "") -> Judged:
    """The verdict on the squares of one picture; outside: why it is none that the detector can know, "" if it may be."""
    told = [detector.logits(m.figures) for m in found]
    logits = {family: np.mean([t[family] for t in told], 0) for family in detector.judges}
    whole = {family: v.mean() for family, v in logits.items()}
    each, mean = sigmoid(detector.calibrated(logits)), float(sigmoid(detector.calibrated(whole)))
    distance = max(float(detector.seen.distance(m.views["tower"][0])) for m in found)
    if not outside and distance > 1:
        outside = f"unlike the pictures it was fitted on: {distance:.2f} times as far from their mean as 99 % of them"
    shown = {k: round(float(v), 3) for k, v in whole.items()}
    flipped = float(np.mean((each > 0.5) != (each[0] > 0.5)))
    disagree = bool(each.min() <= detector.limits.low and each.max() >= detector.limits.high)
    said = detector.limits.verdict(mean, bool(outside), disagree)
    views = dict(zip(DELIVERIES, each.round(4).tolist(), strict=True))
    return Judged(
        "picture", said, mean, float(each.min()), float(each.max()), outside, flipped,
        figures={"logits": shown, "deliveries": views, "distance": round(distance, 3)},
        tested_on=detector.tested_on, false_alarms=detector.false_alarms,
        likeness=max(whole, key=whole.get) if said == GENERATED and len(whole) > 1 else "",
    )  # fmt: skip


def heat(
    size: tuple[int, int], places: list, found: list[Measured], detector: Detector, probability: float
) -> np.ndarray | None:
    """Where the signs lie, [h, w] of about 14 cells a square: the verdict's logit, and more where a patch's share in the tower's
    logit against the likeliest family is above the mean of the picture, in spreads over the patches of real pictures. So what
    shows no sign is blue all over. None where the tower counts against no family.
    """
    told = [detector.logits(m.figures) for m in found]
    seeing = [f for f, judge in detector.judges.items() if "tower" in judge.parts]
    if not seeing:
        return None
    judge = detector.judges[max(seeing, key=lambda f: np.mean([t[f] for t in told]))]
    shares = [judge.where(one.patches).reshape(PATCHES, PATCHES) for one in found]
    sure = float(np.clip(probability, 1e-6, 1 - 1e-6))
    level, cell = np.log(sure / (1 - sure)) - np.mean(shares), places[0][2] / PATCHES
    total = np.zeros([max(1, round(n / cell)) for n in size])
    count = np.zeros_like(total)
    for (top, left, _), local in zip(places, shares, strict=True):
        row, column = (min(round(a / cell), n - PATCHES) for a, n in zip((top, left), total.shape, strict=True))
        total[row : row + PATCHES, column : column + PATCHES] += local + level
        count[row : row + PATCHES, column : column + PATCHES] += 1
    return total / np.maximum(count, 1)


def painted(pixels: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The picture in grey with the heat over it, uint8 [H, W, 3]: red where signs of generation lie, blue where they lack."""
    side = min(1.0, 768 / max(pixels.shape[:2]))
    height, width = (max(1, round(n * side)) for n in pixels.shape[:2])
    base = resized(pixels, height, width).mean(2, keepdims=True) * 0.6 + 60
    level = np.clip(resized(where.astype(np.float32), height, width), -3, 3)[..., None] / 3
    tint = np.where(level > 0, np.array([214, 39, 40.0]), np.array([31, 119, 180.0]))
    strength = np.abs(level) * 0.75
    return np.clip(base * (1 - strength) + tint * strength, 0, 255).round().astype(np.uint8)
