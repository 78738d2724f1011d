"""Rows of the bench for synthetic data that helps: a segmenter of lesions, tested on a real patient it never saw."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical import codec, data, labels, segmenting, simulate
from difusa.domains.medical.bench_cases import padded
from difusa.domains.medical.bench_setup import Setup
from difusa.domains.medical.examples import window
from difusa.shared.seeds import stream

LEARNS, TESTED = "cross-07", "cross-19"
CONTRASTS = ("T1", "T2", "FLAIR")
FEW, RARE = 5, 20  # planes of the learner that bear lesions; planes without for one with, of the rare class
SIZE, PEOPLE = 96, 3_000_000  # of a window; first simulated person
FULL = 224, 192  # of a simulated plane


@dataclass(frozen=True)
class Arm:
    """What a segmenter learns from: real planes that bear lesions, and that do not; simulated ones."""

    name: str
    sick: int | None  # None: all there are
    well: int | None
    simulated: bool

    def rows(self, real: list[segmenting.Example], painted: list[segmenting.Example], seed: int):
        """The planes, and how often each is drawn: real and simulated ones half of the time, where there are both, and of the
        real ones those that bear lesions half of the time."""
        order = stream(seed, 0, 8).permutation(len(real))
        sick = [real[k] for k in order if real[k][1].sum() >= 20][: self.sick]
        well = [real[k] for k in order if real[k][1].sum() == 0][: self.well]
        other = list(painted) if self.simulated else []
        kinds = [(p, w) for p, w in ((sick, 1), (well, 1), (other, 2 if sick or well else 1)) if p]
        chances = np.concatenate([np.full(len(p), w / len(p)) for p, w in kinds])
        return [plane for p, _ in kinds for plane in p], chances / chances.sum()


ARMS = (
    Arm("all real (TRTR)", None, None, False),
    Arm("synthetic only (TSTR)", 0, 0, True),
    Arm(f"{FEW} real planes", FEW, FEW, False),
    Arm(f"{FEW} real planes and synthetic", FEW, FEW, True),
    Arm(f"rare 1:{RARE}, real", 1, RARE, False),
    Arm(f"rare 1:{RARE}, real and synthetic", 1, RARE, True),
)


def real(setup: Setup, patient: str) -> list[segmenting.Example]:
    """Planes of a patient with their lesions. Raises FileNotFoundError without the labelled set."""
    found = next((s for s in setup.sets if s.lesions is not None and patient in s.patient), None)
    if found is None:
        raise FileNotFoundError(
            f"{patient} with labelled lesions is not in {setup.folder / 'medical'}: {data.FILES['cross']}"
        )
    rows = [r for r in np.flatnonzero(found.patient == patient) if (found.images[r, 0] > 40).mean() > 0.05]
    return [
        (
            np.stack([codec.encode(padded(found.signal(r, c)), c) for c in CONTRASTS]),
            padded((found.lesions[r] > 0).astype(np.uint8)),
        )
        for r in rows
    ]


def synthetic(setup: Setup, people: int) -> list[segmenting.Example]:
    """Two planes each of simulated people with lesions, brain only, as the real set is."""
    from difusa.domains.medical.tissues import INDEX

    heads, rows = labels.heads(setup.asked.data, "train"), []
    options = simulate.Options(stripped=1.0, tumours=0.0)
    for number in range(people):
        index = PEOPLE + number
        who = simulate.person(heads, setup.asked.seed, index, options, "lesions")
        for k in range(2):
            affine, shape = window(who.rest, FULL, stream(setup.asked.seed, index, 10 + k))
            made, tissue, _ = simulate.scans(who, CONTRASTS, setup.asked.seed, index, affine, shape, options)
            picture = np.stack([codec.encode(codec.picture(made[c][..., 0]), c) for c in CONTRASTS])
            rows.append((picture, (codec.picture(tissue[..., 0]) == INDEX["lesion"]).astype(np.uint8)))
    return rows


def helps(setup: Setup) -> None:
    """Each arm by each seed: the same network and steps, Dice over all voxels of the tested patient."""
    people, steps = setup.usual(None, 60, 6), setup.usual(None, 400, 30)
    learns, tested = real(setup, LEARNS), real(setup, TESTED)
    painted = synthetic(setup, people)

    def score_of(arm: Arm):
        def score(items):
            for item in items:
                seed = int(item.split()[1])
                rows, chances = arm.rows(learns, painted, seed)
                examples = segmenting.among(rows, SIZE, seed, chances)
                made = segmenting.trained(
                    examples, len(CONTRASTS), 2, steps=steps, seed=seed, weights=(1.0, 30.0), device=setup.asked.device
                )
                yield pooled(made, tested)

        return score

    for arm in ARMS:
        row = setup.store.row(
            arm.name, "synthetic", [f"seed {s}" for s in setup.seeds], score_of(arm), seeds=setup.seeds,
            settings={"steps": steps, "people": people if arm.simulated else 0, "tested": TESTED, "learns": LEARNS},
        )  # fmt: skip
        setup.tell(row, ("dice", "recall", "precision"))


def pooled(made, tested: list[segmenting.Example]) -> dict[str, float]:
    """dice, recall and precision of lesions over all voxels; planes_found, planes_false: share of planes with and without lesions
    that are said to bear some."""
    hit = said = true = 0
    planes = []
    for picture, labels_ in tested:
        found = segmenting.labelled(made, picture)
        hit += int(((found == 1) & (labels_ == 1)).sum())
        said += int((found == 1).sum())
        true += int(labels_.sum())
        planes.append((int((found == 1).sum()) >= 20, int(labels_.sum()) >= 20))
    sick = [a for a, b in planes if b]
    well = [a for a, b in planes if not b]
    told = {"planes_found": float(np.mean(sick))} if sick else {}
    told |= {"planes_false": float(np.mean(well))} if well else {}
    return {"dice": 2 * hit / max(said + true, 1), "recall": hit / max(true, 1), "precision": hit / max(said, 1)} | told
