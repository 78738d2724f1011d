"""Elements, bond orders and charges that the models know, in the order of their classes."""

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
