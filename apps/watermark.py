"""The verbs `difusa watermark`: put a mark into a picture of your own, read marks, take your own out again."""

import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from difusa.apps.verify import trusted
from difusa.shared.files import write_text

SURE, SURE_OF_MATTER = (
    1e-6,
    1e-3,
)  # p-values below which a mark is said to be there; molecules and crystals have few numbers


def embed(picture: Path, *, out: Path, passport: bool = True) -> dict:
    """Put a mark of your key into a picture: hardly to be seen, read back after JPEG, crop, turn and other sizes.

    It says who marked it and carries 48 bits by which copies differ; nobody reads it without your key. The passport knows how
    to take it out again, `difusa watermark remove`.

    picture: TIFF, PNG, JPEG or WebP of 8 or 16 bits.
    out: the marked picture, .tif or .png.
    passport: write OUT.passport.json, without which the mark cannot be taken out.

    Returns what the passport tells of the mark. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.heritage.data import load
    from difusa.domains.heritage.export import check_target, save
    from difusa.shared.passport import Facts, attach
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.pictures import put

    check_target(out)
    if Path(out).resolve() == Path(picture).resolve():
        raise ValueError(f"--out {out} is the picture itself: name another file")
    given = load(picture)
    pixels, facts = put(given.pixels, mine(), given.sha256)
    save(replace(given, pixels=pixels), out)
    if passport:
        source = {"name": Path(picture).name, "sha256": given.sha256}
        attach(Path(out), Facts("watermark embed", sources=(source,), watermark=facts, source_type=""))
    print(f"{out}: marked, {facts['decibel']} dB from the original, payload {facts['payload']}")
    return facts


def remove(picture: Path, *, out: Path, passport: Path | None = None) -> Path:
    """Take your own mark out of a picture or scan, without loss: it is then as it was before it was marked.

    picture: as it was written; a changed one is refused. A picture, or a NIfTI file (of broken numbers to within rounding).
    out: the picture without the mark, .tif or .png; the scan, .nii.gz.
    passport: the sidecar, if it does not lie beside the picture as PICTURE.passport.json.

    Returns the file. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.heritage.data import load
    from difusa.domains.heritage.export import check_target, save
    from difusa.shared.passport.attaching import sidecar
    from difusa.shared.passport.keys import mine
    from difusa.shared.passport.verdict import INTACT, verdict
    from difusa.shared.watermark.pictures import taken_out

    if not is_scan(picture):
        check_target(out)
    elif not (Path(picture).is_file() and str(out).lower().endswith((".nii", ".nii.gz"))):
        raise ValueError(f"{picture}: of scans a mark is taken out of NIfTI files only, into --out FILE.nii.gz")
    if Path(out).resolve() == Path(picture).resolve():
        raise ValueError(f"--out {out} is the picture itself: name another file")
    beside = Path(passport) if passport else sidecar(picture)
    if not beside.exists():
        raise ValueError(f"{beside}: no such file; only the passport knows how the mark is taken out")
    found = verdict(Path(picture), trusted(), passport)
    if found.status != INTACT or found.record is None:
        raise ValueError(f"{found.sentence}: the mark can only be taken out of the picture as it was written")
    facts = found.record["made"].get("watermark")
    if not facts:
        raise ValueError(f"{picture}: its passport knows of no mark")
    if is_scan(picture):
        without(Path(picture), Path(out), facts)
    else:
        given = load(picture)
        save(replace(given, pixels=taken_out(given.pixels, mine(), facts)), out)
    print(f"{out}: without its mark")
    return Path(out)


def without(scan: Path, out: Path, facts: dict) -> None:
    """A NIfTI file without the mark that the facts tell of, and without a passport."""
    import nibabel
    import numpy as np

    from difusa.shared.files import write_atomic
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.volumes import taken_out

    image = nibabel.load(scan)
    array = taken_out(np.asarray(image.dataobj), image.affine, mine(), facts)
    header = image.header.copy()
    header.extensions.clear()
    write_atomic(
        out, lambda temporary: temporary.write_bytes(packed(nibabel.Nifti1Image(array, image.affine, header), out))
    )


def packed(image, out: Path) -> bytes:
    """A NIfTI image as bytes, compressed where the name says so; the same each time."""
    import gzip

    raw = image.to_bytes()
    return gzip.compress(raw, 6, mtime=0) if out.name.endswith(".gz") else raw


