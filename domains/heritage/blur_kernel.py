"""Which blur a picture went through, told or read off its power spectrum, and the picture with it undone."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from difusa.domains.heritage.damage import gaussian_kernel, motion_kernel
from difusa.domains.heritage.deblur import ROUNDING, sharpened

WINDOW = 64  # px of the windows whose spectra are averaged
WINDOWS = 12  # a side, at most: larger pictures are read at windows evenly spread
LENGTHS, ANGLES = (3, 4, 5, 6, 7, 8.5, 10, 11.5, 13, 15), 24  # first tried
SIGMAS = (0.6, 0.75, 0.9, 1.1, 1.3, 1.5, 1.75, 2.0, 2.3, 2.6, 3.0)
# Sharp pictures' log spectra: level, slope and bend by log frequency, second and fourth harmonic by direction. Mean and
# deviation of fits to 500 crops of the training split.
MEANS = np.float32([-2.7, -2.8, -0.7, 0.0, 0.0, 0.2, 0.0])
DEVIATIONS = np.float32([4.0, 0.9, 0.4, 0.45, 0.12, 0.36, 0.12])
INDEPENDENT = 100  # bins of the spectrum that count as independent evidence
SURE = 30.0  # log odds against a sharp picture below which nothing is undone; twice that at the ends of what is tried
ROUNDS = 8  # of Gauss and Newton's method


@dataclass(frozen=True)
class Blur:
    """family: none, motion or gaussian; size: px, a motion's length or a Gaussian's sigma; angle: of a motion, degrees
    anticlockwise from horizontal; noise: standard deviation in 8-bit grey levels, None where not read; odds: log odds
    against a sharp picture, None where the blur was told."""

    family: str
    size: float = 0.0
    angle: float = 0.0
    noise: float | None = None
    odds: float | None = None

    @property
    def kernel(self) -> np.ndarray:
        """The correlation's weights [K, K], K odd, sum 1."""
        if self.family == "motion":
            return motion_kernel(self.size, -np.radians(self.angle))  # rows count downwards
        return gaussian_kernel(self.size) if self.family == "gaussian" else np.ones((1, 1), np.float32)

    def record(self) -> dict:
        """What the reports say of it."""
        named = {"motion": {"length_px": round(self.size, 2), "angle_degrees": round(self.angle, 1)}}
        named |= {"gaussian": {"sigma_px": round(self.size, 2)}}
        sure = {"origin": "told"} if self.odds is None else {"origin": "estimated", "log_odds": round(self.odds, 1)}
        return {"family": self.family} | named.get(self.family, {}) | sure


def told(text: str) -> Blur:
    """motion:LENGTH,ANGLE (px, degrees) or gaussian:SIGMA (px) as a Blur. Raises ValueError for anything else."""
    family, _, rest = text.strip().partition(":")
    try:
        numbers = [float(part) for part in rest.split(",")]
    except ValueError:
        numbers = []
    if family == "motion" and len(numbers) == 2 and 1 <= numbers[0] <= 60 and np.isfinite(numbers[1]):
        return Blur("motion", numbers[0], numbers[1] % 180)
    if family == "gaussian" and len(numbers) == 1 and 0.1 <= numbers[0] <= 10:
        return Blur("gaussian", numbers[0])
    raise ValueError(
        f"--blur {text}: give motion:LENGTH,ANGLE (1 to 60 px, degrees anticlockwise from horizontal), such as "
        "motion:9,30, or gaussian:SIGMA (0.1 to 10 px), such as gaussian:1.5"
    )


def deblurred(
    picture: np.ndarray, blur: Blur, noise: float | None = None, known: np.ndarray | None = None
) -> np.ndarray:
    """The picture [H, W, 3] in [-1, 1] with `blur` undone; noise in 8-bit grey levels, as read with the blur when None.

    Too wide a Gaussian does more harm than one too narrow does good: an estimated one is narrowed and more noise is
    assumed (on 32 crops of the calibration split the gain rose from 1.8 to 2.6 dB, the worst from -7.5 to -3.1 dB).
    known [H, W]: True where the picture is to be believed; everywhere when None.
    """
    if blur.family == "none":
        return picture
    noise = (blur.noise or 0.0) if noise is None else noise
    if blur.family == "gaussian" and blur.odds is not None:
        blur, noise = replace(blur, size=0.9 * blur.size), 1.3 * noise + 1.0
    return sharpened(picture, blur.kernel, noise / 127.5, known=known).clip(-1, 1)


