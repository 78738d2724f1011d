"""The bench's test cases: crops of held-out pictures with one stated damage each, the same for every method.

A case is a pure function of (task, crop): its damage is drawn from a stream of its own, so a smaller bench uses a
part of the larger one's cases. What a method is given is an 8-bit picture, rounded and clipped as a file would be.
"""

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from difusa.domains.heritage import blur_kernel, compression, corpus, damage
from difusa.domains.heritage.fill import first_guess
from difusa.domains.heritage.network import KINDS, TASKS
from difusa.shared.seeds import stream

SIDE = 256  # px of a crop
SIGMA = 25  # grey levels of the denoising cases
QUALITY = 20  # of the JPEG cases
BORDER = 32  # px to paint on in the outpainting cases
# task of the bench -> (task of the restore verb, what is done to the crop)
PROTOCOL = {
    "losses": ("inpaint", "islands of lost paint, 10 % of the crop"),
    "scratches": ("inpaint", "thin scratches, 1 to 3 px wide, 13 % of the crop"),
    "denoise": ("denoise", f"Gaussian noise, sigma {SIGMA} of 255"),
    "jpeg": ("jpeg", f"JPEG quality {QUALITY}, 4:2:0"),
    "deblur": (
        "deblur",
        "motion blur, 5 to 11 px in a random direction, the kernel not told but estimated from the damaged crop",
    ),
    "sr2": ("sr2", "reduced by 2 (area average)"),
    "sr4": ("sr4", "reduced by 4 (area average)"),
    "colour": ("colour", "yellowed varnish or faded dyes, strength not told"),
    "outpaint": ("outpaint", f"a strip of {BORDER} px along one side missing"),
}


@dataclass(frozen=True)
class Crop:
    """A 256 px crop of a held-out picture: name, picture, upper left corner. group: what is independent (artist,
    page)."""

    name: str
    item: corpus.Item
    top: int
    left: int

    @property
    def group(self) -> str:
        return f"{self.item.kind}:{self.item.key}"

    def pixels(self) -> np.ndarray:
        return corpus.read(self.item)[self.top : self.top + SIDE, self.left : self.left + SIDE]


@dataclass(frozen=True)
class Case:
    """truth and damaged: uint8 [256, 256, 3]; mask: bool [256, 256] or None; low: the small picture of sr2 and sr4;
    kernel: of deblur (for methods that must be told it)."""  # fmt: skip

    crop: Crop
    task: str
    truth: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray | None = None
    low: np.ndarray | None = None
    kernel: np.ndarray | None = None

    @property
    def verb_task(self) -> str:
        return PROTOCOL[self.task][0]

    @cached_property
    def compression(self) -> compression.Compression | None:
        """What the restorer reads off the decoded pixels of a JPEG case; the quality is not told."""
        return compression.known(self.damaged) if self.task == "jpeg" else None

    @cached_property
    def cells(self) -> tuple:
        """Where the truth's DCT coefficients lie, as far as the decoded pixels of a JPEG case show."""
        return compression.cells(self.damaged, self.compression) if self.compression else ()

    @cached_property
    def blur(self) -> blur_kernel.Blur | None:
        """What the restorer takes the blur of a deblurring case for; the kernel is not told."""
        return blur_kernel.estimated(self.damaged.astype(np.float32) / 127.5 - 1) if self.task == "deblur" else None

    @property
    def scored(self) -> np.ndarray | None:
        """Where PSNR and coverage are read: in the loss, or the whole crop (None)."""
        return self.mask

    def condition(self) -> dict[str, np.ndarray]:
        """observed [3, H, W] in [-1, 1], doubt [1, H, W], task [4], kind, factor: what the restorer is told when the
        user says the task.
        """
        observed = self.damaged.astype(np.float32) / 127.5 - 1
        typical = damage.TYPICAL_DOUBT[self.verb_task]
        typical = damage.jpeg_doubt(self.compression.quality) if self.compression else typical
        doubt = np.full(self.truth.shape[:2], typical, np.float32)
        planes = np.zeros(len(TASKS), np.float32)
        if self.mask is not None:
            doubt = np.where(self.mask, np.float32(np.inf), np.float32(0))
            observed = first_guess(observed, self.mask)
        elif self.task != "denoise":
            planes[{"jpeg": 0, "deblur": 1, "sr2": 2, "sr4": 2, "colour": 3}[self.task]] = 1
        if self.low is not None:
            observed = damage.with_means(observed, self.low.astype(np.float32) / 127.5 - 1)
        if self.blur is not None:
            observed = blur_kernel.deblurred(observed, self.blur)
        return {
            "observed": np.ascontiguousarray(observed.transpose(2, 0, 1)),
            "doubt": doubt[None],
            "task": planes,
            "kind": np.int64(KINDS.index(self.crop.item.kind)),
            "factor": 1 if self.low is None else SIDE // self.low.shape[0],
        }


