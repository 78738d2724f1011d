"""Crystals of the Materials Project with at most 20 atoms, matched before they are split by chemical system."""

import os
import sys
import zlib
from itertools import groupby
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal, to_pymatgen
from difusa.domains.materials.elements import SYMBOLS
from difusa.domains.materials.packed import VERSION, Packed, pack
from difusa.shared.prepared import built_once, cached, given

SOURCE = "mp_le20.npz"


def load(data: Path | str | None = None) -> Packed:
    """The crystals prepared: from data/materials/mp.npz or the user's cache, else built there from mp_le20.npz (an hour's
    quarter on one core; needs pymatgen and spglib)."""
    if file := given("materials", "mp", data):
        return Packed.load(file)
    return built_once(cached("mp", VERSION), Packed.load, lambda: build(source(data)))


def source(data: Path | str | None) -> list[Crystal]:
    """The crystals as the file holds them. Raises FileNotFoundError saying where it is looked for."""
    root = data or os.environ.get("DIFUSA_DATA")
    path = Path(root or "") / "materials" / SOURCE
    if not root or not path.exists():
        raise FileNotFoundError(f"no materials/{SOURCE} in the data folder {root}: name it by --data or DIFUSA_DATA")
    with np.load(path, allow_pickle=False) as file:
        arrays = {k: file[k] for k in file.files}
    values = ("formation_energy_per_atom", "e_above_hull", "band_gap")
    crystals = []
    for i, (a, b) in enumerate(zip(arrays["offsets"], arrays["offsets"][1:])):
        tags = dict(zip(("formation_energy", "e_above_hull", "band_gap"), (float(arrays[k][i]) for k in values)))
        frac = arrays["frac"][a:b].astype(float) % 1.0
        cell = cell_from(arrays["cell_abc_angles"][i].astype(float))
        crystals.append(Crystal(cell, arrays["numbers"][a:b], frac, {"id": str(arrays["id"][i])} | tags))
    return crystals


def cell_from(parameters: np.ndarray, flat: bool = False) -> np.ndarray:
    """The cell [3, 3] of lengths (angstrom) and angles (degree) [6], a along x and b in the plane of x and y.

    Raises ValueError where the angles leave no room for one; flat: the flat one then, for what must be written as it is.
    """
    a, b, c = parameters[:3]
    alpha, beta, gamma = np.cos(np.radians(parameters[3:]))
    sine = np.sqrt(1 - gamma**2)
    along = (alpha - beta * gamma) / sine
    up = 1 - beta**2 - along**2
    if not up > 0 and not flat:
        raise ValueError(f"no cell has the lengths and angles {np.round(parameters, 4).tolist()}")
    return np.array([[a, 0, 0], [b * gamma, b * sine, 0], [c * beta, c * along, c * np.sqrt(max(up, 0.0))]])


def system(numbers: np.ndarray) -> str:
    """The chemical system, such as Fe-Li-O-P."""
    return "-".join(sorted(SYMBOLS[int(n)] for n in np.unique(numbers)))


def split_of(numbers: np.ndarray) -> int:
    """0 train, 1 calibrate or 2 test by the chemical system (crc32): a tenth each is held out to calibrate and to test.

    Crystals that match have one composition, hence one chemical system: no match crosses the splits.
    """
    return {8: 1, 9: 2}.get(zlib.crc32(system(numbers).encode()) % 10, 0)


def build(crystals: list[Crystal]) -> Packed:
    """All crystals but repeated ones, reduced and with their templates; those left out are told on stderr with the reason."""
    from difusa.domains.materials.reducing import idealised, spacegroup

    kept, left_out = [], {}
    for done, crystal in enumerate(crystals):
        try:
            whole, template = idealised(crystal)
            kept.append((whole, template, spacegroup(crystal)))
        except ValueError as why:
            left_out[crystal.tags["id"]] = str(why)
        if done % 500 == 0:
            print(f"{done}/{len(crystals)} crystals reduced", file=sys.stderr)
    single = different([k[0] for k in kept])
    left_out |= {kept[i][0].tags["id"]: "matches another" for i in set(range(len(kept))) - set(single)}
    for name, why in left_out.items():
        print(f"{name}: left out, {why}", file=sys.stderr)
    chosen = [kept[i] for i in single]
    whole, templates, tight = (list(column) for column in zip(*chosen))
    return pack(whole, templates, tight, [split_of(c.numbers) for c in whole])


def different(crystals: list[Crystal]) -> list[int]:
    """Places of crystals of which no earlier one is a match (pymatgen StructureMatcher, its defaults), in order."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher, found = StructureMatcher(), []
    by = sorted((composition(c.numbers), i) for i, c in enumerate(crystals))
    for _, group in groupby(by, key=lambda row: row[0]):
        seen = []
        for _, i in group:
            structure = to_pymatgen(crystals[i])
            if not any(matcher.fit(structure, other) for other in seen):
                seen.append(structure)
                found.append(i)
    return sorted(found)


def composition(numbers: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The reduced composition: (atomic number, count) by atomic number."""
    which, counts = np.unique(numbers, return_counts=True)
    return tuple(zip(which.tolist(), (counts // np.gcd.reduce(counts)).tolist()))
