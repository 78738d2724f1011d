"""From scans to what the network sees, and back: one upright grid of about 1 mm in the plane, cut to the head."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical import codec, geometry
from difusa.domains.medical.scan import CONTRASTS, Scan

NEAR = 0.15  # millimetres from 1 mm at which pixels are taken as they are
MARGIN = 6  # pixels around the head
HEAD = 0.06  # of the reference signal: what is brighter is head; for CT what is denser than -500 HU


@dataclass(frozen=True)
class Prepared:
    """Sources on the work grid, and what leads back.

    given [5, Z, rows, columns] float32 encoded, in the order of CONTRASTS; present [5]; head [Z, rows, columns] bool; affine,
    shape: of the work grid (upright [X, Y, Z]); cut: rows and columns of the whole plane that `given` shows; turn, first: of the
    first scan, whose grid the result gets; scale: intensity of the result that stands for the reference signal.
    """

    given: np.ndarray
    present: np.ndarray
    head: np.ndarray
    affine: np.ndarray
    shape: tuple[int, int, int]
    cut: tuple[slice, slice]
    turn: geometry.Turn
    first: Scan
    scale: float

    @property
    def spacing(self) -> np.ndarray:
        """Millimetres between columns, rows and planes."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(0))


def inside(scan: Scan, signal: np.ndarray) -> np.ndarray:
    """Where the head is: brighter than air, holes filled plane by plane."""
    from scipy.ndimage import binary_fill_holes, binary_opening

    bright = signal > (-500 if scan.contrast == "CT" else HEAD)
    opened = binary_opening(bright, np.ones((3, 3, 1)))
    return np.stack([binary_fill_holes(opened[:, :, k]) for k in range(opened.shape[2])], -1)


def prepare(scans: list[Scan], unit: int) -> Prepared:
    """The scans on one grid, that of the first, padded to multiples of `unit` in the plane.

    Raises ValueError for a contrast that is unknown or given twice, scans that do not overlap, an empty scan.
    """
    names = [s.contrast for s in scans]
    for name in names:
        if name not in CONTRASTS:
            raise ValueError(f"contrast {name}: is none of {', '.join(CONTRASTS)}; say which one it is by --from")
    if len(set(names)) < len(names):
        raise ValueError(f"two scans of one contrast ({', '.join(names)}): give each contrast once")
    first = scans[0]
    turn = geometry.turn_of(first.affine)
    affine = turn.affine(first.affine, first.array.shape)
    upright = turn.upright(first.array)
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))
    wanted = [1.0 if abs(s - 1) > NEAR else s for s in spacing[:2]] + [spacing[2]]
    work, shape = geometry.with_spacing(affine, upright.shape, wanted)
    signals, references = {}, {}
    for scan in scans:
        moved = geometry.on_grid(scan.array, scan.affine, work, shape)
        references[scan.contrast] = 1.0 if scan.contrast == "CT" else codec.reference(scan.array)
        signals[scan.contrast] = moved / np.float32(references[scan.contrast])
    head = inside(first, signals[first.contrast])
    if not head.any():
        raise ValueError("the first scan holds no head: nothing is brighter than the air around")
    for scan in scans[1:]:
        if not (inside(scan, signals[scan.contrast]) & head).sum() > 0.3 * head.sum():
            raise ValueError(
                f"the {scan.contrast} scan lies elsewhere than the {first.contrast} scan: align them first"
            )
    shown = codec.picture(np.moveaxis(head, 2, 0))
    cut = tuple(_span(shown.any((0, 2 - axis)), unit) for axis in (0, 1))
    given = np.empty((len(CONTRASTS), len(shown), *(c.stop - c.start for c in cut)), np.float32)
    for k, name in enumerate(CONTRASTS):
        if name in signals:
            given[k] = _cut(codec.picture(np.moveaxis(codec.encode(signals[name], name), 2, 0)), cut, codec.blank(name))
        else:
            given[k] = codec.blank(name)
    present = np.isin(CONTRASTS, names).astype(np.float32)
    scale = references[first.contrast] if first.contrast != "CT" else 1000.0
    return Prepared(given, present, _cut(shown, cut, False), work, shape, cut, turn, first, scale)


def _span(used: np.ndarray, unit: int) -> slice:
    """First to last used place with a margin, widened to a multiple of unit; it may reach beyond either end."""
    places = np.flatnonzero(used)
    low, high = places[0] - MARGIN, places[-1] + 1 + MARGIN
    return slice(int(low), int(low + -(-(high - low) // unit) * unit))


def _cut(planes: np.ndarray, cut: tuple[slice, slice], fill) -> np.ndarray:
    """planes [Z, rows, columns] cut; beyond their edge `fill`."""
    out = np.full((len(planes), *(c.stop - c.start for c in cut)), fill, planes.dtype)
    there = [slice(max(c.start, 0), min(c.stop, n)) for c, n in zip(cut, planes.shape[1:], strict=True)]
    here = [slice(t.start - c.start, t.stop - c.start) for t, c in zip(there, cut, strict=True)]
    out[:, here[0], here[1]] = planes[:, there[0], there[1]]
    return out


def restore(ready: Prepared, planes: np.ndarray, fill: float) -> np.ndarray:
    """Planes [Z, rows, columns] of the cut work grid -> an array on the first scan's own grid [X, Y, Z] float32."""
    width, height, depth = ready.shape
    whole = np.full((depth, height, width), fill, np.float32)
    there = [slice(max(c.start, 0), min(c.stop, n)) for c, n in zip(ready.cut, (height, width), strict=True)]
    here = [slice(t.start - c.start, t.stop - c.start) for t, c in zip(there, ready.cut, strict=True)]
    whole[:, there[0], there[1]] = planes[:, here[0], here[1]]
    upright = np.moveaxis(codec.plane(whole), 0, 2)
    return geometry.on_grid(np.ascontiguousarray(upright), ready.affine, ready.first.affine, ready.first.array.shape)
