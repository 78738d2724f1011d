"""What a run of `difusa bench materials` works with: how many, which models, which data, and why something is missing."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from difusa.domains.materials.baseline import Prototypes, prototypes
from difusa.domains.materials.packed import Packed
from difusa.shared.benchmark import Sets

OURS, HELD_OUT = "Difusa", "held-out data"
RANDOM, NEAR = "random substitution", "substitution, nearest elements first"
MODEL, GUIDE, JUDGE = "materials", "materials-guide", "materials-judge"


@dataclass(frozen=True, eq=False)
class Setup(Sets):
    """The options, with what the bench takes where nothing was said."""

    @property
    def n(self) -> int:
        """Crystals of a generated set."""
        return self.usual(self.asked.n, 1000, 24)

    @property
    def costly(self) -> int:
        """Crystals of a set that CHGNet relaxes: 300 in three sets."""
        return self.usual(self.asked.costly, 100, 0)

    @property
    def predicted(self) -> int:
        """Held-out crystals to predict."""
        return min(self.n, self.usual(None, 500, 6))

    @property
    def guesses(self) -> int:
        """Predictions of each, of the row where the best counts."""
        return self.usual(self.asked.samples, 20, 4)

    @property
    def steps(self) -> int:
        return self.usual(self.asked.steps, 50, 10)

    @property
    def batch(self) -> int:
        return self.asked.batch or 200

    @property
    def work(self) -> Path:
        """Where drawn sets wait to be judged."""
        return self.store.work / "materials"

    def model(self, name: str | None = None, trains: str = "crystal"):
        """The model asked for, or another by name. Raises FileNotFoundError; ValueError where it is of another kind."""
        from difusa.domains.models import find

        found = find(name or self.asked.model or MODEL, domain="materials")
        if found.meta["trains"] != trains:
            raise ValueError(f"model {found.name!r} is of the kind {found.meta['trains']!r}, needed is {trains!r}")
        return found

    @cached_property
    def packed(self) -> Packed:
        """The prepared crystals. Raises FileNotFoundError where their source is missing, or in a hurry where it is unprepared."""
        from difusa.domains.materials.data import load
        from difusa.domains.materials.packed import VERSION
        from difusa.shared.prepared import cached, given

        ready = given("materials", "mp", self.asked.data) or cached("mp", VERSION).exists()
        if self.asked.quick and not ready:
            raise FileNotFoundError(
                "the crystals are not prepared yet, which takes minutes: run the bench without --quick"
            )
        return load(self.asked.data)

    @cached_property
    def prototypes(self) -> Prototypes:
        """What the substitution rows fill."""
        return prototypes(self.packed)
