"""Blur by any kernel, and the kernels of a soft lens and of a shaken camera."""

import functools
import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from difusa.shared.audit import audited
from difusa.shared.operators.base import least_squares


def gaussian_kernel(deviation: float, axes: int = 2) -> Tensor:
    """Gaussian of the given standard deviation (in pixels), cut at 3 deviations, of sum 1: [n] * axes."""
    if not deviation > 0:
        raise ValueError(f"a Gaussian blur needs a positive standard deviation, got {deviation}")
    reach = max(1, math.ceil(3 * deviation))
    line = torch.exp(-torch.arange(-reach, reach + 1, dtype=torch.float64).square() / (2 * deviation**2))
    kernel = line
    for _ in range(axes - 1):
        kernel = kernel[..., None] * line
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float = 0.0) -> Tensor:
    """A camera moved in a straight line: `length` pixels at `angle` degrees (0 = along x, counter-clockwise), of sum 1.

    The line is drawn by many points, each shared among its four neighbours, so any length and angle is centred.
    """
    if not length >= 1:
        raise ValueError(f"a motion blur needs a length of at least 1 pixel, got {length}")
    reach = math.ceil(length / 2)
    along = (torch.arange(64 * (2 * reach + 1), dtype=torch.float64) + 0.5) / (64 * (2 * reach + 1)) - 0.5
    turn = math.radians(angle)
    row, column = -along * (length - 1) * math.sin(turn) + reach, along * (length - 1) * math.cos(turn) + reach
    places = torch.arange(2 * reach + 1, dtype=torch.float64)
    kernel = hat(row, places).T @ hat(column, places)
    return kernel / kernel.sum()


def hat(at: Tensor, places: Tensor) -> Tensor:
    """Share of each point of `at` that falls to each of `places` (linear interpolation)."""
    return (1 - (at[:, None] - places).abs()).clamp_min(0)


@audited
class Blur:
    """Convolution of [batch, channels, ...] with `kernel` [odd, ...] over as many last axes as the kernel has, by FFT.

    boundary: `circular` (exact pseudo-inverse, frequencies damped below `tolerance` dropped) or `reflect` (the picture
    mirrored about its edge pixels; pseudo-inverse by least_squares() to `tolerance` or `limit`).
    Raises ValueError for an even or too large kernel or another boundary.
    """

    kernel: Tensor
    boundary: str = "reflect"
    tolerance: float = 1e-3
    limit: int = 100

    def __post_init__(self):
        if any(n % 2 == 0 for n in self.kernel.shape):
            raise ValueError(f"a kernel needs odd sizes, got {tuple(self.kernel.shape)}; pad it with zeros")
        if self.boundary not in ("circular", "reflect"):
            raise ValueError(f"no boundary {self.boundary!r}; use 'circular' or 'reflect'")

    def A(self, x: Tensor) -> Tensor:
        if self.boundary == "circular":
            return self._filter(x, self._response(x))
        wide = self._mirrored(x)
        return self._cropped(self._filter(wide, self._response(wide)))

    def A_adjoint(self, y: Tensor) -> Tensor:
        if self.boundary == "circular":
            return self._filter(y, self._response(y).conj())
        wide = pad(y, [r for n in reversed(self.kernel.shape) for r in (n // 2, n // 2)])
        return self._folded(self._filter(wide, self._response(wide).conj()))

    def A_pinv(self, y: Tensor) -> Tensor:
        if self.boundary == "reflect":
            return least_squares(self.A, self.A_adjoint, y, tolerance=self.tolerance, limit=self.limit)
        gain = self._response(y)
        kept = gain.abs() > self.tolerance * gain.abs().max()
        return self._filter(y, torch.where(kept, 1 / gain.where(kept, 1), 0))

    def _axes(self) -> list[int]:
        return list(range(-self.kernel.ndim, 0))

    def _response(self, x: Tensor) -> Tensor:
        return response(self, x.shape[-self.kernel.ndim :], x.dtype, x.device)

    def _filter(self, x: Tensor, response: Tensor) -> Tensor:
        axes = self._axes()
        return torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * response, s=x.shape[axes[0] :], dim=axes)

    def _shown(self, size: int, reach: int, device) -> Tensor:
        """Which row of the state each row of the mirrored axis shows; edge rows are not repeated."""
        if reach >= size:
            raise ValueError(f"a kernel reaching {reach} pixels cannot be mirrored in {size}; use boundary='circular'")
        return (size - 1) - (torch.arange(-reach, size + reach, device=device).abs() - (size - 1)).abs()

    def _mirrored(self, x: Tensor) -> Tensor:
        for axis, n in zip(self._axes(), self.kernel.shape, strict=True):
            x = x.index_select(axis, self._shown(x.shape[axis], n // 2, x.device))
        return x

    def _folded(self, wide: Tensor) -> Tensor:
        """The transpose of _mirrored: what was shown twice is added up."""
        for axis, n in zip(self._axes(), self.kernel.shape, strict=True):
            size = wide.shape[axis] - 2 * (n // 2)
            rows = self._shown(size, n // 2, wide.device)
            wide = wide.new_zeros([*wide.shape[:axis], size, *wide.shape[axis:][1:]]).index_add(axis, rows, wide)
        return wide

    def _cropped(self, wide: Tensor) -> Tensor:
        for axis, n in zip(self._axes(), self.kernel.shape, strict=True):
            wide = wide.narrow(axis, n // 2, wide.shape[axis] - 2 * (n // 2))
        return wide


@functools.lru_cache(maxsize=8)
def response(blur: Blur, size: torch.Size, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Fourier transform of the kernel, centred on pixel 0 of a grid of the given size."""
    shape = blur.kernel.shape
    if any(n > s for n, s in zip(shape, size, strict=True)):
        raise ValueError(f"kernel {tuple(shape)} is larger than the state {tuple(size)}; cut its edge")
    grid = torch.zeros(size, dtype=dtype, device=device)
    grid[tuple(slice(n) for n in shape)] = blur.kernel.to(grid)
    return torch.fft.rfftn(torch.roll(grid, [-(n // 2) for n in shape], list(range(len(shape)))))
