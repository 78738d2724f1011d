"""What a passport tells of a mark: no secret, and with the key enough to take the mark out."""

import base64
import hashlib
import zlib

import numpy as np


def payload_of(key: str, *parts: object) -> int:
    """48 bits: 16 of the key's public name, 32 of what was made; the same whenever the same is made."""
    issuer = hashlib.sha256(b"issuer\n" + key.encode()).digest()[:2]
    item = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:4]
    return int.from_bytes(issuer + item, "big")


def told(keys, scheme: str, payload: int, strength: float, where: np.ndarray | None, left: bytes | None) -> dict:
    """The facts of a mark, for JSON; where and left as embed() has them."""
    return {
        "key": keys.watermark_id,
        "scheme": scheme,
        "payload": f"{payload:012x}",
        "strength": strength,
        "where": None if where is None else _text(np.packbits(where)),
        "left": None if left is None else _text(left),
    }


def check(facts: dict, keys, scheme: str) -> None:
    """Raises ValueError for facts of another key or scheme."""
    if facts.get("scheme") != scheme or facts.get("key") != keys.watermark_id:
        raise ValueError(
            f"the mark is {facts.get('scheme')} of key {facts.get('key')}, yours is {scheme} of {keys.watermark_id}: "
            "only who put a mark in can take it out"
        )


def where_of(facts: dict, shape: tuple[int, ...]) -> np.ndarray | None:
    """The places that were marked, of that shape; None for all. Raises ValueError for another shape."""
    if facts["where"] is None:
        return None
    packed, count = np.frombuffer(_bytes(facts["where"]), np.uint8), int(np.prod(shape))
    if len(packed) != -(-count // 8):
        raise ValueError("the mark is of something of another size")
    return np.unpackbits(packed)[:count].reshape(shape).astype(bool)


def left_of(facts: dict) -> bytes | None:
    """The bits that embed() left."""
    return None if facts["left"] is None else _bytes(facts["left"])


def _text(raw) -> str:
    return base64.b64encode(zlib.compress(bytes(raw), 9)).decode()


def _bytes(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
