"""Whose works may be trained on: an opt-out list, and the reservations that works carry themselves.

The list is `optout.txt` in the data folder, and the file that DIFUSA_OPTOUT names. A line each, # begins a comment:
    phash:0123456789abcdef   a picture, by its perceptual hash: copies at other sizes and qualities too
    sha256:...               a file, byte for byte
    id:long-04               anything by its name in its set: a person, a molecule, a crystal, a file
Reservations: TDMRep (W3C community group 2024: .well-known/tdmrep.json in the data folder, tdm:reservation in XMP), XMP
plus:DataMining (PLUS and IPTC 2023.1), training-mining assertions of C2PA and CAWG, and the words noai and noimageai.
"""

import fnmatch
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from difusa.shared.files import sha256
from difusa.shared.phash import ALIKE, mirrored, perceptual_hash

LIST, RULES = "optout.txt", ".well-known/tdmrep.json"
ALLOWED = ("DMI-ALLOWED", "DMI-UNSPECIFIED")  # of the PLUS vocabulary; every other DMI- code prohibits something
MINING = re.compile(r"DataMining[^<\"']*[\"'>=\s]+[^<\"']*?(DMI-[A-Z-]+)", re.I)
TDM = re.compile(r"tdm[:-]reservation\W{1,5}1\b", re.I)
NO_AI = re.compile(r"\b(noai|noimageai)\b", re.I)
CLAIM = re.compile(rb"(?:c2pa|cawg)\.training-mining.{0,600}?notAllowed", re.S)
HEAD = 4_000_000  # bytes of a file in which a claim is looked for


@dataclass(frozen=True)
class Optout:
    """What must not be trained on: perceptual hashes, SHA-256 of files, names."""

    hashes: tuple[int, ...] = ()
    files: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.hashes or self.files or self.names)

    @cached_property
    def bits(self) -> np.ndarray:
        """The hashes as bits [n, 64]."""
        return unpacked(self.hashes)

    def holds(self, image: np.ndarray) -> bool:
        """Whether a picture is one of the list, mirrored or not."""
        if not self.hashes:
            return False
        own = unpacked([perceptual_hash(image), perceptual_hash(mirrored(image))])
        return bool(((self.bits[:, None] ^ own).sum(2) <= ALIKE).any())


def unpacked(hashes: Sequence[int]) -> np.ndarray:
    return np.unpackbits(np.array(hashes, ">u8").reshape(-1, 1).view(np.uint8), axis=1)


def read_list(text: str, where: str = LIST) -> Optout:
    """The list in a text. Raises ValueError for a line it does not understand: a list that is half read protects nobody."""
    found: dict[str, list[str]] = {"phash": [], "sha256": [], "id": []}
    for number, line in enumerate(text.splitlines(), start=1):
        if not (line := line.partition("#")[0].strip()):
            continue
        kind, _, value = line.partition(":")
        shapes = {"phash": r"[0-9a-f]{16}", "sha256": r"[0-9a-f]{64}", "id": r"\S.*"}
        if kind not in shapes or not re.fullmatch(shapes[kind], value):
            raise ValueError(
                f"{where}, line {number}: {line[:60]!r} is no phash:, sha256: or id: line; mend or remove it"
            )
        found[kind].append(value)
    return Optout(tuple(int(v, 16) for v in found["phash"]), frozenset(found["sha256"]), frozenset(found["id"]))


def optout(data: Path | str | None) -> Optout:
    """The list of the data folder and that of DIFUSA_OPTOUT together. Raises FileNotFoundError if the latter is missing."""
    named = [Path(p) for p in os.environ.get("DIFUSA_OPTOUT", "").split(os.pathsep) if p]
    own = [Path(data) / LIST] if data and (Path(data) / LIST).exists() else []
    lists = [read_list(p.read_text(encoding="utf-8"), str(p)) for p in own + named]
    return Optout(
        tuple(h for found in lists for h in found.hashes),
        frozenset().union(*(found.files for found in lists)),
        frozenset().union(*(found.names for found in lists)),
    )


