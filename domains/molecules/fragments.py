"""A fragment to keep: its heavy atoms with their places and bonds, and where it may grow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from difusa.domains.molecules.asked import Asked
from difusa.domains.molecules.chemistry import CHARGES, SYMBOLS
from difusa.domains.molecules.molecule import Molecule, Skeleton
from difusa.domains.molecules.perception import told
from difusa.domains.molecules.readers import LARGEST
from difusa.domains.molecules.sizes import Sizes
from difusa.shared.seeds import stream

PART = 3  # of a sample's random stream: where it attaches
MOST = 4  # hydrogens on one heavy atom


@dataclass(frozen=True)
class Fragment:
    """bare: the heavy atoms, with the hydrogens that the file says or implies; spare [h]: valences that the file leaves open.

    groups: where new atoms are attached; each sample draws one place out of each group. An attachment takes an open valence,
    or else a hydrogen gives way to it: the network is told the hydrogens that are left.
    """

    bare: Skeleton
    spare: np.ndarray
    groups: tuple[tuple[int, ...], ...]

    def way(self, seed: int, index: int) -> tuple[int, ...]:
        """Where sample `index` attaches new atoms: places, one for each group."""
        rng = stream(seed, int(index), PART)
        return tuple(group[rng.integers(len(group))] for group in self.groups)

    def hydrogens(self, way: Sequence[int]) -> np.ndarray:
        """Hydrogens [h] that stay on the fragment's atoms."""
        taken = np.bincount(np.array(way, int), minlength=len(self.bare)) - self.spare
        return self.bare.hydrogens.astype(int) - np.maximum(taken, 0)

    @property
    def staying(self) -> int:
        """Hydrogens that stay on the fragment in all, wherever a sample attaches."""
        return int(self.hydrogens([group[0] for group in self.groups]).sum())


def read_fragment(row: str, attach: Sequence[int] = ()) -> Fragment:
    """The fragment of a mol block. attach: atoms to attach to, as numbered in the block from 1; twice takes two hydrogens.

    Without `attach` it grows where a valence is open: at dummy atoms (*, R), which are dropped, and where a block that has
    some explicit hydrogens lacks one; if none is open, at one hydrogen of each piece, drawn anew for each sample. A block
    without any explicit hydrogen implies them all. Raises ValueError with the reason.
    """
    from rdkit import Chem

    with told() as log:
        mol = Chem.MolFromMolBlock(row, sanitize=False, removeHs=False)
        if mol is None:
            raise ValueError(log() or "no mol block")
        if not 0 < mol.GetNumAtoms() <= LARGEST:
            raise ValueError(f"{mol.GetNumAtoms()} atoms: a fragment has between 1 and {LARGEST}")
        if not mol.GetConformer().Is3D():
            raise ValueError("the coordinates are a flat drawing (2D): a fragment needs its place in space")
        Chem.SanitizeMol(mol, Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP)
    atoms = list(mol.GetAtoms())
    heavy = [a.GetIdx() for a in atoms if a.GetAtomicNum() > 1]
    if not heavy:
        raise ValueError("the fragment has no heavy atom")
    place = {number: k for k, number in enumerate(heavy)}
    near = [[b.GetAtomicNum() for b in atoms[i].GetNeighbors()] for i in heavy]
    explicit = np.array([n.count(1) for n in near])
    implied = np.array([atoms[i].GetTotalNumHs() for i in heavy])
    lost = np.array([atoms[i].GetNumRadicalElectrons() + n.count(0) for i, n in zip(heavy, near)])
    carried, spare = (explicit, lost + implied) if any(a.GetAtomicNum() == 1 for a in atoms) else (implied, lost)
    orders = {1.0: 1, 2.0: 2, 3.0: 3, 1.5: 4}
    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondTypeAsDouble()) for b in mol.GetBonds()]
    inside = [(*sorted((place[i], place[j])), orders.get(o, 0)) for i, j, o in ends if i in place and j in place]
    if not all(o for *_, o in inside):
        raise ValueError("a bond is neither single, double, triple nor aromatic")
    bare = Skeleton(
        np.array([atoms[i].GetAtomicNum() for i in heavy], np.uint8),
        np.array(mol.GetConformer().GetPositions(), float)[heavy],
        np.array([atoms[i].GetFormalCharge() for i in heavy], np.int8),
        carried.astype(np.uint8),
        np.array(sorted(inside), np.int32).reshape(-1, 3),
    )
    pieces = [[place[i] for i in piece if i in place] for piece in Chem.GetMolFrags(mol)]
    return Fragment(bare, spare, _groups(bare, spare, pieces, [_named(n, place, len(atoms)) for n in attach]))


