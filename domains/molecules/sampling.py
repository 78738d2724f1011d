"""Drawing molecules: first the skeletons of heavy atoms, then the places of their hydrogens."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from difusa.domains.molecules.chemistry import CHARGES
from difusa.domains.molecules.constraints import Constrained, likelihoods, settled_elements
from difusa.domains.molecules.molecule import Skeleton, assemble
from difusa.domains.molecules.network import CATEGORIES, ONEHOT, pairs_of
from difusa.domains.molecules.orders import settled
from difusa.domains.molecules.plan import Plan
from difusa.domains.molecules.steering import Helm
from difusa.domains.molecules.valences import filled
from difusa.shared.guidance import Guided
from difusa.shared.samplers import SAMPLERS, Tempered, last, start
from difusa.shared.seeds import stream, streams
from difusa.shared.spaces import Centred, Euclidean, Held, Product, Space, State

ROWS, PAIRS = 288, 3200  # at most so many atoms, and pairs of atoms, a network run, whatever --batch says
HYDROGENS = 1  # part of a sample's random stream: their places must not depend on the skeleton's own noise


def together(size: int) -> int:
    """How many samples of so many atoms are run at a time: the small ones in a crowd, so that their overhead is shared; few
    of the large ones, so that little is lost where a run has not more of one size."""
    return max(1, min(ROWS // size, PAIRS // size**2))


def in_groups(sizes: Sequence[int]) -> Iterator[tuple[int, list[int], int]]:
    """(size, places, full): samples of one size, at most `full` at a time; a network run is always padded to `full`."""
    order = sorted(range(len(sizes)), key=lambda k: (sizes[k], k))
    place = 0
    while place < len(order):
        size = sizes[order[place]]
        full = together(size)
        group = [k for k in order[place : place + full] if sizes[k] == size]
        yield size, group, full
        place += len(group)


def skeletons(
    network,
    atoms: Sequence[int],
    plan: Plan,
    indices: Sequence[int],
    *,
    elements: Sequence[int],
    allowed=None,
    formula: dict[int, int] | None = None,
    carried: Sequence[int] | None = None,
    wish: np.ndarray | None = None,
    helm: Helm | None = None,
    watch=None,
    ran=None,
) -> list[Skeleton]:
    """One skeleton of atoms[k] heavy atoms for the random stream of each of `indices`.

    elements: atomic number of each class; allowed: atomic numbers that may occur (hydrogen never does). formula: heavy
    atoms by atomic number, their sum that of every skeleton; carried[k]: its hydrogens in all. All three are obeyed always.
    wish [k, P]: what each is asked to have, as wishes.Wishes.standard gives it; not a number where nothing is asked.
    helm: pulls towards the wish, as hard as plan.steering says. watch: wraps the denoiser of a trajectory (Run.counted);
    ran(count): called after each group.
    """
    device = next(network.parameters()).device
    mask = torch.tensor([float(n != 1 and (allowed is None or n in allowed)) for n in elements], device=device)
    if not mask.any():
        raise ValueError(
            f"no heavy element is allowed: the model knows {', '.join(str(n) for n in elements if n != 1)}"
        )
    counts = None
    if formula is not None:
        counts = torch.tensor([formula.get(n, 0) for n in elements], device=device)
        if wrong := [n for n in atoms if n != counts.sum()] or [n for n in formula if n not in elements or n == 1]:
            raise ValueError(f"a formula of {sum(formula.values())} heavy atoms of {formula} does not fit {wrong[0]}")
    found: list[Skeleton | None] = [None] * len(atoms)
    for size, group, full in in_groups(atoms):
        like = blank(network, full, size)
        present = torch.ones(full, size, dtype=torch.bool, device=device)
        space = tempered(Product(coords=Centred(), **{k: Euclidean() for k in CATEGORIES}), plan)
        rows = group + group[:1] * (full - len(group))
        rng = streams(plan.streams, [indices[k] for k in rows])
        total = None if carried is None else torch.tensor([carried[k] for k in rows], device=device)
        asked = None if wish is None else wish[rows]
        free = wished(
            lambda x, sigma, p=present, **w: network(x, sigma.float(), present=p, **w), asked, plan, space, device
        )
        if helm and plan.steering and asked is not None:
            free = helm.steered(free, torch.from_numpy(asked).to(device), present, space, plan.steering)
        denoise = Constrained(free, mask, counts, total)
        sigmas = plan.sigmas()
        with torch.no_grad():
            walk = SAMPLERS[plan.sampler](
                watch(denoise) if watch else denoise, space, start(space, like, sigmas[0], rng), sigmas, rng=rng
            )
            x = last(walk)
        for row, k in enumerate(group):
            one = {name: value[row].cpu() for name, value in x.items()}
            classes = settled_elements(one, mask, counts)
            left = None if carried is None else int(carried[k])
            found[k] = decoded(one, classes, left, network.scale, elements, mend=plan.mend)
        if ran:
            ran(len(group))
    return found


def wished(denoise: Callable, wish: np.ndarray | None, plan: Plan, space: Space, device) -> Callable:
    """denoise(x, sigma, wish=None) as a denoiser that hears the wish [B, P], as loudly as plan.guidance says."""
    if wish is None:
        return denoise
    towards = partial(denoise, wish=torch.from_numpy(wish).to(device))
    return towards if plan.each == 1 else Guided(towards, denoise, plan.guidance, space)


def blank(network, count: int, atoms: int) -> State:
    """A state of zeros."""
    pairs = atoms * (atoms - 1) // 2
    rows = {"coords": (atoms, 3)} | {k: (pairs if k == "bonds" else atoms, n) for k, n in network.classes.items()}
    device = next(network.parameters()).device
    return {k: torch.zeros(count, *shape, device=device) for k, shape in rows.items()}


def decoded(
    x: dict[str, Tensor],
    classes: np.ndarray,
    total: int | None,
    scale: float,
    elements,
    held: Sequence[int] = (),
    mend: bool = False,
) -> Skeleton:
    """The skeleton in a state without batch axis: elements as told, charges and bonds the likeliest, valences filled.

    classes [N]: element classes. held: hydrogens of the first atoms, where they are known; total: those of the others
    together, or None. mend: bonds are those of orders.settled.
    """
    charges, bonds = (x[k].argmax(-1).numpy() for k in ("charges", "bonds"))
    i, j = (k.numpy() for k in pairs_of(len(classes)))
    bonded = bonds > 0
    rows = np.stack([i[bonded], j[bonded], bonds[bonded]], axis=1).astype(np.int32).reshape(-1, 3)
    numbers, charges = np.array(elements, np.uint8)[classes], np.array(CHARGES, np.int8)[charges]
    drawn = rows
    if mend:
        rows = settled(numbers, charges, drawn, likelihoods(x, "bonds")[bonded], len(held))
    carried = filled(numbers, charges, rows, likelihoods(x, "hydrogens"), total, held).astype(np.uint8)
    mended = len(drawn) - len({*map(tuple, drawn.tolist())} & {*map(tuple, rows.tolist())})
    return Skeleton(numbers, x["coords"].double().numpy() * scale, charges, carried, rows, mended)


def hydrogens(
    network, bare: Sequence[Skeleton], plan: Plan, indices: Sequence[int], *, elements, watch=None, ran=None
) -> list[np.ndarray]:
    """Places [k, 3] (angstrom, ordered by parent) of the hydrogens of each skeleton."""
    sizes = [len(s) + int(s.hydrogens.sum()) for s in bare]
    found: list[np.ndarray] = [np.zeros((0, 3))] * len(bare)
    for _, group, full in in_groups(sizes):
        group = [k for k in group if bare[k].hydrogens.any()]
        if not group:
            continue
        rows = [_explicit(bare[k], network, elements) for k in group]
        rows += rows[:1] * (full - len(rows))
        device = next(network.parameters()).device
        state, given, anchor = (
            {k: torch.stack([r[p][k] for r in rows]).to(device) for k in rows[0][p]} for p in (0, 1, 2)
        )
        present = torch.ones(full, state["coords"].shape[1], dtype=torch.bool, device=device)
        free = (~given["coords"])[..., None].float()
        still = {k: Held(Euclidean(), torch.zeros(1, device=device)) for k in CATEGORIES}
        space = tempered(Product(coords=Held(Euclidean(), free), **still), plan)
        chosen = [indices[k] for k in group + group[:1] * (full - len(group))]
        rng = [stream(plan.streams, index, HYDROGENS) for index in chosen]
        sigmas = plan.hydrogen_sigmas()

        def denoise(x, sigma, present=present, given=given, anchor=anchor["anchor"]):
            return network(x, sigma.float(), present=present, given=given, anchor=anchor)

        with torch.no_grad():
            noisy = space.nudge(state, space.noise(state, rng), sigmas[0])
            x = last(SAMPLERS["dpmpp_2m"](watch(denoise) if watch else denoise, space, noisy, sigmas, rng=rng))
        for row, k in enumerate(group):
            centre = bare[k].positions.mean(0)
            found[k] = x["coords"][row, len(bare[k]) :].cpu().double().numpy() * network.scale + centre
        if ran:
            ran(len(group))
    return found


def _explicit(s: Skeleton, network, elements: Sequence[int]) -> tuple[State, State, State]:
    """State, what is given, and anchors of one skeleton with its hydrogens, which start on their parents."""
    parent = np.repeat(np.arange(len(s)), s.hydrogens)
    place = s.positions - s.positions.mean(0)
    full = assemble(s, place[parent])
    coords = np.concatenate([place, place[parent]]).astype(np.float32) / network.scale
    carried = s.hydrogens.tolist() + [0] * len(parent)
    state = encoded(network, elements, full.numbers, full.charges, carried, full.bonds, coords)
    given = {
        "coords": torch.arange(len(full)) < len(s),
        "atoms": torch.ones(len(full), dtype=torch.bool),
        "bonds": torch.ones(len(state["bonds"]), dtype=torch.bool),
    }
    return state, given, {"anchor": state["coords"]}


def encoded(network, elements: Sequence[int], numbers, charges, hydrogens, bonds, coords: np.ndarray) -> State:
    """The state, without batch axis, of N atoms that are known.

    numbers, charges, hydrogens [N] as in a Skeleton; bonds [m, 3] rows (i, j, order), i < j; coords [N, 3] in the network's
    unit. Raises ValueError for what is none of the network's classes.
    """
    order = np.zeros((len(numbers),) * 2, np.int64)
    order[bonds[:, 0], bonds[:, 1]] = bonds[:, 2]
    classes = {
        "elements": [list(elements).index(int(n)) for n in numbers],
        "charges": [CHARGES.index(int(c)) for c in charges],
        "hydrogens": [int(k) for k in hydrogens],
        "bonds": order[np.triu_indices(len(numbers), 1)],
    }
    state = {k: torch.as_tensor(np.array(v, np.int64)) for k, v in classes.items()}
    state = {k: ONEHOT * torch.nn.functional.one_hot(v, network.classes[k]).float() for k, v in state.items()}
    return state | {"coords": torch.from_numpy(coords)}


def tempered(space, plan: Plan):
    return space if plan.temperature == 1 else Tempered(space, plan.temperature)
