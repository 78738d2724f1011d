"""Recipes of data sets: typed TOML; what cannot be made is refused before any work, with the nearest thing that can."""

import difflib
import tomllib
import typing
from dataclasses import dataclass, field, fields
from pathlib import Path

from difusa.domains import domain
from difusa.ethics.policy import AUDITS
from difusa.shared.factory import Factory
from difusa.shared.passport.signing import digest
from difusa.shared.training.recipe import known, parse, said

LARGEST = 10_000_000  # samples, and the ids are written with eight digits


@dataclass(frozen=True)
class Conditions:
    """What samples should be. fixed: the same for all; grid: every combination equally often; shares: value -> share of all
    samples, every combination with the grid; ranges: [low, high], drawn for each sample, whole numbers from whole ends."""

    fixed: dict = field(default_factory=dict)
    grid: dict = field(default_factory=dict)
    shares: dict = field(default_factory=dict)
    ranges: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Quota:
    """At least so many samples (`least`), or that share of all of them (`share`), with these conditions."""

    where: dict
    least: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class About:
    """What data sheets say that no run can know. The other language's words go into the fields with `_pt`."""

    title: str = ""
    title_pt: str = ""
    purpose: str = ""
    purpose_pt: str = ""
    limits: str = ""
    limits_pt: str = ""
    creators: tuple[str, ...] = ()
    contact: str = ""
    licence: str = ""  # as SPDX writes it; nobody else can choose it
    credit: str = ""  # of what the models were trained on, or of the pictures


@dataclass(frozen=True)
class Recipe:
    """A data set before it is made: with its seed, all that its samples depend on.

    shard: samples a shard; attempts: draws of a sample until one is valid, each with a random stream of its own; make: the
    domain's options, the same for all samples; audits: what must be passed before a release.
    """

    name: str
    domain: str
    count: int
    seed: int = 0
    shard: int = 100
    attempts: int = 1
    make: dict = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    quotas: tuple[Quota, ...] = ()
    audits: tuple[str, ...] = ()
    about: About = field(default_factory=About)

    def __post_init__(self):
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            raise ValueError(f"name {self.name!r}: write it in a-z, 0-9 and -, as part of file names")
        for what, value, most in (
            ("count", self.count, LARGEST), ("shard", self.shard, LARGEST), ("attempts", self.attempts, 1000),
        ):  # fmt: skip
            if not 1 <= value <= most:
                raise ValueError(f"{what} = {value}: between 1 and {most}")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed = {self.seed}: between 0 and 2**64 - 1")
        if wrong := [a for a in self.audits if a not in AUDITS]:
            raise ValueError(f"audits: {wrong[0]!r} is none of {', '.join(AUDITS)}")

    @property
    def sha256(self) -> str:
        """Fingerprint of every value that differs from its default, so that new keys leave old recipes the same."""
        return digest(said(self))

    @property
    def factory(self) -> Factory:
        """How its domain makes data sets. Raises ValueError for a domain that makes none."""
        found = domain(self.domain).factory
        if found is None:
            raise ValueError(f"the domain {self.domain!r} makes no data sets yet")
        return found()

    @property
    def shards(self) -> int:
        return -(-self.count // self.shard)

    def rows_of(self, shard: int) -> range:
        """The numbers of a shard's samples."""
        return range(shard * self.shard, min((shard + 1) * self.shard, self.count))


def read(path: Path | str) -> Recipe:
    """The recipe in a TOML file. Raises ValueError naming the key, its place and the nearest valid one."""
    path = Path(path)
    if path.suffix.lower() != ".toml":
        raise ValueError(f"{path}: recipes are .toml files; YAML and Python can carry code and are never read")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    return of_table(table, str(path))


def of_table(table: dict, where: str) -> Recipe:
    """A recipe from the values of its file, whole or out of a manifest. Raises as read."""
    found = parse(Recipe, table, where)
    there = typing.get_type_hints(found.factory.conditions)
    for kind in fields(Conditions):
        for key in getattr(found.conditions, kind.name):
            _known(key, there, f"{where}: conditions.{kind.name}")
    for number, quota in enumerate(found.quotas):
        for key in quota.where:
            _known(key, there, f"{where}: quotas[{number}].where")
    return found


def options_of(recipe: Recipe):
    """The domain's options, out of the table `make`. Raises ValueError for an unknown key or a wrong value."""
    return parse(recipe.factory.options, recipe.make, f"{recipe.name}: make")


def value_of(kind: type, key: str, value, where: str):
    """A condition's value as the domain wants it; what TOML writes as a key, always text, as a number where one is wanted."""
    hint = typing.get_type_hints(kind)[key]
    wanted = next((t for t in (float, int) if t in (hint, *typing.get_args(hint))), None)
    if isinstance(value, str) and wanted:
        try:
            value = wanted(value)
        except ValueError as error:
            raise ValueError(f"{where}: {key} = {value!r} should be a number") from error
    alone = isinstance(value, str) and typing.get_origin(hint) is tuple
    return parse(hint, [value] if alone else value, f"{where}: {key}")


def _known(key: str, there: dict, where: str) -> None:
    if key not in there:
        near = difflib.get_close_matches(key, there, n=1)
        raise ValueError(f"{where}: unknown key {key!r}; {f'did you mean {near[0]}?' if near else known(there)}")
