"""What is done to a marked picture before somebody asks whether it is marked: 13 distortions of uint8 [H, W, 3]."""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

PATCH, LATENTS = 8, 24  # pixels along a patch, and numbers that are kept of its 192
STEP = 12.0  # grey levels to which these numbers are rounded

Attack = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def jpeg(picture, rng):
    return _jpeg(picture, 50)


def resize(picture, rng):
    height, width = picture.shape[:2]
    return _to(picture, (width // 2, height // 2))


def crop(picture, rng):
    height, width = picture.shape[:2]
    h, w = round(height * 0.75**0.5), round(width * 0.75**0.5)
    top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return _to(picture[top : top + h, left : left + w], (width, height))


def rotation(picture, rng):
    from PIL import Image

    turn = rng.uniform(10, 75) * rng.choice([-1, 1])
    return np.array(Image.fromarray(picture).rotate(turn, Image.Resampling.BICUBIC))


def blur(picture, rng):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(picture, (1.0, 1.0, 0))


def noise(picture, rng):
    return levels(picture + rng.normal(0, 20, picture.shape))


def brightness(picture, rng):
    return levels(picture * 1.5)


def contrast(picture, rng):
    middle = picture.mean((0, 1))
    return levels(middle + 1.5 * (picture - middle))


def saturation(picture, rng):
    return np.repeat(levels(picture @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=2)


def median(picture, rng):
    from scipy.ndimage import median_filter

    return median_filter(picture, (3, 3, 1))


def screenshot(picture, rng):
    """Shown at 1.3 of its size on a page, brighter by a gamma of 0.9, captured, cut out with a rim, JPEG of quality 80."""
    height, width = picture.shape[:2]
    shown = levels(255 * (_to(picture, (round(1.3 * width), round(1.3 * height))) / 255.0) ** 0.9)
    rim = round(0.02 * height)
    return _jpeg(np.pad(shown, ((rim, rim // 2), (rim // 2, rim), (0, 0)), constant_values=238), 80)


ATTACKS: dict[str, tuple[Attack, str]] = {
    "JPEG": (jpeg, "quality 50, 4:2:0"),
    "resize": (resize, "to half its width and height, and left so"),
    "crop": (crop, "three quarters of its area, anywhere, brought back to its size"),
    "rotation": (rotation, "by 10 to 75 degrees, either way; what turns out of it is lost"),
    "blur": (blur, "Gaussian, 1 pixel"),
    "noise": (noise, "Gaussian, 20 grey levels"),
    "brightness": (brightness, "times 1.5"),
    "contrast": (contrast, "times 1.5"),
    "saturation": (saturation, "to grey"),
    "median": (median, "of 3 x 3 pixels"),
    "screenshot": (screenshot, "shown at 1.3 of its size, gamma 0.9, with a rim of the page, JPEG 80"),
}
REGENERATION, COMPRESSION = "regeneration", "linear VAE"
WORDS = {name: words for name, (_, words) in ATTACKS.items()} | {
    REGENERATION: "noised to 0.2 of [-1, 1] and drawn again by the shipped prior in three evaluations",
    COMPRESSION: f"each {PATCH} x {PATCH} patch as {LATENTS} of its 192 principal components (Lucas et al. 2019), rounded to "
    f"{STEP:g} grey levels",
}


def compressed(picture: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """A picture through a linear autoencoder of its patches; axes [LATENTS, 192], orthonormal."""
    height, width = (n // PATCH * PATCH for n in picture.shape[:2])
    patches = _patches(picture[:height, :width])
    back = np.rint(patches @ axes.T / STEP) * STEP @ axes
    made = picture.copy()
    rows = back.reshape(height // PATCH, width // PATCH, PATCH, PATCH, 3).transpose(0, 2, 1, 3, 4)
    made[:height, :width] = levels(rows.reshape(height, width, 3))
    return made


@lru_cache(1)
def axes_of(data: Path, count: int = 60) -> np.ndarray:
    """[LATENTS, 192]: principal components of the patches of training pictures about grey 0, the mean counted as one."""
    from difusa.domains.heritage.cases import crops

    patches = np.concatenate([_patches(c.pixels()) for c in crops(data, count, "train")])
    return np.linalg.eigh(patches.T @ patches)[1].T[::-1][:LATENTS]


def _patches(picture: np.ndarray) -> np.ndarray:
    rows, columns = (n // PATCH for n in picture.shape[:2])
    cut = picture.reshape(rows, PATCH, columns, PATCH, 3).transpose(0, 2, 1, 3, 4)
    return cut.reshape(rows * columns, -1).astype(np.float64)


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=2)
    return np.array(Image.open(file))


def _to(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def levels(picture: np.ndarray) -> np.ndarray:
    """Whole grey levels, 0 to 255."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
