"""What a run of `difusa bench molecules` works with: how many, which models, which data, and why something is missing."""

from dataclasses import dataclass, field
from pathlib import Path

from difusa.domains.molecules import drugs, qm9
from difusa.domains.molecules.packed import Packed, cached
from difusa.shared.benchmark import Sets

OURS, HELD_OUT = "Difusa", "held-out data"
SETS = {"qm9": qm9.load, "drugs": drugs.load}


@dataclass(frozen=True)
class Setup(Sets):
    """The options, with what the bench takes where nothing was said."""

    loaded: dict[str, Packed] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Molecules in a set of qm9."""
        return self.usual(self.asked.n, 10_000, 40)

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
