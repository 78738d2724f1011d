"""Whether an attacker can tell what a model was trained on: from its losses, from its likelihood, beside a reference model,
or from the synthetic set alone. Scores are higher for members; .5 is a coin's AUC.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from difusa.ethics.findings import Finding, judged
from difusa.ethics.nearest import index, nearest
from difusa.shared.metrics import Interval, share
from difusa.shared.passport.saying import Said
from difusa.shared.seeds import streams

AUDIT = "privacy"
HIGHEST, LOWEST, LEVELS = 10.0, 0.02, 20  # noise levels between which likelihoods are worked out
FALSE = 0.01  # of the strangers may be taken for members where the attacker's hits are counted
NEIGHBOURS = 5


def auc(members: np.ndarray, strangers: np.ndarray) -> Interval:
    """Chance that a member's score exceeds a stranger's, with its 95 % interval (DeLong et al. 1988)."""
    from scipy.stats import rankdata

    m, n = len(members), len(strangers)
    if min(m, n) < 2:
        raise ValueError(f"{m} members and {n} strangers: two of each are needed at least")
    ranks = rankdata(np.concatenate([members, strangers]))
    above = (ranks[:m] - rankdata(members)) / n
    below = 1 - (ranks[m:] - rankdata(strangers)) / m
    value = float(above.mean())
    half = 1.96 * float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    return Interval(value, max(0.0, value - half), min(1.0, value + half), min(m, n), min(m, n))


def hits(members: np.ndarray, strangers: np.ndarray) -> Interval:
    """Share of members above the score that FALSE of the strangers reach (Carlini et al. 2022)."""
    return share(members > np.quantile(strangers, 1 - FALSE))


def membership(name: str, members: np.ndarray, strangers: np.ndarray, limit: float) -> list[Finding]:
    """The findings of one attack; limit: the AUC that passes, where chance (four standard errors) does not allow more."""
    found = auc(members, strangers)
    spread = (1 / len(members) + 1 / len(strangers)) / 12  # variance of the AUC when there is nothing to find
    note = Said("AUC of {m} members against {n} strangers", m=len(members), n=len(strangers))
    return [
        judged(AUDIT, name, found, max(limit, 0.5 + 4 * spread**0.5), "low", note),
        judged(AUDIT, f"{name}: hits at 1 % false alarms", hits(members, strangers)),
    ]


def from_set(members: np.ndarray, strangers: np.ndarray, other: np.ndarray, reference: np.ndarray):
    """Scores of members and strangers by how much denser the synthetic set is around them than a real reference (DOMIAS, van
    Breugel et al. 2023), by distances to the NEIGHBOURS-th neighbour; all are features [n, D]."""
    synthetic, real = index(other), index(reference)

    def score(x: np.ndarray) -> np.ndarray:
        ours, theirs = (nearest(i, x, NEIGHBOURS)[1][:, -1] for i in (synthetic, real))
        return np.log(np.maximum(theirs, 1e-9)) - np.log(np.maximum(ours, 1e-9))

    return score(members), score(strangers)


def denoising_losses(denoise: Callable, space, clean: Tensor, sigmas: Tensor, *, seed: int = 0) -> np.ndarray:
    """Mean over `sigmas` of |clean - estimate|^2 / sigma^2 for each row of clean, each with its own noise stream.

    The loss attack on diffusion models (Matsumoto et al. 2023; Carlini et al. 2023, section 5): members' are lower.
    """
    total = torch.zeros(len(clean), dtype=torch.float64)
    for part, sigma in enumerate(sigmas):
        noise = space.noise(clean, streams(seed + part, range(len(clean))))
        with torch.no_grad():
            estimate = denoise(space.nudge(clean, noise, sigma), sigma.expand(len(clean)))
        total += (space.diff(estimate, clean) ** 2).flatten(1).sum(1).double() / float(sigma) ** 2
    return (total / len(sigmas)).numpy()


def model_losses(model, data, split: str, count: int, draws: int = 8, seed: int = 0) -> np.ndarray:
    """Training losses [count] of a model (domains.models.Model) on examples of a split, averaged over `draws` noises and levels.

    The examples, their noise and their weighting are those of its training, so that every domain is attacked in its own terms.
    Raises ValueError for a model that does not say what examples it was trained on.
    """
    from difusa.domains import domain
    from difusa.shared.training.examples import stack
    from difusa.shared.training.objective import called, losses, wrap

    told, objective = model.meta, trained_as(model)
    network = model.load()
    plain = domain(told["domain"]).models[told["trains"]].examples(data, split, told["examples_options"], seed)
    denoise, rows = wrap(called(network, objective), objective), []
    for n in range(count):
        batch = stack([noised(plain, objective, seed + d, n) for d in range(draws)])
        with torch.no_grad():
            rows.append(float(losses(objective, denoise, network, batch).mean()))
    return np.array(rows)


def noised(plain, objective, seed: int, number: int) -> dict:
    """Example `number` with the noise of a seed; examples that bring their own noise have a seed of it."""
    from difusa.shared.training.examples import Noised

    if hasattr(plain, "noise_seed"):
        plain.noise_seed = seed
    return Noised(plain, objective, seed)[number]


def model_likelihoods(model, data, split: str, count: int, seed: int = 0) -> np.ndarray:
    """Log densities [count], nats, that a model (domains.models.Model) gives to examples of a split under their conditions.

    Along the probability flow, with one random direction a level (shared.likelihood): as many evaluations with gradients as
    LEVELS. Raises ValueError for models with a loss of their own, which are no denoisers of one continuous state.
    """
    from difusa.domains import domain
    from difusa.shared.likelihood import log_likelihood
    from difusa.shared.spaces import Euclidean
    from difusa.shared.training.examples import stack
    from difusa.shared.training.objective import OWN_LOSS, wrap

    told, objective = model.meta, trained_as(model)
    if objective.target in OWN_LOSS:
        raise ValueError(f"{told['name']} is trained by a loss of its own: its likelihood is not known, its losses are")
    plain = domain(told["domain"]).models[told["trains"]].examples(data, split, told["examples_options"], seed)
    denoise, rows = wrap(model.load(), objective), []
    levels = torch.from_numpy(np.geomspace(HIGHEST, LOWEST, LEVELS)).float()
    for n in range(count):
        known = stack([plain[n]])
        x = known.pop("clean")

        def under(x, sigma, known=known):
            return denoise(x, sigma, **known).float()

        rows.append(float(log_likelihood(under, Euclidean(), x, levels, rng=streams(seed, [n]))))
    return np.array(rows)


def trained_as(model):
    """The objective of a model. Raises ValueError for one that does not say what examples it was trained on."""
    from difusa.shared.training.recipe import Objective, parse

    if missing := [k for k in ("objective", "examples_options") if k not in model.meta]:
        raise ValueError(
            f"{model.folder}/model.json has no {missing[0]!r}, so its training is not known; train it again"
        )
    return parse(Objective, model.meta["objective"], "objective")
