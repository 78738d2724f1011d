"""What the gate sees of a scan, and the network that says what it looks like."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from difusa.domains.medical import codec
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.imports import monai

SIDE, PIXEL = 72, 3  # pixels along an edge of what is seen, and millimetres of one
FLAWS = {  # what is wrong -> how the gate says it
    "CT as MR": "looks like CT",
    "MR as CT": "looks like MR, or like CT that is not in HU",
    "upside down": "upside down",
    "on its side": "turned on its side",
    "other planes": "its planes are not axial",
    "negative": "looks like a negative",
    "other size": "not the size of a head: are its millimetres right?",
    "no head": "not a head",
}
LOOKS = (*CONTRASTS, *FLAWS)
LEAST = -6.0  # log-probability below which a plane's says no more


class Looks(nn.Module):
    """Planes [n, 1, SIDE, SIDE], encoded -> logits [n, LOOKS]: a residual network (He et al. 2016) of 0.2 million weights."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96)):
        super().__init__()
        self.body = monai().ResNet(
            "basic", [1, 1, 1, 1], list(widths), spatial_dims=2, n_input_channels=1, conv1_t_size=5, conv1_t_stride=2,
            feed_forward=False,
        )  # fmt: skip
        self.last = nn.Linear(widths[-1], len(LOOKS))

        self.register_buffer("means", torch.zeros(len(CONTRASTS), widths[-1]))  # of right planes' features, by contrast
        self.register_buffer("inverse", torch.eye(widths[-1]))  # of their covariance

    def forward(self, planes: Tensor) -> Tensor:
        return self.last(self.body(planes))

    def far(self, features: Tensor, contrast: int) -> Tensor:
        """Mahalanobis distance of the mean of planes' features [n, widths[-1]] from right ones of a contrast."""
        off = features.mean(0) - self.means[contrast]
        return (off @ self.inverse @ off).clamp(min=0).sqrt()


def seen(planes: np.ndarray, head: np.ndarray, air: float, side: int = SIDE, pixel: int = PIXEL) -> np.ndarray:
    """Encoded planes [Z, rows, columns] of 1 mm as the network sees them [Z, side, side]: about the middle of the head, in
    pixels of `pixel` mm, with air around. head [Z, rows, columns]: where it is; nowhere: all of the picture counts."""
    shown = head.any(0) if head.any() else np.ones(head.shape[1:], bool)
    wide = side * pixel
    out = np.full((len(planes), wide, wide), air, np.float32)
    here, there = [], []
    for axis in (0, 1):
        places = np.flatnonzero(shown.any(1 - axis))
        low = (int(places[0]) + int(places[-1]) + 1) // 2 - wide // 2
        there.append(slice(max(low, 0), min(low + wide, shown.shape[axis])))
        here.append(slice(there[-1].start - low, there[-1].stop - low))
    out[:, here[0], here[1]] = planes[:, there[0], there[1]]
    return out.reshape(-1, side, pixel, side, pixel).mean((2, 4))


@torch.no_grad()
def said(networks: Iterable[Looks], planes: np.ndarray, contrast: int) -> tuple[np.ndarray, float]:
    """Of a stack of seen planes, over the networks: mean log-probabilities [LOOKS], none of a plane's below LEAST, and the mean
    distance from right planes of a contrast (its place in CONTRASTS)."""
    x = torch.from_numpy(np.ascontiguousarray(planes, np.float32))[:, None]
    told, far = [], []
    for network in networks:
        features = network.body(x)
        told.append(torch.log_softmax(network.last(features), 1).clamp(min=LEAST).mean(0))
        far.append(network.far(features, contrast))
    return torch.stack(told).mean(0).double().numpy(), float(torch.stack(far).mean())


def air(contrast: str) -> float:
    """What surrounds a head said to be of a contrast."""
    return codec.blank(contrast)
