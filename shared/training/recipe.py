"""Training recipes: typed TOML without import paths; an unknown key is refused with the nearest valid one."""

import dataclasses
import difflib
import hashlib
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Target = Literal["own", "direct", "residual", "adversarial", "edm", "noise", "clean", "v", "score"]
Weighting = Literal["own", "edm", "noise", "clean", "v", "min-snr"]


@dataclass(frozen=True)
class Objective:
    """What the network predicts, how errors are weighted over levels, and which levels are drawn.

    target "own": the network itself answers (x, sigma) -> clean; "direct": it has a `loss` of its own and sees no noise.
    "residual": it has a `loss` of its own, of noise and level too (Mardani et al. 2023).
    "adversarial": a generator and a critic, see adversarial.py; its `loss` is only looked at.
    "edm": Karras et al. 2022. "noise": Ho et al. 2020. "v": Salimans and Ho 2022. "score": Song et al. 2021.
    "min-snr" weighting: Hang et al. 2023.
    """

    target: Target = "edm"
    weighting: Weighting = "edm"
    levels: Literal["lognormal", "uniform"] = "lognormal"
    mean: float = -1.2  # of ln sigma, for lognormal
    std: float = 1.2
    schedule: Literal["linear", "quadratic", "cosine", "sigmoid"] = "linear"  # variance-preserving, for uniform
    steps: int = 1000  # of that schedule


@dataclass(frozen=True)
class Optimiser:
    """Adam or AdamW with warm-up, decay and gradient clipping; see optimisers.make."""

    name: Literal["adam", "adamw"] = "adamw"
    rate: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 200  # steps
    decay: Literal["constant", "cosine", "linear"] = "cosine"
    clip: float = 1.0  # largest gradient norm; 0 = unclipped
    muon: tuple[str, ...] = ()  # beginnings of the names of the matrices that Muon trains instead


@dataclass(frozen=True)
class Stage:
    """A part of the curriculum: holds until this step, with these example options and batch."""

    until: int
    examples: dict = field(default_factory=dict)
    batch: int | None = None


@dataclass(frozen=True)
class Lora:
    """Low-rank fine-tuning (Hu et al. 2021): rank, and endings of the layer names it is put on."""

    rank: int = 8
    layers: tuple[str, ...] = ("to_q", "to_k", "to_v", "conv1", "conv2")


@dataclass(frozen=True)
class Recipe:
    """All that training depends on."""

    name: str
    domain: str
    trains: str  # which of the domain's models
    seed: int = 0
    steps: int = 10_000
    batch: int = 16
    micro: int | None = None  # rows a forward pass; less than batch accumulates gradients
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    activation_checkpointing: bool = False
    ema: float = 0.999
    save_every: int = 500
    heldout_every: int = 500
    heldout_count: int = 48
    sheet_every: int = 1000
    workers: int = 0
    network: dict = field(default_factory=dict)
    examples: dict = field(default_factory=dict)
    augment: dict = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    optimiser: Optimiser = field(default_factory=Optimiser)
    curriculum: tuple[Stage, ...] = ()
    lora: Lora | None = None
    draws: dict = field(default_factory=dict)  # how the domain's verbs draw with the model where nothing is said

    def stage(self, step: int) -> Stage:
        """The example options and batch in force at `step`."""
        for stage in self.curriculum:
            if step < stage.until:
                return Stage(stage.until, {**self.examples, **stage.examples}, stage.batch or self.batch)
        return Stage(self.steps, dict(self.examples), self.batch)

    def past(self, step: int) -> str:
        """Fingerprint of what training up to `step` depended on: a run may go on with another recipe that has the same."""
        stages, first = [], 0
        while first < step:
            stage = self.stage(first)
            first = min(stage.until, step)
            stages.append(dataclasses.replace(stage, until=first))
        return dataclasses.replace(self, examples={}, curriculum=tuple(stages)).sha256()

    def sha256(self) -> str:
        """Fingerprint of every value that differs from its default, so that new keys leave old recipes the same."""
        return hashlib.sha256(repr(said(self)).encode()).hexdigest()


def said(value):
    """The fields of a dataclass that differ from their defaults, as nested dicts."""
    if isinstance(value, tuple):
        return [said(v) for v in value]
    if not dataclasses.is_dataclass(value):
        return value
    default = {
        f.name: f.default_factory() if callable(f.default_factory) else f.default for f in dataclasses.fields(value)
    }
    own = {name: getattr(value, name) for name in default}
    return {name: said(v) for name, v in own.items() if v != default[name]}


def read_recipe(path: Path | str) -> Recipe:
    """The recipe in a TOML file. Raises ValueError naming the key, its place and the nearest valid one."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    return parse(Recipe, table, str(path))


PLAIN = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false", dict: "a table"}


def known(keys) -> str:
    """What may be written, where nothing is near to what was."""
    return f"there are {', '.join(sorted(keys))}"


def parse(kind, value, where: str):
    """`value` out of TOML as `kind`: a dataclass, a tuple of them, a Literal or a plain type."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return (
            None
            if value is None
            else parse(next(a for a in typing.get_args(kind) if a is not type(None)), value, where)
        )
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise ValueError(f"{where}: {value!r} is none of {', '.join(map(str, typing.get_args(kind)))}")
        return value
    if origin is tuple:
        inner = typing.get_args(kind)[0]
        return tuple(parse(inner, v, f"{where}[{i}]") for i, v in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where}: {value!r} should be {PLAIN.get(kind, kind.__name__)}")
    return value


def _dataclass(kind, table, where: str):
    if not isinstance(table, dict):
        raise ValueError(f"{where}: {table!r} should be a table")
    hints = typing.get_type_hints(kind)
    for key in table:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            raise ValueError(f"{where}: unknown key {key!r}; {f'did you mean {near[0]}?' if near else known(hints)}")
    needed = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory]  # both MISSING
    for key in needed:
        if key not in table:
            raise ValueError(f"{where}: {key!r} is missing")
    return kind(**{k: parse(hints[k], v, f"{where}: {k}") for k, v in table.items()})
