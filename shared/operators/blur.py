"""Blur by any kernel, and the kernels of a soft lens and of a shaken camera."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d

from difusa.shared.audit import audited
from difusa.shared.operators.base import least_squares

CONVOLUTIONS = {1: conv1d, 2: conv2d, 3: conv3d}


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
    """Convolution of [batch, channels, ...] with `kernel` [odd, ...] over as many last axes as the kernel has (1 to 3).

    boundary: `circular` (FFT; exact pseudo-inverse, frequencies damped below `tolerance` dropped) or `reflect` (the
    picture mirrored about its edge pixels; pseudo-inverse by least_squares() to `tolerance` or `limit`).
    Raises ValueError for an even or too large kernel or another boundary.
    """

    kernel: Tensor
    boundary: str = "reflect"
    tolerance: float = 1e-3
    limit: int = 100

    def __post_init__(self):
        if self.kernel.ndim not in CONVOLUTIONS or any(n % 2 == 0 for n in self.kernel.shape):
            raise ValueError(f"a kernel has 1 to 3 axes of odd size, got {tuple(self.kernel.shape)}; pad it with zeros")
        if self.boundary not in ("circular", "reflect"):
            raise ValueError(f"no boundary {self.boundary!r}; use 'circular' or 'reflect'")

    def A(self, x: Tensor) -> Tensor:
        if self.boundary == "circular":
            return self._filter(x, self._response(x))
        return self._convolve(self._pad(x), self._flipped(x))

    def A_adjoint(self, y: Tensor) -> Tensor:
        if self.boundary == "circular":
            return self._filter(y, self._response(y).conj())
        wide = torch.nn.functional.pad(y, [r for n in reversed(self.kernel.shape) for r in (n - 1, n - 1)])
        return self._fold(self._convolve(wide, self.kernel.to(y)))

    def A_pinv(self, y: Tensor) -> Tensor:
        if self.boundary == "reflect":
            return least_squares(self.A, self.A_adjoint, y, tolerance=self.tolerance, limit=self.limit)
        response = self._response(y)
        power = response.abs()
        kept = power > self.tolerance * power.max()
        return self._filter(y, torch.where(kept, 1 / response.where(kept, 1), 0))

    def _axes(self) -> list[int]:
        return list(range(-self.kernel.ndim, 0))

    def _response(self, x: Tensor) -> Tensor:
        """Fourier transform of the kernel, centred on pixel 0 of a grid of the state's size."""
        size = x.shape[-self.kernel.ndim :]
        if any(n > s for n, s in zip(self.kernel.shape, size, strict=True)):
            raise ValueError(f"kernel {tuple(self.kernel.shape)} is larger than the state {tuple(size)}")
        grid = x.new_zeros(size)
        grid[tuple(slice(n) for n in self.kernel.shape)] = self.kernel.to(x)
        return torch.fft.fftn(torch.roll(grid, [-(n // 2) for n in self.kernel.shape], self._axes()))

    def _filter(self, x: Tensor, response: Tensor) -> Tensor:
        return torch.fft.ifftn(torch.fft.fftn(x, dim=self._axes()) * response, dim=self._axes()).real

    def _flipped(self, x: Tensor) -> Tensor:
        return self.kernel.flip(self._axes()).to(x)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        channels = x.shape[1]
        weight = kernel.expand(channels, 1, *kernel.shape)
        return CONVOLUTIONS[kernel.ndim](x, weight, groups=channels)

    def _mirror(self, size: int, reach: int, device) -> Tensor:
        """Row i of the padded axis shows row mirror[i] of the state; edge pixels are not repeated."""
        if reach >= size:
            raise ValueError(f"a kernel reaching {reach} pixels cannot be mirrored in {size}; use boundary='circular'")
        return (size - 1) - ((torch.arange(-reach, size + reach, device=device).abs()) - (size - 1)).abs()

    def _pad(self, x: Tensor) -> Tensor:
        for axis, n in zip(self._axes(), self.kernel.shape, strict=True):
            x = x.index_select(axis, self._mirror(x.shape[axis], n // 2, x.device))
        return x

    def _fold(self, wide: Tensor) -> Tensor:
        """The transpose of _pad: what was shown twice is added up."""
        for axis, n in zip(self._axes(), self.kernel.shape, strict=True):
            size = wide.shape[axis] - 2 * (n // 2)
            shape = list(wide.shape)
            shape[axis] = size
            wide = wide.new_zeros(shape).index_add(axis, self._mirror(size, n // 2, wide.device), wide)
        return wide
