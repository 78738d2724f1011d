"""What a run of `difusa bench medical` works with: how many, which models, which data, and why something is missing."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from difusa.domains.medical import bench_cases, data, labels
from difusa.shared import benchmark
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked

OURS = "Difusa"
MODEL = "anytoany"
BASELINES = {
    "regression": "regression U-Net",
    "pix2pix": "pix2pix",
    "cyclegan": "CycleGAN",
}  # recipe -> what it is called
KINDS = {"translator": OURS, "regressor": "regression U-Net", "pix2pix": "pix2pix", "cyclegan": "CycleGAN"}


def called(model) -> str:
    """What a model is called in the tables: its kind, and of a contest what differs from the recipe that ships."""
    contest = model.meta["network"].get("contest", {})
    usual = {"pix2pix": "bce", "cyclegan": "least-squares"}.get(model.meta["trains"])
    loss = contest.get("loss", "bce")
    words = ["WGAN-GP" if loss == "wasserstein" else loss] if usual and loss != usual else []
    words += [f"R1 {contest['r1']:g}"] if contest.get("r1") else []
    words += [f"labels smoothed by {contest['smooth']:g}"] if contest.get("smooth") else []
    return ", ".join([KINDS[model.meta["trains"]], *words])


def unseen(model) -> tuple[str, ...]:
    """Real patients that the model was not trained on."""
    return tuple(model.meta.get("examples_options", {}).get("held", ())) or data.CALIBRATE + data.TEST


@dataclass(eq=False)
class Setup:
    """The options, with what the bench takes where nothing was said."""

    store: Bench
    asked: Asked
    made: dict = field(default_factory=dict)  # cases, and the looks of true planes: each takes a second

    def usual(self, given, full, quick):
        """What was given, else the full or the quick bench's own."""
        return benchmark.usual(self.asked, given, full, quick)

    @property
    def people(self) -> int:
        """Simulated people, where intervals need no more."""
        return self.usual(self.asked.n, 12, 3)

    @property
    def planes(self) -> int:
        """Of a real patient."""
        return self.usual(None, 6, 3)

    @property
    def samples(self) -> int:
        return self.usual(self.asked.samples, 4, 2)

    @property
    def steps(self) -> int:
        return self.usual(self.asked.steps, 5, 2)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of trainings that the bench does itself."""
        return tuple(range(self.asked.seed, self.asked.seed + self.usual(self.asked.seeds, 3, 2)))

    @property
    def work(self) -> Path:
        """Where small networks and volumes wait."""
        return self.store.work / "medical"

    @cached_property
    def folder(self) -> Path:
        """The data folder. Raises FileNotFoundError where there is none."""
        try:
            return self.asked.folder()
        except ValueError as why:
            raise FileNotFoundError(why) from why

    @cached_property
    def sets(self) -> list[data.Slices]:
        """The sets of real patients. Raises FileNotFoundError where there are none."""
        found = data.sets(self.folder)
        if not found:
            raise FileNotFoundError(f"{self.folder / 'medical'} holds none of {', '.join(data.FILES.values())}")
        return found

    @cached_property
    def heads(self) -> list[labels.Head]:
        """Heads that no model saw; the MNI152 head where there is no data folder."""
        return labels.heads(self.asked.data, "test")

    @cached_property
    def models(self) -> dict[str, list]:
        """What it is called -> its models: the one asked for or shipped, then those of --checkpoints, by name."""
        from difusa.domains.models import find

        found = []
        for name in (self.asked.model or MODEL, *BASELINES):
            try:
                found.append(find(name, domain="medical"))
            except FileNotFoundError:
                continue
        if self.asked.checkpoints is not None:
            places = sorted(p.parent for p in Path(self.asked.checkpoints).rglob("model.json"))
            found += [m for m in (find(p) for p in places) if m.meta["domain"] == "medical"]
        grouped: dict[str, list] = {}
        for model in found:
            grouped.setdefault(called(model), []).append(model)
        return {name: list({m.sha256: m for m in them}.values()) for name, them in grouped.items()}

    def model(self, name: str = OURS, patient: str | None = None):
        """A method's model for a simulated person, or one that has not seen a real patient. FileNotFoundError: there is none."""
        known = self.models.get(name, [])
        fit = [m for m in known if patient is None or patient in unseen(m)]
        if not fit:
            recipe = next((r for r, n in BASELINES.items() if n == name), MODEL)
            why = f"every model of it was trained on {patient}" if known else "no model of it is here"
            raise FileNotFoundError(
                f"{why}: train one by `difusa train {recipe} --out FOLDER/{recipe}` and give --checkpoints FOLDER"
            )
        return fit[0]

    def simulated(self, people: int | None = None, planes: int = 2) -> list[bench_cases.Case]:
        """Planes of simulated people; intervals resample the people."""
        asked = (people or self.people, planes, self.asked.seed)
        if asked not in self.made:
            self.made[asked] = bench_cases.simulated(self.heads, *asked)
        found = self.made[asked]
        self.store.groups.update({c.name: c.group for c in found})
        return found

    def measured(self, patients: tuple[str, ...] | None = None) -> list[bench_cases.Case]:
        """Planes of real patients that some model of ours has not seen, or of those named."""
        held = {p for m in self.models.get(OURS, []) for p in unseen(m)} or {*data.CALIBRATE, *data.TEST}
        known = [p for p in data.patients(self.sets) if p in (held if patients is None else patients)]
        found = [c for p in known for c in bench_cases.measured(self.sets, p, self.planes)]
        self.store.groups.update({c.name: c.group for c in found})
        return found

    def missing(self, method: str, task: str, why: Exception | str) -> None:
        """A row that cannot be made, with its cause in one line."""
        benchmark.missing(self.store, method, task, why)

    def tell(self, row: dict, names: tuple[str, ...]) -> None:
        """A finished row on the terminal."""
        benchmark.tell(row, names)
