"""How far a set of molecules lies from another: drug-likeness, rings, elements, and the geometry of every type of bond.

Wasserstein-1 in the unit of the quantity, and the Jensen-Shannon divergence in bits (0 = equal, 1 = disjoint).
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np

from difusa.domains.molecules.chemistry import SYMBOLS
from difusa.domains.molecules.geometry import Geometry, geometry
from difusa.domains.molecules.molecule import Molecule, to_rdkit
from difusa.shared.distributions import compared, jensen_shannon, tallied, wasserstein

SCALARS = ("qed", "sa", "logp", "weight")  # 0 to 1; 1 (easy) to 10; octanol/water, Crippen's; dalton
ENOUGH, FEW = 100, 20  # a type of bond, angle or torsion counts if the reference has the first, the sample the second
SIGNS = {1: "-", 2: "=", 3: "#", 4: ":"}


@cache
def _sascorer():
    from rdkit.Chem import RDConfig

    folder = str(Path(RDConfig.RDContribDir) / "SA_Score")
    sys.path.append(folder)
    try:
        import sascorer
    finally:
        sys.path.remove(folder)
    return sascorer


def descriptors(molecule: Molecule) -> dict[str, float | list[int]]:
    """QED (Bickerton et al. 2012), SA score (Ertl and Schuffenhauer 2009, RDKit's contrib), logP (Wildman and Crippen
    1999), weight in dalton, and the sizes of the rings (smallest set). Raises ValueError for an invalid molecule.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import QED, Crippen, Descriptors

    with rdBase.BlockLogs():
        mol = Chem.RemoveHs(to_rdkit(molecule))
        for atom in mol.GetAtoms():
            atom.SetNoImplicit(False)  # hydrogens are implied again, as the scores expect them
        Chem.SanitizeMol(mol)
        found = {"qed": QED.qed(mol), "sa": _sascorer().calculateScore(mol), "logp": Crippen.MolLogP(mol)}
    rings = [len(r) for r in mol.GetRingInfo().AtomRings()]
    return found | {"weight": Descriptors.MolWt(mol), "ring_sizes": rings}


def compared_types(sample: Geometry, reference: Geometry) -> dict[str, object]:
    """Wasserstein-1 type by type, averaged with the reference's shares; Jensen-Shannon of the types' shares.

    Only types frequent in both count; `covered`: their share of the reference. `worst`: the five types that add most.
    """
    sizes = {"n": len(sample.values), "reference_n": len(reference.values)}
    if not (len(sample.values) and len(reference.values)):
        return sizes
    ours, theirs = sample.by_type(), reference.by_type()
    both = [t for t, v in theirs.items() if len(v) >= ENOUGH and len(ours.get(t, ())) >= FEW]
    weights = {t: len(theirs[t]) for t in both}
    total = sum(weights.values())
    distances = {t: wasserstein(ours[t], theirs[t]) for t in both}
    worst = sorted(both, key=lambda t: -weights[t] * distances[t])[:5]
    return {
        "wasserstein": sum(weights[t] * distances[t] for t in both) / total if both else float("nan"),
        "jensen_shannon": jensen_shannon(*tallied(sample.types, reference.types)),
        "covered": total / len(reference.types),
        "worst": {name_of(t): {"wasserstein": distances[t], "share": weights[t] / len(reference.types)} for t in worst},
    } | sizes


def name_of(code: int) -> str:
    """A type's code as text: C-N, C-C=O, H-C-C:C."""
    elements, orders = [code & 127], []
    while code := code >> 7:
        orders.append(code & 7)
        elements.append((code := code >> 3) & 127)
    symbols = [SYMBOLS.get(e, f"#{e}") for e in elements]
    return symbols[0] + "".join(SIGNS[o] + s for o, s in zip(orders, symbols[1:], strict=True))


def profile(molecules: list[Molecule]) -> dict[str, object]:
    """All that is compared, of valid molecules: a table of scalars, rings, elements, bonds, angles and torsions."""
    rows = [descriptors(m) for m in molecules]
    found: dict[str, object] = {name: np.array([r[name] for r in rows], float) for name in SCALARS}
    found["ring_sizes"] = np.array([size for r in rows for size in r["ring_sizes"]], int)
    found["numbers"] = [m.numbers for m in molecules]
    return found | geometry(molecules)


def distances(sample: dict[str, object], reference: dict[str, object]) -> dict[str, dict]:
    """The distances of two profiles: SCALARS, ring_sizes, elements (Jensen-Shannon of all atoms; Wasserstein-1 of the count
    in a molecule, mean over elements), bond_lengths (angstrom), bond_angles and torsions (degrees, 0 to 180: mirror images
    are one).
    """
    found = {name: compared(sample[name], reference[name]) for name in SCALARS}
    found["ring_sizes"] = compared(sample["ring_sizes"], reference["ring_sizes"], tallied)
    found["elements"] = compared_elements(sample["numbers"], reference["numbers"])
    return found | {n: compared_types(sample[n], reference[n]) for n in ("bond_lengths", "bond_angles", "torsions")}


def compared_elements(sample: list[np.ndarray], reference: list[np.ndarray]) -> dict[str, object]:
    """As in `distances`; `by_element`: the mean counts in a molecule, of both."""
    sizes = {"n": len(sample), "reference_n": len(reference)}
    if not (sample and reference):
        return sizes
    present = np.union1d(np.concatenate(sample), np.concatenate(reference))
    ours, theirs = (np.array([[(m == e).sum() for e in present] for m in s]) for s in (sample, reference))
    means = {
        SYMBOLS.get(int(e), f"#{e}"): [float(c[:, k].mean()) for c in (ours, theirs)] for k, e in enumerate(present)
    }
    return {
        "wasserstein": float(np.mean([wasserstein(ours[:, k], theirs[:, k]) for k in range(len(present))])),
        "jensen_shannon": jensen_shannon(ours.sum(0), theirs.sum(0)),
        "by_element": means,
    } | sizes
