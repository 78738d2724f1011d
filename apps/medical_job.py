"""What a medical job does in its own process: the verb, and a zip of the DICOM series it wrote."""

import zipfile
from collections.abc import Callable
from pathlib import Path

OUT, DICOM, REPORT = "made.nii.gz", "dicom", "report.json"


def translate(progress: Callable[[int, int], None], **arguments) -> None:
    """Translates a scan; leaves OUT, its half-widths, the report and DICOM.zip."""
    from difusa.domains.medical.task import translate

    translate(progress=progress, out=Path(OUT), dicom=Path(DICOM), report=Path(REPORT), **_paths(arguments))
    pack(Path(DICOM), Path(f"{DICOM}.zip"))


def play(progress: Callable[[int, int], None], **arguments) -> None:
    """Plays a disease through; leaves the folder `months`, months.zip (NIfTI), DICOM.zip and the report."""
    from difusa.domains.medical.progress import progress as played

    played(progress=progress, out=Path("months"), dicom=True, report=Path(REPORT), **_paths(arguments))
    pack(Path("months"), Path("months.zip"), "*.*")
    pack(Path("months"), Path(f"{DICOM}.zip"), "*_dicom*/*")


def _paths(arguments: dict) -> dict:
    """The arguments as the verbs take them: names of files as paths."""
    made = dict(arguments)
    if "scans" in made:
        made["scans"] = [Path(p) for p in made["scans"]]
    return made | {k: Path(made[k]) for k in ("scan", "mask") if made.get(k)}


def pack(folder: Path, path: Path, pattern: str = "*") -> None:
    """The files of a folder in a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.glob(pattern)):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
