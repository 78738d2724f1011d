"""Keyed noise, searched for: each sample's starting noise comes whole from a stream of (secret, seed, index).

It is exactly normal, so nothing in the sampler changes, and no two samples share any of it: a mean of many holds no pattern of
one. To read, the noise is estimated from the sample by inversion and compared with that of every issued index.
Null: the key has nothing to do with the sample. Then its noise is a normal vector, whatever the sample, its direction is uniform
on the sphere, and the best of several tries is told by Sidak's formula.
"""

import hashlib
import math

import numpy as np

from difusa.shared.seeds import stream

SCHEME = "issued/1"


def keyed(secret: bytes, seed: int) -> int:
    """The seed of the streams of noise that only who has the secret can draw. Raises ValueError for a short secret."""
    if len(secret) < 16:
        raise ValueError(f"a key of {len(secret)} bytes can be guessed: use 32")
    digest = hashlib.sha256(b"difusa-%s\n%d\n" % (SCHEME.encode(), seed) + secret).digest()
    return int.from_bytes(digest[:8], "big")


def noises(secret: bytes, seed: int, indices, shape: tuple[int, ...]) -> np.ndarray:
    """[N, *shape] float32: the starting noise of each index, as spaces.normal() draws that of a state of one field."""
    own = keyed(secret, seed)
    return np.stack([stream(own, int(i)).standard_normal(shape, dtype=np.float32) for i in indices])


def sidak(p: float, tests: int) -> float:
    """Chance that the least of so many p-values is as small as p; an upper bound if they hang together."""
    return -math.expm1(tests * math.log1p(-p)) if p < 1 else 1.0


def either(*p_values: float) -> float:
    """One p-value of several looks at one sample: the least of them, told by how many there were."""
    return sidak(min(p_values), len(p_values))
