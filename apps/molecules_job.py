"""What a molecules job does in its own process: the verb, the frames of its first molecule, and the table of all.

It leaves in its folder molecules.sdf (the verb's), .extxyz and .parquet, rows.json for the page, and frames.json.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from difusa.apps import film
from difusa.apps.film import FRAMES
from difusa.apps.jobs import write_whole
from difusa.apps.rows import ROWS

SDF = "molecules.sdf"
SAME = 0.05  # angstrom: the last frame is a molecule whose heavy atoms all lie that near


def generate(progress: Callable[[int, int], None], **arguments) -> None:
    """Draws new molecules; the frames tell how the first one forms."""
    from difusa.domains.molecules.task import generate

    shown = Film()
    generate(progress=progress, look=shown.look, out=Path(SDF), **arguments)
    shown.end(gather(Path(SDF)))


def conformers(progress: Callable[[int, int], None], **arguments) -> None:
    """Places the atoms of given molecules."""
    from difusa.domains.molecules.conformers import conformers

    conformers(progress=progress, out=Path(SDF), **arguments)
    gather(Path(SDF))


class Film:
    """The estimates of the first molecule's skeleton, as mol blocks."""

    def __init__(self, path: Path = Path(FRAMES)):
        self.film, self.last = film.Film(path), None

    def look(self, skeleton) -> None:
        """One more frame."""
        self.last = skeleton.positions
        self.film.add(mol_block(skeleton.numbers, skeleton.positions, skeleton.charges, skeleton.bonds))

    def end(self, molecules: list) -> None:
        """The molecule that came of it, found by its places, is the last frame; `molecules` are those of the file."""
        row = next((k for k, m in enumerate(molecules) if m is not None and self._became(m)), None)
        if row is not None:
            m = molecules[row]
            self.film.frames.append(mol_block(m.numbers, m.positions, m.charges, m.bonds))
        self.film.write(row)

    def _became(self, molecule) -> bool:
        heavy = molecule.positions[molecule.numbers != 1]
        last = np.zeros((0, 3)) if self.last is None else self.last
        return heavy.shape == last.shape and bool((np.abs(heavy - last) < SAME).all())


def mol_block(numbers: np.ndarray, positions: np.ndarray, charges: np.ndarray, bonds: np.ndarray) -> str:
    """A V2000 mol block, whatever the valences: numbers [n], positions [n, 3] angstrom, charges [n], bonds [m, 3]."""
    from difusa.domains.molecules.chemistry import SYMBOLS

    places = np.nan_to_num(np.asarray(positions, float), posinf=0.0, neginf=0.0).clip(-999, 999)
    lines = ["", "     difusa          3D", "", f"{len(numbers):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"]
    for number, (x, y, z) in zip(numbers, places, strict=True):
        lines.append(
            f"{x:10.4f}{y:10.4f}{z:10.4f} {SYMBOLS.get(int(number), 'X'):<3} 0  0  0  0  0  0  0  0  0  0  0  0"
        )
    lines += [f"{i + 1:3d}{j + 1:3d}{order:3d}  0" for i, j, order in np.asarray(bonds).reshape(-1, 3).tolist()]
    lines += [f"M  CHG  1{i + 1:4d}{charges[i]:4d}" for i in np.flatnonzero(charges).tolist()]
    return "\n".join([*lines, "M  END\n"])


def gather(path: Path) -> list:
    """Reads the file that the verb wrote, measures its molecules and writes it in the other formats.

    Returns the molecules in their order, None for a row that cannot be read.
    """
    from dataclasses import replace

    from difusa.domains.molecules.export import counts, save
    from difusa.domains.molecules.readers import load

    records = load(path)
    rows, measured = [], []
    for record in records:
        m = record.molecule
        tags = m.tags if m else {}
        told = scores(m) if m and not record.reason else {}
        reason = str(tags.get("REASON") or record.reason)
        broken = bool(reason) or (m is not None and not m.smiles)
        rows.append(
            (counts(m) if m else {})
            | told
            | {"row": record.number, "status": status(broken, tags), "reason": reason, "tags": tags}
        )
        if m:
            measured.append(replace(m, tags=tags | {k.upper(): v for k, v in told.items()}))
    for suffix in (".extxyz", ".parquet"):
        save(measured, path.with_suffix(suffix))
    write_whole(path.with_name(ROWS), rows)
    return [r.molecule for r in records]


def status(broken: bool, tags: dict) -> str:
    """valid, pieces (valid, but not one molecule) or broken."""
    return "broken" if broken else "pieces" if tags.get("FRAGMENTS", 1) > 1 else "valid"


def scores(molecule) -> dict[str, float]:
    """QED, SA score, logP, weight and unpaired electrons of a valid molecule; nothing where RDKit cannot tell."""
    from difusa.domains.molecules.distributions import SCALARS, descriptors
    from difusa.domains.molecules.molecule import to_rdkit

    try:
        found = descriptors(molecule)
        radicals = sum(atom.GetNumRadicalElectrons() for atom in to_rdkit(molecule).GetAtoms())
    except (ValueError, ZeroDivisionError):
        return {}
    return {name: round(float(found[name]), 3) for name in SCALARS} | {"radicals": radicals}
