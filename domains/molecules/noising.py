"""What a training example is asked: all of it, the atoms of a given graph, or what a given fragment lacks; and its noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from difusa.domains.molecules.inputs import BONDS, CHARGES, HYDROGENS
from difusa.shared.seeds import stream

NOISE, WISH = 1, 2  # parts of an example's random stream


@dataclass(frozen=True)
class Noise:
    """Levels (lognormal, in units of the network's coordinates), how often graph or fragment are given, and how often there
    is no noise at all."""

    mean: float = -0.6  # of ln sigma
    std: float = 1.4
    graph: float = 0.15
    fragment: float = 0.15
    clean: float = 0.0


class Noised:
    """Examples with sigma, noise_<field>, given_<field> and anchor, as `Molecules.loss` takes them; pure in the number.

    examples[n]: coords [N, 3] angstrom, centred; elements, charges, hydrogens [N] and bonds [N, N] classes; mask [N];
    given [N] where some atoms are always given; properties [P] where it has any. elements: number of element classes.
    tell(properties, rng) -> wish [P]: what of them the network is told; without it the properties themselves are handed over.
    """

    def __init__(self, examples, elements: int, noise: Noise, seed: int, tell: Callable | None = None):
        self.examples, self.elements, self.noise, self.seed, self.tell = examples, elements, noise, seed, tell
        self.noise_seed = seed  # another one gives the same examples with other noise

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        example = self.examples[number]
        rng = stream(self.noise_seed, number, NOISE)
        coords, present, bonds = example["coords"].astype(np.float32), example["mask"], example["bonds"]
        atoms = len(present)
        i, j = np.triu_indices(atoms, 1)
        known = example.get("given")
        graph = known is not None
        if known is None:
            known = np.zeros(atoms, bool)
            draw = rng.random()
            if draw < self.noise.fragment:
                known = fragment(bonds, present, rng)
            graph = self.noise.fragment <= draw < self.noise.fragment + self.noise.graph
        anchor = anchors(coords, bonds, known) if graph and known.any() else centre(coords, known)
        free = present & ~known
        shake = rng.standard_normal((atoms, 3), dtype=np.float32)
        if not known.any():
            shake = shake - shake[present].mean(0) if present.any() else shake
        found = {
            "coords": coords,
            "elements": example["elements"],
            "charges": example["charges"],
            "hydrogens": example["hydrogens"],
            "bonds": bonds[i, j],
            "present": present,
            "anchor": anchor,
            "sigma": np.float32(np.exp(self.noise.mean + self.noise.std * rng.standard_normal())),
            "given_coords": known,
            "given_atoms": np.ones(atoms, bool) if graph else known,
            "given_bonds": np.ones(len(i), bool) if graph else known[i] & known[j],
            "noise_coords": shake * free[:, None],
            "noise_elements": rng.standard_normal((atoms, self.elements), dtype=np.float32),
            "noise_charges": rng.standard_normal((atoms, CHARGES), dtype=np.float32),
            "noise_hydrogens": rng.standard_normal((atoms, HYDROGENS), dtype=np.float32),
            "noise_bonds": rng.standard_normal((len(i), BONDS), dtype=np.float32),
        }
        if self.noise.clean and rng.random() < self.noise.clean:
            found["sigma"] = np.float32(0)
        if "properties" in example:
            values = example["properties"]
            told = {"wish": self.tell(values, stream(self.seed, number, WISH))} if self.tell else {"properties": values}
            found |= told
        return found


def fragment(bonds: np.ndarray, present: np.ndarray, rng) -> np.ndarray:
    """A random connected part of a molecule, bool [N]: at least one atom and not all; nothing of a single atom."""
    atoms = np.flatnonzero(present)
    known = np.zeros(len(present), bool)
    if len(atoms) < 2:
        return known
    size = rng.integers(1, len(atoms))
    known[rng.choice(atoms)] = True
    while known.sum() < size:
        rim = np.flatnonzero((bonds[known] > 0).any(0) & ~known & present)
        if not len(rim):
            break
        known[rng.choice(rim)] = True
    return known


def centre(coords: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[N, 3]: the mean of the known atoms, or the origin where none is known."""
    place = coords[known].mean(0) if known.any() else np.zeros(3, np.float32)
    return np.broadcast_to(place, coords.shape).astype(np.float32)


def anchors(coords: np.ndarray, bonds: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[N, 3]: for each unknown atom the mean of the known ones it is bonded to, else of all; of a known one its own place."""
    linked = (bonds > 0) & known[None]
    count = linked.sum(1, keepdims=True)
    near = linked.astype(np.float32) @ coords / np.maximum(count, 1)
    return np.where(known[:, None], coords, np.where(count > 0, near, centre(coords, known))).astype(np.float32)
