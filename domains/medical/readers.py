"""From what a user names (a NIfTI file, a DICOM folder, zip or DICOMDIR) to a scan; a batch goes on after a refusal."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from difusa.domains.medical import dicom, nifti
from difusa.domains.medical.checks import BYTES_A_FILE, FILES, Refused, check_depth
from difusa.domains.medical.contrast import recognised
from difusa.domains.medical.scan import Scan
from difusa.domains.medical.slices import Part, read

BESIDE = {
    ".txt",
    ".json",
    ".xml",
    ".md",
    ".csv",
    ".html",
    ".jpg",
    ".png",
    ".pdf",
    ".exe",
    ".inf",
}  # lie beside DICOM files
DIRECTORY = 2**23  # bytes of a zip's table of contents: 20,000 names of 400 letters
UNPACKED = 2**31  # bytes of all files of a zip


def load(path, contrast: str | None = None) -> Scan:
    """One scan from a .nii or .nii.gz file, or a folder, zip or DICOMDIR of one DICOM series, its contrast recognised.

    contrast: what the user says it is. Raises FileNotFoundError, or Refused (a ValueError) naming the file and the way out.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    if path.is_dir():
        scan = dicom.load(folder_parts(path), str(path))
    elif path.name.upper() == "DICOMDIR":
        scan = dicom.load(folder_parts(path.parent), str(path))
    elif nifti.is_nifti(path):
        scan = nifti.load(path)
    elif zipfile.is_zipfile(path):
        scan = dicom.load(zip_parts(path), str(path))
    elif path.is_file():
        scan = dicom.load([_file(path)], str(path))
    else:
        raise Refused(f"{path}: neither a file nor a folder")
    return replace(scan, contrast=recognised(scan, path, contrast))


def load_all(paths: Iterable, contrast: str | None = None) -> Iterator[tuple[Path, Scan | Exception]]:
    """Each path with its scan, or with the ValueError or OSError that says why there is none; the rest goes on."""
    for path in paths:
        try:
            yield Path(path), load(path, contrast)
        except (ValueError, OSError, MemoryError) as error:
            yield Path(path), error


def _file(path: Path) -> Part:
    return Part(str(path), path.stat().st_size, lambda: open(path, "rb"))


def folder_parts(folder: Path) -> list[Part]:
    """The files of a folder and its subfolders that may be DICOM; a DICOMDIR is checked. Raises Refused for too many."""
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        found += [Path(place, n) for n in names]
        if len(found) > FILES:
            raise Refused(f"{folder}: more than {FILES} files; give a folder of one series")
    files = sorted(p for p in found if p.is_file() and p.suffix.lower() not in BESIDE and not p.name.startswith("."))
    for path in files:
        if path.name.upper() == "DICOMDIR":
            check_directory(path, folder)
    return [_file(p) for p in files]


def check_directory(path: Path, folder: Path) -> None:
    """Refuses a DICOMDIR that names a file outside of its folder, or one that is not there."""
    dataset = read(_file(path))
    check_depth(path, dataset)
    for record in dataset.get("DirectoryRecordSequence") or []:
        named = record.get("ReferencedFileID")
        if not named:
            continue
        parts = [named] if isinstance(named, str) else [str(p) for p in named]
        said = "/".join(parts)
        target = path.parent.joinpath(*parts)
        if unsafe(said) or not target.resolve().is_relative_to(folder.resolve()):
            raise Refused(f"{path}: names a file outside of its folder ({said!r}); nothing of it was read")
        if not target.is_file():
            raise Refused(f"{path}: names {said!r}, which is not there; get the whole medium")


def unsafe(name: str) -> bool:
    """Whether a name inside an archive leads out of it, on any system."""
    windows = PureWindowsPath(name)
    outside = windows.drive or windows.root or ".." in windows.parts or ".." in PurePosixPath(name).parts
    return bool(outside or "\0" in name or len(name) > 1024)


def check_contents(path: Path) -> None:
    """Refuses a zip of too many entries by its last record, before the table of contents is read.

    Source: PKWARE APPNOTE 6.3, 4.3.14 and 4.3.16.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**16 - 22 - 76))
        tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + 22:
        raise Refused(f"{path}: the zip file is truncated; get a fresh copy")
    count, length = struct.unpack("<10xHI", tail[place : place + 16])
    larger = tail.rfind(b"PK\6\6")
    if larger >= 0 and len(tail) >= larger + 48:
        count, length = struct.unpack("<32xQQ", tail[larger : larger + 48])
    if count > FILES or length > DIRECTORY:
        raise Refused(f"{path}: {count} entries, the limit is {FILES}; pack one series alone")


def zip_parts(path: Path) -> list[Part]:
    """The files of a zip that may be DICOM; they are read in memory and never written to disk.

    Raises Refused for names that lead out of it, links, passwords, too many entries or too much inside.
    """
    check_contents(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Refused(f"{path}: the zip file is damaged ({error}); get a fresh copy") from error
    total = 0
    for entry in entries:
        total += entry.file_size
        if unsafe(entry.orig_filename):
            raise Refused(
                f"{path}: the entry {entry.orig_filename[:80]!r} leads out of the archive; nothing of it was read"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused(f"{path}: the entry {entry.filename!r} is a link; pack the files themselves")
        if entry.flag_bits & 1:
            raise Refused(f"{path}: the entry {entry.filename!r} has a password; unpack it first")
        if entry.file_size > BYTES_A_FILE or total > UNPACKED:
            raise Refused(
                f"{path}: unpacks to more than {BYTES_A_FILE >> 20} MB a file or {UNPACKED >> 30} GB; pack one series alone"
            )
    kept = [
        e
        for e in entries
        if Path(e.filename).suffix.lower() not in BESIDE and not Path(e.filename).name.startswith(".")
    ]
    return [
        Part(f"{path}: {e.filename}", e.file_size, _member(path, e)) for e in sorted(kept, key=lambda e: e.filename)
    ]


def _member(path: Path, entry: zipfile.ZipInfo):
    def opened():
        try:
            with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
                return io.BytesIO(file.read(entry.file_size + 1))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
            raise Refused(f"{path}: {entry.filename} cannot be unpacked ({error}); get a fresh copy") from error

    return opened
