"""Whether a talking face lives: eyes that blink, a mouth that opens and shuts, eyes and skin that are more than one picture.

Landmarks [468, 2] are of the MediaPipe canonical face mesh; whoever knows how to find them gives them.
"""

import numpy as np

SIGNS = ("eyelids rest", "lips rest", "eyes are one picture", "skin is one picture")
STEADY = (33, 133, 362, 263, 168, 6, 197)  # corners of the eyes, bridge of the nose: what expression hardly moves
LIDS = ((160, 144, 158, 153, 33, 133), (385, 380, 387, 373, 362, 263))  # upper, lower, upper, lower, corners
LIPS = (13, 14, 78, 308)
SQUARE = 64  # px of an upright face or eye
LEAST = 10  # frames with a face, for anything to be said


def openings(points: np.ndarray) -> np.ndarray:
    """[T, 2] of landmarks [T, 468, 2]: how far eyes and mouth are open, in parts of their width (Soukupova and Cech 2016)."""
    apart = lambda a, b: np.linalg.norm(points[:, a] - points[:, b], axis=1)  # noqa: E731
    lids = [(apart(a, b) + apart(c, d)) / (2 * apart(e, f) + 1e-6) for a, b, c, d, e, f in LIDS]
    return np.stack([np.mean(lids, 0), apart(*LIPS[:2]) / (apart(*LIPS[2:]) + 1e-6)], 1)


def onto(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """[2, 3] turn, scale and shift that bring points [n, 2] nearest to others (least squares)."""
    a, b = (p @ [1, 1j] for p in (points, to))
    turn = np.vdot(a - a.mean(), b - b.mean()) / max((np.abs(a - a.mean()) ** 2).sum(), 1e-9)
    shift = b.mean() - turn * a.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def steadied(frames: np.ndarray, points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Grey squares [T, SQUARE, SQUARE] of frames [T, H, W, 3] whose points [T, n, 2] lie on `to` [n, 2]."""
    import cv2

    grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY).astype(np.float32) for f in frames]
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return np.stack([cv2.warpAffine(g, onto(p, to), (SQUARE, SQUARE), **how) for g, p in zip(grey, points)])


def sameness(squares: np.ndarray, rows: slice, columns: slice, blur: float) -> float:
    """Log of how much of the fine detail of squares [T, S, S] stays beside how much changes."""
    import cv2

    fine = np.stack([s - cv2.GaussianBlur(s, (0, 0), blur) for s in squares])[:, rows, columns]
    return float(np.log(np.abs(fine.mean(0)).mean() + 0.05) - np.log(fine.std(0).mean() + 0.05))


def signs(frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[4] of frames uint8 [T, H, W, 3] with landmarks [T, 468, 2], by SIGNS: logarithms, large where nothing stirs."""
    first, half, side = points[0], slice(SQUARE // 4, 3 * SQUARE // 4), np.array([0.2, 0.8]) * SQUARE
    low, high = first.min(0), first.max(0)
    home = (first - (low + high) / 2) / (high - low).max() * 0.9 * SQUARE + SQUARE / 2
    skin = sameness(steadied(frames, points[:, STEADY], home[list(STEADY)]), half, half, 1.0)
    eyes = []
    for lids in LIDS:
        corners = list(lids[4:])
        across = side if first[corners[0], 0] < first[corners[1], 0] else side[::-1]
        squares = steadied(frames, points[:, corners], np.stack([across, [SQUARE / 2] * 2], 1))
        eyes.append(sameness(squares, slice(SQUARE // 3, 2 * SQUARE // 3), slice(SQUARE // 5, 4 * SQUARE // 5), 2.7))
    lids, lips = np.log(openings(points).std(0) + 0.005)
    return np.array([-lids, -lips, np.mean(eyes), skin])
