"""Reading CIFs of strangers: what is more than data is refused before a parser sees it, and what is cut off is named."""

import io
import re
from collections.abc import Callable, Iterator

import numpy as np

from difusa.domains.materials.crystal import Broken, Crystal, from_pymatgen
from difusa.domains.materials.elements import NUMBERS
from difusa.domains.materials.export import value_of


def cif_parts(text: str) -> Iterator[Callable[[], Crystal]]:
    """One crystal for each data block with atoms. ValueError: text that is no data, symmetry that is no operation."""
    safe_cif(text)
    blocks = re.split(r"(?mi)^(?=data_)", text)
    found = [b for b in blocks if b.lower().startswith("data_") and "_atom_site_fract_x" in b.lower()]
    if not found:
        raise ValueError("no data block with the fractional coordinates of atoms")
    for block in found:
        yield lambda block=block: read_cif(block)


def safe_cif(text: str) -> None:
    """Raises ValueError for a CIF that holds more than data: a symmetry operation that is none, magnetic transforms (which old
    parsers evaluated), text that calls something, or far more atoms than are taken."""
    if re.search(r"(?i)_magn\b|_magn\.|transform_BNS|transform_OG", text):
        raise ValueError("magnetic space groups are not read: their transforms have been used to run code")
    if found := re.search(r"(?i)__\w+__|\b(?:import|exec|eval|system|popen|subprocess|lambda)\b\s*[(.\w]", text):
        raise ValueError(f"{found[0]!r} in the file is code, not a crystal")
    for line in text.splitlines():
        if len(line) > 2048 * 4:
            raise ValueError(f"a line of {len(line)} letters: a CIF has at most 2048")
    for quoted in re.findall(r"(?m)^\s*(?:\d+\s+)?['\"]([^'\"]*,[^'\"]*,[^'\"]*)['\"]\s*$", text):
        if not re.fullmatch(r"[xyzXYZabcABC0-9+\-*/., ]+", quoted):
            raise ValueError(f"{quoted[:60]!r} is no symmetry operation")


def read_cif(block: str) -> Crystal:
    """One data block. ValueError: unknown elements, partial occupancies (with the site), no atom, cut off; Broken: its atoms are
    whole, but sit in one place or in no cell."""
    from pymatgen.io.cif import CifParser

    for symbol in re.findall(r"(?m)^\s*([A-Za-z]{1,3})\d*[+-]?\s+([A-Za-z]{1,3})\d*[+-]?\s+[-0-9.]+", block):
        if not any(part.capitalize() in NUMBERS for part in symbol):
            raise ValueError(f"{symbol[1]!r} is no element")
    numbers = listed(block)
    try:
        found = CifParser(io.StringIO(block), occupancy_tolerance=1.0).parse_structures(
            primitive=False, on_error="raise"
        )
    except ValueError as why:
        said = str(why).removeprefix("No structure parsed for section 1 in CIF.").strip()
        if numbers is None:
            raise ValueError(f"the CIF cannot be read: {said}") from why
        told = (
            "atoms overlap: several are in one place" if said.startswith("Occupancy") else f"it is no crystal: {said}"
        )
        raise Broken(told, numbers) from why
    return from_pymatgen(found[0], difusa_tags(block))


def listed(block: str) -> np.ndarray | None:
    """Atomic numbers [n] of the atoms that a block lists, if these are all of the cell: whole, and no operation makes others.

    Raises ValueError as table_of().
    """
    table = table_of(block)
    symbols = table.get("_atom_site_type_symbol", ())
    whole = all(float(v) == 1 for v in table.get("_atom_site_occupancy", ()) if re.fullmatch(r"[0-9.]+", v))
    alone = re.findall(r"(?m)^\s*(?:\d+\s+)?['\"]([^'\"]*,[^'\"]*,[^'\"]*)['\"]\s*$", block)
    if not symbols or not whole or [a.replace(" ", "") for a in alone] != ["x,y,z"] or set(symbols) - set(NUMBERS):
        return None
    return np.array([NUMBERS[s] for s in symbols], np.uint8)


def sites(block: str) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers [n] and fractional coordinates [n, 3] in the order of the file, which the parser does not keep.

    Raises ValueError where these are not all atoms of the cell.
    """
    numbers, table = listed(block), table_of(block)
    if numbers is None:
        raise ValueError("the file does not list all atoms of the cell: it was written with symmetry operations")
    columns = [[float(re.sub(r"\(.*", "", v)) for v in table[f"_atom_site_fract_{axis}"]] for axis in "xyz"]
    return numbers, np.array(columns).T % 1


def table_of(block: str) -> dict[str, list[str]]:
    """The columns of a block's list of atoms. Raises ValueError where it is cut off."""
    found = re.search(r"(?mi)^[ \t]*loop_\s+((?:_atom_site_\w+\s+)+)((?:(?!loop_|data_|_|#).*(?:\n|$))*)", block)
    if not found:
        raise ValueError("the list of atoms is cut off before its first one: get the whole file again")
    columns = found[1].lower().split()
    words = re.findall(r"'[^']*'|\"[^\"]*\"|\S+", found[2])
    if not words or len(words) % len(columns):
        raise ValueError(f"the list of atoms is cut off after {len(words)} words: get the whole file again")
    return {name: words[k :: len(columns)] for k, name in enumerate(columns)}


def difusa_tags(block: str) -> dict:
    """What our own writer put into `_difusa_` items, the passport's stamp left out; numbers as numbers."""
    return {k: value_of(v) for k, v in re.findall(r"(?m)^_difusa_(\w+)\s+(.+?)\s*$", block) if k != "passport"}
