"""The passport of what a verb made: `attach`, the last thing that every generating verb does."""

import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import difusa
from difusa.shared.files import plain, write_atomic
from difusa.shared.passport import keys as own
from difusa.shared.passport.carriers import carry, packed
from difusa.shared.passport.content import SIDECAR, described, described_folder, listed, opened
from difusa.shared.passport.credentials import credentialed
from difusa.shared.passport.signing import Malformed, canonical, digest, sealed
from difusa.shared.passport.stamps import SUFFIXES, records, stamp_of, stamped

WHOLLY = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PARTLY = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Facts:
    """How something was made; nothing in it may depend on the clock, the machine or the batch.

    models, sources: each {"name", "sha256"}; plan: repr of the verb's plan, with its guidance; recipe: fingerprint of a data
    set's recipe; audits: what was found when it was judged; watermark: {"key", "scheme"} of the mark, None if there is none.
    """

    verb: str
    models: tuple[dict, ...] = ()
    plan: str = ""
    seed: int | None = None
    indices: tuple[int, int] | None = None
    recipe: str | None = None
    sources: tuple[dict, ...] = ()
    audits: dict = field(default_factory=dict)
    watermark: dict | None = None
    source_type: str = WHOLLY

    def as_json(self) -> dict:
        """What is signed, with the software's version."""
        return plain(vars(self)) | {"software": {"difusa": difusa.__version__}}


def named(model) -> dict:
    """A model, or whatever has a name and a sha256, as the facts name it."""
    return {"name": model.name, "sha256": model.sha256}


def sidecar(path: Path) -> Path:
    """FILE -> FILE.passport.json."""
    return Path(path).with_name(Path(path).name + SIDECAR)


def attach(path: Path, facts: Facts, *, mark: bool = True, c2pa: bool = False, more: dict | None = None) -> Path | None:
    """Sign what was written: put the passport into the file where its format can carry one, and beside it always.

    path: a file, or a folder that was made as one. mark: False leaves the file itself as it is. c2pa: put Content Credentials
    into a picture instead, which other programs read; they differ from run to run. more: what the content says besides, such
    as {"touched": tiles} of a restoration. The record holds no time; the sidecar tells one, SOURCE_DATE_EPOCH's where that is
    set. Returns the sidecar. Raises ValueError or OSError for keys that cannot be used; where the package `cryptography` is
    missing, says so, and leaves everything as it is.
    """
    try:
        keys = own.mine()
    except ModuleNotFoundError as error:
        print(f"no passport: this needs {error.name}: pip install cryptography", file=sys.stderr)
        return None
    path, made = Path(path), facts.as_json()
    if path.is_dir():
        for name in listed(path) if mark else []:
            suffix = Path(name).suffix.lower()
            if suffix in SUFFIXES:
                _write(path / name, stamps((path / name).read_bytes(), name, digest(made), keys))
            elif suffix == ".dcm":  # slices part from their series: each has its own
                _into(path / name, made, keys, mark, False, {})
        content = described_folder(path)
    else:
        content = _into(path, made, keys, mark, c2pa, more or {})
    filed = {"name": path.name, "made": _now()}
    beside = sidecar(path)
    _write(beside, canonical(sealed({"made": made, "content": content}, keys, filed).as_json()) + b"\n")
    return beside


def _into(path: Path, made: dict, keys, mark: bool, c2pa: bool, more: dict) -> dict:
    """The content of the record; the passport or the stamps are put into the file first."""
    raw = path.read_bytes()
    try:
        found = opened(raw, path.name)
    except Malformed as error:
        raise ValueError(f"{path}: no passport can be given: {error}") from error
    if found.rows:
        fresh = stamps(raw, path.name, digest(made), keys) if mark else found.data
        if fresh != raw:
            _write(path, fresh)
        return described(found) | more | {"carries": fresh != found.data}
    if c2pa and made["source_type"]:  # they must name a source type; where nothing was generated there is none to name
        _write(path, credentialed(found.data, found.kind, made))
        return described(opened(path.read_bytes(), path.name)) | more | {"carries": False}
    content = described(found) | more
    text = canonical(sealed({"made": made, "content": content | {"carries": True}}, keys).as_json())
    fresh = carry(found.data, text) if mark else None
    if fresh is None:
        return content | {"carries": False}
    _write(path, packed(fresh) if raw.startswith(b"\x1f\x8b") else fresh)
    return content | {"carries": True}


def stamps(raw: bytes, name: str, run: str, keys) -> bytes:
    """A file of records with a stamp in each, in place of older ones; in none where one of them has no place for it."""
    kind = SUFFIXES[Path(name).suffix.lower()]
    bare = [r.data for r in records(kind, raw)]
    made = b"".join(stamped(kind, data, stamp_of(keys, run, data)) for data in bare)
    return made if all(r.stamp for r in records(kind, made)) else b"".join(bare)


def _write(path: Path, data: bytes) -> None:
    write_atomic(path, lambda temporary: temporary.write_bytes(data))


def _now() -> str:
    """The time in UTC, to the second; SOURCE_DATE_EPOCH's, where somebody wants equal runs to write equal files."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
