"""The verb `difusa detect`: are files generated? An answer for each, how sure it is, and "unsure" where nothing can be told."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, Judged

UNREAD = "not read"  # a row without verdict
PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp")
MOLECULES = (".sdf", ".mol")
CRYSTALS = (".cif", ".vasp", ".poscar")
FRAMES = (".xyz", ".extxyz")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
VOICES = (".wav", ".mp3", ".flac", ".ogg", ".m4a")
WORDS = (".smi", ".smiles", ".txt")


@dataclass(frozen=True)
class Row:
    """One row of one file: what is said of it, or why nothing can be. name: the row in the file, "" if it is alone."""

    file: str
    name: str = ""
    judged: Judged | None = None
    reason: str = ""
    heat: np.ndarray | None = None

    @property
    def verdict(self) -> str:
        return self.judged.verdict if self.judged else UNREAD

    @property
    def sentence(self) -> str:
        """For the terminal."""
        where = f"{self.file}{f', {self.name}' if self.name else ''}"
        if self.judged is None:
            return f"{where}: {UNREAD}: {self.reason}"
        j = self.judged
        if j.kind == "video":
            return f"{where}: {j.verdict}: {'; '.join((j.outside, *j.reasons))}"
        said = f"{where}: {j.verdict} (probability {j.probability:.0%}, {j.low:.0%} to {j.high:.0%})"
        said += f"; of what it knows most like {j.likeness}" if j.likeness else ""
        return said + (f"; outside of what it was tested on: {j.outside}" if j.outside else "")

    def record(self) -> dict:
        """For the report."""
        told = {"file": self.file, "row": self.name, "verdict": self.verdict}
        if self.judged is None:
            return told | {"reason": self.reason}
        tested = [vars(t) for t in self.judged.tested_on]
        return (
            told | {k: v for k, v in vars(self.judged).items() if k not in ("heat", "verdict")} | {"tested_on": tested}
        )


@dataclass(frozen=True)
class Detected:
    """The rows of all files. Exit status 1: one is generated; 3: none is, but one is unsure or could not be read; 0: no sign."""

    rows: tuple[Row, ...]

    @property
    def exit_status(self) -> int:
        said = {row.verdict for row in self.rows}
        return 1 if GENERATED in said else 3 if said & {UNSURE, UNREAD} else 0


def detect(
    file: list[Path], *, report: Path | None = None, maps: Path | None = None, threads: int | None = None
) -> Detected:
    """Whether files look generated: pictures, scans, molecules, crystals. The answer is "generated", "no sign of it" or "unsure".
    Of videos the signs are told, second by second, and no verdict is drawn from them.

    "No sign of it" does not mean that a file is genuine: a generator that the detector never met may leave no sign that it
    knows. Each verdict says on which generators it was tested, and how often it calls real files generated. Whether a file was
    made with Difusa is another question, which `difusa verify` answers. Cloned voices are not judged.

    Ends with 1: at least one is generated; 3: none is, but at least one is unsure or could not be read; 0: no sign in any.

    file: pictures (TIFF, PNG, JPEG, WebP), scans (NIfTI, a DICOM folder, file or zip), molecules (SDF, XYZ), crystals (CIF,
        POSCAR, extended XYZ with a Lattice), videos (MP4, AVI, MOV, MKV, WebM).
        What cannot be read gets a reason, and the rest goes on.
    report: JSON file for the verdicts, with all figures.
    maps: folder for a heat map of each picture, NAME.heat.png: red where the signs lie.
    threads: number of CPU threads.

    Returns the rows.
    """
    from difusa.shared.run import Run, set_threads

    set_threads(threads)
    found: list[Row] = []
    with Run("detect") as run:
        for number, path in enumerate(file):
            rows = judged(Path(path))
            for row in rows:
                print(row.sentence)
                if maps is not None and row.heat is not None:
                    save_map(row, Path(path), Path(maps))
            found += [replace(row, heat=None) for row in rows]
            run.progress(number + 1, len(file))
        for line in dict.fromkeys(notice(r.judged) for r in found if r.judged and r.judged.tested_on):
            print(line)
        run.write(report, files=[row.record() for row in found])
    return Detected(tuple(found))


def notice(said: Judged) -> str:
    """What has to be known of the verdicts on one kind of files."""
    tested = "; ".join(t.sentence for t in said.tested_on) or "nothing"
    return f"{said.kind}s: tested on {tested}; calls {said.false_alarms:.1%} of real ones generated"


def judged(path: Path) -> list[Row]:
    """The rows of one file. Whatever is wrong with it becomes a reason."""
    try:
        return list(judge_of(path)(path))
    except ModuleNotFoundError as error:
        from difusa.apps.cli import missing_package

        return [Row(str(path), reason=missing_package(error.name or str(error)))]
    except (ValueError, OSError, MemoryError) as error:
        from difusa.apps.cli import advice

        return [Row(str(path), reason=advice(error))]


def judge_of(path: Path) -> Callable[[Path], Iterator[Row]]:
    """What judges a file, by its name, of frames of atoms by their second line. Raises ValueError for a kind that none judges."""
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return picture
    if suffix in VIDEOS:
        return video
    if path.is_dir() or suffix in (".nii", ".dcm", ".zip") or path.name.lower().endswith(".nii.gz"):
        return scan
    if suffix in FRAMES:
        with open(path, encoding="utf-8", errors="replace") as lines:
            lines.readline()
            return crystals if "Lattice=" in lines.readline() else molecules
    if suffix in CRYSTALS or path.name.upper() in ("POSCAR", "CONTCAR"):
        return crystals
    if suffix in MOLECULES:
        return molecules
    if suffix in VOICES:
        raise ValueError(f"{path}: cloned voices are not judged")
    if suffix in WORDS:
        raise ValueError(f"{path}: what has no coordinates is not judged; give .sdf or .xyz")
    raise ValueError(
        f"{path}: {suffix or 'a file without ending'} is not judged; give a picture, scan, molecule or crystal"
    )


def picture(path: Path) -> Iterator[Row]:
    """One row, with a heat map."""
    from difusa.domains.heritage.data import load
    from difusa.shared.forensics import detector
    from difusa.shared.forensics.pictures import judge, painted

    pixels = eight_bits(load(path).pixels)
    known = detector.load()
    model = picture_model() if "reconstruction" in known.parts else None
    said = judge(pixels, known, model)
    yield Row(str(path), judged=said, heat=None if said.heat is None else painted(pixels, said.heat))


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] of a picture of 8 or 16 bits, grey or in colour."""
    pixels = pixels if pixels.dtype == np.uint8 else (pixels / 257).round().astype(np.uint8)
    return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels


