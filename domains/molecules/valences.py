"""How many hydrogens fill the valences of drawn heavy atoms: the likeliest numbers that make closed shells and real rings.

Bonds, elements and charges are drawn; what they leave open is chemistry's, not chance's. A choice stays only where several
numbers close a shell (the N of an aromatic ring with or without a hydrogen, S and P of several valences): it is the
network's, among those that let every aromatic ring be written with alternating double bonds (Kekule).
"""

from itertools import product

import numpy as np

from difusa.domains.molecules.chemistry import AROMATIC
from difusa.domains.molecules.constraints import assign_sum
from difusa.domains.molecules.stability import bond_counts

# (atomic number, formal charge) -> valences of closed shells
FULL = {
    (1, 0): (1,), (6, 0): (4,), (6, 1): (3,), (6, -1): (3,), (7, 0): (3,), (7, 1): (4,), (7, -1): (2,), (8, 0): (2,),
    (8, 1): (3,), (8, -1): (1,), (9, 0): (1,), (15, 0): (3, 5), (15, 1): (4,), (16, 0): (2, 4, 6), (16, 1): (3,),
    (16, -1): (1,), (17, 0): (1,), (35, 0): (1,), (53, 0): (1,),
}  # fmt: skip
HYPERVALENT = (15, 16)  # of several valences: a lone pair is likelier than one more double bond
LONE_PAIR = (7, 8, 16)  # elements that may sit in an aromatic ring without a double bond in it
UNFILLED = -1e4  # log-probability of a valence left open: worse than any that a network gives
MOST_FREE = 8  # atoms with a choice that are tried in all combinations; more keep their likeliest


def options(number: int, charge: int, aromatic: int, others: int, most: int) -> list[tuple[int, int]]:
    """(double bonds inside the aromatic ring, hydrogens up to `most`) that close the shell of an atom.

    aromatic: number of its aromatic bonds; others: sum of its other orders.
    """
    inner = [1] if aromatic else [0]
    if aromatic and (number in LONE_PAIR or charge < 0 or others >= 2):
        inner = [0, 1]
    left = [(k, v - others - aromatic - k) for k in inner for v in FULL.get((number, charge), ())]
    return [(k, h) for k, h in left if 0 <= h <= most]


def filled(
    numbers: np.ndarray, charges: np.ndarray, bonds: np.ndarray, log_p: np.ndarray, total: int | None = None, held=()
) -> np.ndarray:
    """Hydrogens [N] of heavy atoms: atomic numbers and charges [N], bonds [m, 3] rows (i, j, order).

    log_p [N, K]: the network's log-probability of 0 .. K - 1 hydrogens. held: those of the first atoms, where they are known.
    total: those of the other atoms together; always met, by leaving as few valences open as can be. Where nothing closes a
    shell (too many bonds), the likeliest number.
    """
    most, known = log_p.shape[1] - 1, len(held)
    ways = ways_of(numbers, charges, bonds, most)
    ways = [[w for w in way if i >= known or w[1] == held[i]] for i, way in enumerate(ways)]
    found = [_settled(log_p, way, total, held) for way in rings_of(bonds, ways) or [ways]]
    return max(found, key=lambda f: f[0])[1]


def ways_of(numbers: np.ndarray, charges: np.ndarray, bonds: np.ndarray, most: int) -> list[list[tuple[int, int]]]:
    """The `options` of each atom."""
    counts = bond_counts(len(numbers), bonds).T.tolist()
    return [options(*row, most) for row in zip(numbers.tolist(), charges.tolist(), *counts)]


def rings_of(bonds: np.ndarray, ways: list) -> list[list]:
    """The ways, narrowed to those that let the aromatic bonds be written with alternating double bonds; none where none does."""
    ring = np.unique(bonds[bonds[:, 2] == AROMATIC, :2])
    if not len(ring) or not all(ways[i] for i in ring):
        return []
    free = [i for i in ring if len({k for k, _ in ways[i]}) > 1][:MOST_FREE]
    tries = product(*(sorted({k for k, _ in ways[i]}) for i in free))
    narrowed = [{i: [w for w in ways[i] if w[0] == k] for i, k in zip(free, chosen)} for chosen in tries]
    rings = [[n.get(i, way) for i, way in enumerate(ways)] for n in narrowed]
    return [way for way in rings if alternating(bonds, {i for i in ring if max(k for k, _ in way[i])})]


def _settled(log_p: np.ndarray, ways: list, total: int | None, held) -> tuple[float, np.ndarray]:
    """The likeliest hydrogens that keep to the ways, and their log-probability; see `filled`."""
    fits = np.zeros(log_p.shape, bool)
    for row, way in enumerate(ways):
        fits[row, [h for _, h in way]] = True
    score = log_p + np.where(fits | ~fits.any(1, keepdims=True), 0.0, UNFILLED)
    new = score[len(held) :]
    chosen = new.argmax(1) if total is None else assign_sum(new, total)
    return float(new[np.arange(len(new)), chosen].sum()), np.concatenate([np.asarray(held, int), chosen])


def alternating(bonds: np.ndarray, need: set[int]) -> bool:
    """Whether the atoms that need one double bond in the ring can be paired along aromatic bonds (a perfect matching)."""
    from networkx import Graph, max_weight_matching

    graph = Graph([(i, j) for i, j, order in bonds.tolist() if order == AROMATIC and i in need and j in need])
    graph.add_nodes_from(need)
    return 2 * len(max_weight_matching(graph, maxcardinality=True)) == len(need)
