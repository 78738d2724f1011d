"""Real planes of people with multiple sclerosis (open_ms_data), kept apart by patient.

The people of the two sets are others: the longitudinal ones are long-NN, the cross-sectional ones cross-NN.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

FILES = {
    "long": "openms_long_T1_T2_FLAIR_1mm_inplane.npz",
    "cross": "openms_cross_MNI_T1_T1GD_T2_FLAIR_1mm.npz",
}
CALIBRATE, TEST = ("long-04",), ("long-12", "cross-19")  # who is kept from the training of the models that ship


@dataclass(frozen=True)
class Slices:
    """Axial planes of one set.

    images [N, C, rows, columns] uint8, 255 = reference signal, front on top, 1 mm pixels; contrasts: of the C axes; patient [N]:
    long-01 and so on; study [N]: examination of the patient; z [N]: plane; lesions [N, rows, columns] uint8, or none.
    """

    images: np.ndarray
    contrasts: tuple[str, ...]
    patient: np.ndarray
    study: np.ndarray
    z: np.ndarray
    lesions: np.ndarray | None = None

    def signal(self, row: int, contrast: str) -> np.ndarray:
        """One plane [rows, columns] float32, 1 = reference. Raises ValueError where the set lacks the contrast."""
        return self.images[row, self.contrasts.index(contrast)].astype(np.float32) / 255


@lru_cache(2)
def openms(data: Path | str, kind: str) -> Slices:
    """One of the two sets; FileNotFoundError names the file that is missing."""
    path = Path(data) / "medical" / FILES[kind]
    with np.load(path, allow_pickle=False) as file:
        names = np.char.replace(file["subject"], "patient", f"{kind}-")
        parts = np.char.partition(names, "_study")
        study = np.where(parts[:, 2] == "", "1", parts[:, 2]).astype(int)
        lesions = file.get("labels", None)
        contrasts = tuple(str(m) for m in file["modalities"])
        return Slices(file["images"], contrasts, parts[:, 0], study, file["z"], lesions)


def sets(data: Path | str | None) -> list[Slices]:
    """The sets that are in the data folder."""
    return [openms(data, k) for k, name in FILES.items() if data and (Path(data) / "medical" / name).exists()]


def patients(found: list[Slices]) -> list[str]:
    """Who is in the sets."""
    return sorted({str(p) for s in found for p in np.unique(s.patient)})


def rows(found: list[Slices], split: str, held: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    """(set, row) of the planes of a split's patients, those that show at least a twentieth of bright pixels.

    held: patients that training leaves out in place of CALIBRATE and TEST; they are then both other splits. Raises ValueError
    for a patient that is not there.
    """
    known = patients(found)
    if unknown := [p for p in held if p not in known]:
        raise ValueError(f"patient {unknown[0]!r} is none of {', '.join(known)}")
    away = {"calibrate": held or CALIBRATE, "test": held or TEST}
    kept = set(away[split]) if split in away else set(known) - set(held or CALIBRATE + TEST)
    return [
        (n, int(row))
        for n, s in enumerate(found)
        for row in np.flatnonzero(np.isin(s.patient, list(kept)))
        if (s.images[row, 0] > 40).mean() > 0.05
    ]
