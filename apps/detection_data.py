"""The pictures that the detector of pictures is fitted, calibrated and tested on, and what is measured in them, kept in a folder.

Real: paintings, manuscript pages and old paper; tested on those by artists and from pages that no model of ours has seen
(corpus.split_of). Generated: two foreign families and our own. Photographs of people are left out on purpose.
"""

import csv
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.shared.forensics import pictures, reconstruction
from difusa.shared.forensics.deliveries import any_delivery, equalised, saved, standard
from difusa.shared.forensics.detector import EACH
from difusa.shared.seeds import stream

REAL, DIFFUSION, ADVERSARIAL, OWN = "real", "Stable Diffusion", "GAN portraits", "Difusa"
FOLDERS = {DIFFUSION: "detection/generated_sd512", ADVERSARIAL: "detection/generated_gan256"}
SPLITS = ("train", "calibrate", "test")
EXTRA = 3  # deliveries of each picture to fit on; the reconstruction sees the first alone
PEOPLE = re.compile(r"portrait|self-|woman|girl|lady|head|face|boy|mrs|mother|man(?![a-z])")


@dataclass(frozen=True)
class Item:
    """One picture: a name of its own, its file, family and group (artist, page, prompt), the split that it falls into, and the
    title of a painting."""

    name: str
    path: Path
    family: str
    group: str
    split: str
    title: str = ""


def items(data: Path, own: Path) -> list[Item]:
    """All pictures there are; own: folder of our own, a folder a split. Raises FileNotFoundError naming what lacks."""
    found = [*real(data)]
    for family, folder in FOLDERS.items():
        files = sorted((Path(data) / folder).iterdir()) if (Path(data) / folder).is_dir() else []
        if not files:
            raise FileNotFoundError(2, "no pictures to detect lie there", str(Path(data) / folder))
        for path in files:
            group = re.sub(r"-\d+$", "", path.stem) if family == DIFFUSION else path.stem
            code = zlib.crc32(group.encode()) // 10 % 4
            found.append(
                Item(f"{family}/{path.stem}", path, family, group, ("test", "calibrate", "train", "train")[code])
            )
    for split in SPLITS:
        found += [Item(f"{OWN}/{p.stem}", p, OWN, p.stem, split) for p in sorted((Path(own) / split).glob("*.png"))]
    return found


def real(data: Path) -> Iterator[Item]:
    """Real ones: the held-out tenth tests; of the others, a quarter of the artists calibrates."""
    from difusa.domains.heritage import corpus

    with open(Path(data) / "heritage" / "paintings256.csv", newline="", encoding="utf-8") as rows:
        titles = {row["file"]: row["title"] for row in csv.DictReader(rows)}
    for split in corpus.SPLITS:
        for item in corpus.items(data, split):
            if item.kind == "photograph":
                continue
            place = "test" if split != "train" else ("train", "train", "train", "calibrate")
            place = place if isinstance(place, str) else place[zlib.crc32(item.key.encode()) // 10 % 4]
            name, group = f"{REAL}/{item.kind}/{item.path.stem}", f"{item.kind}:{item.key}"
            title = titles.get(item.path.name, "") if item.kind == "painting" else ""
            yield Item(name, item.path, REAL, group, place, title)


def chosen(found: list[Item], counts: dict[tuple[str, str], int]) -> list[Item]:
    """The first counts[split, family] of each, shuffled once, dealt so that any part of them is a fair sample."""
    kept = []
    for (split, family), count in counts.items():
        group = sorted(
            (i for i in found if (i.split, i.family) == (split, family)), key=lambda i: zlib.crc32(i.name.encode())
        )
        kept += [((k + 0.5) / min(count, len(group)), item) for k, item in enumerate(group[:count])]
    return [item for _, item in sorted(kept, key=lambda pair: (pair[0], pair[1].name))]


def shown(item: Item, codec: str = "", quality: int = 0) -> np.ndarray:
    """The picture with a past of the same law as that of all others, drawn by its name."""
    from PIL import Image

    with Image.open(item.path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return equalised(pixels, stream(1, zlib.crc32(item.name.encode())), codec, quality)


def rows(item: Item, denoise) -> dict[str, np.ndarray]:
    """What a picture is fitted on: EXTRA random deliveries, [EXTRA, d] of each part, [1, d] of the reconstruction."""
    image, rng = shown(item), stream(2, zlib.crc32(item.name.encode()))
    views = [any_delivery(image, rng) for _ in range(EXTRA)]
    seen = [pictures.figures(v) for v in views]
    found = {part: np.stack([one[part] for one in seen]) for part in EACH}
    return found | {"reconstruction": reconstruction.reconstructed(views[0], denoise)[None]}


def views(item: Item, denoise, quality: int | None = None) -> dict[str, np.ndarray]:
    """What a picture is judged by: all deliveries; quality: of the JPEG file as which it arrives."""
    image = shown(item)
    found = pictures.measure(image if quality is None else saved(image, quality), denoise)
    return found.views | {"reconstruction": found.reconstruction, "patches": found.patches.astype(np.float16)}


def pasts(item: Item, denoise) -> dict[str, np.ndarray]:
    """The picture as it is, last saved once as a JPEG and once as a WebP file: [2, d] of each part."""
    found = []
    for codec in (".jpg", ".webp"):
        view = standard(shown(item, codec, 80))
        seen = {k: v for k, v in pictures.figures(view).items() if k != "patches"}
        found.append(seen | {"reconstruction": reconstruction.reconstructed(view, denoise)})
    return {k: np.stack([f[k] for f in found]) for k in found[0]}


JOBS = {
    "rows": rows,
    "views": views,
    "jpeg50": lambda item, denoise: views(item, denoise, 50),
    "pasts": pasts,
}


def kept(folder: Path, job: str, item: Item) -> Path:
    """Where what was measured lies."""
    return Path(folder) / job / f"{item.name.replace('/', '_').replace(' ', '_')}.npz"


def measured(folder: Path, job: str, item: Item, model: Callable) -> dict[str, np.ndarray]:
    """What was measured of a picture, now or before; model(): the denoiser, asked for only where it is needed."""
    from difusa.shared.files import write_arrays

    path = kept(folder, job, item)
    if not path.exists():
        write_arrays(path, JOBS[job](item, model()))
    with np.load(path, allow_pickle=False) as file:
        return {k: file[k].astype(float) for k in file.files}
