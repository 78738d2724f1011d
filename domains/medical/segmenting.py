"""Small segmenters that the bench trains: of tissues, which judge a translation, and of lesions, which synthetic data may help.

MONAI's UNet on one or more encoded contrasts and planes that say which; everything out of numbered examples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from difusa.shared.imports import monai
from difusa.shared.seeds import stream

CLASSES = ("other", "fluid", "grey matter", "white matter")
DEEP = 14  # pixels below the surface of a head with skull, where its own tissues begin
Example = tuple[np.ndarray, np.ndarray]  # picture [planes, rows, columns] float32, labels [rows, columns]


def network(planes: int, classes: int, seed: int) -> nn.Module:
    """MONAI's UNet of 0.4 million weights, the same for the same seed."""
    torch.manual_seed(seed)
    nets = monai()
    return nets.UNet(2, planes, classes, channels=(16, 32, 64, 96), strides=(2, 2, 2), num_res_units=1, norm="instance")


def trained(
    examples: Callable[[int], Example], planes: int, classes: int, *, steps: int, seed: int = 0, batch: int = 8,
    weights: tuple[float, ...] | None = None, device: str = "cpu",
) -> nn.Module:  # fmt: skip
    """The network after `steps` steps of Adam on the cross entropy of examples 0, 1, 2, ...

    weights: of the classes, where some are rare; then the soft Dice loss of all but the first is added (Milletari et al. 2016),
    without which a network of few lesions calls everything well.
    """
    made = network(planes, classes, seed).to(device).train()
    optimiser = torch.optim.AdamW(made.parameters(), 2e-3, weight_decay=1e-4)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    by = None if weights is None else torch.tensor(weights, device=device)
    overlap = by is not None and monai("losses").DiceLoss(False, to_onehot_y=True, softmax=True, batch=True)
    for step in range(steps):
        rows = [examples(step * batch + k) for k in range(batch)]
        picture, labels = (torch.from_numpy(np.stack([r[k] for r in rows])).to(device) for k in (0, 1))
        answer = made(picture)
        loss = nn.functional.cross_entropy(answer, labels.long(), by)
        if overlap:
            loss = loss + overlap(answer, labels[:, None])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    return made.eval().requires_grad_(False)


@torch.no_grad()
def labelled(made: nn.Module, picture: np.ndarray) -> np.ndarray:
    """Labels uint8 [rows, columns] of a picture [planes, rows, columns], sides multiples of 8."""
    device = next(made.parameters()).device
    return made(torch.from_numpy(picture[None]).to(device))[0].argmax(0).to(torch.uint8).cpu().numpy()


def stored(path: Path, planes: int, classes: int, make: Callable[[], nn.Module]) -> nn.Module:
    """A network out of a file, made and put there first where it is missing."""
    from difusa.shared.checkpoint import load_tensors, save_tensors

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, make().state_dict())
    made = network(planes, classes, 0)
    made.load_state_dict(load_tensors(path))
    return made.eval().requires_grad_(False)


def dice(a: np.ndarray, b: np.ndarray, label: int) -> float:
    """2 |A and B| / (|A| + |B|) of one label; not a number where neither shows it."""
    one, other = a == label, b == label
    size = int(one.sum() + other.sum())
    return 2 * int((one & other).sum()) / size if size else float("nan")


def of_tissues(tissue: np.ndarray) -> np.ndarray:
    """CLASSES of a simulated tissue map; lesions and masses count as other."""
    from difusa.domains.medical.tissues import STRUCTURES, mask

    found = np.zeros(tissue.shape, np.uint8)
    for number, name in enumerate(("fluid", "grey matter", "white matter"), 1):
        found[mask(tissue, STRUCTURES[name])] = number
    return found


