"""Short, repeatable names for whatever a run was made of: `repr()` of a guidance or an operator is its audit record.

No tensor is printed (shape, precision and the start of its SHA-256 stand for it), no memory address either, so that
the same run writes the same record.
"""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import dataclass_transform

import numpy as np
import torch
from torch import Tensor, nn


@dataclass_transform(frozen_default=True, eq_default=False)
def audited(cls):
    """A frozen dataclass, compared by identity, whose repr is describe(self)."""
    cls.__repr__ = _fields
    return dataclass(frozen=True, eq=False, repr=False)(cls)


def describe(value) -> str:
    """`value` in one line: numbers as they are, data by shape and hash, networks by class and size."""
    if isinstance(value, Tensor | np.ndarray):
        return _data(value)
    if isinstance(value, nn.Module):
        return f"{type(value).__name__}[{sum(p.numel() for p in value.parameters())} parameters]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {describe(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(describe(v) for v in value) + "]"
    if isinstance(value, functools.partial):
        given = [describe(a) for a in value.args] + [f"{k}={describe(v)}" for k, v in value.keywords.items()]
        return f"{describe(value.func)}({', '.join(given)})"
    if type(value).__module__.split(".")[0] == "difusa":
        return _fields(value)
    return getattr(value, "__qualname__", None) or repr(value).split(" at 0x")[0]


def _fields(value) -> str:
    told = {k: v for k, v in vars(value).items() if v is not None and not k.startswith("_")}
    return f"{type(value).__name__}({', '.join(f'{k}={describe(v)}' for k, v in told.items())})"


def _data(value) -> str:
    array = torch.as_tensor(value).detach().cpu().contiguous()
    if array.ndim == 0:
        return repr(array.item())
    digest = hashlib.sha256(array.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    return f"{str(array.dtype).removeprefix('torch.')}[{'x'.join(map(str, array.shape))}]:{digest[:12]}"
