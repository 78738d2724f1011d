"""Random streams: one a sample, so that sample 17 is the same in any batch, worker or resumed run."""

import numpy as np


def stream(seed: int, index: int, part: int = 0) -> np.random.Generator:
    """The counter-based generator of sample `index` under `seed`; `part` opens an independent stream of the same sample.

    Philox (Salmon et al. 2011) with key (seed, index): unlike seed + index, no two pairs share a stream.
    """
    for name, value in (("seed", seed), ("index", index), ("part", part)):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} must lie in 0..2**64-1, got {value}")
    counter = np.array([0, 0, 0, part], np.uint64)
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64), counter=counter))


def streams(seed: int, indices) -> list[np.random.Generator]:
    """One stream for each sample index."""
    return [stream(seed, int(i)) for i in indices]
