"""The verb that judges a file of molecules; what its figures mean is said in report.py."""

import io
from collections import Counter
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Molecule
from difusa.domains.molecules.report import Row, measure


def load_rows(path: Path | str) -> list[Row]:
    """The rows of a file as `readers.load` reads them; frames of XYZ that bring no bonds stay without: nothing is guessed.

    Raises ValueError for a file without coordinates, else as readers.load.
    """
    from difusa.domains.molecules.readers import cut_xyz, load

    path = Path(path)
    if path.suffix.lower() in (".smi", ".smiles", ".txt"):
        raise ValueError(f"{path}: SMILES have no coordinates to judge; give .sdf, .mol, .xyz or .extxyz")
    frames = list(cut_xyz(path.read_text(errors="replace"))) if path.suffix.lower() in (".xyz", ".extxyz") else []
    without = [i for i, frame in enumerate(frames) if "bonds=" not in frame]
    if frames and len(without) == len(frames):
        return [bare(frame) for frame in frames]
    rows = [Row(r.molecule, r.reason) for r in load(path)]
    for i in without:
        rows[i] = bare(frames[i])
    return rows


def bare(frame: str) -> Row:
    """A frame of XYZ as atoms without bonds."""
    from ase.io import read

    from difusa.domains.molecules.readers import LARGEST

    lines = frame.splitlines()
    try:
        if not lines[0].strip().isdecimal() or len(lines) != int(lines[0]) + 2 or not 0 < int(lines[0]) <= LARGEST:
            raise ValueError(f"the frame begins with {lines[0][:40]!r} and has {max(len(lines) - 2, 0)} atom lines")
        atoms = read(io.StringIO(frame), format="extxyz")
    except Exception as why:  # whatever the parser raises at a stranger's text is that row's reason
        return Row(None, " ".join(str(why).split()) or type(why).__name__, bonded=False)
    if not np.isfinite(atoms.positions).all():
        return Row(None, "a position is not finite", bonded=False)
    nothing = np.zeros(len(atoms), np.int8), np.zeros((0, 3), np.int32)
    return Row(Molecule(atoms.numbers.astype(np.uint8), atoms.positions.astype(float), *nothing), bonded=False)


def evaluate(
    path: Path,
    *,
    against: str = "qm9",
    data: Path | None = None,
    costly: int = 1000,
    seed: int = 0,
    workers: int = 1,
    report: Path | None = None,
) -> dict:
    """Judge the molecules of a file: valid, stable, new, at ease under quantum chemistry, and like the data.

    path: .sdf or .extxyz; .xyz without bonds is judged by distances alone.
    against: the data set that says what is stable, known and usual: qm9 or drugs.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    costly: how many rows, drawn by the seed, go to GFN2-xTB and PoseBusters (0 for none).
    seed: of that draw.
    workers: processes for them; each uses one core.
    report: JSON file for the same figures, with the reason of every failure.

    Rows that cannot be read count as failures. Returns the report of `measure`. Raises ValueError for another data set or
    format, and for a file without rows.
    """
    from difusa.domains.molecules import drugs, qm9
    from difusa.shared.files import write_json

    sets = {"qm9": qm9.load, "drugs": drugs.load}
    if against not in sets:
        raise ValueError(f"--against {against}: choose from {', '.join(sets)}")
    if costly < 0 or workers < 1:
        raise ValueError(f"--costly {costly} --workers {workers}: at least 0 rows and 1 worker")
    rows = load_rows(path)
    if not rows:
        raise ValueError(f"{path} holds no molecule")
    found = {"file": str(path), "against": against} | measure(
        rows, sets[against](data), costly=costly, seed=seed, workers=workers
    )
    print(table(found))
    if report:
        write_json(Path(report), found)
    return found


def table(found: dict) -> str:
    """The report as text."""
    lines = [f"{found['rows']} molecules against {found.get('against', 'the data')}"]
    for name, f in found.items():
        if isinstance(f, dict) and "groups" in f:
            by = 1 if "xtb" in name else 100
            unit = "" if by == 1 else " %"
            text = (
                "-"
                if f["value"] is None
                else f"{by * f['value']:.2f}{unit} ({by * f['low']:.2f} to {by * f['high']:.2f})"
            )
            lines.append(f"  {name:<28} {text:<28} n={f['n']}")
    lines.append(f"  {'distance from held-out':<28} {'Wasserstein-1':>14} {'floor':>9} {'JS (bits)':>11} {'floor':>9}")
    for name, d in found["distributions"].items():
        cells = [d.get("wasserstein"), d["floor"]["wasserstein"], d.get("jensen_shannon"), d["floor"]["jensen_shannon"]]
        texts = ["-" if c is None else f"{c:.4f}" for c in cells]
        lines.append(f"  {name:<28} {texts[0]:>14} {texts[1]:>9} {texts[2]:>11} {texts[3]:>9}")
    for judge, count in Counter(f["judge"] for f in found["failures"]).items():
        first = next(f for f in found["failures"] if f["judge"] == judge)
        lines.append(f"  failed, {judge}: {count}; first: row {first['row']}, {first['reason']}")
    return "\n".join(lines)
