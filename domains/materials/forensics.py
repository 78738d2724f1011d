"""Is a crystal's geometry one that nature and quantum chemistry give, or one that a generator drew? Statistics of distances,
volumes and symmetry against those of real crystals.

"Real" here are crystals of the Materials Project, most of them known from experiment, relaxed by density functional theory.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal, to_pymatgen
from difusa.domains.materials.hull import ELEMENTS
from difusa.domains.materials.reducing import LOOSE, TIGHT, dataset, reduced
from difusa.domains.materials.validity import balanced
from difusa.shared.forensics.detector import WEIGHTS, Detector, load
from difusa.shared.forensics.judging import Judged
from difusa.shared.forensics.tables import weigh

ENOUGH = 20  # nearest neighbours of a pair of elements, for the pair to count as known
WIDEST = 8.0  # standard deviations: farther counts as that far
REACH = 6.0  # angstrom: neighbours are looked for so far
SHELL = 1.25  # times the nearest distance: so far the first shell reaches
LARGEST = 200  # atoms in the primitive cell
FIGURES = (
    "volume over usual, log", "shortest distance over radii", "nearest distances over radii, mean log",
    "nearest distances, mean |z|", "nearest distances, largest |z|", "nearest distances, mean z",
    "atoms whose nearest pair is unknown, share", "nearest distances of one element, spread of log",
    "neighbours in the first shell, mean", "neighbours in the first shell, spread", "symmetry operations at 0.1 angstrom, log",
    "symmetry lost at 0.01 angstrom", "elements", "charges balance", "pairs of elements, mean log frequency",
)  # fmt: skip


@dataclass(frozen=True)
class Usual:
    """volumes [ELEMENTS]: angstrom^3 that an atom takes; pairs: code of two elements -> (median, spread) of the log of their
    distance over the sum of covalent radii; together [ELEMENTS, ELEMENTS]: log of how many crystals hold both, plus 1."""

    volumes: np.ndarray
    pairs: dict[int, tuple[float, float]]
    together: np.ndarray


def nearest(crystal: Crystal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each atom: its nearest neighbour's element, the log of their distance over their covalent radii, and the neighbours in
    the first shell. An atom without neighbour within REACH counts as one at REACH."""
    from ase.data import covalent_radii

    structure = to_pymatgen(crystal)
    center, other, _, far = structure.get_neighbor_list(REACH)
    which, ratio, shell = crystal.numbers.copy(), np.zeros(len(crystal)), np.zeros(len(crystal))
    for k in range(len(crystal)):
        mine, places = far[center == k], other[center == k]
        own = covalent_radii[crystal.numbers[k]]
        if not len(mine):
            ratio[k] = np.log(REACH / 2 / own)
            continue
        over = mine / (own + covalent_radii[crystal.numbers[places]])
        which[k], ratio[k] = crystal.numbers[places[over.argmin()]], np.log(over.min())
        shell[k] = (mine <= SHELL * mine.min()).sum()
    return which, ratio, shell


def pair(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One code for two elements in either order."""
    a, b = np.asarray(a, int), np.asarray(b, int)
    return np.minimum(a, b) * 128 + np.maximum(a, b)


def usual(crystals: list[Crystal]) -> Usual:
    """Of real crystals."""
    from scipy.optimize import nnls

    codes, ratios, counts = [], [], np.zeros((len(crystals), ELEMENTS))
    together = np.zeros((ELEMENTS, ELEMENTS))
    for k, crystal in enumerate(crystals):
        which, ratio, _ = nearest(crystal)
        codes.append(pair(crystal.numbers, which))
        ratios.append(ratio)
        counts[k] = np.bincount(crystal.numbers, minlength=ELEMENTS)
        own = np.unique(crystal.numbers)
        together[np.ix_(own, own)] += 1
    codes, ratios = np.concatenate(codes), np.concatenate(ratios)
    atoms = counts.sum(1)
    volumes = nnls(counts / atoms[:, None], np.array([c.volume for c in crystals]) / atoms)[0]
    present = counts.any(0)
    middle = np.median(volumes[present])
    volumes = np.where(present, np.maximum(volumes, 0.2 * middle), middle)
    pairs = {}
    for code in np.unique(codes):
        if (values := ratios[codes == code]).size >= ENOUGH:
            pairs[int(code)] = (float(np.median(values)), max(float(values.std()), 0.01))
    return Usual(volumes, pairs, np.log(together + 1))


def figures(crystal: Crystal, known: Usual) -> np.ndarray:
    """FIGURES of a crystal, in its primitive cell, so that the choice of cell does not count. ValueError where it is none."""
    whole = reduced(crystal)
    if len(whole) > LARGEST:
        raise ValueError(f"{len(whole)} atoms in the primitive cell: at most {LARGEST} are judged")
    which, ratio, shell = nearest(whole)
    codes = pair(whole.numbers, which)
    z = np.array(
        [(r - known.pairs[c][0]) / known.pairs[c][1] for r, c in zip(ratio, codes.tolist()) if c in known.pairs]
    )
    z = np.clip(z, -WIDEST, WIDEST) if len(z) else np.zeros(1)
    same = [ratio[whole.numbers == e] for e in np.unique(whole.numbers)]
    spread = np.concatenate([v - v.mean() for v in same]).std()
    loose, tight = (len(dataset(whole.cell, whole.frac, whole.numbers, t).rotations) for t in (LOOSE, TIGHT))
    own = np.unique(whole.numbers)
    both = known.together[np.ix_(own, own)][np.triu_indices(len(own), 1)]
    return np.array([
        np.log(whole.volume / known.volumes[whole.numbers].sum()), np.exp(ratio.min()), ratio.mean(), np.abs(z).mean(),
        np.abs(z).max(), z.mean(), np.mean([c not in known.pairs for c in codes.tolist()]), spread, shell.mean(), shell.std(),
        np.log(loose), float(tight < loose), len(own), float(balanced(whole.numbers)), both.mean() if len(both) else 5.0,
    ])  # fmt: skip


def judge(crystal: Crystal) -> Judged:
    """The verdict on one crystal. Raises ValueError where it cannot be judged."""
    detector, known = tools()
    return weigh(figures(crystal, known), detector, "crystal")


@cache
def tools(folder: Path = WEIGHTS) -> tuple[Detector, Usual]:
    """The shipped detector and what is usual."""
    return load(folder, "crystals"), load_usual(folder)


def save_usual(known: Usual, folder: Path) -> None:
    """crystals-usual.safetensors."""
    import torch

    from difusa.shared.checkpoint import save_tensors

    arrays = {
        "volumes": known.volumes.astype(np.float32),
        "together": known.together.astype(np.float16),
        "codes": np.array(list(known.pairs), np.int64),
        "pairs": np.array(list(known.pairs.values()), np.float32),
    }
    save_tensors(Path(folder) / "crystals-usual.safetensors", {k: torch.from_numpy(v) for k, v in arrays.items()})


def load_usual(folder: Path) -> Usual:
    """What save_usual wrote. Raises ValueError for a broken file."""
    from difusa.shared.checkpoint import load_tensors

    arrays = {k: v.numpy() for k, v in load_tensors(Path(folder) / "crystals-usual.safetensors").items()}
    pairs = {c: (float(m), float(s)) for c, (m, s) in zip(arrays["codes"].tolist(), arrays["pairs"])}
    return Usual(arrays["volumes"].astype(float), pairs, arrays["together"].astype(float))
