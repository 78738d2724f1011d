"""What the tests of crystals share: a small prepared data set, and small random networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

PAIRS = [(a, b) for a in (3, 11, 19, 37) for b in (9, 17, 35, 53)] + [(a, b) for a in (12, 20, 38, 56) for b in (8, 16)]
FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@pytest.fixture(scope="session")
def small_crystals(tmp_path_factory) -> Path:
    """A data folder with 24 salts and 8 layered triclinic crystals, prepared as the Materials Project's are."""
    pytest.importorskip("spglib")
    from difusa.domains.materials.crystal import Crystal
    from difusa.domains.materials.packed import pack
    from difusa.domains.materials.reducing import idealised, spacegroup

    rng, found = np.random.default_rng(0), []
    for pair in PAIRS:
        a = 4.5 + 0.02 * sum(pair)
        found.append(Crystal(a * FCC, np.array(pair, np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])))
    for k in range(8):
        cell = np.diag([4.0, 4.5, 5.0]) + 0.3 * rng.normal(size=(3, 3))
        places = np.array([[0.0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0.1, 0.6], [0.0, 0.5, 0.5]]) + 0.02 * rng.normal(
            size=(4, 3)
        )
        found.append(Crystal(cell, np.array([3, 25 + k % 4, 8, 8], np.uint8), places % 1.0))
    told = [
        {"id": f"t-{k}", "formation_energy": -1 - 0.05 * k, "e_above_hull": 0.0, "band_gap": 0.2 * (k % 9)}
        for k in range(len(found))
    ]
    found = [replace(c, tags=t) for c, t in zip(found, told)]
    split = np.zeros(len(found), int)  # every element is also in the training split
    split[[1, 6, 11, 12, 17, 22, 24]], split[[3, 8, 18, 27]] = 2, 1
    whole, templates = zip(*(idealised(c) for c in found))
    root = tmp_path_factory.mktemp("crystals")
    pack(list(whole), list(templates), [spacegroup(c) for c in found], split).save(root / "materials" / "mp.npz")
    return root


@pytest.fixture(scope="session")
def small_crystal_models(small_crystals, tmp_path_factory) -> dict[str, str]:
    """Folders of small random networks: `model` draws crystals, `guide` and `judge` read properties off them, calibrated."""
    torch = pytest.importorskip("torch")
    from difusa.domains import models
    from difusa.domains.materials.domain import beside
    from difusa.domains.materials.network import Materials
    from difusa.domains.materials.regressor import Regressor
    from difusa.shared import conformal

    root, rng = tmp_path_factory.mktemp("models"), np.random.default_rng(0)
    small = {"width": 32, "edge": 16, "hidden": 32, "channels": 4, "heads": 4, "layers": 1}
    names = ["formation_energy", "e_above_hull", "band_gap"]
    scale = {"names": ["formation_energy", "band_gap"], "mean": [-1.5, 0.8], "spread": [0.5, 0.5]}
    kinds = {
        "model": ("crystal", Materials, {"volume": 19.0, "spread": 0.6, "properties": 3}),
        "guide": ("regressor", Regressor, scale),
        "judge": ("regressor", Regressor, scale),
    }
    for seed, (name, (trains, kind, extra)) in enumerate(kinds.items()):
        torch.manual_seed(seed)
        network = kind(**small, **extra)
        for p in network.parameters():  # layers that start at zero would make every draw alike
            if not p.abs().sum():
                torch.nn.init.normal_(p, std=0.1)
        more = beside(small_crystals, {"sizes": [4, 8], "properties": names}) if trains == "crystal" else None
        meta = {"name": name, "domain": "materials", "trains": trains, "network": small | extra}
        models.write(root / name, network, meta, beside=more)
        if trains == "regressor":
            found, errors = models.find(root / name), rng.normal(size=(200, 2))
            conformal.calibrated(np.zeros((200, 2)), np.ones((200, 2)), errors, found.sha256).save(found.folder)
    return {name: str(root / name) for name in kinds}
