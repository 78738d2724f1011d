"""Numbered training examples out of packed molecules: padded arrays, a pure function of (seed, number), numpy alone."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from difusa.domains.molecules.chemistry import CHARGES, ELEMENTS
from difusa.domains.molecules.noising import Noise
from difusa.domains.molecules.packed import Packed
from difusa.shared.seeds import stream

HYDROGENS = 4  # most on one heavy atom


@dataclass(frozen=True)
class Options:
    """What a recipe may say of the training examples.

    atoms: rows of an example, larger molecules are left out. properties: names of the numbers an example carries.
    noise: the levels, and how often a graph or a fragment is given.
    """

    elements: str = "qm9"  # a key of chemistry.ELEMENTS
    atoms: int = 9
    properties: tuple[str, ...] = ()
    half: Literal["both", "first", "second"] = "both"
    noise: Noise = field(default_factory=Noise)


@dataclass(frozen=True)
class Flat:
    """The atoms of many molecules, ready to be cut out: what `Packed` holds, as classes, centred.

    coords [A, 3] float32 angstrom; elements, charges, hydrogens [A] int64 classes; given [A] bool; bonds [B, 3] int64 inside
    the molecule; rows [M] molecules to draw from; left_out: reason -> how many of the split are not among them.
    """

    coords: np.ndarray
    elements: np.ndarray
    charges: np.ndarray
    hydrogens: np.ndarray
    given: np.ndarray
    offsets: np.ndarray
    bonds: np.ndarray
    bond_offsets: np.ndarray
    rows: np.ndarray
    left_out: dict[str, int] = field(default_factory=dict)


def flatten(packed: Packed, split: str, options: Options, whole: bool) -> Flat:
    """Heavy atoms alone, or the whole molecules. Raises ValueError for an unknown set of elements, or when nothing is left."""
    if options.elements not in ELEMENTS:
        raise ValueError(f"elements {options.elements!r} is none of {', '.join(ELEMENTS)}")
    count, sizes = len(packed), np.diff(packed.offsets)
    molecule = np.repeat(np.arange(count), sizes)
    bond_molecule = np.repeat(np.arange(count), np.diff(packed.bond_offsets))
    heavy = packed.numbers != 1
    ends = packed.bonds[:, :2].astype(np.int64) + packed.offsets[bond_molecule][:, None]
    to_hydrogen = ~heavy[ends]
    carried = np.bincount(ends[to_hydrogen[:, ::-1]], minlength=len(heavy))  # bonds to a hydrogen, atom by atom
    classes = np.full(256, -1)
    classes[list(ELEMENTS[options.elements])] = np.arange(len(ELEMENTS[options.elements]))
    elements = classes[packed.numbers]
    of_light = np.bincount(ends[to_hydrogen], minlength=len(heavy))  # bonds that a hydrogen takes part in

    def none_of(wrong: np.ndarray) -> np.ndarray:
        return np.bincount(molecule[wrong], minlength=count) > 0

    reasons = {
        "undetermined graph": packed.smiles == "",
        "element outside the model": none_of(elements < 0),
        "charge beyond one": none_of(np.abs(packed.charges) > max(CHARGES)),
        "a hydrogen without exactly one heavy neighbour": none_of(~heavy & ((of_light != 1) | (carried != 0))),
        "too many hydrogens on an atom": none_of(carried > HYDROGENS),
    }
    keep = np.ones(len(heavy), bool) if whole else heavy
    kept = np.bincount(molecule[keep], minlength=count)
    reasons["too many atoms"] = kept > options.atoms
    reasons["no heavy atom"] = np.bincount(molecule[heavy], minlength=count) == 0
    rows, left_out = rows_of(packed, split, options.half), {}
    for reason, wrong in reasons.items():
        left_out |= {reason: int(wrong[rows].sum())} if wrong[rows].any() else {}
        rows = rows[~wrong[rows]]
    if not len(rows):
        raise ValueError(f"no {split} molecule of at most {options.atoms} atoms; left out: {left_out}")
    place = np.cumsum(keep) - 1
    offsets = np.concatenate([[0], np.cumsum(kept)])
    inside = keep[ends].all(1)
    bonds = np.column_stack([place[ends] - offsets[bond_molecule][:, None], packed.bonds[:, 2]])[inside].astype(
        np.int64
    )
    bond_counts = np.bincount(bond_molecule[inside], minlength=count)
    return Flat(
        _centred(packed, heavy, molecule)[keep],
        elements[keep],
        np.searchsorted(CHARGES, packed.charges[keep]),
        np.where(heavy, carried, 0)[keep],
        heavy[keep],
        offsets,
        bonds,
        np.concatenate([[0], np.cumsum(bond_counts)]),
        rows,
        left_out,
    )


def rows_of(packed: Packed, split: str, half: str = "both") -> np.ndarray:
    """Rows of a split; a half of the training split is EDM's: permutation 42 cut in the middle, sorted here."""
    rows = packed.rows(split)
    if split != "train" or half == "both":
        return rows
    order, middle = np.random.RandomState(42).permutation(len(rows)), len(rows) // 2
    return np.sort(rows[order[:middle] if half == "first" else order[middle:]])


