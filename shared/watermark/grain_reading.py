"""Reading a mark of the grain: how the picture was turned, scaled and moved, then what only the key can tell."""

import math
from dataclasses import dataclass

import numpy as np

from difusa.shared.watermark.grain import (
    SCHEME,
    SIDE,
    band,
    chosen,
    frequencies,
    moved,
    public,
)
from difusa.shared.watermark.keyed import heard

WINDOW = 256  # pixels in the middle by which a turned or scaled picture is aligned, and read
TURNS = np.arange(-90, 90, 0.5)  # degrees; half a turn more looks alike, and is tried after
SCALES = np.exp(np.arange(math.log(0.5), math.log(2.01), 0.01))
TRIED = 12  # alignments looked at closely
NOISE = 5.0  # grey levels of 8 bits about which a mark is looked for
# Fit of the public waves: noise stays below 4 at one alignment and below 6 at the best of many, a picture upside down has 6 as
# it stands. From SURE on no other alignment is sought; a moved picture is believed from MOVED on, a turned or scaled one from
# TURNED on; else it counts as not moved at all.
SURE, MOVED, TURNED = 8.0, 5.0, 6.5


@dataclass(frozen=True)
class Reading:
    """p_value: how often a key that knows nothing of this picture fits it as well. payload: 48 bits, noise where there is no
    mark; whole: whether it has the salt that was found, which of 256 misread ones one has. turn (degrees, anticlockwise) and
    scale at which it was read."""

    p_value: float
    payload: int
    whole: bool
    turn: float
    scale: float


@dataclass(frozen=True)
class Aligned:
    """What of a picture lies in the band, folded into one tile, white [D], at the alignment that its public waves shows."""

    waves: np.ndarray
    fit: float
    turn: float = 0.0
    scale: float = 1.0


def read(picture: np.ndarray, key: bytes, *, where: np.ndarray | None = None, search: bool = True) -> Reading:
    """What a key reads in a picture [H, W] or [H, W, 3], uint16 or in grey levels of 8 bits.

    where [H, W]: pixels that are looked at. search: look for a turned or scaled picture too, where the public waves are not seen
    as it stands. The p-value's null is that of keyed.heard().
    """
    return told(aligned(picture, where=where, search=search), key)


def told(seen: Aligned, key: bytes) -> Reading:
    """What a key says of an aligned picture."""
    rest = seen.waves - (public() @ seen.waves) * public()
    return Reading(*heard(SCHEME, key, rest), seen.turn, seen.scale)


def aligned(picture: np.ndarray, *, where: np.ndarray | None = None, search: bool = True) -> Aligned:
    """The best alignment of a picture by its public waves; it does not look at any key."""
    grey = np.asarray(picture, np.float64) / (257 if picture.dtype == np.uint16 else 1)
    grey = grey.mean(-1) if grey.ndim == 3 else grey
    weight = np.ones(grey.shape) if where is None else where.astype(np.float64)
    tile = folded(*residual(grey, weight))
    best = placed(tile)
    if search and best.fit < SURE:
        other = max((found for one in candidates(grey, weight) for found in looked(grey, weight, *one)), key=_fit)
        sides = (found for one in near(other.turn, other.scale) for found in looked(grey, weight, *one))
        other = max([other, *sides], key=_fit)
        if other.fit >= max(TURNED, best.fit):
            return other
    return best if best.fit >= MOVED else Aligned(whitened(band() @ tile.ravel()), best.fit)


def _fit(one: Aligned) -> float:
    return one.fit


