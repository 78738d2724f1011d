"""How large molecules are: the training data's counts of heavy atoms and hydrogens, which travel with the model.

A model folder holds them as sizes.json, so that drawing needs neither the data nor RDKit.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.molecules.chemistry import ELEMENTS
from difusa.shared.seeds import stream

FILE = "sizes.json"
PART = 2  # of a sample's random stream


@dataclass(frozen=True)
class Sizes:
    """elements: atomic number of each class of the network; pairs [n, 2] heavy atoms and hydrogens; counts [n] molecules."""

    elements: tuple[int, ...]
    pairs: np.ndarray
    counts: np.ndarray

    def where(self, keep: np.ndarray) -> "Sizes":
        """Only the pairs that are kept, bool [n]."""
        return Sizes(self.elements, self.pairs[keep], self.counts[keep])

    def draw(self, seed: int, indices) -> np.ndarray:
        """A pair for each sample [len(indices), 2], as often as in the data; each sample has its own random stream."""
        ends = np.cumsum(self.counts) / self.counts.sum()
        at = [np.searchsorted(ends, stream(seed, int(i), PART).random(), side="right") for i in indices]
        return self.pairs[np.minimum(np.array(at, int), len(self.pairs) - 1)]


def table(packed, options, whole: bool = False) -> dict:
    """The content of sizes.json for a model trained on `packed` with `options` (examples.Options).

    {"elements": atomic numbers by class, "sizes": rows [heavy atoms, hydrogens, molecules]}, of those trained on. whole: the
    examples are whole molecules, so that options.atoms counts hydrogens too.
    """
    from difusa.domains.molecules.examples import flatten
    from difusa.domains.molecules.packed import sizes

    found = sizes(packed, flatten(packed, "train", options, whole).rows)
    return {"elements": list(ELEMENTS[options.elements]), "sizes": [[h, k, n] for (h, k), n in found.items()]}


def read(folder: Path) -> Sizes:
    """The sizes of a model folder. Raises FileNotFoundError saying how to make them, ValueError for a broken file."""
    path = Path(folder) / FILE
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: this model does not say how large its molecules are; train it again with this version, or write "
            "the file by difusa.domains.molecules.sizes.table"
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = np.array(told["sizes"], np.int64).reshape(-1, 3)
        found = Sizes(tuple(int(n) for n in told["elements"]), rows[:, :2], rows[:, 2])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not what this version writes ({error}); copy the model again") from error
    if not len(rows) or (rows[:, 0] < 1).any() or (rows[:, 1:] < 0).any() or not found.counts.sum():
        raise ValueError(f"{path}: every row must be [heavy atoms, hydrogens, molecules], and there must be one")
    return found
