"""Real and generated stacks of planes that the detector of scans is fitted, calibrated and tested on; there are few patients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec, data, labels, simulate
from difusa.domains.medical.bench_cases import SIZE, padded
from difusa.domains.medical.examples import window
from difusa.domains.medical.forensics import KNOWN, PLANES, figures
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.forensics.tables import REAL, Table
from difusa.shared.seeds import stream

SIMULATED, TRANSLATED = "Difusa simulator", "Difusa translator"
FAMILIES = (SIMULATED, TRANSLATED)
FIRST = 2_000_000  # number of the first simulated person
EVERY = 2 * PLANES  # planes from one real stack's beginning to the next


@dataclass(frozen=True, eq=False)
class Stack:
    """Signals [Z, rows, columns] of a contrast; step: millimetres between the planes; group: who it is of."""

    planes: np.ndarray
    contrast: str
    group: str
    step: float


@dataclass(frozen=True)
class Source:
    """What sampling.sample looks at of volumes.Prepared."""

    given: np.ndarray
    present: np.ndarray
    spacing: np.ndarray
    head: np.ndarray


def real(folder: Path) -> list[Stack]:
    """Stacks of neighbouring planes of the real patients, all contrasts that are KNOWN."""
    found = []
    for slices in data.sets(folder):
        for patient in sorted({str(p) for p in slices.patient}):
            for study in np.unique(slices.study[slices.patient == patient]):
                rows = np.flatnonzero((slices.patient == patient) & (slices.study == study))
                rows = rows[[(slices.images[r, 0] > 40).mean() > 0.08 for r in rows]]
                for first in range(0, len(rows) - PLANES + 1, EVERY):
                    part = rows[first : first + PLANES]
                    if np.diff(slices.z[part]).max() > 1:
                        continue
                    for contrast in [c for c in slices.contrasts if c in KNOWN]:
                        planes = np.stack([padded(slices.signal(r, contrast)) for r in part])
                        step = 3.0 if patient.startswith("long") else 1.0
                        found.append(Stack(planes, contrast, patient, step))
    return found


def simulated(folder: Path, people: int, seed: int) -> list[Stack]:
    """A stack of each KNOWN contrast of simulated people, of 1 or 3 mm steps, some stripped to the brain."""
    heads, found = labels.heads(folder, "train") + labels.heads(folder, "test"), []
    options = simulate.Options(stripped=0.5)
    for number in range(FIRST, FIRST + people):
        step = (1.0, 3.0)[number % 2]
        who = simulate.person(heads, seed, number, options)
        affine, shape = window(who.rest, SIZE, stream(seed, number, 10))
        affine = affine.copy()
        affine[2, 2] = step
        made, _, _ = simulate.scans(who, KNOWN, seed, number, affine, (*shape[:2], PLANES), options)
        for contrast, image in made.items():
            planes = codec.picture(np.moveaxis(image, 2, 0))
            found.append(Stack(planes, contrast, f"simulated-{who.head.name}", step))
    return found


def translated(stacks: list[Stack], count: int, seed: int) -> list[Stack]:
    """T2 and FLAIR that the shipped translator makes of the first `count` real T1 stacks, each patient in turn."""
    from difusa.domains.medical.sampling import Plan, expected, sample
    from difusa.domains.models import find

    model = find("anytoany", domain="medical")
    denoise, found = model.load(), []
    sources = [s for s in stacks if s.contrast == "T1"]
    turns = sorted(sources, key=lambda s: [t for t in sources if t.group == s.group].index(s))[:count]
    for number, source in enumerate(turns):
        given = np.stack([np.full_like(source.planes, codec.blank(c)) for c in CONTRASTS])
        given[CONTRASTS.index("T1")] = codec.encode(source.planes, "T1")
        seen = Source(
            given, np.isin(CONTRASTS, ["T1"]).astype(np.float32), np.array([1.0, 1.0, source.step]), source.planes >= 0
        )
        target = ("T2", "FLAIR")[number % 2]
        plan, guess = Plan(samples=1, seed=seed), expected(denoise, seen, target)
        made = sample(denoise, seen, target, plan, number, guess=guess)
        found.append(Stack(codec.decode(made, target), target, source.group, source.step))
    return found


def table(folder: Path, n: int, seed: int = 0) -> Table:
    """Figures of all real stacks, of n simulated people and of n translated stacks; groups: patients and simulated heads."""
    measured = real(folder)
    rows = [(s, REAL) for s in measured]
    rows += [(s, SIMULATED) for s in simulated(folder, n, seed)] + [
        (s, TRANSLATED) for s in translated(measured, n, seed)
    ]
    kept = []
    for stack, family in rows:
        try:
            kept.append((figures(stack.planes, stack.contrast), family, stack.group))
        except ValueError:  # a stack above the head
            continue
    x, families, groups = zip(*kept, strict=True)
    return Table(np.stack(x), tuple(families), tuple(groups))
