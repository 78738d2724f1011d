"""Properties of drawn molecules by a regressor at level 0, and what it missed on held-out ones."""

from collections.abc import Sequence

import numpy as np
import torch

from difusa.domains.molecules.molecule import Molecule, Skeleton, skeleton
from difusa.domains.molecules.packed import Packed
from difusa.domains.molecules.sampling import encoded, in_groups


def predict(network, bare: Sequence[Skeleton], elements: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations [n, P] of skeletons, in the properties' units; those of each depend on nothing else.

    elements: atomic number of each class. Raises ValueError for an atom that is none of the network's classes.
    """
    mean, std = (np.zeros((len(bare), len(network.names))) for _ in range(2))
    device = next(network.parameters()).device
    for size, group, full in in_groups([len(s) for s in bare]):
        rows = [_state(network, bare[k], elements) for k in group]
        rows += rows[:1] * (full - len(rows))
        x = {name: torch.stack([row[name] for row in rows]).to(device) for name in rows[0]}
        present = torch.ones(full, size, dtype=torch.bool, device=device)
        with torch.no_grad():
            found = network(x, torch.zeros((), device=device), present=present)
        mean[group], std[group] = (value[: len(group)].cpu().double().numpy() for value in found)
    return mean, std


def _state(network, bare: Skeleton, elements: Sequence[int]) -> dict[str, torch.Tensor]:
    place = ((bare.positions - bare.positions.mean(0)) / network.scale).astype(np.float32)
    return encoded(network, elements, bare.numbers, bare.charges, bare.hydrogens, bare.bonds, place)


def heldout(packed: Packed, split: str, names: Sequence[str], elements: Sequence[int], count: int | None = None):
    """Skeletons and true properties [n, P] of a split's molecules that the model can hold: all, or `count` evenly drawn ones.

    Never the first ones: sources are sorted, QM9 by size, and small molecules are easy.
    """
    columns = [packed.property_names.index(name) for name in names]
    every = packed.rows(split)
    found, rows = [], []
    for row in every if count is None else np.random.RandomState(0).permutation(every):
        if len(found) == count:
            break
        if (bare := fitting(packed.molecule(row), elements)) is not None:
            found.append(bare)
            rows.append(row)
    return found, packed.properties[np.array(rows, int)][:, columns].astype(float)


def fitting(molecule: Molecule, elements: Sequence[int]) -> Skeleton | None:
    """The skeleton, or None where there is none or the model has no class for an atom of it."""
    from difusa.domains.molecules.chemistry import CHARGES
    from difusa.domains.molecules.examples import HYDROGENS

    try:
        bare = skeleton(molecule)
    except ValueError:
        return None
    known = np.isin(bare.numbers, elements).all() and np.isin(bare.charges, CHARGES).all()
    return bare if molecule.bonds.size and known and (bare.hydrogens <= HYDROGENS).all() else None


def errors(mean: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Mean absolute error of each property."""
    return {name: float(e) for name, e in zip(names, np.abs(mean - truth).mean(0), strict=True)}
