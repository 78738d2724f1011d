"""Writing crystals: a folder with NNNNN.cif for each and all.extxyz for all, from one set of rounded numbers.

The CIF's lengths, angles and fractional coordinates are rounded first; what the extended XYZ says is worked out of these, so that
the two agree to the last digit. Tags become `_difusa_` items of the CIF and keys of the frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.data import cell_from
from difusa.domains.materials.elements import ELECTRONEGATIVITY, SYMBOLS
from difusa.shared.files import write_text

DIGITS = 8  # of lengths (angstrom), angles (degree) and fractional coordinates
FRAMES = "all.extxyz"
IDENTITY = ("x, y, z",)


@dataclass(frozen=True, eq=False)
class Listed:
    """A crystal as a file lists it: rounded parameters [6], numbers [n] and frac [n, 3] of all its atoms; the CIF names only
    the atoms `unique`, the operations `symmetry` (x, y, z) make the others; spacegroup, its number."""

    parameters: np.ndarray
    numbers: np.ndarray
    frac: np.ndarray
    unique: np.ndarray
    symmetry: tuple[str, ...] = IDENTITY
    spacegroup: int = 1


def save(crystals: Sequence[Crystal], folder: Path | str, symmetrised: bool = False) -> None:
    """Writes the crystals into a folder; symmetrised: in the conventional cell, with the operations of their space group."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for k, crystal in enumerate(crystals):
        listed = conventional(crystal) if symmetrised else plain(crystal)
        write_text(folder / f"{k:05d}.cif", cif(listed, crystal.tags, f"{k:05d}"))
        frames.append(extxyz(listed, crystal.tags))
    write_text(folder / FRAMES, "".join(frames))


def plain(crystal: Crystal) -> Listed:
    """All atoms in the crystal's own cell, without symmetry."""
    return Listed(
        _rounded(parameters_of(crystal.cell)),
        crystal.numbers,
        _places(crystal.frac),
        np.arange(len(crystal)),
    )


def conventional(crystal: Crystal, tolerance: float = 0.01) -> Listed:
    """The crystal in the standard conventional cell of the space group that spglib finds at the tolerance, angstrom.

    A crystal without any that can be found (atoms that overlap) is listed plainly.
    """
    from difusa.domains.materials.reducing import dataset, exact, standard

    try:
        whole, _ = exact(standard(crystal, tolerance), tolerance)
        found = dataset(whole.cell, whole.frac, whole.numbers, tolerance)
    except ValueError:
        return plain(crystal)
    symmetry = tuple(operation(w, t) for w, t in zip(found.rotations, found.translations))
    unique = np.unique(found.equivalent_atoms)
    return Listed(
        _rounded(parameters_of(whole.cell)), whole.numbers, _places(whole.frac), unique, symmetry, int(found.number)
    )


def parameters_of(cell: np.ndarray) -> np.ndarray:
    """Lengths and angles (degree) [6] of a cell [3, 3]; not numbers where a vector has no length."""
    lengths = np.linalg.norm(cell, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))])


def operation(rotation: np.ndarray, translation: np.ndarray) -> str:
    """An operation as CIF writes it: x, -y+1/2, z."""
    parts = []
    for row, shift in zip(rotation, translation):
        text = "".join(f"{'-' if c < 0 else '+'}{n}" for c, n in zip(row, "xyz") if c)
        twelfths = int(np.rint(shift * 12)) % 12
        if twelfths:
            by = np.gcd(twelfths, 12)
            text += f"+{twelfths // by}/{12 // by}"
        parts.append(text.removeprefix("+"))
    return ", ".join(parts)