@cache
def picture_model():
    """The diffusion model that pictures are reconstructed with."""
    from difusa.domains.heritage.network import KINDS
    from difusa.domains.heritage.plain import Plain
    from difusa.domains.models import find

    return Plain(find("restorer", domain="heritage").load(), KINDS.index("unknown"))


def video(path: Path) -> Iterator[Row]:
    """One row: signs, second by second, and no verdict."""
    from difusa.apps.detect_video import judge

    yield Row(str(path), judged=judge(path))


def scan(path: Path) -> Iterator[Row]:
    """One row."""
    from difusa.domains.medical.forensics import judge
    from difusa.domains.medical.readers import load

    yield Row(str(path), judged=judge(load(path)))


def molecules(path: Path) -> Iterator[Row]:
    """A row a molecule."""
    from difusa.domains.molecules.forensics import judge
    from difusa.domains.molecules.readers import load

    for record in load(path):
        yield one_of(path, f"row {record.number}", record.molecule, judge, record.reason)


def crystals(path: Path) -> Iterator[Row]:
    """A row a crystal."""
    from difusa.domains.materials.forensics import judge
    from difusa.domains.materials.readers import load

    for record in load(path):
        name = "" if record.name == path.name else record.name
        yield one_of(path, name, record.crystal, judge, record.reason)


def one_of(path: Path, name: str, value, judge: Callable[[object], Judged], reason: str) -> Row:
    """The row of one value of a file; what cannot be judged has a reason."""
    if value is None:
        return Row(str(path), name, reason=reason)
    try:
        return Row(str(path), name, judge(value))
    except ValueError as why:
        return Row(str(path), name, reason=str(why))


def save_map(row: Row, path: Path, folder: Path) -> None:
    """NAME.heat.png; a second picture of that name gets a number."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / f"{path.name}.heat.png", 1
    while target.exists():
        number += 1
        target = folder / f"{path.name}.{number}.heat.png"
    Image.fromarray(row.heat).save(target)
    print(f"  where: {target}", file=sys.stderr)


__all__ = ["GENERATED", "NO_SIGN", "UNREAD", "UNSURE", "Detected", "Row", "detect", "judged"]
