"""How well conformers cover reference geometries, and how well they match: COV and MAT (Ganea et al. 2021, GeoMol, eqs. 8, 9).

Distance: RMSD of the heavy atoms after the best rotation, the smallest over the graph's automorphisms. Recall asks whether each
reference has a conformer near it, precision whether each conformer has a reference near it. All methods make as many.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from difusa.domains.molecules.molecule import Molecule, from_rdkit, to_rdkit
from difusa.domains.molecules.packed import Packed
from difusa.shared.limited import limited
from difusa.shared.metrics import interval

THRESHOLDS = (0.75, 1.25)  # angstrom
MATCHES = 10_000  # automorphisms tried for a pair; the first ones, where a graph has more
SECONDS = 60.0  # of a processor, for one molecule of one method


def references(packed: Packed, split: str = "test", least: int = 2) -> dict[str, list[Molecule]]:
    """SMILES as the source writes it (with stereo) -> its conformers, at least `least`, in the order of the file."""
    found: dict[str, list[int]] = {}
    for i in packed.rows(split).tolist():
        found.setdefault(str(packed.source_smiles[i]), []).append(i)
    return {s: [packed.molecule(i) for i in rows] for s, rows in found.items() if len(rows) >= least}


def etkdg(item: tuple[str, int, int, bool]) -> list[Molecule]:
    """Conformers of (smiles, count, seed, relax) by ETKDGv3 (Wang et al. 2020), relaxed with MMFF94 if told so.

    Raises ValueError when none can be embedded, or MMFF94 lacks parameters.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    smiles, count, seed, relax = item
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    options = rdDistGeom.ETKDGv3()
    options.randomSeed, options.numThreads = 1 + seed, 1  # of 0, RDKit makes all conformers alike
    made = list(rdDistGeom.EmbedMultipleConfs(mol, count, options))
    if not made:
        raise ValueError("ETKDG embeds no conformer")
    if relax:
        if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            raise ValueError("MMFF94 has no parameters for it")
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=2000)
    return [from_rdkit(mol, k) for k in made]


def by_rdkit(
    counts: dict[str, int], relax: bool, *, seed: int = 0, seconds: float = SECONDS, workers: int = 1
) -> tuple[dict[str, list[Molecule]], dict[str, str]]:
    """SMILES -> RDKit's conformers, as many as counts[SMILES] says; and SMILES -> reason for those that failed."""
    items = [(smiles, count, seed, relax) for smiles, count in counts.items()]
    return _each(etkdg, list(counts), items, seconds, workers)


def distances(item: tuple[Sequence[Molecule], Sequence[Molecule]]) -> np.ndarray:
    """RMSD [references, made] in angstrom of the heavy atoms. Raises RuntimeError if their graphs differ."""
    from rdkit import Chem
    from rdkit.Chem.rdMolAlign import GetBestRMS

    truth, made = ([Chem.RemoveHs(to_rdkit(m)) for m in some] for some in item)
    return np.array([[GetBestRMS(Chem.Mol(b), a, maxMatches=MATCHES) for b in made] for a in truth])


def compare(
    truth: dict[str, list[Molecule]],
    methods: dict[str, dict[str, list[Molecule]]],
    *,
    counts: dict[str, int] | None = None,
    seconds: float = SECONDS,
    workers: int = 1,
) -> dict[str, dict]:
    """Method -> its figures over the molecules of `truth`, each {mean, low, high, median, n}; matching in angstrom.

    coverage_recall_0.75, coverage_precision_0.75, the same at 1.25, matching_recall, matching_precision. methods: method ->
    SMILES -> conformers. counts: how many conformers each molecule may have, by default twice its references. A molecule
    without conformers is not covered and is left out of the matching; `failures` tells it, with the reason, and so does
    `fewer` the molecules with less than their count. Raises ValueError for a method that made more than the others may.
    """
    allowed = counts or wanted(truth)
    report = {}
    for method, made in methods.items():
        if many := [s for s in truth if len(made.get(s, ())) > allowed[s]]:
            raise ValueError(
                f"{method} made {len(made[many[0]])} conformers of {many[0]}, {allowed[many[0]]} are allowed"
            )
        each, failures = of_each(truth, made, seconds=seconds, workers=workers)
        fewer = sum(0 < len(made.get(s, ())) < allowed[s] for s in truth)
        report[method] = _means(list(each.values())) | {"failures": failures, "fewer": fewer}
    return report


def wanted(truth: dict[str, list[Molecule]], factor: int = 2) -> dict[str, int]:
    """Conformers to make of each molecule: GeoMol's 2 for each reference."""
    return {smiles: factor * len(found) for smiles, found in truth.items()}


def of_each(
    truth: dict[str, list[Molecule]], made: dict[str, list[Molecule]], *, seconds: float = SECONDS, workers: int = 1
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """SMILES -> the figures of one molecule (see `scores`), for each of `truth`; and SMILES -> reason for those that failed."""
    some = [s for s in truth if made.get(s)]
    tables, failures = _each(distances, some, [(truth[s], made[s]) for s in some], seconds, workers)
    failures |= {s: "no conformer" for s in truth if not made.get(s)}
    return {s: scores(tables.get(s)) for s in truth}, failures


def scores(table: np.ndarray | None) -> dict[str, float]:
    """Figures of one molecule out of its RMSD [references, made]; None: nothing is covered, and nothing to match."""
    found = {}
    for name, axis in (("recall", 1), ("precision", 0)):
        near = np.zeros(0) if table is None else table.min(axis)
        for threshold in THRESHOLDS:
            found[f"coverage_{name}_{threshold}"] = float((near < threshold).mean()) if len(near) else 0.0
        found |= {f"matching_{name}": float(near.mean())} if len(near) else {}
    return found


def _figures(tables: Sequence[np.ndarray | None]) -> dict[str, dict]:
    """The means over molecules; tables: RMSD [references, made] of each, or None."""
    return _means([scores(t) for t in tables])


def _means(each: Sequence[dict[str, float]]) -> dict[str, dict]:
    names = [f"{f}_{n}{t}" for n in ("recall", "precision") for f, t in
             (*(("coverage", f"_{t}") for t in THRESHOLDS), ("matching", ""))]  # fmt: skip
    return {name: _mean(one[name] for one in each if name in one) for name in names}


def _mean(values: Iterable[float]) -> dict:
    numbers = list(values)
    if not numbers:
        return {"mean": None, "low": None, "high": None, "median": None, "n": 0}
    found = interval(numbers)
    plain = {"mean": found.value, "low": found.low, "high": found.high, "median": float(np.median(numbers))}
    return {k: None if v != v else v for k, v in plain.items()} | {"n": len(numbers)}  # NaN is no JSON


def _each(function, names: list[str], items: list, seconds: float, workers: int) -> tuple[dict, dict[str, str]]:
    """Name -> value and name -> reason, each in its own time in a child process."""
    found, failed = {}, {}
    for k, outcome in limited(function, items, seconds=seconds, workers=workers):
        if outcome.reason:
            failed[names[k]] = outcome.reason
        else:
            found[names[k]] = outcome.value
    return found, failed
