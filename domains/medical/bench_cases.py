"""What the medical bench translates: planes of simulated people whose heads no model saw, and of real patients."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical import codec, data, gate, labels, simulate
from difusa.domains.medical.examples import window
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream

SIZE, UNIT = (224, 184), 8  # rows and columns of a simulated plane, 1 mm; what real planes are padded to
PEOPLE = 1_000_000  # first simulated person of the bench, so that no training example shares its random stream
OPTIONS = simulate.Options(stripped=0.0)
DIRECTIONS = {  # name -> given, wanted
    "T1->T2": (("T1",), "T2"), "T2->T1": (("T2",), "T1"), "T1->FLAIR": (("T1",), "FLAIR"),
    "T1+T2->FLAIR": (("T1", "T2"), "FLAIR"), "T1->CT": (("T1",), "CT"), "CT->T1": (("CT",), "T1"),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One plane of one person.

    group: patient, or simulated person. signals: contrast -> [rows, columns] float32, 1 = reference, CT in HU. tissue [rows,
    columns]: indices into TISSUES where the person is simulated.
    """

    name: str
    group: str
    signals: dict[str, np.ndarray]
    tissue: np.ndarray | None = None

    @property
    def real(self) -> bool:
        return self.tissue is None

    def has(self, direction: str) -> bool:
        """Whether the plane shows what the direction needs."""
        given, wanted = DIRECTIONS[direction]
        return {*given, wanted} <= set(self.signals)

    def encoded(self, contrast: str) -> np.ndarray:
        return codec.encode(self.signals[contrast], contrast)

    def head(self, contrast: str) -> np.ndarray:
        """Where the head is in a contrast [rows, columns]."""
        return gate.head_of(self.encoded(contrast), contrast)

    def example(self, given: tuple[str, ...], wanted: str) -> dict[str, np.ndarray]:
        """The plane as examples.Examples gives one."""
        air = np.array([codec.blank(c) for c in CONTRASTS], np.float32)[:, None, None]
        shown = np.broadcast_to(air, (len(CONTRASTS), *self.signals[wanted].shape)).copy()
        for c in given:
            shown[CONTRASTS.index(c)] = self.encoded(c)
        present = np.isin(CONTRASTS, given).astype(np.float32)
        target = np.int64(CONTRASTS.index(wanted))
        return {"clean": self.encoded(wanted)[None], "given": shown, "present": present, "target": target}


def simulated(heads: list[labels.Head], people: int, planes: int, seed: int = 0) -> list[Case]:
    """Planes of simulated people, lesions, tumours and atrophy among them, with skin and bone."""
    return [case for number in range(people) for case in painted(heads, seed, number, planes)]


def painted(heads: list[labels.Head], seed: int, number: int, planes: int) -> list[Case]:
    """Planes of simulated person `number`."""
    index, cases = PEOPLE + number, []
    who, group = simulate.person(heads, seed, index, OPTIONS), f"simulated-{number:03d}"
    for plane in range(planes):
        affine, shape = window(who.rest, SIZE, stream(seed, index, 10 + plane))
        made, tissue, _ = simulate.scans(who, CONTRASTS, seed, index, affine, shape, OPTIONS)
        signals = {c: codec.picture(image[..., 0]) for c, image in made.items()}
        cases.append(Case(f"{group}:{plane}", group, signals, codec.picture(tissue[..., 0])))
    return cases


def measured(found: list[data.Slices], patient: str, planes: int) -> list[Case]:
    """Up to `planes` planes of a real patient, evenly taken from all examinations."""
    cases = []
    for slices in found:
        rows = [r for r in np.flatnonzero(slices.patient == patient) if (slices.images[r, 0] > 40).mean() > 0.05]
        for row in picked(rows, planes):
            signals = {c: padded(slices.signal(row, c)) for c in slices.contrasts if c in CONTRASTS}
            cases.append(Case(f"{patient}:{row}", patient, signals))
    return cases


def picked(rows: list[int], count: int) -> list[int]:
    """`count` of the rows, evenly."""
    return [int(rows[k]) for k in np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


def padded(image: np.ndarray) -> np.ndarray:
    """With air up to multiples of UNIT."""
    return np.pad(image, [(0, -n % UNIT) for n in image.shape])
