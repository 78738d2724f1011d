"""Rows of the bench for symmetry: the network's largest errors, and space groups asked for that spglib finds again."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from difusa.domains.materials.bench_setup import OURS, Setup
from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.network import ONEHOT, PERIOD, Materials
from difusa.domains.materials.symmetry import strain_of

TYPES = {"float64": torch.float64, "float32": torch.float32}
MOVES = ("translation", "permutation", "rotation", "axes")
LEVELS = (0.02, 0.3, 3.0)
ATOMS, BATCH = 6, 4
GROUPS = (225, 221, 227, 194, 166, 139, 62, 14, 2)


def symmetry(setup: Setup) -> None:
    """Random and shipped network in both precisions, then the groups. FileNotFoundError without a model, after the rest."""
    torch.manual_seed(0)
    network = Materials(19.0, 0.6, width=32, edge=16, hidden=32, channels=4, heads=4, layers=2)
    for p in network.parameters():  # layers that start at zero would hide their own faults
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    invariance(setup, "random network", network.eval().requires_grad_(False), None)
    model = setup.model()
    invariance(setup, f"model {model.name}", model.load(), model.sha256)
    groups(setup, model)


def invariance(setup: Setup, name: str, network, weights: str | None) -> None:
    """A row for each precision: the largest error of each symmetry over LEVELS."""
    for precision, dtype in TYPES.items():

        def score(items, dtype=dtype):
            for _ in items:
                began = time.perf_counter()
                yield errors(network, dtype) | {"seconds": time.perf_counter() - began}

        row = setup.store.row(
            f"{name}, {precision}", "symmetry", ["the largest"], score, model=weights,
            settings={"atoms": ATOMS, "batch": BATCH, "levels": list(LEVELS)},
        )  # fmt: skip
        setup.tell(row, MOVES)


def errors(network, dtype: torch.dtype) -> dict[str, float]:
    """Symmetry -> largest error as a share of the largest value of the field, of random crystals without imposed symmetry."""
    before, network = next(network.parameters()).dtype, network.to(dtype)
    rng = np.random.default_rng(0)
    cells = 4.5 * np.eye(3) + 0.6 * rng.normal(size=(BATCH, 3, 3))
    kinds = ONEHOT * np.eye(CLASSES)[rng.integers(CLASSES, size=(BATCH, ATOMS))] + 0.1 * rng.normal(
        size=(BATCH, ATOMS, CLASSES)
    )
    frac = rng.random((BATCH, ATOMS, 3))
    order, turn = rng.permutation(ATOMS), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    axes = np.eye(3)[[2, 0, 1]] * np.array([1, -1, 1])[:, None]
    told = {
        "translation": (cells, (frac + rng.random(3)) % 1.0, kinds),
        "permutation": (cells, frac[:, order], kinds[:, order]),
        "rotation": (cells @ turn, frac, kinds),
        "axes": (axes @ cells, frac @ axes.T % 1.0, kinds),
    }
    found = dict.fromkeys(MOVES, 0.0)
    for sigma in LEVELS:
        logits, move, strain = answers(network, cells, frac, kinds, sigma, dtype)
        expected = {
            "translation": (logits, move, strain),
            "permutation": (logits[:, order], move[:, order], strain),
            "rotation": (logits, move, strain),
            "axes": (logits, move @ axes.T, axes @ strain @ axes.T),
        }
        for name in MOVES:
            for a, b in zip(answers(network, *told[name], sigma, dtype), expected[name]):
                found[name] = max(found[name], float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12)))
    network.to(before)
    return found


def answers(network, cells, frac, kinds, sigma: float, dtype: torch.dtype) -> list[np.ndarray]:
    """Logits, tangent of frac and strain of crystals that are encoded first: cells [B, 3, 3], frac [B, N, 3], kinds."""
    size = torch.full((len(cells),), float(ATOMS), dtype=dtype)
    strain = torch.as_tensor(np.stack([strain_of(c, np.eye(3)) for c in cells]), dtype=dtype)
    x = {
        "frac": PERIOD * torch.as_tensor(frac, dtype=dtype),
        "strain": network.standard(strain, size),
        "elements": torch.as_tensor(kinds, dtype=dtype),
    }
    site = {
        "present": torch.ones(len(cells), ATOMS, dtype=torch.bool),
        "shape": torch.eye(3, dtype=dtype).expand(len(cells), 3, 3),
        "freedom": torch.full((len(cells), ATOMS), 3),
        "orbit": torch.arange(ATOMS).expand(len(cells), ATOMS),
        "spacegroup": torch.zeros(len(cells), dtype=torch.long),
        "rank": torch.full((len(cells),), 6),
    }
    with torch.no_grad():
        return [v.double().numpy() for v in network.predict(x, torch.tensor(sigma, dtype=dtype), **site)]


def groups(setup: Setup, model) -> None:
    """Crystals with a space group asked for, symmetrised, read back from their files: share whose group spglib finds at 0.01."""
    from difusa.domains.materials.metrics import load_rows
    from difusa.domains.materials.reducing import TIGHT, spacegroup
    from difusa.domains.materials.task import generate
    from difusa.shared.metrics import share

    count = setup.usual(None, 20, 2)

    def score(items):
        for item in items:
            began, wanted = time.perf_counter(), int(item.split()[1])
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                generate(
                    out=out, count=count, spacegroup=wanted, symmetrised=True, steps=setup.steps, seed=setup.asked.seed,
                    model=str(model.folder), device=setup.asked.device, threads=setup.threads, batch=setup.batch,
                    progress=lambda done, total: None, watermark=False,
                )  # fmt: skip
                rows = load_rows(out)
            hits = [r.crystal is not None and spacegroup(r.crystal, TIGHT) == wanted for r in rows]
            yield {"found": vars(share([float(h) for h in hits])), "seconds": time.perf_counter() - began}

    chosen = GROUPS[:1] if setup.asked.quick else GROUPS
    row = setup.store.row(
        f"{OURS}: space groups", "symmetry", [f"group {g}" for g in chosen], score, model=model.sha256,
        settings={"crystals": count, "steps": setup.steps, "threads": setup.threads},
    )  # fmt: skip
    setup.tell(row, ("found",))
