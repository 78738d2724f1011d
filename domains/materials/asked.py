"""What the user asks of every crystal: elements, atoms, symmetry, properties; refused with a reason if no template fits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difusa.domains.materials import keyed_kinds
from difusa.domains.materials.decoding import Rules
from difusa.domains.materials.elements import NUMBERS, SYMBOLS
from difusa.domains.materials.sampling import ATTEMPT, Order
from difusa.domains.materials.symmetry import free_template
from difusa.domains.materials.templates import Templates
from difusa.domains.materials.wishes import Wishes, nearest
from difusa.shared.seeds import stream
from difusa.shared.targets import Target

SYSTEMS = {
    "triclinic": (1, 2), "monoclinic": (3, 15), "orthorhombic": (16, 74), "tetragonal": (75, 142), "trigonal": (143, 167),
    "hexagonal": (168, 194), "cubic": (195, 230),
}  # fmt: skip
FEW = 30  # templates whose lenders fit the elements; where they are fewer, all are lent
TEMPLATE = 3  # part of a sample's random stream


@dataclass(frozen=True, eq=False)
class Asked:
    """rows: templates that may be lent; rules: elements; free: no symmetry is imposed; groups: space groups that an output must
    have, or none; targets: properties that the network is asked for; note: what the user must know, or ""."""

    templates: Templates
    rows: np.ndarray
    rules: Rules
    free: bool = False
    groups: tuple[int, ...] = ()
    wishes: Wishes | None = None
    targets: tuple[Target, ...] = ()
    note: str = ""

    def order(self, seed: int, index: int, attempt: int = 0, noise: int | None = None) -> Order:
        """What sample `index` is to be at its attempt, by its own random stream: a template, as often as in the data; its kind
        by the key's `noise`, where there is one."""
        rng = stream(seed, index, TEMPLATE + ATTEMPT * attempt)
        rows = self.rows
        if noise is not None and not self.free:
            rows = keyed_kinds.lent(self.templates, rows, noise, index, attempt)
        row = int(rows[rng.integers(len(rows))])
        template = self.templates.template(row)
        wish = None
        if self.targets:
            wish = np.full(len(self.wishes.names), np.nan, np.float32)
            for target in self.targets:
                at = self.wishes.names.index(target.name)
                wish[at] = np.clip(self.templates.properties[row, at], target.low, target.high)
            wish = self.wishes.standard(wish)
        if self.free:
            template, row = free_template(np.zeros((len(template), 3))), -1
        return Order(template, np.zeros(len(template), np.int64), wish, self.rules, row)

    def of(self, index: int) -> "Asked":
        """What sample `index` is asked to be: all the same here."""
        return self

    def obeyed(self, spacegroup: int) -> bool:
        """Whether a crystal of that space group is what was asked for."""
        return not self.groups or spacegroup in self.groups


def ask(
    templates: Templates,
    wishes: Wishes,
    *,
    elements: str | None = None,
    contains: str | None = None,
    exclude: str | None = None,
    atoms: str | None = None,
    spacegroup: int | None = None,
    crystal_system: str | None = None,
    property: Sequence[str] = (),
    free: bool = False,
) -> Asked:
    """The options of the command line together. Raises ValueError, with the way out, for what no draw can obey."""
    rules = rules_of(templates.known, elements, contains, exclude)
    groups = groups_of(spacegroup, crystal_system)
    if free and groups:
        raise ValueError("--free imposes no symmetry: leave out --spacegroup and --crystal-system, or --free")
    low, high = range_of(atoms) if atoms is not None else (1, int(templates.atoms.max()))
    keep = (templates.atoms >= low) & (templates.atoms <= high)
    if not keep.any():
        raise ValueError(
            f"--atoms {atoms}: this model draws {templates.atoms.min()} to {templates.atoms.max()} in a primitive cell"
        )
    if groups:
        inside = np.isin(templates.spacegroup, groups)
        if not inside.any():
            there = ", ".join(str(g) for g in np.unique(templates.spacegroup))
            raise ValueError(f"space group {spacegroup}: no training crystal has it; there are {there}")
        if not (keep & inside).any():
            sizes = np.unique(templates.atoms[inside])
            raise ValueError(
                f"--atoms {atoms}: no crystal of that symmetry has so many; there are some of {', '.join(map(str, sizes))}"
            )
        keep &= inside
    most = len(rules.contains)
    if most > 1:
        room = np.array([len(np.unique(k)) for k in templates.kinds]) if not free else templates.atoms
        if not (keep & (room >= most)).any():
            raise ValueError(f"--contains {contains}: no template that is left holds {most} elements; ask for fewer")
        keep &= room >= most
    rows, note = np.flatnonzero(keep), ""
    if rules.contains or rules.allowed is not None:
        fits = np.array([_fits(set(templates.kinds[r].tolist()), rules) for r in rows])
        if fits.sum() >= FEW:
            rows = rows[fits]
        else:
            note = f"{int(fits.sum())} training crystals have these elements: templates of others are lent too"
    targets = wishes.parse(property)
    if targets:
        chosen, said = nearest(wishes, targets, templates.properties[rows])
        rows, note = rows[chosen], "; ".join(filter(None, (note, said)))
    return Asked(templates, rows, rules, free, groups, wishes, targets, note)


