"""Stacks of neighbouring planes of real patients, as the gate is shown them."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical import codec, data, gate
from difusa.domains.medical.scan import CONTRASTS

STACK, APART = 20, 6  # planes of a real stack; rows from one stack's beginning to the next


@dataclass(frozen=True)
class Stack:
    """Encoded planes [Z, rows, columns] said to be of a contrast; group: who they are of; kind: what is wrong, if anything."""

    name: str
    group: str
    kind: str
    planes: np.ndarray
    said: str

    @property
    def seen(self) -> np.ndarray:
        """As the gate's networks see it."""
        return gate.stack(self.planes, np.stack([gate.head_of(p, self.said) for p in self.planes]), self.said)


def right(sets: list[data.Slices], patients: tuple[str, ...]) -> list[Stack]:
    """Stacks of STACK neighbouring planes of real patients, each contrast as what it is; neighbours overlap."""
    found = []
    for slices in sets:
        for patient in sorted({str(p) for p in slices.patient} & set(patients)):
            for study in np.unique(slices.study[slices.patient == patient]):
                rows = rows_of(slices, patient, study)
                for first in range(0, max(1, len(rows) - STACK + 1), APART):
                    for contrast in [c for c in slices.contrasts if c in CONTRASTS]:
                        signals = [slices.signal(r, contrast) for r in rows[first : first + STACK]]
                        planes = np.stack([codec.encode(s, contrast) for s in signals])
                        name = f"{patient}/{study}/{first}/{contrast}"
                        found.append(Stack(name, patient, "right", planes, contrast))
    return found


def rows_of(slices: data.Slices, patient: str, study: int) -> np.ndarray:
    """The planes of an examination that show enough of a head."""
    rows = np.flatnonzero((slices.patient == patient) & (slices.study == study))
    return rows[[(slices.images[r, 0] > 40).mean() > 0.05 for r in rows]]