def residual(grey: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What of a picture may be the mark, every place by the local size of that, clipped; and the weights.

    Wiener's estimate: what departs from the mean around, where it departs by about as much as a mark does.
    """
    x, weight = grey.astype(np.float32), weight.astype(np.float32)
    counts = {width: blurred(weight, width) + 1e-6 for width in (3.0, 6.0, 7.0)}

    def mean(x: np.ndarray, width: float) -> np.ndarray:
        return blurred(x * weight, width) / counts[width]

    found = x - mean(x, 3.0)
    found *= NOISE**2 / (mean(found**2, 3.0) + NOISE**2)
    found -= mean(found, 6.0)
    size = np.sqrt(mean(found**2, 7.0)) + 0.2
    return np.clip(found / size, -2.5, 2.5) * weight, weight


def blurred(plane: np.ndarray, width: float) -> np.ndarray:
    """A plane [H, W] float32 under a Gaussian of so many pixels, mirrored at its edges."""
    import cv2

    side = 2 * round(4 * width) + 1
    return cv2.GaussianBlur(plane, (side, side), width, borderType=cv2.BORDER_REFLECT)


def folded(white: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """All tiles of the plane laid on one [SIDE, SIDE], by the number of places that each of its places has."""
    height, width = (-(-n // SIDE) * SIDE for n in white.shape)
    pads = [(0, height - white.shape[0]), (0, width - white.shape[1])]
    total, count = (
        np.pad(x, pads).reshape(height // SIDE, SIDE, width // SIDE, SIDE).sum((0, 2)) for x in (white, weight)
    )
    return total / np.sqrt(np.maximum(count, 1))


def placed(tile: np.ndarray, turn: float = 0.0, scale: float = 1.0) -> Aligned:
    """The tile's waves, white, moved to where the public ones fit best."""
    waves = whitened(band() @ tile.ravel())
    half = len(frequencies())
    a, b = (x[:half] - 1j * x[half:] for x in (waves, public()))
    plane = np.zeros((SIDE, SIDE), complex)
    plane[frequencies()[:, 0] % SIDE, frequencies()[:, 1] % SIDE] = a * b.conj()
    fits = np.fft.fft2(plane).real  # at each shift back
    down, across = np.unravel_index(fits.argmax(), fits.shape)
    return Aligned(moved(waves, down, across), float(fits.max()), turn, scale)


def whitened(waves: np.ndarray) -> np.ndarray:
    """Waves [D] over the root mean square of those of about their frequency, the public waves left out of the mean."""
    half = len(frequencies())
    ring = np.rint(np.hypot(*frequencies().T)).astype(int)
    power = (waves[:half] ** 2 + waves[half:] ** 2) / 2
    others = np.ones(half)
    others[chosen()] = 0
    mean = np.bincount(ring, power * others) / np.maximum(np.bincount(ring, others), 1)
    size = np.sqrt(mean[ring] + 1e-12)
    return waves / np.concatenate([size, size])


def candidates(grey: np.ndarray, weight: np.ndarray) -> list[tuple[float, float]]:
    """The turns (degrees, of half a turn) and scales at which the spectrum of the middle has most of the public waves."""
    middle, _ = residual(*(cut(x, WINDOW) for x in (grey, weight)))
    size = 2 * WINDOW
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in middle.shape))
    power = np.abs(np.fft.fft2(middle * window, (size, size))) ** 2
    ring = np.rint(np.hypot(*np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2, indexing="ij"))).astype(int)
    power /= (np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel()))[ring] + 1e-12
    power = np.minimum(power, 12.0)
    turns, scales = (x.ravel() for x in np.meshgrid(np.deg2rad(TURNS), SCALES, indexing="ij"))
    waves = frequencies()[chosen()] * size / SIDE
    down = (np.outer(np.cos(turns), waves[:, 0]) - np.outer(np.sin(turns), waves[:, 1])) / scales[:, None]
    across = (np.outer(np.sin(turns), waves[:, 0]) + np.outer(np.cos(turns), waves[:, 1])) / scales[:, None]
    seen = np.maximum(np.abs(down), np.abs(across)) < size / 2 - 1
    index = [np.rint(np.where(seen, x, 0)).astype(int) % size for x in (down, across)]
    score = (np.where(seen, power[index[0], index[1]], 1.0)).mean(1)
    found: list[tuple[float, float]] = []
    for k in np.argsort(score)[::-1][: 40 * TRIED]:
        one = float(np.rad2deg(turns[k])), float(scales[k])
        if all(abs(one[0] - t) > 0.8 or abs(one[1] / s - 1) > 0.015 for t, s in found):
            found.append(one)
        if len(found) == TRIED:
            break
    return found


def near(turn: float, scale: float) -> list[tuple[float, float]]:
    """Alignments a little to the sides of one."""
    sides = [(a, b) for a in (-0.25, 0.0, 0.25) for b in (0.995, 1.0, 1.005) if (a, b) != (0.0, 1.0)]
    return [(turn + a, scale * b) for a, b in sides]


def looked(grey: np.ndarray, weight: np.ndarray, turn: float, scale: float) -> list[Aligned]:
    """The middle of a picture turned (degrees) and scaled back, then aligned; and turned half a turn further."""
    from scipy.ndimage import affine_transform

    size = tuple(min(WINDOW, max(8, round(n / scale))) for n in grey.shape)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    matrix = scale * np.array([[c, -s], [s, c]])
    offset = (np.array(grey.shape) - 1) / 2 - matrix @ ((np.array(size) - 1) / 2)
    back = (affine_transform(x, matrix, offset, size, order=1, mode="constant") for x in (grey, weight))
    white, weight = residual(*back)
    further = placed(folded(white[::-1, ::-1], weight[::-1, ::-1]), turn + 180, scale)
    return [placed(folded(white, weight), turn, scale), further]


def cut(plane: np.ndarray, size: int) -> np.ndarray:
    """The middle of a plane, at most size x size."""
    starts = [max(0, (n - size) // 2) for n in plane.shape]
    return plane[starts[0] : starts[0] + size, starts[1] : starts[1] + size]
