"""Where disease goes: masks ordered by their distance, the inner brain and its fluid, and the velocity by which brain is lost."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical.anatomy import Field, flow
from difusa.domains.medical.codec import reference
from difusa.domains.medical.scan import Scan

CELL = 4.0  # millimetres between knots of the velocity
DEEP = 14.0  # millimetres below the head's surface where the inner brain begins: scalp and skull are thinner
HEIGHT = 125.0  # millimetres from the top of the head to the bottom of the brain
STEPS = 4  # of scaling and squaring: flows here are a few millimetres long
FAR = 30.0  # millimetres that a front may move at most


@dataclass(frozen=True)
class Place:
    """What is known of an upright scan [X, Y, Z]: inner, fluid: bool; spacing [3] in millimetres; contrast; limit, white: the
    signal that parts fluid from brain, and that of white matter, in the scan's own unit."""

    inner: np.ndarray
    fluid: np.ndarray
    spacing: np.ndarray
    contrast: str
    limit: float
    white: float


def grown(mask: np.ndarray, allowed: np.ndarray, count: int, spacing: np.ndarray, keep=None) -> np.ndarray:
    """A mask of `count` voxels: the level set of the distance to the edge of `mask`, inside counted below zero.

    It grows into `allowed` alone and shrinks from its edge. Among equally distant voxels those with more of the mask around come
    first. keep: voxels that stay in it whatever comes. Fewer voxels where no more are allowed within FAR.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    if count <= 0 or not mask.any():
        return np.zeros_like(mask)
    box = around(mask, np.ceil(FAR / spacing).astype(int))
    inside = mask[box]
    far = distance_transform_edt(~inside, sampling=spacing) - distance_transform_edt(inside, sampling=spacing)
    near = gaussian_filter(inside.astype(np.float32), 1.5 / spacing)
    order = far - 0.9 * float(min(spacing)) * near
    order[~(inside | allowed[box])] = np.inf
    if keep is not None:
        order[keep[box]] = -np.inf
    flat = order.ravel()
    first = np.argsort(flat, kind="stable")[: min(count, int((flat < FAR).sum()))]
    made, part = np.zeros_like(mask), np.zeros(flat.shape, bool)
    part[first] = True
    made[box] = part.reshape(order.shape)
    return made


def around(mask: np.ndarray, margin) -> tuple[slice, ...]:
    """The box of what is True, with a margin [3] in voxels."""
    found = []
    for axis, wide in enumerate(margin):
        places = np.flatnonzero(mask.any(tuple(k for k in range(3) if k != axis)))
        found.append(slice(max(0, int(places[0] - wide)), int(places[-1] + 1 + wide)))
    return tuple(found)


def place(scan: Scan, mask: np.ndarray, known: list[float] | None = None) -> Place:
    """The inner brain of an upright scan, and its fluid by threshold; `mask`: disease, which is neither.
    known: limit and white of an earlier scan of the same series, else found here by Otsu's thresholds.

    Inner: DEEP below the head's surface and not more than HEIGHT below its top. Fluid: what is darkest there in T1 and FLAIR,
    brightest in T2, below 16 HU in CT. Raises ValueError for PD, where brain and fluid look alike, and where there is no brain.
    """
    from skimage.filters import threshold_multiotsu

    from difusa.domains.medical.volumes import inside

    if scan.contrast not in ("T1", "T2", "FLAIR", "CT"):
        raise ValueError(f"{scan.contrast}: brain and fluid cannot be told apart in it; give a T1, T2, FLAIR or CT")
    ct = scan.contrast == "CT"
    unit = 1.0 if ct else reference(scan.array)
    signal = scan.array / np.float32(unit)
    inner = deeper(inside(scan, signal), scan.spacing)
    if inner.sum() * np.prod(scan.spacing) < 20_000:
        raise ValueError("less than 20 ml of brain in the scan: nothing can be said of its future")
    if known is None:
        values = signal[inner & ~mask]
        low, high = threshold_multiotsu(np.clip(values, *np.quantile(values, [0.005, 0.995])), 3, nbins=128)
        limit = {"CT": 16.0, "T2": high}.get(scan.contrast, low) * unit
    else:
        limit = known[0]
    fluid = wet(softened(scan.array, scan.spacing), scan.contrast, limit) & inner & ~mask
    if known is not None:
        return Place(inner, fluid, scan.spacing, scan.contrast, *known)
    brain = signal[inner & ~fluid & ~mask]
    third = {"T1": 0.8, "T2": 0.25, "FLAIR": 0.35, "CT": 0.25}[
        scan.contrast
    ]  # where white matter lies among brain's values
    return Place(inner, fluid, scan.spacing, scan.contrast, float(limit), float(np.quantile(brain, third)) * unit)


def softened(image: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The image with less noise, as the threshold sees it."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image.astype(np.float32), 0.4 / spacing)


def wet(image: np.ndarray, contrast: str, limit: float) -> np.ndarray:
    """Where an image is fluid: bright in T2, dark in the others."""
    return image > limit if contrast == "T2" else image < limit


def deeper(head: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """What lies DEEP inside a head and at most HEIGHT below its top; measured on every second voxel."""
    from scipy.ndimage import distance_transform_edt

    deep = distance_transform_edt(head[::2, ::2, ::2], sampling=2 * spacing) > DEEP
    planes = np.flatnonzero(deep.any((0, 1)))
    if len(planes):
        deep[:, :, : max(0, int(planes[-1] + (DEEP - HEIGHT) / (2 * spacing[2])))] = False
    for axis, size in enumerate(head.shape):
        deep = deep.repeat(2, axis).take(range(size), axis)
    return deep


def shrinkage(where: Place, mask: np.ndarray) -> Field:
    """The velocity by which fluid wins over brain: up the slope of the share of fluid, in the frame index * spacing.

    At most 1 mm in a unit of time; zero outside of the inner brain, around disease and at the ends of the stack.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

    shape = np.array(where.fluid.shape)
    knots = np.ceil((shape - 1) * where.spacing / CELL).astype(int) + 1
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in knots), indexing="ij")) * CELL
    places = grid / where.spacing.reshape(3, 1, 1, 1)
    wide = CELL / where.spacing / 2
    fluid = map_coordinates(gaussian_filter(where.fluid.astype(np.float32), wide), places, order=1, mode="nearest")
    near = np.rint(places).astype(int).clip(0, (shape - 1).reshape(3, 1, 1, 1))
    room = distance_transform_edt((where.inner & ~mask)[tuple(near)], sampling=CELL)
    weight = np.clip((room - CELL) / (2 * CELL), 0, 1)
    slope = np.stack(np.gradient(gaussian_filter(fluid, 0.7))) if min(knots) > 1 else np.zeros((3, *knots), np.float32)
    slope *= weight
    return Field((slope / max(np.abs(slope).max(), 1e-9)).astype(np.float32), np.zeros(3), CELL)


