"""How a training run shows itself: pictures of held-out examples, and the features of its Frechet distance."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SHOWN = 12


def sheet(rows: dict[str, Tensor], samples: Tensor) -> np.ndarray:
    """Held-out pictures, one a column: as observed (where the model sees one), one sample, the truth; uint8 [H, W, 3]."""
    bands = [rows[k][:SHOWN] for k in ("observed", "clean") if k in rows]
    bands.insert(len(bands) - 1, samples[:SHOWN])
    picture = torch.cat([torch.cat(list(band.float().cpu()), dim=2) for band in bands], dim=1)
    return ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def features(pictures: Tensor) -> np.ndarray:
    """Colour and texture statistics [n, 12] of [n, 3, H, W]: means and contrasts of channels, log gradients at 3 scales.

    Few enough numbers for the Frechet distance of a few dozen pictures; no learned network, so nothing to download.
    """
    pictures = pictures.float().cpu()
    columns = [pictures.mean((2, 3)), pictures.std((2, 3))]
    grey = pictures.mean(1, keepdim=True)
    for _ in range(3):
        columns.append((grey.diff(dim=3).std((2, 3)) + 1e-3).log())
        columns.append((grey.diff(dim=2).std((2, 3)) + 1e-3).log())
        grey = functional.avg_pool2d(grey, 2)
    return torch.cat(columns, dim=1).numpy()
