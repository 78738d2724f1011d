"""What is refused before memory is spent on it; each refusal names the file and the way out."""

import os
from collections.abc import Sequence

import numpy as np

MEGAVOXELS = 150  # the default limit: 512^3 passes; as float32 that is 0.6 GB
BYTES_A_FILE = 96 * 2**20  # of one DICOM file, unpacked: a slice of 6000 x 6000 in 16 bits with room to spare
FILES = 20_000  # in a folder or zip
DEPTH = 32  # of nested DICOM sequences; real files stay below ten
FLATNESS = 1e-6  # |determinant| over the product of the axes' lengths, below which the axes do not span space


class Refused(ValueError):
    """A file that cannot be used, with the reason and the way out."""


def limit_megavoxels() -> float:
    """The size limit: DIFUSA_MEGAVOXELS when set, else 150."""
    return float(os.environ.get("DIFUSA_MEGAVOXELS", MEGAVOXELS))


def check_shape(name, shape: Sequence[int]) -> tuple[int, int, int]:
    """The three sizes of a volume, from its header alone; trailing axes of size 1 are dropped."""
    sizes = [int(n) for n in shape]
    if not sizes or min(sizes) < 1:
        raise Refused(f"{name}: the header says {sizes} voxels; the file is damaged, get a fresh copy")
    count, limit = float(np.prod([float(n) for n in sizes])), limit_megavoxels()
    said = " x ".join(map(str, sizes))
    if count > limit * 1e6:
        raise Refused(
            f"{name}: {said} voxels is {count / 1e6:.0f} million, the limit is {limit:g} million: cut or resample the "
            "volume, or set DIFUSA_MEGAVOXELS higher if the machine has the memory"
        )
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) > 3:
        raise Refused(f"{name}: {said} is a series of volumes; save one of them as a file of its own")
    return tuple(sizes + [1] * (3 - len(sizes)))


def check_affine(name, affine: np.ndarray) -> np.ndarray:
    """The affine as float64 [4, 4]. Raises Refused where it is not finite or its axes do not span space."""
    affine = np.asarray(affine, np.float64)
    if not np.isfinite(affine).all():
        raise Refused(
            f"{name}: the affine holds numbers that are not finite; set the orientation anew from the scanner's files"
        )
    axes = affine[:3, :3]
    lengths = np.sqrt((axes**2).sum(0))
    if min(lengths) <= 0 or abs(np.linalg.det(axes)) < FLATNESS * np.prod(lengths):
        raise Refused(
            f"{name}: the affine is singular (axes {np.round(lengths, 6).tolist()} mm long, determinant "
            f"{np.linalg.det(axes):.3g}); set the orientation anew from the scanner's files"
        )
    if max(lengths) > 1000:
        raise Refused(f"{name}: voxels {np.round(lengths, 3).tolist()} mm wide; the header's units are wrong")
    return affine


def check_finite(name, array: np.ndarray) -> np.ndarray:
    """The array, if all of it are numbers."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise Refused(f"{name}: {wrong} of {array.size} voxels are not finite; give the background a number first")
    return array


def check_depth(name, dataset) -> None:
    """Refuses a DICOM data set whose sequences are nested deeper than DEPTH; level by level, without recursion."""
    waiting = [(dataset, 1)]
    while waiting:
        inside, depth = waiting.pop()
        if depth > DEPTH:
            raise Refused(f"{name}: DICOM sequences nested more than {DEPTH} deep; no scanner writes such a file")
        for element in inside:
            if element.VR == "SQ":
                waiting += [(item, depth + 1) for item in element.value]
