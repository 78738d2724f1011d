"""The baseline that learns nothing: the MNI template painted in the source's contrast, warped onto it, shown in the target's.

Levels are tried from the top of the template to its base, each fitted by an affine change in the plane (correlation, Powell's
method), then by optical flow (TV-L1; Zach, Pock and Bischof 2007). The target's intensities are those of the signal equations.
"""

from functools import lru_cache

import numpy as np

from difusa.domains.medical import anatomy, codec, labels, physics, simulate, tissues
from difusa.domains.medical.scan import CONTRASTS

LEVELS, COARSE = 14, 4  # of the template that are tried; pixels a step of the affine search
TESLA = 3.0


@lru_cache(1)
def painted() -> tuple[np.ndarray, np.ndarray]:
    """The template's planes in every contrast [levels, contrasts, rows, columns], 1 = reference, CT in HU; and their tissue."""
    head, table = labels.mni(), tissues.values(TESLA)
    who = simulate.Person(head, head, anatomy.Change(np.eye(3), np.zeros(3)), table, TESLA, "none")
    signals = []
    for contrast in CONTRASTS:
        sequence = None if contrast == "CT" else physics.SEQUENCES[contrast][0]
        signals.append(
            table.hu if sequence is None else np.abs(physics.signal(table, sequence)) / who.reference(sequence)
        )
    levels = head.levels[np.linspace(0, len(head.levels) - 1, LEVELS).round().astype(int)]
    tissue = np.stack([codec.picture(head.labels[:, :, k]) for k in levels])
    return np.moveaxis(np.array(signals, np.float32)[:, tissue], 0, 1), tissue


def translate(given: dict[str, np.ndarray], wanted: str) -> np.ndarray:
    """The warped template [rows, columns] encoded in the wanted contrast; given: contrast -> encoded plane of 1 mm.

    Raises ValueError where no source is given.
    """
    if not given:
        raise ValueError("the template needs a source to be warped onto")
    images, tissue = painted()
    bare = np.isin(tissue, [tissues.INDEX[n] for n in (*tissues.BRAIN, *tissues.STRUCTURES["fluid"])])
    best = (-2.0, None, None, None)
    for level in range(len(images)):
        for shown in (np.ones_like(bare[level]), bare[level]):  # whole heads, and brains without skull
            planes = {c: masked(images[level, CONTRASTS.index(c)], shown, c) for c in (*given, wanted)}
            change, likeness = placed(given, planes, boxed(given, planes))
            if likeness > best[0]:
                best = likeness, planes, change, level
    _, planes, change, _ = best
    change = refined(given, planes, change)
    return flowed(given, {c: warped(p, c, change, shape_of(given)) for c, p in planes.items()}, wanted)


def masked(signal: np.ndarray, shown: np.ndarray, contrast: str) -> np.ndarray:
    """An encoded plane with air where nothing is shown."""
    return np.where(shown, codec.encode(signal, contrast), np.float32(codec.blank(contrast)))


def shape_of(given: dict[str, np.ndarray]) -> tuple[int, int]:
    return next(iter(given.values())).shape


def boxed(given: dict[str, np.ndarray], planes: dict[str, np.ndarray]) -> np.ndarray:
    """The affine change [2, 3] from a place in the source to one in the template that lays one box on the other."""
    name = next(iter(given))
    spans = []
    for image in (given[name], planes[name]):
        there = image > codec.blank(name) + 0.15
        ends = [np.flatnonzero(there.any(1 - axis)) for axis in (0, 1)]
        spans.append([(e[0], e[-1]) if len(e) else (0, n - 1) for e, n in zip(ends, image.shape)])
    change = np.zeros((2, 3))
    for axis, ((a, b), (c, d)) in enumerate(zip(*spans)):
        change[axis, axis] = (d - c) / max(b - a, 1)
        change[axis, 2] = c - change[axis, axis] * a
    return change


def warped(plane: np.ndarray, contrast: str, change: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A template plane on the grid of the source."""
    from scipy.ndimage import affine_transform

    return affine_transform(plane, change[:, :2], change[:, 2], shape, order=1, cval=codec.blank(contrast))


def placed(given, planes, change: np.ndarray) -> tuple[np.ndarray, float]:
    """The change, and the mean correlation of the sources with the template under it, on a coarse grid."""
    small = change @ np.diag([COARSE, COARSE, 1.0])
    likeness = []
    for name, source in given.items():
        coarse = source[::COARSE, ::COARSE]
        other = warped(planes[name], name, small, coarse.shape)
        likeness.append(np.corrcoef(coarse.ravel(), other.ravel())[0, 1] if other.std() and coarse.std() else -1.0)
    return change, float(np.mean(likeness))


def refined(given, planes, change: np.ndarray) -> np.ndarray:
    """The affine change that correlates best, looked for from `change` on; six numbers."""
    from scipy.optimize import minimize

    scale = np.array([0.05, 0.05, 3.0])
    ask = lambda step: -placed(given, planes, change + step.reshape(2, 3) * scale)[1]  # noqa: E731
    found = minimize(ask, np.zeros(6), method="Powell", options={"maxfev": 300, "xtol": 0.05, "ftol": 1e-4})
    return change + found.x.reshape(2, 3) * scale


def flowed(given, placed_planes: dict[str, np.ndarray], wanted: str) -> np.ndarray:
    """The wanted plane carried by the optical flow from the template's first source contrast to the source."""
    from skimage.registration import optical_flow_tvl1
    from skimage.transform import warp

    name = next(iter(given))
    flow = optical_flow_tvl1(given[name], placed_planes[name], attachment=8.0)
    places = np.stack(np.meshgrid(*(np.arange(n) for n in given[name].shape), indexing="ij")) + flow
    return warp(placed_planes[wanted], places, order=1, mode="edge").astype(np.float32)
