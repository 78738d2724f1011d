"""FID and Inception Score as published tables have them, for whoever has the weights of the Inception network of 2015-12-05.

No verdict rests on them: they see pictures as a classifier of ImageNet does, and are biased at the sizes of most sets.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from difusa.ethics.findings import SILENT, Finding, judged, noted
from difusa.ethics.samples import Samples
from difusa.shared.metrics import Interval, frechet
from difusa.shared.passport.saying import Said

AUDIT = "fidelity"
FILE, SIDE, SPLITS = "inception-2015-12-05.pt", 299, 10
URL = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE}"  # TorchScript, 96 MB
FETCH = "fetch"  # instead of a path: from URL, through torch.hub
NAMES = ("FID by Inception", "Inception Score")


def weights(named: str | Path | None) -> Path | None:
    """The file named, or the one that torch.hub keeps from an earlier download; None where there is neither.

    FETCH downloads it. Raises ValueError for a path where no file is, OSError for a download that fails.
    """
    from torch import hub

    kept = Path(hub.get_dir()) / "checkpoints" / FILE
    if named is None:
        return kept if kept.is_file() else None
    if str(named) == FETCH:
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_name(f".{FILE}.{os.getpid()}")
            hub.download_url_to_file(URL, str(partial))
            partial.replace(kept)
        return kept
    if not Path(named).is_file():
        raise ValueError(f"--inception {named} does not exist: name {FILE} (from {URL}), or {FETCH} to download it")
    return Path(named)


def network(path: Path) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Picture uint8 [H, W] or [H, W, 3] -> features [2048] and probabilities of the classes.

    Pictures are brought to 299 px by antialiased bicubic interpolation (Parmar et al. 2022, arXiv:2104.11222); the last layer's
    bias is left out of the probabilities, as the score was defined. Raises ValueError for a file of another kind.
    """
    import torch
    from PIL import Image

    try:
        net = torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as why:
        raise ValueError(f"--inception {path} is no TorchScript file; needed is {FILE}, from {URL}") from why

    def call(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        small = Image.fromarray(image).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(small, np.float32).transpose(2, 0, 1).copy())[None]
        with torch.no_grad():
            features, told = net(pixels, return_features=True), net(pixels, no_output_bias=True)
        return features[0].numpy().astype(np.float64), told[0].numpy().astype(np.float64)

    return call


def score(told: np.ndarray, splits: int = SPLITS) -> Interval:
    """exp of the mean divergence of probabilities [n, classes] from their mean (Salimans et al. 2016): over `splits` parts its
    mean, and two standard deviations about it, as tables give it."""
    parts = np.array_split(told, min(splits, max(1, len(told) // 2)))
    values = []
    for part in parts:
        p = np.maximum(part, 1e-16)
        values.append(np.exp((part * (np.log(p) - np.log(p.mean(0)))).sum(1).mean()))
    middle, spread = float(np.mean(values)), 2 * float(np.std(values))
    return Interval(middle, middle - spread, middle + spread, len(told), len(parts))


def proper(
    real: Samples, other: Samples, pixels: Callable, path: Path | None, rng: np.random.Generator
) -> list[Finding]:
    """Both figures, noted; or that they were not measured, and why."""
    if path is None:
        why = "not measured: no weights given (--inception)"
        return [Finding(AUDIT, name, None, None, None, 0, None, "", SILENT, why) for name in NAMES]
    look = network(path)
    (theirs, told_real), (ours, told) = (
        [np.stack(column) for column in zip(*(look(pixels(s.read(i))) for i in range(len(s))))] for s in (real, other)
    )
    order = rng.permutation(len(theirs))
    half = len(order) // 2
    null = frechet(theirs[order[:half]], theirs[order[half : 2 * half]])
    note = Said("{n} against {m} real; compare only at equal sizes. Two halves of the real set, {half} each: {null}",
                n=len(ours), m=len(theirs), half=half, null=f"{null:.4g}")  # fmt: skip
    own = Said("mean and two standard deviations of {splits} parts; of the real set: {own}",
               splits=score(told).groups, own=f"{score(told_real).value:.4g}")  # fmt: skip
    return [
        noted(AUDIT, NAMES[0], frechet(theirs, ours), len(ours), note),
        judged(AUDIT, NAMES[1], score(told), note=own),
    ]
