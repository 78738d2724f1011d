"""Drawing what a known part lacks: the places of a known graph's atoms, or the atoms that a fragment grows.

The known part is given to the network exactly, held in its space, and written back as it came.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from difusa.domains.molecules.constraints import Constrained, settled_elements
from difusa.domains.molecules.fragments import Fragment
from difusa.domains.molecules.molecule import Skeleton
from difusa.domains.molecules.network import CATEGORIES, ONEHOT, pairs_of
from difusa.domains.molecules.plan import Plan
from difusa.domains.molecules.sampling import decoded, encoded, in_groups, tempered, together, wished
from difusa.shared.samplers import SAMPLERS, last
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Held, Product, State

KINDS = ("elements", "hydrogens")  # what a formula constrains


@dataclass(frozen=True)
class Known:
    """What is known of one sample: its state, and which rows of coords, atoms and bonds are given; no batch axis."""

    state: State
    given: dict[str, Tensor]


def walked(
    network, known: Sequence[Known], plan: Plan, indices: Sequence[int], *, limit=None, wish=None, watch=None
) -> State:
    """The state at the end of the walk, for the random stream of each index; all samples of one size.

    limit(clean) -> clean keeps the estimates to what is asked for. wish: as in sampling.skeletons.
    """
    device = next(network.parameters()).device
    state = {k: torch.stack([one.state[k] for one in known]).to(device) for k in known[0].state}
    given = {k: torch.stack([one.given[k] for one in known]).to(device) for k in known[0].given}
    free = {k: (~v)[..., None].float() for k, v in given.items()}
    space = {k: Held(Euclidean(), free["bonds" if k == "bonds" else "atoms"]) for k in CATEGORIES}
    space["coords"] = Held(Euclidean(), free["coords"]) if given["coords"].any() else Centred()
    space = tempered(Product(**space), plan)
    present = torch.ones(given["coords"].shape, dtype=torch.bool, device=device)

    def plain(x: State, sigma: Tensor, **told) -> State:
        return network(x, sigma.float(), present=present, given=given, **told)

    heard = wished(plain, wish, plan, space, device)

    def denoise(x: State, sigma: Tensor) -> State:
        clean = heard(x, sigma)
        return limit(clean) if limit else clean

    sigmas, rng = plan.sigmas(), streams(plan.streams, indices)
    with torch.no_grad():
        noisy = space.nudge(state, space.noise(state, rng), sigmas[0])
        return last(SAMPLERS[plan.sampler](watch(denoise) if watch else denoise, space, noisy, sigmas, rng=rng))


def placed(
    network, graph: Skeleton, plan: Plan, indices: Sequence[int], *, elements: Sequence[int], watch=None, ran=None
) -> list[np.ndarray]:
    """Places [h, 3] (angstrom, about their mean) of the heavy atoms of a known graph, for the stream of each index."""
    atoms = len(graph)
    coords = np.zeros((atoms, 3), np.float32)
    state = encoded(network, elements, graph.numbers, graph.charges, graph.hydrogens, graph.bonds, coords)
    rows = {"coords": atoms, "atoms": atoms, "bonds": len(state["bonds"])}
    one = Known(state, {k: torch.full((n,), k != "coords") for k, n in rows.items()})
    full, found = together(atoms), []
    for first in range(0, len(indices), full):
        chosen = list(indices[first : first + full])
        x = walked(network, [one] * full, plan, chosen + chosen[:1] * (full - len(chosen)), watch=watch)
        found += [place.cpu().double().numpy() * network.scale for place in x["coords"][: len(chosen)]]
        if ran:
            ran(len(chosen))
    return found


def grown(
    network, fragment: Fragment, atoms: Sequence[int], plan: Plan, indices: Sequence[int], *, elements: Sequence[int],
    allowed=None, formula: dict[int, int] | None = None, carried: Sequence[int] | None = None, wish=None, watch=None,
    ran=None,
) -> list[Skeleton]:  # fmt: skip
    """One skeleton of atoms[k] heavy atoms in all for each index, that begins with the fragment's, unchanged.

    New atoms bind only to the atoms that the sample's draw of Fragment.way names. The rest as in sampling.skeletons; the
    formula and `carried` count the fragment's atoms and hydrogens too.
    """
    device = next(network.parameters()).device
    kept = fragment.bare
    mask = torch.tensor([float(n != 1 and (allowed is None or n in allowed)) for n in elements], device=device)
    counts = None
    if formula is not None:
        rest = [formula.get(n, 0) - int((kept.numbers == n).sum()) for n in elements]
        counts = torch.tensor(rest, device=device)
    found: list[Skeleton | None] = [None] * len(atoms)
    for size, group, full in in_groups(atoms):
        rows = group + group[:1] * (full - len(group))
        ways = [fragment.way(plan.seed, indices[k]) for k in rows]
        held = [fragment.hydrogens(way) for way in ways]
        rest = None if carried is None else [carried[k] - int(h.sum()) for k, h in zip(rows, held)]
        total = None if rest is None else torch.tensor(rest, device=device)
        known = [_begun(network, kept, h, size, elements) for h in held]
        limit = _limit(len(kept), mask, counts, total, _closed(ways, len(kept), size).to(device))
        asked = None if wish is None else wish[rows]
        x = walked(network, known, plan, [indices[k] for k in rows], limit=limit, wish=asked, watch=watch)
        for row, k in enumerate(group):
            one = {name: value[row].cpu() for name, value in x.items()}
            new = settled_elements({"elements": one["elements"][len(kept) :]}, mask, counts)
            classes = np.concatenate([[list(elements).index(int(n)) for n in kept.numbers], new])
            left = None if rest is None else rest[row]
            found[k] = _finished(fragment, decoded(one, classes, left, network.scale, elements, held[row], plan.mend))
        if ran:
            ran(len(group))
    return found


def _begun(network, kept: Skeleton, hydrogens: np.ndarray, size: int, elements: Sequence[int]) -> Known:
    """The fragment about its mean in the first rows, nothing in the others."""
    h = len(kept)
    coords = ((kept.positions - kept.positions.mean(0)) / network.scale).astype(np.float32)
    exact = encoded(network, elements, kept.numbers, kept.charges, hydrogens, kept.bonds, coords)
    i, j = pairs_of(size)
    inside = (i < h) & (j < h)
    state = {k: torch.zeros(size, *v.shape[1:]) for k, v in exact.items() if k != "bonds"}
    for k in state:
        state[k][:h] = exact[k]
    state["bonds"] = torch.zeros(len(i), network.classes["bonds"])
    state["bonds"][inside] = exact["bonds"]  # both in the order of pairs_of
    first = torch.arange(size) < h
    return Known(state, {"coords": first, "atoms": first, "bonds": inside})


def _closed(ways: Sequence[Sequence[int]], kept: int, size: int) -> Tensor:
    """bool [B, E]: pairs of a new atom and an atom of the fragment to which none may bind."""
    i, j = pairs_of(size)
    ends = torch.zeros(len(ways), size, dtype=torch.bool)
    for row, way in enumerate(ways):
        ends[row, list(way)] = True
    return (i < kept) & (j >= kept) & ~ends[:, i]


def _limit(kept: int, mask: Tensor, counts: Tensor | None, total: Tensor | None, closed: Tensor) -> Callable:
    """Estimates of new atoms that keep to elements, formula and hydrogens; closed pairs have no bond."""

    def limit(clean: State) -> State:
        free = {k: clean[k][:, kept:] for k in KINDS}
        obeyed = Constrained(lambda *_: free, mask, counts, total)(free, None)
        both = {k: torch.cat([clean[k][:, :kept], obeyed[k].to(clean[k])], dim=1) for k in KINDS}
        none = ONEHOT * one_hot(torch.zeros((), dtype=torch.long), clean["bonds"].shape[-1]).to(clean["bonds"])
        return clean | both | {"bonds": torch.where(closed[..., None], none, clean["bonds"])}

    return limit


def _finished(fragment: Fragment, drawn: Skeleton) -> Skeleton:
    """The drawn skeleton where the fragment was, with the fragment's own coordinates, to the bit."""
    kept = fragment.bare.positions
    new = drawn.positions[len(kept) :] + kept.mean(0)
    return Skeleton(
        drawn.numbers, np.concatenate([kept, new]), drawn.charges, drawn.hydrogens, drawn.bonds, drawn.mended
    )
