"""What the verbs that draw molecules share: the file they write, and the two models they draw with."""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

WRITERS = {".sdf": "rdkit", ".parquet": "pyarrow", ".xyz": "ase", ".extxyz": "ase"}


@dataclass(frozen=True)
class Ready:
    """What a verb draws with, checked before any work.

    out: the file to write; plan: a plan.Plan; model, placer: the models of skeletons and of hydrogens, with the sizes
    each of them knows.
    """

    out: Path
    plan: object
    model: object
    placer: object
    sizes: object
    placer_sizes: object

    def networks(self, device: str) -> tuple:
        """The two networks."""
        return self.model.load(device), self.placer.load(device)

    def tags(self) -> dict:
        """What every molecule of the run carries."""
        return {"SEED": self.plan.seed, "MODEL": self.model.sha256, "HYDROGEN_MODEL": self.placer.sha256}

    def facts(self, verb: str, count: int, mark: dict | None = None, sources: tuple = (), **audits):
        """What the passport of `count` written molecules says; mark: {"key", "scheme"} of their watermark."""
        from difusa.shared.passport import Facts, named

        models = (named(self.model), named(self.placer))
        audits = {"count": count, **audits}
        return Facts(verb, models, repr(self.plan), self.plan.seed, sources=sources, audits=audits, watermark=mark)

    def record(self) -> dict:
        """What every report says of the plan and the second model; the first is among the common figures."""
        placer = {"name": self.placer.name, "sha256": self.placer.sha256}
        return {"out": self.out, "plan": repr(self.plan), "hydrogen_model": placer}


def ready(out: Path, count: int, batch: int, threads: int | None, model: str, hydrogens: str | None, **plan) -> Ready:
    """The options that all these verbs have, checked; plan: as plan.of_model takes it. Raises as check_out, Plan and pair."""
    from difusa.domains.molecules.plan import of_model
    from difusa.shared.run import set_threads

    out = check_out(out)
    if count < 1 or batch < 1:
        raise ValueError(f"--count {count} --batch {batch}: at least 1 each")
    of_model({}, **plan)  # what is wrong with it is told before a model is looked for
    set_threads(threads)
    found = pair(model, hydrogens)
    return Ready(out, of_model(found[0].meta, **plan), *found)


def check_out(out: Path) -> Path:
    """The output path, checked before any work: a format that can be written here, in a folder that can be written to."""
    from difusa.domains.molecules.export import check_target

    out = check_target(out)
    for package in ("rdkit", WRITERS[out.suffix]):
        import_module(package)
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder: name a file in it")
    out.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(out.parent, os.W_OK):
        raise PermissionError(f"--out {out}: nothing may be written to {out.parent}")
    return out


def pair(model: str, hydrogens: str | None):
    """The model that draws skeletons, the one that places their hydrogens, and the sizes of both.

    hydrogens: by default the one that belongs to the other. Raises FileNotFoundError or ValueError with the way out.
    """
    from difusa.domains.molecules.aims import family
    from difusa.domains.molecules.sizes import read

    found = trained(model, "skeleton")
    sizes = read(found.folder)
    try:
        placer = trained(hydrogens or found.meta.get("hydrogens") or f"{family(found.name)}-hydrogens", "hydrogens")
    except FileNotFoundError as why:
        raise FileNotFoundError(f"for the hydrogens: {why}; tell it by --hydrogens") from why
    whole = read(placer.folder)
    if whole.elements != sizes.elements:
        raise ValueError(
            f"models {found.name!r} and {placer.name!r} know different elements: name others by --hydrogens"
        )
    return found, placer, sizes, whole


def trained(name: str, kind: str):
    """The model, if it is of this kind."""
    from difusa.domains.models import find

    found = find(name, domain="molecules")
    if found.meta.get("trains") != kind:
        raise ValueError(f"model {found.name!r} is of the kind {found.meta.get('trains')!r}, needed is {kind!r}")
    return found


def write(molecules, out: Path, facts=None) -> None:
    """The molecules, if there are any; facts: of their passport, None leaves it out."""
    from difusa.domains.molecules.export import save
    from difusa.shared.passport import attach

    if molecules:
        save(molecules, out)
        if facts is not None:
            attach(out, facts)


def rescue(molecules, out: Path) -> None:
    """What was finished before the run ended early goes to a file of its own."""
    part = out.with_name(f"{out.stem}.part{out.suffix}")
    if molecules:
        write(molecules, part)
        print(f"stopped: the {len(molecules)} molecules that were finished are in {part}", file=sys.stderr)
