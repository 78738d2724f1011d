"""What disease does to a head's labels: lesions of the white matter, masses with oedema, and shrinkage as a flow."""

from dataclasses import replace

import numpy as np

from difusa.domains.medical.anatomy import Field
from difusa.domains.medical.labels import Head
from difusa.domains.medical.tissues import BRAIN, INDEX, mask

PATHOLOGIES = ("none", "lesions", "tumour")


def blob(shape, centre: np.ndarray, radii: np.ndarray, rng: np.random.Generator, rough: float, smooth: float):
    """An irregular ellipsoid: slices into a volume of `shape`, and there the squared distance from the centre in radii,
    roughened by noise of standard deviation `rough` that is alike within `smooth` voxels. Centre and radii [3] in voxels."""
    from scipy.ndimage import gaussian_filter

    reach = np.ceil(1.6 * radii).astype(int) + 1
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    axes = [(np.arange(s.start, s.stop) - c) / r for s, c, r in zip(box, centre, radii, strict=True)]
    far = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2
    noise = gaussian_filter(rng.standard_normal(far.shape).astype(np.float32), smooth)
    return box, far + rough * noise / max(noise.std(), 1e-6)


def with_lesions(head: Head, rng: np.random.Generator, count: int | None = None) -> Head:
    """White-matter lesions, most of them near the ventricles; radii lognormal about 2.5 mm. count: by default 3 to 40."""
    places, cumulated = head.near_ventricles
    labels, step = head.labels.copy(), np.sqrt((head.affine[:3, :3] ** 2).sum(0))
    for _ in range(int(rng.integers(3, 41)) if count is None else count):
        centre = places[np.searchsorted(cumulated, rng.random())]
        radii = (
            np.clip(np.exp(np.log(2.5) + 0.5 * rng.standard_normal()), 1.2, 9)
            * np.exp(0.25 * rng.standard_normal(3))
            / step
        )
        box, far = blob(labels.shape, centre, radii, rng, 0.3, 1.0)
        part = labels[box]
        part[(far < 1) & (part == INDEX["white"])] = INDEX["lesion"]
    return replace(head, labels=labels)


def with_tumour(head: Head, rng: np.random.Generator, radius: float | None = None) -> Head:
    """A mass like a glioma: solid, with a core of dead tissue where it is large, and oedema along the white matter.

    radius: millimetres, by default 8 to 20. Only brain tissue is replaced.
    """
    places, _ = head.near_ventricles
    labels, step = head.labels.copy(), np.sqrt((head.affine[:3, :3] ** 2).sum(0))
    centre = places[rng.integers(len(places))]
    radius = float(rng.uniform(8, 20)) if radius is None else radius
    wide = radius * np.exp(0.15 * rng.standard_normal(3)) / step
    dead, wet = rng.uniform(0.3, 0.75), 1 + rng.uniform(4, 14) / radius
    box, far = blob(labels.shape, centre, wet * wide, rng, 0.0, 1.0)
    inner, near = blob(labels.shape, centre, wet * wide, rng, 0.25, 3.0)
    far, near, part = far * wet**2, near * wet**2, labels[box]
    brain = mask(part, BRAIN)
    part[(near < wet**2) & (part == INDEX["white"])] = INDEX["oedema"]
    part[(0.6 * far + 0.4 * near < 1) & brain] = INDEX["tumour"]
    if radius > 11:
        part[(0.6 * far + 0.4 * near < dead**2) & brain] = INDEX["necrosis"]
    return replace(head, labels=labels)


def painted(head: Head, pathology: str, rng: np.random.Generator) -> Head:
    """The head with one of PATHOLOGIES. Raises ValueError for another name."""
    if pathology not in PATHOLOGIES:
        raise ValueError(f"--pathology {pathology}: is none of {', '.join(PATHOLOGIES)}")
    return {"none": lambda h, _: h, "lesions": with_lesions, "tumour": with_tumour}[pathology](head, rng)


def shrinkage(head: Head, cell: int = 4) -> Field:
    """The velocity by which fluid wins over brain: inside the head, up the slope of the share of fluid around.

    At most 1 mm in a unit of time. Places come from where it leads, so following it widens ventricles and furrows; following it
    twice is following it for twice the time.
    """
    from scipy.ndimage import gaussian_filter

    shape = [n // cell * cell for n in head.labels.shape]
    blocks = [k for n in shape for k in (n // cell, cell)]
    whole = head.labels[tuple(slice(n) for n in shape)]
    fluid, brain = (
        mask(whole, names).reshape(blocks).mean((1, 3, 5), dtype=np.float32) for names in (("csf", "ventricle"), BRAIN)
    )
    slope = np.stack(np.gradient(gaussian_filter(fluid, 1.0)))
    slope *= np.clip(3 * gaussian_filter(brain + fluid, 0.7) - 1.5, 0, 1)  # bone stays where it is
    axes = np.diag(head.affine)[:3]
    origin = head.box[0] + axes * (cell - 1) / 2
    return Field((slope / max(np.abs(slope).max(), 1e-9)).astype(np.float32), origin, cell * float(axes[0]))
