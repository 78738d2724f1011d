"""A mark in the signs of the starting noise: whoever has the key can read it back by inversion, nobody else can tell it is there.

Of n numbers, a keyed choice of half or more keeps its signs: these are fresh in each sample. Each of the others takes the sign
that makes its product with two of them a keyed one, a parity check. Magnitudes stay. Under a key that is not known, a sample has
exactly the law of unmarked noise; so has, under any key, each pair of its numbers. Half of the checks say that there is a mark;
the others repeat the bits of a payload.
Source: pseudorandom codes for pictures, Gunn, Zhao and Song 2024 (arXiv 2410.07369), here with checks of three signs.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from difusa.shared.denoisers import Denoiser
from difusa.shared.inversion import invert, noise_of
from difusa.shared.samplers import last
from difusa.shared.spaces import Space, State

SCHEME = "signs/1"
BITS = 48  # of a payload
LEAST, MOST = 64, 2**17  # numbers a sample must have; checks it gets at most
LEVELS = 8  # weights of a check


@dataclass(frozen=True)
class Code:
    """Where a key marks n numbers: checks [c, 3], places of the two free signs and of the one that is set; target [c] of bool,
    whether their product is negative; the first `found` checks tell that there is a mark, the others carry bits."""

    checks: np.ndarray
    target: np.ndarray
    found: int

    @property
    def bit_of(self) -> np.ndarray:
        """The payload's bit that each of the other checks carries."""
        return np.arange(len(self.checks) - self.found) % BITS


