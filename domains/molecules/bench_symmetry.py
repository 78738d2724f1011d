"""Rows of the bench for equivariance: the largest error of each symmetry, of networks, samplers and guidance."""

import time

import torch

from difusa.domains.molecules import equivariance as eq
from difusa.domains.molecules.bench_setup import Setup
from difusa.domains.molecules.network import Molecules

TYPES = {"float64": torch.float64, "float32": torch.float32}
PARTS = {  # row -> what is measured; the trunk e3nn is slow, so its network alone
    "network": ("fast", "e3nn", "shipped"),
    "ddpm": ("fast", "shipped"),
    "dpmpp_2m": ("fast", "shipped"),
    "ddpm, guided by a weaker network": ("fast",),
    "ddpm, guided by a gradient": ("fast", "shipped"),
}


def equivariance(setup: Setup) -> None:
    """Random networks of both trunks with a property to wish for, and the model itself, in both precisions."""
    for part, kinds in PARTS.items():
        for kind in kinds:
            try:
                nets, name, weights = networks(setup, kind)
            except (FileNotFoundError, ModuleNotFoundError) as why:
                setup.missing(f"{part}, {kind}", "equivariance", why)
                continue
            for precision, dtype in TYPES.items():

                def score(items, part=part, nets=nets, dtype=dtype):
                    for _ in items:
                        began = time.perf_counter()
                        yield errors(part, nets, dtype) | {"seconds": time.perf_counter() - began}

                row = setup.store.row(
                    f"{part}, {name}, {precision}", "equivariance", ["the largest"], score, seeds=[0], model=weights,
                    settings={"atoms": eq.ATOMS, "batch": eq.BATCH, "steps": 4},
                )  # fmt: skip
                setup.tell(row, eq.MOVES)


def networks(setup: Setup, kind: str) -> tuple[list, str, str | None]:
    """Networks (the second the weaker guide), their name in the table, the fingerprint of their weights."""
    if kind == "shipped":
        model = setup.pair(setup.model, setup.asked.hydrogens)[0]
        return [model.load()], f"model {model.name}", model.sha256
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        net = Molecules(4, width=32, edge=16, hidden=16, channels=4, heads=4, layers=2, properties=1, trunk=kind)
        for p in net.parameters():  # layers that start at zero would hide their own faults
            if p.numel() and not p.abs().sum():
                torch.nn.init.normal_(p, std=0.2)
        made.append(net.eval().requires_grad_(False))
    return made, f"random {kind}", None


def errors(part: str, nets: list, dtype: torch.dtype) -> dict[str, float]:
    """Symmetry -> its largest error, of whole molecules and of fragments; a whole one is centred, so nothing moves it."""
    nets = [net.to(dtype) for net in nets]
    wish = 0.3 if nets[0].of_wish is not None else None

    def plain(space, *conditions):
        return eq.told(nets[0], *conditions, wish=wish)

    def weaker(space, *conditions):
        return eq.mixed(plain(space, *conditions), eq.told(nets[1], *conditions, wish=torch.nan), space)

    def gradient(space, *conditions):
        return eq.steered(plain(space, *conditions), space)

    kinds = {"ddpm, guided by a weaker network": weaker, "ddpm, guided by a gradient": gradient}

    def one(name: str, whole: bool) -> float:
        if part == "network":
            return eq.network_error(lambda *told: plain(None, *told), nets[0].classes, dtype, name, whole)
        make = kinds.get(part, plain)
        return eq.apart(*eq.walked(make, nets[0].classes, dtype, name, whole, part.split(",")[0])[:2])

    return {m: max(one(m, whole) for whole in (True, False) if not (whole and m == "translation")) for m in eq.MOVES}
