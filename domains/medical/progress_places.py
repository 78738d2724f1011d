"""Where the disease of a scan is: in a mask that is given, where the simulator puts it, or where FLAIR is bright."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.medical import progress_fields as fields
from difusa.domains.medical.scan import Scan
from difusa.shared.seeds import stream

BRIGHT = (
    2.0  # robust standard deviations above the inner brain's median, and above its own surroundings: a lesion of FLAIR
)
VENTRICLE = 30.0  # millimetres below the head's surface where fluid counts as ventricle


def disease(path, source: Scan, upright: Scan, mask: Path | None, place: str | None, seed: int):
    """The upright mask of a scan, and whether its disease has yet to be painted. Raises ValueError with the way out."""
    from difusa.domains.medical.geometry import turn_of
    from difusa.domains.medical.progress import PLACES

    if mask is not None and place is not None:
        raise ValueError(
            "--mask and --place: the disease is where the mask says, or where it is placed; give one of them"
        )
    if place is not None and place not in PLACES:
        raise ValueError(f"--place {place}: is none of {', '.join(PLACES)}")
    if mask is not None:
        return np.ascontiguousarray(turn_of(source.affine).upright(read(mask, source))), False
    if place == "none":
        return np.zeros(upright.array.shape, np.uint8), False
    if place is not None:
        return placed(upright, place, seed), True
    if source.contrast != "FLAIR":
        raise ValueError(
            f"{path}: lesions cannot be told apart in a {source.contrast} by brightness; give --mask FILE (1 lesion, 3 tumour), "
            "or --place lesions, tumour or none"
        )
    return thresholded(upright), False


def read(path: Path, source: Scan) -> np.ndarray:
    """The mask [X, Y, Z] uint8 in a file. Raises ValueError for another grid or labels above 5."""
    from difusa.domains.medical.nifti import load
    from difusa.domains.medical.progress_flow import LABELS

    found = load(Path(path))
    if found.array.shape != source.array.shape or np.abs(found.affine - source.affine).max() > 1e-2:
        raise ValueError(f"{path}: lies on another grid than the scan {source.array.shape}; resample it first")
    if not np.isin(found.array, range(len(LABELS))).all():
        said = ", ".join(f"{k} {name}" for k, name in enumerate(LABELS))
        raise ValueError(f"{path}: holds other numbers than {said}")
    return found.array.astype(np.uint8)


def thresholded(upright: Scan) -> np.ndarray:
    """Bright islands of a FLAIR as lesions. Raises ValueError where there are none."""
    from scipy.ndimage import find_objects, label

    from difusa.domains.medical.lost import LARGE, SMALL, contrast

    inner = fields.place(upright, np.zeros(upright.array.shape, bool)).inner
    middle = np.median(upright.array[inner])
    spread = 1.4826 * np.median(np.abs(upright.array[inner] - middle))
    marked, _ = label((upright.array > middle + BRIGHT * spread) & inner)
    found, voxel = np.zeros(upright.array.shape, np.uint8), float(np.prod(upright.spacing))
    for number, box in enumerate(find_objects(marked), 1):
        there = marked[box] == number
        if SMALL <= there.sum() * voxel <= LARGE and contrast(upright.array, box, there) >= BRIGHT:
            found[box][there] = 1
    if not found.any():
        raise ValueError(
            "no bright lesion stands out in this FLAIR; give --mask FILE, or --place lesions, tumour or none"
        )
    return found


def placed(upright: Scan, kind: str, seed: int) -> np.ndarray:
    """What the simulator's pathology puts into the inner brain, as a mask."""
    from scipy.ndimage import distance_transform_edt

    from difusa.domains.medical import pathology, tissues
    from difusa.domains.medical.labels import Head
    from difusa.domains.medical.synthesizing import sick

    where = fields.place(upright, np.zeros(upright.array.shape, bool))
    brain = where.inner & ~where.fluid
    middle = np.median(upright.array[brain])
    side = upright.array >= middle if upright.contrast == "T1" else upright.array <= middle
    labels = np.zeros(upright.array.shape, np.uint8)
    labels[brain] = np.where(side, tissues.INDEX["white"], tissues.INDEX["cortex"])[brain]
    deep = distance_transform_edt(where.inner, sampling=where.spacing) + fields.DEEP
    labels[where.fluid] = tissues.INDEX["csf"]
    labels[where.fluid & (deep > VENTRICLE)] = tissues.INDEX["ventricle"]
    head = Head("scan", labels, np.diag([*where.spacing, 1.0]))
    return sick(pathology.painted(head, kind, stream(seed, 0, 8)).labels)


def painted(state, seed: int):
    """The state with its disease painted into a scan that shows none of it."""
    from difusa.domains.medical.progress_flow import begun, repainted

    bare = begun(state.scan, np.zeros_like(state.mask))
    made = repainted(replace(bare, mask=np.zeros_like(state.mask)), state.mask, seed)
    return replace(made, volumes=state.volumes)
