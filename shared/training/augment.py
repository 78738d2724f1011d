"""Augmentation of examples from a recipe: geometry, colour, noise and mixing; the condition follows the picture.

An example is a dict of arrays, at least one of them of PICTURES. Fields [C, H, W] of its H and W are maps and move
together; pictures also share colour and noise, so that an exactly observed pixel stays exact to the bit.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator

from difusa.shared.seeds import stream

PICTURES = ("clean", "observed", "picture")  # fields on the scale of the picture, [-1, 1]
PART = 2  # part of a sample's random stream that augments it (0 draws the example, 1 its noise and level)
Example = dict[str, np.ndarray]


@dataclass(frozen=True)
class Augment:
    """What a recipe may ask for; every default leaves the example as it is."""

    flip: float = 0.0  # chance of a left-right mirror image
    turn: float = 0.0  # chance of a turn by 90, 180 or 270 degrees (180 alone where H and W differ)
    shift: int = 0  # px, furthest move to any side; what enters is mirrored at the border
    brightness: float = 0.0  # largest change of all values, on the [-1, 1] scale
    contrast: float = 0.0  # largest relative change of contrast
    tint: float = 0.0  # largest relative change of one channel against the others
    noise: float = 0.0  # largest standard deviation of Gaussian noise, on the [-1, 1] scale
    mix: float = 0.0  # chance that a box of another example replaces a part (CutMix, Yun et al. 2019)

    def __post_init__(self):
        for field in fields(self):
            value, most = getattr(self, field.name), np.inf if field.name == "shift" else 1
            if not 0 <= value <= most:
                raise ValueError(f"augment.{field.name} must lie in 0..{most}, got {value}")


class Augmented:
    """Numbered examples, augmented: self[n] is a pure function of (seed, n) as the examples themselves are."""

    def __init__(self, examples, options: Augment, seed: int = 0):
        self.examples, self.options, self.seed = examples, options, seed

    def __getitem__(self, number: int) -> Example:
        rng = stream(self.seed, number, PART)
        example, o = self.examples[number], self.options
        if rng.random() < o.mix:
            example = mixed(example, self.examples[int(rng.integers(2**31))], rng)
        example = moved(example, rng, flip=o.flip, turn=o.turn, shift=o.shift)
        example = coloured(example, rng, brightness=o.brightness, contrast=o.contrast, tint=o.tint)
        return noisy(example, rng, o.noise)


def maps(example: Example) -> list[str]:
    """Names of the fields that are laid out as the picture is: arrays [C, H, W] of its H and W."""
    size = _shape(example)[-2:]
    return [k for k, v in example.items() if np.ndim(v) == 3 and v.shape[-2:] == size]


def _shape(example: Example) -> tuple[int, ...]:
    """[C, H, W] of the first picture. Raises ValueError where there is none."""
    for name in PICTURES:
        if name in example:
            return example[name].shape
    raise ValueError(f"an example to augment needs one of {', '.join(PICTURES)}; it has {', '.join(example)}")


def moved(example: Example, rng: Generator, *, flip: float = 0.0, turn: float = 0.0, shift: int = 0) -> Example:
    """Mirror, turn and shift all maps alike; no value is interpolated, so infinities and labels survive."""
    height, width = _shape(example)[-2:]
    mirror = rng.random() < flip
    quarters = int(rng.choice([1, 2, 3] if height == width else [2])) if rng.random() < turn else 0
    down, right = rng.integers(-shift, shift + 1, 2) if shift else (0, 0)
    if shift >= min(height, width):
        raise ValueError(f"augment.shift {shift} must be smaller than the examples' sides, {height} x {width} px")

    def move(a: np.ndarray) -> np.ndarray:
        a = np.rot90(a[..., ::-1] if mirror else a, quarters, axes=(-2, -1))
        if shift:
            a = np.pad(a, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
            a = a[:, shift - down : shift - down + height, shift - right : shift - right + width]
        return np.ascontiguousarray(a)

    return example | {name: move(example[name]) for name in maps(example)}


def coloured(
    example: Example, rng: Generator, *, brightness: float = 0.0, contrast: float = 0.0, tint: float = 0.0
) -> Example:
    """One affine change of the values a channel, of all pictures alike, clipped to [-1, 1]."""
    channels = _shape(example)[0]
    gain = 1 + rng.uniform(-contrast, contrast) + rng.uniform(-tint, tint, (channels, 1, 1))
    offset = rng.uniform(-brightness, brightness)
    if not (brightness or contrast or tint):
        return example
    return _pictures(example, lambda a: np.clip(a * np.asarray(gain, a.dtype) + np.asarray(offset, a.dtype), -1, 1))


def noisy(example: Example, rng: Generator, most: float) -> Example:
    """Gaussian noise of a standard deviation drawn from 0..most, the same on all pictures, clipped to [-1, 1]."""
    if not most:
        return example
    noise = rng.uniform(0, most) * rng.standard_normal(_shape(example))
    return _pictures(example, lambda a: np.clip(a + noise.astype(a.dtype), -1, 1))


def mixed(example: Example, other: Example, rng: Generator) -> Example:
    """A random box of `other` in place of the same box of `example`, in all maps.

    Examples that differ in anything but their maps (another class, another task) are not mixed: one label could not be
    true of both parts. Raises ValueError for maps of different shapes.
    """
    names = maps(example)
    if any(not np.array_equal(example[k], other[k]) for k in example if k not in names):
        return example
    height, width = _shape(example)[-2:]
    side = np.sqrt(rng.uniform(0.1, 0.5))
    tall, wide = max(1, round(side * height)), max(1, round(side * width))
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    box = (slice(None), slice(top, top + tall), slice(left, left + wide))
    result = dict(example)
    for name in names:
        if example[name].shape != other[name].shape:
            raise ValueError(f"cannot mix {name} of shape {example[name].shape} with {other[name].shape}: use one size")
        result[name] = example[name].copy()
        result[name][box] = other[name][box]
    return result


def _pictures(example: Example, change) -> Example:
    """change(picture) for each picture there is; what fills a lost observation (infinite doubt) stays."""
    result = example | {name: change(example[name]) for name in PICTURES if name in example}
    if "observed" in example and "doubt" in example:
        lost = np.broadcast_to(np.isinf(example["doubt"]), example["observed"].shape)
        result["observed"] = np.where(lost, example["observed"], result["observed"])
    return result
