"""From tissue to signal: the equations of spin echo, spoiled gradient echo and inversion recovery, and what spoils an image.

Times in milliseconds, angles in degrees. Source of the equations: Bernstein, King and Zhou 2004, Handbook of MRI Pulse Sequences,
ch. 14.1 (gradient echo), 14.2 (inversion recovery) and 14.3 (spin echo).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from difusa.domains.medical.tissues import INDEX, Values

DEPHASING = {"gradient": 60.0}  # milliseconds of T2', by which a gradient echo decays faster than a spin echo


@dataclass(frozen=True)
class Sequence:
    """How a scanner measures; te, tr, ti: echo, repetition and inversion time, milliseconds; flip: degrees, gradient echo.

    fat: share of the signal of fat and marrow that is left, where it is suppressed.
    """

    kind: Literal["spin", "gradient", "inversion"]
    te: float
    tr: float
    ti: float = 0.0
    flip: float = 90.0
    fat: float = 1.0

    def __post_init__(self):
        if not (0 < self.te < self.tr and 0 <= self.ti < self.tr and 0 < self.flip <= 180):
            raise ValueError(f"{self}: needs 0 < TE < TR, TI < TR and a flip angle of up to 180 degrees")
        if self.kind == "inversion" and not 0 < self.ti < self.tr - self.te:
            raise ValueError(f"{self}: an inversion needs 0 < TI < TR - TE")


# contrast -> the usual ways to measure it; the first is the default
SEQUENCES: dict[str, tuple[Sequence, ...]] = {
    "T1": (
        Sequence("gradient", te=4, tr=22, flip=28),
        Sequence("spin", te=12, tr=550),
        Sequence("inversion", te=12, tr=2000, ti=800),
    ),
    "T2":    (Sequence("spin", te=100, tr=5500),),
    "PD":    (Sequence("spin", te=20, tr=3000),),
    "FLAIR": (Sequence("inversion", te=120, tr=9500, ti=2600),),
}  # fmt: skip


def signal(table: Values, sequence: Sequence) -> np.ndarray:
    """Signal of each tissue, in the order of the table; of an inversion with its sign.

    spin:      PD (1 - 2 exp(-(TR - TE/2) / T1) + exp(-TR / T1)) exp(-TE / T2)
    gradient:  PD sin a (1 - E1) / (1 - cos a E1) exp(-TE / T2*), E1 = exp(-TR / T1), 1/T2* = 1/T2 + 1/T2'
    inversion: PD (1 - 2 exp(-TI / T1) + 2 exp(-(TR - TE/2) / T1) - exp(-TR / T1)) exp(-TE / T2)
    """
    s, t1 = sequence, table.t1
    if s.fat != 1:
        kept = signal(table, replace(s, fat=1.0))
        kept[[INDEX["fat"], INDEX["marrow"]]] *= s.fat
        return kept
    if s.kind == "gradient":
        angle, e1 = np.deg2rad(s.flip), np.exp(-s.tr / t1)
        steady = np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)
        return table.pd * steady * np.exp(-s.te * (1 / table.t2 + 1 / DEPHASING["gradient"]))
    late = np.exp(-(s.tr - s.te / 2) / t1)
    recovered = 1 - 2 * late + np.exp(-s.tr / t1)
    if s.kind == "inversion":
        recovered = 1 - 2 * np.exp(-s.ti / t1) + 2 * late - np.exp(-s.tr / t1)
    return table.pd * recovered * np.exp(-s.te / table.t2)


def nulling(t1: float, tr: float, te: float = 0.0) -> float:
    """The inversion time at which a tissue of this T1 gives no signal: -T1 ln((1 + 2 e^-(TR-TE/2)/T1 - e^-TR/T1) / 2)."""
    return -t1 * float(np.log((1 + 2 * np.exp(-(tr - te / 2) / t1) - np.exp(-tr / t1)) / 2))


def drawn(contrast: str, table: Values, rng: np.random.Generator, spread: float = 0.08) -> Sequence:
    """One of the usual ways to measure a contrast, its times and angle times exp(spread * normal).

    The inversion time of FLAIR is the one that nulls this person's CSF, times exp(0.02 * normal), as scanners are set; in two
    thirds of them, and in a sixth of the others, fat is suppressed.
    """
    usual = SEQUENCES[contrast][rng.integers(len(SEQUENCES[contrast]))]
    te, tr, flip, ti = np.clip(rng.standard_normal(4), -2, 2)
    fat = float(rng.uniform(0.1, 0.4)) if rng.random() < (2 / 3 if contrast == "FLAIR" else 1 / 6) else 1.0
    made = replace(usual, fat=fat, te=usual.te * float(np.exp(spread * te)), tr=usual.tr * float(np.exp(spread * tr)))
    if contrast == "FLAIR":
        null = nulling(float(table.t1[INDEX["csf"]]), made.tr, made.te)
        return replace(made, ti=null * float(np.exp(0.02 * ti)))
    if usual.kind == "inversion":
        return replace(made, ti=usual.ti * made.tr / usual.tr * float(np.exp(0.02 * ti)))  # else CSF outshines cortex
    return replace(made, flip=usual.flip * float(np.exp(spread * flip))) if usual.kind == "gradient" else made


def smooth_field(shape, rng: np.random.Generator, cells: int = 4) -> np.ndarray:
    """A smooth random field of about unit standard deviation: a cubic spline through `cells` + 1 random knots an axis."""
    field = rng.standard_normal([min(cells + 1, max(n, 2)) for n in shape]).astype(np.float32)
    for axis, n in enumerate(shape):
        field = np.moveaxis(np.tensordot(spline(field.shape[axis], n), field, (1, axis)), 0, axis)
    return field


@lru_cache(64)
def spline(knots: int, places: int) -> np.ndarray:
    """The matrix [places, knots] of a cubic spline along one axis: scipy's zoom of each knot alone, for zoom is linear."""
    from scipy.ndimage import zoom

    return zoom(np.eye(knots, dtype=np.float32), [places / knots, 1], order=3, mode="nearest", grid_mode=True)[:places]


def rician(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """The magnitude of a complex signal with noise of standard deviation sigma in both parts (Gudbjartsson and Patz 1995)."""
    real, imaginary = (sigma * rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
    return np.sqrt((image + real) ** 2 + imaginary**2)


def moved(image: np.ndarray, shifts: np.ndarray, axis: int = 0) -> np.ndarray:
    """What a scanner sees of someone who moves: the lines of k-space along `axis` are taken at different places.

    image [H, W]; shifts [lines, 2]: displacement in pixels while each line, in the order of spatial frequency, was taken.
    """
    k = np.fft.fftshift(np.fft.fft2(image))
    rows, columns = (np.fft.fftshift(np.fft.fftfreq(n)) for n in image.shape)
    by_line = (slice(None), None) if axis == 0 else (None, slice(None))
    phase = rows[:, None] * shifts[:, 0][by_line] + columns[None, :] * shifts[:, 1][by_line]
    return np.abs(np.fft.ifft2(np.fft.ifftshift(k * np.exp(-2j * np.pi * phase)))).astype(np.float32)


def jerks(lines: int, rng: np.random.Generator, size: float) -> np.ndarray:
    """Displacements [lines, 2] of someone who jerks one to three times by about `size` pixels; the middle of k-space at rest."""
    path = np.zeros((lines, 2))
    for start in rng.integers(0, lines, rng.integers(1, 4)):
        path[start:] += size * rng.standard_normal(2)
    return path - path[lines // 2]
