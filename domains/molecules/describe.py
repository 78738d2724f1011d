"""What a packed set holds, in numbers."""

import numpy as np

from difusa.domains.molecules.packed import Packed
from difusa.shared.prepared import SPLITS


def describe(packed: Packed) -> dict[str, object]:
    """Molecules a split, atoms, charges, hydrogens, elements, bond orders, and the spread of centred heavy atoms (angstrom)."""
    count = len(packed)
    molecule = np.repeat(np.arange(count), np.diff(packed.offsets))
    heavy = packed.numbers != 1
    sizes = np.bincount(molecule[heavy], minlength=count)
    first = packed.offsets[np.repeat(np.arange(count), np.diff(packed.bond_offsets))]
    ends = packed.bonds[:, :2].astype(np.int64) + first[:, None]
    light = ~heavy[ends]
    carried = np.bincount(ends[light[:, ::-1]], minlength=len(heavy))[heavy]
    x = packed.positions_milliangstrom[heavy] / 1000.0
    mean = np.stack([np.bincount(molecule[heavy], x[:, k], count) for k in range(3)], 1) / np.maximum(sizes, 1)[:, None]
    return {
        "molecules": count,
        "splits": dict(zip(SPLITS, np.bincount(packed.split, minlength=len(SPLITS)).tolist())),
        "undetermined graphs": int((packed.smiles == "").sum()),
        "distinct SMILES": len(np.unique(packed.smiles)),
        "atoms": _range(np.diff(packed.offsets)),
        "heavy atoms": _range(sizes),
        "share with a formal charge": round(len(np.unique(molecule[packed.charges != 0])) / count, 4),
        "formal charges": _counts(packed.charges),
        "hydrogens on a heavy atom": _counts(carried),
        "elements": _counts(packed.numbers),
        "bonds between heavy atoms, by order": _counts(packed.bonds[~light.any(1), 2]),
        "standard deviation of centred heavy atoms, per axis": round(float((x - mean[molecule[heavy]]).std()), 3),
    }


def _range(values: np.ndarray) -> dict[str, float]:
    return {"min": int(values.min()), "mean": round(float(values.mean()), 2), "max": int(values.max())}


def _counts(values: np.ndarray) -> dict[int, int]:
    return {int(k): int(n) for k, n in zip(*np.unique(values, return_counts=True))}
