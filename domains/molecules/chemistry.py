"""Elements, bond orders and charges that the models know, in the order of their classes; and which valences are full."""

import numpy as np

ELEMENTS = {  # model -> atomic numbers; a class is a place in the list. Hydrogen last: a skeleton has the classes before it
    "qm9": (6, 7, 8, 9, 1),
    "drugs": (6, 7, 8, 9, 15, 16, 17, 35, 1),
}
SYMBOLS = {1: "H", 6: "C", 7: "N", 8: "O", 9: "F", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I"}
CHARGES = (-1, 0, 1)  # formal charges, class by class
ORDERS = (0, 1, 2, 3, 4)  # class = order; 0 no bond, 4 aromatic
AROMATIC = 4
VALENCE = {
    1: 1.0,
    2: 2.0,
    3: 3.0,
    4: 1.5,
}  # what a bond of this order adds to the valence (aromatic rounded to 1 inflates stability)
EV = 27.211386246  # electronvolts in a hartree (CODATA 2018, rounded as in EDM's tables)
# (atomic number, formal charge) -> valences of closed shells
FULL = {
    (1, 0): (1,), (6, 0): (4,), (6, 1): (3,), (6, -1): (3,), (7, 0): (3,), (7, 1): (4,), (7, -1): (2,), (8, 0): (2,),
    (8, 1): (3,), (8, -1): (1,), (9, 0): (1,), (15, 0): (3, 5), (15, 1): (4,), (16, 0): (2, 4, 6), (16, 1): (3,),
    (16, -1): (1,), (17, 0): (1,), (35, 0): (1,), (53, 0): (1,),
}  # fmt: skip


def filling(
    numbers: np.ndarray, charges: np.ndarray, aromatic: np.ndarray, others: np.ndarray, most: int
) -> np.ndarray:
    """bool [N, most + 1]: whether so many hydrogens fill a valence of FULL.

    aromatic, others [N]: number of aromatic bonds and sum of the other orders between heavy atoms. Aromatic bonds hold one
    double bond a atom, or none where it brings a lone pair (N, O, S, an anion) or has a double bond outside the ring.
    """
    fits = np.zeros((len(numbers), most + 1), bool)
    for row, (number, charge, a, o) in enumerate(
        zip(numbers.tolist(), charges.tolist(), aromatic.tolist(), others.tolist())
    ):
        inner = {a + 1} if a else {0}
        if a and (number in (7, 8, 16) or charge < 0 or o >= 2):
            inner |= {a}
        for valence in FULL.get((number, charge), ()):
            for left in (valence - o - b for b in inner):
                if 0 <= left <= most:
                    fits[row, left] = True
    return fits
