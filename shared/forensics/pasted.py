"""Whether the face of a video was compressed otherwise than what is around it: its fine detail, and how that flickers.

A face that another program made passes through a file or a network of its own before it is put back. What that takes away of
the finest detail is missing inside of the face alone. Skin is smoother than a seat or a hedge, so each place's finest detail is
taken over its own next coarser one. Landmarks are given by whoever knows how to find them.
"""

from collections.abc import Callable

import numpy as np

LOOKS = 12  # frames of a clip in which the face is looked at
SIGNS = ("the finest detail lacks in the face", "fine detail flickers less in the face")


def zones(shape: tuple[int, int], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inside of the face, and what lies around it, bool [H, W]; points [n, 2] in px. Its outline belongs to neither."""
    import cv2

    hull = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.int32(np.rint(points))), 1)
    width = max(3, round(0.06 * np.ptp(points[:, 1])))

    def kernel(n: int) -> np.ndarray:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * n + 1, 2 * n + 1))

    around = cv2.dilate(hull, kernel(5 * width)) - cv2.dilate(hull, kernel(width))
    return cv2.erode(hull, kernel(width)).astype(bool), around.astype(bool)


def signs(
    frames: np.ndarray, landmarks: Callable[[int], np.ndarray | None]
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Places [k] of the frames of uint8 [T, H, W, 3] in which the face was looked at, and their signs [k, 2] by SIGNS: logarithms
    of outside over inside, of the finest detail over the next coarser one, and of how the finest changes from frame to frame.
    landmarks(place): those of a frame, [n, 2] in px, None without a face.
    """
    import cv2

    found, at = [], []
    for place in np.linspace(0, len(frames) - 2, min(LOOKS, len(frames) - 1)).round().astype(int):
        points = landmarks(int(place))
        if points is None:
            continue
        pair = [
            cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY).astype(np.float32) for f in frames[place:][:2]
        ]
        near, far = (cv2.GaussianBlur(pair[0], (0, 0), width) for width in (1.0, 2.0))
        fine, later = pair[0] - near, pair[1] - cv2.GaussianBlur(pair[1], (0, 0), 1.0)
        inside, around = zones(fine.shape, points)
        if min(inside.sum(), around.sum()) < 50:
            continue
        lacks, coarser, flickers = (level(x, around) - level(x, inside) for x in (fine, near - far, later - fine))
        found.append([lacks - coarser, flickers])
        at.append(place)
    return np.array(at, int), np.array(found).reshape(-1, len(SIGNS))


def level(fine: np.ndarray, where: np.ndarray) -> float:
    """Log of the mean size of fine detail [H, W] in a part of it."""
    return float(np.log(np.abs(fine[where]).mean() + 0.1))
