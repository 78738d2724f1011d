"""Measurements that act on values and sizes: mask, grey, downsample, any matrix, one operator after another."""

import functools

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from difusa.shared.audit import audited
from difusa.shared.operators.base import Operator, least_squares

REC_601 = (0.299, 0.587, 0.114)


@audited
class Mask:
    """Keeps values where `keep` is 1 and measures 0 where it is 0; `keep` broadcasts to the state."""

    keep: Tensor

    def __post_init__(self):
        if not bool(((self.keep == 0) | (self.keep == 1)).all()):
            raise ValueError("a mask holds only 0 (lost) and 1 (kept); compare it with a threshold first")

    def A(self, x: Tensor) -> Tensor:
        return x * self.keep.to(x)

    A_adjoint = A_pinv = A


@audited
class Grey:
    """Weighted sum of the colour channels: [batch, channels, ...] -> [batch, 1, ...]. Default: Rec. 601."""

    weights: tuple[float, ...] = REC_601

    def A(self, x: Tensor) -> Tensor:
        return (x * self._as(x)).sum(1, keepdim=True)

    def A_adjoint(self, y: Tensor) -> Tensor:
        return y * self._as(y)

    def A_pinv(self, y: Tensor) -> Tensor:
        weights = self._as(y)
        return y * weights / weights.square().sum()

    def _as(self, x: Tensor) -> Tensor:
        return torch.tensor(self.weights, dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 2))


@audited
class Downsample:
    """Reduces the last axes by whole factors: `area` (mean of each cell) or `bicubic` (antialiased, as Pillow does it).

    factors: one number for each axis after the channels, (4, 4) for pictures, (1, 1, 4) for thick slices. The
    pseudo-inverse is exact: the operator is one small matrix an axis, of full row rank.
    Raises ValueError where a size is not a multiple of its factor.
    """

    factors: tuple[int, ...]
    kernel: str = "area"

    def A(self, x: Tensor) -> Tensor:
        for axis, factor in self._axes():
            x = _along(self._matrix(factor, x.shape[axis], x), x, axis)
        return x

    def A_adjoint(self, y: Tensor) -> Tensor:
        for axis, factor in self._axes():
            y = _along(self._matrix(factor, y.shape[axis] * factor, y).T, y, axis)
        return y

    def A_pinv(self, y: Tensor) -> Tensor:
        for axis, factor in self._axes():
            y = _along(inverse_matrix(self.kernel, factor, y.shape[axis] * factor).to(y), y, axis)
        return y

    def _axes(self):
        return [(i - len(self.factors), f) for i, f in enumerate(self.factors) if f > 1]

    def _matrix(self, factor: int, size: int, like: Tensor) -> Tensor:
        return shrink_matrix(self.kernel, factor, size).to(like)


@functools.lru_cache(maxsize=32)
def shrink_matrix(kernel: str, factor: int, size: int) -> Tensor:
    """The matrix [size / factor, size] that shrinks one axis: torch's own interpolation, read off the identity."""
    if size % factor:
        raise ValueError(f"size {size} is no multiple of the factor {factor}; crop or pad the state first")
    identity = torch.eye(size, dtype=torch.float64)
    if kernel == "area":
        return identity.reshape(size // factor, factor, size).mean(1)
    if kernel != "bicubic":
        raise ValueError(f"no kernel {kernel!r} for downsampling; use 'area' or 'bicubic'")
    return interpolate(identity[None, None], (size // factor, size), mode="bicubic", antialias=True)[0, 0]


@functools.lru_cache(maxsize=32)
def inverse_matrix(kernel: str, factor: int, size: int) -> Tensor:
    """Pseudo-inverse [size, size / factor] of shrink_matrix: W^T (W W^T)^-1."""
    w = shrink_matrix(kernel, factor, size)
    return torch.linalg.solve(w @ w.T, w).T


def _along(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    return (x.transpose(axis, -1) @ matrix.T).transpose(axis, -1)


@audited
class Matrix:
    """Any matrix [m, n] on flat states [batch, n], for small problems and checks."""

    matrix: Tensor

    def A(self, x: Tensor) -> Tensor:
        return x @ self.matrix.to(x).T

    def A_adjoint(self, y: Tensor) -> Tensor:
        return y @ self.matrix.to(y)

    def A_pinv(self, y: Tensor) -> Tensor:
        return y @ torch.linalg.pinv(self.matrix).to(y).T


@audited
class Chain:
    """`first`, then `second` (blur, then downsample); the pseudo-inverse by least_squares()."""

    first: Operator
    second: Operator
    tolerance: float = 1e-3
    limit: int = 100

    def A(self, x: Tensor) -> Tensor:
        return self.second.A(self.first.A(x))

    def A_adjoint(self, y: Tensor) -> Tensor:
        return self.first.A_adjoint(self.second.A_adjoint(y))

    def A_pinv(self, y: Tensor) -> Tensor:
        return least_squares(self.A, self.A_adjoint, y, tolerance=self.tolerance, limit=self.limit)
