"""The stereochemistry that a SMILES asks for, and whether coordinates have it.

The networks cannot tell a molecule from its mirror image, so a draw may be mirrored as a whole; what is wrong then is wrong.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stereo:
    """What is asked of a molecule whose atoms are in the order of `mol`, hydrogens explicit.

    centres: (atom, RDKit's chiral tag); bonds: (neighbour, atom, atom, neighbour, whether the neighbours are cis), for all
    pairs of neighbours across a double bond; free: centres and double bonds that could have been specified and were not.
    """

    mol: object
    centres: tuple[tuple[int, object], ...]
    bonds: tuple[tuple[int, int, int, int, bool], ...]
    free: int

    @property
    def specified(self) -> int:
        """Centres and double bonds that are asked for."""
        return len(self.centres) + len({row[1:3] for row in self.bonds})


def asked_of(smiles: str) -> Stereo:
    """The stereo of a SMILES that RDKit reads. Raises ValueError for centres that are not tetrahedral."""
    from rdkit import Chem

    tetrahedral = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
    cis = (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)
    fixed = (*cis, Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOTRANS)
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    centres, bonds = [], []
    for atom in mol.GetAtoms():
        if (tag := atom.GetChiralTag()) in tetrahedral:
            centres.append((atom.GetIdx(), tag))
        elif tag != Chem.ChiralType.CHI_UNSPECIFIED:
            raise ValueError(
                f"atom {atom.GetIdx() + 1} has stereo of the kind {tag}; only tetrahedral centres are known"
            )
    for bond in mol.GetBonds():
        if bond.GetStereo() in fixed:
            bonds += _sides(bond, bond.GetStereo() in cis)
    kinds = (Chem.StereoType.Atom_Tetrahedral, Chem.StereoType.Bond_Double)
    potential = [s for s in Chem.FindPotentialStereo(mol) if s.type in kinds]
    free = sum(s.specified != Chem.StereoSpecified.Specified for s in potential)
    return Stereo(mol, tuple(centres), tuple(bonds), free)


def _sides(bond, cis: bool) -> list[tuple[int, int, int, int, bool]]:
    """What the two stereo atoms of a double bond mean for all of its neighbours."""
    (a, b), i, j = bond.GetStereoAtoms(), bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    first = [n.GetIdx() for n in bond.GetBeginAtom().GetNeighbors() if n.GetIdx() != j]
    second = [n.GetIdx() for n in bond.GetEndAtom().GetNeighbors() if n.GetIdx() != i]
    return [(x, i, j, y, cis ^ (x != a) ^ (y != b)) for x in first for y in second]


def turned(stereo: Stereo, positions: np.ndarray) -> tuple[np.ndarray, str]:
    """Positions [n, 3], mirrored if that makes all right, and one of:

    right, mirrored; wrong: neither they nor their mirror image are clearly what is asked for; free: nothing is asked for, though
    there is something to ask for; none: there is nothing.
    """
    if not stereo.centres and not stereo.bonds:
        return positions, "free" if stereo.free else "none"
    if any(_cis(positions[list(atoms)]) != cis for *atoms, cis in stereo.bonds):
        return positions, "wrong"
    image = positions * (-1.0, 1.0, 1.0)
    for found, word in ((positions, "right"), (image, "mirrored")):
        if _centres_right(stereo, found):
            return found, word
    return positions, "wrong"


def _centres_right(stereo: Stereo, positions: np.ndarray) -> bool:
    from rdkit import Chem

    mol = Chem.Mol(stereo.mol)
    mol.RemoveAllConformers()
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(np.ascontiguousarray(positions, dtype=float))
    mol.AddConformer(conformer)
    Chem.AssignAtomChiralTagsFromStructure(mol, replaceExistingTags=True)
    return all(mol.GetAtomWithIdx(i).GetChiralTag() == tag for i, tag in stereo.centres)


def _cis(p: np.ndarray) -> bool:
    """Whether p[0] and p[3] lie on the same side of the bond p[1]-p[2]."""
    axis = p[2] - p[1]
    a, b = (v - axis * (v @ axis) / max(axis @ axis, 1e-12) for v in (p[0] - p[1], p[3] - p[2]))
    return bool(a @ b > 0)
