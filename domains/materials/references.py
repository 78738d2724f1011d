"""From CHGNet's energies to formation energies: one reference energy for each element, fitted by least squares.

E(CHGNet) per atom - E(formation, Materials Project) per atom = sum over the elements of their share times their reference,
over training crystals at their Materials Project geometries. The fit ships as references.json, with its error on held-out ones.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from difusa.domains.materials.hull import ELEMENTS, fraction

FILE = Path(__file__).with_name("references.json")


@dataclass(frozen=True, eq=False)
class References:
    """energies [ELEMENTS]: of each element in CHGNet's scale, eV/atom, NaN where the training crystals have none of it;
    about: how it was fitted and what it misses."""

    energies: np.ndarray
    about: dict

    def formation(self, numbers: np.ndarray, energy: float) -> float:
        """Formation energy, eV/atom, of atoms `numbers` with CHGNet's `energy` (eV/atom).

        Raises ValueError naming an element without reference."""
        own = np.unique(numbers)
        if np.isnan(self.energies[own]).any():
            from ase.data import chemical_symbols

            lacking = [chemical_symbols[e] for e in own if np.isnan(self.energies[e])]
            raise ValueError(f"no reference energy of {', '.join(lacking)}: no training crystal holds it")
        return float(energy - fraction(numbers)[own] @ self.energies[own])


def fit(compositions: Sequence[np.ndarray], energies: np.ndarray, formation: np.ndarray) -> np.ndarray:
    """References [ELEMENTS] from training crystals: atomic numbers, CHGNet's energies and formation energies, eV/atom.

    Least squares, then once more without the crystals that it misses by more than five times the median."""
    shares = np.array([fraction(numbers) for numbers in compositions])
    present = shares.any(0)
    wanted, rows = np.asarray(energies, float) - formation, np.ones(len(shares), bool)
    for _ in range(2):
        found = np.linalg.lstsq(shares[rows][:, present], wanted[rows], rcond=None)[0]
        off = np.abs(shares[:, present] @ found - wanted)
        rows = (off <= 5 * np.median(off)) | ~covered(shares, off)
    return np.where(present, np.bincount(np.flatnonzero(present), found, ELEMENTS), np.nan)


def covered(shares: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Whether every element of a crystal is also in one that the fit hits: only then may the crystal be left out."""
    hit = (shares[off <= 5 * np.median(off)] > 0).any(0)
    return ~((shares > 0) & ~hit).any(1)


@cache
def load(path: Path = FILE) -> References:
    """The references that ship. Raises FileNotFoundError where there are none."""
    from ase.data import atomic_numbers

    told = json.loads(Path(path).read_text(encoding="utf-8"))
    energies = np.full(ELEMENTS, np.nan)
    for symbol, energy in told.pop("energies").items():
        energies[atomic_numbers[symbol]] = energy
    return References(energies, told)


def build(data: Path | None = None, path: Path = FILE, energies: np.ndarray | None = None) -> dict:
    """Fits the references on the training crystals of mp_le20.npz and writes them; what `about` holds.

    energies: CHGNet's of all crystals as the file has them, eV/atom (NaN where it gives none); computed when left out, which
    takes a quarter of an hour on one core.
    """
    from difusa.domains.materials import judges
    from difusa.domains.materials.data import source, split_of

    crystals = source(data)
    energies = np.array([judges.energy(c) for c in crystals]) if energies is None else energies
    splits = np.array([split_of(c.numbers) for c in crystals])
    formation = np.array([c.tags["formation_energy"] for c in crystals])
    numbers, good = [c.numbers for c in crystals], np.isfinite(energies)
    train, test = np.flatnonzero((splits == 0) & good), np.flatnonzero((splits == 2) & good)
    found = fit([numbers[i] for i in train], energies[train], formation[train])
    about = {"source": "mp_le20.npz, Materials Project geometries", "judge": "CHGNet 0.3.0", "trained_on": len(train)}
    about |= {f"train_{k}": v for k, v in misses(found, numbers, energies, formation, train).items()}
    about |= {f"heldout_{k}": v for k, v in misses(found, numbers, energies, formation, test).items()}
    save(found, about, path)
    return about


def misses(found: np.ndarray, numbers: Sequence, energies: np.ndarray, formation: np.ndarray, rows: np.ndarray) -> dict:
    """Mean and median absolute error of the formation energies of rows, eV/atom, their mean error, and how many they are."""
    rows = np.array([i for i in rows if not np.isnan(found[np.unique(numbers[i])]).any()], int)
    shares = np.array([fraction(numbers[i]) for i in rows])
    off = energies[rows] - shares @ np.nan_to_num(found) - formation[rows]
    told = {"n": len(rows), "mae": np.abs(off).mean(), "median_error": np.median(np.abs(off)), "mean_error": off.mean()}
    return {k: v if k == "n" else round(float(v), 5) for k, v in told.items()}


def save(found: np.ndarray, about: dict, path: Path = FILE) -> None:
    """Writes the file that `load` reads."""
    from ase.data import chemical_symbols

    from difusa.shared.files import write_json

    energies = {chemical_symbols[e]: round(float(found[e]), 5) for e in np.flatnonzero(~np.isnan(found))}
    write_json(path, about | {"energies": energies})