def cif(listed: Listed, tags: dict, name: str) -> str:
    """One CIF file."""
    items = [
        ("_chemical_formula_sum", f"'{formula(listed.numbers, ' ')}'"),
        ("_cell_formula_units_Z", str(int(np.gcd.reduce(np.unique(listed.numbers, return_counts=True)[1])))),
        *zip(
            ("_cell_length_a", "_cell_length_b", "_cell_length_c", "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma"),
            (f"{v:.{DIGITS}f}" for v in listed.parameters),
        ),
        ("_space_group_IT_number", str(listed.spacegroup)),
        *((f"_difusa_{k}", _quoted(v)) for k, v in tags.items()),
    ]  # fmt: skip
    lines = [f"data_{name}", *(f"{k:<34}{v}" for k, v in items)]
    lines += ["loop_", " _space_group_symop_operation_xyz", *(f" '{s}'" for s in listed.symmetry)]
    lines += ["loop_", " _atom_site_label", " _atom_site_type_symbol"]
    lines += [f" _atom_site_fract_{axis}" for axis in "xyz"] + [" _atom_site_occupancy"]
    for k in listed.unique:
        symbol = SYMBOLS[int(listed.numbers[k])]
        lines.append(f" {symbol}{k + 1} {symbol} " + " ".join(f"{v:.{DIGITS}f}" for v in listed.frac[k]) + " 1")
    return "\n".join(lines) + "\n"


def extxyz(listed: Listed, tags: dict) -> str:
    """One frame of extended XYZ (ASE's), angstrom, out of the numbers that the CIF prints."""
    cell = cell_from(listed.parameters, flat=True)  # a broken draw must not cost the others their file
    info = [f'Lattice="{" ".join(f"{v:.{DIGITS}f}" for v in cell.ravel())}"', "Properties=species:S:1:pos:R:3"]
    info += [f"{k}={_key(v)}" for k, v in tags.items() if v is not None and v != ""] + ['pbc="T T T"']
    lines = [str(len(listed.numbers)), " ".join(info)]
    for number, place in zip(listed.numbers, listed.frac @ cell):
        lines.append(f"{SYMBOLS[int(number)]:<2} " + " ".join(f"{v:.{DIGITS}f}" for v in place))
    return "\n".join(lines) + "\n"


def formula(numbers: np.ndarray, between: str = "") -> str:
    """Symbols and counts by electronegativity, the least first: LiFePO4."""
    which, counts = np.unique(numbers, return_counts=True)
    rank = sorted(zip(which.tolist(), counts.tolist()), key=lambda pair: (_negativity(pair[0]), pair[0]))
    return between.join(SYMBOLS[n] + (str(c) if c > 1 else "") for n, c in rank)


def reduced_formula(numbers: np.ndarray) -> str:
    """The formula of the smallest whole counts."""
    return formula(np.repeat(*_smallest(numbers)))


def _smallest(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    which, counts = np.unique(numbers, return_counts=True)
    return which, counts // np.gcd.reduce(counts)


def _negativity(number: int) -> float:
    return ELECTRONEGATIVITY[number - 1] if number <= len(ELECTRONEGATIVITY) else 9.0


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values, DIGITS)


def _places(frac: np.ndarray) -> np.ndarray:
    """Rounded, and 0 rather than 1."""
    places = np.round(frac % 1.0, DIGITS)
    return np.where(places >= 1, 0.0, places) + 0.0


def _text(value) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


def value_of(text: str):
    """What `_text` or `_quoted` wrote: a number, a truth value or text; None for CIF's `?`."""
    text = text.strip()
    if text in ("?", "T", "F"):
        return {"?": None, "T": True, "F": False}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")


def _quoted(value) -> str:
    """A value of a CIF item: `?` where unknown."""
    text = "" if value is None else _text(value)
    if not text:
        return "?"
    return text if not set(text) & set(" '\"#$_;[]") else f"'{text.replace(chr(39), chr(34))}'"


def _key(value) -> str:
    text = _text(value)
    return f'"{text}"' if set(text) & set(" =,[]{}'\"") else text


def frames(text: str) -> Iterator[list[str]]:
    """The frames of an extended XYZ, as lines. Raises ValueError where a count is none."""
    lines, at = text.splitlines(), 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        if not lines[at].strip().isdecimal():
            raise ValueError(f"line {at + 1} of the XYZ should be a number of atoms, not {lines[at][:40]!r}")
        stop = at + 2 + int(lines[at])
        yield lines[at:stop]
        at = stop
