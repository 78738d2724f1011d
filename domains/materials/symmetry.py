"""What a space group leaves free of a crystal: parameters of its sites, and the symmetric strains of its cell.

An operation takes the fractional coordinates x (a column) to W x + w. The first atom of an orbit moves along the integer
columns of B, which span what its site symmetry leaves; the operation that carries it to atom i carries B to A_i = W B. So all
atoms are x_i = frac_i + A_i p with p of their orbit, and p of period 1 (a lattice of parameters: B is a basis of all integer
vectors in its span). The cell is T exp(S): T the square root of the metric that is left when the unit metric is averaged
over the group, scaled to determinant 1, in whose axes the rotations are orthogonal; S symmetric, unchanged by them all.
Without symmetry T is the unit and S = log(cell cell^T) / 2.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np


@dataclass(frozen=True, eq=False)
class Template:
    """A space group acting on n sites in the axes of one primitive cell.

    spacegroup: international number, 0 where no symmetry is imposed. rotations [k, 3, 3] int: W of each operation. frac
    [n, 3]: sites that obey the group. orbit [n]: the first site of each one's orbit. directions [n, 3, 3] int: A_i, columns
    that are not needed are zero. wyckoff: a letter for each site, "" where unknown. alike [n]: the first site that is lent the
    same element; None: orbits have nothing to do with each other.
    """

    spacegroup: int
    rotations: np.ndarray
    frac: np.ndarray
    orbit: np.ndarray
    directions: np.ndarray
    wyckoff: str = ""
    alike: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.orbit)

    @cached_property
    def shape(self) -> np.ndarray:
        """T [3, 3]."""
        return shape_of(self.rotations)

    @cached_property
    def turns(self) -> np.ndarray:
        """The rotations [k, 3, 3] in the axes in which they are orthogonal."""
        return self.shape @ self.rotations @ np.linalg.inv(self.shape)

    @property
    def even(self) -> np.ndarray:
        """[n]: the first site whose element each one shares."""
        return self.orbit if self.alike is None else self.alike

    @cached_property
    def freedom(self) -> np.ndarray:
        """How many parameters [n] move each site: 0 to 3."""
        return (self.directions != 0).any(1).sum(1)

    @cached_property
    def gather(self) -> np.ndarray:
        """[n, 3, 3]: what the shift of a site says of its orbit's parameters, so that their sum is the least-squares answer."""
        a = self.directions.astype(float)
        normal = np.zeros_like(a)
        np.add.at(normal, self.orbit, a.transpose(0, 2, 1) @ a)
        return np.linalg.pinv(normal[self.orbit]) @ a.transpose(0, 2, 1)

    @cached_property
    def spread(self) -> np.ndarray:
        """[n, 3, 3]: from a free shift of an orbit's first site to that of each site: A_i (the pseudo-inverse of B)."""
        return self.directions @ np.linalg.pinv(self.directions[self.orbit].astype(float))

    @cached_property
    def strains(self) -> np.ndarray:
        """Symmetric tensors [d, 3, 3] that the group leaves unchanged, orthonormal (Frobenius): 1 to 6 of them."""
        rows, columns = np.triu_indices(3)
        all_six = np.zeros((6, 3, 3))
        all_six[np.arange(6), rows, columns] = all_six[np.arange(6), columns, rows] = 1
        kept = self.symmetric(all_six / np.linalg.norm(all_six, axis=(1, 2), keepdims=True)).reshape(6, 9)
        _, sizes, found = np.linalg.svd(kept)
        return found[: int((sizes > 1e-6).sum())].reshape(-1, 3, 3)

    def symmetric(self, tensors: np.ndarray) -> np.ndarray:
        """The part of symmetric tensors [..., 3, 3] that the group leaves unchanged: their mean over it."""
        return (self.turns @ tensors[..., None, :, :] @ self.turns.transpose(0, 2, 1)).mean(-3)

    def sites(self, shifts: np.ndarray) -> np.ndarray:
        """Shifts [..., n, 3] that obey the group and move the sites' centre nowhere, of free ones; those of first sites count."""
        moved = np.einsum("nij,...nj->...ni", self.spread, shifts[..., self.orbit, :])
        return moved - moved.mean(-2, keepdims=True)


