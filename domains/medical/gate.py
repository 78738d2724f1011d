"""The gate: how unlike the heads it knows a scan is; a wrong contrast, another organ, a flipped head, CT given as MR.

A few figures of each plane, their mean and covariance over known planes of the contrast, and the Mahalanobis distance of the
median plane of a stack; the limit is what all but 2 % of stacks of unseen people stay below.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec
from difusa.domains.medical.scan import CONTRASTS

FILE = Path(__file__).parent / "weights" / "gate.json"
PLANES = 20  # of a stack, evenly taken from the middle half of those that show a head
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
FIGURES = (
    "area", "height over width", *(f"{100 * q:.0f} % darkest" for q in LEVELS), "left-right likeness", "front-back likeness",
    "wider in front", "brighter in front", "rim over middle", "detail",
)  # fmt: skip


def figures(plane: np.ndarray, head: np.ndarray) -> np.ndarray:
    """FIGURES of one encoded plane [rows, columns] of 1 mm with its head; zeros where there is hardly any head."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    if head.sum() < 200 or len(rows) < 12 or len(columns) < 12:
        return np.zeros(len(FIGURES))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    image, mask = plane[box].astype(np.float64), head[box]
    values = image[mask]
    third = max(1, len(image) // 3)
    like = lambda a: float(np.corrcoef(image.ravel(), a.ravel())[0, 1]) if values.std() else 0.0  # noqa: E731
    mean = lambda a, m: float(a[m].mean()) if m.any() else 0.0  # noqa: E731
    deep = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    steps = np.abs(np.diff(image, axis=0))[:, 1:] + np.abs(np.diff(image, axis=1))[1:]
    return np.array([
        np.log(head.sum()), len(rows) / len(columns), *np.quantile(values, LEVELS), like(image[:, ::-1]), like(image[::-1]),
        np.log((mask[:third].sum() + 1) / (mask[-third:].sum() + 1)),
        mean(image[:third], mask[:third]) - mean(image[-third:], mask[-third:]),
        mean(image, mask & (deep < 8)) - mean(image, deep > 20), np.log(steps[mask[1:, 1:]].mean() + 1e-3),
    ])  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What planes of one contrast are like: mean [n] and inverse covariance [n, n] of FIGURES; limit: of a stack's distance."""

    mean: np.ndarray
    inverse: np.ndarray
    limit: float

    def score(self, stack: np.ndarray) -> float:
        """Distance of the median plane of a stack [planes, n]; 1 is the limit."""
        off = np.median(stack, 0) - self.mean
        return float(np.sqrt(off @ self.inverse @ off) / self.limit)

    def reason(self, stack: np.ndarray) -> str:
        """The figure that is furthest off, in its own standard deviations."""
        deviations = (np.median(stack, 0) - self.mean) * np.sqrt(np.diag(self.inverse))
        k = int(np.argmax(np.abs(deviations)))
        return f"{FIGURES[k]} is {'above' if deviations[k] > 0 else 'below'} what heads show"


def fit(stacks: list[np.ndarray], share: float = 0.98) -> Known:
    """What the stacks [planes, n] of people have in common; every second person sets the limit. Raises ValueError for too few."""
    if len(stacks) < 20:
        raise ValueError(f"{len(stacks)} stacks are too few to know heads by: give at least 20 people")
    planes = np.concatenate(stacks[::2])
    spread = np.cov(planes.T) + np.diag(0.05 * planes.var(0) + 1e-4)
    known = Known(planes.mean(0), np.linalg.inv(spread), 1.0)
    scores = np.sort([known.score(s) for s in stacks[1::2]])
    return Known(
        known.mean, known.inverse, float(scores[min(len(scores) - 1, int(np.ceil(share * len(scores))))]) * 1.1
    )


def save(known: dict[str, Known], path: Path = FILE) -> None:
    """What is known of each contrast, as JSON."""
    from difusa.shared.files import write_json

    rounded = lambda a: np.round(a, 6).tolist()  # noqa: E731
    rows = {c: {"mean": rounded(k.mean), "inverse": rounded(k.inverse), "limit": k.limit} for c, k in known.items()}
    write_json(path, {"figures": FIGURES, "contrasts": rows})


def load(path: Path = FILE) -> dict[str, Known]:
    """What is known of each contrast; nothing where no gate was fitted. Raises ValueError for a broken file."""
    if not path.exists():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if tuple(told["figures"]) != FIGURES:
            return {}
        return {c: Known(np.array(k["mean"]), np.array(k["inverse"]), k["limit"]) for c, k in told["contrasts"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): install it anew") from error


def stack(planes: np.ndarray, head: np.ndarray) -> np.ndarray:
    """FIGURES [n, figures] of up to PLANES of an encoded stack [Z, rows, columns]."""
    there = np.flatnonzero(head.any((1, 2)))
    middle = there[len(there) // 4 : max(len(there) // 4 + 1, len(there) - len(there) // 4)]
    picked = middle[np.unique(np.linspace(0, len(middle) - 1, min(PLANES, len(middle))).round().astype(int))]
    found = np.stack([figures(planes[k], head[k]) for k in picked]) if len(picked) else np.zeros((1, len(FIGURES)))
    shown = found.any(1)  # planes with hardly any head say nothing, unless there are no others
    return found[shown] if shown.any() else found


def judge(ready, known: dict[str, Known] | None = None) -> dict:
    """The gate's word on prepared scans: accepted, score (1 is the limit; the worst of the scans), reason."""
    known = load() if known is None else known
    rows = []
    for k, contrast in enumerate(CONTRASTS):
        if not ready.present[k]:
            continue
        if contrast not in known:
            return {
                "accepted": True,
                "score": None,
                "reason": f"no gate was fitted for {contrast}: nothing was checked",
            }
        found = stack(ready.given[k], ready.head)
        rows.append((known[contrast].score(found), f"as {contrast}: {known[contrast].reason(found)}"))
    score, reason = max(rows)
    return {
        "accepted": score <= 1,
        "score": round(score, 3),
        "reason": "like the heads it knows" if score <= 1 else reason,
    }


def head_of(plane: np.ndarray, contrast: str) -> np.ndarray:
    """The head in a single encoded plane [rows, columns], as volumes.inside finds it."""
    from difusa.domains.medical.scan import Scan
    from difusa.domains.medical.volumes import inside

    whole = codec.decode(plane, contrast)[..., None]
    return inside(Scan(whole, np.eye(4), contrast), whole)[..., 0]
