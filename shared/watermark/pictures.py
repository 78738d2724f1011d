"""Marks of pictures with the user's own key: what a verb puts in, what the passport tells of it, and how it is taken out."""

import base64
import hashlib
import math
import zlib

import numpy as np

from difusa.shared.watermark import grain

STRONGEST, WEAKEST = 2.5, 1.2  # grey levels of 8 bits, of parts up to FEW pixels and of large ones: little to be seen
FEW = 8192


def strength_for(pixels: int) -> float:
    """How strong a mark of so many pixels must be to be read: the more there are, the weaker."""
    return min(STRONGEST, max(WEAKEST, STRONGEST * math.sqrt(FEW / max(pixels, 1))))


def payload_of(key: str, *parts: object) -> int:
    """48 bits: 16 of the key's public name, 32 of what was made; the same whenever the same is made."""
    issuer = hashlib.sha256(b"issuer\n" + key.encode()).digest()[:2]
    item = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:4]
    return int.from_bytes(issuer + item, "big")


def put(pixels: np.ndarray, keys, *parts: object, where: np.ndarray | None = None) -> tuple[np.ndarray, dict]:
    """Pixels [H, W] or [H, W, 3], uint8 or uint16, with a mark, and the facts that a passport tells of it.

    keys: passport.keys.mine(); parts: what makes this one different from others. where [H, W]: only there, everywhere if left
    out. The facts hold no secret; together with the key they suffice to take the mark out.
    """
    strength = round(strength_for(pixels.shape[0] * pixels.shape[1] if where is None else int(where.sum())), 3)
    payload = payload_of(keys.watermark_id, *parts)
    made = grain.embed(pixels, keys.secret, payload, where=where, strength=strength)
    return made.picture, {
        "key": keys.watermark_id,
        "scheme": grain.SCHEME,
        "payload": f"{payload:012x}",
        "strength": strength,
        "decibel": None if math.isinf(made.decibel) else round(made.decibel, 2),
        "where": None if where is None else _text(np.packbits(where)),
        "left": _text(made.left),
    }


def taken_out(pixels: np.ndarray, keys, facts: dict) -> np.ndarray:
    """The pixels as they were before put(). Raises ValueError for facts of another key, scheme or picture."""
    if facts.get("scheme") != grain.SCHEME or facts.get("key") != keys.watermark_id:
        raise ValueError(
            f"the mark is {facts.get('scheme')} of key {facts.get('key')}, yours is {grain.SCHEME} of {keys.watermark_id}: "
            "only who put a mark in can take it out"
        )
    where = None
    if facts["where"] is not None:
        count = pixels.shape[0] * pixels.shape[1]
        packed = np.frombuffer(_bytes(facts["where"]), np.uint8)
        if len(packed) != -(-count // 8):
            raise ValueError("the mark is of a picture of another size")
        where = np.unpackbits(packed)[:count].reshape(pixels.shape[:2]).astype(bool)
    return grain.remove(
        pixels, keys.secret, int(facts["payload"], 16), _bytes(facts["left"]), where=where, strength=facts["strength"]
    )


def _text(raw) -> str:
    return base64.b64encode(zlib.compress(bytes(raw), 9)).decode()


def _bytes(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
