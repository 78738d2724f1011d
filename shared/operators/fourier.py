"""Measurements in k-space, the Fourier plane in which a magnetic resonance scanner sees the body."""

import torch
from torch import Tensor

from difusa.shared.audit import audited


def transform(image: Tensor, axes: int) -> Tensor:
    """Orthonormal Fourier transform over the last `axes` axes, zero frequency in the middle, origin in the middle."""
    dims = list(range(-axes, 0))
    return torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(image, dims), dim=dims, norm="ortho"), dims)


def back(spectrum: Tensor, axes: int) -> Tensor:
    """The inverse, and adjoint, of transform."""
    dims = list(range(-axes, 0))
    return torch.fft.fftshift(torch.fft.ifftn(torch.fft.ifftshift(spectrum, dims), dim=dims, norm="ortho"), dims)


def paired(z: Tensor) -> Tensor:
    """Complex [batch, c, ...] as real [batch, 2c, ...]: real and imaginary part side by side."""
    return torch.stack([z.real, z.imag], 2).flatten(1, 2)


def joined(x: Tensor) -> Tensor:
    """The inverse of paired."""
    if x.shape[1] % 2:
        raise ValueError(f"complex data needs an even number of channels (real, imaginary), got {x.shape[1]}")
    pairs = x.unflatten(1, (-1, 2))
    return torch.complex(pairs[:, :, 0], pairs[:, :, 1])


def check(mask: Tensor) -> None:
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise ValueError("a k-space mask holds only 0 (not measured) and 1 (measured)")


@audited
class KSpace:
    """Complex images, as [batch, 2c, ...] (real, imaginary), seen at the frequencies where `mask` [...] is 1.

    The mask has the image's axes (any number), zero frequency in the middle. Measurements have the same layout.
    """

    mask: Tensor

    def __post_init__(self):
        check(self.mask)

    def A(self, x: Tensor) -> Tensor:
        return paired(transform(joined(x), self.mask.ndim) * self.mask.to(x))

    def A_adjoint(self, y: Tensor) -> Tensor:
        return paired(back(joined(y) * self.mask.to(y), self.mask.ndim))

    A_pinv = A_adjoint


@audited
class RealKSpace:
    """Real images [batch, c, ...] seen at the frequencies where `mask` is 1; measurements are [batch, 2c, ...].

    A real image has conjugate values at opposite frequencies, so one measured half fills in the other: the
    pseudo-inverse uses it, the plain inverse transform (the adjoint) halves such frequencies.
    """

    mask: Tensor

    def __post_init__(self):
        check(self.mask)

    def A(self, x: Tensor) -> Tensor:
        return paired(transform(x, self.mask.ndim) * self.mask.to(x))

    def A_adjoint(self, y: Tensor) -> Tensor:
        return back(joined(y) * self.mask.to(y), self.mask.ndim).real

    def A_pinv(self, y: Tensor) -> Tensor:
        mask = self.mask.to(y)
        seen = (mask + opposite(mask)).clamp_min(1)
        # the real part averages a frequency with the conjugate of its opposite: weight 2 where only one was seen
        return back(joined(y) * mask * (2 / seen), mask.ndim).real


def opposite(mask: Tensor) -> Tensor:
    """The mask at the negative of every frequency."""
    dims = list(range(mask.ndim))
    plain = torch.fft.ifftshift(mask, dims)
    return torch.fft.fftshift(torch.roll(plain.flip(dims), [1] * mask.ndim, dims), dims)
