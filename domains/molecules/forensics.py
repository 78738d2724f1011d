"""Is a molecule's geometry one that quantum chemistry gives, or one that a generator drew? Statistics of its bonds, angles and
torsions against those of real sets.

"Real" here are geometries relaxed by density functional theory (QM9, Open Force Field); no crystallographic ones are at hand.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from difusa.domains.molecules.geometry import Geometry, geometry
from difusa.domains.molecules.molecule import Molecule
from difusa.shared.forensics.detector import WEIGHTS, Detector, load
from difusa.shared.forensics.judging import Judged
from difusa.shared.forensics.tables import weigh

ENOUGH = 60  # values of a type, for it to count as known
BINS = 18  # of torsions, 10 degrees each
WIDEST = 8.0  # standard deviations: farther counts as that far
KNOWN = 0.7  # share of the bonds whose type has to be known
FIGURES = (
    "bond lengths, mean |z|", "bond lengths, largest |z|", "bond lengths, mean z", "bond lengths, share beyond 3",
    "bonds to hydrogen, spread in angstrom", "bond angles, mean |z|", "bond angles, largest |z|", "bond angles, share beyond 3",
    "H-X-H angles, spread in degrees", "torsions, mean surprise", "torsions, largest surprise",
    "flat atoms, mean height in angstrom", "flat atoms, largest height in angstrom", "nearest unbonded atoms over contact",
)  # fmt: skip
RADII = {
    1: 1.1,
    6: 1.7,
    7: 1.55,
    8: 1.52,
    9: 1.47,
    15: 1.8,
    16: 1.8,
    17: 1.75,
    35: 1.85,
}  # Bondi 1964, Rowland 1996 for H


@dataclass(frozen=True)
class Usual:
    """What is usual of each type (geometry.Geometry): lengths and angles code -> (mean, standard deviation); torsions code ->
    logarithm of the density in BINS bins, 0 = even."""

    lengths: dict[int, tuple[float, float]]
    angles: dict[int, tuple[float, float]]
    torsions: dict[int, np.ndarray]


def usual(molecules: list[Molecule]) -> Usual:
    """Of real molecules. A standard deviation is at least 0.002 angstrom and 0.3 degrees."""
    found = geometry(molecules)

    def moments(values: Geometry, least: float) -> dict[int, tuple[float, float]]:
        types = {t: v for t, v in values.by_type().items() if len(v) >= ENOUGH}
        return {t: (float(np.median(v)), max(float(v.std()), least)) for t, v in types.items()}

    torsions = {}
    for code, values in found["torsions"].by_type().items():
        if len(values) >= ENOUGH:
            counts = np.bincount(np.minimum((values / 180 * BINS).astype(int), BINS - 1), minlength=BINS) + 1.0
            torsions[code] = np.log(counts / counts.mean())
    return Usual(moments(found["bond_lengths"], 0.002), moments(found["bond_angles"], 0.3), torsions)


def scores(values: Geometry, known: dict[int, tuple[float, float]]) -> np.ndarray:
    """z of each value of a known type."""
    pairs = [(v, *known[t]) for v, t in zip(values.values.tolist(), values.types.tolist()) if t in known]
    return np.array([np.clip((v - mean) / std, -WIDEST, WIDEST) for v, mean, std in pairs])


def figures(molecule: Molecule, known: Usual) -> np.ndarray:
    """FIGURES of a molecule. Raises ValueError saying what it lacks: coordinates, bonds, known types of bonds."""
    if not np.isfinite(molecule.positions).all():
        raise ValueError("it has no coordinates, so its geometry cannot be judged")
    if len(molecule.bonds) < 2:
        raise ValueError(f"{len(molecule.bonds)} bonds are too few to judge a geometry by")
    found = geometry([molecule])
    lengths, angles = scores(found["bond_lengths"], known.lengths), scores(found["bond_angles"], known.angles)
    if len(lengths) < KNOWN * len(molecule.bonds) or not len(angles):
        share = len(lengths) / len(molecule.bonds)
        raise ValueError(
            f"only {share:.0%} of its bonds are of types that the real sets know: outside of what is judged"
        )
    surprise = np.array([
        -known.torsions[t][min(int(v / 180 * BINS), BINS - 1)]
        for v, t in zip(found["torsions"].values.tolist(), found["torsions"].types.tolist()) if t in known.torsions
    ])  # fmt: skip
    flat = heights(molecule)
    return np.array([
        np.abs(lengths).mean(), np.abs(lengths).max(), lengths.mean(), (np.abs(lengths) > 3).mean(),
        spread(found["bond_lengths"], hydrogen_bond), np.abs(angles).mean(), np.abs(angles).max(), (np.abs(angles) > 3).mean(),
        spread(found["bond_angles"], hydrogen_angle),
        surprise.mean() if len(surprise) else 0.0, surprise.max(initial=0.0), flat.mean() if len(flat) else 0.0,
        flat.max(initial=0.0), contact(molecule),
    ])  # fmt: skip


def hydrogen_bond(code: int) -> bool:
    """Whether a bond's type ends in hydrogen."""
    return code & 127 == 1 or code >> 10 & 127 == 1


