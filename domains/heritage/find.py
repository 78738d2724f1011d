"""Finding damage: how likely each pixel is damaged, and the mask that `difusa heritage restore --find-damage` fills."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage.face_features import Feature, features, spared
from difusa.domains.models import Model, find
from difusa.shared.run import Progress, Run, set_threads


@dataclass(frozen=True)
class Found:
    """probability float32 [H, W] in [0, 1]; mask bool [H, W], True = damaged (probability at least `threshold`).

    features: eyes, nostrils and lips that were looked for; left_out: what lay on them and is not in the mask.
    """

    probability: np.ndarray
    mask: np.ndarray
    threshold: float
    features: tuple[Feature, ...] = ()
    left_out: tuple[dict, ...] = ()


def find_damage(
    source: Path,
    *,
    out: Path,
    overlay: Path | None = None,
    probability: Path | None = None,
    threshold: float | None = None,
    scale: float = 1.0,
    grow: int = 0,
    keep_on_faces: bool = False,
    model: str = "finder",
    device: str = "cpu",
    threads: int | None = None,
    report: Path | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find scratches, dust, hair, stains, losses and cracks in a picture, and write them as a mask.

    source: the picture: TIFF, PNG, JPEG or WebP.
    out: the mask, PNG, white = damaged; the same size as the picture, upright.
    overlay: also write the picture with the damage in red, to look at.
    probability: also write the probability of damage as 8-bit grey PNG.
    threshold: probability from which a pixel counts as damaged; default: the one chosen on held-out pictures.
    scale: look at the picture at this fraction of its size: 0.5 finds wider losses in large scans, and is faster.
    grow: widen the mask by so many pixels.
    keep_on_faces: keep marks on eyes, nostrils and lips; else they are left out, and the report lists them.
    model: name of a shipped model or a folder.
    device: cpu or cuda.
    threads: CPU threads.
    report: JSON with times and figures.

    Raises ValueError for a wrong threshold, scale or grow, a model that finds no damage, and whatever `load` refuses.
    """
    from difusa.domains.heritage.data import encode, load
    from difusa.shared.files import write_atomic

    if grow < 0:
        raise ValueError(f"--grow {grow} must not be negative; a higher --threshold narrows the mask")
    set_threads(threads)
    chosen = find(model, domain="heritage")
    with Run("heritage find", model=chosen, device=device, progress=progress) as run:
        picture = load(source)
        look = {"threshold": threshold, "scale": scale, "device": device, "progress": run.progress}
        found = damage_in(encode(picture.pixels), chosen, **look)
        found = found if keep_on_faces else beside_features(found, picture.pixels)
        if grow:
            found = replace(found, mask=_grown(found.mask, grow))
        levels = {out: np.uint8(found.mask) * 255}
        if probability:
            levels[probability] = np.uint8(np.rint(found.probability * 255))
        if overlay:
            levels[overlay] = in_red(picture.pixels, found.mask)
        for path, values in levels.items():
            write_atomic(Path(path), lambda p, v=values: _png(p, v))
        run.write(
            report,
            threshold=found.threshold,
            damaged_share=float(found.mask.mean()),
            left_out=list(found.left_out),
            face_features=[f.record() for f in found.features],
            size=list(picture.size),
            scale=scale,
            notes=list(picture.notes),
        )
    return found


def damage_in(
    picture: Tensor,
    model: Model,
    *,
    threshold: float | None = None,
    scale: float = 1.0,
    device: str = "cpu",
    progress: Progress = lambda done, total: None,
) -> Found:
    """Damage in a picture [3, H, W] in [-1, 1]; see `find_damage` for the arguments."""
    if "threshold" not in model.meta:
        raise ValueError(
            f"model {model.name!r} finds no damage; use the shipped one (--model finder) or one trained as it was"
        )
    threshold = model.meta["threshold"] if threshold is None else threshold
    if not 0 < threshold < 1:
        raise ValueError(
            f"--threshold {threshold} must lie between 0 and 1; the model's own is {model.meta['threshold']}"
        )
    if not 0.05 <= scale <= 4:
        raise ValueError(f"--scale {scale} must lie between 0.05 and 4; 1 looks at the picture as it is")
    size = tuple(picture.shape[1:])
    if scale != 1:
        small = tuple(max(16, round(n * scale)) for n in size)
        picture = torch.nn.functional.interpolate(picture[None], small, mode="bilinear", antialias=True)[0]
    likely = probability_map(model.load(device), picture.to(device), progress=progress)
    if scale != 1:
        likely = torch.nn.functional.interpolate(likely[None, None], size, mode="bilinear", antialias=True)[0, 0]
    values = likely.cpu().numpy()
    return Found(values, values >= threshold, threshold)


def beside_features(found: Found, pixels: np.ndarray) -> Found:
    """What was found without the marks on eyes, nostrils and lips of a face in pixels [H, W] or [H, W, 3]."""
    on_face = features(eight_bit(pixels))
    mask, rows = spared(found.mask, on_face)
    return replace(found, mask=mask, features=on_face, left_out=tuple(rows))


@torch.inference_mode()
def probability_map(network, picture: Tensor, tile: int = 768, progress: Progress = lambda done, total: None) -> Tensor:
    """Probability of damage [H, W] of a picture [3, H, W] in [-1, 1], computed in tiles.

    Each tile is seen with REACH pixels of its surroundings, as far as the network looks: cutting changes nothing but
    the order of sums. tile is a multiple of the network's unit.
    """
    height, width = picture.shape[1:]
    unit, reach = network.unit, network.REACH
    if tile % unit:
        raise ValueError(f"tile {tile} must be a multiple of {unit}")
    padded = torch.nn.functional.pad(picture[None], (0, -width % unit, 0, -height % unit), mode="replicate")
    likely = picture.new_empty(padded.shape[-2:])
    corners = [(top, left) for top in range(0, likely.shape[0], tile) for left in range(0, likely.shape[1], tile)]
    for number, (top, left) in enumerate(corners):
        y, x = max(0, top - reach), max(0, left - reach)
        logits = network(padded[..., y : top + tile + reach, x : left + tile + reach])[0, 0]
        piece = logits[top - y : top - y + tile, left - x : left - x + tile].sigmoid()
        likely[top : top + tile, left : left + tile] = piece
        progress(number + 1, len(corners))
    return likely[:height, :width]


def in_red(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture as 8-bit RGB [H, W, 3], dimmed where intact and red where damaged."""
    return np.where(mask[..., None], np.array([255, 30, 30], np.uint8), eight_bit(pixels) // 4 * 3)


def eight_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 [H, W] or [H, W, 3] as uint8 [H, W, 3]."""
    rows = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    return rows if rows.dtype == np.uint8 else np.uint8(rows >> 8)


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return cv2.dilate(np.uint8(mask), kernel).astype(bool)


def _png(path: Path, values: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(values).save(path, format="PNG")
