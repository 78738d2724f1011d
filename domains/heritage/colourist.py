"""The colourist: a small denoiser of the six numbers that undo a colour change, told what the picture measures, and the
examples it learns from."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from difusa.domains.heritage import colour, corpus
from difusa.domains.heritage.network import KINDS
from difusa.shared.denoisers import Preconditioned
from difusa.shared.seeds import stream

WAVES = 8  # of the level's embedding


class Perceptron(nn.Module):
    """Residual perceptron: scaled state [B, 6], time [B] = 250 ln(sigma), statistics [B, n], kind [B] -> [B, 6]."""

    def __init__(self, width: int, blocks: int, dropout: float):
        super().__init__()
        self.told = nn.Linear(colour.STATISTICS, width)
        self.kind = nn.Embedding(len(KINDS), width)
        self.state = nn.Linear(6 + 2 * WAVES, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, width)
            )
            for _ in range(blocks)
        )
        self.out = nn.Linear(width, 6)

    def forward(self, x: Tensor, time: Tensor, *, statistics: Tensor, kind: Tensor) -> Tensor:
        angle = (time / 1000)[:, None] * 2 ** torch.arange(WAVES, device=x.device, dtype=x.dtype)
        h = self.state(torch.cat([x, angle.sin(), angle.cos()], 1)) + self.told(statistics) + self.kind(kind)
        for block in self.blocks:
            h = h + block(h)
        return self.out(h)


class Colourist(Preconditioned):
    """Denoiser (x [B, 6], sigma, statistics, kind) -> clean state [B, 6] of `colour.state`."""

    def __init__(self, width: int = 160, blocks: int = 3, dropout: float = 0.1):
        super().__init__(Perceptron(width, blocks, dropout))

    def weight(self, sigma: Tensor, **_) -> Tensor:
        return super().weight(sigma)


@dataclass(frozen=True)
class Options:
    """What the recipe may say of the colourist's examples."""

    crops: int = 4  # of each picture, the first is all of it, every other one spoilt; what is measured is kept
    intact: float = 0.1  # share of examples whose colour is as it was
    unlabelled: float = 0.3  # share of examples whose kind is not told


class Examples:
    """Colour examples as a pure function of (seed, number): clean [6] state, statistics [STATISTICS], kind (int64).

    A change of colour moves the ends alone, so that a crop is measured once and aged as often as one likes.
    """

    def __init__(self, data: Path | str, split: str, options: Options, seed: int = 0):
        self.options, self.seed = options, seed
        self.groups: dict[str, list[corpus.Item]] = {}
        for item in corpus.items(data, split):
            self.groups.setdefault(item.kind, []).append(item)
        self.kinds = list(self.groups)
        self.edges = np.cumsum([corpus.SHARES[kind] for kind in self.kinds])
        self.known: dict[tuple[Path, int], tuple[np.ndarray, np.ndarray]] = {}

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        rng = stream(self.seed, number)
        kind = self.kinds[int(np.searchsorted(self.edges / self.edges[-1], rng.random(), side="right"))]
        group = self.groups[kind]
        clean, shape = self._measured(group[rng.integers(len(group))], int(rng.integers(self.options.crops)))
        aged = clean if rng.random() < self.options.intact else colour.aged(clean, rng)
        label = "unknown" if rng.random() < self.options.unlabelled else kind
        told = {"statistics": colour.told(aged, shape), "kind": np.int64(KINDS.index(label))}
        return {"clean": colour.state(clean)} | told

    def _measured(self, item: corpus.Item, crop: int) -> tuple[np.ndarray, np.ndarray]:
        if (item.path, 0) not in self.known:
            rng, picture = stream(zlib.crc32(item.path.name.encode()), self.seed), corpus.read(item)
            for n in range(self.options.crops):
                part = (_part(picture, rng) if n else picture) / np.float32(255)
                self.known[item.path, n] = colour.measured(_spoilt(part, rng) if n % 2 else part)
        return self.known[item.path, crop]


def _part(picture: np.ndarray, rng) -> np.ndarray:
    """A random part, each side half the picture's or longer, perhaps mirrored."""
    height, width = (int(n * rng.uniform(0.5, 1)) for n in picture.shape[:2])
    top, left = rng.integers(picture.shape[0] - height + 1), rng.integers(picture.shape[1] - width + 1)
    part = picture[top : top + height, left : left + width]
    return part[:, ::-1] if rng.random() < 0.5 else part


def _spoilt(part: np.ndarray, rng) -> np.ndarray:
    """With what came after the ageing, before which it is measured all the same: specks, grain and JPEG.

    Specks are black or white of today, which lie beyond black and white once the colours are undone.
    """
    import cv2

    part = part.copy()
    if rng.random() < 0.6:
        levels = np.uint8(np.rint(255 * part))
        _, code = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))])
        part = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1] / np.float32(255)
    if rng.random() < 0.5:
        part = part + np.float32(np.exp(rng.uniform(np.log(0.005), np.log(0.06)))) * rng.standard_normal(
            part.shape, dtype=np.float32
        )
    for _ in range(int(rng.integers(0, 9))):
        side, value = int(rng.integers(1, 3)), np.float32(rng.uniform(-1.3, 1.7))
        top, left = (int(rng.integers(n)) for n in part.shape[:2])
        part[top : top + side, left : left + side] = value
    return part