def hydrogen_angle(code: int) -> bool:
    """Whether an angle's type ends in hydrogen twice."""
    return code & 127 == 1 and code >> 20 & 127 == 1


def spread(values: Geometry, chosen) -> float:
    """Root mean square of what the values of one type differ by within the molecule, over the chosen types."""
    groups = [v - v.mean() for t, v in values.by_type().items() if chosen(t) and len(v) > 1]
    return float(np.sqrt(np.concatenate(groups).var())) if groups else 0.0


def heights(molecule: Molecule) -> np.ndarray:
    """Distance of each atom with three neighbours and an aromatic or double bond from their plane, angstrom."""
    x, found = molecule.positions, []
    ends = molecule.bonds[:, :2]
    flat = np.unique(ends[np.isin(molecule.bonds[:, 2], (2, 4))])
    for atom in flat:
        near = ends[(ends == atom).any(1)]
        near = near[near != atom]
        if len(near) == 3:
            normal = np.cross(x[near[1]] - x[near[0]], x[near[2]] - x[near[0]])
            size = np.linalg.norm(normal)
            found.append(abs(float((x[atom] - x[near[0]]) @ normal)) / size if size > 1e-6 else 0.0)
    return np.array(found)


def contact(molecule: Molecule) -> float:
    """The smallest distance of atoms more than three bonds apart over the sum of their van der Waals radii, at most 1.5."""
    n = len(molecule)
    near = np.eye(n, dtype=bool)
    bonded = np.zeros((n, n), bool)
    bonded[molecule.bonds[:, 0], molecule.bonds[:, 1]] = True
    bonded |= bonded.T
    for _ in range(3):
        near |= near @ bonded
    radii = np.array([RADII.get(int(k), 1.8) for k in molecule.numbers])
    far = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1) / (radii[:, None] + radii)
    return float(min(far[~near].min(initial=1.5), 1.5))


def judge(molecule: Molecule) -> Judged:
    """The verdict on one molecule. Raises ValueError where there is nothing to judge, see figures."""
    detector, known = tools()
    return weigh(figures(molecule, known), detector, "molecule")


@cache
def tools(folder: Path = WEIGHTS) -> tuple[Detector, Usual]:
    """The shipped detector and what is usual."""
    return load(folder, "molecules"), load_usual(folder)


def save_usual(known: Usual, folder: Path) -> None:
    """molecules-usual.safetensors."""
    import torch

    from difusa.shared.checkpoint import save_tensors

    arrays = {"torsions": np.array(list(known.torsions.values()), np.float32)}
    codes = {"torsions": known.torsions, "lengths": known.lengths, "angles": known.angles}
    arrays |= {k: np.array(list(getattr(known, k).values()), np.float32) for k in ("lengths", "angles")}
    arrays |= {f"{k}.codes": np.array(list(v), np.int64) for k, v in codes.items()}
    save_tensors(Path(folder) / "molecules-usual.safetensors", {k: torch.from_numpy(v) for k, v in arrays.items()})


def load_usual(folder: Path) -> Usual:
    """What save_usual wrote. Raises ValueError for a broken file."""
    from difusa.shared.checkpoint import load_tensors

    arrays = {k: v.numpy() for k, v in load_tensors(Path(folder) / "molecules-usual.safetensors").items()}
    lengths, angles = (
        {c: (float(m), float(s)) for c, (m, s) in zip(arrays[f"{k}.codes"].tolist(), arrays[k])}
        for k in ("lengths", "angles")
    )
    return Usual(lengths, angles, dict(zip(arrays["torsions.codes"].tolist(), arrays["torsions"].astype(float))))
