"""The verbs `difusa watermark`: put a mark into a picture of your own, read marks, take your own out again."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from difusa.apps.verify import trusted
from difusa.shared.files import write_text

SURE = 1e-6  # p-value below which a mark is said to be there


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
    """Take your own mark out of a picture, without loss: its pixels are then as they were before they were marked.

    picture: as it was written; a changed one is refused.
    out: the picture without the mark, .tif or .png.
    passport: the sidecar, if it does not lie beside the picture as PICTURE.passport.json.

    Returns the file. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.heritage.data import load
    from difusa.domains.heritage.export import check_target, save
    from difusa.shared.passport.attaching import sidecar
    from difusa.shared.passport.keys import mine
    from difusa.shared.passport.verdict import INTACT, verdict
    from difusa.shared.watermark.pictures import taken_out

    check_target(out)
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
    given = load(picture)
    save(replace(given, pixels=taken_out(given.pixels, mine(), facts)), out)
    print(f"{out}: the picture without its mark")
    return Path(out)


@dataclass(frozen=True)
class Read:
    """The readings, one a file; exit status 0 if all carry your mark, 3 if one does not."""

    readings: tuple[dict, ...]

    @property
    def exit_status(self) -> int:
        return 0 if all(r["marked"] for r in self.readings) else 3


def read(picture: list[Path], *, search: bool = True, report: Path | None = None) -> Read:
    """Whether pictures carry a mark of your key, also after JPEG, crops, turns and other sizes.

    The p-value says how often a key that has nothing to do with the picture fits it as well; below 1e-6 the mark counts as
    found, and the payload tells which copy it is. That none is found does not mean that there was none: it can be damaged.

    picture: one or more.
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
        payload = f"payload {row['payload']}" if row["payload"] else "its payload is damaged"
        said = f"carries your mark, {payload}" if row["marked"] else "no mark of yours is found"
        print(f"{path}: {said} (p = {row['p_value']:.2g})")
    if report is not None:
        write_text(report, json.dumps({"readings": rows}, indent=1) + "\n")
    return Read(tuple(rows))


def reading(path: Path, search: bool = True) -> dict:
    """What one's own key reads in the picture of a file."""
    from difusa.domains.heritage.data import load
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.grain import SCHEME
    from difusa.shared.watermark.grain_reading import read as read_grain

    found = read_grain(load(path).pixels, mine().secret, search=search)
    return {
        "file": str(path),
        "marked": found.p_value < SURE,
        "p_value": found.p_value,
        "payload": f"{found.payload:012x}" if found.p_value < SURE and found.whole else None,
        "turn_degrees": found.turn,
        "scale": found.scale,
        "key": mine().watermark_id,
        "scheme": SCHEME,
    }
