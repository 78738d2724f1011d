"""What the bench compares: our model, the baselines that are trained, the warped template, and the source as it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from difusa.domains.medical import template
from difusa.domains.medical.bench_cases import DIRECTIONS, Case
from difusa.domains.medical.bench_setup import BASELINES, OURS, Setup

TEMPLATE, SOURCE = "MNI template, warped", "the source itself"


@dataclass(frozen=True)
class Drawn:
    """samples [n, rows, columns] encoded; seconds that they took."""

    samples: np.ndarray
    seconds: float


@dataclass(eq=False)
class Learned:
    """A trained method: of a person it takes the model that has not seen them."""

    setup: Setup
    name: str

    @cached_property
    def plan(self):
        """Ours as the verb draws; all others answer in one evaluation, ours with several samples."""
        from difusa.domains.medical.sampling import Plan

        ours = self.name == OURS
        return Plan(self.setup.samples if ours else 1, self.setup.steps if ours else 1, self.setup.asked.seed)

    def model(self, case: Case):
        return self.setup.model(self.name, case.group if case.real else None)

    def draw(self, case: Case, direction: str) -> Drawn:
        """Samples of one plane."""
        from difusa.domains.medical.calibrating import many

        given, wanted = DIRECTIONS[direction]
        denoise, began = loaded(str(self.model(case).folder.resolve()), self.setup.asked.device), time.perf_counter()
        index = int.from_bytes(case.name.encode()[-6:], "big")
        made = many(denoise, case.example(given, wanted), self.plan, index, self.setup.asked.device)
        return Drawn(made, time.perf_counter() - began)

    @property
    def settings(self) -> dict:
        return {"plan": repr(self.plan)}

    @property
    def models(self) -> str:
        """Fingerprints of all models that may be asked, for the key of a row."""
        return "+".join(m.sha256[:12] for m in self.setup.models.get(self.name, []))


@dataclass(frozen=True)
class Fixed:
    """A method that learns nothing: given [contrast -> encoded plane], wanted -> plane."""

    name: str
    make: Callable[[dict[str, np.ndarray], str], np.ndarray]
    settings: dict
    models: str | None = None

    def draw(self, case: Case, direction: str) -> Drawn:
        given, wanted = DIRECTIONS[direction]
        began = time.perf_counter()
        made = self.make({c: case.encoded(c) for c in given}, wanted)
        return Drawn(made[None], time.perf_counter() - began)


@lru_cache(2)
def loaded(folder: str, device: str):
    """The model in a folder as a denoiser."""
    from difusa.domains.models import find

    model = find(folder)
    return model.load(device)


def copied(given: dict[str, np.ndarray], wanted: str) -> np.ndarray:
    """The first source as if it were the target: what any translation has to beat."""
    return next(iter(given.values()))


def methods(setup: Setup) -> list[Learned | Fixed]:
    """All of them: ours, the baselines by name, every variant that --checkpoints holds, and those that learn nothing."""
    names = dict.fromkeys([OURS, *BASELINES.values(), *setup.models])
    fixed = [Fixed(TEMPLATE, template.translate, {"levels": template.LEVELS}), Fixed(SOURCE, copied, {})]
    return [Learned(setup, name) for name in names] + fixed
