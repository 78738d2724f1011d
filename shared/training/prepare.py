"""The verb `difusa data prepare`: a folder of pictures as it comes from the world, made ready to train on."""

import hashlib
import json
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.shared.files import write_atomic, write_json
from difusa.shared.run import Run
from difusa.shared.sources import optout, refusal, rules

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
JOURNAL, LIST = "prepared.jsonl", "prepared.json"


@dataclass(frozen=True)
class Plan:
    """What decides a prepared picture: its shorter side, px; the least side and the most megapixels accepted."""

    size: int = 256
    min_side: int = 128
    megapixels: float = 150.0


class Unfit(Exception):
    """A file that is left out, with the reason."""


def prepare(
    source: Path,
    *,
    out: Path,
    size: int = 256,
    min_side: int = 128,
    megapixels: float = 150.0,
    report: Path | None = None,
) -> dict:
    """Check a folder of pictures, and write the fit ones upright, as sRGB, in one size, without metadata.

    Corrupt, tiny, animated and duplicate files are left out and listed with the reason in OUT/prepared.json, and so are those
    whose owners do not want them trained on (SOURCE/optout.txt, DIFUSA_OPTOUT, TDMRep, XMP, noai). A run that was cut off
    goes on where it stopped; a changed source file is done again; sources are never touched.

    source: folder of pictures; its subfolders too.
    out: folder for the prepared pictures, PNG, in the same subfolders.
    size: shorter side of the prepared pictures in pixels; smaller ones are not enlarged.
    min_side: pictures whose shorter side is less are left out.
    megapixels: larger pictures are left out before they are decoded.
    report: JSON with the counts and the time.

    Returns the list that prepared.json holds. Raises ValueError if the folder has no pictures, if out lies inside it,
    or if out was prepared with other settings.
    """
    source, out, plan = Path(source), Path(out), Plan(size, min_side, megapixels)
    check(source, out, plan)
    with Run("data prepare") as run:
        files = sorted(p for p in source.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"no pictures in {source}: expected files that end in {' '.join(SUFFIXES)}")
        known = _journal(out, plan)
        names = targets([p.relative_to(source) for p in files])
        refused = optout(source), rules(source)
        rows, first = [], {}
        with (out / JOURNAL).open("a", encoding="utf-8") as journal:
            for number, (path, target) in enumerate(zip(files, names)):
                stamp = [path.stat().st_size, path.stat().st_mtime_ns]
                name = path.relative_to(source).as_posix()
                row = known.get(name)
                if why := _kept_back(path, source, refused):
                    row = {"file": name, "stamp": stamp, "reason": why, "kept_back": True}
                elif row is None or row["stamp"] != stamp or "kept_back" in row or not _stands(row, target, first, out):
                    row = {"file": name, "stamp": stamp} | one(path, out, target, plan, first)
                    journal.write(json.dumps(row, ensure_ascii=False) + "\n")
                    journal.flush()
                if "to" in row:
                    first[row["sha256"]] = name
                rows.append(row)
                run.progress(number + 1, len(files))
        result = listing(rows, plan)
        stale = {r["to"] for r in known.values() if "to" in r} - {r["to"] for r in result["kept"]}
        for name in stale:  # of source files that are gone, changed or duplicates now; only what this verb wrote
            (out / name).unlink(missing_ok=True)
        write_json(out / LIST, result)
        run.write(report, **{name: len(result[name]) for name in ("kept", "left_out", "duplicates")})
    return result


def check(source: Path, out: Path, plan: Plan) -> None:
    """Refuse settings that cannot be meant."""
    if not source.is_dir():
        raise ValueError(f"{source} is not a folder: name the folder that holds the pictures")
    if out.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"--out {out} lies inside {source}, and would be read as source next time: choose a folder outside it"
        )
    for name in ("size", "min_side", "megapixels"):
        if getattr(plan, name) <= 0:
            raise ValueError(f"{name} must be positive, got {getattr(plan, name)}")
    out.mkdir(parents=True, exist_ok=True)


def _journal(out: Path, plan: Plan) -> dict[str, dict]:
    """What an earlier run did, by file; a run that was cut off may have left half a line, which is done again."""
    path, settings = out / JOURNAL, {"plan": vars(plan)}
    lines = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    if lines and lines[0] != settings:
        raise ValueError(f"{out} was prepared with {lines[0].get('plan')}, not {vars(plan)}: choose another --out")
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines or [settings])
    write_atomic(path, lambda p: p.write_text(text, encoding="utf-8"))  # whole lines only, so that appending is safe
    return {line["file"]: line for line in lines[1:]}


def targets(files: list[Path]) -> list[str]:
    """Names of the prepared files: the stem, and the old suffix too where two files of a folder share a stem."""
    stems = [p.with_suffix("").as_posix().lower() for p in files]
    many = Counter(stems)
    named = (p.with_suffix(".png") if many[s] == 1 else p.with_name(p.name + ".png") for p, s in zip(files, stems))
    return [p.as_posix() for p in named]


