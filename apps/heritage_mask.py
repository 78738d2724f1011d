"""What the heritage page needs between a browser's picture and the verb: reduced views and masks at full size."""

import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VIEW = 900  # longest side of a picture on the page, px: a 12-megapixel canvas would choke the browser


@dataclass(frozen=True)
class View:
    """A picture as the page shows it: pixels [h, w, 3] uint8 within VIEW; size: the true (width, height)."""

    pixels: np.ndarray
    size: tuple[int, int]
    bits: int
    profile: bool
    notes: tuple[str, ...]


def plain_name(name: str) -> str:
    """A file name safe in any folder: letters, digits, dash, underscore, at most 80 of them, and the suffix."""
    path = Path(name.replace("\\", "/").replace("\0", ""))
    stem = re.sub(r"[^\w-]+", "-", path.stem).strip("-_")[:80] or "picture"
    return stem + re.sub(r"[^.\w]", "", path.suffix.lower())[:6]


def reduced(pixels: np.ndarray, longest: int = VIEW) -> np.ndarray:
    """uint8 or uint16 [H, W] or [H, W, 3] -> uint8 [h, w, 3] with no side longer than `longest`; never enlarged."""
    from PIL import Image

    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image)


def look(content: bytes, name: str) -> View:
    """The view of an uploaded file. Raises ValueError in the domain's words for a file that cannot be restored."""
    picture = _opened(content, name)
    return View(
        reduced(picture.pixels), picture.size, 8 * picture.pixels.itemsize, picture.icc is not None, picture.notes
    )


def _opened(content: bytes, name: str):
    from difusa.domains.heritage.data import load

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / plain_name(name)
        path.write_bytes(content)
        try:
            return load(path)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None


def from_canvas(drawn: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """The brush strokes [h, w, 4] of a canvas as a mask [H, W] of booleans at the true `size` (width, height).

    A stroke covers at least the pixels under it: any trace of colour counts, so soft edges stay inside the mask.
    """
    from PIL import Image

    if drawn is None:
        return np.zeros(size[::-1], bool)
    mask = Image.fromarray((drawn[..., 3] > 0).astype(np.uint8) * 255)
    return np.asarray(mask.resize(size, Image.Resampling.BOX)) > 0


def from_file(content: bytes, name: str, size: tuple[int, int]) -> np.ndarray:
    """An uploaded mask as booleans [H, W], non-zero = damaged.

    Raises ValueError if it cannot be read or its size is not the picture's (width, height).
    """
    pixels = _opened(content, name).pixels
    if pixels.shape[1::-1] != size:
        found, wanted = (f"{w} x {h}" for w, h in (pixels.shape[1::-1], size))
        raise ValueError(f"{name}: the mask has {found} pixels, the picture {wanted}: draw it on a copy of the picture")
    return pixels > 0 if pixels.ndim == 2 else (pixels > 0).any(axis=2)


def as_png(mask: np.ndarray) -> bytes:
    """A mask [H, W] as the bytes of a PNG file, white = damaged."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
    return buffer.getvalue()


def tinted(view: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = (214, 64, 32)) -> np.ndarray:
    """The view [h, w, 3] with a mask of any size laid over it in colour."""
    from PIL import Image

    small = Image.fromarray(mask.astype(np.uint8) * 255).resize(view.shape[1::-1], Image.Resampling.BOX)
    share = np.asarray(small, np.float32)[..., None] / 255 * 0.75
    return (view * (1 - share) + np.float32(colour) * share).astype(np.uint8)
