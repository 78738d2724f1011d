"""Batches that the gate's network learns from: right planes, and planes with one of FLAWS; all out of planes of 2 mm."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from difusa.domains.medical import codec
from difusa.domains.medical.gate_network import FLAWS, LOOKS, SIDE
from difusa.domains.medical.gate_network import PIXEL as SEEN
from difusa.domains.medical.gate_people import PIXEL, Measured, Planes
from difusa.domains.medical.gate_people import SIDE as RAW
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream

RIGHT = 0.45  # share of right planes in a batch
REAL = 0.5  # of the planes of T1, T2 and FLAIR, where there are real ones
CT = CONTRASTS.index("CT")
WINDOWS = (
    (-1000, 2000),
    (-1024, 1500),
    (-20, 100),
    (-150, 400),
    (-500, 2000),
    (0, 1500),
)  # HU of black, and from there to white
TURNED = {"upside down": (180.0,), "on its side": (90.0, 270.0)}  # degrees


@dataclass(frozen=True)
class Lessons:
    """Where batches come from; things [n, RAW, RAW] in [0, 1]: what is no head."""

    people: Planes
    real: Measured | None
    things: np.ndarray

    def batch(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Planes [count, 1, SIDE, SIDE] and what each looks like [count], a place in LOOKS."""
        looks, planes = [], []
        for name in self.kinds(rng, count):
            look, plane = self.plane(name, rng)
            looks.append(look)
            planes.append(plane)
        return torch.from_numpy(np.stack(planes))[:, None], torch.tensor(looks)

    def kinds(self, rng: np.random.Generator, count: int) -> list[str]:
        """What the planes of a batch are: RIGHT of them contrasts, the rest flaws, evenly."""
        return [
            str(rng.choice(CONTRASTS)) if rng.random() < RIGHT else str(rng.choice(tuple(FLAWS))) for _ in range(count)
        ]

    def plane(self, name: str, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        """One plane [SIDE, SIDE] that looks like `name`."""
        contrast = name if name in CONTRASTS else CONTRASTS[rng.integers(len(CONTRASTS))]
        contrast = {"CT as MR": "CT"}.get(name, CONTRASTS[rng.integers(4)] if name == "MR as CT" else contrast)
        image = self.thing(rng) if name == "no head" else self.signal(contrast, name == "other planes", rng)
        ground = -1000.0 if contrast == "CT" and name != "no head" else 0.0
        loud = 0.12 if name in CONTRASTS else 0.25
        image = placed(image - ground, name, rng) + ground
        shown = CONTRASTS.index(name) if name in CONTRASTS else LOOKS.index(name)
        if name == "CT as MR":
            low, wide = WINDOWS[rng.integers(len(WINDOWS))]
            image = (image - low) / (wide * np.exp(0.2 * rng.standard_normal()))
            return shown, codec.encode(np.clip(image, 0 if rng.random() < 0.7 else -1, 1), "T1")
        if name == "no head":
            if rng.random() < 0.3:
                return shown, codec.encode(image * rng.uniform(100, 2000) - rng.choice([0, 500, 1000]), "CT")
            return shown, codec.encode(image * np.float32(np.exp(loud * rng.standard_normal())), "T1")
        if name == "negative":
            image = negative(image, contrast, rng)
        if contrast == "CT":
            return shown, codec.encode(image + 8 * rng.standard_normal(image.shape, dtype=np.float32), "CT")
        image = varied(image, loud, rng)
        if name == "MR as CT":
            return shown, codec.encode(image * 10 ** rng.uniform(-0.3, 3.6) - rng.choice([0, 0, 0, 1024]), "CT")
        return shown, codec.encode(image, contrast)

    def signal(self, contrast: str, across: bool, rng: np.random.Generator) -> np.ndarray:
        """A plane [RAW, RAW] of a contrast, 1 = reference, CT in HU: axial, or across."""
        place = CONTRASTS.index(contrast)
        if self.real is not None and not across and rng.random() < REAL:
            rows = np.flatnonzero(self.real.contrast == place)
            if len(rows):
                patients = self.real.patient[rows]  # patients evenly, however many planes they have
                return self.real.signals[rng.choice(rows[patients == rng.choice(np.unique(patients))])].astype(
                    np.float32
                )
        rows = np.flatnonzero(self.people.axial != across)
        image = self.people.signals[rng.choice(rows), place].astype(np.float32)
        return image * 1000 if contrast == "CT" else image

    def thing(self, rng: np.random.Generator) -> np.ndarray:
        return self.things[rng.integers(len(self.things))].astype(np.float32)


def placed(image: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """A plane on black [RAW, RAW] as SIDE x SIDE: turned, scaled and shifted a little, and by what is wrong with it."""
    from skimage.transform import warp

    turn = float(np.clip(7 * rng.standard_normal(), -18, 18))
    scale = np.exp(np.clip(0.06 * rng.standard_normal(2), -0.15, 0.15)) * np.exp(
        np.clip(0.05 * rng.standard_normal(), -0.1, 0.1)
    )
    flips = np.array([rng.choice([-1, 1]), 1.0])  # columns, rows
    if name in TURNED:
        turn += float(rng.choice(TURNED[name]))
    elif name == "other planes":
        turn, flips = turn + 90 * float(rng.integers(4)), np.array(rng.choice([-1, 1], 2), float)
    elif name == "other size":
        scale = scale * np.exp(rng.choice([-1, 1]) * rng.uniform(0.45, 1.0))
    elif name == "no head":
        turn, scale = turn + 90 * float(rng.integers(4)), scale * np.exp(rng.uniform(-0.7, 0.7))
    a = np.deg2rad(turn)
    from_there = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag(flips * scale) * (PIXEL / SEEN)
    back = np.eye(3)  # (column, row) of what is made -> of the image
    back[:2, :2] = np.linalg.inv(from_there)
    back[:2, 2] = (RAW - 1) / 2 - back[:2, :2] @ ((SIDE - 1) / 2 + rng.uniform(-5, 5, 2))
    out = warp(image, back, order=1, output_shape=(SIDE, SIDE), preserve_range=True).astype(np.float32)
    if rng.random() < 0.15:  # a field of view that cuts the head off
        edge, axis = int(rng.integers(4, 18)), int(rng.integers(4))
        turned = np.rot90(out, axis)
        turned[:edge] = 0
    return out


def negative(image: np.ndarray, contrast: str, rng: np.random.Generator) -> np.ndarray:
    """Bright made dark: everywhere, or in the head alone."""
    if contrast == "CT":
        return -image + rng.uniform(-200, 200)
    dark = np.clip(rng.uniform(0.8, 1.1) - image, 0, None)
    return dark if rng.random() < 0.5 else np.where(image > 0.06, dark, image)


def varied(image: np.ndarray, loud: float, rng: np.random.Generator) -> np.ndarray:
    """Another scanner's: gain, gamma, bias field, blur and noise."""
    from scipy.ndimage import gaussian_filter

    image = np.maximum(image, 0) ** np.float32(np.exp(0.18 * rng.standard_normal()))
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    a, b, c = 0.15 * rng.standard_normal(3)
    image = image * np.exp(a * rows + b * columns + c * (rows**2 + columns**2) + loud * rng.standard_normal())
    if rng.random() < 0.4:
        image = gaussian_filter(image, rng.uniform(0.2, 0.8))
    sigma = rng.uniform(0, 0.03)
    real, imaginary = sigma * rng.standard_normal((2, *image.shape), dtype=np.float32)
    return np.sqrt((image + real) ** 2 + imaginary**2).astype(np.float32)


def things(folder, count: int = 600, seed: int = 1) -> np.ndarray:
    """What is no head [n, RAW, RAW] float16 in [0, 1]: bodies of ellipses, noise, stripes, even grounds, and pictures where the
    data folder holds paintings."""
    files = sorted((Path(folder) / "heritage" / "paintings256").glob("*.*"))[: count // 2] if folder else []
    made = [body(stream(seed, k, 40)) for k in range(count // 2)]
    made += [ground(stream(seed, k, 41)) for k in range(count // 6)]
    return np.stack(made + [grey(path, stream(seed, k, 42)) for k, path in enumerate(files)]).astype(np.float16)


def body(rng: np.random.Generator) -> np.ndarray:
    """A body or a limb in section: a rim of fat around ellipses of any brightness."""
    rows, columns = np.mgrid[-1 : 1 : RAW * 1j, -1 : 1 : RAW * 1j]

    def ellipse(y, x, a, b, turn):
        u, v = (
            (rows - y) * np.cos(turn) + (columns - x) * np.sin(turn),
            (columns - x) * np.cos(turn) - (rows - y) * np.sin(turn),
        )
        return (np.abs(u / a) ** 2.3 + np.abs(v / b) ** 2.3) < 1

    image, tall, wide = np.zeros((RAW, RAW), np.float32), rng.uniform(0.35, 1.4), rng.uniform(0.5, 1.6)
    image[ellipse(0, 0, tall, wide, 0)] = rng.uniform(0.1, 1)
    rim = rng.uniform(0.03, 0.2)
    image[ellipse(0, 0, tall - rim, wide - rim, 0)] = rng.uniform(0.05, 0.9)
    for _ in range(int(rng.integers(2, 14))):
        y, x = rng.uniform(-1, 1, 2) * [0.75 * tall, 0.75 * wide]
        a, b = np.exp(rng.uniform(-3, -0.9, 2))
        image[ellipse(y, x, a, b, rng.uniform(0, 3)) & (image > 0)] = rng.uniform(0, 1)
    texture = rng.standard_normal((RAW, RAW)) * rng.uniform(0.01, 0.15)
    return np.clip(image * (1 + texture) + np.abs(0.02 * rng.standard_normal(image.shape)), 0, 1)


def ground(rng: np.random.Generator) -> np.ndarray:
    """Noise, stripes, or an even ground."""
    rows, columns = np.mgrid[-1 : 1 : RAW * 1j, -1 : 1 : RAW * 1j]
    a, b = rng.uniform(-20, 20, 2)
    kinds = (rng.random((RAW, RAW)), 0.5 + 0.5 * np.sin(a * rows + b * columns), np.full((RAW, RAW), rng.uniform(0, 1)))
    return np.clip(kinds[rng.integers(3)] + 0.1 * rng.standard_normal((RAW, RAW)), 0, 1)


def grey(path: Path, rng: np.random.Generator) -> np.ndarray:
    """Part of a picture in grey [RAW, RAW], some in an ellipse on black, as a body would be."""
    from skimage.io import imread
    from skimage.transform import resize

    picture = imread(path, as_gray=True)
    picture = picture / 255 if picture.max() > 1 else picture
    size = int(min(picture.shape) * rng.uniform(0.4, 1))
    top, left = (int(rng.integers(0, n - size + 1)) for n in picture.shape)
    part = resize(picture[top : top + size, left : left + size], (RAW, RAW), anti_aliasing=True)
    if rng.random() < 0.5:
        rows, columns = np.mgrid[-1 : 1 : RAW * 1j, -1 : 1 : RAW * 1j]
        part = part * ((rows / rng.uniform(0.5, 1)) ** 2 + (columns / rng.uniform(0.5, 1)) ** 2 < 1)
    return part
