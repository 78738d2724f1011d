"""Measurement operators: y = A(x), with adjoint and pseudo-inverse."""

from difusa.shared.operators.base import Operator, conjugate_gradient, least_squares
from difusa.shared.operators.blur import Blur, gaussian_kernel, motion_kernel
from difusa.shared.operators.fourier import KSpace, RealKSpace
from difusa.shared.operators.jpeg import JPEG
from difusa.shared.operators.pixels import Chain, Downsample, Grey, Mask, Matrix

__all__ = [
    "JPEG",
    "Blur",
    "Chain",
    "Downsample",
    "Grey",
    "KSpace",
    "Mask",
    "Matrix",
    "Operator",
    "RealKSpace",
    "conjugate_gradient",
    "gaussian_kernel",
    "least_squares",
    "motion_kernel",
]
