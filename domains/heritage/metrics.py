"""Metrics of restored pictures: PSNR, SSIM, a perceptual distance, the shift of faces; and the verb that prints
them."""

from pathlib import Path

import numpy as np

from difusa.shared.metrics import interval, psnr, ssim
from difusa.shared.perceptual import token_distance, tokens

METRICS = ("psnr", "ssim", "perceptual", "face_shift")


def perceptual(truth: np.ndarray, image: np.ndarray) -> float:
    """Perceptual distance of two pictures uint8 [H, W, 3]: 0 for equal ones, about 0.1 for a strong JPEG, never a
    training loss.
    """
    return token_distance(tokens(truth), tokens(image))


def scores(truth: np.ndarray, image: np.ndarray, *, mask: np.ndarray | None = None) -> dict[str, float]:
    """psnr and ssim of uint8 [H, W, 3]; with a mask also psnr_mask, inside it. Infinite PSNR is written as 99 dB."""
    result = {"psnr": min(psnr(truth, image), 99.0), "ssim": ssim(truth, image)}
    if mask is not None and mask.any():
        result["psnr_mask"] = min(psnr(truth, image, mask=mask), 99.0)
    return result


def evaluate(
    restored: Path,
    truth: Path,
    *,
    masks: Path | None = None,
    metrics: str = ",".join(METRICS),
    report: Path | None = None,
) -> dict:
    """Compare restored pictures with the truth: prints a table, a row a picture.

    restored: a picture, or a folder of them.
    truth: the same without damage; in a folder, files of the same names (endings may differ).
    masks: picture or folder of the same names, non-zero = damaged; PSNR is then also given inside them.
    metrics: comma-separated from psnr, ssim, perceptual, face_shift (only pictures in which a face is found).
    report: JSON file for the same figures.

    Returns {"items": {name: {metric: value}}, "mean": {metric: {value, low, high, n}}}. Raises ValueError for unknown
    metrics, pictures without a partner and sizes that differ.
    """
    from difusa.domains.heritage import faces
    from difusa.shared.files import write_json

    wanted = [m.strip() for m in metrics.split(",") if m.strip()]
    if unknown := [m for m in wanted if m not in METRICS]:
        raise ValueError(f"--metrics {','.join(unknown)}: choose from {', '.join(METRICS)}")
    pairs, covers = _pairs(Path(restored), Path(truth)), _files(Path(masks)) if masks else {}
    if masks and len(pairs) == len(covers) == 1:
        covers = dict(zip(pairs, covers.values(), strict=True))
    if lacking := sorted(set(pairs) - set(covers)) if masks else []:
        raise ValueError(f"no mask for {', '.join(lacking[:5])}: name each mask after its picture")
    items = {}
    for name, (image_path, truth_path) in pairs.items():
        image, real = read(image_path), read(truth_path)
        if image.shape != real.shape:
            raise ValueError(
                f"{image_path} is {image.shape[:2]}, {truth_path} is {real.shape[:2]}: they must have one size"
            )
        mask = read(covers[name]).max(axis=2) > 0 if masks else None
        row = {k: v for k, v in scores(real, image, mask=mask).items() if k.split("_")[0] in wanted}
        if "perceptual" in wanted:
            row["perceptual"] = perceptual(real, image)
        if "face_shift" in wanted:
            shift = faces.shift(real, image)
            row |= {} if shift is None else {"face_shift": shift}
        items[name] = row
    names = sorted({name for row in items.values() for name in row})
    mean = {name: vars(interval([row[name] for row in items.values() if name in row])) for name in names}
    mean = {name: {k: None if v != v else v for k, v in m.items()} for name, m in mean.items()}  # NaN is no JSON
    result = {"items": items, "mean": mean}
    print(_table(items, mean))
    if report:
        write_json(Path(report), result)
    return result


def read(path: Path) -> np.ndarray:
    """A picture as uint8 [H, W, 3]; 16 bits are rounded to 8 (for metrics only, never on the way to an output)."""
    from difusa.domains.heritage.data import load

    pixels = load(path).pixels
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels / (np.iinfo(pixels.dtype).max / 255)).astype(np.uint8)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def _files(path: Path) -> dict[str, Path]:
    from difusa.domains.heritage.data import SUFFIXES

    if path.is_dir():
        return {p.stem: p for p in sorted(path.iterdir()) if p.suffix.lower() in SUFFIXES}
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give a picture or a folder of pictures")
    return {path.stem: path}


def _pairs(restored: Path, truth: Path) -> dict[str, tuple[Path, Path]]:
    """stem -> (restored, truth); two single files are a pair whatever their names."""
    images, reals = _files(restored), _files(truth)
    if restored.is_file() and truth.is_file():
        return {restored.stem: (restored, truth)}
    lost = sorted(set(images) - set(reals))
    if lost or not images:
        raise ValueError(
            f"no truth for {', '.join(lost[:5]) or 'anything'}: both folders must hold files of the same names"
        )
    return {stem: (images[stem], reals[stem]) for stem in images}


def _table(items: dict, mean: dict) -> str:
    width = max([len("mean"), *map(len, items)])
    lines = [" ".join([" " * width, *(f"{name:>12}" for name in mean)])]
    for stem, row in items.items():
        lines.append(" ".join([f"{stem:<{width}}", *(f"{row[n]:12.4f}" if n in row else " " * 12 for n in mean)]))
    lines.append(" ".join([f"{'mean':<{width}}", *(f"{m['value']:12.4f}" for m in mean.values())]))
    return "\n".join(lines)
