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


@pytest.fixture(scope="session")
def small_models(tmp_path_factory):
    """Options of a verb that draws: two model folders with small random networks, of at most 10 heavy atoms and 20 in all."""
    torch = pytest.importorskip("torch")
    from difusa.domains import models
    from difusa.domains.molecules.network import Molecules

    root, options = (
        tmp_path_factory.mktemp("models"),
        {"elements": 5, "width": 32, "edge": 16, "hidden": 32, "heads": 4},
    )
    for seed, trains in enumerate(("skeleton", "hydrogens")):
        torch.manual_seed(seed)
        network = Molecules(**options, layers=1)
        for p in network.parameters():  # layers that start at zero would make every draw alike
            if not p.abs().sum():
                torch.nn.init.normal_(p, std=0.3)
        meta = {"name": trains, "domain": "molecules", "trains": trains, "network": options | {"layers": 1}}
        sizes = {"elements": [6, 7, 8, 9, 1], "sizes": [[10, 10, 2], [9, 10, 5], [8, 9, 5], [7, 8, 3], [6, 6, 2]]}
        models.write(root / trains, network, meta, beside={"sizes.json": sizes})
    return {"model": str(root / "skeleton"), "hydrogens": str(root / "hydrogens"), "steps": 5, "progress": _quiet}


def _quiet(done: int, total: int) -> None:
    assert 0 <= done <= total
