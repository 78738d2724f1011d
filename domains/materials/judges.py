"""The judge that knows nothing of the generator: relaxation under CHGNet, whose weights are inside its wheel.

It costs seconds to minutes and can go astray on a strange crystal: run many of them through `difusa.shared.limited`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from difusa.domains.materials.crystal import Crystal

FORCE = 0.1  # eV/angstrom on every atom, and on the cell's degrees of freedom: relaxed (CHGNet's own default)
STEPS = 200
SECONDS = 300.0  # of a processor for a crystal, as `limited` takes it
PROTOCOL = (
    "CHGNet 0.3.0 (Deng et al. 2023, doi:10.1038/s42256-023-00716-3), atoms and cell relaxed together by BFGS in ASE's "
    f"FrechetCellFilter until no force is larger than {FORCE} eV/angstrom, at most {STEPS} steps"
)


@dataclass(frozen=True)
class Relaxation:
    """energy: after, eV/atom; drop: by how much it fell, eV/atom; rmsd: how far the atoms moved in the cell, angstrom;
    volume: after over before; steps taken; crystal: the relaxed one."""

    energy: float
    drop: float
    rmsd: float
    volume: float
    steps: int
    crystal: Crystal


@cache
def _calculator():
    import torch
    from chgnet.model import CHGNet, CHGNetCalculator

    torch.set_num_threads(1)
    return CHGNetCalculator(CHGNet.load(use_device="cpu", verbose=False), use_device="cpu", on_isolated_atoms="error")


def energy(crystal: Crystal) -> float:
    """CHGNet's energy of a crystal as it is, eV/atom."""
    return float(_atoms(crystal).get_potential_energy() / len(crystal))


def _atoms(crystal: Crystal):
    from ase import Atoms

    atoms = Atoms(numbers=crystal.numbers, scaled_positions=crystal.frac, cell=crystal.cell, pbc=True)
    atoms.calc = _calculator()
    return atoms


def relax(crystal: Crystal) -> Relaxation:
    """Relaxes atoms and cell to the nearest minimum, see PROTOCOL.

    Raises ValueError when STEPS do not suffice, or for atoms without any neighbour."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    atoms = _atoms(crystal)
    start = atoms.get_scaled_positions(wrap=False)
    before = atoms.get_potential_energy()
    if not np.isfinite(before):
        raise ValueError("CHGNet gives no finite energy")
    search = BFGS(FrechetCellFilter(atoms), logfile=None)
    if not search.run(fmax=FORCE, steps=STEPS):
        left = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        raise ValueError(f"not relaxed after {STEPS} steps: a force of {left:.2g} eV/angstrom is left")
    after, cell, moved = atoms.get_potential_energy(), np.array(atoms.cell), atoms.get_scaled_positions(wrap=False)
    count = len(crystal)
    relaxed = Crystal(cell, crystal.numbers, moved % 1.0, crystal.tags)
    return Relaxation(
        energy=float(after / count),
        drop=float((before - after) / count),
        rmsd=rmsd(moved - start, (crystal.cell + cell) / 2),
        volume=relaxed.volume / crystal.volume,
        steps=search.get_number_of_steps(),
        crystal=relaxed,
    )


def rmsd(shift: np.ndarray, cell: np.ndarray) -> float:
    """Root mean square of fractional shifts [n, 3] in a cell, angstrom, without the shift of the whole. A strain of the cell
    moves no atom in these terms."""
    return float(np.sqrt((((shift - shift.mean(0)) @ cell) ** 2).sum(1).mean()))
