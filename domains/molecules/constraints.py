"""What a draw must obey, made hard: the elements of a formula, and how many hydrogens there are in all.

On the way the estimate is tilted, p_i(k) -> p_i(k) exp(lambda_k) / Z_i, until the expected counts are those asked for: among
all estimates with these counts the one nearest to the network's (Csiszar 1975, I-projection, doi:10.1214/aop/1176996454).
At the end whole atoms are assigned: the choice of the largest summed log-probability that has exactly the counts. A tilt
adds the same number to every such choice, so it never changes which one is the best.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from difusa.domains.molecules.network import ONEHOT
from difusa.shared.spaces import State

FLOOR = 1e-12  # least probability of what is allowed: a sure network can still be overruled
STEEPEST = 60.0  # |lambda| at most; e^60 overrules FLOOR twice


@dataclass(frozen=True)
class Constrained:
    """A denoiser whose estimates keep to the elements that are allowed, and to the counts.

    allowed [classes] 1 or 0; counts [classes] atoms of each element, or None; hydrogens [B] their number in all, or None.
    """

    denoise: Callable
    allowed: Tensor
    counts: Tensor | None = None
    hydrogens: Tensor | None = None

    def __call__(self, x: State, sigma: Tensor) -> State:
        clean = dict(self.denoise(x, sigma))
        p = (clean["elements"] / ONEHOT + FLOOR) * self.allowed
        p = p / p.sum(-1, keepdim=True)
        p = p if self.counts is None else with_counts(p, self.counts).to(p)
        clean["elements"] = ONEHOT * p
        if self.hydrogens is not None:
            clean["hydrogens"] = ONEHOT * with_sum(clean["hydrogens"] / ONEHOT, self.hydrogens).to(p)
        return clean


def with_counts(p: Tensor, counts: Tensor, rounds: int = 40) -> Tensor:
    """p [B, N, K], rows that sum to 1, tilted so that sum_i p_i(k) = counts_k [K]; float64.

    Newton's method on the convex dual, sum_i ln Z_i - counts . lambda, with halved steps; a sample that has arrived stays as
    it is, so that none depends on its company. The counts must sum to N.
    """
    log_p = torch.where(counts > 0, p.double().clamp(min=FLOOR).log(), -torch.inf)
    counts = counts.double()
    tilt = log_p.new_zeros(len(p), p.shape[-1])
    lengths = 0.5 ** torch.arange(6, dtype=torch.float64, device=p.device)
    ridge = 1e-9 * torch.eye(p.shape[-1], dtype=torch.float64, device=p.device)
    for _ in range(rounds):
        q = (log_p + tilt[:, None]).softmax(-1)
        off = counts - q.sum(1)
        late = off.abs().amax(-1) > 1e-9
        if not late.any():
            break
        curvature = torch.diag_embed(q.sum(1)) - q.transpose(1, 2) @ q + ridge
        # Unchecked: one sample that is not a number must not end all.
        step = torch.linalg.solve_ex(curvature, off).result
        step = step * (5 / step.abs().amax(-1, keepdim=True).clamp(min=5))
        tries = tilt[:, None] + lengths[:, None] * step[:, None]  # [B, lengths, K]
        dual = (log_p[:, None] + tries[:, :, None]).logsumexp(-1).sum(-1) - (tries * counts).sum(-1)
        best = tries[torch.arange(len(p), device=p.device), dual.argmin(1)]
        tilt = torch.where(late[:, None], best, tilt)
    return (log_p + tilt[:, None]).softmax(-1)


def with_sum(p: Tensor, total: Tensor) -> Tensor:
    """p [B, N, K] tilted by exp(lambda k) so that sum_i E_i[k] = total [B]; float64. Bisection: the sum grows with lambda."""
    log_p = p.double().clamp(min=FLOOR).log()
    k = torch.arange(p.shape[-1], dtype=torch.float64, device=p.device)
    low = log_p.new_full((len(p),), -STEEPEST)
    high = -low
    for _ in range(50):
        middle = (low + high) / 2
        many = ((log_p + middle[:, None, None] * k).softmax(-1) * k).sum((1, 2)) > total
        low, high = torch.where(many, low, middle), torch.where(many, middle, high)
    return (log_p + ((low + high) / 2)[:, None, None] * k).softmax(-1)


def assign_counts(log_p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The class [N] of each atom with counts [K] of each in all, at the largest sum of log_p [N, K]. The counts sum to N."""
    from scipy.optimize import linear_sum_assignment

    places = np.repeat(np.arange(len(counts)), counts)
    rows, columns = linear_sum_assignment(log_p[:, places], maximize=True)
    return places[columns[np.argsort(rows)]]


def assign_sum(log_p: np.ndarray, total: int) -> np.ndarray:
    """The number 0 .. K - 1 of each row [N] with the sum `total`, at the largest sum of log_p [N, K].

    Raises ValueError when no such numbers exist.
    """
    rows, most = log_p.shape
    if not 0 <= total <= rows * (most - 1):
        raise ValueError(f"{rows} atoms carry between 0 and {rows * (most - 1)} hydrogens, not {total}")
    best = np.full((rows + 1, total + 1), -np.inf)  # of the first atoms, by their sum so far
    best[0, 0] = 0.0
    choice = np.zeros((rows, total + 1), int)
    for i in range(rows):
        each = np.full((most, total + 1), -np.inf)
        for k in range(min(most, total + 1)):
            each[k, k:] = best[i, : total + 1 - k] + log_p[i, k]
        choice[i], best[i + 1] = each.argmax(0), each.max(0)
    found = np.zeros(rows, int)
    for i in reversed(range(rows)):
        found[i] = choice[i, total]
        total -= found[i]
    return found


def settled_elements(x: State, allowed: Tensor, counts: Tensor | None) -> np.ndarray:
    """Element class [N] of a finished state without batch axis: the likeliest that obey."""
    log_p = likelihoods(x, "elements")
    if counts is not None:
        return assign_counts(log_p, counts.cpu().numpy().astype(int))
    return np.where(allowed.cpu().numpy() > 0, log_p, -np.inf).argmax(-1)


def likelihoods(x: State, name: str) -> np.ndarray:
    """Log-probabilities [N, classes] of a finished field; what is no number counts as impossible."""
    return np.log(np.clip(np.nan_to_num(x[name].double().cpu().numpy() / ONEHOT), FLOOR, None))
