"""Fixed micro-batches: a network always sees the same batch size, so that bytes do not depend on `--batch`."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_fixed_batches(run: Callable[..., Tensor], size: int, *rows: Tensor) -> Tensor:
    """run(*rows) in micro-batches of exactly `size` rows, the last one padded with copies of its first row.

    A plain batch changes the order of summation inside the network and with it the last bits (about 1e-6).
    """
    results = []
    for start in range(0, len(rows[0]), size):
        part = [r[start : start + size] for r in rows]
        count = len(part[0])
        if count < size:
            part = [torch.cat([p, p[:1].expand(size - count, *p.shape[1:])]) for p in part]
        results.append(run(*part)[:count])
    return torch.cat(results)
