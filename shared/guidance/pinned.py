"""Known regions: inpainting, a locked scaffold, a fixed field; and resampling, which lets the rest agree with them."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from difusa.shared.audit import audited
from difusa.shared.denoisers import Denoiser
from difusa.shared.spaces import Space, State, Streams


@audited
class Pinned:
    """The clean estimate replaced by what is known: blend(clean, known, mask).

    mask: 1 where known, 0 where not, in between to trust in part; a state of the same fields as x whose tensors
    broadcast to those of x, or have one axis: one number a row. In a centred space `known` must be centred too, and
    the whole comes out moved together, the known part rigid. The rest sees the known part only through noise, hence a
    bias that `resampled` shrinks. Raises ValueError if `known` does not lie in the space or a flat mask has not its
    rows. Source: Song et al. 2021, App. I.2; Lugmayr et al. 2022.
    """

    denoise: Denoiser
    known: State
    mask: State
    space: Space

    def __post_init__(self):
        _check_rows(self.mask, self.known)
        still = self.space.nudge(self.known, _zeros(self.known))
        if not _close(still, self.known):
            raise ValueError(f"the known state does not lie in {self.space!r}; centre or wrap it first")

    def __call__(self, x: State, sigma: Tensor) -> State:
        return self.space.blend(self.denoise(x, sigma), self.known, self.mask)


def resampled(sampler: Callable, jump: int = 10, repeats: int = 10) -> Callable:
    """`sampler` that, every `jump` steps, goes back up by fresh noise and down again, `repeats` times in all.

    RePaint: each pass lets the free part see the known part once more, so repeats cost evaluations and buy agreement.
    The result is called like any sampler. Source: Lugmayr et al. 2022, Alg. 1 and App. B.
    """
    if jump < 1 or repeats < 1:
        raise ValueError(f"resampling needs jump and repeats of at least 1, got {jump} and {repeats}")

    def run(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams) -> Iterator[State]:
        for start in range(0, len(sigmas) - 1, jump):
            part = sigmas[start : start + jump + 1]
            for turn in range(repeats):
                if turn:
                    x = space.nudge(x, space.noise(x, rng), (part[0] ** 2 - part[-1] ** 2).sqrt())
                for state in sampler(denoise, space, x, part, rng=rng):
                    yield state
                x = state

    return run


def _check_rows(mask: State, known: State) -> None:
    if isinstance(mask, Mapping):
        for name in mask:
            _check_rows(mask[name], known[name])
    elif mask.ndim == 1 and len(mask) != len(known):
        raise ValueError(f"a flat mask is one number a row, got {len(mask)} for {len(known)} rows; give it all axes")


def _zeros(state: State) -> State:
    return {k: _zeros(v) for k, v in state.items()} if isinstance(state, Mapping) else torch.zeros_like(state)


def _close(a: State, b: State) -> bool:
    if isinstance(a, Mapping):
        return all(_close(a[k], b[k]) for k in a)
    return torch.allclose(a, b, rtol=1e-4, atol=1e-4)
