"""Marks of scans with the user's own key: what a verb puts in, and how it is taken out again."""

import numpy as np

from difusa.shared.watermark import volume_grain
from difusa.shared.watermark.facts import check, left_of, payload_of, told, where_of


def put(
    volume: np.ndarray, affine: np.ndarray, keys, *parts: object, strength: float, where: np.ndarray
) -> tuple[np.ndarray, dict]:
    """A volume [X, Y, Z] with a mark, and the facts that a passport tells of it.

    affine [4, 4]: voxel -> millimetres; keys: passport.keys.mine(); parts: what makes this one different from others; strength:
    root mean square in the volume's units; where [X, Y, Z]: only there.
    """
    payload, strength = payload_of(keys.watermark_id, *parts), float(f"{strength:.4g}")
    made = volume_grain.embed(volume, affine, keys.secret, payload, strength, where)
    return made.volume, told(keys, volume_grain.SCHEME, payload, strength, where, made.left)


def taken_out(volume: np.ndarray, affine: np.ndarray, keys, facts: dict) -> np.ndarray:
    """The volume as it was before put(), bit for bit for whole numbers. Raises ValueError for facts of another key, scheme or
    volume."""
    check(facts, keys, volume_grain.SCHEME)
    where = where_of(facts, volume.shape)
    return volume_grain.remove(
        volume, affine, keys.secret, int(facts["payload"], 16), facts["strength"], where, left_of(facts)
    )
