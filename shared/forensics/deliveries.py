"""Pictures as they reach a judge: brought to one size, and sent on as people send them (smaller, JPEG, cut, grey, screenshot).

All pictures are uint8 [H, W, 3]. A verdict rests on several deliveries of one picture, because a verdict that changes when the
picture is saved again is none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

SIDE = 192  # px, of the square that is judged: smaller than any picture it was fitted on, so all are reduced alike
CODECS, QUALITIES, SIDES = (".jpg", ".webp"), (40, 90), (192, 256)  # of the past that both classes get; SIDES in px
MOST = 3  # squares that a long picture is cut into


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reduced by the mean of areas, enlarged by cubic interpolation."""
    import cv2

    smaller = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def saved(image: np.ndarray, quality: int, codec: str = ".jpg") -> np.ndarray:
    """The picture after a file of that quality, .jpg or .webp."""
    import cv2

    flag = cv2.IMWRITE_JPEG_QUALITY if codec == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    done, file = cv2.imencode(codec, image[..., ::-1], [flag, int(quality)])
    if not done:
        raise ValueError(f"the picture {image.shape} cannot be written as {codec}")
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1].copy()


def squares(image: np.ndarray) -> list[tuple[int, int, int]]:
    """(top, left, side) of up to MOST squares of the shorter side, evenly along the longer one; one where sides are alike."""
    height, width = image.shape[:2]
    side = min(height, width)
    count = min(MOST, math.ceil(max(height, width) / side - 0.15))
    starts = (
        [(max(height, width) - side) // 2]
        if count == 1
        else np.linspace(0, max(height, width) - side, count).round().astype(int)
    )
    return [(int(s), 0, side) if height > width else (0, int(s), side) for s in starts]


def middle(image: np.ndarray) -> np.ndarray:
    """The square in the middle."""
    side = min(image.shape[:2])
    top, left = ((n - side) // 2 for n in image.shape[:2])
    return image[top : top + side, left : left + side]


def standard(image: np.ndarray) -> np.ndarray:
    """A square at SIDE."""
    return image if image.shape[:2] == (SIDE, SIDE) else resized(image, SIDE, SIDE)


@dataclass(frozen=True)
class Save:
    """How a picture was saved before it came here: codec, quality, and side in px of its middle square."""

    codec: str
    quality: int
    side: int


def past(rng: np.random.Generator) -> tuple[Save, ...]:
    """A past of the law that holds for every picture, whatever its class: one save by each codec, in random order."""
    (low, high), (least, most) = QUALITIES, SIDES
    return tuple(
        Save(CODECS[k], int(rng.integers(low, high + 1)), int(rng.integers(least, most + 1)))
        for k in rng.permutation(len(CODECS))
    )


def equalised(image: np.ndarray, rng: np.random.Generator, codec: str = "", quality: int = 0) -> np.ndarray:
    """A picture of either class with a random past, at SIDE. codec: of the last save, quality: of that one, where given.

    Without it a detector learns that here the real ones were JPEG files of 256 px and the generated ones WebP of 512: residues
    and spectrum alone tell the two with AUROC .98 (360 paintings saved either way). After a single JPEG 60 to 90 at 256 px it is
    still .78, after one random save .58 (of scenes of noise .63), after this .5.
    """
    saves = past(rng)
    if codec:
        saves = sorted(saves, key=lambda s: s.codec == codec)
    *before, last = saves
    image = middle(image)
    for s in (*before, replace(last, quality=quality or last.quality)):
        image = saved(resized(image, s.side, s.side), s.quality, s.codec)
    return standard(image)


def grey(image: np.ndarray) -> np.ndarray:
    """Its luminance (ITU-R BT.601), three times."""
    luma = (image @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return np.repeat(luma[..., None], 3, 2)


def cut(image: np.ndarray, share: float = 0.8, at: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """A square of a share of its side; at: where, 0 to 1 down and across."""
    side = round(share * len(image))
    top, left = (round(a * (len(image) - side)) for a in at)
    return image[top : top + side, left : left + side]


def screenshot(image: np.ndarray, scale: float = 1.25, gamma: float = 0.95) -> np.ndarray:
    """Shown larger on a screen of another gamma, and saved as JPEG 85."""
    shown = resized(image, round(scale * len(image)), round(scale * len(image)))
    return saved((255 * (shown / 255.0) ** gamma).round().astype(np.uint8), 85)


DELIVERIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda image: image,
    "smaller": lambda image: resized(image, 3 * SIDE // 4, 3 * SIDE // 4),
    "JPEG 40": lambda image: saved(image, 40),
    "cut": cut,
    "grey": grey,
    "screenshot": screenshot,
}
WHOLE = tuple(name for name in DELIVERIES if name != "cut")  # deliveries in which every place is where it was


def any_delivery(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A delivery drawn at random, of random strength: what detectors are fitted on."""
    side, codec = int(rng.integers(120, SIDE)), CODECS[int(rng.integers(len(CODECS)))]
    draws = (
        lambda: image,
        lambda: resized(image, side, side),
        lambda: saved(image, int(rng.integers(30, 96)), codec),
        lambda: saved(image, int(rng.integers(30, 96)), codec),
        lambda: cut(image, rng.uniform(0.6, 1), tuple(rng.random(2))),
        lambda: grey(image),
        lambda: screenshot(image, rng.uniform(1.05, 1.6), rng.uniform(0.85, 1.15)),
    )
    return standard(draws[int(rng.integers(len(draws)))]())
