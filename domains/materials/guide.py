"""The guide: what the properties of a crystal probably are, between which bounds, and how probably it has what was asked for.

The bounds are conformal (shared/conformal.py): kept by held-out crystals; for drawn ones an assumption, which the bench tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.wishes import Wishes
from difusa.shared import conformal
from difusa.shared.conformal import Calibration
from difusa.shared.targets import Target

NAME = "materials-guide"
LEAST = {"band_gap": 0.0}  # properties that have a lower end


@dataclass(frozen=True)
class Guide:
    """A regressor with its calibration; windows: property -> between which values it counts as met; sha256: of the weights."""

    network: object
    calibration: Calibration
    windows: dict[str, tuple[float, float]]
    sha256: str = ""

    def tags(self, crystals: Sequence[Crystal]) -> list[dict]:
        """Tags of each crystal: predicted_NAME with _low and _high of every property, p_NAME of every window and p_all.

        A broken crystal (tag `broken`) meets nothing, and is told no property."""
        from difusa.domains.materials.readings import predict

        asked = [f"p_{name}" for name in self.windows] + (["p_all"] if self.windows else [])
        found = [dict.fromkeys(asked, 0.0) for _ in crystals]
        rows = [k for k, c in enumerate(crystals) if "broken" not in c.tags]
        names = self.network.names
        mean, std = predict(self.network, [crystals[k] for k in rows])
        least = np.array([LEAST.get(name, -np.inf) for name in names])
        ends = [np.maximum(v, least) for v in (mean, *self.calibration.interval(mean, std))]
        windows = {names.index(name): window for name, window in self.windows.items()}
        each, both = self.calibration.probability(mean, std, windows)
        for row, k in enumerate(rows):
            for column, name in enumerate(names):
                for end, value in zip(("", "_low", "_high"), ends):
                    found[k][f"predicted_{name}{end}"] = round(float(value[row, column]), 4)
            if self.windows:
                found[k] |= {tag: round(float(p), 4) for tag, p in zip(asked, [*each[row], both[row]], strict=True)}
        return found


def guide(targets: Sequence[Target], wishes: Wishes, name: str | Path = NAME, device: str = "cpu") -> Guide:
    """The guide for these targets; what it cannot tell (e_above_hull) has no window.

    Raises FileNotFoundError where there is no such model, ValueError where it is not calibrated."""
    from difusa.domains.models import find

    found = find(name, domain="materials")
    if found.meta["trains"] != "regressor":
        raise ValueError(f"model {found.name!r} is of the kind {found.meta['trains']!r}, needed is 'regressor'")
    calibration, network = conformal.load(found.folder, found.sha256, "materials"), found.load(device)
    spread = dict(zip(wishes.names, wishes.std.tolist()))
    known = {t.name: t.window(spread[t.name]) for t in targets if t.name in network.names}
    return Guide(network, calibration, known, found.sha256)


def attach(
    crystals: Sequence[Crystal], targets: Sequence[Target], wishes: Wishes, device: str = "cpu"
) -> tuple[list[Crystal], dict]:
    """The crystals with the tags of the shipped guide, and what a report says of it: name, hash, between which values a property
    counts as met, mean probabilities; or why there is no guide, and the crystals as they were."""
    try:
        found = guide(targets, wishes, device=device)
    except (FileNotFoundError, ValueError) as why:
        return list(crystals), {"missing": str(why)}
    made = told(crystals, found)
    names = [k for k in (made[0].tags if made else {}) if k.startswith("p_")]
    means = {k: round(float(np.mean([c.tags[k] for c in made])), 4) for k in names}
    about = {"name": NAME, "sha256": found.sha256, "met_between": found.windows, "mean_probability": means}
    return made, about


def told(crystals: Sequence[Crystal], guide: Guide) -> list[Crystal]:
    """The crystals with the guide's tags."""
    return [
        Crystal(c.cell, c.numbers, c.frac, c.tags | own) for c, own in zip(crystals, guide.tags(crystals), strict=True)
    ]
