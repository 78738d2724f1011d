"""The bundle beside a restored picture: the original's bytes, the maps and the report; and the way back (undo)."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from difusa.domains.heritage.export import write_atomic

DATE = (1980, 1, 1, 0, 0, 0)  # the zip format's zero: equal content gives equal bytes
LARGEST = 4_000_000_000  # bytes of one entry that undo will unpack
PREVIEW = 1100  # pixels


def sha256(data: bytes) -> str:
    """Fingerprint, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def png(rows: np.ndarray) -> bytes:
    """Lossless PNG of a map (8 or 16 bits)."""
    import imagecodecs

    return imagecodecs.png_encode(np.ascontiguousarray(rows), level=6)


def shrunk(rows: np.ndarray, side: int = PREVIEW) -> np.ndarray:
    """At most `side` pixels wide and high, 8 bits, area average."""
    import cv2

    if rows.dtype == np.uint16:
        rows = (rows >> 8).astype(np.uint8)
    scale = side / max(rows.shape[:2])
    if scale >= 1:
        return rows
    size = (max(1, round(rows.shape[1] * scale)), max(1, round(rows.shape[0] * scale)))
    return cv2.resize(rows, size, interpolation=cv2.INTER_AREA)


def overlay(pixels: np.ndarray, share: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The picture in grey, what was invented in colour: yellow where the samples agree, through red to violet where
    not.

    pixels [H, W] or [H, W, 3]; share, half [H, W] in [0, 1]; returns uint8 [h, w, 3] of preview size.
    """
    ground = shrunk(pixels).astype(np.float32)
    ground = ground if ground.ndim == 2 else ground.mean(axis=2)
    # the largest value of each cell, so that a scratch one pixel wide stays visible in a small preview
    share, half = (_largest(a.astype(np.float32), ground.shape) for a in (share, half))
    ramp = np.array([[255, 221, 0], [255, 90, 40], [150, 20, 160], [60, 0, 120]], np.float32)
    place = np.clip(half / 0.25, 0, 1) * 3
    low = np.minimum(place.astype(int), 2)
    colour = ramp[low] + (place - low)[..., None] * (ramp[low + 1] - ramp[low])
    weight = 0.75 * share[..., None]
    return np.clip((1 - weight) * (0.8 * ground + 40)[..., None] + weight * colour, 0, 255).astype(np.uint8)


def _largest(a: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, a.shape, strict=True))
    return np.maximum.reduceat(np.maximum.reduceat(a, rows, axis=0), columns, axis=1)


def write_bundle(path, entries: dict[str, bytes], facts: dict) -> None:
    """A zip of `entries` in the order given, closed by manifest.json: `facts` and the fingerprint of each entry."""
    manifest = facts | {"entries": {name: sha256(data) for name, data in entries.items()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in (entries | {"manifest.json": as_json(manifest)}).items():
            packed = not name.endswith((".png", ".jpg", ".jpeg", ".webp"))
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            entry.external_attr = 0o644 << 16
            file.writestr(entry, data)
    write_atomic(path, buffer.getvalue())


def as_json(value) -> bytes:
    """Readable JSON with a fixed order."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def open_bundle(path) -> tuple[dict, dict[str, bytes]]:
    """Manifest and entries of a bundle, every fingerprint checked. ValueError: no bundle, damaged, or tampered with."""
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as file:
            manifest = json.loads(_entry(file, "manifest.json"))
            entries = {name: _entry(file, name) for name in manifest["entries"]}
            extra = set(file.namelist()) - set(entries) - {"manifest.json"}
            original = manifest["original"]["sha256"]
    except (zipfile.BadZipFile, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: not a restoration bundle, or a damaged one ({error}); take the OUT.bundle.zip beside OUT"
        ) from error
    for name, data in entries.items():
        if sha256(data) != manifest["entries"][name]:
            raise ValueError(
                f"{path}: {name} was changed after the bundle was written; take an untouched copy of the bundle"
            )
    if extra:
        raise ValueError(
            f"{path}: {sorted(extra)[0]} was added after the bundle was written; take an untouched copy of the bundle"
        )
    if sha256(entries[manifest["original"]["entry"]]) != original:
        raise ValueError(
            f"{path}: the original inside is not the one that was restored; take an untouched copy of the bundle"
        )
    return manifest, entries


def _entry(file: zipfile.ZipFile, name: str) -> bytes:
    info = file.getinfo(name)
    if info.file_size > LARGEST:
        raise zipfile.BadZipFile(f"{name} claims {info.file_size} bytes")
    return file.read(info)


def undo(bundle: Path, *, out: Path | None = None) -> dict:
    """Give back the original file, byte for byte, out of a bundle.

    bundle: the OUT.bundle.zip that was written beside the restored picture.
    out: where to write it; by default its own name beside the bundle. An existing other file is never overwritten.

    Returns {"out", "sha256", "original"}. Raises ValueError for a damaged or tampered bundle, or another file in the
    way.
    """
    manifest, entries = open_bundle(bundle)
    data = entries[manifest["original"]["entry"]]
    target = Path(out) if out else Path(bundle).parent / Path(manifest["original"]["name"]).name
    if target.is_dir():
        target = target / Path(manifest["original"]["name"]).name
    if target.exists() and sha256(target.read_bytes()) != sha256(data):
        raise ValueError(f"{target} exists and is another file: name a different one with --out")
    write_atomic(target, data)
    print(f"{target}: the original again, sha256 {sha256(data)}")
    return {"out": str(target), "sha256": sha256(data), "original": manifest["original"]["name"]}
