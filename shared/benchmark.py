"""What a domain gives `difusa bench`: one value for each bench, and what a person may ask of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from difusa.shared.bench import Bench
from difusa.shared.machine import set_threads


@dataclass(frozen=True)
class Asked:
    """The options of `difusa bench`, which says what they mean; None: the bench's own choice."""

    data: Path | None = None
    n: int | None = None
    tasks: str | None = None
    quick: bool = False
    seed: int = 0
    model: str | None = None
    device: str = "cpu"
    threads: int | None = None
    batch: int | None = None
    steps: int | None = None
    methods: str | None = None
    minutes: float | None = None
    samples: int | None = None
    sampler: str | None = None
    seeds: int | None = None
    costly: int | None = None
    workers: int | None = None
    hydrogens: str | None = None
    checkpoints: Path | None = None

    def folder(self) -> Path:
        """The data folder. Raises ValueError where there is none."""
        if self.data is None or not Path(self.data).is_dir():
            raise ValueError(
                f"the bench needs the data folder (now {self.data}): give --data FOLDER or set DIFUSA_DATA"
            )
        return Path(self.data)

    def chosen(self, known) -> tuple[str, ...]:
        """The tasks asked for, all that are `known` by default. Raises ValueError for others."""
        wanted = tuple(t.strip() for t in self.tasks.split(",")) if self.tasks else tuple(known)
        if unknown := [t for t in wanted if t not in known]:
            raise ValueError(f"unknown tasks {', '.join(unknown)}: this bench has {', '.join(known)}")
        return wanted


COMMON = ("data", "tasks", "quick", "seed", "device", "threads")  # options that every bench understands


@dataclass(frozen=True)
class Benchmark:
    """run(store, asked) -> path of the readable page; takes: the options it understands beside COMMON."""

    run: Callable[[Bench, Asked], Path]
    takes: tuple[str, ...] = ()

    def check(self, name: str, asked: Asked) -> None:
        """Raises ValueError for an option that would be ignored."""
        usual = Asked()
        for f in fields(Asked):
            if f.name not in COMMON + self.takes and getattr(asked, f.name) != getattr(usual, f.name):
                raise ValueError(
                    f"bench {name} has no use for --{f.name}; it takes --{', --'.join((*COMMON, *self.takes))}"
                )


def usual(asked: Asked, given, full, quick):
    """What was given, else the full or the quick bench's own."""
    return (quick if asked.quick else full) if given is None else given


def missing(store: Bench, method: str, task: str, why: Exception | str) -> None:
    """A row that cannot be made, with its cause in one line, which is printed too."""
    cause = " ".join(str(why).split())
    store.missing(method, task, cause)
    print(f"{task:12} {method:26} missing: {cause}", flush=True)


def tell(row: dict, names: tuple[str, ...]) -> None:
    """A finished row on the terminal."""
    shown = "  ".join(f"{k} {row['metrics'][k]['value']:.4g}" for k in names if k in row["metrics"])
    print(f"{row['task']:12} {row['method']:26} n {row['n']}  {shown}", flush=True)


@dataclass(frozen=True)
class Sets:
    """The options of a bench whose rows are sets of drawn items, with what it takes where nothing was said."""

    store: Bench
    asked: Asked

    def usual(self, given, full, quick):
        """What was given, else the full or the quick bench's own."""
        return usual(self.asked, given, full, quick)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the sets."""
        return tuple(range(self.asked.seed, self.asked.seed + self.usual(self.asked.seeds, 3, 1)))

    @property
    def workers(self) -> int:
        return self.usual(self.asked.workers, 2, 1)

    @property
    def threads(self) -> int:
        """Bytes depend on it, so it is fixed."""
        return self.usual(self.asked.threads, 2, 2)

    def missing(self, method: str, task: str, why: Exception | str) -> None:
        """A row that cannot be made, with its cause in one line."""
        missing(self.store, method, task, why)

    def tell(self, row: dict, names: tuple[str, ...]) -> None:
        """A finished row on the terminal."""
        tell(row, names)


def measured(setup: Sets, tasks: dict[str, Callable], method: str, write: Callable[[Bench], Path]) -> Path:
    """The rows of all tasks asked for; the page's path. What is missing (a model, a data set, a package) becomes a row of the
    method that says so. Raises ValueError for an unknown task."""
    set_threads(setup.threads)
    for task in setup.asked.chosen(tasks):
        try:
            tasks[task](setup)
        except (FileNotFoundError, ModuleNotFoundError) as why:
            setup.missing(method, task, why)
        page = write(setup.store)
    return page
