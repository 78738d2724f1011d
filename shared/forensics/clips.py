"""Video clips as arrays: read from a file, written to one; sound is neither read nor judged."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIDE, MOST, LEAST = 256, 900, 12  # longest side in px that is looked at; frames at most and at least
CODECS = {"MJPG": ".avi", "mp4v": ".mp4"}


@dataclass(frozen=True)
class Clip:
    """frames: uint8 [T, H, W, 3]; rate: frames a second; cut: whether the file went on after MOST frames."""

    frames: np.ndarray
    rate: float
    cut: bool = False


def read(path: Path) -> Clip:
    """The first MOST frames of a video, longest side at most SIDE px. Raises ValueError for what is no video, or too short."""
    import cv2

    from difusa.shared.forensics.deliveries import resized

    source, found = cv2.VideoCapture(str(path)), []
    try:
        rate = float(source.get(cv2.CAP_PROP_FPS))
        while len(found) <= MOST:
            more, frame = source.read()
            if not more:
                break
            scale = min(1.0, SIDE / max(frame.shape[:2]))
            height, width = (max(1, round(scale * n)) for n in frame.shape[:2])
            found.append(frame if scale == 1 else resized(frame, height, width))
    except cv2.error as error:
        raise ValueError(f"{path}: this video cannot be read ({error.err})") from error
    finally:
        source.release()
    if len(found) < LEAST:
        raise ValueError(f"{path}: {len(found)} frames could be read; a video is judged from {LEAST} on")
    if len({f.shape for f in found}) > 1:
        raise ValueError(f"{path}: its frames have several sizes")
    rate = rate if 1 <= rate <= 240 else 25.0  # what a broken header claims
    return Clip(np.stack(found[:MOST])[..., ::-1].copy(), rate, len(found) > MOST)


def write(path: Path, frames: np.ndarray, rate: float, codec: str = "MJPG", quality: int = 90) -> Path:
    """A video of frames uint8 [T, H, W, 3]; codec: one of CODECS, by which the name has to end; quality counts in MJPG alone."""
    import cv2

    if Path(path).suffix != CODECS[codec]:
        raise ValueError(f"{path}: {codec} is written into {CODECS[codec]}")
    size = frames.shape[2], frames.shape[1]
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, size)
    if not out.isOpened():
        raise OSError(f"{path}: cannot be written")
    out.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
    for frame in frames:
        out.write(np.ascontiguousarray(frame[..., ::-1]))
    out.release()
    return Path(path)