def free_template(frac: np.ndarray) -> Template:
    """No symmetry: every site moves by itself."""
    n = len(frac)
    one = np.eye(3, dtype=np.int8)
    return Template(0, one[None], frac, np.arange(n), np.broadcast_to(one, (n, 3, 3)))


def shape_of(rotations: np.ndarray) -> np.ndarray:
    """T [3, 3] of the group's rotations [k, 3, 3]; symmetric, of determinant 1."""
    w = rotations.astype(float)
    values, vectors = np.linalg.eigh((w.transpose(0, 2, 1) @ w).mean(0))
    root = (vectors * np.sqrt(values)) @ vectors.T
    return root / np.linalg.det(root) ** (1 / 3)


def strain_of(cell: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """S [3, 3] with cell = shape exp(S), but for a rotation of the whole."""
    back = np.linalg.inv(shape) @ cell
    values, vectors = np.linalg.eigh(back @ back.T)
    return (vectors * np.log(values) / 2) @ vectors.T


def cell_of(strain: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The cell [3, 3] of a strain S."""
    values, vectors = np.linalg.eigh(strain)
    return shape @ ((vectors * np.exp(values)) @ vectors.T)


def basis_of(kept: np.ndarray) -> np.ndarray:
    """A basis [3, 3] (columns, the rest zero) of the integer vectors that all of `kept` [s, 3, 3] leave unchanged."""
    away = (kept.astype(int) - np.eye(3, dtype=int)).reshape(-1, 3)
    rank = 3 - np.linalg.matrix_rank(away)
    found = np.zeros((3, 3), np.int8)
    if rank == 3:
        return np.eye(3, dtype=np.int8)
    fixed = [v for v in SHORT if not (away @ v).any()]
    if rank == 1:
        found[:, 0] = fixed[0]
    elif rank == 2:
        plane = np.array([np.cross(fixed[0], v) for v in fixed])
        found[:, 0] = fixed[0]
        # a cell of the plane's lattice is one whose area vector is primitive
        found[:, 1] = next(v for v, area in zip(fixed, plane) if area.any() and np.gcd.reduce(area) == 1)
    return found


SHORT = sorted(
    (np.array(v) for v in product(range(-3, 4), repeat=3) if any(v) and np.gcd.reduce(v) == 1),
    key=lambda v: (int(v @ v), *(-v).tolist()),
)


def template_of(spacegroup: int, rotations, translations, frac: np.ndarray, wyckoff: str = "") -> Template:
    """The template of operations [k] in the axes of `frac` [n, 3], whose sites are moved to obey them exactly.

    Raises ValueError where an operation does not carry the sites to one another within a tenth of the cell.
    """
    w, t = np.asarray(rotations, int), np.asarray(translations, float)
    images = np.einsum("kij,nj->kni", w, frac) + t[:, None]
    apart = images[:, :, None] - frac  # [k, n, n, 3]
    near = np.abs(apart - np.rint(apart)).max(-1)
    to = near.argmin(-1)
    if near.min(-1).max(initial=0) > 0.1 or any(len(set(row)) < len(row) for row in to):
        raise ValueError(f"space group {spacegroup} does not carry its {len(frac)} sites to one another")
    orbit = to.min(0)
    chosen = np.array([np.flatnonzero(to[:, first] == i)[0] for i, first in enumerate(orbit)])
    mean = np.zeros_like(frac)
    for row, moved in zip(to, images):
        off = moved - frac[row]
        mean[row] += frac[row] + off - np.rint(off)
    mean /= len(w)
    bases = {int(first): basis_of(w[to[:, first] == first]) for first in np.unique(orbit)}
    directions = np.array([w[g] @ bases[int(first)] for g, first in zip(chosen, orbit)], np.int8)
    wrapped = mean % 1.0
    return Template(spacegroup, w.astype(np.int8), np.where(wrapped == 1.0, 0.0, wrapped), orbit, directions, wyckoff)
