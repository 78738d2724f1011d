"""Keyed noise, searched for: each sample's starting noise comes whole from a stream of (secret, seed, index).

It is exactly normal, so nothing in the sampler changes, and no two samples share any of it: a mean of many holds no pattern of
one. To read, the noise is estimated from the sample by inversion and compared with that of every issued index.
Null: the key has nothing to do with the sample. Then its noise is a normal vector, whatever the sample, its direction is uniform
on the sphere, and the best of several tries is told by Sidak's formula.
"""

import hashlib
import math
import sys
from dataclasses import replace

import numpy as np

from difusa.shared.seeds import stream

SCHEME = "issued/1"
# Samplers that draw nothing on their way, so that what they make keeps its starting noise.
KEEPERS = ("ddim", "plms", "heun", "dpm2", "dpm3", "dpmpp_2m", "unipc")


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


def keyed_plan(plan, keep: bool = True):
    """A verb's plan with noise of the user's key, and what a passport tells of that; as it is, and None, where that cannot be.

    plan: a frozen dataclass with sampler, seed and noise. keep: False leaves the mark out.
    """
    from difusa.shared.passport.keys import mine

    if not keep:
        return plan, None
    if plan.sampler not in KEEPERS:
        print(f"no watermark: the sampler {plan.sampler} draws fresh noise on its way", file=sys.stderr)
        return plan, None
    try:
        keys = mine()
    except ModuleNotFoundError as error:
        print(f"no watermark: this needs {error.name}: pip install cryptography", file=sys.stderr)
        return plan, None
    return replace(plan, noise=keyed(keys.secret, plan.seed)), {"key": keys.watermark_id, "scheme": SCHEME}


def sidak(p: float, tests: int) -> float:
    """Chance that the least of so many p-values is as small as p; an upper bound if they hang together."""
    return -math.expm1(tests * math.log1p(-p)) if p < 1 else 1.0


def either(*p_values: float) -> float:
    """One p-value of several looks at one sample: the least of them, told by how many there were."""
    return sidak(min(p_values), len(p_values))


def tails(cosines: np.ndarray, dimensions: int) -> np.ndarray:
    """[N] chances that directions uniform on the sphere have at least so large cosines with a given one (keyed.tail)."""
    from scipy.special import betainc

    half = 0.5 * betainc((dimensions - 1) / 2, 0.5, np.clip(1 - cosines**2, 0, 1))
    return np.where(cosines >= 0, half, 1 - half)


def both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One p-value of two independent ones, by their product (Fisher 1932)."""
    product = np.clip(first * second, 1e-300, 1)
    return product * (1 - np.log(product))
