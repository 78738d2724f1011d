"""What only a key knows: directions among D numbers, one that says there is a mark, others that carry a payload.

The directions are of one of 256 salts, by the payload, so that averaging marked samples does not lay one pattern bare. Letters
of the payload are words of Golay's perfect code of 24 letters, of which three may be read wrongly (Golay 1949).
"""

import hashlib
import math
from functools import lru_cache

import numpy as np

SALTS = 256
BITS = 48  # of a payload
CODED = 96  # letters that carry it
HOPELESS = 0.01  # p-value above which no payload is looked for
PRESENCE = 0.55  # of the secret power says that there is a mark


def normals(scheme: str, seed: bytes, count: int) -> np.ndarray:
    """Standard normal numbers of a scheme and a seed, by Box and Muller's formula: the same on every machine."""
    words = np.frombuffer(hashlib.shake_256(b"difusa-" + scheme.encode() + b"\n" + seed).digest(16 * count), "<u8")
    a, b = ((w >> np.uint64(11)).astype(np.float64) + 0.5 for w in (words[:count], words[count:]))
    return np.sqrt(-2 * np.log(a / 2**53)) * np.cos(2 * np.pi * b / 2**53)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


@lru_cache(maxsize=32)
def presences(scheme: str, key: bytes, size: int) -> np.ndarray:
    """[SALTS, D]: unit vectors that say there is a mark, one for each salt. Raises ValueError for a short key."""
    if len(key) < 16:
        raise ValueError(f"a key of {len(key)} bytes can be guessed: use 32")
    return np.stack([unit(normals(scheme, b"presence %d\n" % salt + key, size)) for salt in range(SALTS)])


@lru_cache(maxsize=32)
def carriers(scheme: str, key: bytes, size: int, salt: int) -> np.ndarray:
    """[CODED, D]: orthonormal vectors that carry the payload's letters, at right angles to the salt's presence."""
    drawn = normals(scheme, b"payload %d\n" % salt + key, CODED * size).reshape(CODED, size)
    return np.linalg.qr(np.concatenate([presences(scheme, key, size)[salt][None], drawn]).T)[0].T[1:]


def salt_of(payload: int) -> int:
    """The salt of a payload, by which samples differ."""
    return hashlib.sha256(b"difusa-salt\n%d" % payload).digest()[0]


def secret(scheme: str, key: bytes, payload: int, size: int) -> np.ndarray:
    """[D]: a unit vector that holds presence and payload. Raises ValueError for a payload that does not fit, or a short key."""
    if not 0 <= payload < 2**BITS:
        raise ValueError(f"a payload is a whole number from 0 to 2^{BITS} - 1, got {payload}")
    salt = salt_of(payload)
    letters = (1 - 2 * coded(payload)) @ carriers(scheme, key, size, salt)
    there = presences(scheme, key, size)[salt]
    return unit(math.sqrt(PRESENCE) * there + math.sqrt((1 - PRESENCE) / CODED) * letters)


def heard(scheme: str, key: bytes, found: np.ndarray) -> tuple[float, int, bool]:
    """p-value, payload, and whether the payload has the salt that was found, of numbers [D].

    Null: the key is independent of the numbers. Then its directions are uniform on the sphere, whatever the numbers, the square
    of the cosine of one with them has a Beta law, and the best of all salts is told by Sidak's formula.
    """
    size = float(np.linalg.norm(found))
    cosines = presences(scheme, key, len(found)) @ found / size if size else np.zeros(SALTS)
    salt = int(cosines.argmax())
    one = tail(float(cosines[salt]), len(found))
    p = -math.expm1(SALTS * math.log1p(-one)) if one < 1 else 1.0
    if p > HOPELESS:
        return p, 0, False
    payload = decoded(carriers(scheme, key, len(found), salt) @ found)
    return p, payload, salt_of(payload) == salt


def tail(cosine: float, dimensions: int) -> float:
    """Chance that a direction uniform on the sphere has at least so large a cosine with a given one."""
    from scipy.special import betainc

    half = 0.5 * float(betainc((dimensions - 1) / 2, 0.5, max(0.0, 1 - cosine**2)))
    return half if cosine >= 0 else 1 - half


@lru_cache(1)
def golay() -> np.ndarray:
    """[4096, 24] uint8: the words of the extended binary Golay code, by the number that they stand for."""
    generator = 0b101011100011
    words = np.empty((4096, 24), np.uint8)
    for value in range(4096):
        rest = value << 11
        for k in range(11, -1, -1):
            if rest >> (k + 11) & 1:
                rest ^= generator << k
        word = value << 11 | rest
        bits = [word >> k & 1 for k in range(22, -1, -1)]
        words[value] = [*bits, sum(bits) & 1]
    return words


def coded(payload: int) -> np.ndarray:
    """[CODED] 0 or 1: four words of the code, whose letters stand far apart."""
    blocks = [payload >> 12 * k & 0xFFF for k in range(BITS // 12)]
    return golay()[blocks].T.ravel().astype(np.int64)


def decoded(votes: np.ndarray) -> int:
    """The likeliest payload of votes [CODED], positive for 0."""
    fits = (1.0 - 2 * golay()) @ votes.reshape(24, BITS // 12)
    return sum(int(value) << 12 * k for k, value in enumerate(fits.argmax(0)))
