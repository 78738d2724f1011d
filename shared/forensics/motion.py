"""Whether the frames of a video follow each other as what a camera sees does: jumps of the optical flow, frames that their
neighbours do without. Each sign is measured against the rest of the clip, so a shaky camera excuses itself.
"""

import numpy as np

WINDOW = 8  # frames to either side that say what is usual
BLOCK = 16  # px
SIGNS = ("detour", "neighbours fit better without it", "also with the motion undone")


def flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[H, W, 2] px by which each place of `before` [H, W] moved (dense inverse search, Kroeger et al. 2016)."""
    import cv2

    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(before, after, None)


def unlike(before: np.ndarray, after: np.ndarray, moved: np.ndarray) -> float:
    """Log of the mean difference in grey levels that is left when the motion is undone."""
    import cv2

    y, x = np.indices(before.shape, np.float32)
    back = cv2.remap(after, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.log(cv2.absdiff(before, back).mean() + 0.5))


def blocks(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Mean difference in grey levels of two frames [H, W] by squares of BLOCK px."""
    import cv2

    away = cv2.absdiff(before, after).astype(np.float32)
    down, across = (max(1, n // BLOCK) for n in away.shape)
    whole = away[: down * BLOCK, : across * BLOCK]
    return cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA)


def signs(frames: np.ndarray) -> np.ndarray:
    """[T, 3] how far each frame of uint8 [T, H, W, 3] departs from its neighbours, by SIGNS; 0 is usual.

    Detour: by how much the lesser of a frame's two steps is longer than the step from its one neighbour to the other, in tenths
    of that one. The other two, in robust standard deviations of the frames around: the same over all squares alike, and with the
    motion undone. A cut is no sign: on either side of it the frames follow each other, so the lesser step is short.
    """
    import cv2

    grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY) for f in frames]
    pairs, wide = list(zip(grey, grey[1:])), list(zip(grey, grey[2:]))
    step, over = ([unlike(a, b, flow(a, b)) for a, b in which] for which in (pairs, wide))
    near, far = (np.stack([blocks(a, b) for a, b in which]) for which in (pairs, wide))
    lesser = np.minimum(near[:-1], near[1:])
    detour = (lesser - far).clip(0).mean((1, 2)) / (far.mean((1, 2)) + 0.5)
    alike = np.log((lesser + 0.5) / (far + 0.5)).mean((1, 2))
    found = np.zeros((len(frames), len(SIGNS)))
    undone = np.minimum(step[:-1], step[1:]) - np.array(over)
    found[1:-1] = np.stack([10 * detour, unusual(alike), unusual(undone)], 1)
    return found


def unusual(series: np.ndarray) -> np.ndarray:
    """[n] distance of each value above the median of the WINDOW around it, in robust standard deviations of the whole."""
    near = [np.median(series[max(0, k - WINDOW) : k + WINDOW + 1]) for k in range(len(series))]
    off = series - near
    return off / (1.4826 * np.median(np.abs(off)) + 0.02)


def figures(found: np.ndarray) -> np.ndarray:
    """[3] of a clip's signs [T, 3]: the logarithm of the strongest of each."""
    return np.log1p(found.max(0).clip(0))


def by_second(found: np.ndarray, rate: float) -> list[dict]:
    """The strongest of each sign in every second."""
    seconds = (np.arange(len(found)) / rate).astype(int)
    rows = [found[seconds == s].max(0) for s in range(seconds[-1] + 1)]
    return [{"second": s} | dict(zip(SIGNS, r.clip(0).round(2).tolist())) for s, r in enumerate(rows)]
