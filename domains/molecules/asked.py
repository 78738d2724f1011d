"""What the user asks of every draw: a formula, a number of atoms, a set of elements; refused with a reason if impossible."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from difusa.domains.molecules.chemistry import SYMBOLS
from difusa.domains.molecules.sizes import Sizes
from difusa.domains.molecules.wishes import Chosen, Wishes, choose
from difusa.shared.targets import Target

NUMBERS = {symbol: number for number, symbol in SYMBOLS.items()}
# Hydrogens that a heavy atom in a connected neutral molecule can add to the 2 at the ends of a chain: its highest usual
# valence - 2, but what is double-bonded oxygen on S and P leaves room that is counted here too: a bound, never too small.
ROOM = {6: 2, 7: 1, 8: 0, 9: -1, 15: 3, 16: 4, 17: -1, 35: -1, 53: -1}
ODD = (7, 9, 15, 17, 35, 53)  # elements of odd valence


@dataclass(frozen=True)
class Asked:
    """sizes: what (heavy atoms, hydrogens) may be drawn. allowed: heavy atomic numbers. formula: heavy atoms by number.

    exact: the hydrogens drawn from `sizes` are those of the molecule; otherwise the network decides how many there are.
    targets: properties that the network is asked for, out of its `wishes`.
    """

    sizes: Sizes
    allowed: tuple[int, ...]
    formula: dict[int, int] | None = None
    exact: bool = False
    wishes: Wishes | None = None
    targets: tuple[Target, ...] = ()

    @cached_property
    def chosen(self) -> Chosen | None:
        """The training molecules from which samples take their wishes and sizes, if anything is wished for."""
        return choose(self.wishes, self.targets, self.sizes) if self.targets else None

    def draw(self, seed: int, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Heavy atoms and hydrogens [k, 2] of each sample, and its wish [k, P] in the properties' units, or None."""
        if self.chosen is None:
            return self.sizes.draw(seed, indices), None
        wish, pairs = self.chosen.draw(seed, indices)
        return (self.sizes.draw(seed, indices) if pairs is None else pairs), wish


def ask(sizes: Sizes, formula: str | None = None, atoms: int | None = None, elements: str | None = None) -> Asked:
    """The three options of the command line together. Raises ValueError, with the way out, for what no draw can obey."""
    heavy = tuple(n for n in sizes.elements if n != 1)
    chosen = parse_elements(elements, sizes.elements) if elements is not None else (*heavy, 1)
    allowed = tuple(n for n in heavy if n in chosen)
    if not allowed:
        raise ValueError(f"--elements {elements}: name one besides H; this model draws {_names(heavy)}")
    if formula is not None:
        found = parse_formula(formula, sizes)
        if outside := [n for n in found if found[n] and n not in chosen]:
            raise ValueError(f"--formula {formula} holds {_names(outside)}, which --elements {elements} leaves out")
        if atoms is not None and atoms != sum(found.values()):
            raise ValueError(f"--formula {formula} has {sum(found.values())} atoms, --atoms says {atoms}: drop one")
        hydrogens = found.pop(1, 0)
        pair = np.array([[sum(found.values()), hydrogens]])
        return Asked(Sizes(sizes.elements, pair, np.array([1])), tuple(found), found, exact=True)
    keep = np.ones(len(sizes.pairs), bool)
    if 1 not in chosen:
        keep &= sizes.pairs[:, 1] == 0
        if not keep.any():
            raise ValueError(f"--elements {elements}: no molecule of the training data lacks hydrogen; add H")
    if atoms is not None:
        keep &= _of_size(sizes, atoms) & _possible(sizes, allowed)
        if not keep.any():
            raise ValueError(
                f"--atoms {atoms}: no size of the training data fits {_names((*allowed, *({1} & {*chosen})))}"
            )
    return Asked(sizes.where(keep), allowed, exact=atoms is not None or 1 not in chosen)


def parse_elements(text: str, known: tuple[int, ...]) -> tuple[int, ...]:
    """`C,H,O` -> atomic numbers. Raises ValueError for what is no element of the model."""
    symbols = [s for s in re.split(r"[,\s]+", text.strip()) if s]
    if not symbols:
        raise ValueError(f"--elements is empty: name some of {_names(known)}, such as C,H,O")
    if wrong := [s for s in symbols if NUMBERS.get(s) not in known]:
        raise ValueError(f"--elements {text}: {wrong[0]} is none of this model's {_names(known)}")
    return tuple(dict.fromkeys(NUMBERS[s] for s in symbols))


def parse_formula(text: str, sizes: Sizes) -> dict[int, int]:
    """`C7H10O2` -> atoms by atomic number, hydrogen among them. Raises ValueError for what the model cannot draw."""
    text = text.strip()
    parts = re.findall(r"([A-Z][a-z]?)(\d{0,6})", text)
    if not parts or "".join(s + n for s, n in parts) != text:
        raise ValueError(f"--formula {text!r}: write symbols and counts, such as C7H10O2; no brackets, charges or dots")
    found = Counter()
    for symbol, number in parts:
        if NUMBERS.get(symbol) not in sizes.elements:
            raise ValueError(f"--formula {text}: {symbol} is none of this model's {_names(sizes.elements)}")
        if number and int(number) == 0:
            raise ValueError(f"--formula {text}: {symbol}{number} says there is none; leave it out")
        found[NUMBERS[symbol]] += int(number or 1)
    _check(text, dict(found), sizes)
    return dict(found)


def _check(text: str, found: dict[int, int], sizes: Sizes) -> None:
    hydrogens, heavy = found.get(1, 0), sum(n for k, n in found.items() if k != 1)
    low, high = int(sizes.pairs[:, 0].min()), int(sizes.pairs[:, 0].max())
    if not low <= heavy <= high:
        raise ValueError(
            f"--formula {text}: {heavy} heavy atoms; this model draws {low} to {high}: choose others, or another --model"
        )
    if (hydrogens + sum(n for k, n in found.items() if k in ODD)) % 2:
        raise ValueError(
            f"--formula {text}: a neutral molecule of these atoms has an odd electron; one hydrogen more or less has not"
        )
    room = 2 + sum(ROOM.get(k, 2) * n for k, n in found.items() if k != 1)
    if hydrogens > min(room, 4 * heavy):
        most = max(min(room, 4 * heavy), 0)
        raise ValueError(f"--formula {text}: more atoms than bonds can hold together; at most {most} hydrogens fit")


def _of_size(sizes: Sizes, atoms: int) -> np.ndarray:
    totals = sizes.pairs.sum(1)
    if not (totals == atoms).any():
        near = [f(t) for f, t in ((max, totals[totals < atoms]), (min, totals[totals > atoms])) if len(t)]
        raise ValueError(
            f"--atoms {atoms}: the training data has no molecule of {atoms} atoms, hydrogens counted; the nearest number is "
            f"{' or '.join(str(n) for n in near)}, of {totals.min()} to {totals.max()}; or choose another --model"
        )
    return totals == atoms


def _possible(sizes: Sizes, allowed: tuple[int, ...]) -> np.ndarray:
    """bool [n]: whether atoms of these elements can carry that many hydrogens in a neutral molecule."""
    heavy, hydrogens = sizes.pairs.T
    even = (hydrogens % 2 == 0) | bool(set(allowed) & set(ODD))
    return even & (hydrogens <= 2 + heavy * max(ROOM.get(n, 2) for n in allowed))


def _names(numbers) -> str:
    return ", ".join(SYMBOLS.get(n, str(n)) for n in numbers)
