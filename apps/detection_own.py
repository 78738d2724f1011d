"""Pictures of our own making for detectors to be fitted and tested on: enlargements by four, and samples from noise alone."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

PRIOR_SIDE, PRIOR_STEPS = 192, 8


def enlarged(data: Path, split: str, n: int, kept: Collection[str] = (), seed: int = 0):
    """(name, uint8 [256, 256, 3]) of n paintings and pages of a split of which only 64 x 64 px were left, but those in `kept`:
    nearly all that is fine in them is invented, in one sample of three evaluations, as `difusa heritage restore --task sr4` does.
    """
    from difusa.domains.heritage import recolouring
    from difusa.domains.heritage.bench import restore
    from difusa.domains.heritage.cases import crops, make
    from difusa.domains.heritage.intervals import load_calibration
    from difusa.domains.heritage.posterior import Plan
    from difusa.domains.models import find

    model = find("restorer", domain="heritage")
    tool = recolouring.Tool(model.load(), model, load_calibration(model.folder, model.sha256))
    found = [c for c in crops(data, 3 * n, split) if c.item.kind != "photograph"][:n]
    for crop in (c for c in found if c.name not in kept):
        yield crop.name, restore(make("sr4", crop), tool, Plan(samples=1, seed=seed, batch=1)).one.pixels


def drawn(n: int, seed: int, kept: Collection[str] = ()):
    """(name, uint8 [PRIOR_SIDE, PRIOR_SIDE, 3]) of n samples of the restorer's prior from noise alone, but those in `kept`;
    paintings and pages in turn.
    """
    import torch

    from difusa.domains.heritage.data import decode
    from difusa.domains.heritage.plain import Plain
    from difusa.domains.models import find
    from difusa.shared.samplers import SAMPLERS, last, schedule
    from difusa.shared.seeds import stream
    from difusa.shared.spaces import Euclidean

    network, space = find("restorer", domain="heritage").load(), Euclidean()
    sigmas = schedule("dpmpp_2m", PRIOR_STEPS, 0.02, 40.0)
    for k in range(n):
        if (name := f"prior-{seed}-{k}") in kept:
            continue
        rng = [stream(seed, k)]
        noise = space.noise(torch.zeros(1, 3, PRIOR_SIDE, PRIOR_SIDE), rng)
        with torch.no_grad():
            x = last(
                SAMPLERS["dpmpp_2m"](Plain(network, 2 if k % 3 == 2 else 0), space, sigmas[0] * noise, sigmas, rng=rng)
            )
        yield name, decode(x[0], np.uint8, grey=False)


def make(folder: Path, data: Path, counts: dict[str, tuple[int, int]]) -> None:
    """Writes SPLIT/NAME.png for each split: counts[split] enlargements and samples; what is there already is kept."""
    from PIL import Image

    from difusa.shared.files import write_atomic

    for number, (split, (few, more)) in enumerate(counts.items()):
        place = Path(folder) / split
        place.mkdir(parents=True, exist_ok=True)
        kept = {p.stem for p in place.glob("*.png")}
        if len(kept) >= few + more:
            continue
        for source in (enlarged(data, split, few, kept), drawn(more, 100 + number, kept)):
            for name, pixels in source:
                write_atomic(
                    place / f"{name}.png", lambda part, pixels=pixels: Image.fromarray(pixels).save(part, "png")
                )
