"""What a sample may be asked to have, as the command line says it: ranges of named numbers."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"


EXACT = 0.1  # a single value counts as met this many standard deviations of the training data to either side


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

    def window(self, std: float) -> tuple[float, float]:
        """Between which values it counts as met: a single value has a width of its own, EXACT standard deviations."""
        wide = EXACT * std if self.low == self.high else 0.0
        return self.low - wide, self.high + wide


def parse(
    texts: Sequence[str], names: Sequence[str], low: Sequence[float], high: Sequence[float], units: Mapping[str, str]
) -> tuple[Target, ...]:
    """`gap=6..8`, `mu=..1.5`, `homo=-7..`, `gap=7`, of the properties `names`, whose data lies between low and high [P].

    Raises ValueError, with the way out, for what cannot be read, is told twice, or no sample of the data comes near.
    """
    found = tuple(_target(text, names, low, high, units) for text in texts)
    told = [t.name for t in found]
    if twice := [name for name in told if told.count(name) > 1]:
        raise ValueError(f"--property {twice[0]} is told twice: say one range for it")
    return found


def _target(text: str, names, low, high, units) -> Target:
    name, _, said = (part.strip() for part in text.partition("="))
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        there = ", ".join(f"{n} ({units[n]})" if n in units else n for n in names)
        raise ValueError(f"--property {text}: no property {name!r}; {hint}There are {there}")
    parts = re.fullmatch(rf"({NUMBER})?\s*(\.\.)?\s*({NUMBER})?", said)
    if not parts or not (parts[1] or parts[3]) or (not parts[2] and parts[3]):
        raise ValueError(f"--property {text}: write {name}=6..8, {name}=..8, {name}=6.. or {name}=7")
    first = float(parts[1]) if parts[1] else -np.inf
    last = first if not parts[2] else float(parts[3]) if parts[3] else np.inf
    at = list(names).index(name)
    if first > last:
        raise ValueError(f"--property {text}: the range ends before it begins; write {name}={parts[3]}..{parts[1]}")
    if last < low[at] or first > high[at]:
        raise ValueError(
            f"--property {text}: the training data lies between {low[at]:.4g} and {high[at]:.4g} "
            f"{units.get(name, '')}; ask for a range that meets it"
        )
    return Target(name, first, last)
