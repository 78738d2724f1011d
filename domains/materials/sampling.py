"""Drawing crystals: cells, sites and elements at once, inside the symmetry of a template or without any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.decoding import Rules, choose
from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.examples import padded
from difusa.domains.materials.inside import Denoiser, Symmetric, crystal_of, sites_of
from difusa.domains.materials.network import ONEHOT, PERIOD
from difusa.domains.materials.symmetry import Template
from difusa.shared.guidance import Guided
from difusa.shared.samplers import SAMPLERS, last, schedule
from difusa.shared.seeds import stream
from difusa.shared.spaces import Euclidean, Product, State, Torus

SITES = 80  # sites a network run: crystals of one width are run SITES // width at a time, whatever --batch says
WIDTHS = (4, 8, 12, 16, 20)
NOISE, ELEMENTS = 1, 2  # parts of a sample's random stream
ATTEMPT = 8  # parts between one attempt at a sample and the next


@dataclass(frozen=True)
class Plan:
    """How crystals are drawn; its repr is the audit record.

    steps: network evaluations a crystal at most, guidance counted; levels in units of the network's state. settle: level at
    which the elements are decided; below, they are given. guidance: 1 samples the model under its wish, more goes beyond it, at
    two evaluations a step. calm: factor of the cell's noise; 1 samples the model, less keeps to likely cells. balance: elements
    are drawn until smact calls the composition valid, as far as that can be. noise: the seed of a key, from which starting noise
    is drawn in place of `seed`; never shown.
    """

    steps: int = 50
    sampler: str = "dpmpp_2m"
    seed: int = 0
    guidance: float = 1.0
    balance: bool = True
    settle: float = 0.25
    calm: float = 1.0
    sigma_min: float = 0.01
    sigma_max: float = 4.0
    noise: int | None = field(default=None, repr=False)

    def __post_init__(self):
        if self.sampler not in SAMPLERS:
            raise ValueError(f"--sampler {self.sampler}: there are {', '.join(SAMPLERS)}")
        if not 0 <= self.guidance <= 20:
            raise ValueError(
                f"--guidance {self.guidance}: between 0 (the wish is not heard) and 20; 1 samples the model"
            )
        if self.steps // self.each < 4:
            raise ValueError(f"--steps {self.steps}: at least {4 * self.each}; guidance costs two a step")

    @property
    def streams(self) -> int:
        """The seed of the random streams of the noise."""
        return self.seed if self.noise is None else self.noise

    @property
    def each(self) -> int:
        """Network evaluations in one of the denoiser."""
        return 2 if self.guidance != 1 else 1

    def sigmas(self, settles: bool) -> tuple[Tensor, Tensor]:
        """Levels above and below that at which elements are decided; `settles`: that takes an evaluation of its own."""
        all_levels = schedule(self.sampler, self.steps // self.each - settles, self.sigma_min, self.sigma_max)
        if not settles:
            return all_levels[:1], all_levels
        at = int((all_levels > self.settle).sum()) - 1
        at = min(max(at, 1), len(all_levels) - 2)
        return all_levels[: at + 1], all_levels[at:]


@dataclass(frozen=True, eq=False)
class Order:
    """What one sample is asked to be: a template, the atomic number of each site (0 where it is to be found), a wish [P];
    row: of the template, -1 where it has none."""

    template: Template
    numbers: np.ndarray
    wish: np.ndarray | None = None
    rules: Rules = field(default_factory=Rules)
    row: int = -1


@dataclass(frozen=True, eq=False)
class Drawn:
    """A crystal that came out of the network; balanced: None where its elements were given."""

    crystal: Crystal
    balanced: bool | None = None


def in_groups(sizes: Sequence[int]) -> Iterator[tuple[int, list[int], int]]:
    """(width, places, full): samples that fit one width, at most `full` at a time; a network run is always padded to `full`.

    Raises ValueError for a crystal wider than all of WIDTHS.
    """
    if max(sizes, default=0) > WIDTHS[-1]:
        raise ValueError(f"{max(sizes)} atoms in a primitive cell: this model draws at most {WIDTHS[-1]}")
    for low, width in zip((0, *WIDTHS), WIDTHS):
        places = [k for k, n in enumerate(sizes) if low < n <= width]
        full = SITES // width
        for first in range(0, len(places), full):
            yield width, places[first : first + full], full


def draw(
    network,
    orders: Sequence[Order],
    plan: Plan,
    indices: Sequence[int],
    *,
    attempt: int = 0,
    watch=None,
    look=None,
    tell=None,
) -> list[Drawn]:
    """One crystal for each order and the random stream of each of `indices`, another one at each attempt.

    watch: wraps the denoiser of a trajectory (Run.counted); look(crystal): the estimate of the first of `orders` after each
    network evaluation; tell(n): called when n of the crystals are drawn.
    """
    found: list[Drawn | None] = [None] * len(orders)
    for width, group, full in in_groups([len(o.template) for o in orders]):
        rows = [orders[k] for k in group + group[:1] * (full - len(group))]
        part = ATTEMPT * attempt
        rng = [stream(plan.streams, indices[k], NOISE + part) for k in group + group[:1] * (full - len(group))]
        choosing = [stream(plan.seed, indices[k], ELEMENTS + part) for k in group]
        seen = (
            watch
            if look is None or 0 not in group
            else _looking(watch, look, orders[0].template, network, group.index(0))
        )
        for k, made in zip(group, _group(network, rows, len(group), width, plan, rng, choosing, seen)):
            found[k] = made
        if tell:
            tell(sum(one is not None for one in found))
    return found


def _group(network, orders, count: int, width: int, plan: Plan, rng, choosing, watch) -> list[Drawn]:
    """The first `count` crystals of a padded group."""
    device = next(network.parameters()).device
    sites = sites_of([o.template for o in orders], width, device)
    numbers = torch.from_numpy(np.stack([padded(o.numbers.astype(np.int64), width) for o in orders])).to(device)
    given = numbers > 0
    allowed = torch.stack([torch.from_numpy(o.rules.mask()) for o in orders]).float().to(device)[:, None]
    allowed = torch.where(given[..., None], 1.0, allowed)
    wish = None
    if any(o.wish is not None for o in orders):
        wish = torch.from_numpy(np.stack([o.wish for o in orders]).astype(np.float32)).to(device)
    space = Symmetric(
        Product(frac=Torus(PERIOD), strain=Euclidean(), elements=Euclidean()),
        sites,
        tuple(o.template for o in orders),
        plan.calm,
    )
    settles = not bool(given[:count][sites.told["present"][:count]].all())
    above, below = plan.sigmas(settles)
    like = {
        "frac": torch.zeros(len(orders), width, 3, device=device),
        "strain": torch.zeros(len(orders), 3, 3, device=device),
        "elements": ONEHOT * one_hot((numbers - 1).clamp(min=0), CLASSES).float() * given[..., None],
    }
    walk = SAMPLERS[plan.sampler]
    with torch.no_grad():
        noise = space.noise(like, rng)
        noise["elements"] = noise["elements"] * (~given)[..., None]
        x = space.nudge(like, noise, above[0])
        balanced: list[bool | None] = [None] * count
        ask = watch(_answer) if watch else _answer  # one counter for all of a trajectory
        if settles:
            denoise = Denoiser(network, sites, given, allowed)
            x = last(walk(_heard(partial(ask, denoise), wish, plan, space), space, x, above, rng=rng))
            logits, _, _ = ask(denoise.logits, x, above[-1], wish)
            choices = [
                choose(logits[row].cpu().numpy(), o, numbers[row].cpu().numpy(), plan.balance, r)
                for row, (o, r) in enumerate(zip(orders, choosing))
            ]
            choices += choices[:1] * (len(orders) - count)
            numbers = torch.from_numpy(np.stack([padded(c.numbers, width) for c in choices])).to(device)
            balanced = [c.balanced for c in choices[:count]]
            x["elements"] = ONEHOT * one_hot((numbers - 1).clamp(min=0), CLASSES).float()
        denoise = Denoiser(network, sites, sites.told["present"], torch.ones_like(allowed))
        x = last(walk(_heard(partial(ask, denoise), wish, plan, space), space, x, below, rng=rng))
    made = []
    for row, order in enumerate(orders[:count]):
        parameters, strain = x["frac"][row].cpu().double().numpy(), x["strain"][row].cpu().double().numpy()
        made.append(
            Drawn(crystal_of(order.template, numbers[row].cpu().numpy(), parameters, strain, network), balanced[row])
        )
    return made


def _answer(denoise: Callable, x: State, sigma: Tensor, wish: Tensor | None = None):
    return denoise(x, sigma, wish)


def _looking(watch, look: Callable, template: Template, network, row: int) -> Callable:
    """A wrapper of `_answer` that shows look(crystal) the clean estimate of one row."""

    def wrap(answer: Callable) -> Callable:
        inner = watch(answer) if watch else answer

        def call(denoise: Callable, x: State, sigma: Tensor, wish: Tensor | None = None):
            clean = inner(denoise, x, sigma, wish)
            if not isinstance(clean, dict):
                return clean
            numbers = clean["elements"][row].argmax(-1).cpu().numpy() + 1
            at = [clean[k][row].cpu().double().numpy() for k in ("frac", "strain")]
            look(crystal_of(template, numbers, *at, network))
            return clean

        return call

    return wrap


def _heard(denoise: Callable, wish: Tensor | None, plan: Plan, space) -> Callable:
    """The denoiser under the wish, as loudly as the plan says."""
    if wish is None:
        return denoise
    towards = partial(denoise, wish=wish)
    return towards if plan.each == 1 else Guided(towards, denoise, plan.guidance, space)
