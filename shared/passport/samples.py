"""Passports of a data set's samples: in each file that can carry one, and one record for all files; none tells a time."""

import hashlib

from difusa.shared.passport.attaching import stamps
from difusa.shared.passport.carriers import carry
from difusa.shared.passport.content import described, opened
from difusa.shared.passport.signing import canonical, digest, sealed

RECORD = "passport.json"


def enclosed(data: bytes, name: str, made: dict, keys) -> bytes:
    """A file with its passport in it, or a stamp in each of its records; as it is where its format can carry none.

    made: Facts.as_json(). The same file, facts and keys give the same bytes. A file is not packed yet, whatever its name says.
    """
    found = opened(data, name)
    if found.rows:
        return stamps(data, name, digest(made), keys)
    content = described(found) | {"carries": True}
    return carry(found.data, canonical(sealed({"made": made, "content": content}, keys).as_json())) or data


def record(files: dict[str, bytes], made: dict, keys) -> bytes:
    """The passport of a sample's files, by name, as a passport of a folder that holds no others would be."""
    names = sorted(files)
    prints = [hashlib.sha256(files[n]).hexdigest() for n in names]
    whole = hashlib.sha256("\n".join(f"{p} {n}" for p, n in zip(prints, names)).encode()).hexdigest()
    size = sum(len(data) for data in files.values())
    parts = {"of": "file", "names": names, "sha256": prints}
    content = {"sha256": whole, "bytes": size, "kind": "folder", "parts": parts}
    return canonical(sealed({"made": made, "content": content}, keys).as_json()) + b"\n"
