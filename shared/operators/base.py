"""What a measurement is: A, its adjoint and its pseudo-inverse; iterative solvers for those without a closed form."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from difusa.shared.spaces import State, per_row


class Operator(Protocol):
    """y = A(x). Rows (samples) are independent; x and y are real tensors [batch, ...].

    A_adjoint is the transpose, <A x, y> = <x, A_adjoint y>, for the linear ones; A_pinv(y) is the state of least norm
    whose measurement is closest to y. A non-linear operator has no adjoint, and promises A(A_pinv(y)) = y for y = A(x).
    """

    def A(self, x: State) -> Tensor: ...
    def A_adjoint(self, y: Tensor) -> State: ...
    def A_pinv(self, y: Tensor) -> State: ...


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor], b: Tensor, *, tolerance: float = 1e-6, limit: int = 200
) -> Tensor:
    """u with |apply(u) - b| <= tolerance |b| in every row, for a symmetric positive `apply`; at most `limit` turns.

    Source: Hestenes and Stiefel 1952.
    """
    u, residual = b * 0, b
    step, square = b, dot(b, b)
    goal = tolerance**2 * square
    for _ in range(limit):
        if bool((square <= goal).all()):
            break
        moved = apply(step)
        along = ratio(square, dot(step, moved))
        u = u + per_row(along, b) * step
        residual = residual - per_row(along, b) * moved
        before, square = square, dot(residual, residual)
        step = residual + per_row(ratio(square, before), b) * step
    return u


def least_squares(
    A: Callable[[Tensor], Tensor],
    A_adjoint: Callable[[Tensor], Tensor],
    y: Tensor,
    *,
    tolerance: float = 1e-3,
    limit: int = 100,
) -> Tensor:
    """A_pinv(y) by conjugate gradients on the normal equations (CGLS), started at zero, hence of least norm.

    A row stops when |y - A x| <= tolerance |y|, or when A_adjoint(y - A x) <= tolerance |y - A x| (nothing left that A
    could explain, its norm being about 1); at most `limit` turns. Directions that A damps more fill in
    last, so that stopping early keeps a deblurred picture from drowning in amplified noise. Source: Bjorck 1996, Alg.
    7.4.1.
    """
    residual = y
    step = gradient = A_adjoint(y)
    x, square = gradient * 0, dot(gradient, gradient)
    goal = tolerance**2 * dot(y, y)
    for _ in range(limit):
        left = dot(residual, residual)
        done = (left <= goal) | (square <= tolerance**2 * left)
        if bool(done.all()):
            break
        moved = A(step)
        along = ratio(square, dot(moved, moved)).masked_fill(done, 0)
        x = x + per_row(along, x) * step
        residual = residual - per_row(along, y) * moved
        gradient = A_adjoint(residual)
        before, square = square, dot(gradient, gradient)
        step = gradient + per_row(ratio(square, before), gradient) * step
    return x


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each row [batch]."""
    return (a * b).flatten(1).sum(1)


def ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0 (a row that has converged)."""
    return a / b.masked_fill(b == 0, 1) * (b != 0)
