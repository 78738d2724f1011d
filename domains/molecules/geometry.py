"""Bond lengths, angles and torsions of many molecules at once, each with its type: elements and orders along the chain."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.molecules.molecule import Molecule


@dataclass(frozen=True)
class Geometry:
    """Values [k] of one kind, and their types [k] int64: element, order, element ... in 7, 3, 7 ... bits from the lowest,
    of the two directions the smaller.
    """

    values: np.ndarray
    types: np.ndarray

    def by_type(self) -> dict[int, np.ndarray]:
        """type -> its values."""
        order = np.argsort(self.types, kind="stable")
        types, first = np.unique(self.types[order], return_index=True)
        return dict(zip(types.tolist(), np.split(self.values[order], first[1:]), strict=True))


def _lengthen(ends: np.ndarray, start: np.ndarray, degree: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(chain, edge): for chains that end at the atoms `ends`, each with each directed edge that leaves there."""
    many = degree[ends]
    chain = np.repeat(np.arange(len(ends)), many)
    rank = np.arange(len(chain)) - np.repeat(np.cumsum(many) - many, many)
    return chain, start[ends[chain]] + rank


def _codes(elements: list[np.ndarray], orders: list[np.ndarray]) -> np.ndarray:
    def one(e, o):
        code = e[-1]
        for element, order in zip(reversed(e[:-1]), reversed(o)):
            code = (code << 10) | (order << 7) | element
        return code

    return np.minimum(one(elements, orders), one(elements[::-1], orders[::-1]))


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between vectors [k, 3], 0 to 180, exact near both ends too."""
    sine, cosine = np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)
    return np.degrees(np.arctan2(sine, cosine))


def geometry(molecules: list[Molecule]) -> dict[str, Geometry]:
    """bond_lengths (angstrom), bond_angles (degrees) and torsions (degrees without sign, 0 = cis to 180 = trans).

    Every bonded chain of two, three and four different atoms counts once.
    """
    if not molecules:
        return {k: Geometry(np.zeros(0), np.zeros(0, int)) for k in ("bond_lengths", "bond_angles", "torsions")}
    sizes = [len(m) for m in molecules]
    shift = np.repeat(np.cumsum([0, *sizes[:-1]]), [len(m.bonds) for m in molecules])
    z = np.concatenate([m.numbers for m in molecules]).astype(np.int64)
    x = np.concatenate([m.positions for m in molecules])
    bonds = np.concatenate([m.bonds for m in molecules]).astype(np.int64).reshape(-1, 3)
    i, j, order = bonds[:, 0] + shift, bonds[:, 1] + shift, bonds[:, 2]
    lengths = Geometry(np.linalg.norm(x[i] - x[j], axis=1), _codes([z[i], z[j]], [order]))
    # Every bond is two directed edges, sorted by the atom they leave.
    source, target, kind = np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([order, order])
    by_source = np.argsort(source, kind="stable")
    source, target, kind = source[by_source], target[by_source], kind[by_source]
    degree = np.bincount(source, minlength=len(z))
    start = np.cumsum(degree) - degree

    first, second = _lengthen(target, start, degree)
    keep = source[first] != target[second]
    first, second = first[keep], second[keep]
    a, b, c, ab, bc = source[first], target[first], target[second], kind[first], kind[second]
    once = a < c
    angles = Geometry(_angle(x[a] - x[b], x[c] - x[b])[once], _codes([z[a], z[b], z[c]], [ab, bc])[once])
    chain, third = _lengthen(c, start, degree)
    d, cd = target[third], kind[third]
    a, b, c, ab, bc = a[chain], b[chain], c[chain], ab[chain], bc[chain]
    once = (d != b) & (a < d)  # a < d also leaves out rings of three, where d is a
    a, b, c, d, ab, bc, cd = (v[once] for v in (a, b, c, d, ab, bc, cd))
    middle = x[c] - x[b]
    value = _angle(np.cross(x[a] - x[b], middle), np.cross(x[d] - x[c], middle))
    torsions = Geometry(value, _codes([z[a], z[b], z[c], z[d]], [ab, bc, cd]))
    return {"bond_lengths": lengths, "bond_angles": angles, "torsions": torsions}
