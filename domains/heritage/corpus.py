"""Training pictures: where they lie, how they are split, and how one training example is drawn.

Layout of the data folder: heritage/paintings256 with paintings256.csv (file, title, artist, ...), heritage/photographs256,
heritage/manuscripts512, heritage/aged_paper512. A folder of the user's own pictures works too (kind "unknown"); a groups.csv in
it (file, and any columns) says what they are.
"""

import csv
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from difusa.domains.heritage.network import KINDS
from difusa.shared.seeds import stream
from difusa.shared.sources import permitted
from difusa.shared.training.balance import evenly, told

SPLITS = ("train", "calibrate", "test")
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
SHARES = {"painting": 0.7, "photograph": 0.18, "manuscript": 0.12, "unknown": 1.0}  # of the training examples


@dataclass(frozen=True)
class Item:
    """One picture: its file, kind, the key (artist, page or file) by which it is split, and what a table says of it."""

    path: Path
    kind: str
    key: str
    about: dict = field(default_factory=dict)


def split_of(key: str) -> str:
    """train, calibrate or test: a tenth of the keys is held out, half of it to calibrate, half to test."""
    code = zlib.crc32(key.encode())
    if code % 10:
        return "train"
    return "test" if code // 10 % 2 else "calibrate"


def items(data: Path | str, split: str) -> list[Item]:
    """The pictures of one split, in a fixed order, without those that may not be trained on (shared.sources).

    Raises FileNotFoundError with the expected layout when there are none.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    root = Path(data)
    found = [i for i in _all(root) if split_of(i.key) == split]
    left_out = permitted([i.path for i in found], root)[1]
    found = [i for i in found if i.path not in left_out]
    if not found:
        raise FileNotFoundError(
            f"no {split} pictures under {root}: expected heritage/paintings256 and so on, or picture files"
        )
    return found


def _all(root: Path) -> list[Item]:
    home = root / "heritage"
    if not home.is_dir():
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES) if root.is_dir() else []
        known = {row["file"]: row for row in _table(root / "groups.csv")}
        return [Item(p, "unknown", p.stem, known.get(p.relative_to(root).as_posix(), {})) for p in files]
    found = []
    for row in _table(home / "paintings256.csv"):
        found.append(Item(home / "paintings256" / row["file"], "painting", row["artist"] or row["title"], row))
    for path in sorted((home / "photographs256").glob("*.jpg")):
        found.append(Item(path, "photograph", path.stem))
    for folder in ("manuscripts512", "aged_paper512"):
        for path in sorted((home / folder).glob("*.jpg")):
            page = path.stem.rpartition("-")[0] if folder == "manuscripts512" else path.stem
            found.append(Item(path, "manuscript", page))
    return [i for i in found if i.path.exists()]


def _table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a column `file`; none where it is not there. Raises ValueError where that column is missing."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if rows and "file" not in rows[0]:
        raise ValueError(f"{path} has no column `file`, which names the pictures: it has {', '.join(rows[0])}")
    return rows


def read(item: Item) -> np.ndarray:
    """The picture as uint8 [H, W, 3] RGB."""
    from PIL import Image

    with Image.open(item.path) as image:
        return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class Options:
    """What a recipe may say of the training examples."""

    size: int = 64  # crop, px
    halved: float = 1 / 3  # share of crops taken from the picture at half size
    unlabelled: float = 0.2  # share of examples whose kind is hidden, for classifier-free guidance
    damage: bool = True  # False: undamaged pictures only, for a prior
    real_damage: float = 0.25  # share of the masks taken from real damage, when the data folder has it
    shares: dict = field(default_factory=dict)  # of the kinds of damage, in place of those in damage.SHARES
    balance: str = ""  # column of the table (such as style) whose groups are drawn equally often, within each kind

    def __post_init__(self):
        from difusa.domains.heritage.damage import SHARES

        if unknown := [k for k in self.shares if k not in SHARES]:
            raise ValueError(f"examples.shares: {unknown[0]!r} is none of {', '.join(SHARES)}")


def balanced(groups: dict[str, list[Item]], column: str) -> tuple[dict[str, np.ndarray], dict]:
    """The chances of the pictures of each kind by which the column's groups are drawn equally often, and what that changes; those
    of which the table says nothing are a group. Raises ValueError where no picture has the column, naming those there are."""
    there = {c for rows in groups.values() for i in rows for c in i.about}
    if column not in there:
        known = f"it has {', '.join(sorted(there))}" if there else "there is none: put a groups.csv beside the pictures"
        raise ValueError(f"examples.balance = {column!r} is no column of the table of pictures; {known}")
    names = {kind: [i.about.get(column, "") or "not told" for i in rows] for kind, rows in groups.items()}
    chances = {kind: evenly(n) for kind, n in names.items()}
    return chances, {kind: told(n, chances[kind]) for kind, n in names.items()}


class Examples:
    """Restoration examples as a pure function of (seed, number): the same for any worker, process or resumed run.

    self[n] -> dict of numpy arrays: clean and observed [3, S, S] in [-1, 1], doubt [1, S, S], task [4], kind (int64).
    """

    def __init__(self, data: Path | str, split: str, options: Options, seed: int = 0):
        self.options, self.seed = options, seed
        self.data = Path(data)
        groups: dict[str, list[Item]] = {}
        for item in items(data, split):
            groups.setdefault(item.kind, []).append(item)
        self.groups = groups
        self.kinds = sorted(groups)
        share = np.array([SHARES[k] for k in self.kinds])
        self.edges = np.cumsum(share / share.sum())
        self.chances, self.balance = balanced(groups, options.balance) if options.balance else ({}, None)
        self.pixels: dict[Path, np.ndarray] = {}

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        from difusa.domains.heritage.damage import SHARES, observe

        rng = stream(self.seed, number)
        kind = self.kinds[min(int(np.searchsorted(self.edges, rng.random())), len(self.kinds) - 1)]
        rows = self.groups[kind]
        item = rows[rng.choice(len(rows), p=self.chances[kind]) if self.chances else rng.integers(len(rows))]
        clean = self._crop(self._picture(item), kind, rng).astype(np.float32) / 127.5 - 1
        o, example = self.options, {}
        if o.damage:
            example = observe(clean, rng, self.data, o.real_damage, {**SHARES, **o.shares})
        label = "unknown" if rng.random() < self.options.unlabelled else kind
        return {
            "clean": np.ascontiguousarray(clean.transpose(2, 0, 1)),
            **example,
            "kind": np.int64(KINDS.index(label)),
        }

    def _picture(self, item: Item) -> np.ndarray:
        if item.path not in self.pixels:
            self.pixels[item.path] = read(item)
        return self.pixels[item.path]

    def _crop(self, picture: np.ndarray, kind: str, rng) -> np.ndarray:
        import cv2

        size = self.options.size
        if rng.random() < self.options.halved and min(picture.shape[:2]) >= 2 * size:
            height, width = picture.shape[0] // 2, picture.shape[1] // 2
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        if min(picture.shape[:2]) < size:
            grow = size / min(picture.shape[:2])
            shape = (max(size, round(picture.shape[1] * grow)), max(size, round(picture.shape[0] * grow)))
            picture = cv2.resize(picture, shape, interpolation=cv2.INTER_CUBIC)
        top = rng.integers(picture.shape[0] - size + 1)
        left = rng.integers(picture.shape[1] - size + 1)
        crop = picture[top : top + size, left : left + size]
        return crop[:, ::-1] if kind != "manuscript" and rng.random() < 0.5 else crop
