"""What a crystal may be asked to have: ranges of its formation energy, energy above the hull and band gap."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DROPPED = 0.4  # share of the training examples that are told nothing
FEW = 50  # templates from which a range is drawn as it is
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
UNITS = {"formation_energy": "eV/atom", "e_above_hull": "eV/atom", "band_gap": "eV"}


@dataclass(frozen=True)
class Wishes:
    """What a model can be asked for: names [P], with mean, std, low and high [P] of the training data in their units."""

    names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def standard(self, values: np.ndarray) -> np.ndarray:
        """Values [..., P] as the network is told them; what is not a number stays so."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def told(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The wish [P] of a training example: nothing for DROPPED of them, else each known property or not, evenly."""
        kept = (rng.random(len(values)) < 0.5) & (rng.random() >= DROPPED)
        return np.where(kept, self.standard(values), np.nan).astype(np.float32)

    def parse(self, texts: Sequence[str]) -> tuple["Target", ...]:
        """`band_gap=1..2`, `formation_energy=..-1`, `e_above_hull=0`. Raises ValueError, with the way out, for what none has."""
        found = tuple(self._target(text) for text in texts)
        names = [t.name for t in found]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"--property {twice[0]} is told twice: say one range for it")
        return found

    def _target(self, text: str) -> "Target":
        name, _, said = (part.strip() for part in text.partition("="))
        there = ", ".join(f"{n} ({UNITS[n]})" if n in UNITS else n for n in self.names)
        if name not in self.names:
            near = difflib.get_close_matches(name.lower(), self.names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"--property {text}: no property {name!r}; {hint}There are {there}")
        parts = re.fullmatch(rf"({NUMBER})?\s*(\.\.)?\s*({NUMBER})?", re.sub(r"\.\.", " .. ", said))
        if not parts or not (parts[1] or parts[3]) or (not parts[2] and parts[3]):
            raise ValueError(f"--property {text}: write {name}=1..2, {name}=..2, {name}=1.. or {name}=1")
        low = float(parts[1]) if parts[1] else -np.inf
        high = low if not parts[2] else float(parts[3]) if parts[3] else np.inf
        at = self.names.index(name)
        if low > high:
            raise ValueError(f"--property {text}: the range ends before it begins; write {name}={parts[3]}..{parts[1]}")
        if high < self.low[at] or low > self.high[at]:
            raise ValueError(
                f"--property {text}: the training data lies between {self.low[at]:.4g} and {self.high[at]:.4g} "
                f"{UNITS.get(name, '')}; ask for a range that meets it"
            )
        return Target(name, low, high)


def of_rows(names: tuple[str, ...], values: np.ndarray) -> Wishes:
    """What training crystals say: values [n, P], not a number where unknown."""
    figures = (f(values.astype(float), axis=0) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax))
    return Wishes(tuple(names), *figures)


@dataclass(frozen=True)
class Target:
    """One property, between low and high in its unit; equal ones are a single value, infinite ones an open end."""

    name: str
    low: float
    high: float

    @property
    def text(self) -> str:
        """As the command line takes it."""
        low, high = (f"{v:g}" if np.isfinite(v) else "" for v in (self.low, self.high))
        return f"{self.name}={low}" if self.low == self.high else f"{self.name}={low}..{high}"


def nearest(wishes: Wishes, targets: Sequence[Target], values: np.ndarray) -> tuple[np.ndarray, str]:
    """Which rows of values [n, P] lie in all targets, and a note for the user: of fewer than FEW, the nearest FEW.

    Near: Euclidean, each property in its own standard deviations; unknown values are never near. Raises ValueError where no
    row knows the properties.
    """
    columns = [wishes.names.index(t.name) for t in targets]
    low, high = np.array([[t.low for t in targets], [t.high for t in targets]])
    seen = values[:, columns].astype(float)
    away = (((seen - seen.clip(low, high)) / wishes.std[columns]) ** 2).sum(1) ** 0.5
    known = np.flatnonzero(np.isfinite(away))
    if not len(known):
        raise ValueError(
            f"no template that is left knows {' and '.join(t.name for t in targets)}: ask for less beside it"
        )
    meet = known[away[known] == 0]
    if len(meet) >= FEW:
        return meet, ""
    close = known[np.argsort(away[known], kind="stable")[:FEW]]
    what = " and ".join(t.text for t in targets)
    return close, (
        f"{len(meet)} of the {len(known)} templates that are at hand have lenders with {what}; the {len(close)} nearest, at most "
        f"{away[close].max():.2g} standard deviations away, are lent: expect less"
    )
