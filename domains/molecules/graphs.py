"""A molecule whose graph is known and whose places are asked for: read from SMILES, drawn, put back in the SMILES' order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from difusa.domains.molecules.completing import placed
from difusa.domains.molecules.drawing import NOT_FINITE
from difusa.domains.molecules.fragments import check_classes
from difusa.domains.molecules.molecule import Molecule, Skeleton, assemble, parents, skeleton
from difusa.domains.molecules.readers import cut_smiles, read_smiles
from difusa.domains.molecules.sampling import hydrogens, together
from difusa.domains.molecules.sizes import Sizes
from difusa.domains.molecules.stereo import Stereo, asked_of, turned

BUDGET = 4  # draws for each conformer that is asked for; with k centres one draw in 2^(k - 1) can be right
FILES = (".smi", ".smiles", ".txt")


@dataclass(frozen=True)
class Graph:
    """molecule: as read_smiles gives it; bare: its skeleton; order [n]: atom of `molecule` for each of the assembled one."""

    molecule: Molecule
    bare: Skeleton
    order: np.ndarray
    stereo: Stereo


def rows_of(texts: Sequence[str]) -> Iterator[str]:
    """The SMILES themselves, and the lines of those that name files. Raises FileNotFoundError."""
    for text in texts:
        if Path(text).suffix.lower() in FILES:
            yield from cut_smiles(Path(text).read_text(encoding="utf-8", errors="replace"))
        else:
            yield text


def graph_of(row: str, sizes: Sizes, whole: Sizes) -> Graph:
    """The graph of a SMILES, and perhaps a name after it. Raises ValueError with the reason why no model can place it.

    sizes: the skeletons that the one network has seen; whole: the whole molecules that the other has.
    """
    molecule = read_smiles(row)
    text = molecule.tags["source_smiles"]
    stereo = asked_of(text)
    if (pieces := _pieces(stereo.mol)) > 1:
        raise ValueError(f"{pieces} molecules in one SMILES (a salt?): conformers are of one, leave the others out")
    if marked := [a for a in stereo.mol.GetAtoms() if a.GetIsotope()]:
        raise ValueError(
            f"{marked[0].GetIsotope()}{marked[0].GetSymbol()}: the models know no isotopes; leave them out"
        )
    bare = skeleton(molecule)
    check_classes(bare, sizes)
    for what, have, known in (
        ("heavy atoms", len(bare), sizes.pairs[:, 0]),
        ("atoms", len(molecule), whole.pairs.sum(1)),
    ):
        if have > known.max():
            raise ValueError(f"{have} {what}: this model has seen at most {known.max()}; choose another by --model")
    carrier, light = parents(molecule), np.flatnonzero(molecule.numbers == 1)
    light = light[np.argsort(carrier[light], kind="stable")]
    return Graph(molecule, bare, np.concatenate([np.flatnonzero(molecule.numbers != 1), light]), stereo)


def _pieces(mol) -> int:
    from rdkit import Chem

    return len(Chem.GetMolFrags(mol))


def conformations(tools, graph: Graph, indices: Sequence[int]) -> list[Molecule]:
    """One conformer for the random stream of each index, in the SMILES' order, tagged STEREO (see stereo.turned)."""
    elements, plan = tools.asked.sizes.elements, tools.plan
    places = placed(tools.skeleton, graph.bare, plan, indices, elements=elements, watch=tools.watch(0))
    bare = [replace(graph.bare, positions=p) for p in places]
    light = hydrogens(tools.places, bare, plan, indices, elements=elements, watch=tools.watch(1))
    return [_conformer(tools, graph, s, h, int(i)) for s, h, i in zip(bare, light, indices, strict=True)]


def _conformer(tools, graph: Graph, bare: Skeleton, light: np.ndarray, index: int) -> Molecule:
    positions = np.empty((len(graph.molecule), 3))
    positions[graph.order] = assemble(bare, light).positions
    tags = {k: v for k, v in graph.molecule.tags.items() if k == "NAME"}
    tags |= tools.tags | {
        "INPUT": graph.molecule.tags["source_smiles"],
        "INDEX": index,
        "UNSPECIFIED": graph.stereo.free,
    }
    if not np.isfinite(positions).all():
        positions = np.nan_to_num(positions, nan=0.0, posinf=0.0, neginf=0.0)
        return replace(graph.molecule, positions=positions, tags=tags | {"STEREO": "wrong", "REASON": NOT_FINITE})
    positions, word = turned(graph.stereo, positions)
    return replace(graph.molecule, positions=positions, tags=tags | {"STEREO": word})


def search(tools, graph: Graph, count: int, batch: int, ran=None) -> tuple[list[Molecule], int]:
    """`count` conformers of the right stereo, from the first BUDGET * count streams; and how many were drawn.

    If they do not hold as many, wrong ones make up the number, tagged STEREO = wrong. The same for any batch. ran(right).
    """
    right: list[Molecule] = []
    wrong: list[Molecule] = []
    full, most = together(len(graph.bare)), BUDGET * count
    while len(right) < count and len(right) + len(wrong) < most:
        first = len(right) + len(wrong)
        number = min(batch, most - first, max(full, count - len(right)))
        for one in conformations(tools, graph, range(first, first + number)):
            if len(right) < count:
                (wrong if one.tags["STEREO"] == "wrong" else right).append(one)
        if ran:
            ran(len(right))
    kept = right + wrong[: count - len(right)]
    return sorted(kept, key=lambda m: m.tags["INDEX"]), len(right) + len(wrong)
