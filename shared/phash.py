"""Perceptual hash of a picture: 64 bits that survive resizing, recompression and small changes of tone."""

import numpy as np

ALIKE = 10  # of 64 bits: pictures that differ in no more are one picture


def perceptual_hash(image: np.ndarray) -> int:
    """64 bits of a picture uint8 [H, W] or [H, W, 3]: which low cosine terms of its 32 x 32 grey version exceed their median
    (Zauner 2010, section 3.2.1, without the constant term)."""
    from PIL import Image
    from scipy.fft import dctn

    grey = Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    terms = dctn(np.asarray(grey, np.float64), norm="ortho")[:8, :8].ravel()
    bits = terms > np.median(terms[1:])
    bits[0] = False  # how bright the picture is as a whole
    return int(sum(1 << i for i in np.flatnonzero(bits).tolist()))


def mirrored(image: np.ndarray) -> np.ndarray:
    """The picture as a mirror shows it."""
    return np.ascontiguousarray(image[:, ::-1])


def differing(a: int, b: int) -> int:
    """Number of bits in which two hashes differ."""
    return (a ^ b).bit_count()
