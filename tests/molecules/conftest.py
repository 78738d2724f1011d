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


@pytest.fixture(scope="session")
def small_property_models(tmp_path_factory):
    """Folders of small random networks: one that hears gap and mu, one that places hydrogens, and a calibrated guide.

    Beside them `tiny`, which hears nothing. gap lies between 10 - k and 11 - k for molecules of the kth size.
    """
    torch = pytest.importorskip("torch")
    import numpy as np

    from difusa.domains import models
    from difusa.domains.molecules import guide
    from difusa.domains.molecules.network import Molecules
    from difusa.domains.molecules.regressor import Regressor
    from difusa.domains.molecules.wishes import files, of_rows

    root, rng = tmp_path_factory.mktemp("models"), np.random.default_rng(0)
    small = {"elements": 5, "width": 32, "edge": 16, "hidden": 32, "heads": 4, "layers": 1}
    sizes = {"elements": [6, 7, 8, 9, 1], "sizes": [[9, 10, 5], [7, 10, 3], [2, 6, 4], [1, 4, 3]]}
    k = rng.integers(0, 4, 4000)
    values = np.stack([10 - k + rng.uniform(0, 1, 4000), rng.uniform(0, 5, 4000)], 1)
    wishes = files(of_rows(("gap", "mu"), values, np.array(sizes["sizes"])[k, :2]))
    table = {
        "names": ("gap", "mu"),
        "base": [[5, 0.1, 0.2, 0.1, 0.3, 0.1], [1, 0, 0.3, 0.2, 0.1, 0]],
        "spread": [1.0, 0.8],
    }
    kinds = {
        "tiny": ("skeleton", Molecules, {}, {}),
        "tiny-property": ("skeleton", Molecules, {"properties": 2}, wishes),
        "tiny-hydrogens": ("hydrogens", Molecules, {}, {}),
        "tiny-guide": ("regressor", Regressor, table, {}),
    }
    for seed, (name, (trains, kind, extra, beside)) in enumerate(kinds.items()):
        torch.manual_seed(seed)
        network = kind(**small, **extra)
        for p in network.parameters():
            if p.numel() and not p.abs().sum():
                torch.nn.init.normal_(p, std=0.3)
        meta = {"name": name, "domain": "molecules", "trains": trains, "network": small | extra}
        models.write(root / name, network, meta, beside={"sizes.json": sizes} | beside)
    found, normal = models.find(root / "tiny-guide"), rng.normal(size=(2000, 2))
    guide.calibrated(np.zeros((2000, 2)), np.ones((2000, 2)), normal, found.sha256).save(found.folder)
    return {k: str(root / f"tiny-{k}") for k in ("hydrogens", "guide")} | {"model": str(root / "tiny-property")}
