"""Does a network keep the symmetries it claims? For your own networks too."""

from collections.abc import Callable

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}  # of the largest value of the answer


def orthogonal(generator: torch.Generator, dtype=torch.float64, reflect: bool = False) -> Tensor:
    """A random rotation [3, 3] of determinant 1, or with `reflect` a rotation and a reflection, of determinant -1."""
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    q = q * torch.sign(torch.diagonal(r))
    q[:, 0] *= torch.sign(torch.linalg.det(q)) * (-1 if reflect else 1)
    return q.to(dtype)


def assert_equivariant(
    call: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    points: Tensor,
    features: Tensor,
    *,
    translates: bool = True,
    reflects: bool = True,
    tolerance: float | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Checks call(points [N, 3], features [N, C]) -> (vectors [N, 3], scalars [N, D]) for every symmetry.

    The symmetries are rotation, reflection, translation and permutation. Vectors must turn with the points and stay under
    translation (return displacements, not places); scalars must stay; both must follow a permutation of the rows. Returns
    the largest error of each as a share of the largest value. Raises AssertionError naming the symmetry and the error.
    tolerance: by default 1e-9 in float64, 1e-3 in float32.
    """
    allowed = TOLERANCE[points.dtype] if tolerance is None else tolerance
    generator = torch.Generator().manual_seed(seed)
    one = torch.eye(3, dtype=points.dtype)
    still, rows = torch.zeros(3, dtype=points.dtype), torch.arange(len(points))
    cases = {"rotation": (orthogonal(generator, points.dtype), still, rows)}
    if reflects:
        cases["reflection"] = (orthogonal(generator, points.dtype, reflect=True), still, rows)
    if translates:
        cases["translation"] = (one, 3 * torch.randn(3, generator=generator, dtype=points.dtype), rows)
    cases["permutation"] = (one, still, torch.randperm(len(points), generator=generator))
    vectors, scalars = call(points, features)
    errors = {}
    for name, (turn, shift, order) in cases.items():
        moved, kept = call((points @ turn + shift)[order], features[order])
        errors[name] = max(_apart(moved, (vectors @ turn)[order]), _apart(kept, scalars[order]))
        if not errors[name] <= allowed:
            raise AssertionError(f"{name} changes the answer by {errors[name]:.3g} of its size, more than {allowed:g}")
    return errors


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().max() / b.detach().abs().max().clamp(min=1e-30)) if a.numel() else 0.0
