"""Flat pictures of molecules by RDKit, and conformers laid over one another; nothing is fetched."""

import base64
from collections.abc import Sequence

SIZE = (240, 180)  # px
WRONG = (0.95, 0.45, 0.35)  # red, green, blue behind an atom that cannot be


def depict(record: str) -> str:
    """The SVG of an SDF record, hydrogens implied, as a `data:` address; the atoms that break it stand out.

    A record that cannot be read gives an empty string.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    from difusa.domains.molecules.molecule import to_rdkit
    from difusa.domains.molecules.readers import read_sdf

    try:
        mol = to_rdkit(read_sdf(record), sanitize=False)  # as the verb judged it, nothing repaired
    except ValueError:
        return ""
    with rdBase.BlockLogs():
        mol.UpdatePropertyCache(strict=False)
        wrong = _problems(mol)
        if wrong is None:
            Chem.SanitizeMol(mol, Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP)
            Chem.AssignStereochemistryFrom3D(mol)
        for atom in mol.GetAtoms():
            atom.SetBoolProp("wrong", atom.GetIdx() in (wrong or ()))
        mol = Chem.RemoveHs(mol, sanitize=False)
        mol.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(mol)
        mol.RemoveAllConformers()
        rdDepictor.Compute2DCoords(mol)
        pen = rdMolDraw2D.MolDraw2DSVG(*SIZE)
        pen.drawOptions().clearBackground = False
        pen.drawOptions().padding = 0.08
        pen.drawOptions().fixedBondLength = 26
        pen.drawOptions().prepareMolsBeforeDrawing = False
        marked = [a.GetIdx() for a in mol.GetAtoms() if a.GetBoolProp("wrong")]
        if wrong is None:
            mol = rdMolDraw2D.PrepareMolForDrawing(mol, kekulize=True, addChiralHs=False, forceCoords=False)
        pen.DrawMolecule(
            mol, highlightAtoms=marked, highlightAtomColors=dict.fromkeys(marked, WRONG), highlightBonds=[]
        )
        pen.FinishDrawing()
    return "data:image/svg+xml;base64," + base64.b64encode(pen.GetDrawingText().encode()).decode()


def _problems(mol) -> set[int] | None:
    """The atoms that RDKit complains of, none if it names none; None if the molecule can be sanitised."""
    from rdkit import Chem

    steps = Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP
    found = set()
    for problem in Chem.DetectChemistryProblems(mol, steps):
        several = hasattr(problem, "GetAtomIndices")
        found |= set(problem.GetAtomIndices()) if several else {problem.GetAtomIdx()}
    if found:
        return found
    return set() if Chem.SanitizeMol(Chem.Mol(mol), steps, catchErrors=True) else None


def laid_over(records: Sequence[str]) -> list[str]:
    """Records of one molecule as mol blocks, each turned and moved onto the first by its heavy atoms (least squares)."""
    from rdkit import Chem
    from rdkit.Chem import rdMolAlign

    mols = [Chem.MolFromMolBlock(r, sanitize=False, removeHs=False) for r in records]
    heavy = [(a.GetIdx(), a.GetIdx()) for a in mols[0].GetAtoms() if a.GetAtomicNum() != 1]
    for mol in mols[1:]:
        rdMolAlign.AlignMol(mol, mols[0], atomMap=heavy)
    return [Chem.MolToV3KMolBlock(mol, kekulize=False) for mol in mols]
