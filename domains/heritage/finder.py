"""The damage finder's network, and the examples it learns from: undamaged crops with real damage laid on them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from difusa.domains.heritage import corpus, real_damage
from difusa.shared.seeds import stream


def _block(inward: int, outward: int) -> nn.Sequential:
    layers = []
    for width in (inward, outward):
        layers += [nn.Conv2d(width, outward, 3, padding=1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()]
    return nn.Sequential(*layers)


class Finder(nn.Module):
    """U-Net (Ronneberger et al. 2015) on 2 x 2 pixel blocks: picture [B, 3, H, W] in [-1, 1] -> logits [B, 1, H, W].

    H and W are multiples of `unit`. Normalisation is by running statistics, never by the picture's own: then an output
    pixel depends on nothing farther than `REACH`, and overlapping tiles give the same map as the picture in one piece.
    """

    REACH = 128  # px, at least the receptive field's radius with four widths (checked by a test)

    def __init__(self, channels=(24, 40, 64, 96)):
        super().__init__()
        self.unit = 2 ** len(channels)
        self.down = nn.ModuleList(_block(i, o) for i, o in zip((12, *channels), channels))
        self.up = nn.ModuleList(_block(deep + flat, flat) for deep, flat in zip(channels[:0:-1], channels[-2::-1]))
        self.out = nn.Conv2d(channels[0], 4, 1)

    def forward(self, picture: Tensor) -> Tensor:
        if picture.shape[-2] % self.unit or picture.shape[-1] % self.unit:
            raise ValueError(
                f"height and width must be multiples of {self.unit}, got {tuple(picture.shape)}: pad first"
            )
        x, skips = functional.pixel_unshuffle(picture, 2), []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skips.pop()], 1))
        return functional.pixel_shuffle(self.out(x), 2)

    def loss(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Cross entropy plus 1 - Dice over the batch (Milletari et al. 2016); mask [B, 1, H, W] of 0 and 1."""
        logits = self(picture).float()
        found = logits.sigmoid()
        dice = (2 * (found * mask).sum() + 1) / (found.sum() + mask.sum() + 1)
        return functional.binary_cross_entropy_with_logits(logits, mask) + 1 - dice


@dataclass(frozen=True)
class Options:
    """What the recipe may say of the finder's examples."""

    size: int = 128  # crop, px
    intact: float = 0.1  # share of crops without damage
    codec: float = 0.6  # share of crops that go through JPEG after the damage, as a scan does
    grey: float = 0.2  # share of crops in grey
    family: str | None = None  # one family of damage only; None mixes them


class Examples:
    """Finder examples as a pure function of (seed, number): picture [3, S, S] in [-1, 1] and mask [1, S, S] of 0 and 1.

    Split by artist or page and by damage file. Aged paper is left out: its own stains have no mask.
    """

    def __init__(self, data: Path | str, split: str, options: Options, seed: int = 0):
        pictures = [i for i in corpus.items(data, split) if i.path.parent.name != "aged_paper512"]
        groups = {kind: [i for i in pictures if i.kind == kind] for kind in sorted({i.kind for i in pictures})}
        self.groups = list(groups.values())
        share = np.array([corpus.SHARES[kind] for kind in groups])
        self.share = share / share.sum()
        self.options, self.seed, self.split = options, seed, split
        self.found = real_damage.damages(data, split)

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        rng = stream(self.seed, number)
        group = self.groups[rng.choice(len(self.groups), p=self.share)]
        picture = _crop(corpus.read(group[rng.integers(len(group))]), self.options.size, rng)
        if rng.random() < self.options.grey:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
        mask = np.zeros(picture.shape[:2], bool)
        if rng.random() >= self.options.intact:
            intact = picture
            picture, mask = real_damage.paste(intact, rng, self.found, self.options.family)
            mask &= _visible(intact, picture)
        picture = _scanned(picture, self.options.codec, rng)
        return {"picture": picture.transpose(2, 0, 1) * 2 - 1, "mask": np.float32(mask[None])}


def _visible(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pixels [H, W] whose change, or a neighbour's, is more than 15 grey levels of 255: nobody can see less in a painting."""
    import cv2

    changed = np.uint8(np.abs(after - before).max(2) > 15 / 255)
    return cv2.dilate(changed, np.ones((3, 3), np.uint8)).astype(bool)


def _crop(picture: np.ndarray, size: int, rng) -> np.ndarray:
    """A random crop at 0.6 to 1.3 of the picture's scale, turned and flipped; float32 in [0, 1]."""
    import cv2

    scale = max(np.exp(rng.uniform(np.log(0.6), np.log(1.3))), (size + 1) / min(picture.shape[:2]))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way)
    top, left = (rng.integers(n - size + 1) for n in picture.shape[:2])
    crop = np.rot90(picture[top : top + size, left : left + size], rng.integers(4))
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    return np.ascontiguousarray(crop, dtype=np.float32) / 255


def _scanned(picture: np.ndarray, codec: float, rng) -> np.ndarray:
    """Softness, grain and JPEG over picture and damage alike: else the finder learns the paste, not the damage."""
    import cv2

    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 0.8))
    if rng.random() < 0.4:
        picture = picture + rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    levels = np.uint8(np.clip(np.rint(picture * 255), 0, 255))
    if rng.random() < codec:
        _, code = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 99))])
        levels = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]
    return np.float32(levels) / 255
