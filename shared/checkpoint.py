"""Files of weights and training states: safetensors only, packed where asked."""

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from difusa.shared.files import write_atomic

EIGHT, FOUR = "int8:", "int4:"  # mark the codes of a packed tensor; its plain name then holds the scales
LARGE = 30_000  # numbers from which a tensor is packed to 4 bits; smaller ones keep 8
GROUP = 32  # neighbouring numbers that share a 4-bit scale


def save_tensors(
    path: Path, tensors: dict[str, Tensor], bits: int | None = None, exact: Collection[str] = ()
) -> None:  # fmt: skip
    """safetensors file; bits 8 rounds weight matrices to 8 bits (one scale a row), 4 the large ones to 4 (a scale a group).

    exact: names that are not rounded, such as constants in units. Raises ValueError for another number of bits.
    """
    if bits not in (None, 4, 8):
        raise ValueError(f"weights can be stored in 8 or 4 bits, not {bits}")
    stored: dict[str, Tensor] = {}
    for name, value in tensors.items():
        value = value.detach().cpu().contiguous()
        if not (bits and value.is_floating_point() and value.ndim >= 2) or name in exact:
            stored[name] = value.clone()
        elif bits == 4 and value.numel() >= LARGE and value[0].numel() % GROUP == 0:
            stored[FOUR + name], stored[name] = pack_four_bits(value)
        else:
            scale = value.flatten(1).abs().amax(1).clamp(min=1e-12).float() / 127
            stored[EIGHT + name] = (value.float() / _column(scale, value)).round().to(torch.int8)
            stored[name] = scale
    write_atomic(path, lambda p: save_file(stored, str(p)))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, packed ones expanded to float32. Raises ValueError for a broken file."""
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"{path}: weights are read from .safetensors files only (pickles can run code when opened)")
    try:
        stored = load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file ({error}); copy it again") from error
    for code in [n for n in stored if n.startswith((EIGHT, FOUR))]:
        kind, name = code[: len(FOUR)], code[len(FOUR) :]
        codes, scale = stored.pop(code), stored[name]
        stored[name] = unpack_four_bits(codes, scale) if kind == FOUR else codes.float() * _column(scale, codes)
    return stored


def pack_four_bits(value: Tensor) -> tuple[Tensor, Tensor]:
    """Codes uint8 [rows, columns / 2, ...] (two a byte) and scales float16 [rows, groups]; error at most half a scale.

    Codes run from -7 to 7; numbers are grouped along the flattened row.
    """
    groups = value.float().reshape(len(value), -1, GROUP)
    scale = (groups.abs().amax(2) / 7).clamp(min=1e-7).half()
    codes = (groups / scale.float()[..., None]).round().clamp(-7, 7).to(torch.int16) + 8
    codes = codes.reshape(len(value), -1)
    return (codes[:, 0::2] * 16 + codes[:, 1::2]).to(torch.uint8).reshape(*_halved(value.shape)), scale


def unpack_four_bits(codes: Tensor, scale: Tensor) -> Tensor:
    """The numbers of `pack_four_bits`, float32; the second axis of the codes is half of theirs."""
    pairs = codes.reshape(len(codes), -1)
    numbers = torch.stack([pairs // 16, pairs % 16], dim=2).float() - 8
    numbers = numbers.reshape(len(codes), -1, GROUP) * scale.float()[..., None]
    return numbers.reshape(_doubled(codes.shape))


def _halved(shape: torch.Size) -> tuple[int, ...]:
    """Shape of the codes: the second axis halved, so that kernels of odd size keep theirs."""
    return (shape[0], shape[1] // 2, *shape[2:])


def _doubled(shape: torch.Size) -> tuple[int, ...]:
    return (shape[0], shape[1] * 2, *shape[2:])


def _column(scale: Tensor, value: Tensor) -> Tensor:
    return scale.reshape(-1, *[1] * (value.ndim - 1))


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