def estimated(picture: np.ndarray) -> Blur:
    """The blur of a picture [H, W, 3] in [-1, 1]; "none" where a sharp picture explains its spectrum nearly as well.

    Each kernel is judged by how well its gain, times a smooth spectrum that is fitted to the picture under it, plus
    white noise, explains the picture's mean spectrum in windows (Welch 1967), after Whittle's likelihood (1953) with
    heavier tails.
    """
    if min(picture.shape[:2]) < WINDOW:
        return Blur("none", noise=1.0, odds=0.0)
    return likeliest(spectrum(picture))


def likeliest(power: np.ndarray) -> Blur:
    """The blur that a spectrum as of `spectrum` [64, 33] tells of."""
    first, gains = _first()
    scores, noises = fit(power, gains)
    best, noise = first[0], noises[0]
    chosen, odds = best, 0.0
    for family in ("motion", "gaussian"):
        where = [i for i, blur in enumerate(first) if blur.family == family]
        at = where[int(np.argmin(scores[where]))]
        blur, score, level = _refined(power, first[at], scores[at], noises[at])
        end = blur.family != "gaussian" and blur.size >= LENGTHS[-1]
        if scores[0] - score > max(odds, 2 * SURE if end else SURE):
            chosen, odds, noise = blur, float(scores[0] - score), level
    return Blur(chosen.family, chosen.size, chosen.angle, float(noise), odds)


def with_noise(blur: Blur, picture: np.ndarray) -> Blur:
    """A told blur with the noise that the picture [H, W, 3] in [-1, 1] shows under it."""
    if min(picture.shape[:2]) < WINDOW:
        return replace(blur, noise=1.0)
    return replace(blur, noise=float(fit(spectrum(picture), gain(blur)[None])[1][0]))