def line_of(path: Path) -> str:
    """The line that opts a picture out."""
    return f"phash:{perceptual_hash(_pixels(path)):016x}"


def reserved(path: Path) -> str:
    """The reservation that a picture carries, in words; "" if it carries none that can be read."""
    from PIL import Image

    texts = [p.read_text(encoding="utf-8", errors="replace") for p in _beside(Path(path))]
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            texts += [
                _text(image.info.get(k)) for k in ("xmp", "XML:com.adobe.xmp", "comment", "Comment", "Description")
            ]
            texts += [_text(exif.get(tag)) for tag in (270, 700, 40092, 40094)]  # description, XMP, comment, keywords
    except Exception as why:  # decoders raise many types for a broken file; whoever reads the pixels tells of it
        texts.append("") if isinstance(why, OSError) else None
    told = "\n".join(texts)
    if code := next((m[1].upper() for m in MINING.finditer(told) if m[1].upper() not in ALLOWED), None):
        return f"XMP DataMining {code}"
    if TDM.search(told):
        return "TDMRep reservation in XMP"
    if word := NO_AI.search(told):
        return f"the word {word[1].lower()}"
    with open(path, "rb") as file:
        return "training-mining notAllowed in C2PA" if CLAIM.search(file.read(HEAD)) else ""


def _beside(path: Path) -> list[Path]:
    return [p for p in (path.with_suffix(".xmp"), path.with_name(path.name + ".xmp")) if p.exists()]


def _text(value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-16-le" if value[1:2] == b"\0" else "utf-8", errors="replace")
    return str(value or "")


def rules(root: Path | str) -> list[tuple[str, bool]]:
    """(pattern of paths below root, whether reserved) of RULES, in the order of the file. Raises ValueError for a broken file."""
    path = Path(root) / RULES
    if not path.exists():
        return []
    try:
        return [
            (str(r["location"]), int(r["tdm-reservation"]) == 1) for r in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (ValueError, KeyError, TypeError) as why:
        raise ValueError(
            f"{path} is no TDMRep file ({why}): mend it, so that nobody's reservation is overlooked"
        ) from why


def by_rule(name: str, known: list[tuple[str, bool]]) -> bool:
    """Whether the first rule that fits the path below the root reserves it (TDMRep, section 6.2)."""
    return next((kept for pattern, kept in known if fnmatch.fnmatch("/" + name, pattern)), False)


def refusal(path: Path, root: Path | str, known: Optout, ruled: list[tuple[str, bool]]) -> str:
    """Why a picture of the data folder may not be trained on; "" if it may."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    if {name, path.name, path.stem} & known.names:
        return "opted out by name"
    if by_rule(name, ruled):
        return "TDMRep reservation of its folder"
    if why := reserved(path):
        return why
    if known.files and sha256(path) in known.files:
        return "opted out by its bytes"
    if known.hashes and known.holds(_pixels(path)):
        return "opted out by its looks"
    return ""


def permitted(paths: Iterable[Path], root: Path | str) -> tuple[list[Path], dict[Path, str]]:
    """Those that may be trained on, in order, and why the others may not; these are told on stderr."""
    known, ruled = optout(root), rules(root)
    kept, left_out = [], {}
    for path in paths:
        if why := refusal(Path(path), root, known, ruled):
            left_out[Path(path)] = why
        else:
            kept.append(path)
    for path, why in left_out.items():
        print(f"{path}: not trained on, {why}", file=sys.stderr)
    return kept, left_out


def named_out(names: Iterable[str], data: Path | str | None) -> set[str]:
    """Which of these names of people, molecules or crystals the list opts out."""
    return set(names) & optout(data).names


def _pixels(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        image.draft("L", (256, 256))
        return np.asarray(image.convert("RGB"))
