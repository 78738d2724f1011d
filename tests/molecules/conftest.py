"""What the tests of the molecules share: a handful of embedded molecules, and the first rows of QM9."""

from itertools import islice

import pytest

TEXTS = (  # aromatic NH, nitro, zwitterion, nitrile, fused lactam, single atom, two charges of one sign, N-oxide
    "c1cc[nH]c1",
    "C[N+](=O)[O-]",
    "[NH3+]CC(=O)[O-]",
    "N#Cc1ccccc1",
    "O=c1cc[nH]c2ccccc12",
    "O",
    "C[NH2+]CC[NH+](C)C",
    "Cc1cc[n+]([O-])cc1",
    "C[C@H](O)[C@@H](F)Cl",
)


@pytest.fixture(scope="session")
def molecules():
    """Molecules with ETKDG coordinates, one for each of TEXTS."""
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit.Chem import AllChem

    from difusa.domains.molecules.molecule import from_rdkit

    made = []
    for text in TEXTS:
        mol = chem.AddHs(chem.MolFromSmiles(text))
        assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
        made.append(from_rdkit(mol))
    return made


@pytest.fixture(scope="session")
def qm9_rows():
    """The first 460 rows of QM9; 23, 24 and 486 are among them."""
    pytest.importorskip("rdkit")
    from difusa.domains.molecules.qm9 import rows, tables

    try:
        tables()
    except ValueError:
        pytest.skip("needs the package qm9pack")
    return list(islice(rows(), 480))