def one(path: Path, out: Path, target: str, plan: Plan, first: dict[str, str]) -> dict:
    """Prepare one file: {"to", "sha256", "notes"}, {"same_as", "sha256"} or {"reason"}.

    first: sha256 of the pixels of earlier files -> file.
    """
    from PIL import Image

    try:
        picture, notes = upright_rgb(path, plan)
    except Unfit as reason:
        return {"reason": str(reason)}
    digest = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
    if digest in first:
        return {"same_as": first[digest], "sha256": digest}
    short = min(picture.size)
    if short > plan.size:
        shape = tuple(max(plan.size, round(side * plan.size / short)) for side in picture.size)
        picture = picture.resize(shape, Image.Resampling.LANCZOS, reducing_gap=3.0)
    (out / target).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out / target, lambda p: picture.save(p, format="PNG"))
    return {"to": target, "sha256": digest, "notes": notes}


def upright_rgb(path: Path, plan: Plan):
    """The picture as an 8-bit sRGB Pillow image, turned by its EXIF orientation, and notes on what was changed.

    Raises Unfit with the reason for files that cannot be read, are too small or large, or hold more than one picture.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                width, height = image.size
                if width * height > plan.megapixels * 1e6:
                    raise Unfit(f"{width} x {height} pixels is more than {plan.megapixels:g} megapixels")
                if min(width, height) < plan.min_side:
                    raise Unfit(f"{width} x {height} pixels: the shorter side is less than {plan.min_side}")
                if getattr(image, "n_frames", 1) > 1:
                    raise Unfit(f"{image.n_frames} frames or pages; save one of them as a picture of its own")
                image.load()
                upright = ImageOps.exif_transpose(image)
                notes = ["turned upright"] if image.getexif().get(0x0112, 1) != 1 else []
                return _srgb(upright, image.info.get("icc_profile"), notes)
        except Unfit:
            raise
        except Image.DecompressionBombError as error:
            raise Unfit(f"more than {plan.megapixels:g} megapixels ({error})") from None
        except (
            Exception
        ) as error:  # decoders raise many types for a broken file: OSError, SyntaxError, struct.error, ...
            raise Unfit(f"corrupt or not a picture: {type(error).__name__}: {error}") from None


def _srgb(image, profile: bytes | None, notes: list[str]):
    """8-bit sRGB of any mode Pillow reads; transparency over white."""
    from PIL import Image

    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise Unfit(f"grey values from {levels.min()} to {levels.max()}; save it with 8 or 16 bits")
        image, notes = Image.fromarray(np.uint8(levels >> 8)), [*notes, "16 bits to 8"]
    elif image.mode == "F":
        raise Unfit("floating point grey values; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        notes = [*notes, "transparency over white"]
    if image.mode in ("1", "P"):
        notes = [*notes, f"mode {image.mode} to RGB"]
        image = image.convert("RGB")
    if profile:
        image, notes = _from_profile(image, profile, notes)
    if image.mode != "RGB":
        notes = [*notes, f"mode {image.mode} to RGB"]
        image = image.convert("RGB")
    image.info = {}  # nothing of the file but its pixels goes on
    return image, notes


def _from_profile(image, profile: bytes, notes: list[str]):
    """Colours by the embedded ICC profile to sRGB: stripping the profile alone would change how the picture looks."""
    import io

    from PIL import ImageCms

    try:
        known = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(known).lower():
            return image, notes
        return ImageCms.profileToProfile(image, known, ImageCms.createProfile("sRGB"), outputMode="RGB"), [
            *notes,
            "ICC to sRGB",
        ]
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return image, [*notes, f"ICC profile not usable: {error}"]


def _kept_back(path: Path, source: Path, refused) -> str:
    """Why a picture may not be trained on; of what cannot be opened `one` tells."""
    try:
        return refusal(path, source, *refused)
    except OSError:
        return ""


def _stands(row: dict, target: str, first: dict[str, str], out: Path) -> bool:
    """Whether an earlier run's row still holds: its picture is there, or the file that it is a duplicate of is."""
    if "to" in row:
        return row["to"] == target and (out / target).exists() and row["sha256"] not in first
    return "reason" in row or first.get(row["sha256"]) == row["same_as"]


def listing(rows: list[dict], plan: Plan) -> dict:
    """What prepared.json holds: the settings, files kept, left out with reasons, and duplicates."""
    kept = [r for r in rows if "to" in r]
    return {
        "settings": vars(plan),
        "kept": [{k: r[k] for k in ("file", "to", "sha256", "notes")} for r in kept],
        "left_out": [{"file": r["file"], "reason": r["reason"]} for r in rows if "reason" in r],
        "duplicates": [{"file": r["file"], "same_as": r["same_as"]} for r in rows if "same_as" in r],
    }
