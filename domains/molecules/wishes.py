"""What a molecule may be asked to have: ranges of its properties, and the training molecules that lie in them.

A range is drawn by total probability: each sample takes its wish and its size from a training molecule in the range, so that
its law is p(molecule | property in the range), as far as the network knows p(molecule | property).
A model folder holds properties.json (names, mean, std, low, high of the training data) and properties.npz (some of its rows).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.molecules.screening import refuse_harm
from difusa.domains.molecules.sizes import Sizes
from difusa.shared.seeds import stream
from difusa.shared.targets import EXACT, Target, parse

FILES = ("properties.json", "properties.npz")
ROWS = 35_000  # training molecules that travel with a model: half a megabyte
FEW = 100  # rows from which a range is drawn as it is
DROPPED = 0.15  # share of the training examples that are told nothing
PART = 3  # of a sample's random stream
UNITS = {"gap": "eV", "homo": "eV", "lumo": "eV", "mu": "debye", "alpha": "bohr^3", "cv": "cal/(mol K)"}
TAGS = {
    "gap": "GAP_EV", "homo": "HOMO_EV", "lumo": "LUMO_EV", "mu": "MU_DEBYE", "alpha": "ALPHA_BOHR3",
    "cv": "CV_CAL_MOL_K",
}  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """What a model can be asked for: names [P], with mean, std, low and high [P] of the training data in their units.

    values [n, P] and pairs [n, 2] (heavy atoms, hydrogens): molecules of the training data.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    values: np.ndarray
    pairs: np.ndarray

    def standard(self, values: np.ndarray) -> np.ndarray:
        """Values [..., P] as the network is told them; what is not a number stays so."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def parse(self, texts: Sequence[str]) -> tuple[Target, ...]:
        """`gap=6..8`, `mu=..1.5`, `homo=-7..`, `gap=7`. Raises ValueError as targets.parse, and for harm as a goal."""
        found = parse(texts, self.names, self.low, self.high, UNITS)
        for target in found:
            refuse_harm(target.name, target.low, target.high)
        return found


@dataclass(frozen=True)
class Chosen:
    """From which rows samples take wish and size: values [n, P], not a number where nothing is asked; pairs [n, 2], or None
    where no row has a size that may be drawn. note: what the user must know of it, or ""."""

    values: np.ndarray
    pairs: np.ndarray | None
    note: str = ""

    def draw(self, seed: int, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Wishes [k, P] and sizes [k, 2] of the samples' own random streams."""
        at = [int(stream(seed, int(i), PART).integers(len(self.values))) for i in indices]
        return self.values[at], None if self.pairs is None else self.pairs[at]


def choose(wishes: Wishes, targets: Sequence[Target], sizes: Sizes) -> Chosen:
    """The rows that meet all targets and have one of the sizes; the nearest, moved to the edge, where they are fewer than FEW.

    Near: Euclidean, each property in its own standard deviations.
    """
    columns = [wishes.names.index(t.name) for t in targets]
    low, high = np.array([[t.low for t in targets], [t.high for t in targets]])
    code = wishes.pairs.astype(int) @ [1000, 1]
    fits = np.isin(code, sizes.pairs.astype(int) @ [1000, 1])
    rows = np.flatnonzero(fits) if fits.any() else np.arange(len(code))
    seen = wishes.values[rows][:, columns]
    inside = seen.clip(low, high)
    away = (((seen - inside) / wishes.std[columns]) ** 2).sum(1) ** 0.5
    meet, note = int((away == 0).sum()), ""
    near = np.flatnonzero(away == 0) if meet >= FEW else np.argsort(away, kind="stable")[:FEW]
    if away[near].max() > EXACT:
        what = " and ".join(t.text for t in targets)
        note = (
            f"{meet} of the {len(rows)} training molecules that are at hand meet {what}; the {len(near)} nearest, at most "
            f"{away[near].max():.2g} standard deviations away, lend their sizes: expect less"
        )
    values = np.full((len(near), len(wishes.names)), np.nan)
    values[:, columns] = inside[near]
    return Chosen(values, wishes.pairs[rows[near]].astype(int) if fits.any() else None, note)


def told(wishes: Wishes, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The wish [P] of a training example: nothing for DROPPED of them, else k of its P properties as often as 1 / k."""
    count = len(values)
    weights = 1 / np.arange(1, count + 1)
    known = 0 if rng.random() < DROPPED else rng.choice(count, p=weights / weights.sum()) + 1
    kept = np.zeros(count, bool)
    kept[rng.permutation(count)[:known]] = True
    return np.where(kept, wishes.standard(values), np.nan).astype(np.float32)


def of_rows(names: Sequence[str], values: np.ndarray, pairs: np.ndarray) -> Wishes:
    """What the training molecules say: values [n, P], pairs [n, 2]; ROWS of them are kept, evenly drawn."""
    values = values.astype(float)
    kept = np.sort(np.random.RandomState(0).permutation(len(values))[:ROWS])
    figures = values.mean(0), values.std(0), values.min(0), values.max(0)
    return Wishes(tuple(names), *figures, values[kept].astype(np.float16).astype(float), pairs[kept])


def files(wishes: Wishes) -> dict[str, object]:
    """What a model folder holds of it: a JSON value and arrays."""
    figures = {k: [float(v) for v in getattr(wishes, k)] for k in ("mean", "std", "low", "high")}
    arrays = {"values": wishes.values.astype(np.float16), "pairs": wishes.pairs.astype(np.uint8)}
    return {FILES[0]: {"names": list(wishes.names)} | figures, FILES[1]: arrays}


def read(folder: Path) -> Wishes | None:
    """What the model of a folder can be asked for, or None. Raises ValueError for broken files."""
    if not (Path(folder) / FILES[0]).exists():
        return None
    try:
        figures = json.loads((Path(folder) / FILES[0]).read_text(encoding="utf-8"))
        with np.load(Path(folder) / FILES[1], allow_pickle=False) as file:
            arrays = {"values": file["values"].astype(float), "pairs": file["pairs"].astype(int)}
        numbers = {k: np.array(figures[k], float) for k in ("mean", "std", "low", "high")}
        found = Wishes(tuple(figures["names"]), **numbers, **arrays)
        if not len(found.values) or found.values.shape != (len(found.pairs), len(found.names)):
            raise ValueError(f"values {found.values.shape} for {len(found.names)} names, {len(found.pairs)} sizes")
    except Exception as error:  # zipfile, json and numpy raise many types for a broken file
        raise ValueError(f"{folder}: {', '.join(FILES)} are not what this version writes ({error})") from error
    return found
