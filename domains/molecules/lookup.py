"""EDM's distance lookup: bonds guessed from distances alone, and the stability that most tables quote.

Hoogeboom et al. 2022 (doi:10.48550/arXiv.2203.17003), appendix on the bond tables; their margins were tuned so that QM9
itself scores best. No charges, no aromatic bonds: kept so that our figures can stand beside others', not because it is right.
"""

import numpy as np

from difusa.domains.molecules.chemistry import SYMBOLS
from difusa.domains.molecules.molecule import Molecule

LENGTHS = {  # order -> element: partners and bond lengths in picometres, each pair once
    1: """H: H 74 C 109 N 101 O 96 F 92 P 144 S 134 Cl 127 Br 141 I 161
          C: C 154 N 147 O 143 F 135 P 184 S 182 Cl 177 Br 194 I 214
          N: N 145 O 140 F 136 P 177 S 168 Cl 175 Br 214 I 222
          O: O 148 F 142 P 163 S 151 Cl 164 Br 172 I 194
          F: F 142 P 156 S 158 Cl 166 Br 178 I 187
          P: P 221 S 210 Cl 203 Br 222
          S: S 204 Cl 207 Br 225 I 234
          Cl: Cl 199 Br 214
          Br: Br 228
          I: I 266""",
    2: "C: C 134 N 129 O 120 S 160\n N: N 125 O 121\n O: O 121 P 150\n P: S 186",
    3: "C: C 120 N 116 O 113\n N: N 110",
}
MARGINS = {1: 10, 2: 5, 3: 3}  # picometres
VALENCES = {1: (1,), 6: (4,), 7: (3,), 8: (2,), 9: (1,), 15: (3, 5), 16: (4,), 17: (1,), 35: (1,), 53: (1,)}


def _thresholds() -> np.ndarray:
    """[4, 54, 54] picometres: below it, a pair has at least this order; 0 where the tables have no length."""
    number = {symbol: n for n, symbol in SYMBOLS.items()}
    found = np.zeros((4, 54, 54))
    for order, text in LENGTHS.items():
        for line in text.splitlines():
            first, rest = line.split(":")
            words = rest.split()
            for symbol, length in zip(words[::2], words[1::2], strict=True):
                i, j = number[first.strip()], number[symbol]
                found[order, i, j] = found[order, j, i] = float(length) + MARGINS[order]
    return found


THRESHOLDS = _thresholds()


def lookup_orders(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Bond orders [n, n] of 0 to 3 by distance (numbers [n], positions [n, 3] angstrom); 0 for elements not in the tables.

    A double bond must be shorter than the single's threshold too, a triple shorter than both, as in EDM's code.
    """
    known = np.where(numbers < THRESHOLDS.shape[1], numbers, 0).astype(int)
    near = np.linalg.norm(positions[:, None] - positions[None], axis=-1) * 100 < THRESHOLDS[:, known[:, None], known]
    orders = near[1] * (1 + near[2] * (1 + near[3].astype(int)))
    np.fill_diagonal(orders, 0)
    return orders


def stable_lookup(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """bool [n]: whether an atom's orders by distance add up to a valence that EDM allows its element (charges unseen)."""
    valence = lookup_orders(numbers, positions).sum(1)
    return np.array([int(v) in VALENCES.get(int(n), ()) for n, v in zip(numbers, valence)], bool)


def lookup_molecule(numbers: np.ndarray, positions: np.ndarray) -> Molecule:
    """The molecule that the lookup sees: its bonds, no charges, smiles empty."""
    orders = lookup_orders(numbers, positions)
    i, j = np.nonzero(np.triu(orders))
    bonds = np.stack([i, j, orders[i, j]], axis=1).astype(np.int32)
    return Molecule(numbers, positions, np.zeros(len(numbers), np.int8), bonds)


def lookup_smiles(numbers: np.ndarray, positions: np.ndarray) -> str:
    """SMILES of the largest fragment that the lookup sees, "" if RDKit does not sanitise the whole (EDM's validity)."""
    from rdkit import Chem, rdBase

    from difusa.domains.molecules.molecule import to_rdkit

    with rdBase.BlockLogs():
        try:
            mol = to_rdkit(lookup_molecule(numbers, positions), sanitize=False)
            Chem.SanitizeMol(mol)
            parts = Chem.GetMolFrags(mol, asMols=True)
            return Chem.MolToSmiles(max(parts, key=lambda m: m.GetNumAtoms()))
        except (ValueError, RuntimeError):
            return ""