@dataclass(frozen=True)
class Read:
    """The readings, one a file; exit status 0 if all carry your mark, 3 if one does not."""

    readings: tuple[dict, ...]

    @property
    def exit_status(self) -> int:
        return 0 if all(r["marked"] for r in self.readings) else 3


def read(picture: list[Path], *, search: bool = True, report: Path | None = None) -> Read:
    """Whether pictures, scans, molecules or crystals carry a mark of your key: pictures also after JPEG, crops, turns and other
    sizes, scans after cutting, resampling, windowing and a change of format, as long as they lie where they lay in the scanner,
    molecules after turns, small moves and relaxation, as long as their atoms keep their order.

    The p-value says how often a key that has nothing to do with the picture fits it as well; below 1e-6 (1e-3 for molecules and
    crystals, which have few numbers) the mark counts as found, and the payload tells which copy it is. That none is found does
    not mean that there was none: it can be damaged.

    picture: one or more pictures, NIfTI files, DICOM folders, SDF and CIF files. Each molecule of a file is judged for itself,
        and the file by the best of them.
    search: look for turned and scaled pictures too, which takes some seconds each.
    report: JSON file for the readings.

    Returns the readings; ends with 0 if all are marked, with 3 if not. Raises ValueError where none of them can be read.
    """
    rows = []
    for path in picture:
        try:
            rows.append(reading(path, search=search))
        except (ValueError, OSError) as error:
            if len(picture) == 1:
                raise
            rows.append({"file": str(path), "marked": False, "reason": str(error)})
            print(f"{path}: {error}", file=sys.stderr)
            continue
        row = rows[-1]
        print(f"{path}: {said_of(row)} (p = {row['p_value']:.2g})")
    if report is not None:
        write_text(report, json.dumps({"readings": rows}, indent=1) + "\n")
    return Read(tuple(rows))


def said_of(row: dict) -> str:
    """What a reading says, in words."""
    if "records" in row:
        found = [r for r in row["records"] if r["p_value"] < SURE_OF_MATTER]
        said = "carry your mark" if row["marked"] else "no mark of yours is found"
        lost = sum(not r["ordered"] for r in found)
        return f"{said}: {len(found)} of {len(row['records'])} records at 1e-3" + f", {lost} in another order" * bool(
            lost
        )
    payload = f"payload {row['payload']}" if row["payload"] else "its payload is damaged"
    return f"carries your mark, {payload}" if row["marked"] else "no mark of yours is found"


def reading(path: Path, search: bool = True, most: int | None = None) -> dict:
    """What one's own key reads in a picture, a scan (NIfTI, a DICOM folder or zip), molecules (SDF), a crystal (CIF).

    most: records of a file that are looked at, all by default."""
    from difusa.shared.passport.keys import mine

    path = Path(path)
    if str(path).lower().endswith((".sdf", ".mol")):
        from difusa.domains.molecules import marks
        from difusa.domains.molecules.readers import load as load_molecules

        key = {"key": mine().watermark_id, "payload": None}
        return {"file": str(path)} | marks.reading(load_molecules(path)[:most], mine().secret, SURE_OF_MATTER) | key
    if str(path).lower().endswith(".cif"):
        from difusa.domains.materials import marks as crystal_marks

        key = {"key": mine().watermark_id, "payload": None}
        text = "".join(re.split(r"(?mi)^(?=data_)", path.read_text(errors="replace"))[: most and most + 1])
        return {"file": str(path)} | crystal_marks.reading(text, mine().secret, SURE_OF_MATTER) | key
    if is_scan(path):
        from difusa.domains.medical.readers import load as load_scan
        from difusa.shared.watermark import volume_grain

        scan = load_scan(path)
        p, payload, whole = volume_grain.read(scan.array, scan.affine, mine().secret)
        more = {"scheme": volume_grain.SCHEME}
    else:
        from difusa.domains.heritage.data import load
        from difusa.shared.watermark import grain, grain_reading

        found = grain_reading.read(load(path).pixels, mine().secret, search=search)
        p, payload, whole = found.p_value, found.payload, found.whole
        more = {"scheme": grain.SCHEME, "turn_degrees": found.turn, "scale": found.scale}
    told = {"payload": f"{payload:012x}" if p < SURE and whole else None, "key": mine().watermark_id}
    return {"file": str(path), "marked": p < SURE, "p_value": p} | told | more


def is_scan(path: Path) -> bool:
    """Whether it is read as a scan: NIfTI, a DICOM folder, file or zip."""
    path = Path(path)
    return path.is_dir() or str(path).lower().endswith((".nii", ".nii.gz", ".dcm", ".zip"))