def _centred(packed: Packed, heavy: np.ndarray, molecule: np.ndarray) -> np.ndarray:
    """Positions in angstrom, float32, about the mean of the heavy atoms (the hydrogens' places are what is asked for)."""
    x = packed.positions_milliangstrom / 1000.0
    count = np.maximum(np.bincount(molecule[heavy], minlength=len(packed)), 1)
    sums = [np.bincount(molecule[heavy], x[heavy, k], minlength=len(packed)) for k in range(3)]
    return (x - (np.stack(sums, 1) / count[:, None])[molecule]).astype(np.float32)


class Examples:
    """Molecules, or their skeletons, drawn evenly from a split: the same for any worker, process or resumed run.

    self[n] -> dict of arrays for N = options.atoms rows in random order: coords [N, 3] float32 angstrom about the mean of the
    heavy atoms; elements, charges, hydrogens [N] int64 classes (hydrogens: how many a heavy atom carries); bonds [N, N] int64,
    symmetric, class = order (0 none, 4 aromatic); mask [N] bool, True where there is an atom. Whole molecules: also given [N]
    bool, True on heavy atoms. With options.properties: properties [P] float32.
    """

    def __init__(self, packed: Packed, split: str, options: Options, seed: int = 0, whole: bool = False):
        if unknown := [p for p in options.properties if p not in packed.property_names]:
            raise ValueError(f"property {unknown[0]!r} is none of {', '.join(packed.property_names)}")
        self.options, self.seed, self.whole = options, seed, whole
        self.flat = flatten(packed, split, options, whole)
        self.properties = packed.properties[:, [packed.property_names.index(p) for p in options.properties]]
        self.neutral = CHARGES.index(0)

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        rng = stream(self.seed, number)
        row = self.flat.rows[rng.integers(len(self.flat.rows))]
        return self.example(row, rng)

    def example(self, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Molecule `row` of the packed set, its atoms shuffled by rng."""
        flat, atoms = self.flat, self.options.atoms
        a, b = flat.offsets[row], flat.offsets[row + 1]
        n = b - a
        to = rng.permutation(n)  # atom i goes to row to[i]
        coords, mask = np.zeros((atoms, 3), np.float32), np.zeros(atoms, bool)
        elements, hydrogens = np.zeros(atoms, np.int64), np.zeros(atoms, np.int64)
        charges, bonds = np.full(atoms, self.neutral), np.zeros((atoms, atoms), np.int64)
        coords[to], elements[to], mask[:n] = flat.coords[a:b], flat.elements[a:b], True
        charges[to], hydrogens[to] = flat.charges[a:b], flat.hydrogens[a:b]
        i, j, order = flat.bonds[flat.bond_offsets[row] : flat.bond_offsets[row + 1]].T
        bonds[to[i], to[j]] = order
        bonds[to[j], to[i]] = order
        found = {
            "coords": coords,
            "elements": elements,
            "charges": charges,
            "hydrogens": hydrogens,
            "bonds": bonds,
            "mask": mask,
        }
        if self.whole:
            found["given"] = np.zeros(atoms, bool)
            found["given"][to] = flat.given[a:b]
        if self.options.properties:
            found["properties"] = self.properties[row]
        return found