def moved(
    image: np.ndarray, displacement: Field, box, free: np.ndarray, spacing: np.ndarray, order: int = 1
) -> np.ndarray:
    """The part of an image in `box` after the flow: each voxel takes what lies where the displacement leads.

    Voxels that are not `free`, or do not move, keep their value bit for bit; integers stay integers.
    """
    from scipy.ndimage import map_coordinates

    made = image[box].copy()
    for k in range(made.shape[2]):  # plane by plane, so that memory stays small
        axes = [np.arange(s.start, s.start + n) for s, n in zip(box, (*made.shape[:2], 1), strict=True)]
        axes[2] = axes[2] + k
        index = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float64)
        shift = displacement.at(index * spacing.reshape(3, 1, 1, 1)) / spacing.reshape(3, 1, 1, 1)
        found = map_coordinates(image, index + shift, np.float32, order=order, mode="nearest")[..., 0]
        found = np.rint(found) if image.dtype.kind in "iu" else found
        still = (np.abs(shift) < 1e-6).all(0)[..., 0] | ~free[box][..., k]
        made[..., k] = np.where(still, made[..., k], found.astype(image.dtype))
    return made


def loss(where: Place, image: np.ndarray, mask: np.ndarray, share: float) -> Field | None:
    """The displacement after which `share` of the inner brain's volume is left; None where all of it is.

    The flow's time is found by bisection on every second voxel, by the threshold of `place` on the moved image: the edges
    that interpolation blurs are counted as they will be measured. Raises ValueError where the brain cannot lose so much.
    """
    if share >= 1:
        return None
    field, two = shrinkage(where, mask), (slice(None, None, 2),) * 3
    inner = where.inner[two] & ~mask[two]
    index = np.argwhere(inner).T * 2
    points = index * where.spacing[:, None]
    soft, before = softened(image, where.spacing), float((~where.fluid[two] & inner).sum())

    def kept(time: float) -> float:
        from scipy.ndimage import map_coordinates

        at = index + flow(field, time, STEPS).at(points) / where.spacing[:, None]
        fluid = wet(map_coordinates(soft, at, order=1, mode="nearest"), where.contrast, where.limit)
        return float((~fluid).sum()) / before

    low, high = 0.0, 1.0
    while kept(high) > share:
        low, high = high, 2 * high
        if high > 32:
            raise ValueError(
                f"--atrophy: the inner brain cannot lose {100 * (1 - share):.0f} %: too little fluid in it"
            )
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) > share else (low, middle)
    return flow(field, (low + high) / 2, STEPS)
