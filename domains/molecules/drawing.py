"""From random streams to whole molecules with their tags, and the choice of which draws to keep."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from difusa.domains.molecules.asked import Asked
from difusa.domains.molecules.completing import grown
from difusa.domains.molecules.fragments import Fragment, ends
from difusa.domains.molecules.guide import Guide
from difusa.domains.molecules.molecule import Molecule, Skeleton, assemble
from difusa.domains.molecules.plan import HYDROGEN_SHARE, Plan
from difusa.domains.molecules.report import Row, verdict
from difusa.domains.molecules.sampling import decoded, hydrogens, skeletons
from difusa.domains.molecules.steering import Helm
from difusa.domains.molecules.wishes import TAGS
from difusa.shared.run import Counted
from difusa.shared.run import Counter as Evaluations

PATIENCE = 1000  # draws in a row without a valid one, after which nobody should wait any longer
NOT_FINITE = "the network gave a position that is not finite; it is written as 0"


@dataclass(frozen=True)
class Tools:
    """What molecules are drawn with. skeleton, places: the two networks; tags: written on every molecule.

    fragment: every molecule begins with it; its atoms that grew are told by the tag ATTACHED. look: shown the estimates of
    the first skeleton as it forms, one call an evaluation. guide: tells the properties of each molecule; helm: pulls towards
    what is asked for.
    """

    skeleton: object
    places: object
    plan: Plan
    asked: Asked
    tags: dict
    fragment: Fragment | None = None
    look: Callable[[Skeleton], None] | None = None
    guide: Guide | None = None
    helm: Helm | None = None
    evaluations: tuple[list[Evaluations], list[Evaluations]] = field(default_factory=lambda: ([], []))

    def watch(self, stage: int) -> Callable:
        """Counts the evaluations of every trajectory of a stage: 0 skeletons, 1 hydrogens."""

        def wrap(denoise):
            self.evaluations[stage].append(Evaluations())
            first = stage == 0 and len(self.evaluations[stage]) == 1
            seen = self._looked_at(denoise) if first and self.look else denoise
            return Counted(seen, self.evaluations[stage][-1])

        return wrap

    def _looked_at(self, denoise: Callable) -> Callable:
        def estimate(x, sigma):
            clean = denoise(x, sigma)
            one = {name: value[0].cpu() for name, value in clean.items()}
            classes = one["elements"].argmax(-1).numpy()
            self.look(decoded(one, classes, None, self.skeleton.scale, self.asked.sizes.elements))
            return clean

        return estimate

    @property
    def evaluations_a_sample(self) -> int:
        most = [max((c.evaluations for c in stage), default=0) for stage in self.evaluations]
        return (self.plan.cost(most[0]) if most[0] else 0) + most[1]


def draw(tools: Tools, indices: Sequence[int], ran: Callable[[float], None] | None = None) -> list[Molecule]:
    """One molecule for the random stream of each index, judged and tagged; ran(molecules' worth of work done)."""
    asked, plan = tools.asked, tools.plan
    elements, shares = asked.sizes.elements, (1 - 1 / HYDROGEN_SHARE, 1 / HYDROGEN_SHARE)
    told = [(lambda n, s=s: ran(n * s)) if ran else None for s in shares]
    pairs, wish = asked.draw(plan.seed, indices)
    makes = partial(grown, tools.skeleton, tools.fragment) if tools.fragment else partial(skeletons, tools.skeleton)
    if wish is not None:
        makes = partial(makes, wish=asked.wishes.standard(wish))
        makes = makes if tools.fragment else partial(makes, helm=tools.helm)
    bare = makes(
        pairs[:, 0].tolist(), plan, indices, elements=elements, allowed=asked.allowed, formula=asked.formula,
        carried=pairs[:, 1].tolist() if asked.exact else None, watch=tools.watch(0), ran=told[0],
    )  # fmt: skip
    places = hydrogens(tools.places, bare, plan, indices, elements=elements, watch=tools.watch(1), ran=told[1])
    own = [{"INDEX": int(i)} | ({"MENDED": s.mended} if plan.mend else {}) for s, i in zip(bare, indices, strict=True)]
    found = [judged(s, p, tools.tags | more) for s, p, more in zip(bare, places, own, strict=True)]
    if wish is not None:
        found = [replace(m, tags=m.tags | wished(asked, row)) for m, row in zip(found, wish, strict=True)]
    if tools.guide:
        told = tools.guide.tags(bare, [m.tags["VALID"] for m in found])
        found = [
            replace(m, tags=m.tags | {"GUIDE": tools.guide.sha256} | tags) for m, tags in zip(found, told, strict=True)
        ]
    if tools.fragment:
        found = [replace(m, tags=m.tags | {"ATTACHED": ends(tools.fragment, m)}) for m in found]
    return found


def wished(asked: Asked, wish: np.ndarray) -> dict[str, float]:
    """The tags of what one molecule was asked to have."""
    named = zip(asked.wishes.names, wish, strict=True)
    return {f"WISH_{TAGS.get(name, name.upper())}": round(float(v), 4) for name, v in named if not np.isnan(v)}


def judged(bare: Skeleton, places: np.ndarray, tags: dict) -> Molecule:
    """The molecule with the tags VALID, FRAGMENTS and REASON, as report.verdict finds them; broken ones too."""
    molecule = assemble(bare, places)
    if not np.isfinite(molecule.positions).all():
        molecule = replace(molecule, positions=np.nan_to_num(molecule.positions, nan=0.0, posinf=0.0, neginf=0.0))
        return replace(molecule, tags=tags | {"VALID": False, "FRAGMENTS": 0, "REASON": NOT_FINITE})
    found = verdict(Row(molecule))
    told = {"VALID": bool(found.smiles), "FRAGMENTS": found.fragments, "REASON": found.reason}
    return replace(molecule, smiles=found.smiles, tags=tags | told)


@dataclass
class Drawn:
    """Draws so far, in the order of their indices. kept: those that go to the file; the rest counts all that were drawn.

    barren: draws since the last that was kept. mended: those that were changed so that they can be written.
    """

    kept: list[Molecule] = field(default_factory=list)
    valid: list[bool] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    barren: int = 0
    mended: int = 0

    def add(self, molecule: Molecule, valid_only: bool) -> None:
        tags = molecule.tags
        self.valid.append(tags["VALID"])
        self.mended += tags.get("MENDED", 0) > 0
        self.whole.append(tags["VALID"] and tags["FRAGMENTS"] == 1)
        if tags["REASON"] or tags["FRAGMENTS"] > 1:
            self.reasons[kind(tags["REASON"]) or "valid, but in several pieces"] += 1
        keep = self.whole[-1] or not valid_only
        self.barren = 0 if keep else self.barren + 1
        if keep:
            self.kept.append(molecule)


def collect(drawn: Drawn, draws: Callable[[range], list[Molecule]], count: int, batch: int, valid_only: bool) -> None:
    """Adds draws 0, 1, 2, ... to `drawn` until `count` are kept, or PATIENCE in a row were not; the same for any batch."""
    for indices in chunks(drawn, count, batch):
        for molecule in draws(indices):
            drawn.add(molecule, valid_only)
            if len(drawn.kept) == count or drawn.barren >= PATIENCE:
                return


def chunks(drawn: Drawn, count: int, batch: int) -> Iterator[range]:
    """Ranges of indices, at most `batch` long: as many as may be needed, seeing what share was kept so far."""
    first = 0
    while True:
        rate = (len(drawn.kept) + 1) / (len(drawn.valid) + 1)
        size = min(batch, int(np.ceil((count - len(drawn.kept)) / rate)))
        yield range(first, first + size)
        first += size


def kind(reason: str) -> str:
    """A reason without the numbers of its atoms, so that equal ones count together."""
    return re.sub(r"\d+( \d+)*", "_", reason)
