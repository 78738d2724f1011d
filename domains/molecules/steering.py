"""The guide at the helm: its gradient pulls a forming skeleton towards what it was asked to have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from difusa.shared.guidance import LogLikelihood, Steered, Within
from difusa.shared.spaces import Space, State

WINDOW = (
    0.1,
    2.0,
)  # levels at which it pulls: above nothing can be read off a skeleton, below nothing is left to choose
WIDE = 0.1  # standard deviations of the training data by which a wish is blurred: keeps the last steps from being stiff


@dataclass(frozen=True)
class Helm:
    """A regressor that reads noisy skeletons. names: of the wish's columns; mean, std: of the data, in which it is told."""

    network: Callable[..., tuple[Tensor, Tensor]]
    names: tuple[str, ...]
    mean: Sequence[float]
    std: Sequence[float]

    def steered(self, denoise: Callable, wish: Tensor, present: Tensor, space: Space, scale: float) -> Within:
        """`denoise` under the wish [B, P], standardised, not a number where nothing is asked; present [B, N] bool.

        Classifier guidance (Dhariwal and Nichol 2021, sec. 4) with a Gaussian in the place of the classifier.
        """
        known = self.network.names
        columns = [known.index(name) if name in known else 0 for name in self.names]  # what is asked for is known
        mean, std = (torch.tensor(v, dtype=wish.dtype, device=wish.device) for v in (self.mean, self.std))
        asked = ~wish.isnan()
        wanted = wish.nan_to_num(0.0)  # a number, for what is not one has no gradient even where it is not used

        def value(x: State, sigma: Tensor) -> Tensor:
            told, doubt = self.network(x, sigma.float(), present=present)
            off = (told[:, columns] - mean) / std - wanted
            variance = (doubt[:, columns] / std).square() + WIDE**2
            return -((off.square() / variance + variance.log()) / 2 * asked).sum(1)

        return Within(Steered(denoise, LogLikelihood(value), space, scale), denoise, *WINDOW)
