"""The same two networks as anybody would run them: one padded batch, a plain loop, the schedulers of diffusers.

The states, the levels and the evaluations are the verb's. Diffusers thinks in variance-preserving states, x / sqrt(1 +
sigma^2), in which the same walks are its DDPMScheduler and DPMSolverMultistepScheduler.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from difusa.domains.molecules.molecule import Molecule, Skeleton, assemble
from difusa.domains.molecules.network import CATEGORIES, pairs_of
from difusa.domains.molecules.plan import Plan
from difusa.domains.molecules.sampling import blank, decoded, encoded, in_groups
from difusa.shared.levels import alphas_cumprod
from difusa.shared.spaces import State

SCHEDULERS = {
    "ddpm": ("DDPMScheduler", {"clip_sample": False}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"final_sigmas_type": "zero"}),
}


def scheduler(sampler: str, sigmas: Tensor):
    """The scheduler of diffusers that walks as this sampler, over exactly these levels, told clean estimates."""
    import diffusers

    if sampler not in SCHEDULERS:
        raise ValueError(f"the plain loop has no scheduler for {sampler!r}: it knows {', '.join(SCHEDULERS)}")
    name, options = SCHEDULERS[sampler]
    bar = alphas_cumprod(sigmas)
    betas = (1 - bar / torch.cat([bar.new_ones(1), bar[:-1]])).float().numpy()
    steps = {"num_train_timesteps": len(betas), "trained_betas": betas, "timestep_spacing": "trailing"}
    made = getattr(diffusers, name)(**steps, prediction_type="sample", **options)
    made.set_timesteps(len(betas))
    return made


def walk(sampler: str, denoise: Callable, x: State, sigmas: Tensor, free: dict[str, Tensor], generator=None) -> State:
    """The loop: x (variance exploding) at sigmas[0] -> the clean state. free: the fields that move, and where [B, n, 1].

    generator: of the noise that the sampler draws on its way.
    """
    first = {k: v.clone() for k, v in x.items()}
    ends = (1 + sigmas**2).rsqrt().tolist()  # from one state to the other
    told = {} if generator is None else {"generator": generator}
    made = {name: scheduler(sampler, sigmas) for name in free}  # each remembers the last estimate of its field
    for k, t in enumerate(made["coords"].timesteps):
        clean = denoise(x, sigmas[k].float())
        for name, where in free.items():
            moved = made[name].step(clean[name], t, x[name] * ends[k], **told).prev_sample / ends[k + 1]
            if name == "coords" and generator is not None:  # centred: fresh noise moves the molecule as a whole
                moved = moved - (moved * where).sum(1, keepdim=True) / where.sum(1, keepdim=True)
            x = x | {name: torch.where(where.bool(), moved, first[name])}
    return x


def skeletons(network, sizes: Sequence[int], plan: Plan, generator: torch.Generator, elements) -> list[Skeleton]:
    """Skeletons of these sizes, all in one batch padded to the largest."""
    most = max(sizes)
    present = torch.arange(most)[None] < torch.tensor(sizes)[:, None]
    i, j = pairs_of(most)
    both = present[:, i] & present[:, j]
    free = {k: (both if k == "bonds" else present)[..., None].float() for k in ("coords", *CATEGORIES)}
    sigmas = plan.sigmas()
    x = {
        k: sigmas[0].float() * torch.randn(v.shape, generator=generator) * free[k]
        for k, v in blank(network, len(sizes), most).items()
    }
    where = free["coords"]
    x["coords"] = (x["coords"] - x["coords"].sum(1, keepdim=True) / where.sum(1, keepdim=True)) * where
    with torch.no_grad():
        fresh = generator if plan.sampler == "ddpm" else None
        x = walk(plan.sampler, lambda x, s: network(x, s, present=present), x, sigmas, free, fresh)
    found = []
    for row, size in enumerate(sizes):
        inside = ((i < size) & (j < size)).nonzero()[:, 0]
        one = {k: v[row][inside if k == "bonds" else slice(size)] for k, v in x.items()}
        classes = one["elements"][:, [n != 1 for n in elements]].argmax(-1).numpy()  # hydrogen is the last class
        found.append(decoded(one, classes, None, network.scale, elements))
    return found


def hydrogens(network, bare: Sequence[Skeleton], plan: Plan, generator: torch.Generator, elements) -> list[np.ndarray]:
    """Places of the hydrogens of these skeletons, all in one batch padded to the largest."""
    sizes = [len(s) + int(s.hydrogens.sum()) for s in bare]
    most = max(sizes)
    state = blank(network, len(bare), most)
    rows, columns = pairs_of(most)
    for row, (s, size) in enumerate(zip(bare, sizes)):
        inside = ((rows < size) & (columns < size)).nonzero()[:, 0]
        for name, value in explicit(network, s, elements).items():
            state[name][row, inside if name == "bonds" else slice(size)] = value
    present = torch.arange(most)[None] < torch.tensor(sizes)[:, None]
    known = torch.arange(most)[None] < torch.tensor([len(s) for s in bare])[:, None]
    given = {"coords": known, "atoms": present, "bonds": present[:, rows] & present[:, columns]}
    free, anchor, sigmas = (present & ~known)[..., None].float(), state["coords"], plan.hydrogen_sigmas()
    noise = torch.randn(anchor.shape, generator=generator)
    x = state | {"coords": anchor + sigmas[0].float() * noise * free}

    def denoise(x, sigma):
        return network(x, sigma, present=present, given=given, anchor=anchor)

    with torch.no_grad():
        x = walk("dpmpp_2m", denoise, x, sigmas, {"coords": free})
    places = x["coords"].double().numpy() * network.scale
    return [places[k, len(s) : size] + s.positions.mean(0) for k, (s, size) in enumerate(zip(bare, sizes))]


def explicit(network, s: Skeleton, elements) -> State:
    """The state of a skeleton with its hydrogens on their parents."""
    parent = np.repeat(np.arange(len(s)), s.hydrogens)
    place = s.positions - s.positions.mean(0)
    full = assemble(s, place[parent])
    coords = np.concatenate([place, place[parent]]).astype(np.float32) / network.scale
    carried = s.hydrogens.tolist() + [0] * len(parent)
    return encoded(network, elements, full.numbers, full.charges, carried, full.bonds, coords)


def draw(networks, sizes, plan: Plan, count: int, grouped: bool) -> list[Molecule]:
    """`count` molecules of the sizes that the verb would draw (sizes.Sizes).

    grouped: as the verb, molecules of one size together and few at a time; otherwise all in one padded batch.
    """
    pairs = sizes.draw(plan.seed, range(count))[:, 0].tolist()
    generator = torch.Generator().manual_seed(plan.seed)

    def batches(lengths):
        return [g for _, g, _ in in_groups(lengths)] if grouped else [list(range(len(lengths)))]

    bare: list = [None] * count
    for group in batches(pairs):
        drawn = skeletons(networks[0], [pairs[k] for k in group], plan, generator, sizes.elements)
        for k, one in zip(group, drawn):
            bare[k] = one
    places: list = [np.zeros((0, 3))] * count
    for group in batches([len(s) + int(s.hydrogens.sum()) for s in bare]):
        group = [k for k in group if bare[k].hydrogens.any()]
        drawn = hydrogens(networks[1], [bare[k] for k in group], plan, generator, sizes.elements) if group else []
        for k, one in zip(group, drawn):
            places[k] = one
    return [assemble(s, p) for s, p in zip(bare, places, strict=True)]
