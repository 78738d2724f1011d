"""Planes that agree: brightness that jumps from plane to plane, though the sources do not, is taken out.

Each plane is translated alone, and guesses anew how bright a tissue is. In windows of cells across the planes the result is
fitted as a linear map of the sources (He et al. 2013, guided filter); of what the fit leaves, the part that changes fast across
the planes and slowly inside them is the flicker. What the sources show to change stays, and so does what several planes share.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter, zoom

CELL = 4  # pixels a side: finer detail is never touched
WINDOW = 3  # cells a side
REACH = 4.0  # millimetres across the planes: of a window, and the standard deviation of what counts as slow
RIDGE = 1e-3  # of the fit, in units of the encoded signal squared: where the sources are flat they explain nothing


def steady(made: np.ndarray, seen: np.ndarray, head: np.ndarray, step: float) -> np.ndarray:
    """made [Z, rows, columns] encoded, without flicker inside the head [Z, rows, columns].

    seen [K, Z, rows, columns]: the sources, encoded; step: millimetres between planes, of which the sides are multiples of CELL.
    Planes further apart than REACH are left as they are, and so is a single one.
    """
    reach = int(REACH / step)
    if reach < 1 or len(made) == 1:
        return made
    share = cells(head.astype(np.float32))
    low = [cells(a * head) / np.maximum(share, 1e-6) for a in (made, *seen)]
    left = unexplained(low[0], np.stack(low[1:]), share, (2 * reach + 1, WINDOW, WINDOW))
    flat = weighted(left, share, lambda x: uniform_filter(x, (1, WINDOW, WINDOW), mode="constant"))
    slow = weighted(flat, share, lambda x: gaussian_filter1d(x, REACH / step, axis=0, mode="constant"))
    jumps = np.where(share > 0.25, flat - slow, 0)
    return (made - zoom(jumps, (1, CELL, CELL), order=1, grid_mode=True, mode="nearest") * head).astype(np.float32)


def unexplained(made: np.ndarray, seen: np.ndarray, share: np.ndarray, window: tuple[int, int, int]) -> np.ndarray:
    """What a linear map of the sources [K, ...], fitted in each window and averaged over the windows, leaves of made."""
    mean = lambda x: weighted(x, share, lambda y: uniform_filter(y, window, mode="constant"))  # noqa: E731
    centre, centres = mean(made), np.stack([mean(s) for s in seen])
    with_made = np.stack([mean(s * made) - c * centre for s, c in zip(seen, centres)], -1)
    each_other = np.array([[mean(a * b) - c * d for b, d in zip(seen, centres)] for a, c in zip(seen, centres)])
    each_other = np.moveaxis(each_other, (0, 1), (-2, -1)) + RIDGE * np.eye(len(seen))
    slopes = np.moveaxis(np.linalg.solve(each_other, with_made[..., None])[..., 0], -1, 0)
    base = mean(centre - (slopes * centres).sum(0))
    return made - base - sum(mean(slope) * s for slope, s in zip(slopes, seen))


def cells(planes: np.ndarray) -> np.ndarray:
    """Means of CELL x CELL pixels of each plane."""
    depth, rows, columns = planes.shape
    return planes.reshape(depth, rows // CELL, CELL, columns // CELL, CELL).mean((2, 4))


def weighted(values: np.ndarray, weight: np.ndarray, smooth) -> np.ndarray:
    """A smoothing that counts each place by its weight."""
    return smooth(weight * values) / np.maximum(smooth(weight), 1e-6)
