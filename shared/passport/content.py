"""What a passport vouches for: the fingerprint of a file, and of its parts, so that a change can be placed.

The fingerprint is of the file without its passport, of a .gz of what is inside. Parts: the records of SDF, XYZ and CIF, tiles
of a lossless picture's pixels, the files of a folder, else 64 equal stretches of bytes.
"""

import base64
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from difusa.shared.passport.carriers import LARGEST, inside, kind_of, unpacked
from difusa.shared.passport.signing import Malformed
from difusa.shared.passport.stamps import SUFFIXES, Record, records

STRETCHES, TILES, LOOK = 64, 16, 16
PIXELS = 100_000_000  # a larger picture is not decoded, so its changes are not placed
FILES = 100_000  # of a folder
SIDECAR = ".passport.json"


@dataclass(frozen=True)
class Opened:
    """A file that was read: its kind, its bytes without a passport, the passport's text in them, and stamped records."""

    kind: str
    data: bytes
    text: bytes | None = None
    rows: list[Record] = field(default_factory=list)


def read(path: Path) -> Opened:
    """A file as it lies there. Raises Malformed (too large, a damaged .gz, a device) or OSError."""
    path = Path(path)
    if not path.is_file():
        raise Malformed("it is neither a file nor a folder")
    if path.stat().st_size > LARGEST:
        raise Malformed("it is larger than {n} MB", n=LARGEST // 2**20)
    return opened(path.read_bytes(), path.name)


def opened(raw: bytes, name: str) -> Opened:
    """The bytes of a file of that name. Raises Malformed for a damaged .gz."""
    raw = unpacked(raw)
    kind = SUFFIXES.get(Path(name.lower().removesuffix(".gz")).suffix, "")
    if kind:
        rows = records(kind, raw)
        return Opened(kind, b"".join(r.data for r in rows), None, rows)
    return Opened(kind_of(raw) or "file", *inside(raw))


def described(opened: Opened) -> dict:
    """The content of a record: sha256, bytes, kind, and the parts with their fingerprints."""
    about = {"sha256": hashlib.sha256(opened.data).hexdigest(), "bytes": len(opened.data), "kind": opened.kind}
    if opened.rows:
        return about | {"parts": {"of": "record", "sha256": [short(r.data) for r in opened.rows]}}
    rows = pixels(opened)
    if rows is not None:
        parts = {"of": "tile", "size": list(rows.shape[:2]), "sha256": [short(t) for t in tiles(rows)]}
        return about | {"parts": parts, "look": look(rows)}
    if opened.kind == "jpeg" and (rows := pixels(opened, lossless=False)) is not None:
        about["look"] = look(rows)
    return about | {"parts": {"of": "stretch", "sha256": [short(s) for s in stretches(opened.data)]}}


def described_folder(folder: Path) -> dict:
    """The content of a folder: all its files by name, sidecars left out. Raises Malformed for too many files."""
    names = listed(folder)
    prints = [file_digest(folder / n) for n in names]
    whole = hashlib.sha256("\n".join(f"{p} {n}" for p, n in zip(prints, names)).encode()).hexdigest()
    size = sum((folder / n).stat().st_size for n in names)
    return {"sha256": whole, "bytes": size, "kind": "folder", "parts": {"of": "file", "names": names, "sha256": prints}}


def listed(folder: Path) -> list[str]:
    """The files under a folder, by name with slashes, sorted; no links, no sidecars, nothing whose name begins with a dot."""
    found = []
    for path in Path(folder).rglob("*"):
        inner = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inner.parts)
        if not path.is_symlink() and path.is_file() and not hidden and not path.name.endswith(SIDECAR):
            found.append(inner.as_posix())
        if len(found) > FILES:
            raise Malformed("it holds more than {n} files", n=FILES)
    return sorted(found)


def file_digest(path: Path) -> str:
    """Fingerprint of a file as it lies there, stamps and all."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short(data: bytes) -> str:
    """The first 16 digits of a fingerprint: enough to place a change, the whole file's tells that there is one."""
    return hashlib.sha256(data).hexdigest()[:16]


def stretches(data: bytes) -> list[bytes]:
    """The data in at most 64 stretches of equal length, the last shorter."""
    size = max(1, -(-len(data) // STRETCHES))
    return [data[k : k + size] for k in range(0, len(data), size)]


def pixels(opened: Opened, lossless: bool = True) -> np.ndarray | None:
    """The pixels [H, W] or [H, W, C] of a picture; None where there are none, too many, or no package that decodes them."""
    decode = (DECODERS if lossless else {"jpeg": _pillow}).get(opened.kind)
    if decode is None:
        return None
    try:
        rows = decode(opened.data)
    except Exception:  # a stranger's picture can raise anything in a decoder; then its changes are not placed
        return None
    return rows if rows is not None and rows.ndim in (2, 3) and rows.shape[0] and rows.shape[1] else None


def tiles(rows: np.ndarray) -> list[bytes]:
    """The bytes of 16 x 16 tiles, row by row; fewer in a picture of fewer pixels."""
    return [np.ascontiguousarray(rows[box]).tobytes() for box in boxes(*rows.shape[:2])]


def boxes(height: int, width: int) -> list[tuple[slice, slice]]:
    """The places of the tiles."""
    down, along = (np.linspace(0, n, min(n, TILES) + 1).astype(int) for n in (height, width))
    return [(slice(a, b), slice(c, d)) for a, b in zip(down, down[1:]) for c, d in zip(along, along[1:])]


def touched(mask: np.ndarray) -> list[int]:
    """The tiles in which the mask [H, W] holds anything."""
    return [k for k, box in enumerate(boxes(*mask.shape)) if mask[box].any()]


def look(rows: np.ndarray) -> str:
    """What a picture looks like from afar: means of 16 x 16 tiles of its grey, a byte each, base64."""
    grey = rows if rows.ndim == 2 else rows[..., :3].mean(axis=2)
    grey = grey.astype(np.float64) / (np.iinfo(rows.dtype).max if rows.dtype.kind in "iu" else 1)
    means = np.array([grey[box].mean() for box in boxes(*grey.shape)])
    return base64.b64encode(np.clip(np.nan_to_num(means) * 255, 0, 255).astype(np.uint8).tobytes()).decode()


def alike(first: str, second: str) -> bool:
    """Whether two looks are of one picture: correlation of 0.95 or more, or hardly any difference."""
    a, b = (np.frombuffer(base64.b64decode(t), np.uint8).astype(float) for t in (first, second))
    if len(a) != len(b) or len(a) < 64:
        return False
    if min(a.std(), b.std()) < 4:  # nothing to see in it
        return False
    return float(np.corrcoef(a, b)[0, 1]) >= 0.95


def _pillow(data: bytes) -> np.ndarray | None:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        if image.width * image.height > PIXELS:
            return None
        return np.asarray(image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGBA"))


def _png(data: bytes) -> np.ndarray | None:
    """Sixteen bits by libpng: Pillow would cut them to eight."""
    if data[24] != 16:
        return _pillow(data)
    import imagecodecs

    width, height = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))
    return imagecodecs.png_decode(data) if width * height <= PIXELS else None


def _tiff(data: bytes) -> np.ndarray | None:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        small = page.imagewidth * page.imagelength <= PIXELS and page.samplesperpixel <= 8
        return page.asarray() if small and page.planarconfig == 1 else None


DECODERS: dict[str, Callable] = {"png": _png, "tiff": _tiff}
