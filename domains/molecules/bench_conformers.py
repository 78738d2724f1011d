"""Rows of the bench for conformers: ours and RDKit's at equal count, against the DFT geometries of held-out molecules."""

import time
from collections.abc import Callable

import numpy as np

from difusa.domains.molecules.bench_setup import OURS, Setup
from difusa.domains.molecules.conformer_metrics import by_rdkit, of_each, references, wanted
from difusa.domains.molecules.molecule import Molecule, to_rdkit

ETKDG, MMFF = "RDKit ETKDGv3", "RDKit ETKDGv3 + MMFF94"
CHUNK = 20  # molecules between two savings
MOST = 30  # conformers made of a molecule at most, twice its references otherwise
Made = tuple[dict[str, list[Molecule]], dict[str, str]]


def drugs(setup: Setup) -> None:
    """Drug-like molecules of the test scaffolds with at least two DFT conformers."""
    run(setup, "drugs", "drugs", least=2, full=400)


def qm9(setup: Setup) -> None:
    """Molecules of the size of QM9, whose one DFT geometry is the lowest that its authors found."""
    run(setup, "qm9", setup.model, least=1, full=200, unsaid=True)


def run(setup: Setup, data: str, model: str, *, least: int, full: int, unsaid: bool = False) -> None:
    """RDKit's rows, then ours. unsaid: the data's SMILES do not tell their stereo.

    Raises FileNotFoundError for what is missing, when the rows that can be made are made.
    """
    task = f"conformers {data}"
    truth = chosen(references(setup.packed(data), "test", least), setup.usual(setup.asked.n, full, 3), full)
    truth = told(truth) if unsaid else truth
    for method, relax in ((ETKDG, False), (MMFF, True)):

        def made(counts, seed, relax=relax) -> Made:
            return by_rdkit(counts, relax, seed=seed, workers=setup.workers)

        rows_of(setup, method, task, truth, made, settings={"random_seed": 1 + setup.asked.seed})
    models = setup.pair(model, setup.asked.hydrogens if model == setup.model else None)
    settings = {"steps": setup.steps, "hydrogens": models[1].sha256, "threads": setup.threads}
    rows_of(
        setup, OURS, task, truth, lambda counts, seed: ours(setup, models, counts, seed), models[0].sha256, settings
    )


def chosen(truth: dict[str, list[Molecule]], count: int, most: int) -> dict[str, list[Molecule]]:
    """`count` molecules, at most `most`, drawn by seed 0."""
    names = sorted(truth)
    order = np.random.default_rng(0).permutation(len(names))[: min(count, most)]
    return {names[k]: truth[names[k]][: MOST // 2] for k in order}


def told(truth: dict[str, list[Molecule]]) -> dict[str, list[Molecule]]:
    """The same references by SMILES that tell their stereo, read off their geometry."""
    from rdkit import Chem

    found: dict[str, list[Molecule]] = {}
    for molecules in truth.values():
        for molecule in molecules:
            mol = to_rdkit(molecule)
            Chem.AssignStereochemistryFrom3D(mol)
            found.setdefault(Chem.MolToSmiles(Chem.RemoveHs(mol)), []).append(molecule)
    return found


def rows_of(
    setup: Setup,
    method: str,
    task: str,
    truth: dict,
    make: Callable[[dict[str, int], int], Made],
    model=None,
    settings=None,
) -> None:
    """One row; the molecules are its items. A molecule without conformers is not covered and has nothing to match."""

    def score(items):
        some = {s: truth[s] for s in items}
        began = time.perf_counter()
        made, failed = make(wanted(some), setup.asked.seed)
        seconds = (time.perf_counter() - began) / len(items)
        each, reasons = of_each(some, made, workers=setup.workers)
        for s in items:
            why = failed.get(s) or reasons.get(s)
            yield each[s] | {"seconds": seconds, "conformers": len(made.get(s, ()))} | ({"failed": why} if why else {})

    row = setup.store.row(
        method, task, list(truth), score, chunk=CHUNK, seeds=[setup.asked.seed], model=model,
        settings=(settings or {}) | {"factor": 2, "most": MOST},
    )  # fmt: skip
    setup.tell(
        row, ("coverage_recall_0.75", "coverage_precision_0.75", "matching_recall", "matching_precision", "seconds")
    )


def ours(setup: Setup, models, counts: dict[str, int], seed: int) -> Made:
    """The verb's conformers, as many as counts[SMILES] says; what it refuses has its reason."""
    from difusa.domains.molecules.conformers import conformers
    from difusa.domains.molecules.readers import load

    made, failed = {}, {}
    for count in sorted(set(counts.values())):
        some, out = [s for s, c in counts.items() if c == count], setup.work / "conformers.sdf"
        try:
            told = conformers(
                some, out=out, count=count, steps=setup.steps, seed=seed, model=str(models[0].folder),
                hydrogens=str(models[1].folder), device=setup.asked.device, threads=setup.threads,
                progress=lambda done, total: None,
            )  # fmt: skip
        except ValueError as why:  # none of them can be drawn
            failed |= dict.fromkeys(some, str(why))
            continue
        for record in load(out):
            if record.molecule is not None:
                made.setdefault(str(record.molecule.tags["INPUT"]), []).append(record.molecule)
        failed |= {some[f["row"] - 1]: f["reason"] for f in told["failures"]}
    return made, failed
