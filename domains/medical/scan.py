"""A scan: voxels on a grid in the patient's space, and what is known of its contrast and of where it came from."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

CONTRASTS = ("T1", "T2", "PD", "FLAIR", "CT")
NOTICE = "Synthetic image for research use, not for diagnosis"
# What of an acquisition may reach an output: numbers and codes of the machine's settings, nothing that tells of a person.
ACQUISITION = (
    "MagneticFieldStrength", "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "ScanningSequence",
    "SliceThickness", "BodyPartExamined", "PatientPosition", "KVP",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """The DICOM series that a scan was read from; instances: SOP Instance UID of each slice, in the array's order."""

    study: str
    series: str
    frame: str
    sop_class: str
    instances: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where a scan came from.

    kind: array, nifti, dicom or simulator. sha256: of the file, or of the series' files in the array's order. acquisition:
    ACQUISITION keyword -> value, times in milliseconds, as in DICOM. identity: DICOM keyword -> text of what tells who and when;
    written only when asked for, and left out of repr(). words: the series' description, read for its contrast and never written.
    """

    kind: str = "array"
    sha256: str = ""
    acquisition: dict = field(default_factory=dict)
    series: Series | None = None
    identity: dict = field(default_factory=dict, repr=False)
    words: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scan:
    """Voxels [X, Y, Z] in the file's own number type, in HU for CT; affine [4, 4] float64: voxel index -> RAS+ millimetres.

    contrast: one of CONTRASTS (or another name, which no model knows), None where nothing tells it.
    """

    array: np.ndarray
    affine: np.ndarray
    contrast: str | None = None
    source: Source = field(default_factory=Source)

    def __post_init__(self):
        if self.array.ndim != 3 or self.affine.shape != (4, 4):
            raise ValueError(
                f"a scan is an array [X, Y, Z] with an affine [4, 4], got {self.array.shape} and {self.affine.shape}"
            )

    @property
    def spacing(self) -> np.ndarray:
        """Distance of neighbouring voxels along each axis, millimetres [3]."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(0))


@dataclass(frozen=True)
class Made:
    """How a scan came about, as every file of it tells.

    how: translated, simulated, ...; seed and index: of its random stream; model: name and SHA-256 of the weights, if any;
    sources: what it was made from; settings: further facts, JSON values; notice: what every file says first, at most 79 letters.
    """

    how: str
    seed: int = 0
    index: int = 0
    model: tuple[str, str] | None = None
    sources: tuple[Source, ...] = ()
    settings: dict | None = None
    notice: str = NOTICE

    def uid(self, *parts) -> str:
        """A UID that the same seed, index, sources and parts always give: 2.25 and a number (DICOM PS3.5, B.2)."""
        said = (self.how, self.seed, self.index, self.model, tuple(s.sha256 for s in self.sources), *parts)
        return f"2.25.{int.from_bytes(hashlib.sha256(repr(said).encode()).digest()[:16], 'big')}"
