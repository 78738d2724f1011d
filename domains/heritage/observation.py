"""From a picture, a mask and the tasks to what the network is told: observed values, and how far to trust each."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from difusa.domains.heritage import blur_kernel, compression
from difusa.domains.heritage.damage import TYPICAL_DOUBT, enlarge, jpeg_doubt, with_means
from difusa.domains.heritage.data import INVERSE_TURN, Picture, decode, encode, load, turn
from difusa.domains.heritage.fill import first_guess
from difusa.domains.heritage.network import KINDS, TASKS
from difusa.domains.heritage.tiles import Observation

VERB_TASKS = ("inpaint", "denoise", "deblur", "jpeg", "sr2", "sr4", "colour", "outpaint")
PLANE = {"jpeg": "compression", "deblur": "blur", "sr2": "downsample", "sr4": "downsample", "colour": "colour"}


def parse_tasks(task: str | None, has_mask: bool) -> tuple[str, ...]:
    """The tasks named in `task` (comma-separated), in the order of VERB_TASKS; with a mask alone: inpaint.

    ValueError: unknown or missing task, both enlargements, inpaint without a mask.
    """
    names = [t.strip() for t in (task or "").split(",") if t.strip()] or (["inpaint"] if has_mask else [])
    if not names:
        raise ValueError("nothing to do: give --mask, --find-damage or --task " + ",".join(VERB_TASKS))
    if unknown := [t for t in names if t not in VERB_TASKS]:
        raise ValueError(f"--task {unknown[0]}: there are {', '.join(VERB_TASKS)}")
    if {"sr2", "sr4"} <= set(names):
        raise ValueError("--task sr2,sr4: choose one enlargement")
    if "inpaint" in names and not has_mask:
        raise ValueError("--task inpaint fills what a mask marks: give --mask M.png or --find-damage")
    return tuple(t for t in VERB_TASKS if t in names)


def load_mask(path, picture: Picture) -> np.ndarray:
    """A mask file as bool [H, W] upright, non-zero = damaged; drawn on the upright picture or on its stored rows.

    An alpha channel is ignored. ValueError names both sizes when neither fits.
    """
    read = load(path)
    marked = read.pixels > 0 if read.pixels.ndim == 2 else (read.pixels > 0).any(axis=2)
    height, width = picture.pixels.shape[:2]
    if marked.shape == (height, width):
        return marked
    if picture.orientation > 4 and marked.shape == (width, height):
        return turn(marked, picture.orientation)
    raise ValueError(
        f"{path}: the mask is {marked.shape[1]} x {marked.shape[0]} pixels, the picture {width} x {height}: "
        "save the mask at the picture's size"
    )


@dataclass(frozen=True)
class Prepared:
    """base: the picture at the output's size, what stays where nothing is restored; seen: the network's condition;
    lost [H, W]: pixels filled from the prior alone; noise: grey levels of 8 bits assumed for denoising, or None; blur: what
    deblurring undid before the network saw the picture, or None."""

    base: Picture
    seen: Observation
    lost: np.ndarray
    noise: float | None
    blur: blur_kernel.Blur | None = None


def prepare(
    picture: Picture,
    mask: np.ndarray | None,
    tasks: tuple[str, ...],
    *,
    noise: float | None,
    border: int,
    kind: str,
    blur: str | None = None,
) -> Prepared:
    """Build the network's condition.

    mask [H, W] bool or None: losses when `inpaint` is among the tasks, else the only place that the tasks may change.
    noise: standard deviation in 8-bit grey levels, estimated when None; border: pixels added on each side by outpaint;
    blur: as `blur_kernel.told` reads it, estimated when None.
    """
    if kind not in KINDS:
        raise ValueError(f"--kind {kind}: there are {', '.join(KINDS)}")
    lost = mask if mask is not None and "inpaint" in tasks else np.zeros(picture.pixels.shape[:2], bool)
    only = mask if mask is not None and "inpaint" not in tasks else None
    factor = 2 if "sr2" in tasks else 4 if "sr4" in tasks else 1
    if only is not None and (factor > 1 or tasks == ("outpaint",)):
        raise ValueError(
            f"--task {','.join(tasks)} changes the whole canvas and takes no mask: leave the mask out, or add inpaint"
        )
    clean, undone = encode(picture.pixels), None
    if blur is not None and "deblur" not in tasks:
        raise ValueError(f"--blur {blur} says what deblur is to undo: add deblur to --task, or leave --blur out")
    if "deblur" in tasks:
        clean, undone = _sharp(clean, lost, only, blur, noise)
    if "denoise" in tasks:
        noise = (max(undone.noise, 0.5) if undone else estimated_noise(picture.pixels)) if noise is None else noise
        if not 0 < noise < 128:
            raise ValueError(f"--noise {noise:g}: give the standard deviation in 8-bit grey levels, between 0 and 128")
    if factor > 1:
        picture, clean, lost = _enlarged(picture, clean.numpy(), lost, factor)
    how = None
    if "jpeg" in tasks and set(tasks) <= {"jpeg", "inpaint", "outpaint"}:  # others move the truth out of its cells
        how = compression.known(picture.pixels, picture.jpeg if picture.orientation == 1 else None)
    cells = compression.cells(picture.pixels, how, lost) if how else ()
    typical = TYPICAL_DOUBT | ({"jpeg": jpeg_doubt(how.quality)} if how else {})
    doubts = [typical[t] for t in tasks if t not in ("inpaint", "outpaint", "denoise")]
    doubts += [noise / 127.5] if "denoise" in tasks else []
    doubt = np.full(lost.shape, np.sqrt(np.sum(np.square(doubts))) if doubts else 0.0, np.float32)
    if only is not None:
        doubt[~only] = 0
    doubt[lost] = np.inf
    if "outpaint" in tasks:
        if border < 1:
            raise ValueError(f"--border {border}: outpaint needs the pixels to add on each side, such as --border 64")
        picture, clean, lost, doubt = _bordered(picture, clean, lost, doubt, border)
        cells = tuple(replace(c, top=c.top + border, left=c.left + border) for c in cells)
    doubt = torch.from_numpy(doubt)[None]
    guess = first_guess(clean.numpy().transpose(1, 2, 0), torch.isinf(doubt[0]).numpy())
    observed = torch.from_numpy(np.ascontiguousarray(guess.transpose(2, 0, 1)))
    task = torch.tensor([float(any(PLANE.get(t) == plane for t in tasks)) for plane in TASKS])
    exact = factor if tasks in (("sr2",), ("sr4",)) else 1  # with noise or losses the cells' means are not known
    return Prepared(
        picture,
        Observation(observed, doubt, task, KINDS.index(kind), exact, cells),
        lost,
        noise if "denoise" in tasks else None,
        undone,
    )


def _sharp(clean: torch.Tensor, lost: np.ndarray, only: np.ndarray | None, blur: str | None, noise: float | None):
    """The picture [3, H, W] with its blur undone where it may change, and the blur."""
    rows = first_guess(clean.numpy().transpose(1, 2, 0), lost)
    undone = blur_kernel.estimated(rows) if blur is None else blur_kernel.with_noise(blur_kernel.told(blur), rows)
    sharp = blur_kernel.deblurred(rows, undone, noise, known=~lost)
    sharp = sharp if only is None else np.where(only[..., None], sharp, rows)
    return torch.from_numpy(np.ascontiguousarray(sharp.transpose(2, 0, 1))), undone


def estimated_noise(pixels: np.ndarray) -> float:
    """Noise of a picture in 8-bit grey levels, by the wavelet median (Donoho and Johnstone 1994)."""
    from skimage.restoration import estimate_sigma

    unit = pixels.astype(np.float32) * (255 / np.iinfo(pixels.dtype).max)
    sigma = float(estimate_sigma(unit, channel_axis=2 if unit.ndim == 3 else None, average_sigmas=True))
    return max(sigma, 0.5) if np.isfinite(sigma) else 0.5


def _enlarged(picture: Picture, clean: np.ndarray, lost: np.ndarray, factor: int):
    shape = (lost.shape[0] * factor, lost.shape[1] * factor)
    small = clean.transpose(1, 2, 0)
    big = torch.from_numpy(
        np.ascontiguousarray(with_means(enlarge(small, shape), small).clip(-1, 1).transpose(2, 0, 1))
    )
    pixels = decode(big, picture.pixels.dtype, picture.pixels.ndim == 2)
    alpha = picture.alpha
    if alpha is not None:
        alpha = np.repeat(np.repeat(alpha, factor, axis=0), factor, axis=1)
    dpi = None if picture.dpi is None else tuple(v * factor for v in picture.dpi)
    lost = np.repeat(np.repeat(lost, factor, axis=0), factor, axis=1)
    return replace(picture, pixels=pixels, alpha=alpha, dpi=dpi), big, lost


def _bordered(picture: Picture, clean: torch.Tensor, lost: np.ndarray, doubt: np.ndarray, border: int):
    around = ((border, border), (border, border))
    deep = around + ((0, 0),) * (picture.pixels.ndim - 2)
    alpha = None if picture.alpha is None else np.pad(picture.alpha, around, constant_values=picture.full)
    picture = replace(picture, pixels=np.pad(picture.pixels, deep), alpha=alpha)
    clean = torch.nn.functional.pad(clean, (border,) * 4)
    return picture, clean, np.pad(lost, around, constant_values=True), np.pad(doubt, around, constant_values=np.inf)


def stored(marks: np.ndarray, picture: Picture) -> np.ndarray:
    """An upright map turned to the rows as stored in the file."""
    return turn(marks, INVERSE_TURN.get(picture.orientation, picture.orientation))