def _fits(lender: set[int], rules: Rules) -> bool:
    return set(rules.contains) <= lender and (rules.allowed is None or lender <= set(rules.allowed))


def rules_of(
    known: tuple[int, ...], elements: str | None = None, contains: str | None = None, exclude: str | None = None
) -> Rules:
    """The elements of the three options. Raises ValueError where they contradict one another or name none of the model's."""
    allowed = set(known) if elements is None else set(symbols("--elements", elements, known))
    needed = symbols("--contains", contains, known) if contains is not None else ()
    banned = symbols("--exclude", exclude, None) if exclude is not None else ()
    if both := [n for n in needed if n in banned]:
        raise ValueError(f"--contains and --exclude both name {SYMBOLS[both[0]]}: drop one")
    if outside := [n for n in needed if n not in allowed]:
        raise ValueError(f"--contains {contains}: {SYMBOLS[outside[0]]} is not among --elements {elements}")
    allowed -= set(banned)
    if not allowed:
        raise ValueError(f"--elements {elements} --exclude {exclude}: no element is left")
    return Rules(tuple(sorted(allowed)), tuple(needed))


def symbols(option: str, text: str, known: tuple[int, ...] | None) -> tuple[int, ...]:
    """`Li,P,O` -> atomic numbers. Raises ValueError for what is no element, or none of the model's."""
    names = [s for s in re.split(r"[,\s]+", text.strip()) if s]
    if not names:
        raise ValueError(f"{option} is empty: name some elements, such as Li,P,O")
    if wrong := [s for s in names if s not in NUMBERS]:
        raise ValueError(f"{option} {text}: {wrong[0]!r} is no element; write symbols such as Li,P,O")
    numbers = tuple(dict.fromkeys(NUMBERS[s] for s in names))
    if strange := [n for n in numbers if known is not None and n not in known]:
        raise ValueError(f"{option} {text}: this model knows no {SYMBOLS[strange[0]]}; leave it out")
    return numbers


def range_of(text: str) -> tuple[int, int]:
    """`4..16`, `..16`, `4..` or `8` -> least and most. Raises ValueError for anything else."""
    parts = re.fullmatch(r"\s*(\d{1,4})?\s*(\.\.)?\s*(\d{1,4})?\s*", text)
    if not parts or not (parts[1] or parts[3]) or (not parts[2] and parts[3]):
        raise ValueError(f"--atoms {text}: write 4..16, ..16, 4.. or 8")
    low = int(parts[1]) if parts[1] else 1
    high = low if not parts[2] else int(parts[3]) if parts[3] else 10**6
    if not 0 < low <= high:
        raise ValueError(f"--atoms {text}: the range ends before it begins, or begins at 0")
    return low, high


def groups_of(spacegroup: int | None, crystal_system: str | None) -> tuple[int, ...]:
    """The space groups that are asked for, none where all are. Raises ValueError for what is none, or for both at once."""
    if spacegroup is not None and crystal_system is not None:
        raise ValueError("--spacegroup and --crystal-system: one of them says all; drop the other")
    if spacegroup is not None:
        if not 1 <= spacegroup <= 230:
            raise ValueError(f"--spacegroup {spacegroup}: between 1 and 230")
        return (spacegroup,)
    if crystal_system is None:
        return ()
    if crystal_system not in SYSTEMS:
        raise ValueError(f"--crystal-system {crystal_system}: one of {', '.join(SYSTEMS)}")
    low, high = SYSTEMS[crystal_system]
    return tuple(range(low, high + 1))
