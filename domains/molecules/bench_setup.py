"""What a run of `difusa bench molecules` works with: how many, which models, which data, and why something is missing."""

from dataclasses import dataclass, field
from pathlib import Path

from difusa.domains.molecules import drugs, qm9
from difusa.domains.molecules.packed import Packed, cached
from difusa.shared import benchmark
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked

OURS, HELD_OUT = "Difusa", "held-out data"
SETS = {"qm9": qm9.load, "drugs": drugs.load}


@dataclass(frozen=True)
class Setup:
    """The options, with what the bench takes where nothing was said."""

    store: Bench
    asked: Asked
    loaded: dict[str, Packed] = field(default_factory=dict)

    def usual(self, given, full, quick):
        """What was given, else the full or the quick bench's own."""
        return benchmark.usual(self.asked, given, full, quick)

    @property
    def n(self) -> int:
        """Molecules in a set of qm9."""
        return self.usual(self.asked.n, 10_000, 40)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the sets."""
        return tuple(range(self.asked.seed, self.asked.seed + self.usual(self.asked.seeds, 3, 1)))

    @property
    def costly(self) -> int:
        """Molecules of a set that the costly judges see."""
        return self.usual(self.asked.costly, 1000, 3)

    @property
    def reference(self) -> int:
        """Held-out molecules that distributions are measured against."""
        return self.usual(None, 5000, 150)

    @property
    def steps(self) -> int:
        return self.usual(self.asked.steps, 50, 50)

    @property
    def workers(self) -> int:
        return self.usual(self.asked.workers, 2, 1)

    @property
    def threads(self) -> int:
        """Bytes depend on it, so it is fixed."""
        return self.usual(self.asked.threads, 2, 2)

    @property
    def model(self) -> str:
        return self.asked.model or "qm9"

    @property
    def work(self) -> Path:
        """Where drawn sets wait to be judged."""
        return self.store.work / "molecules"

    def pair(self, name: str, hydrogens: str | None = None):
        """Models of skeletons and of hydrogens. Raises FileNotFoundError with the cause."""
        from difusa.domains.molecules.verbs import pair

        return pair(name, hydrogens)[:2]

    def packed(self, name: str) -> Packed:
        """The prepared set. Raises FileNotFoundError where its source is missing, or in a hurry where it is unprepared."""
        if name not in self.loaded:
            given = self.asked.data and Path(self.asked.data) / "molecules" / f"{name}.npz"
            if self.asked.quick and not ((given and given.exists()) or cached(name).exists()):
                raise FileNotFoundError(
                    f"the set {name} is not prepared yet, which takes minutes: run the bench without --quick"
                )
            self.loaded[name] = SETS[name](self.asked.data)
        return self.loaded[name]

    def missing(self, method: str, task: str, why: Exception | str) -> None:
        """A row that cannot be made, with its cause in one line."""
        benchmark.missing(self.store, method, task, why)

    def tell(self, row: dict, names: tuple[str, ...]) -> None:
        """A finished row on the terminal."""
        benchmark.tell(row, names)
