"""Damage as it befalls pictures: losses, scratches, noise, JPEG, halftone, blur, reduction, varnish and fading.

Pictures are float32 [H, W, 3] RGB in [-1, 1]; masks are bool [H, W], True = lost. Every function takes its random stream.
"""

from pathlib import Path

import numpy as np

from difusa.domains.heritage.deblur import sharpened
from difusa.domains.heritage.fill import first_guess
from difusa.domains.heritage.network import TASKS

# standard error told to the restorer when the user names none, on the [-1, 1] scale
TYPICAL_DOUBT = {
    "inpaint": np.inf,
    "outpaint": np.inf,
    "denoise": 25 / 127.5,
    "jpeg": 0.065,
    "deblur": 0.08,
    "sr2": 0.08,
    "sr4": 0.14,
    "colour": 0.25,
}


# how often each kind of damage is drawn in training; a recipe can change them
SHARES = {
    "loss": 0.45,
    "noise": 0.18,
    "jpeg": 0.10,
    "halftone": 0.03,
    "blur": 0.08,
    "reduction": 0.11,
    "colour": 0.05,
}


def jpeg_doubt(quality: float) -> float:
    """Usual error of JPEG at this quality (1 to 100), standard deviation on the [-1, 1] scale."""
    return 0.29 / float(np.sqrt(quality))


def scratches(shape: tuple[int, int], rng, share: float = 0.13, widest: int = 3) -> np.ndarray:
    """Thin wandering lines that cover about `share` of the picture."""
    import cv2

    height, width = shape
    mask = np.zeros(shape, np.uint8)
    while mask.mean() < share:
        point = rng.random(2) * (width, height)
        angle = rng.random() * 2 * np.pi
        bend = rng.normal(0, 0.15)
        length = rng.integers(6, 30)
        track = [point]
        for _ in range(length):
            angle += bend + rng.normal(0, 0.12)
            point = point + 4 * np.array([np.cos(angle), np.sin(angle)])
            track.append(point)
        cv2.polylines(mask, [np.int32(track)], False, 1, thickness=int(rng.integers(1, widest + 1)))
    return mask.astype(bool)


def losses(shape: tuple[int, int], rng, share: float = 0.1) -> np.ndarray:
    """Islands of lost paint: smooth noise cut at the level that leaves about `share` lost."""
    import cv2

    size = np.exp(rng.uniform(np.log(2.0), np.log(10.0)))  # px, scale of the islands
    field = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), size)
    field += 0.35 * field.std() * cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 1.0)
    return field > np.quantile(field, 1 - share)


