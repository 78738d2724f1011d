"""Marks of pictures with the user's own key: what a verb puts in, and how it is taken out again."""

import math

import numpy as np

from difusa.shared.watermark import grain
from difusa.shared.watermark.facts import check, left_of, payload_of, told, where_of

STRONGEST, WEAKEST = 2.5, 1.2  # grey levels of 8 bits, of parts up to FEW pixels and of large ones: little to be seen
FEW = 8192


def strength_for(pixels: int) -> float:
    """How strong a mark of so many pixels must be to be read: the more there are, the weaker."""
    return min(STRONGEST, max(WEAKEST, STRONGEST * math.sqrt(FEW / max(pixels, 1))))


def put(pixels: np.ndarray, keys, *parts: object, where: np.ndarray | None = None) -> tuple[np.ndarray, dict]:
    """Pixels [H, W] or [H, W, 3], uint8 or uint16, with a mark, and the facts that a passport tells of it.

    keys: passport.keys.mine(); parts: what makes this one different from others. where [H, W]: only there, everywhere if left
    out.
    """
    strength = round(strength_for(pixels.shape[0] * pixels.shape[1] if where is None else int(where.sum())), 3)
    payload = payload_of(keys.watermark_id, *parts)
    made = grain.embed(pixels, keys.secret, payload, where=where, strength=strength)
    decibel = {"decibel": None if math.isinf(made.decibel) else round(made.decibel, 2)}
    return made.picture, told(keys, grain.SCHEME, payload, strength, where, made.left) | decibel


def taken_out(pixels: np.ndarray, keys, facts: dict) -> np.ndarray:
    """The pixels as they were before put(). Raises ValueError for facts of another key, scheme or picture."""
    check(facts, keys, grain.SCHEME)
    where, left = where_of(facts, pixels.shape[:2]), left_of(facts) or b""
    return grain.remove(pixels, keys.secret, int(facts["payload"], 16), left, where=where, strength=facts["strength"])