@lru_cache(maxsize=64)
def code(key: bytes, n: int) -> Code:
    """The code of a key (at least 16 bytes) for n numbers; the same on every machine and with every version of numpy.

    Raises ValueError for fewer than LEAST numbers or a short key.
    """
    if n < LEAST:
        raise ValueError(f"{n} numbers are too few for a mark: at least {LEAST} are needed")
    if len(key) < 16:
        raise ValueError(f"a key of {len(key)} bytes can be guessed: use 32")
    words = np.frombuffer(hashlib.shake_256(b"difusa-%s\n%d\n" % (SCHEME.encode(), n) + key).digest(16 * n), "<u8")
    order = np.argsort(words[:n], kind="stable")
    count = min(n // 2, MOST)
    free, held = order[count:], order[:count]
    rest = words[n : n + count]
    step = 1 + rest % (
        (len(free) - 1) // 2
    )  # at most half round: no two checks share both, which would tie two numbers
    second = (np.arange(count) + step.astype(np.int64)) % len(free)
    checks = np.stack([free[:count], free[second], held], axis=1)
    return Code(checks, (rest >> np.uint64(63)).astype(bool), count // 2)


def stamp(noise: Tensor, key: bytes, payloads: Sequence[int] = ()) -> Tensor:
    """Unit noise [B, ...] with a mark in each sample; payloads: a whole number below 2^48 for each, 0 where none is given.

    Only signs change, at most half of them. Raises ValueError as code(), and for a payload that does not fit.
    """
    rows = noise.detach().cpu().numpy().reshape(len(noise), -1).copy()
    given = list(payloads) or [0] * len(rows)
    if len(given) != len(rows) or any(not 0 <= p < 2**BITS for p in given):
        raise ValueError(f"{len(rows)} samples need as many payloads from 0 to 2^{BITS} - 1, got {given}")
    made = code(key, rows.shape[1])
    a, b, held = made.checks.T
    wanted = np.tile(made.target, (len(rows), 1))
    bits = (np.array(given, np.uint64)[:, None] >> np.arange(BITS, dtype=np.uint64)) & np.uint64(1)
    wanted[:, made.found :] ^= bits[:, made.bit_of].astype(bool)
    negative = np.signbit(rows[:, a]) ^ np.signbit(rows[:, b]) ^ wanted
    rows[:, held] = np.where(negative, -1, 1) * np.abs(rows[:, held])
    return torch.from_numpy(rows).reshape(noise.shape).to(noise)


def read(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, refine: int = 3) -> State:
    """The unit noise that a deterministic sampler made x of: its inversion; sigmas and refine as inversion.invert()."""
    return noise_of(space, last(invert(denoise, space, x, sigmas, refine=refine)), sigmas[0])


def p_value(noise: Tensor, key: bytes) -> float:
    """How often a key drawn without regard to this sample [...] fits it as well or better; near 0 for a marked one.

    Null: the key is independent of the sample. Then, whatever the sample, the checks are independent fair coins. Each weighs
    from 1 to LEVELS by the rank of its smallest magnitude, for a reading errs most where that is small; weights do not look at
    signs, so the law of the weighted sum is known exactly. Ties are broken by a draw from the sample itself, so that under the
    null the value is uniform.
    """
    rows, made = _flat(noise), code(key, noise.numel())
    holds, sure = _held(rows, made, slice(None, made.found))
    ranks = np.empty(len(sure), np.int64)
    ranks[np.argsort(sure, kind="stable")] = np.arange(len(sure))
    weights = 1 + ranks * LEVELS // len(sure)
    good = int(weights[holds].sum())
    coin = hashlib.sha256(key + np.packbits(np.signbit(rows)).tobytes()).digest()
    share = (int.from_bytes(coin[:8], "big") + 0.5) / 2**64
    reached, beyond = tail(tuple(np.bincount(weights).tolist()), good)
    return beyond + share * (reached - beyond)


def payload(noise: Tensor, key: bytes) -> tuple[int, float]:
    """The payload of a marked sample [...], and the least certain of its bits: the chance of a fair coin to be as one-sided.

    Each bit is the vote of the checks that repeat it, weighted by the smallest magnitude in each. Look at p_value() first: of
    an unmarked sample it is noise.
    """
    rows, made = _flat(noise), code(key, noise.numel())
    holds, sure = _held(rows, made, slice(made.found, None))
    vote = np.zeros(BITS)
    np.add.at(vote, made.bit_of, np.where(holds, sure, -sure))
    spread = np.zeros(BITS)
    np.add.at(spread, made.bit_of, sure**2)
    value = sum(1 << k for k in range(BITS) if vote[k] < 0)
    doubt = max(math.erfc(abs(v) / math.sqrt(2 * s)) if s else 1.0 for v, s in zip(vote, spread))
    return value, doubt


@lru_cache(maxsize=4096)
def tail(counts: tuple[int, ...], least: int) -> tuple[float, float]:
    """Chances that fair coins, counts[w] of weight w, show heads of at least so much weight together, and of more.

    least: 0 to the weight of all. Exact to 1e-9 of the chance: the law is the Fourier transform of its characteristic
    function, after a tilt that moves its middle to `least`, so that small chances keep their digits (Esscher 1932).
    """
    sizes = np.flatnonzero(counts)
    numbers, whole = np.array(counts)[sizes], sum(w * c for w, c in enumerate(counts))
    low, high = 0.0, 40.0
    for _ in range(40 if 2 * least > whole else 0):  # the tilt at which the mean is `least`; none below the middle
        tilt = (low + high) / 2
        below = (numbers * sizes / (1 + np.exp(-tilt * sizes))).sum() < least
        low, high = (tilt, high) if below else (low, tilt)
    heads = 1 / (1 + np.exp(-low * sizes))
    length = 1 << whole.bit_length()
    turn = np.exp(-2j * np.pi * (np.outer(np.arange(length // 2 + 1), sizes) % length) / length)
    law = np.fft.irfft(np.prod((1 - heads + heads * turn) ** numbers, axis=1), length)[least : whole + 1].clip(0)
    scale = (numbers * (np.logaddexp(0, low * sizes) - math.log(2))).sum() - low * least
    chances = math.exp(scale) * law * np.exp(-low * np.arange(len(law)))
    return min(1.0, float(chances.sum())), min(1.0, float(chances[1:].sum()))


def _held(rows: np.ndarray, made: Code, which: slice) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of the checks holds, and its smallest magnitude."""
    signs, sizes = np.signbit(rows)[made.checks[which]], np.abs(rows)[made.checks[which]]
    return (signs[:, 0] ^ signs[:, 1] ^ signs[:, 2]) == made.target[which], sizes.min(axis=1)


def _flat(noise: Tensor) -> np.ndarray:
    return noise.detach().cpu().double().numpy().ravel()
