"""Pictures of any size through a network that is run on tiles of at most 256 pixels.

Two cuts keep time and memory low. The damage is gathered into islands, boxes a margin apart, each sampled as a small
canvas of its own. Within an island, overlapping tiles are blended with a smooth window at every network evaluation
(MultiDiffusion, Bar-Tal et al. 2023), so that neighbouring tiles agree all along the way and no seam forms; tiles
without damage are left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from difusa.shared.audit import audited
from difusa.shared.batches import in_fixed_batches
from difusa.shared.guidance.cells import Cells

TILE = 256  # pixels; the largest side given to the network
OVERLAP = 64  # pixels two neighbouring tiles share
MARGIN = 32  # pixels of intact surroundings kept around damage, at least
CELL = 8  # pixels; islands are found on this grid, and network sizes are multiples of it
SIDES = (96, 128, 160, 192, 224, 256)  # sides of small islands: few shapes, so that prepared code is used again
Box = tuple[slice, slice]


def islands(damaged: np.ndarray, margin: int = MARGIN) -> list[Box]:
    """Boxes that hold all damage [H, W] with its surroundings, disjoint, each side one of SIDES or longer.

    Near the picture's end a box is moved inwards; sides are cut to the picture where that is smaller.
    """
    from scipy import ndimage

    height, width = damaged.shape
    cells = np.zeros((math.ceil(height / CELL), math.ceil(width / CELL)), bool)
    rows, columns = np.nonzero(damaged)
    cells[rows // CELL, columns // CELL] = True
    painted, boxes, grow = cells, None, margin // CELL
    while True:
        found = ndimage.find_objects(ndimage.label(painted, np.ones((3, 3)))[0])
        sides = [
            [_side(s.start - grow, s.stop + grow, n) for s, n in zip(box, cells.shape, strict=True)] for box in found
        ]
        if boxes is not None and len(sides) == len(boxes):
            break
        boxes, grow = sides, 0  # boxes that touch become one box; then look again
        painted = np.zeros_like(cells)
        for (top, bottom), (left, right) in boxes:
            painted[top:bottom, left:right] = True
    return [
        (slice(top * CELL, min(bottom * CELL, height)), slice(left * CELL, min(right * CELL, width)))
        for (top, bottom), (left, right) in boxes
    ]


def _side(start: int, stop: int, limit: int) -> tuple[int, int]:
    """start..stop in cells, lengthened about its middle to one of SIDES and moved inside 0..limit."""
    length = next((s // CELL for s in SIDES if s // CELL >= stop - start), stop - start)
    start -= (length - (stop - start)) // 2
    start = max(0, min(start, limit - length))
    return start, min(start + length, limit)


def origins(length: int, tile: int = TILE, overlap: int = OVERLAP, unit: int = CELL) -> list[int]:
    """Starts of tiles that cover 0..length, evenly spread, multiples of `unit`; about `overlap` pixels are shared."""
    if length <= tile:
        return [0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(i * (length - tile) / (count - 1) / unit) * unit for i in range(count - 1)] + [length - tile]


def window(height: int, width: int, overlap: int = OVERLAP) -> Tensor:
    """Weight of a tile's pixels [1, H, W]: 1 inside, falling as a raised cosine to almost 0 at the border."""

    def ramp(length: int) -> Tensor:
        distance = torch.arange(length, dtype=torch.float32)
        distance = torch.minimum(distance, distance.flip(0)) + 0.5
        return torch.sin(torch.pi / 2 * (distance / min(overlap, length)).clamp(max=1)) ** 2

    return (ramp(height)[:, None] * ramp(width)[None, :])[None]


def reflected(length: int, size: int) -> np.ndarray:
    """Indices 0..length-1 continued by reflection up to `size` numbers."""
    return np.pad(np.arange(length), (0, size - length), mode="symmetric")


@dataclass(frozen=True)
class Observation:
    """What is known of a picture (the network's condition).

    observed [3, H, W] in [-1, 1], in losses a first guess; doubt [1, H, W]: standard error on that scale, 0 exact, infinity lost;
    task [4] multi-hot of `network.TASKS`; kind: index of `network.KINDS`. factor: above 1, the picture was reduced so many
    times from what is sought, exactly: each cell of `observed` has the mean that the answer must have. cells: where the
    answer's DCT coefficients lay before a JPEG file rounded them.
    """

    observed: Tensor
    doubt: Tensor
    task: Tensor
    kind: int
    factor: int = 1
    cells: tuple[Cells, ...] = ()

    def crop(self, box: Box, unit: int = CELL) -> "Observation":
        """The part in `box`, continued by reflection to multiples of `unit`."""
        observed, doubt = self.observed[:, *box], self.doubt[:, *box]
        sizes = [math.ceil(n / unit) * unit for n in doubt.shape[1:]]
        rows, columns = (torch.from_numpy(reflected(n, s)) for n, s in zip(doubt.shape[1:], sizes, strict=True))
        observed, doubt = (a[:, rows][:, :, columns] for a in (observed, doubt))
        cells = tuple(c.crop(box) for c in self.cells)
        return Observation(observed.contiguous(), doubt.contiguous(), self.task, self.kind, self.factor, cells)


@audited
class Tiled:
    """Denoiser (x [n, 3, H, W], sigma) -> clean, the network run on the tiles that hold doubt.

    micro: rows given to the network at once, always full; ran: called after each micro-batch (progress, cancelling).
    Pixels that no tile covers are exact and come out as observed.
    """

    model: nn.Module
    observation: Observation
    micro: int = 1
    tile: int = TILE
    overlap: int = OVERLAP
    ran: Callable[[], None] | None = None

    def __post_init__(self):
        doubt = self.observation.doubt[0]
        height, width = (min(self.tile, n) for n in doubt.shape)
        places = [
            (top, left)
            for top in origins(doubt.shape[0], self.tile, self.overlap)
            for left in origins(doubt.shape[1], self.tile, self.overlap)
            if bool((doubt[top : top + height, left : left + width] > 0).any())
        ]
        object.__setattr__(self, "_places", tuple(places))

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Top left corners of the tiles that hold doubt."""
        return self._places

    def runs(self, samples: int) -> int:
        """Micro-batches an evaluation of `samples` samples takes."""
        return math.ceil(len(self.places) * samples / self.micro)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        seen = self.observation
        height, width = (min(self.tile, n) for n in x.shape[-2:])
        weight = window(height, width, self.overlap).to(x)
        total, share = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        task, kind = seen.task.to(x), torch.tensor([seen.kind], device=x.device)

        def run(tiles, observed, doubt):
            rows = len(tiles)
            told = {"observed": observed, "doubt": doubt, "task": task.expand(rows, -1), "kind": kind.expand(rows)}
            return self.model(tiles, sigma.to(x), **told).to(x)

        jobs = [(row, top, left) for row in range(len(x)) for top, left in self.places]
        for start in range(0, len(jobs), self.micro):
            part = jobs[start : start + self.micro]
            cuts = [(row, (slice(top, top + height), slice(left, left + width))) for row, top, left in part]
            cleans = in_fixed_batches(
                run,
                self.micro,
                torch.stack([x[row, :, *cut] for row, cut in cuts]),
                torch.stack([seen.observed[:, *cut] for _, cut in cuts]).to(x),
                torch.stack([seen.doubt[:, *cut] for _, cut in cuts]).to(x),
            )
            for (row, cut), clean in zip(cuts, cleans, strict=True):
                total[row, :, *cut] += weight * clean
                share[row, :, *cut] += weight
            if self.ran:
                self.ran()
        return torch.where(share > 0, total / share.clamp(min=1e-12), seen.observed.to(x))
