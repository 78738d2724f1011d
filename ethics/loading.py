"""From files to what an audit works on: folders of pictures, scans, molecules or crystals, with a table of attributes."""

import csv
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.ethics.kind import Kind
from difusa.ethics.samples import Samples
from difusa.shared.files import write_atomic
from difusa.shared.prepared import cached

FEATURES = 2  # version of what is kept of features


def cache() -> Path:
    """Where this user's features of pictures are kept, by the pictures' bytes."""
    return cached("features", FEATURES).parent / "features"


def kinds() -> dict[str, Kind]:
    """The domains that can be audited, by name."""
    from difusa.ethics import chemistry, pictures

    return {k.domain: k for k in (pictures.KIND, pictures.SCANS, chemistry.MOLECULES, chemistry.CRYSTALS)}


def files_of(path: Path, kind: Kind) -> list[Path]:
    """The files of a folder and its subfolders that are of this kind, by name; a file is itself."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name a folder or a file")
    found = (
        [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    )
    return [p for p in found if p.name.lower().endswith(kind.suffixes)]


def kind_of(path: Path, known: dict[str, Kind]) -> Kind:
    """The domain most of whose files lie there. Raises ValueError naming the suffixes looked for."""
    counts = {name: len(files_of(path, kind)) for name, kind in known.items()}
    best = max(counts, key=counts.get)
    if not counts[best]:
        suffixes = sorted({s for k in known.values() for s in k.suffixes})
        raise ValueError(f"{path} holds nothing that can be audited: looked for {' '.join(suffixes)}")
    return known[best]


def load(path: Path, kind: Kind, table: Path | None = None, label: str | None = None) -> Samples:
    """The things below a path with their features; table: attributes (CSV); label: which of its columns is to be told.

    Raises ValueError where nothing can be taken, or the label is no column.
    """
    found, refused = kind.load(files_of(path, kind))
    if not found:
        why = f": {refused[0][0]}, {refused[0][1]}" if refused else ""
        raise ValueError(f"{path} holds no {kind.domain} that can be taken{why}")
    return attributed(of_things(found, kind, refused), kind, table, label)


def of_things(found: dict[str, object], kind: Kind, refused=()) -> Samples:
    """Things by name with their features; those without any keep a place in `refused`."""
    things, rows, lost = {}, [], list(refused)
    for name, thing in found.items():
        try:
            row = np.asarray(remembered(thing, kind), np.float64)
            if not np.isfinite(row).all():
                raise ValueError("a descriptor is not finite")
        except (ValueError, RuntimeError, KeyError) as why:
            lost.append((name, f"no features: {' '.join(str(why).split())}"))
            continue
        things[name] = thing
        rows.append(row)
    if not rows:
        raise ValueError(f"none of {len(found)} things has features: {lost[-1][1]}")
    names = tuple(things)
    about = [kind.about(t) for t in things.values()]
    columns = {key: np.array([a[key] for a in about]) for key in about[0]}
    return Samples(kind.domain, names, np.stack(rows), lambda i: things[names[i]], columns, None, tuple(lost))


def remembered(thing, kind: Kind) -> np.ndarray:
    """The features of a thing; those of arrays, which cost a network, are kept in `cache`."""
    if not hasattr(thing, "tobytes"):
        return kind.features(thing)
    key = hashlib.sha256(f"{FEATURES} {kind.space} {thing.shape}".encode() + thing.tobytes()).hexdigest()
    path = cache() / f"{key[:32]}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    row = np.asarray(kind.features(thing), np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.save(file, row)

    write_atomic(path, write)
    return row


def attributed(samples: Samples, kind: Kind, table: Path | None, label: str | None) -> Samples:
    """The set with the columns of a CSV whose first column, or one named file, id or name, tells the thing."""
    columns = dict(samples.attributes)
    if table is not None:
        with Path(table).open(newline="", encoding="utf-8") as text:
            rows = list(csv.DictReader(text))
        if not rows:
            raise ValueError(f"{table} has no rows")
        key = next((c for c in ("file", "id", "name") if c in rows[0]), next(iter(rows[0])))
        by = {r[key]: r for r in rows}
        found = [by.get(i) or by.get(Path(i).stem) for i in samples.ids]
        if not any(found):
            raise ValueError(
                f"{table}: no value of its column {key!r} names a thing of the set, such as {samples.ids[0]}"
            )
        for name in rows[0]:
            if name != key:
                columns[name] = column([(r or {}).get(name, "") for r in found])
    labels = None
    if label is not None:
        if label not in columns:
            raise ValueError(f"--label {label}: the set has the columns {', '.join(columns)}")
        labels = columns[label]
    return replace(samples, attributes=columns, labels=labels)


def toned(samples: Samples) -> Samples:
    """A set of pictures with the skin tone of each one's face. Raises ModuleNotFoundError as pictures.skin_tone()."""
    from difusa.ethics.pictures import skin_tone

    found = np.array([skin_tone(samples.read(i)) for i in range(len(samples))])
    return replace(samples, attributes=samples.attributes | {"skin tone": found})


def column(texts: list[str]) -> np.ndarray:
    """Numbers where all are, else text; what is missing is "unknown"."""
    try:
        return np.array([float(t) for t in texts])
    except ValueError:
        return np.array([t or "unknown" for t in texts])


def planted(real: Samples, kind: Kind, count: int, rng: np.random.Generator) -> Samples:
    """Disguised copies of `count` things of the real set, drawn at random."""
    rows = rng.permutation(len(real))[:count]
    made = {f"planted {real.ids[i]}": kind.disguise(real.read(int(i)), rng) for i in rows}
    return of_things(made, kind)


def scaled(fit: Callable[[np.ndarray], np.ndarray], sets: Iterable[Samples | None]) -> list[Samples | None]:
    """The sets with their features brought to equal units."""
    return [None if s is None else replace(s, features=fit(s.features)) for s in sets]
