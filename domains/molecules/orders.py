"""Bonds that the valences of drawn atoms allow: the drawn ones, changed as little as can be where they cannot be written.

First, where an atom has more bonds than any closed shell of it allows, the bond whose lowering costs the least likelihood is
lowered, again and again, those last that hold two pieces together. Then, where the aromatic bonds cannot be written with
alternating double bonds (Kekule), as many double bonds as fit are put on them (a maximum matching, the likeliest of its
size); what is left over is single, and the hydrogens that `valences.filled` gives close it. Bonds that can be written stay.
"""

import numpy as np

from difusa.domains.molecules.chemistry import AROMATIC
from difusa.domains.molecules.valences import FULL, HYPERVALENT, rings_of, ways_of

NEVER = 1e9  # cost of changing what is given
TORN = 30.0  # cost of a bond whose loss leaves one piece more: it goes only where nothing else may


def settled(
    numbers: np.ndarray, charges: np.ndarray, bonds: np.ndarray, log_p: np.ndarray, held: int = 0
) -> np.ndarray:  # fmt: skip
    """Bonds [k, 3] out of drawn ones [m, 3] (i, j, order), log_p [m, 5] the log-probability of each order of each.

    numbers, charges [N]: atomic numbers and formal charges. held: bonds among so many first atoms are given, and stay.
    """
    orders = bonds[:, 2].copy()
    given = (bonds[:, :2] < held).all(1)
    caps = np.array([max(FULL.get(key, (8,))) for key in zip(numbers.tolist(), charges.tolist())])
    _lower(bonds, orders, np.where(given[:, None], -NEVER, log_p), caps, given)
    kept = np.column_stack([bonds[:, :2], orders]).astype(bonds.dtype)
    if (orders == AROMATIC).any() and not written(numbers, charges, kept[orders > 0]):
        _alternate(numbers, kept, log_p, caps, given)
    return kept[kept[:, 2] > 0]


def written(numbers: np.ndarray, charges: np.ndarray, bonds: np.ndarray) -> bool:
    """Whether all aromatic bonds lie in rings of such bonds, and can be written with alternating double bonds."""
    from networkx import Graph, has_bridges

    ring = Graph(bonds[bonds[:, 2] == AROMATIC, :2].tolist())
    return not has_bridges(ring) and bool(rings_of(bonds, ways_of(numbers, charges, bonds, 4)))


def _load(bonds: np.ndarray, orders: np.ndarray, atoms: int) -> np.ndarray:
    """Least sum of orders at each atom [atoms]: an aromatic bond counts 1."""
    each = np.where(orders == AROMATIC, 1, orders)
    return np.bincount(bonds[:, :2].ravel(), np.repeat(each, 2), atoms)


def _lower(bonds, orders, log_p, caps, given) -> None:
    """Lowers `orders` in place until no atom has more than its cap."""
    rows, atoms = np.arange(len(orders)), len(caps)

    def tears(row: int, order: int) -> bool:
        return order == 0 and _pieces(bonds, np.where(rows == row, 0, orders), atoms) > _pieces(bonds, orders, atoms)

    while True:
        over = _load(bonds, orders, len(caps)) > caps
        touched = rows[over[bonds[:, :2]].any(1) & (orders > 0) & ~given]
        if not len(touched):
            return
        steps = [
            (log_p[r, orders[r]] - log_p[r, o] + TORN * tears(r, o), r, o) for r in touched for o in _below(orders[r])
        ]
        _, row, order = min(steps)
        orders[row] = order


def _pieces(bonds: np.ndarray, orders: np.ndarray, atoms: int) -> int:
    """How many pieces the bonds leave."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    i, j = bonds[orders > 0, :2].T
    return connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(atoms, atoms)), directed=False)[0]


def _below(order: int) -> range:
    """Orders that weigh less."""
    return range(1) if order == AROMATIC else range(order)


def _alternate(numbers, bonds, log_p, caps, given) -> None:
    """Writes the aromatic bonds as single and double ones, in place; those that are given stay."""
    from networkx import Graph, max_weight_matching

    load = _load(bonds, bonds[:, 2], len(caps))
    room = (caps > load) & ~np.isin(numbers, HYPERVALENT)
    rows = np.flatnonzero((bonds[:, 2] == AROMATIC) & ~given)
    graph = Graph()
    for r in rows:
        i, j = bonds[r, :2].tolist()
        if room[i] and room[j]:
            graph.add_edge(i, j, weight=float(log_p[r, 2] - log_p[r, 1]), row=int(r))
    double = [graph.edges[pair]["row"] for pair in max_weight_matching(graph, maxcardinality=True)]
    bonds[rows, 2] = 1
    bonds[double, 2] = 2
