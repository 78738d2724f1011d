"""Crystals for data sets: a CIF and an extended XYZ each, drawn as `difusa materials generate` draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from difusa.shared.factory import Factory, Maker, Row, Sample

BATCH = 210  # rows a call: those of about one size are run together


@dataclass(frozen=True)
class Options:
    """What a recipe says of all crystals; as the arguments of `generate`."""

    model: str = "materials"
    steps: int = 50
    sampler: str = "dpmpp_2m"
    guidance: float = 1.0
    balance: bool = True
    symmetrised: bool = False
    watermark: bool = True


@dataclass(frozen=True)
class Conditions:
    """What one crystal should be; as the arguments of `generate`."""

    elements: str | None = None
    contains: str | None = None
    exclude: str | None = None
    atoms: str | None = None
    spacegroup: int | None = None
    crystal_system: str | None = None
    property: tuple[str, ...] = ()
    free: bool = False


@dataclass(frozen=True)
class Several:
    """What crystals of several conditions are asked to be, so that they can be drawn together; in place of one asked.Asked."""

    each: dict

    @property
    def groups(self) -> bool:
        """Whether some may have to be drawn again."""
        return any(a.groups for a in self.each.values())

    def of(self, index: int):
        """What sample `index` is asked to be."""
        return self.each[index]


def factory() -> Factory:
    """How crystals are made."""
    from difusa.shared.passport import WHOLLY

    facts = {
        "formula": ("reduced formula", "fórmula reduzida"),
        "elements": ("its elements", "seus elementos"),
        "atoms": ("atoms in the primitive cell", "átomos na célula primitiva"),
        "volume": ("of the cell, angstrom^3", "da célula, angstrom^3"),
        "spacegroup": ("by spglib at 0.01 angstrom", "pelo spglib, a 0,01 angstrom"),
        "spacegroup_loose": ("by spglib at 0.1 angstrom", "pelo spglib, a 0,1 angstrom"),
        "shortest_distance": ("between two atoms, angstrom", "entre dois átomos, angstrom"),
        "charge_balanced": ("whether smact finds charges that cancel", "se o smact encontra cargas que se anulam"),
        "lent": ("space group it was drawn in; 0: none", "grupo espacial em que foi sorteado; 0: nenhum"),
    }
    files = {
        "cif": ("CIF: cell, places, symmetry, tags, a stamp", "CIF: célula, posições, simetria, campos, um selo"),
        "extxyz": ("the same crystal as extended XYZ", "o mesmo cristal em XYZ estendido"),
    }
    named = ("spacegroup", "spacegroup_loose", "lent")
    return Factory(Options, Conditions, ready, BATCH, files, facts, tuple(files), WHOLLY, named)


def ready(options: Options, asked: Sequence[Conditions], seed: int) -> Maker:
    """Raises ValueError or FileNotFoundError for models that are missing and conditions that no crystal can meet."""
    from difusa.domains.materials.asked import ask
    from difusa.domains.materials.sampling import Plan
    from difusa.domains.materials.templates import read
    from difusa.domains.materials.verbs import Ready
    from difusa.domains.models import find
    from difusa.shared.passport import named
    from difusa.shared.run import Run
    from difusa.shared.watermark.issued import keyed_plan

    if options.guidance != 1 and not any(w.property for w in asked):
        raise ValueError(f"make.guidance = {options.guidance}: nothing is guided without a property; leave it at 1")
    found = find(options.model, domain="materials")
    if found.meta.get("trains") != "crystal":
        raise ValueError(f"model {found.name!r} is of the kind {found.meta.get('trains')!r}, needed is 'crystal'")
    plan = Plan(options.steps, options.sampler, seed, options.guidance, options.balance)
    plan, mark = keyed_plan(plan, options.watermark)
    use = Ready(Path(), plan, found, *read(found.folder))

    @cache
    def limits(wish: Conditions):
        return ask(use.templates, use.wishes, **asdict(wish))

    @cache
    def network():
        return found.load("cpu")

    def make(rows: Sequence[Row]) -> list[Sample]:
        from difusa.domains.materials.guide import attach
        from difusa.domains.materials.task import drawn

        made = {}
        for heard in dict.fromkeys(bool(r.conditions.property) for r in rows):
            asked = {r.stream: limits(r.conditions) for r in rows if bool(r.conditions.property) == heard}
            crystals, _ = drawn(network(), Several(asked), use, list(asked), Run("batch"))
            made |= dict(zip(asked, crystals, strict=True))
        for wish in dict.fromkeys(r.conditions for r in rows if r.conditions.property):
            own, limit = [r.stream for r in rows if r.conditions == wish], limits(wish)
            made |= zip(own, attach([made[k] for k in own], limit.targets, limit.wishes, "cpu")[0], strict=True)
        return [sample(made[r.stream], options.symmetrised, mark) for r in rows]

    for wish in asked:
        limits(wish)
    return Maker(make, (named(found), *_guides(any(w.property for w in asked))), plan=repr(plan))


def _guides(told: bool) -> tuple[dict, ...]:
    """The model that predicts the properties asked for, where there are any."""
    from difusa.domains.materials.guide import NAME
    from difusa.domains.models import find
    from difusa.shared.passport import named

    return (named(find(NAME, domain="materials")),) if told else ()


def sample(crystal, symmetrised: bool, mark: dict | None) -> Sample:
    """The crystal's files, and what the index tells of it; its class is its crystal system; mark: of its noise."""
    from difusa.domains.materials.asked import SYSTEMS
    from difusa.domains.materials.elements import SYMBOLS
    from difusa.domains.materials.export import cif, conventional, extxyz, plain

    tags = crystal.tags
    listed = conventional(crystal) if symmetrised else plain(crystal)
    files = {"cif": cif(listed, tags, "crystal").encode(), "extxyz": extxyz(listed, tags).encode()}
    system = next((n for n, (low, high) in SYSTEMS.items() if low <= tags["spacegroup"] <= high), "none")
    kinds = ",".join(sorted({SYMBOLS[int(n)] for n in crystal.numbers}))
    told = {k: v for k, v in tags.items() if k not in ("seed", "index", "model", "broken", "template")}
    facts = told | {"elements": kinds, "atoms": len(crystal), "volume": round(crystal.volume, 4)}
    return Sample(files, system, facts, tags.get("broken", ""), dict.fromkeys(files, mark) if mark else {})
