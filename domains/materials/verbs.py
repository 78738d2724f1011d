"""What the verbs that draw crystals share: the model with its templates, and the folder they write."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.sampling import Plan
from difusa.domains.materials.templates import Templates
from difusa.domains.materials.wishes import Wishes

REPORT = "report.json"


@dataclass(frozen=True)
class Ready:
    """What a verb draws with, checked before any work: the folder to write, how, and the model with what it was lent."""

    out: Path
    plan: Plan
    model: object
    templates: Templates
    wishes: Wishes

    def tags(self, index: int) -> dict:
        """What every crystal of the run carries."""
        return {"seed": self.plan.seed, "index": index, "model": self.model.sha256}

    def lent(self, row: int) -> dict:
        """The tag that the mark of a crystal is read by; row: of its template, -1 for none."""
        return {} if self.plan.noise is None else {"template": row if row >= 0 else "free"}

    def sign(self, verb: str, count: int, mark: dict | None = None) -> None:
        """The passport of the folder, and the stamps of its crystals; mark: {"key", "scheme"} of their watermark."""
        from difusa.shared.passport import Facts, attach, named

        facts = Facts(
            verb, (named(self.model),), repr(self.plan), self.plan.seed, audits={"count": count}, watermark=mark
        )
        attach(self.out, facts)


def ready(out: Path, count: int, batch: int, threads: int | None, model: str, **plan) -> Ready:
    """The options that all these verbs have, checked; plan: fields of sampling.Plan. Raises ValueError or OSError."""
    from difusa.domains.materials.templates import read
    from difusa.domains.models import find
    from difusa.shared.run import set_threads

    out = Path(out)
    if count < 1 or batch < 1:
        raise ValueError(f"--count {count} --batch {batch}: at least 1 each")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.glob("*.cif")):
        raise ValueError(f"--out {out} holds crystals already: name another folder, or empty it")
    planned = Plan(**plan)
    found = find(model, domain="materials")
    if found.meta.get("trains") != "crystal":
        raise ValueError(f"model {found.name!r} is of the kind {found.meta.get('trains')!r}, needed is 'crystal'")
    set_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(f"--out {out}: nothing may be written there")
    return Ready(out, planned, found, *read(found.folder))


def write(crystals: Sequence[Crystal], out: Path, symmetrised: bool) -> None:
    """The crystals, if there are any."""
    from difusa.domains.materials.export import save

    if crystals:
        save(crystals, out, symmetrised)


def rescue(crystals: Sequence[Crystal], out: Path, symmetrised: bool) -> None:
    """What was finished before the run ended early is written too."""
    if crystals:
        write(crystals, out, symmetrised)
        print(f"stopped: the {len(crystals)} crystals that were finished are in {out}", file=sys.stderr)
