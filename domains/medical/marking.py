"""The watermark of a translated scan: everywhere in the head but on what looks like a lesion."""

import sys
from dataclasses import replace

import numpy as np

from difusa.domains.medical.scan import CONTRASTS, Scan

SHARE = 0.003  # of the reference signal, root mean square
HU = 2.0  # of CT


def marked(result: Scan, ready, encoded: np.ndarray, *parts: object) -> tuple[Scan, dict | None]:
    """The result with a mark of the user's key, and what its passport says of that; as it is where `cryptography` is missing.

    ready: volumes.Prepared; encoded [Z, rows, columns]: the result on the work grid; parts: what makes it different from others.
    """
    from difusa.domains.medical.volumes import restore
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.volumes import put

    try:
        keys = mine()
    except ModuleNotFoundError as error:
        print(f"no watermark: this needs {error.name}: pip install cryptography", file=sys.stderr)
        return result, None
    where = restore(ready, (ready.head & ~lesions(ready, encoded, result.contrast)).astype(np.float32), 0.0) > 0.5
    strength = HU if result.contrast == "CT" else SHARE * ready.scale
    array, facts = put(result.array, result.affine, keys, *parts, strength=strength, where=where)
    return replace(result, array=array), facts


def lesions(ready, encoded: np.ndarray, contrast: str) -> np.ndarray:
    """Where a given FLAIR, or one that was made, has bright islands, and 3 pixels around [Z, rows, columns]."""
    from scipy.ndimage import binary_dilation

    from difusa.domains.medical.lost import islands

    k, found = CONTRASTS.index("FLAIR"), np.zeros(ready.head.shape, bool)
    shown = [ready.given[k]] * bool(ready.present[k]) + [encoded] * (contrast == "FLAIR")
    for image in shown:
        for box, inside in islands(image, ready.head):
            found[box] |= inside
    return binary_dilation(found, iterations=3) if found.any() else found