@dataclass(frozen=True)
class Mixture:
    """Fluid, grey and white matter of one person as three Gaussians over T1, T2 and FLAIR, told apart by their means.

    top, scale [3]: what each contrast is clipped at and divided by; order: component -> place in CLASSES.
    """

    gaussians: object
    top: np.ndarray
    scale: np.ndarray
    order: np.ndarray

    def labels(self, values: np.ndarray) -> np.ndarray:
        """CLASSES uint8 [n] of T1, T2, FLAIR [n, 3]."""
        return self.order[self.gaussians.predict(np.minimum(values, self.top) / self.scale)]


def mixture_of(values: np.ndarray) -> Mixture:
    """The mixture of one person's T1, T2, FLAIR [n, 3] inside the brain and its fluid. Raises ValueError for too few.

    Covariances are diagonal: full ones let grey and white matter run together.
    """
    from sklearn.mixture import GaussianMixture

    if len(values) < 500:
        raise ValueError(f"{len(values)} voxels are too few to tell tissues by: give at least 500")
    top = np.quantile(values, 0.98, axis=0)
    clipped = np.minimum(values, top)
    scale = np.quantile(clipped, 0.9, axis=0) - np.quantile(clipped, 0.1, axis=0) + 1e-6
    at = lambda k, *shares: np.quantile(clipped[:, k] / scale[k], shares)  # noqa: E731
    start = np.stack([at(0, 0.05, 0.35, 0.75), at(1, 0.95, 0.5, 0.35), at(2, 0.05, 0.6, 0.5)], 1)  # fluid, grey, white
    found = GaussianMixture(3, means_init=start, covariance_type="diag", random_state=0, reg_covar=1e-3).fit(
        clipped / scale
    )
    means, order = found.means_ * scale, np.empty(3, np.uint8)
    fluid = int(np.argmax(means[:, 1] - means[:, 0]))
    rest = sorted(
        {0, 1, 2} - {fluid}, key=lambda k: means[k, 0] - means[k, 2]
    )  # white outshines grey on T1, not on FLAIR
    order[[fluid, *rest]] = 1, 2, 3
    return Mixture(found, top, scale, order)


def of_signals(t1: np.ndarray, t2: np.ndarray, flair: np.ndarray, inside: np.ndarray, mixture: Mixture) -> np.ndarray:
    """CLASSES of a real plane by its person's mixture, a median of 3 pixels taken of them."""
    from scipy.ndimage import median_filter

    found = np.zeros(t1.shape, np.uint8)
    values = np.stack([t1[inside], t2[inside], flair[inside]], 1)
    found[inside] = mixture.labels(values) if len(values) else 0
    return median_filter(found, 3)


def deep(head: np.ndarray, skull: bool) -> np.ndarray:
    """The part of a head [rows, columns] that is brain and fluid: all of it, or DEEP pixels below its surface."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(np.pad(head, 1))[1:-1, 1:-1] > DEEP if skull else head


def crop(picture: np.ndarray, labels: np.ndarray, size: int, rng: np.random.Generator) -> Example:
    """A window of size x size somewhere about the labels, mirrored half the time, its values a little louder or softer."""
    rows, columns = (np.flatnonzero(labels.any(1 - axis)) for axis in (0, 1))
    places = [(rows, labels.shape[0]), (columns, labels.shape[1])]
    corner = [
        int(np.clip(rng.choice(p) if len(p) else n // 2, size // 2, n - size // 2) - size // 2) for p, n in places
    ]
    cut = (..., slice(corner[0], corner[0] + size), slice(corner[1], corner[1] + size))
    image, found = picture[cut], labels[cut]
    if rng.random() < 0.5:
        image, found = image[..., ::-1], found[..., ::-1]
    return np.ascontiguousarray(image * np.float32(np.exp(0.05 * rng.standard_normal()))), np.ascontiguousarray(found)


def among(rows: list[Example], size: int, seed: int, chances: np.ndarray | None = None) -> Callable[[int], Example]:
    """Numbered examples out of a list: windows of its rows, drawn evenly or by `chances`; a pure function of the number."""

    def example(number: int) -> Example:
        rng = stream(seed, number)
        row = int(rng.choice(len(rows), p=chances))
        return crop(*rows[row], size, rng)

    return example
