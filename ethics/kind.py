"""What the audits need of a domain: its files, its features, and when two things are one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Kind:
    """A domain as the audits see it.

    suffixes: of its files. load(files) -> (things by name, refused (name, reason)): as they are in the domain's own readers.
    features(thing) -> [D]. fit(features of the real set [N, D]) -> function that brings features to equal units. same(a, b):
    whether two things are one, beyond the features. disguise(thing, rng): the thing as a copy of it might come back.
    pixels(thing) -> uint8 [H, W] or [H, W, 3] for the artefact checks, where it has any. about(thing) -> attributes. bits(thing)
    -> 64-bit hashes of it as it is and as it might come back turned: where features of the whole do not tell a disguised copy
    from its kind, things whose hashes are near are compared too. linear: the features are a network's, in which a linear model
    tells classes best; else they are descriptors, and a forest does.
    """

    domain: str
    suffixes: tuple[str, ...]
    load: Callable[[list[Path]], tuple[dict[str, object], list[tuple[str, str]]]]
    features: Callable[[object], np.ndarray]
    fit: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
    same: Callable[[object, object], bool]
    disguise: Callable[[object, np.random.Generator], object]
    about: Callable[[object], dict[str, object]]
    space: str
    pixels: Callable[[object], np.ndarray] | None = None
    bits: Callable[[object], tuple[int, ...]] | None = None
    linear: bool = False


def unit_length(real: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Directions as seen from the real mean: what a network's features say lies in the angle between them."""
    mean = real.mean(0)

    def scaled(features: np.ndarray) -> np.ndarray:
        away = features - mean
        return (away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    return scaled


def standardised(real: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Each descriptor less its real mean, over its real spread; what never varies among the real is left as it is.

    Values beyond 10 spreads are held there, so that one absurd thing does not decide every distance.
    """
    mean, spread = real.mean(0), real.std(0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    return lambda features: np.clip((features - mean) / spread, -10, 10).astype(np.float32)


def axes(real: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Rotation onto the principal axes of the real set, the widest first: distances stay as they are."""
    mean = real.mean(0)
    directions = np.linalg.eigh(np.cov(real.astype(np.float64), rowvar=False))[1][:, ::-1]
    return lambda features: ((features - mean) @ directions).astype(np.float32)
