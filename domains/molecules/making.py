"""Molecules for data sets: one SDF a sample, drawn as `difusa molecules generate` draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from difusa.shared.factory import Factory, Maker, Row, Sample

BATCH = 250  # rows a call: those of one size are run together
TAGS = ("SMILES", "INCHIKEY", "FRAGMENTS")


@dataclass(frozen=True)
class Options:
    """What a recipe says of all molecules; as the arguments of `generate`."""

    model: str = "qm9"
    hydrogens: str | None = None
    guide: str | None = None
    steps: int = 50
    sampler: str | None = None
    guidance: float = 1.0
    steering: float = 1.0
    temperature: float = 1.0
    mend: bool = False
    watermark: bool = True


@dataclass(frozen=True)
class Conditions:
    """What one molecule should be; as the arguments of `generate`."""

    formula: str | None = None
    atoms: int | None = None
    elements: str | None = None
    property: tuple[str, ...] = ()


@dataclass(frozen=True)
class SizesOf:
    """Sizes of samples that differ in nothing else, by their streams, so that they are drawn together; as one sizes.Sizes."""

    elements: tuple[int, ...]
    each: dict

    def draw(self, seed: int, indices: Sequence[int]) -> np.ndarray:
        """Heavy atoms and hydrogens of each sample [len(indices), 2]."""
        return np.concatenate([self.each[i].draw(seed, [i]) for i in indices])


def alike(wish: Conditions) -> Conditions:
    """The same for molecules that one run of the network can draw: where no property is asked for, sizes may differ."""
    return wish if wish.property or wish.atoms is None else replace(wish, atoms=1)


def factory() -> Factory:
    """How molecules are made."""
    from difusa.shared.passport import WHOLLY

    facts = {
        "smiles": ("canonical SMILES by RDKit, without stereo", "SMILES canônico do RDKit, sem estereoquímica"),
        "inchikey": ("InChIKey", "InChIKey"),
        "formula": ("atoms by element, in Hill's order", "átomos por elemento, na ordem de Hill"),
        "atoms": ("atoms, hydrogens counted", "átomos, incluídos os hidrogênios"),
        "heavy_atoms": ("atoms besides hydrogen", "átomos que não são hidrogênio"),
        "charge": ("total formal charge", "carga formal total"),
        "fragments": ("pieces that are not bonded to one another", "partes sem ligação entre si"),
    }
    files = {
        "sdf": (
            "SDF V3000: atoms, places (angstrom), bonds, tags, a stamp",
            "SDF V3000: átomos, posições (angstrom), ligações, campos, um selo",
        )
    }
    return Factory(Options, Conditions, ready, BATCH, files, facts, ("sdf",), WHOLLY)


def ready(options: Options, asked: Sequence[Conditions], seed: int) -> Maker:
    """Raises ValueError or FileNotFoundError for models that are missing and conditions that no molecule can meet."""
    from difusa.domains.molecules.aims import hearing
    from difusa.domains.molecules.marks import VERB
    from difusa.domains.molecules.plan import of_model
    from difusa.domains.molecules.verbs import Ready, pair
    from difusa.shared.passport import named
    from difusa.shared.watermark.issued import keyed_plan

    walk = {"steps": options.steps, "seed": seed, "sampler": options.sampler, "guidance": options.guidance}
    walk |= {"temperature": options.temperature, "mend": options.mend}

    @cache
    def use(heard: bool) -> Ready:
        found = pair(hearing(options.model) if heard else options.model, options.hydrogens)
        return Ready(Path(), keyed_plan(of_model(found[0].meta, **walk), options.watermark)[0], *found)

    @cache
    def networks(heard: bool) -> tuple:
        return use(heard).networks("cpu")

    @cache
    def limits(wish: Conditions):
        return limited(use(bool(wish.property)), wish)

    @cache
    def tools(wish: Conditions):
        heard = bool(wish.property)
        return equipped(options, use(heard), networks(heard), *limits(wish))

    def make(rows: Sequence[Row]) -> list[Sample]:
        from difusa.domains.molecules.drawing import draw

        found: dict[int, Sample] = {}
        for kind in dict.fromkeys(alike(r.conditions) for r in rows):
            same = [r for r in rows if alike(r.conditions) == kind]
            streams, tool = [r.stream for r in same], tools(same[0].conditions)
            if not kind.property:
                each = {r.stream: limits(r.conditions)[0].sizes for r in same}
                tool = replace(tool, asked=replace(tool.asked, sizes=SizesOf(tool.asked.sizes.elements, each)))
            found |= {k: sample(m, mark) for k, m in zip(streams, draw(tool, streams), strict=True)}
        return [found[r.stream] for r in rows]

    if options.guidance != 1 and not any(w.property for w in asked):
        raise ValueError(f"make.guidance = {options.guidance}: nothing is guided without a property; leave it at 1")
    for wish in asked:
        limits(wish)
    mark = keyed_plan(use(bool(asked[0].property)).plan, options.watermark)[1]
    kits = [use(heard) for heard in dict.fromkeys(bool(w.property) for w in asked)]
    models = [named(m) for kit in kits for m in (kit.model, kit.placer)]
    teller = guides(options, kits[0], limits(asked[0])[1])[1]
    models += [teller] if "sha256" in teller else []
    known = tuple({m["sha256"]: m for m in models}.values())
    return Maker(make, known, plan=repr(kits[0].plan), issues=VERB if mark else "")


def limited(use, wish: Conditions) -> tuple:
    """What is asked of a draw, and the aims of its properties. Raises ValueError for what no draw can obey."""
    from difusa.domains.molecules.aims import aims
    from difusa.domains.molecules.asked import ask

    aim = aims(use.model.folder, wish.property)
    asked = replace(ask(use.sizes, wish.formula, wish.atoms, wish.elements), wishes=aim.wishes, targets=aim.targets)
    asked.chosen  # noqa: B018  raises where no training molecule is near what is asked for
    return asked, aim


def guides(options: Options, use, aim) -> tuple:
    """The guide, or None, and what is said of it."""
    from difusa.domains.molecules.aims import guide_of

    return guide_of(use.model, use.sizes.elements, options.guide, aim, "cpu")


def equipped(options: Options, use, networks: tuple, asked, aim):
    """drawing.Tools for one kind of molecule."""
    from difusa.domains.molecules.aims import helm_of
    from difusa.domains.molecules.drawing import Tools

    teller, _ = guides(options, use, aim)
    helm = helm_of(teller, aim)
    plan = replace(use.plan, steering=options.steering if helm else 0.0)
    return Tools(*networks, plan, asked, use.tags(), guide=teller, helm=helm)


def sample(molecule, mark: dict | None) -> Sample:
    """The molecule's file, and what the index tells of it; its class is the set of its elements; mark: of its noise."""
    from difusa.domains.molecules.chemistry import SYMBOLS
    from difusa.domains.molecules.export import block_of, counts, described

    kinds = ",".join(sorted({SYMBOLS[int(n)] for n in molecule.numbers}))
    try:
        mol, tags = described(molecule)
    except ValueError as why:  # bonds that cannot even be drawn
        return Sample({}, kinds, reason=str(why))
    known = molecule.tags
    facts = counts(molecule) | {k.lower(): tags[k] for k in TAGS}
    facts |= {k.lower(): float(v) for k, v in known.items() if isinstance(v, float)}  # what the guide predicts
    reason = known["REASON"] or ("" if known["FRAGMENTS"] == 1 else "in several pieces")
    # RDKit takes them for whole, but no training molecule has any: they come where fewer hydrogens are asked than bonds leave
    reason = reason or ("unpaired electrons" if any(a.GetNumRadicalElectrons() for a in mol.GetAtoms()) else "")
    return Sample({"sdf": block_of(mol, tags).encode()}, kinds, facts, reason, {"sdf": mark} if mark else {})
