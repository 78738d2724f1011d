"""The one report on a set of molecules: legacy and corrected figures side by side.

Of all rows of the file; what cannot be read is neither valid nor stable:
  validity                    RDKit sanitises the whole molecule (not its largest fragment) with its own bonds and charges,
                              no hydrogens implied, and reads the SMILES that it writes of it
  valid_connected             valid, and one fragment
  molecule_stability          all atoms stable by their own bonds, corrected valences (stability.py)
  *_legacy, *_lookup          the same figures, aromatic bonds counted as 1; by EDM's distances (lookup.py), charges unseen
Of all atoms that could be read: atom_stability, atom_stability_legacy, atom_stability_lookup.
Of the valid: uniqueness = different canonical SMILES without stereo; of these: novelty = not in the training split.
Of a seeded draw of the rows (judges.py):
  posebusters_valid           all checks passed; not so where it gives no answer in time (`posebusters_failed`)
  xtb_relaxation_kcal_median, xtb_rmsd_median
                              of those valid and connected: energy set free, kcal/mol, and way of the heavy atoms, angstrom
Of the valid: `distributions` against the held-out split, each beside its floor: as many molecules of the calibrate split.
Shares have Wilson intervals (over molecules where atoms are counted), medians those of the order statistics.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from difusa.domains.molecules import distributions, lookup, stability
from difusa.domains.molecules.judges import BUST_SECONDS, SECONDS, bust, relax
from difusa.domains.molecules.molecule import Molecule, canonical, to_rdkit
from difusa.domains.molecules.packed import Packed
from difusa.shared.judging import NOTHING, as_json, each, failure, proportion
from difusa.shared.metrics import Interval, median, share

REFERENCE = 5000  # molecules of the held-out split that distributions are measured against, drawn with seed 0


@dataclass(frozen=True)
class Row:
    """One row to judge: its molecule, or None and why. bonded: the molecule brings its own bonds and charges."""

    molecule: Molecule | None
    reason: str = ""
    bonded: bool = True


@dataclass(frozen=True)
class Verdict:
    """What RDKit makes of a row: canonical SMILES without stereo ("" if it is invalid), fragments, the reason."""

    smiles: str
    fragments: int = 0
    reason: str = ""


def verdict(row: Row) -> Verdict:
    """Whether a row is valid, see above."""
    from rdkit import Chem

    if row.molecule is None:
        return Verdict("", reason=row.reason)
    try:
        mol = to_rdkit(row.molecule)
    except ValueError as why:
        return Verdict("", reason=" ".join(str(why).split()))
    fragments, smiles = len(Chem.GetMolFrags(mol)), canonical(mol)
    return Verdict(smiles, fragments, "" if smiles else "RDKit does not read the SMILES that it writes")


def measure(
    rows: list[Row], packed: Packed, *, costly: int = 1000, seed: int = 0, workers: int = 1, seconds: float = SECONDS,
    reference: int = REFERENCE,
) -> dict:  # fmt: skip
    """The report of rows against a data set, as described above: {figure: {value, low, high, n, groups}, ...}.

    costly: how many rows the costly judges see. workers: their processes. seconds: their limit a molecule, PoseBusters'
        no more than BUST_SECONDS.
    reference: molecules of the held-out split that distributions are measured against. Beside the figures: `failures`, one
    entry for each row and judge, with the reason; `posebusters_checks`; `distributions`; `seconds_a_molecule` of the costly
    judges. A figure without a trial has n = 0 and no value.
    """
    if not rows:
        raise ValueError("no molecules to judge")
    verdicts = [verdict(r) if r.bonded else Verdict("") for r in rows]
    failures = [failure(i, "read", r.reason) for i, r in enumerate(rows) if r.molecule is None]
    failures += [
        failure(i, "validity", v.reason) for i, v in enumerate(verdicts) if v.reason and rows[i].molecule is not None
    ]
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:costly]).tolist()
    judged, failed = _judged(rows, verdicts, drawn, workers, seconds)
    figures, rest = graph_figures(rows, verdicts, packed) | judged.pop("figures"), judged
    return {
        "rows": len(rows),
        **{name: as_json(figure) for name, figure in figures.items()},
        **rest,
        "distributions": compare(rows, verdicts, packed, reference),
        "failures": failures + failed,
    }


def graph_figures(rows: list[Row], verdicts: list[Verdict], packed: Packed) -> dict[str, Interval]:
    """All figures that need neither judges nor a reference set."""
    patterns, known = _known(packed)
    own = [(r, v) for r, v in zip(rows, verdicts) if r.bonded] if any(r.bonded and r.molecule for r in rows) else []
    valid = [v for _, v in own if v.smiles]
    unique = {v.smiles for v in valid}
    at = [(r.molecule.numbers, r.molecule.positions) if r.molecule else None for r in rows]
    return {
        "validity": proportion([bool(v.smiles) for _, v in own]),
        "valid_connected": proportion([bool(v.smiles) and v.fragments == 1 for _, v in own]),
        **_stabilities("", [r.molecule and stability.stable(r.molecule, patterns) for r, _ in own]),
        "uniqueness": proportion([1] * len(unique) + [0] * (len(valid) - len(unique))),
        "novelty": proportion([s not in known for s in unique]),
        **_stabilities("_legacy", [r.molecule and stability.stable_legacy(r.molecule) for r, _ in own]),
        "validity_lookup": proportion([bool(a) and bool(lookup.lookup_smiles(*a)) for a in at]),
        **_stabilities("_lookup", [a and lookup.stable_lookup(*a) for a in at]),
    }


def _stabilities(suffix: str, atoms: list[np.ndarray | None]) -> dict[str, Interval]:
    read = [a for a in atoms if a is not None]
    of_atoms = share([a.sum() for a in read], [len(a) for a in read]) if read else NOTHING
    whole = proportion([a is not None and bool(a.all()) for a in atoms])
    return {f"atom_stability{suffix}": of_atoms, f"molecule_stability{suffix}": whole}


def _judged(rows: list[Row], verdicts: list[Verdict], drawn: list[int], workers: int, seconds: float):
    """Figures of the costly judges on the rows drawn, and their failures."""
    for_xtb = [i for i in drawn if verdicts[i].smiles and verdicts[i].fragments == 1]
    for_poses = [i for i in drawn if rows[i].bonded and rows[i].molecule]
    molecules = [r.molecule for r in rows]
    relaxed, late, xtb_time = each(relax, molecules, for_xtb, workers, seconds, "GFN2-xTB")
    poses, broken, pose_time = each(bust, molecules, for_poses, workers, min(seconds, BUST_SECONDS), "PoseBusters")
    relaxed, poses = list(relaxed.values()), list(poses.values())
    lost = sum(rows[i].molecule is None for i in drawn) if for_poses else 0
    checks = {n: proportion([p.get(n, False) for p in poses]) for n in dict.fromkeys(n for p in poses for n in p)}
    hits = [all(p.values()) for p in poses] + [False] * (len(broken) + lost)
    figures = {
        "xtb_relaxation_kcal_median": median([r.kcal for r in relaxed]) if relaxed else NOTHING,
        "xtb_rmsd_median": median([r.rmsd for r in relaxed]) if relaxed else NOTHING,
        "posebusters_valid": proportion(hits),
    }
    return {
        "figures": figures,
        "costly_rows": len(drawn),
        "xtb_failed": len(late),
        "posebusters_failed": len(broken),
        "posebusters_checks": {n: as_json(c) for n, c in checks.items()},
        "seconds_a_molecule": {"xtb": xtb_time, "posebusters": pose_time},
    }, late + broken


@lru_cache(maxsize=4)
def _known(packed: Packed) -> tuple[stability.Patterns, frozenset[str]]:
    """What the training split knows: patterns of valence, and molecules."""
    return stability.training_patterns(packed), frozenset(packed.smiles[packed.rows("train")].tolist())


@lru_cache(maxsize=8)
def _usual(packed: Packed, split: str, count: int) -> dict[str, object]:
    return distributions.profile(_draw(packed, split, count))


def compare(rows: list[Row], verdicts: list[Verdict], packed: Packed, count: int = REFERENCE) -> dict[str, dict]:
    """Distances of the valid molecules from the held-out split (`count` of them), each with its floor."""
    chosen = [r.molecule for r, v in zip(rows, verdicts) if v.smiles]
    if not chosen:
        return {}
    reference = _usual(packed, "test", count)
    found = distributions.distances(distributions.profile(chosen), reference)
    floor = distributions.distances(_usual(packed, "calibrate", min(len(chosen), count)), reference)
    keys = ("wasserstein", "jensen_shannon")
    return {name: row | {"floor": {k: floor[name].get(k) for k in keys}} for name, row in found.items()}


def _draw(packed: Packed, split: str, count: int) -> list[Molecule]:
    order = np.random.default_rng(0).permutation(packed.rows(split))
    return [packed.molecule(int(i)) for i in order[packed.smiles[order] != ""][:count]]
