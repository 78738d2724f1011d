"""Damaged and restored pictures for data sets: crops of given pictures, restored as `difusa heritage restore` does."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from difusa.domains.heritage import damage
from difusa.domains.heritage.corpus import SPLITS, Item
from difusa.shared.factory import Factory, Maker, Row, Sample
from difusa.shared.seeds import stream

BATCH = 4  # rows a call; each is made alone
PICK, WALK = 1, 2  # parts of a sample's random stream: picture, crop and damage; the samples of the restorer
GREY = 128  # of lost paint
LICENCES = {  # of the folders of the data: SPDX name, credit
    "paintings256": ("public-domain", "believed to be: artists dead before 1955, photographs from PeopleArt"),
    "photographs256": ("public-domain", "historic portraits"),
    "manuscripts512": ("CC-BY-4.0", "CREMMA Medieval"),
    "aged_paper512": ("MIT", "LS-HDIB"),
}


@dataclass(frozen=True)
class Options:
    """What a recipe says of all pictures.

    pictures: folder of undamaged ones, by default DIFUSA_DATA, which also holds the real damage; split: train, calibrate or test;
    size: of a crop, px; samples: versions that the restoration is the mean of; watermark: mark what was restored.
    """

    pictures: str | None = None
    split: str = "test"
    size: int = 128
    samples: int = 2
    steps: int = 3
    model: str = "restorer"
    watermark: bool = True


@dataclass(frozen=True)
class Conditions:
    """What one picture is and what befalls it. kind: painting, photograph, manuscript, unknown, or any; damage: one of DAMAGES;
    share: of the crop that is lost, for losses and scratches; sigma: of the noise, grey levels; quality: of the JPEG file."""

    kind: str = "any"
    damage: str = "losses"
    share: float = 0.1
    sigma: float = 25.0
    quality: int = 20


def factory() -> Factory:
    """How restorations are made."""
    from difusa.shared.passport import PARTLY

    facts = {
        "picture": ("file of the picture", "arquivo da imagem"),
        "kind": ("painting, photograph or manuscript", "pintura, fotografia ou manuscrito"),
        "picture_sha256": ("its fingerprint", "sua impressão digital"),
        "key": ("artist, page or file, by which pictures are split", "artista, página ou arquivo, que define a divisão"),
        "left": ("of the crop, px", "do recorte, px"),
        "top": ("of the crop, px", "do recorte, px"),
        "damaged_share": ("share of the pixels that are damaged", "parcela dos pixels danificados"),
        "invented_share": ("share of those that comes from the prior", "parcela destes que vem do modelo"),
        "psnr_damaged": ("in the damage, decibel", "no dano, decibéis"),
        "psnr_restored": ("in the damage, decibel", "no dano, decibéis"),
        "covered": ("share of it where the 90 % interval holds", "parcela dele em que o intervalo de 90 % vale"),
    }  # fmt: skip
    files = {
        "restored.png": ("mean of the model's versions", "média das versões do modelo"),
        "truth.png": ("the undamaged crop", "o recorte sem danos"),
        "damaged.png": ("the same, damaged", "o mesmo, danificado"),
        "mask.png": ("255: damaged", "255: danificado"),
        "invention.png": ("65535: from the model alone", "65535: só do modelo"),
        "interval.png": ("half of the 90 % interval; 65535: white", "metade do intervalo de 90 %; 65535: branco"),
    }
    return Factory(Options, Conditions, ready, BATCH, files, facts, ("restored.png",), PARTLY)


def lost(mask: Callable) -> Callable:
    """A damage that takes pixels away: (crop, rng, condition) -> crop, mask."""

    def befall(clean: np.ndarray, rng, wish: Conditions) -> tuple[np.ndarray, np.ndarray]:
        gone = mask(clean.shape[:2], rng, wish.share)
        return np.where(gone[..., None], np.float32(GREY / 127.5 - 1), clean), gone

    return befall


def everywhere(change: Callable) -> Callable:
    """A damage of all pixels."""

    def befall(clean: np.ndarray, rng, wish: Conditions) -> tuple[np.ndarray, np.ndarray]:
        return change(clean, rng, wish), np.ones(clean.shape[:2], bool)

    return befall


def real(clean: np.ndarray, rng, wish: Conditions, found) -> tuple[np.ndarray, np.ndarray]:
    """Real damage, laid on."""
    from difusa.domains.heritage.real_damage import paste

    harmed, mask = paste((clean + 1) / 2, rng, found)
    return harmed * 2 - 1, mask


# name -> the restorer's task, and how it is done to a crop in [-1, 1]
DAMAGES: dict[str, tuple[str, Callable]] = {
    "losses": ("inpaint", lost(damage.losses)),
    "scratches": ("inpaint", lost(damage.scratches)),
    "real": ("inpaint", real),
    "noise": ("denoise", everywhere(lambda x, rng, w: damage.add_noise(x, rng, w.sigma / 127.5))),
    "jpeg": ("jpeg", everywhere(lambda x, rng, w: damage.jpeg(x, w.quality))),
}


def ready(options: Options, asked: Sequence[Conditions], seed: int) -> Maker:
    """Raises ValueError or FileNotFoundError where pictures, damage or the model are missing, or a condition cannot be."""
    from difusa.domains.heritage import corpus, real_damage
    from difusa.domains.heritage.posterior import Plan
    from difusa.domains.models import find
    from difusa.shared.files import sha256
    from difusa.shared.passport import named

    data = options.pictures or os.environ.get("DIFUSA_DATA")
    if not data:
        raise ValueError("no pictures: name a folder by make.pictures in the recipe, or by DIFUSA_DATA")
    if options.split not in SPLITS or not 32 <= options.size <= 1024:
        raise ValueError(
            f"make.split = {options.split!r}: one of {', '.join(SPLITS)}; size = {options.size}: 32 to 1024"
        )
    model = find(options.model, domain="heritage")
    if model.meta.get("trains") != "restorer":
        raise ValueError(f"make.model = {options.model!r} is a {model.meta.get('trains')}, not a restorer")
    bounds = {k: model.meta[k] for k in ("sigma_min", "sigma_max") if k in model.meta}
    plan = Plan(options.samples, options.steps, **bounds)
    items = corpus.items(data, options.split)
    for wish in asked:
        check(wish, items, Path(data))
    wanted = {w.kind for w in asked}
    items = [i for i in items if "any" in wanted or i.kind in wanted]

    @cache
    def tools():
        from difusa.domains.heritage.intervals import load_calibration

        return model.load("cpu"), load_calibration(model.folder, model.sha256)

    @cache
    def befall(name: str) -> Callable:
        found = real_damage.damages(data, options.split) if name == "real" else None
        return partial(real, found=found) if found else DAMAGES[name][1]

    def make(rows: Sequence[Row]) -> list[Sample]:
        return [
            restored(row, items, options, plan, model, tools(), befall(row.conditions.damage), seed) for row in rows
        ]

    sources = [{"name": i.path.name, "sha256": sha256(i.path)} | _licence(i) for i in items]
    return Maker(make, (named(model),), tuple(sources), repr(plan))


def _licence(item: Item) -> dict:
    return dict(zip(("licence", "credit"), LICENCES.get(item.path.parent.name, ())))


def check(wish: Conditions, items: Sequence[Item], data: Path) -> None:
    """Raises ValueError or FileNotFoundError for a condition that cannot be."""
    kinds = sorted({i.kind for i in items})
    if wish.kind != "any" and wish.kind not in kinds:
        raise ValueError(f"kind {wish.kind!r}: the pictures are of {', '.join(kinds)}")
    if wish.damage not in DAMAGES:
        raise ValueError(f"damage {wish.damage!r} is none of {', '.join(DAMAGES)}")
    if wish.damage == "real" and not (data / "heritage" / "damage").is_dir():
        raise FileNotFoundError(f"damage 'real': no {data / 'heritage' / 'damage'}; leave it out, or set DIFUSA_DATA")
    if not (0 < wish.share < 0.9 and 0 < wish.sigma < 128 and 1 <= wish.quality <= 100):
        raise ValueError(f"{wish}: share between 0 and 0.9, sigma between 0 and 128, quality 1 to 100")


def cropped(row: Row, items: Sequence[Item], size: int, rng) -> tuple[Item, np.ndarray, int, int]:
    """A picture and a square of it, uint8 [size, size, 3], with its corner. Raises ValueError for one that is smaller."""
    from difusa.domains.heritage.corpus import read

    fitting = [i for i in items if row.conditions.kind in ("any", i.kind)]
    item = fitting[rng.integers(len(fitting))]
    pixels = read(item)
    if min(pixels.shape[:2]) < size:
        raise ValueError(f"{item.path.name} is smaller than {size} px")
    top, left = (int(rng.integers(n - size + 1)) for n in pixels.shape[:2])
    return item, pixels[top : top + size, left : left + size], top, left


def restored(row: Row, items, options: Options, plan, model, tools: tuple, befall: Callable, seed: int) -> Sample:
    """A crop, what befell it, what the restorer made of that, and how near the truth it is."""
    from difusa.domains.heritage.bundle import png
    from difusa.domains.heritage.cases import levels
    from difusa.domains.heritage.data import Picture
    from difusa.domains.heritage.network import KINDS
    from difusa.domains.heritage.observation import prepare
    from difusa.domains.heritage.restoring import restore_picture
    from difusa.shared.files import sha256

    rng, wish = stream(seed, row.stream, PICK), row.conditions
    item, truth, top, left = cropped(row, items, options.size, rng)
    harmed, mask = befall(truth.astype(np.float32) / 127.5 - 1, rng, wish)
    damaged, task = levels(harmed), DAMAGES[wish.damage][0]
    if not mask.any():
        return Sample({}, wish.damage, reason="the damage missed the crop")
    kind = item.kind if item.kind in KINDS else "unknown"
    seen = prepare(
        Picture(damaged), mask if task == "inpaint" else None, (task,), noise=wish.sigma if task == "denoise" else None,
        border=0, kind=kind,
    )  # fmt: skip
    own = replace(plan, seed=int(stream(seed, row.stream, WALK).integers(2**63)))
    made = restore_picture(tools[0], seen, own, (task,), tools[1])
    pixels, marks = made.picture.pixels, {}
    where = made.share > 0
    facts = told(truth, damaged, pixels, mask, made)
    if options.watermark and where.any():
        pixels, marks["restored.png"] = marked(pixels, where, seed, row.stream, model.sha256)
    files = {
        "restored.png": pixels, "truth.png": truth, "damaged.png": damaged, "mask.png": mask.astype(np.uint8) * 255,
        "invention.png": made.share, "interval.png": made.half,
    }  # fmt: skip
    about = {"picture": item.path.name, "kind": item.kind, "picture_sha256": sha256(item.path), "key": item.key}
    about |= {"left": left, "top": top}
    return Sample({k: png(v) for k, v in files.items()}, wish.damage, about | facts, marks=marks)


def told(truth: np.ndarray, damaged: np.ndarray, restored: np.ndarray, mask: np.ndarray, made) -> dict:
    """Figures inside the damage, before the watermark."""
    gap = np.abs(truth.astype(float) - restored)[mask] / 255
    half = (made.half / 65535)[mask][:, None]
    return {
        "damaged_share": round(float(mask.mean()), 6),
        "invented_share": round(float(made.share[mask].mean()) / 65535, 6),
        "psnr_damaged": _decibel(np.abs(truth.astype(float) - damaged)[mask] / 255),
        "psnr_restored": _decibel(gap),
        "covered": round(float((gap <= half + 0.5 / 255).mean()), 6),
    }


def _decibel(gap: np.ndarray) -> float:
    return round(float(-10 * np.log10(max(float((gap**2).mean()), 1e-10))), 4)


def marked(pixels: np.ndarray, where: np.ndarray, *parts: object) -> tuple[np.ndarray, dict]:
    """Pixels with a mark of the user's key where they were restored, and what their passport says of it."""
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.pictures import put

    return put(pixels, mine(), *parts, where=where)
