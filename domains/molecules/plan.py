"""How molecules are drawn: the budget of network evaluations, split between skeletons, hydrogens and guidance."""

import math
from dataclasses import dataclass, field

from torch import Tensor

from difusa.domains.molecules.steering import WINDOW
from difusa.shared.samplers import SAMPLERS, schedule

HYDROGEN_SHARE = 5  # one evaluation in so many goes to the hydrogens


@dataclass(frozen=True)
class Plan:
    """How molecules are drawn; its repr is the audit record.

    steps: network evaluations a molecule at most, both stages, guidance and steering counted; levels in units of the network's
    coordinates (2 angstrom); temperature: factor of the noise (1 samples the model). guidance: 1 samples the model under its
    wish, more goes beyond it, at two evaluations a step. steering: how hard the guide pulls towards the wish (1: as its
    likelihood says), at one more evaluation of a level inside steering.WINDOW. mend: bonds that
    no valence allows are changed as little as can be (orders.py). noise: the seed of a key, from which starting noise is drawn
    in place of `seed`; never shown.
    """

    steps: int = 50
    sampler: str = "dpmpp_2m"
    seed: int = 0
    guidance: float = 1.0
    temperature: float = 1.0
    sigma_min: float = 0.02
    sigma_max: float = 10.0
    hydrogen_sigma_max: float = 1.0
    steering: float = 0.0
    mend: bool = False
    noise: int | None = field(default=None, repr=False)

    def __post_init__(self):
        if self.steps < 4:
            raise ValueError(f"--steps {self.steps}: at least 4, three for the skeleton and one for the hydrogens")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"--sampler {self.sampler}: there are {', '.join(SAMPLERS)}")
        if not self.temperature >= 0:
            raise ValueError(f"--temperature must be 0 or more, got {self.temperature}")
        if not 0 <= self.guidance <= 20:
            raise ValueError(
                f"--guidance {self.guidance}: between 0 (the wish is not heard) and 20; 1 samples the model"
            )
        if not 0 <= self.steering <= 20:
            raise ValueError(f"--steering {self.steering}: between 0 (the guide does not pull) and 20")
        if (self.steps - self.hydrogen_steps) // self.each < 2:
            raise ValueError(f"--steps {self.steps} --guidance {self.guidance}: too few; guidance costs two a step")

    @property
    def streams(self) -> int:
        """The seed of the random streams of the noise."""
        return self.seed if self.noise is None else self.noise

    @property
    def hydrogen_steps(self) -> int:
        return max(1, self.steps // HYDROGEN_SHARE)

    @property
    def each(self) -> int:
        """Network evaluations in one of a skeleton's denoiser, steering apart."""
        return 2 if self.guidance != 1 else 1

    def cost(self, calls: int) -> int:
        """Network evaluations in so many of a skeleton's denoiser, steering counted."""
        if not self.steering:
            return calls * self.each
        levels = schedule(self.sampler, calls, self.sigma_min, self.sigma_max)[:-1]
        inside = ((levels > WINDOW[0]) & (levels < WINDOW[1])).float().mean().item()
        return calls * self.each + math.ceil(inside * calls)

    def sigmas(self) -> Tensor:
        """Levels of the skeleton's walk: as many as the budget allows."""
        budget = self.steps - self.hydrogen_steps
        calls = budget // self.each
        while calls > 2 and self.cost(calls) > budget:
            calls -= 1
        return schedule(self.sampler, calls, self.sigma_min, self.sigma_max)

    def hydrogen_sigmas(self) -> Tensor:
        """Levels of the hydrogens' walk."""
        return schedule("dpmpp_2m", self.hydrogen_steps, 0.01, self.hydrogen_sigma_max)


def of_model(meta: dict, **given) -> Plan:
    """The plan of a model: what is given and not None, else what its model.json says under "draws", else Plan's own.

    With a sampler given, the model's "draws" do not count, for levels belong to a sampler.
    """
    own = meta.get("draws", {}) if given.get("sampler") is None else {}
    return Plan(**(own | {k: v for k, v in given.items() if v is not None}))
