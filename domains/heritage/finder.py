"""The damage finder's network, and the examples it learns from: undamaged crops with real damage laid on them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from difusa.domains.heritage import corpus, real_damage
from difusa.shared.seeds import stream

# Blocks of EfficientNet-Lite0 (Tan and Le 2019; Liu 2020) down to 1/16: width in, width out, expansion, kernel, stride
BLOCKS = ((32, 16, 1, 3, 1), (16, 24, 6, 3, 2), (24, 24, 6, 3, 1), (24, 40, 6, 5, 2), (40, 40, 6, 5, 1),
          (40, 80, 6, 3, 2), (80, 80, 6, 3, 1), (80, 80, 6, 3, 1))  # fmt: skip
TAPS = {
    0: 16,
    2: 24,
    4: 40,
    7: 80,
}  # block -> width of the features taken after it, at 1/2, 1/4, 1/8 and 1/16 of the size


def _unit(
    inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1, bound: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, if bound, ReLU6; at stride 2 the odd pixel of padding lies on the far side."""
    before = kernel // 2 - (stride - 1)
    layers = [
        nn.ZeroPad2d((before, kernel // 2, before, kernel // 2)),
        nn.Conv2d(inward, outward, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outward, eps=1e-3),
    ]
    return nn.Sequential(*layers, nn.ReLU6()) if bound else nn.Sequential(*layers)


class Backbone(nn.Module):
    """The first half of EfficientNet-Lite0: picture [B, 3, H, W] in [-1, 1] -> features at the four TAPS."""

    def __init__(self):
        super().__init__()
        self.stem = _unit(3, 32, 3, 2)
        self.blocks = nn.ModuleList()
        for inward, outward, more, kernel, stride in BLOCKS:
            wide = inward * more
            units = [_unit(inward, wide, 1)] if more > 1 else []
            units += [_unit(wide, wide, kernel, stride, groups=wide), _unit(wide, outward, 1, bound=False)]
            self.blocks.append(nn.Sequential(*units))

    def forward(self, picture: Tensor) -> list[Tensor]:
        x, taps = self.stem(picture), []
        for number, block in enumerate(self.blocks):
            y = block(x)
            x = x + y if x.shape == y.shape else y
            if number in TAPS:
                taps.append(x)
        return taps


def _block(inward: int, outward: int) -> nn.Sequential:
    layers = []
    for width in (inward, outward):
        layers += [nn.Conv2d(width, outward, 3, padding=1, bias=False), nn.BatchNorm2d(outward), nn.ReLU()]
    return nn.Sequential(*layers)


class Finder(nn.Module):
    """U-Net (Ronneberger et al. 2015) on a fixed backbone: picture [B, 3, H, W] in [-1, 1] -> logits [B, 1, H, W].

    H and W are multiples of `unit`. Normalisation is by running statistics, never by the picture's own: then an output
    pixel depends on nothing farther than `REACH`, and overlapping tiles give the same map as the picture in one piece.
    The backbone knows edges and textures from photographs and is not trained; `detail` sees the single pixels it skips.
    """

    REACH = 160  # px, at least the radius of the receptive field (checked by a test)
    unit = 16

    def __init__(self, channels=(24, 40, 64)):
        super().__init__()
        self.backbone = Backbone().requires_grad_(False)
        self.detail = _block(12, channels[0])
        flat = [channels[0] + TAPS[0], TAPS[2], TAPS[4]]
        deep = [*channels[1:], TAPS[7]]
        self.up = nn.ModuleList(_block(d + f, c) for d, f, c in zip(deep[::-1], flat[::-1], channels[::-1]))
        self.out = nn.Conv2d(channels[0], 4, 1)

    def train(self, mode: bool = True):
        super().train(mode)
        self.backbone.eval()  # its statistics stay those it was trained with
        return self

    def forward(self, picture: Tensor) -> Tensor:
        if picture.shape[-2] % self.unit or picture.shape[-1] % self.unit:
            raise ValueError(
                f"height and width must be multiples of {self.unit}, got {tuple(picture.shape)}: pad first"
            )
        with torch.no_grad():
            *skips, x = self.backbone(picture)
        skips[0] = torch.cat([skips[0], self.detail(functional.pixel_unshuffle(picture, 2))], 1)
        for block in self.up:
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skips.pop()], 1))
        return functional.pixel_shuffle(self.out(x), 2)

    def loss(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Cross entropy plus 1 - Dice (Milletari et al. 2016) of each sample [B]; mask [B, 1, H, W] of 0 and 1.

        A fiftieth of the pixels is added above and below in Dice, so that intact crops do not outweigh the others.
        """
        logits = self(picture).float()
        found, some = logits.sigmoid(), mask[0].numel() / 50
        both, either = ((a * b).sum((1, 2, 3)) for a, b in ((found, mask), (found + mask, torch.ones_like(mask))))
        entropy = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean((1, 2, 3))
        return entropy + 1 - (2 * both + some) / (either + some)


def adopt(weights: dict[str, Tensor], network: Finder) -> list[str]:
    """Fill the backbone from weights of EfficientNet-Lite0 (keys as in the PyPI package efficientnet-lite-pytorch).

    Returns the names left as they were; raises ValueError when a weight of the backbone is missing.
    """
    names = {"backbone.stem.1": "_conv_stem", "backbone.stem.2": "_bn0"}
    for b, (_, _, more, _, _) in enumerate(BLOCKS):
        parts = ["_expand_conv", "_bn0"] * (more > 1) + ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        for k, part in enumerate(parts):
            names[f"backbone.blocks.{b}.{k // 2}.{1 + k % 2}"] = f"_blocks.{b}.{part}"
    own, fresh = network.state_dict(), []
    for key in own:
        head, _, kind = key.rpartition(".")
        if head not in names:
            fresh.append(key)
        elif f"{names[head]}.{kind}" in weights:
            own[key] = weights[f"{names[head]}.{kind}"]
        elif kind != "num_batches_tracked":
            raise ValueError(f"these weights lack {names[head]}.{kind}: start the finder from EfficientNet-Lite0")
    network.load_state_dict(own)
    return fresh


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
            for _ in range(5):  # where most is damaged, which part is the picture is anybody's guess
                picture, mask = real_damage.paste(intact, rng, self.found, self.options.family)
                if mask.mean() < 0.35:
                    break
            mask &= _visible(intact, picture)
        picture = _scanned(picture, self.options.codec, rng)
        return {"picture": picture.transpose(2, 0, 1) * 2 - 1, "mask": np.float32(mask[None])}


def _visible(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pixels [H, W] whose change, or a neighbour's, exceeds 15 grey levels of 255: less is lost in brushwork."""
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
