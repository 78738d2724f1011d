"""Files of weights and training states: safetensors and JSON only, written whole or not at all."""

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

CODES = "int8:"  # marks a tensor kept as 8-bit codes with one scale a row


def write_atomic(path: Path, write) -> None:
    """write(temporary path), flushed to disk, then renamed to `path`: a crash leaves the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """`value` as readable JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    write_atomic(path, lambda p: p.write_text(text, encoding="utf-8"))


def sha256(path: Path) -> str:
    """Fingerprint of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_tensors(path: Path, tensors: dict[str, Tensor], eight_bits: bool = False) -> None:
    """safetensors file; with eight_bits, weight matrices as int8 with one scale an output channel (half the size of bf16)."""
    stored = {}
    for name, value in tensors.items():
        value = value.detach().cpu()
        if eight_bits and value.is_floating_point() and value.ndim >= 2:
            scale = value.flatten(1).abs().amax(1).clamp(min=1e-12).float() / 127
            stored[CODES + name] = (value.float() / scale.reshape(-1, *[1] * (value.ndim - 1))).round().to(torch.int8)
            stored[name] = scale
        else:
            stored[name] = value.contiguous().clone()
    write_atomic(path, lambda p: save_file(stored, str(p)))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, 8-bit codes expanded to float32. Raises ValueError for a broken file."""
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"{path}: weights are read from .safetensors files only (pickles can run code when opened)")
    try:
        stored = load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file ({error}); copy it again") from error
    for name in [n for n in stored if n.startswith(CODES)]:
        codes = stored.pop(name)
        scale = stored[name[len(CODES) :]]
        stored[name[len(CODES) :]] = codes.float() * scale.reshape(-1, *[1] * (codes.ndim - 1))
    return stored


def load_folder(folder: Path) -> dict[str, Tensor]:
    """All tensors of a file or of a folder's safetensors shards, as float32 where floating."""
    folder = Path(folder)
    files = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"no .safetensors file in {folder}")
    merged: dict[str, Tensor] = {}
    for file in files:
        merged.update(load_tensors(file))
    return {k: v.float() if v.is_floating_point() else v for k, v in merged.items()}
