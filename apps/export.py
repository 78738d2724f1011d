"""The verb `difusa export`: a released data set as plain files, its pictures with Content Credentials."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

PAPERS = ("RELEASE.json", "card.*.md", "datasheet.*.md", "papers")


def export(dir: Path, *, out: Path, c2pa: bool = True, progress: Callable[[int, int], None] | None = None) -> dict:
    """Write a released data set out as plain files: a folder a sample, and beside it the signed record of its files.

    Inside shards a picture carries a passport that tells no time, so that equal runs give equal bytes. Where it leaves, Content
    Credentials (C2PA) take its place: they tell the same facts, have a time and a random number inside, and are read by other
    programs. `difusa verify OUT/ID` and `difusa verify OUT/ID/PICTURE` check both. Shards stay as they are.

    dir: data set that `difusa release` let go.
    out: folder to write; new or empty.
    c2pa: Content Credentials in PNG, JPEG and TIFF files that were generated; --no-c2pa leaves the passports in.
    progress: called with (done, total) samples.

    Returns {"samples", "pictures"}: how many were written, and how many carry credentials. Raises ValueError or OSError with the
    way out.
    """
    from difusa.apps.audit import content
    from difusa.apps.verify import trusted
    from difusa.datasets.reading import table
    from difusa.domains import domain
    from difusa.ethics.gate import released
    from difusa.shared.passport.keys import mine
    from difusa.shared.run import Run

    folder, out, trust, keys = Path(dir), empty(out), trusted(), mine()
    manifest = released(folder, trust, content(folder))
    signed = domain(manifest["recipe"]["domain"]).factory().signed if c2pa else ()
    total, pictures = sum(bool(s) for s in table(folder)["shard"].to_pylist()), 0
    with Run("export", progress=progress) as run:
        for done, (name, files) in enumerate(samples(folder), start=1):
            files, credited = leaving(name, files, signed, keys, trust)
            pictures += credited
            write(out, name, files)
            run.progress(done, total)
    for pattern in PAPERS:
        for path in folder.glob(pattern):
            (shutil.copytree if path.is_dir() else shutil.copyfile)(path, out / path.name)
    print(f"{out}: {total} samples, {pictures} pictures with Content Credentials")
    return {"samples": total, "pictures": pictures}


def empty(out: Path) -> Path:
    """The folder itself. Raises ValueError where something lies in it."""
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out {out}: something lies there already; name a new folder")
    return out


def samples(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Name and files of each sample of the shards, in order."""
    name, files = "", {}
    for shard in sorted(folder.glob("shards/*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                own = entry.name.partition(".")[0]
                if own != name and files:
                    yield name, files
                    files = {}
                name, files[entry.name] = own, tar.extractfile(entry).read()
    if files:
        yield name, files


def leaving(name: str, files: dict[str, bytes], signed: tuple[str, ...], keys, trust) -> tuple[dict[str, bytes], int]:
    """The files as they leave, their record the last, and how many carry credentials. Raises ValueError for a sample whose own
    record is not ours: nobody signs for what others made."""
    from difusa.shared.passport import content
    from difusa.shared.passport.credentials import FORMATS, credentialed
    from difusa.shared.passport.samples import RECORD, record
    from difusa.shared.passport.signing import opened, standing

    own = opened(files.pop(f"{name}.{RECORD}"))
    if (who := standing(own, trust)) != "ours":
        raise ValueError(f"sample {name} bears a signature that is {who}; export it where its keys are")
    made, credited = own.record["made"], 0
    for file, data in files.items():
        found = content.opened(data, file) if file.partition(".")[2] in signed else None
        if found is not None and found.kind in FORMATS:
            files[file] = credentialed(found.data, found.kind, made)
            credited += 1
    return files | {f"{name}.{RECORD}": record(files, made, keys)}, credited


def write(out: Path, name: str, files: dict[str, bytes]) -> None:
    """A sample's folder, and its record beside it, where `difusa verify` looks for it."""
    from difusa.shared.files import write_atomic
    from difusa.shared.passport.samples import RECORD

    for file, data in files.items():
        place = out / file if file == f"{name}.{RECORD}" else out / name / file
        write_atomic(place, lambda temporary, data=data: temporary.write_bytes(data))
