"""The simulator: contrasts painted on a head, as planes for training or as whole volumes; a pure function of (seed, index)."""

from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from difusa.domains.medical import anatomy, pathology, physics, tissues
from difusa.domains.medical.anatomy import Change
from difusa.domains.medical.labels import Head
from difusa.domains.medical.physics import Sequence
from difusa.domains.medical.tissues import INDEX, Values
from difusa.shared.seeds import stream

INSIDE = (*tissues.BRAIN, *tissues.STRUCTURES["fluid"])
PERSON, SPOIL = 0, 1  # parts of an example's random stream
SLAB = 2**19  # voxels painted at a time
REFERENCE = 0.998  # percentile of a volume that counts as 1; the same for real scans


@dataclass(frozen=True)
class Options:
    """What a simulation may vary.

    field: tesla, or one of tissues.FIELDS by chance when 0. deform: millimetres of random anatomy. lesions, tumours: how often
    there are any. atrophy: most of it, in millimetres of its flow, in a quarter of the examples. bias, noise, motion: largest of
    each; noise as a share of the reference signal, motion in pixels, in a quarter of the examples. stripped: how often all but
    brain and fluid is taken away, as is done before many analyses.
    """

    field: float = 0.0
    deform: float = 2.2
    lesions: float = 0.45
    tumours: float = 0.15
    atrophy: float = 2.0
    bias: float = 0.2
    noise: float = 0.03
    motion: float = 1.0
    stripped: float = 0.25
    fine: int = 2  # samples along each edge of a voxel, for partial volume


@dataclass(frozen=True)
class Person:
    """One simulated patient: a head with its disease and, at rest, without; its own anatomy and tissue values."""

    head: Head
    rest: Head
    change: Change
    table: Values
    field: float
    pathology: str
    settings: dict = field(default_factory=dict)

    def reference(self, sequence: Sequence) -> float:
        """The signal that counts as 1: the REFERENCE percentile of the noiseless volume."""
        found = np.abs(physics.signal(self.table, sequence))
        order = np.argsort(found)
        return float(
            found[order][np.searchsorted(np.cumsum(self.head.counts[order]), REFERENCE * self.head.counts.sum())]
        )


def person(heads: list[Head], seed: int, index: int, options: Options, disease: str | None = None) -> Person:
    """Patient `index`: which head, what disease (drawn by the options' shares unless named), what anatomy and tissue."""
    rng = stream(seed, index, PERSON)
    head = heads[rng.integers(len(heads))]
    chance = rng.random()
    if disease is None:
        disease = (
            "lesions"
            if chance < options.lesions
            else "tumour"
            if chance < options.lesions + options.tumours
            else "none"
        )
    strength = options.field or tissues.FIELDS[rng.integers(2)]
    table = tissues.varied(tissues.values(strength), rng)
    change = anatomy.drawn(*head.box, rng, options.deform)
    thin = float(rng.uniform(0, options.atrophy)) if options.atrophy and rng.random() < 0.25 else 0.0
    sick = pathology.painted(head, disease, rng)
    if thin:
        change = Thinned(change, anatomy.flow(pathology.shrinkage(head), thin, 4))
    bare = rng.random() < options.stripped
    if bare:
        kept = np.arange(256, dtype=np.uint8) * np.isin(np.arange(256), [INDEX[n] for n in INSIDE])
        sick = replace(sick, labels=tissues.lookup(sick.labels, kept))
    return Person(sick, head, change, table, strength, disease, {"atrophy_mm": round(thin, 3), "skull_stripped": bare})


@dataclass(frozen=True)
class Thinned:
    """A change after which brain is lost to fluid: first the anatomy, then the flow of a shrinkage."""

    change: Change
    loss: anatomy.Field

    @property
    def matrix(self) -> np.ndarray:
        return self.change.matrix

    def __call__(self, points: np.ndarray) -> np.ndarray:
        moved = self.change(points)
        return moved + self.loss.at(moved)


