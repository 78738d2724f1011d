"""The elements: symbols, and what the network is told of each beside its name, so that neighbours in the table share."""

import numpy as np

NAMES = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db "
    "Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS = dict(enumerate(NAMES.split(), start=1))
NUMBERS = {symbol: number for number, symbol in SYMBOLS.items()}
CLASSES = 94  # hydrogen to plutonium: class k is atomic number k + 1

# Pauling's electronegativity (0 where there is none) and Slater's radius in angstrom, as pymatgen tells them, by number
ELECTRONEGATIVITY = (
    2.2, 0.0, 0.98, 1.57, 2.04, 2.55, 3.04, 3.44, 3.98, 0.0, 0.93, 1.31, 1.61, 1.9, 2.19, 2.58, 3.16, 0.0, 0.82,
    1.0, 1.36, 1.54, 1.63, 1.66, 1.55, 1.83, 1.88, 1.91, 1.9, 1.65, 1.81, 2.01, 2.18, 2.55, 2.96, 3.0, 0.82, 0.95,
    1.22, 1.33, 1.6, 2.16, 1.9, 2.2, 2.28, 2.2, 1.93, 1.69, 1.78, 1.96, 2.05, 2.1, 2.66, 2.6, 0.79, 0.89, 1.1,
    1.12, 1.13, 1.14, 1.13, 1.17, 1.2, 1.2, 1.1, 1.22, 1.23, 1.24, 1.25, 1.1, 1.27, 1.3, 1.5, 2.36, 1.9, 2.2, 2.2,
    2.28, 2.54, 2.0, 1.62, 2.33, 2.02, 2.0, 2.2, 2.2, 0.7, 0.9, 1.1, 1.3, 1.5, 1.38, 1.36, 1.28,
)  # fmt: skip
RADIUS = (
    0.25, 0.31, 1.45, 1.05, 0.85, 0.7, 0.65, 0.6, 0.5, 0.38, 1.8, 1.5, 1.25, 1.1, 1.0, 1.0, 1.0, 0.71, 2.2, 1.8,
    1.6, 1.4, 1.35, 1.4, 1.4, 1.4, 1.35, 1.35, 1.35, 1.35, 1.3, 1.25, 1.15, 1.15, 1.15, 0.88, 2.35, 2.0, 1.8,
    1.55, 1.45, 1.45, 1.35, 1.3, 1.35, 1.4, 1.6, 1.55, 1.55, 1.45, 1.45, 1.4, 1.4, 1.08, 2.6, 2.15, 1.95, 1.85,
    1.85, 1.85, 1.85, 1.85, 1.85, 1.8, 1.75, 1.75, 1.75, 1.75, 1.75, 1.75, 1.75, 1.55, 1.45, 1.35, 1.35, 1.3,
    1.35, 1.35, 1.35, 1.5, 1.9, 1.8, 1.6, 1.9, 1.5, 1.2, 1.5, 2.15, 1.95, 1.8, 1.8, 1.75, 1.75, 1.75,
)  # fmt: skip
PERIODS = (2, 10, 18, 36, 54, 86)  # the last number of each


def period_and_group(number: int) -> tuple[int, int]:
    """Period 1 to 7 and group 1 to 18; lanthanides and actinides after the first of them have the group 0."""
    period = next((k for k, last in enumerate(PERIODS, start=1) if number <= last), 7)
    after = number - (0, *PERIODS)[period - 1]
    if period == 1:
        return 1, 1 if number == 1 else 18
    if period <= 3:
        return period, after if after <= 2 else after + 10
    if period <= 5:
        return period, after
    if 4 <= after <= 17:
        return period, 0
    return period, after if after <= 3 else after - 14


def described() -> np.ndarray:
    """[CLASSES, 22]: group (19 columns of 0 and 1), period, electronegativity and radius, these about 0 and of size one."""
    rows = np.zeros((CLASSES, 22), np.float32)
    for k in range(CLASSES):
        period, group = period_and_group(k + 1)
        rows[k, group] = 1
        rows[k, 19:] = (period - 4) / 1.5, (ELECTRONEGATIVITY[k] - 1.75) / 0.7, (RADIUS[k] - 1.5) / 0.35
    return rows
