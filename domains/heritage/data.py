"""Pictures as museums keep them: 8 or 16 bits, grey or RGB, with profile, EXIF, XMP, resolution and alpha kept beside
them.

Pixels are held upright (as every viewer shows them); the orientation tag is kept, and `export.save` turns them back,
so a file that was stored on its side stays stored on its side. Sizes are read from the header before anything is
decoded.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage.readers import Refused, reader
from difusa.shared.operators import JPEG

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp")
INVERSE_TURN = {6: 8, 8: 6}


@dataclass(frozen=True)
class Picture:
    """One picture: pixels [H, W] or [H, W, 3] uint8 or uint16, upright; alpha [H, W] or none, never changed.

    orientation: EXIF value 1..8 of the file; exif: a TIFF-structured block; dpi: pixels an inch (x, y); sha256: of
    the file; jpeg: the tables of a JPEG file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    source: str = "array"
    sha256: str = ""
    notes: tuple[str, ...] = ()
    jpeg: JPEG | None = None

    @property
    def full(self) -> int:
        """Value of white: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return self.pixels.shape[1], self.pixels.shape[0]


def turn(a: np.ndarray, orientation: int) -> np.ndarray:
    """Stored rows [H, W, ...] turned upright by an EXIF orientation (1..8); `INVERSE_TURN` names the way back."""
    if orientation in (5, 6, 7, 8):
        a = a.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        a = a[::-1]
    if orientation in (2, 3, 6, 7):
        a = a[:, ::-1]
    return np.ascontiguousarray(a)


def load(path) -> Picture:
    """Read TIFF (8, 16 bits), PNG (8, 16 bits), JPEG or WebP.

    ValueError names the file and the way out: unknown format, too large, truncated, CMYK, Lab, float, several pages.
    """
    path = Path(path)
    raw = path.read_bytes()
    kind, read = reader(path, raw)
    try:
        fields = read(path, raw)
    except Refused:
        raise
    except Exception as error:  # decoders raise many types for a broken file: OSError, SyntaxError, PngError, ...
        message = f"{path}: the {kind} file is truncated or damaged ({error}); get a fresh copy of it"
        raise ValueError(message) from error
    orientation, alpha = fields["orientation"], fields["alpha"]
    fields |= {
        "pixels": turn(fields["pixels"], orientation),
        "alpha": None if alpha is None else turn(alpha, orientation),
    }
    return Picture(source=kind, sha256=hashlib.sha256(raw).hexdigest(), **fields)


def encode(pixels: np.ndarray) -> Tensor:
    """uint8 or uint16 [H, W] or [H, W, 3] -> float32 [3, H, W] in [-1, 1]; grey three times."""
    full = np.float32(np.iinfo(pixels.dtype).max)
    x = torch.from_numpy(pixels.astype(np.float32)).mul_(2 / full).sub_(1)
    return x.expand(3, *x.shape).clone() if x.ndim == 2 else x.permute(2, 0, 1).contiguous()


def decode(x: Tensor, dtype, grey: bool) -> np.ndarray:
    """float [3, H, W] in [-1, 1] -> integers [H, W, 3], or [H, W] (mean of the channels) when `grey`; rounded,
    clipped.
    """
    full = int(np.iinfo(dtype).max)
    x = x.mean(dim=0) if grey else x.permute(1, 2, 0)
    return ((x.double() + 1) * (full / 2)).round().clamp(0, full).cpu().numpy().astype(dtype)