def crops(data: Path | str, n: int, split: str = "test") -> list[Crop]:
    """`n` crops that share no pixel: one a held-out picture, then a second of those with room, and so on.

    Order: paintings, photographs and manuscripts dealt in turn in proportion to their number, each kind shuffled once
    (seeded), so that any first n are a fair sample. Raises ValueError when the split has fewer.
    """
    found = []
    for item in corpus.items(data, split):
        places = _places(item)
        found += [
            (rank, Crop(f"{item.path.stem}@{top},{left}", item, top, left)) for rank, (top, left) in enumerate(places)
        ]
    kinds: dict[str, list[Crop]] = {}
    for rank, crop in sorted(found, key=lambda pair: (pair[0], zlib.crc32(pair[1].name.encode()))):
        kinds.setdefault(crop.item.kind if rank == 0 else "further", []).append(crop)
    further = kinds.pop("further", [])
    dealt = _dealt(kinds)
    dealt += further
    if len(dealt) < n:
        raise ValueError(f"the {split} split has {len(dealt)} crops of {SIDE} px, {n} were asked for: lower --n")
    return dealt[:n]


def _dealt(kinds: dict[str, list[Crop]]) -> list[Crop]:
    places = [((i + 0.5) / len(group), kind, crop) for kind, group in kinds.items() for i, crop in enumerate(group)]
    return [crop for _, _, crop in sorted(places, key=lambda p: p[:2])]


def _places(item: corpus.Item) -> list[tuple[int, int]]:
    """Corners of crops that do not overlap, the middle one first."""
    from PIL import Image

    with Image.open(item.path) as image:
        width, height = image.size
    rows, columns = height // SIDE, width // SIDE
    corners = [
        (round((r + 0.5) * height / rows - SIDE / 2), round((c + 0.5) * width / columns - SIDE / 2))
        for r in range(rows)
        for c in range(columns)
    ]
    middle = ((height - SIDE) / 2, (width - SIDE) / 2)
    return sorted(corners, key=lambda p: (p[0] - middle[0]) ** 2 + (p[1] - middle[1]) ** 2)


def make(task: str, crop: Crop) -> Case:
    """The case of `task` on `crop`. Raises ValueError for a task the bench does not know."""
    if task not in PROTOCOL:
        raise ValueError(f"task {task!r} is none of {', '.join(PROTOCOL)}")
    rng = stream(zlib.crc32(task.encode()), zlib.crc32(crop.name.encode()))
    truth = crop.pixels()
    clean = truth.astype(np.float32) / 127.5 - 1
    shape = truth.shape[:2]
    if task in ("losses", "scratches", "outpaint"):
        draw = {"losses": damage.losses, "scratches": damage.scratches, "outpaint": damage.border}[task]
        mask = draw(shape, rng, **({"width": BORDER} if task == "outpaint" else {}))
        return Case(crop, task, truth, np.where(mask[..., None], np.uint8(128), truth), mask)
    if task == "denoise":
        return Case(crop, task, truth, levels(damage.add_noise(clean, rng, SIGMA / 127.5)))
    if task == "jpeg":
        return Case(crop, task, truth, levels(damage.jpeg(clean, QUALITY)))
    if task == "deblur":
        kernel = damage.motion_kernel(rng.uniform(5, 11), rng.uniform(0, np.pi))
        return Case(crop, task, truth, levels(damage.blur(clean, kernel)), kernel=kernel)
    if task == "colour":
        return Case(crop, task, truth, levels(damage.age(clean, rng)))
    low = levels(damage.reduce(clean, int(task[2:])))
    return Case(crop, task, truth, levels(damage.enlarge(low.astype(np.float32) / 127.5 - 1, shape)), low=low)


def levels(picture: np.ndarray) -> np.ndarray:
    """[-1, 1] -> uint8, rounded and clipped."""
    return np.clip(np.rint((picture + 1) * 127.5), 0, 255).astype(np.uint8)
