"""Reading crystals, ours and strangers': CIF, POSCAR, extended XYZ. What cannot be taken keeps its place and gets a reason."""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.materials.cifs import cif_parts
from difusa.domains.materials.crystal import Broken, Crystal, from_pymatgen
from difusa.domains.materials.elements import NUMBERS
from difusa.domains.materials.export import FRAMES, frames, value_of

LARGEST = 1000  # atoms in a cell
BYTES = 2_000_000  # of a file: a CIF of a thousand atoms has a tenth of that
LONGEST = 1000.0  # angstrom, of a cell vector
CLOSE = 0.1  # angstrom: nearer atoms are one place taken twice
NAMES = (".cif", ".extxyz", ".xyz", ".vasp", ".poscar")


@dataclass(frozen=True)
class Record:
    """One crystal of a file, or None and why it is refused; name: its file, and the frame where there are several. numbers: the
    atoms of one that is refused for its geometry alone."""

    name: str
    crystal: Crystal | None
    reason: str = ""
    numbers: np.ndarray | None = None


def load(path: Path | str) -> list[Record]:
    """The crystals of a file, or of a folder's files by name (of its CIF files alone, where it has any beside all.extxyz).

    Raises FileNotFoundError; ValueError for a file of another format; never for a crystal that cannot be taken.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.is_file() and reader(f) is not None)
        single = [f for f in files if f.name != FRAMES]
        return [record for file in single or files for record in load(file)]
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    read = reader(path)
    if read is None:
        raise ValueError(f"{path}: unknown format; one of {', '.join(NAMES)}, or a file named POSCAR or CONTCAR")
    if path.stat().st_size > BYTES * (100 if read is xyz_parts else 1):
        return [Record(path.name, None, f"the file has {path.stat().st_size} bytes: at most {BYTES} are read")]
    text = path.read_text(encoding="utf-8", errors="replace")
    return list(_records(path.name, text, read))


def reader(path: Path) -> Callable[[str], Iterator[Callable[[], Crystal]]] | None:
    """How a file is read, by its name; None if it is none of ours."""
    if path.suffix.lower() in (".extxyz", ".xyz"):
        return xyz_parts
    if path.suffix.lower() == ".cif":
        return cif_parts
    if path.suffix.lower() in (".vasp", ".poscar") or path.name.upper() in ("POSCAR", "CONTCAR"):
        return poscar_parts
    return None


def _records(name: str, text: str, read) -> Iterator[Record]:
    """A record for each part; a file that does not even come apart is one."""
    try:
        parts = list(read(text))
    except ValueError as why:
        parts = [_raising(why)]
    for k, part in enumerate(parts):
        label = name if len(parts) == 1 else f"{name}#{k}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield Record(label, checked(part()))
        except Exception as why:  # whatever a parser raises at a stranger's text is that part's reason
            numbers = why.numbers if isinstance(why, Broken) else None
            yield Record(label, None, " ".join(str(why).split()) or type(why).__name__, numbers)


def _raising(why: Exception) -> Callable[[], Crystal]:
    def part() -> Crystal:
        raise why

    return part


def checked(crystal: Crystal) -> Crystal:
    """The crystal, if it is one. Raises ValueError: too large; Broken: no numbers, a flat cell, two atoms in one place."""
    if not 0 < len(crystal) <= LARGEST:
        raise ValueError(f"{len(crystal)} atoms: between 1 and {LARGEST} are taken")
    if not (np.isfinite(crystal.cell).all() and np.isfinite(crystal.frac).all()):
        raise Broken("a number of the cell or of the coordinates is not finite", crystal.numbers)
    lengths = np.linalg.norm(crystal.cell, axis=1)
    if lengths.min() < CLOSE or lengths.max() > LONGEST or crystal.volume < CLOSE**3:
        raise Broken(
            f"the cell of {np.round(lengths, 3).tolist()} angstrom and {crystal.volume:.3g} angstrom^3 is no cell",
            crystal.numbers,
        )
    apart = crystal.frac[:, None] - crystal.frac
    apart = np.linalg.norm((apart - np.rint(apart)) @ crystal.cell, axis=-1) + np.diag(np.full(len(crystal), np.inf))
    if len(crystal) > 1 and apart.min() < CLOSE:
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        raise Broken(f"atoms {i + 1} and {j + 1} overlap: {apart.min():.3g} angstrom apart", crystal.numbers)
    return crystal


def poscar_parts(text: str) -> Iterator[Callable[[], Crystal]]:
    """A POSCAR, whose elements must be named (VASP 5)."""
    yield lambda: read_poscar(text)


def read_poscar(text: str) -> Crystal:
    """ValueError: unknown elements, counts that do not fit."""
    from pymatgen.io.vasp import Poscar

    lines = text.splitlines()
    if len(lines) < 8:
        raise ValueError(f"{len(lines)} lines are no POSCAR")
    if wrong := [s for s in lines[5].split() if s.split("_")[0].split("/")[0] not in NUMBERS]:
        raise ValueError(f"line 6 should name the elements: {wrong[0]!r} is none")
    counts = [int(c) for c in lines[6].split()]
    if sum(counts) > LARGEST:
        raise ValueError(f"{sum(counts)} atoms: between 1 and {LARGEST} are taken")
    return from_pymatgen(Poscar.from_str(text).structure)


def xyz_parts(text: str) -> Iterator[Callable[[], Crystal]]:
    """A crystal for each frame."""
    for frame in frames(text):
        yield lambda frame=frame: read_frame(frame)


def read_frame(lines: list[str]) -> Crystal:
    """A frame of extended XYZ with a Lattice and species and places in the first four columns."""
    if len(lines) != int(lines[0]) + 2:
        raise ValueError(f"the frame says {lines[0].strip()} atoms and has {len(lines) - 2}")
    found = {k: quoted or bare for k, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', lines[1])}
    if "Lattice" not in found:
        raise ValueError("the frame has no Lattice: a molecule is no crystal")
    cell = np.array([float(v) for v in found.pop("Lattice").split()]).reshape(3, 3)
    rows = [line.split() for line in lines[2:]]
    if wrong := [r[0] for r in rows if r[0] not in NUMBERS]:
        raise ValueError(f"{wrong[0]!r} is no element")
    places, numbers = (
        np.array([[float(v) for v in r[1:4]] for r in rows]),
        np.array([NUMBERS[r[0]] for r in rows], np.uint8),
    )
    if abs(np.linalg.det(cell)) < CLOSE**3:
        raise Broken(f"the cell {cell.tolist()} is flat", numbers)
    frac = places @ np.linalg.inv(cell) % 1.0
    tags = {k: value_of(v) for k, v in found.items() if k not in ("Properties", "pbc", "difusa_passport")}
    return Crystal(cell, numbers, np.where(frac == 1.0, 0.0, frac), tags)
