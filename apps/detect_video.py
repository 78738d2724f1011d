"""Videos for `difusa detect`: signs of manipulation, second by second. No verdict is drawn from them; sound is not judged."""

from pathlib import Path

import numpy as np

from difusa.shared.forensics import clips, liveliness, motion, pasted
from difusa.shared.forensics.judging import UNSURE, Judged

OUTSIDE = "signs in videos were tried on one speaker alone, so they are told and no verdict is drawn from them"
VOICES = "its sound is not judged: cloned voices are not recognised"


def judge(path: Path) -> Judged:
    """What the frames of a video show. Raises ValueError for what is no video, or too short.

    figures: strongest of each sign of the frames' order; of the face, the median over the frames looked at (None without one);
    timeline: one row a second. probability stays at one half: nothing was calibrated.
    """
    clip = clips.read(path)
    ordered = motion.signs(clip.frames)
    rows = motion.by_second(ordered, clip.rate)
    points, places = faces(clip.frames)
    told = {k: round(float(v), 3) for k, v in zip(motion.SIGNS, ordered.max(0))}
    told |= of_face(clip, points, places, rows)
    worst = max(rows, key=lambda r: r[motion.SIGNS[0]])
    reasons = [
        f"{motion.SIGNS[0]}: {worst[motion.SIGNS[0]]:g} in second {worst['second']}",
        f"a face in {len(places)} of {len(clip.frames)} frames",
    ]
    reasons += [f"only the first {len(clip.frames)} frames were looked at"] if clip.cut else []
    return Judged(
        "video", UNSURE, 0.5, 0.0, 1.0, OUTSIDE, reasons=(*reasons, VOICES), figures=told | {"timeline": rows}
    )  # fmt: skip


def faces(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [k, 468, 2] and the frames [k] in which a face was found."""
    from difusa.domains.heritage.faces import landmarks

    found = [landmarks(f) for f in frames]
    places = np.array([k for k, p in enumerate(found) if p is not None], int)
    return np.array([found[k] for k in places]).reshape(-1, 468, 2), places


def of_face(clip: clips.Clip, points: np.ndarray, places: np.ndarray, rows: list[dict]) -> dict:
    """The signs of the face over the whole clip; each second's are added to its row."""
    known = dict(zip(places.tolist(), points))
    second = (places / clip.rate).astype(int)
    for row in rows:
        here = second == row["second"]
        if here.sum() >= liveliness.LEAST:
            row |= rounded(liveliness.SIGNS, liveliness.signs(clip.frames[places[here]], points[here]))
    names = (*pasted.SIGNS, *liveliness.SIGNS)
    if len(places) < liveliness.LEAST:
        return dict.fromkeys(names)
    _, seen = pasted.signs(clip.frames, known.get)
    lively = liveliness.signs(clip.frames[places], points)
    within = np.median(seen, 0) if len(seen) else [None] * len(pasted.SIGNS)
    return rounded(names, [*within, *lively])


def rounded(names, values) -> dict:
    return {k: None if v is None else round(float(v), 3) for k, v in zip(names, values, strict=True)}