def voxels(affine: np.ndarray, shape) -> np.ndarray:
    """The places [3, X, Y, Z] of a grid's voxels, millimetres."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).reshape(3, -1)
    return (affine[:3, :3] @ grid + affine[:3, 3:]).reshape(3, *shape)


def paint(who: Person, tables: np.ndarray, affine: np.ndarray, shape, fine: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Mean signal [contrasts, X, Y, Z] float32 in each voxel of a grid, and the tissue [X, Y, Z] uint8 in its middle.

    tables [contrasts, tissues]: signal of each tissue. Partial volume: `fine`^3 samples a voxel, each of one tissue.
    """
    images, middle = np.empty((len(tables), *shape), np.float32), np.empty(shape, np.uint8)
    deep = max(1, SLAB // (shape[0] * shape[1]))  # planes at a time, so that memory stays small
    for first in range(0, shape[2], deep):
        planes = slice(first, min(first + deep, shape[2]))
        moved = affine.copy()
        moved[:3, 3] = affine[:3] @ [0, 0, first, 1]
        part = (*shape[:2], planes.stop - first)
        images[..., planes], middle[..., planes] = _paint(who, tables, moved, part, fine)
    return images, middle


def _paint(who: Person, tables: np.ndarray, affine: np.ndarray, shape, fine: int) -> tuple[np.ndarray, np.ndarray]:
    back = np.linalg.inv(who.head.affine)
    places = who.change(voxels(affine, shape)).reshape(3, -1)
    at = (back[:3, :3] @ places + back[:3, 3:]).astype(np.float32)
    inside = back[:3, :3] @ who.change.matrix @ affine[:3, :3]  # how far a voxel's edge reaches in the label map
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    total, kept = np.zeros((len(tables), at.shape[1]), np.float32), tables.astype(np.float32)
    for x, y, z in product(steps, repeat=3):
        total += kept[:, _nearest(who.head.labels, at, inside @ [x, y, z])]
    middle = _nearest(who.head.labels, at, np.zeros(3))
    return (total / fine**3).reshape(-1, *shape), middle.reshape(shape)


def _nearest(labels: np.ndarray, at: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Labels [n] at places at + offset [3, n] in voxels; air beyond the map."""
    index, beyond = np.zeros(at.shape[1], np.int32), np.zeros(at.shape[1], bool)
    for axis, size in enumerate(labels.shape):
        k = np.rint(at[axis] + np.float32(offset[axis])).astype(np.int32)
        beyond |= (k < 0) | (k >= size)
        index = index * size + np.clip(k, 0, size - 1)
    found = labels.ravel()[index]
    found[beyond] = INDEX["air"]
    return found


def textured(image: np.ndarray, tissue: np.ndarray, table: Values, rng: np.random.Generator) -> np.ndarray:
    """The image with what varies inside a tissue: smooth noise of the tissue's own size."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(
        rng.standard_normal(image.shape).astype(np.float32), [1.5 if n > 1 else 0 for n in image.shape]
    )
    return image * (1 + table.texture.astype(np.float32)[tissue] * noise / max(noise.std(), 1e-6))


def spoiled(image: np.ndarray, contrast: str, options: Options, rng: np.random.Generator) -> np.ndarray:
    """A noiseless image [X, Y, Z] (1 = reference, or HU) as a scanner gives it: bias field, motion in the plane, noise."""
    if contrast == "CT":
        sigma = 300 * options.noise * rng.uniform(0.3, 1)  # up to 9 HU
        return np.maximum(image + sigma * rng.standard_normal(image.shape, dtype=np.float32), -1024)
    image = np.abs(image) * np.exp(rng.uniform(0, options.bias) * physics.smooth_field(image.shape, rng))
    if options.motion and rng.random() < 0.25:
        size, axis = rng.uniform(0, options.motion), int(rng.integers(2))
        shifts = physics.jerks(image.shape[axis], rng, size)
        image = np.stack([physics.moved(image[:, :, k], shifts, axis) for k in range(image.shape[2])], -1)
    return physics.rician(image, options.noise * rng.uniform(0.2, 1), rng).astype(np.float32)


def scans(
    who: Person, contrasts, seed: int, index: int, affine, shape, options: Options, sequences: dict | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, Sequence]]:
    """Contrasts of one patient on a grid: name -> [X, Y, Z] float32 (1 = reference signal; CT in HU), the tissue map, and how
    each was measured. sequences: contrast -> Sequence where it is not drawn."""
    rng = stream(seed, index, SPOIL)
    used = {c: (sequences or {}).get(c) or physics.drawn(c, who.table, rng) for c in contrasts if c != "CT"}
    tables = [
        who.table.hu if c == "CT" else physics.signal(who.table, used[c]) / who.reference(used[c]) for c in contrasts
    ]
    images, tissue = paint(who, np.array(tables), affine, shape, options.fine)
    made = {}
    for contrast, image in zip(contrasts, images, strict=True):
        made[contrast] = spoiled(textured(image, tissue, who.table, rng), contrast, options, rng)
    return made, tissue, used