def border(shape: tuple[int, int], rng, width: int | None = None) -> np.ndarray:
    """A strip along one side, to be painted on (outpainting)."""
    mask = np.zeros(shape, bool)
    deep = width or int(rng.integers(4, max(5, min(shape) // 3)))
    side = rng.integers(4)
    np.rot90(mask, side)[:deep] = True
    return mask


def add_noise(picture: np.ndarray, rng, sigma: float) -> np.ndarray:
    """Gaussian noise; sigma on the [-1, 1] scale (25 grey levels = 25 / 127.5)."""
    return picture + sigma * rng.standard_normal(picture.shape, dtype=np.float32)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Through a JPEG file of this quality (4:2:0 chroma, libjpeg's scale 1 to 100)."""
    import cv2

    levels = np.clip(np.rint((picture + 1) * 127.5), 0, 255).astype(np.uint8)
    _, code = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 127.5 - 1


def halftone(picture: np.ndarray, rng, period: float | None = None) -> np.ndarray:
    """Printed through a dot screen of `period` px and scanned slightly soft."""
    import cv2

    period = period or rng.uniform(2.5, 4.5)
    angle = rng.uniform(0.2, 0.8)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    u, v = (x * np.cos(angle) + y * np.sin(angle)), (y * np.cos(angle) - x * np.sin(angle))
    screen = (np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period)) / 2
    dots = np.tanh(4 * (picture + 0.9 * screen[..., None]))
    return cv2.GaussianBlur(np.clip(dots, -1, 1), (0, 0), 0.9).astype(np.float32)


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """Normalised kernel of a motion of `length` px along `angle` radians: how long of the way lies in each pixel."""
    margin = int(np.ceil(length / 2))
    steps = (np.arange(64 * margin) + 0.5) / (64 * margin) - 0.5
    rows, columns = (np.rint(length * steps * part).astype(int) + margin for part in (np.sin(angle), np.cos(angle)))
    kernel = np.zeros((2 * margin + 1, 2 * margin + 1), np.float32)
    np.add.at(kernel, (rows, columns), 1)
    return kernel / kernel.sum()


def blur(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlation with `kernel`, mirrored at the borders."""
    import cv2

    return cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def gaussian_kernel(sigma: float) -> np.ndarray:
    """Normalised Gaussian kernel of `sigma` px."""
    import cv2

    line = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma)) + 1, sigma)
    return (line @ line.T).astype(np.float32)


def reduce(picture: np.ndarray, factor: int) -> np.ndarray:
    """Smaller by an integer factor, area average."""
    import cv2

    return cv2.resize(picture, (picture.shape[1] // factor, picture.shape[0] // factor), interpolation=cv2.INTER_AREA)


def enlarge(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bicubic to (height, width): how a small picture is shown to the restorer."""
    import cv2

    return cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def with_means(picture: np.ndarray, small: np.ndarray) -> np.ndarray:
    """`picture` moved so that each of its cells has the mean that `small` has there, as it would had it been reduced to it."""
    factor = picture.shape[0] // small.shape[0]
    gap = small - reduce(picture, factor)
    return picture + np.repeat(np.repeat(gap, factor, axis=0), factor, axis=1)


def age(picture: np.ndarray, rng) -> np.ndarray:
    """Yellowed varnish (blue absorbed most) or faded dyes (contrast lost, one layer more than the others)."""
    light = ((picture + 1) / 2).clip(0, 1)
    if rng.random() < 0.5:
        depth = rng.uniform(0.3, 1.0)
        through = np.exp(-depth * np.array([0.1, 0.3, 0.9], np.float32) * rng.uniform(0.8, 1.2, 3).astype(np.float32))
        haze = rng.uniform(0, 0.12) * np.array([0.75, 0.65, 0.45], np.float32)
        light = light * through * (1 - haze) + haze
    else:
        kept = rng.uniform(0.4, 0.9, 3).astype(np.float32)
        paper = rng.uniform(0.75, 1.0) * np.array([1.0, 0.96, 0.86], np.float32)
        light = paper - (paper - light) * kept
    return (light * 2 - 1).astype(np.float32)


def lost(shape: tuple[int, int], rng) -> np.ndarray:
    """A random mask of scratches, islands or a border strip."""
    draw = rng.random()
    if draw < 0.45:
        return scratches(shape, rng, share=rng.uniform(0.02, 0.2))
    if draw < 0.88:
        return losses(shape, rng, share=rng.uniform(0.02, 0.35))
    return border(shape, rng)


def observe(
    clean: np.ndarray, rng, data: Path | None = None, real: float = 0.0, shares: dict[str, float] = SHARES
) -> dict[str, np.ndarray]:
    """A random damage of `clean` [H, W, 3], as the restorer sees it: observed [3, H, W], doubt [1, H, W], task [4].

    shares: how often each kind of damage is drawn (see SHARES); "loss" means losses alone, and a fifth of the others have some.
    """
    names, weights = list(shares), np.cumsum(list(shares.values()))
    kind = names[int(np.searchsorted(weights / weights[-1], rng.random(), side="right"))]
    seen, doubt, plane = _damaged(kind, clean, rng)
    task = np.zeros(len(TASKS), np.float32)
    if plane is not None:
        task[TASKS.index(plane)] = 1
        if kind != "blur" and rng.random() < 0.3:  # mixtures: a compressed, small or faded picture that is noisy too
            noise = float(np.exp(rng.uniform(np.log(0.02), np.log(0.2))))
            seen, doubt = add_noise(seen, rng, noise), float(np.hypot(doubt, noise))
    level = np.full(clean.shape[:2], doubt, np.float32)
    if kind == "loss" or rng.random() < 0.2:
        mask = _real_mask(clean, rng, data) if data is not None and rng.random() < real else None
        mask = lost(clean.shape[:2], rng) if mask is None else mask
        level[mask] = np.inf
        seen = first_guess(seen.astype(np.float32), mask)
    return {"observed": np.ascontiguousarray(seen.transpose(2, 0, 1), np.float32), "doubt": level[None], "task": task}


def _damaged(kind: str, clean: np.ndarray, rng) -> tuple[np.ndarray, float, str | None]:
    """The picture after one kind of damage, the doubt it leaves, and the task plane that tells of it."""
    if kind == "loss":
        return clean, 0.0, None
    if kind == "noise":
        sigma = float(np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
        return add_noise(clean, rng, sigma), sigma, None
    if kind == "jpeg":
        quality = int(rng.integers(8, 70))
        return jpeg(clean, quality), jpeg_doubt(quality), "compression"
    if kind == "halftone":
        return halftone(clean, rng), 0.3, "compression"
    if kind == "blur":
        return blurred_and_back(clean, rng), TYPICAL_DOUBT["deblur"], "blur"
    if kind == "reduction":
        factor = 2 if rng.random() < 0.55 else 4
        return enlarge(reduce(clean, factor), clean.shape[:2]), TYPICAL_DOUBT[f"sr{factor}"], "downsample"
    return age(clean, rng), TYPICAL_DOUBT["colour"], "colour"


def blurred_and_back(clean: np.ndarray, rng) -> np.ndarray:
    """Blurred, rounded to 8 bits, sometimes noisy, and sharpened by a kernel that is nearly the true one, as an estimate is."""
    if rng.random() < 0.6:
        length, angle = rng.uniform(3, 13), rng.uniform(0, np.pi)
        kernel = motion_kernel(length, angle)
        guess = motion_kernel(max(1.0, length * rng.normal(1, 0.05)), angle + rng.normal(0, 0.05))
    else:
        sigma = rng.uniform(0.7, 2.5)
        kernel, guess = gaussian_kernel(sigma), gaussian_kernel(sigma * rng.normal(1, 0.05))
    noise = 0.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(np.log(0.004), np.log(0.04))))
    seen = add_noise(blur(clean, kernel), rng, noise)
    seen = np.clip(np.rint((seen + 1) * 127.5), 0, 255).astype(np.float32) / 127.5 - 1
    return sharpened(seen, guess, noise).clip(-1, 1)


def _real_mask(clean: np.ndarray, rng, data: Path) -> np.ndarray | None:
    """The outline of a real damage, or None where the data folder holds none."""
    if not (Path(data) / "heritage" / "damage").is_dir():
        return None
    from difusa.domains.heritage import real_damage

    mask = real_damage.paste((clean + 1) / 2, rng, real_damage.damages(data, "train"))[1]
    return mask if 0.001 < mask.mean() < 0.5 else None
