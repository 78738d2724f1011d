"""What `generate` does with properties that are asked for: the model that hears them, the guide that tells them, the order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Molecule
from difusa.domains.molecules.wishes import Wishes
from difusa.shared.targets import Target

SISTER = "-property"  # ending of the name of the model that hears properties


@dataclass(frozen=True)
class Aims:
    """What is asked of every molecule, out of what the model can hear; targets is empty where nothing is."""

    wishes: Wishes | None = None
    targets: tuple[Target, ...] = ()

    def spread(self) -> dict[str, float]:
        """Standard deviation of each property in the training data."""
        return {} if self.wishes is None else dict(zip(self.wishes.names, self.wishes.std.tolist(), strict=True))


def family(name: str) -> str:
    """The name that the models of one family begin with: qm9 of qm9-property."""
    return name.removesuffix(SISTER)


def hearing(model: str) -> str:
    """The model itself if it hears properties, else its sister MODEL-property. ValueError where there is none."""
    from difusa.domains.models import find
    from difusa.domains.molecules import wishes
    from difusa.domains.molecules.verbs import trained

    found = trained(model, "skeleton")
    if wishes.read(found.folder) is not None:
        return model
    sister = f"{found.name}{SISTER}"
    try:
        return str(find(sister, domain="molecules").folder)
    except FileNotFoundError as why:
        raise ValueError(
            f"--property: model {found.name!r} was trained without properties, and there is no {sister!r}; name another by "
            f"--model, or train it: difusa train {sister}"
        ) from why


def aims(folder: Path, texts: Sequence[str]) -> Aims:
    """What the texts ask of the model in a folder. Raises ValueError as wishes.Wishes.parse."""
    from difusa.domains.molecules import wishes

    known = wishes.read(folder)
    return Aims(known, known.parse(texts)) if known and texts else Aims(known)


def guide_of(model, elements: tuple[int, ...], named: str | None, aim: Aims, device: str):
    """The guide, and what the report says of it: its name and hash, or why there is none.

    named: by the user, else the one of the model's family. Raises ValueError or FileNotFoundError for a named one that
    cannot be used.
    """
    from difusa.domains.molecules import guide, sizes
    from difusa.domains.molecules.verbs import trained

    try:
        found = trained(named or model.meta.get("guide") or f"{family(model.name)}-guide", "regressor")
        calibration = guide.load(found.folder, found.sha256)
        if sizes.read(found.folder).elements != elements:
            raise ValueError(f"guide {found.name!r} and model {model.name!r} know different elements")
        network = found.load(device)
        if lost := [t.name for t in aim.targets if t.name not in network.names]:
            raise ValueError(f"guide {found.name!r} does not tell {lost[0]!r}")
    except (FileNotFoundError, ValueError) as why:
        if named:
            raise
        return None, {"missing": str(why)}
    used = guide.Guide(network, elements, calibration, aim.targets, aim.spread(), found.sha256)
    return used, {"name": found.name, "sha256": found.sha256}


def helm_of(teller, aim: Aims):
    """What the guide steers by, or None where there is no guide or nothing is asked for."""
    from difusa.domains.molecules.steering import Helm

    if teller is None or not aim.targets:
        return None
    return Helm(teller.network, aim.wishes.names, aim.wishes.mean.tolist(), aim.wishes.std.tolist())


def ordered(molecules: list[Molecule], asked: list[str]) -> list[Molecule]:
    """By Pareto front of the probabilities in the tags `asked` (without P_ALL), each with its FRONT; broken ones last."""
    from difusa.domains.molecules.ranking import ranked

    if not molecules:
        return []
    scores = np.array([[m.tags[tag] if m.tags["VALID"] else -1.0 for tag in asked] for m in molecules])
    _, front = ranked(scores)
    product = scores.clip(min=0).prod(1)
    order = np.lexsort([np.arange(len(front)), -product, front])
    return [replace(molecules[k], tags=molecules[k].tags | {"FRONT": int(front[k])}) for k in order]


def figures(molecules: list[Molecule], aim: Aims, guide) -> dict:
    """What the report says of the properties: what was asked, how wide a single value is, and the mean probabilities."""
    if not aim.targets:
        return {}
    tags = guide.asked if guide else []
    spread = aim.spread()
    windows = {t.name: t.window(spread[t.name]) for t in aim.targets}
    means = {tag: round(float(np.mean([m.tags[tag] for m in molecules])), 4) for tag in tags if molecules}
    return {"asked": [t.text for t in aim.targets], "met_between": windows, "mean_probability": means}