def spectrum(picture: np.ndarray) -> np.ndarray:
    """Mean power [64, 33] of a picture [H, W, 3] in windows; white noise of variance v has power v."""
    line = np.hanning(WINDOW + 1)[:-1]
    taper = np.outer(line, line)[..., None].astype(np.float32) / (line**2).sum()
    corners = [
        np.linspace(0, n - WINDOW, min(WINDOWS, max(2, 2 * n // WINDOW - 1))).astype(int) for n in picture.shape[:2]
    ]
    total, count = 0, 0
    for top in corners[0]:
        tiles = np.stack([picture[top : top + WINDOW, left : left + WINDOW] for left in corners[1]])
        tiles = (tiles - tiles.mean((1, 2), keepdims=True)) * taper
        total = total + (abs(np.fft.rfft2(tiles, axes=(1, 2))) ** 2).mean(-1).sum(0)
        count += len(tiles)
    return total / count


def fit(power: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minus the log evidence [C] of each of the kernels' gains [C, bins] in a spectrum, and the noise [C] in grey levels.

    Gauss and Newton's method on log power, with Huber's weights, all kernels at once.
    """
    _, use, weights, basis = _plane()
    seen = np.log(power[use] + 1e-12).astype(np.float32)
    count, terms = len(gains), basis.shape[1]
    state = np.zeros((count, terms + 1), np.float32)
    state[:, :terms] = MEANS
    state[:, 0], state[:, -1] = seen.mean(), np.log(2 * ROUNDING**2)
    pull = np.append(1 / (INDEPENDENT * DEVIATIONS**2), 1e-3).astype(np.float32) * weights.sum()
    centre = np.append(MEANS, 0).astype(np.float32)

    def rest(state):
        smooth = gains * np.exp(np.clip(state[:, :-1] @ basis.T, -25, 15))
        mean = smooth + np.exp(state[:, -1:])
        return smooth / mean, seen - np.log(mean)

    for _ in range(ROUNDS):
        part, gap = rest(state)
        slope = np.concatenate([part[..., None] * basis, 1 - part[..., None]], axis=2)
        heavy = (weights / np.maximum(1, abs(gap)))[..., None] * slope
        back = np.einsum("cft,cf->ct", heavy, gap)
        back[:, :-1] -= pull[:-1] * (state - centre)[:, :-1]
        step = np.linalg.solve(heavy.transpose(0, 2, 1) @ slope + np.diag(pull), back[..., None])[..., 0]
        state = state + np.clip(step, -1, 1)
        state[:, -1] = np.clip(state[:, -1], 2 * np.log(ROUNDING), np.log(0.05))
    gap = abs(rest(state)[1])
    misfit = (np.where(gap < 1, gap**2, 2 * gap - 1) * weights).sum(1) / weights.sum()
    odd = (((state[:, :-1] - MEANS) / DEVIATIONS) ** 2).sum(1)
    return INDEPENDENT / 2 * np.log(misfit) + odd / 2, np.sqrt(np.exp(state[:, -1]) - ROUNDING**2 + 1e-12) * 127.5


def _refined(power: np.ndarray, blur: Blur, score: float, noise: float) -> tuple[Blur, float, float]:
    """The likeliest blur of the family near `blur`."""
    size, angle = (1.0, 180 / ANGLES) if blur.family == "motion" else (0.2 * blur.size, 0.0)
    for _ in range(3):
        turns = (-0.5, 0.0, 0.5) if angle else (0.0,)
        near = [
            Blur(blur.family, blur.size + s * size, (blur.angle + t * angle) % 180)
            for s in (-0.5, 0.0, 0.5)
            for t in turns
        ]
        scores, noises = fit(power, np.stack([gain(b) for b in near]))
        if scores.min() < score:
            at = int(scores.argmin())
            blur, score, noise = near[at], scores[at], noises[at]
        size, angle = size / 2, angle / 2
    return blur, float(score), float(noise)


@cache
def _plane():
    """The bins' frequencies, which of them are used, their weights, and the smooth terms [bins, 7] of a log spectrum."""
    rows = np.fft.fftfreq(WINDOW)[:, None] + np.zeros((1, WINDOW // 2 + 1))
    columns = np.fft.rfftfreq(WINDOW)[None] + np.zeros((WINDOW, 1))
    far, turn = np.hypot(rows, columns), np.arctan2(rows, columns)
    use = far > 1.5 / WINDOW  # below, the window's own spectrum is seen
    weights = np.where((columns == 0) | (columns == 0.5), 0.5, 1.0)[use].astype(np.float32)  # these are there twice
    depth, turn = np.log(far[use] / 0.15), turn[use]
    terms = [depth**0, depth, depth**2, np.cos(2 * turn), np.sin(2 * turn), np.cos(4 * turn), np.sin(4 * turn)]
    return far, use, weights, np.stack(terms, axis=-1).astype(np.float32)


def gain(blur: Blur) -> np.ndarray:
    """The kernel's gain in power [bins], seen through the window."""
    spot = np.zeros((WINDOW, WINDOW))
    spot[: len(blur.kernel), : len(blur.kernel)] = blur.kernel
    power = abs(np.fft.fft2(spot)) ** 2
    for axis in (0, 1):
        power = power * 2 / 3 + (np.roll(power, 1, axis) + np.roll(power, -1, axis)) / 6
    return power[:, : WINDOW // 2 + 1][_plane()[1]].astype(np.float32)


@cache
def _first() -> tuple[list[Blur], np.ndarray]:
    """The blurs tried first, "none" ahead, and their gains."""
    found = [Blur("none")]
    found += [Blur("motion", n, a * 180 / ANGLES) for n in LENGTHS for a in range(0, ANGLES, 1 if n > 5 else 2)]
    found += [Blur("gaussian", sigma) for sigma in SIGMAS]
    return found, np.stack([gain(blur) for blur in found])