def _named(number: int, place: dict[int, int], atoms: int) -> int:
    if number - 1 not in place:
        known = f"it has {atoms} atoms" if not 1 <= number <= atoms else "it is a hydrogen or a dummy"
        raise ValueError(f"--attach {number}: no heavy atom of the fragment has that number; {known}")
    return place[number - 1]


def _groups(
    bare: Skeleton, spare: np.ndarray, pieces: list[list[int]], named: list[int]
) -> tuple[tuple[int, ...], ...]:
    room = bare.hydrogens + spare
    if named:
        for k in set(named):
            if named.count(k) > room[k]:
                raise ValueError(
                    f"--attach: heavy atom {k + 1} carries or lacks {room[k]} hydrogens, {named.count(k)} are asked for"
                )
        return tuple((k,) for k in named)
    if spare.any():
        return tuple((k,) for k in np.repeat(np.arange(len(bare)), spare).tolist())
    groups = tuple(tuple(k for k in piece for _ in range(bare.hydrogens[k])) for piece in pieces)
    if not all(groups):
        raise ValueError("a piece of the fragment has no hydrogen that could give way, and no open valence")
    return groups


def fit(asked: Asked, fragment: Fragment, low: int = 1, high: int = LARGEST) -> Asked:
    """`asked`, cut to what the fragment can become by low .. high new heavy atoms. ValueError: it cannot, and the way out."""
    bare, sizes = fragment.bare, asked.sizes
    check_classes(bare, sizes)
    if outside := sorted(set(bare.numbers.tolist()) - set(asked.allowed)):
        raise ValueError(
            f"the fragment holds {SYMBOLS.get(outside[0], outside[0])}, which --elements or --formula lack"
        )
    for number, most in (asked.formula or {}).items():
        if (have := int((bare.numbers == number).sum())) > most:
            raise ValueError(f"the fragment holds {have} {SYMBOLS.get(number, number)}, --formula {most}")
    new, hydrogens = sizes.pairs[:, 0] - len(bare), sizes.pairs[:, 1] - fragment.staying
    keep = (new >= max(low, 1)) & (new <= high)
    if not keep.any():
        heavy = sizes.pairs[:, 0]
        raise ValueError(
            f"the fragment has {len(bare)} heavy atoms; what may be drawn has {heavy.min()} to {heavy.max()}, "
            "and none is larger by as many as are asked for"
        )
    if asked.exact:
        keep &= (hydrogens >= 0) & (hydrogens <= MOST * new)
    if not keep.any():
        raise ValueError(
            f"the fragment keeps {fragment.staying} hydrogens; with new atoms no number asked for can be reached"
        )
    return replace(asked, sizes=sizes.where(keep))


def check_classes(bare: Skeleton, sizes: Sizes) -> None:
    """Raises ValueError for atoms that the model has no class for."""
    if outside := sorted(set(bare.numbers.tolist()) - set(sizes.elements)):
        known = ", ".join(SYMBOLS.get(n, str(n)) for n in sizes.elements)
        raise ValueError(f"{SYMBOLS.get(outside[0], f'element {outside[0]}')} is none of this model's {known}")
    if (wrong := bare.charges[~np.isin(bare.charges, CHARGES)]).size:
        raise ValueError(f"an atom has the charge {wrong[0]:+d}; the models know -1, 0 and 1")
    if (bare.hydrogens > MOST).any():
        raise ValueError(f"an atom carries {bare.hydrogens.max()} hydrogens; the models know up to {MOST}")


def ends(fragment: Fragment, molecule: Molecule) -> str:
    """The fragment's atoms that new ones are bonded to, numbered from 1 as in the molecule written: `2,5`."""
    heavy = int((molecule.numbers != 1).sum())
    i, j = molecule.bonds[:, :2].T
    found = i[(i < len(fragment.bare)) & (j >= len(fragment.bare)) & (j < heavy)]
    return ",".join(str(k + 1) for k in np.unique(found))
