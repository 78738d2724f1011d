"""The demo's pictures, out of scikit-image, and the damage laid on them: every call gives the same damage."""

from dataclasses import dataclass

import numpy as np

from difusa.shared.seeds import stream


@dataclass(frozen=True)
class Exhibit:
    """One picture of the demo: truth, damaged [H, W, 3] uint8; mask [H, W], what was lost; title, text: its label."""

    name: str
    kind: str
    title: str
    text: str
    credit: str
    truth: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray


def exhibits() -> list[Exhibit]:
    """The pictures in the order of the page."""
    return [coins(), portrait(), page()]


def coins() -> Exhibit:
    """An old photograph of coins: scratches, specks and flaked emulsion, which show as white and black."""
    from skimage import data

    from difusa.domains.heritage import damage

    truth = _rgb(data.coins()[:224, :256])  # one tile of the network
    rng = stream(1, 0)
    mask = damage.scratches(truth.shape[:2], rng, share=0.045, widest=2) | damage.losses(
        truth.shape[:2], rng, share=0.05
    )
    return Exhibit(
        "coins", "photograph", N_("Coins from Pompeii"),
        N_("An archive photograph with scratches and flaked emulsion."),
        "Brooklyn Museum Archives; no known copyright restrictions. scikit-image: data.coins()",
        truth, _laid(truth, mask, (236, 232, 222), rng), mask,
    )  # fmt: skip


def portrait() -> Exhibit:
    """A colour print that was folded twice, with paint flakes along the folds."""
    from skimage import data

    truth = _smaller(data.astronaut(), (256, 256))
    rng = stream(1, 1)
    mask = _fold(truth.shape[:2], rng, 0.36, 3.2) | _fold(truth.shape[:2], rng, 0.71, 2.6, upright=True)
    return Exhibit(
        "portrait", "photograph", N_("A folded print"),
        N_("A colour print of 1993 that was folded twice; the layer broke along the folds."),
        "Eileen Collins, NASA, public domain. scikit-image: data.astronaut()",
        truth, _laid(truth, mask, (247, 243, 233), rng), mask,
    )  # fmt: skip


def page() -> Exhibit:
    """A printed page eaten by insects: small holes, some in the letters."""
    from skimage import data

    from difusa.domains.heritage import damage

    truth = _rgb(data.page()[:120, :384])
    rng = stream(1, 2)
    mask = damage.losses(truth.shape[:2], rng, share=0.06)
    return Exhibit(
        "page", "manuscript", N_("A wormed page"),
        N_("A printed page with worm holes. A letter that is gone altogether cannot be known."),
        "scikit-image: data.page()",
        truth, _laid(truth, mask, (58, 44, 34), rng), mask,
    )  # fmt: skip


def N_(text: str) -> str:
    """Marks a sentence for the catalogue; it is translated where it is shown."""
    return text


def _rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def _smaller(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _fold(
    shape: tuple[int, int], rng: np.random.Generator, place: float, width: float, upright: bool = False
) -> np.ndarray:
    """A crease across the picture at the fraction `place` of its side: a wandering band, about `width` px."""
    from scipy.ndimage import gaussian_filter, gaussian_filter1d

    height, across = shape[::-1] if upright else shape
    middle = place * height + 40 * gaussian_filter1d(rng.standard_normal(across), 25)
    rough = gaussian_filter(rng.standard_normal((height, across)), 2.0)
    half = width / 2 * (1 + 8 * np.abs(gaussian_filter1d(rng.standard_normal(across), 6))) + 9 * rough
    mask = np.abs(np.arange(height)[:, None] - middle) < half
    return mask.T if upright else mask


def _laid(truth: np.ndarray, mask: np.ndarray, bare: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """The picture with its losses showing the bare support, slightly uneven."""
    ground = np.clip(np.float32(bare) + rng.normal(0, 5, (*mask.shape, 1)), 0, 255).astype(np.uint8)
    return np.where(mask[..., None], ground, truth)
