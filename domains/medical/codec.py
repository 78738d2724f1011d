"""Numbers that networks see: every contrast at about the same scale, standard deviation near 1/2, background at one value."""

import numpy as np

from difusa.domains.medical.scan import CONTRASTS
from difusa.domains.medical.simulate import REFERENCE

GAIN, DARK = 1.6, -0.8  # MRI: signal 0 .. 1 (the reference) becomes -0.8 .. 0.8
SOFT, WIDE, TOP = 30.0, 80.0, 3.6  # CT: finest about soft tissue; asinh((HU - SOFT) / WIDE) / TOP
HU = (-1024.0, 3071.0)


def reference(array: np.ndarray) -> float:
    """The intensity of an MR volume that counts as 1: its 99.8th percentile, background included.

    Raises ValueError where the volume holds nothing brighter than its background.
    """
    rank = int(
        np.ceil(REFERENCE * (array.size - 1))
    )  # all voxels: a part of them would depend on how the scan lies in the file
    found = float(np.partition(array.ravel(), rank)[rank])
    if not found > 0:
        raise ValueError(f"the scan's brightest voxels are at {found:g}: an MR scan has a bright head on a dark ground")
    return found


def encode(image: np.ndarray, contrast: str) -> np.ndarray:
    """Signals (1 = reference), or HU for CT -> float32 about [-1, 1]. Raises ValueError for an unknown contrast."""
    if contrast not in CONTRASTS:
        raise ValueError(f"contrast {contrast!r} is none of {', '.join(CONTRASTS)}")
    if contrast == "CT":
        return (np.arcsinh((np.clip(image, *HU) - SOFT) / WIDE) / TOP).astype(np.float32)
    return np.clip(GAIN * image + DARK, -1.0, 1.6).astype(np.float32)


def decode(x: np.ndarray, contrast: str) -> np.ndarray:
    """The inverse of `encode`, never below no signal, or outside HU."""
    if contrast == "CT":
        return np.clip(np.sinh(np.clip(x, -1.2, 1.3) * TOP) * WIDE + SOFT, *HU).astype(np.float32)
    return np.maximum((x - DARK) / GAIN, 0).astype(np.float32)


def blank(contrast: str) -> float:
    """What air is encoded as."""
    return float(encode(np.array(-1000.0 if contrast == "CT" else 0.0), contrast))


def picture(plane: np.ndarray) -> np.ndarray:
    """An upright plane [..., X, Y] as a picture [..., rows, columns]: the front on top, the patient's left to the right."""
    return np.swapaxes(plane[..., ::-1], -1, -2)


def plane(picture: np.ndarray) -> np.ndarray:
    """The inverse of `picture`."""
    return np.swapaxes(picture, -1, -2)[..., ::-1]
