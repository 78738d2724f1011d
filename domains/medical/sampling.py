"""Samples of a whole scan, plane by plane: neighbouring planes have noise alike, and what still flickers is taken out.

Samples 2 k and 2 k + 1 start from opposite noise (antithetic variates, Hammersley and Morton 1956): each is as likely as any, and
what they depart by from what is expected mostly cancels in their mean.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation
from torch import Tensor

from difusa.domains.medical import codec, flicker
from difusa.domains.medical.scan import CONTRASTS
from difusa.domains.medical.volumes import Prepared
from difusa.shared import samplers
from difusa.shared.seeds import stream
from difusa.shared.spaces import Euclidean

MICRO = 4  # planes a network run: fixed, so that bytes do not depend on anything else
MARGIN, SMALLEST = 8, 64  # pixels about the head of a run's planes, and least side of what it sees
AIR = 4  # pixels: what comes out further from the head is none
LOWEST, HIGHEST = 0.02, 3.0  # sigmas: samples start about what is expected, not about nothing


@dataclass(frozen=True)
class Plan:
    """How to draw. steps: network evaluations a sample; together: millimetres within which the noise of planes is alike;
    opposite: whether samples come in pairs of opposite noise."""

    samples: int = 4
    steps: int = 5
    seed: int = 0
    sampler: str = "dpmpp_2m"
    together: float = 10.0
    opposite: bool = True

    def noise(self, index: int) -> tuple[int, int]:
        """The stream of a sample's noise, and its sign."""
        return (index // 2, 1 - 2 * (index % 2)) if self.opposite else (index, 1)

    def __post_init__(self):
        if self.samples < 1 or self.steps < 1 or not self.together >= 0:
            raise ValueError(f"--samples {self.samples} --steps {self.steps}: at least 1 each")
        samplers.evaluations(self.sampler, self.steps)  # names the samplers there are


def correlated(rng: np.random.Generator, shape: tuple[int, int, int], step: float, together: float) -> np.ndarray:
    """Noise [Z, rows, columns] of unit variance, white in each plane; planes d mm apart correlate by exp(-d / together).

    step: millimetres between planes. An autoregression of order 1: n_k = r n_(k-1) + sqrt(1 - r^2) e_k.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    r = np.float32(np.exp(-step / together)) if together else np.float32(0)
    for k in range(1, len(noise)):
        noise[k] = r * noise[k - 1] + np.sqrt(1 - r * r) * noise[k]
    return noise


@dataclass(frozen=True)
class Part:
    """What one network run sees: the numbers of MICRO planes, and the rows and columns about their head."""

    planes: np.ndarray
    box: tuple[slice, slice]

    def of(self, volume: np.ndarray) -> np.ndarray:
        """The part of [..., Z, rows, columns]."""
        return volume[..., self.planes, *self.box]

    def into(self, volume: np.ndarray, values: np.ndarray) -> None:
        """Puts the part's values into [Z, rows, columns]."""
        volume[self.planes, *self.box] = values


def parts(ready: Prepared, unit: int) -> list[Part]:
    """The planes that show head, MICRO a part; the last part is filled up with the last plane. unit: what the network's sides are
    multiples of, as those of `ready` are."""
    planes = np.flatnonzero(ready.head.any((1, 2)))
    found = []
    for first in range(0, len(planes), MICRO):
        own = planes[np.minimum(np.arange(first, first + MICRO), len(planes) - 1)]
        shown = ready.head[own].any(0)
        found.append(Part(own, tuple(reach(shown.any(1 - axis), unit) for axis in (0, 1))))
    return found


def reach(used: np.ndarray, unit: int) -> slice:
    """First to last used place with MARGIN more, at least SMALLEST, in whole units."""
    places = np.flatnonzero(used)
    low, high = places[0] - MARGIN, places[-1] + 1 + MARGIN
    more = max(0, SMALLEST - (high - low))
    low, high = max(0, low - more // 2) // unit * unit, min(len(used), high + (more + 1) // 2)
    return slice(int(low), int(low + -(-(high - low) // unit) * unit))


def each(work: Callable[[Part], None], todo: list[Part], device: str) -> None:
    """The work on every part, on a CPU each by a thread of its own: a fifth faster than several threads in one run, and bytes do
    not depend on their number."""
    threads = torch.get_num_threads() if device == "cpu" else 1
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        running = [pool.submit(work, part) for part in todo]
        try:
            for one in running:
                one.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def expected(denoise, ready: Prepared, target: str, device: str = "cpu", ran=None) -> np.ndarray | None:
    """What the network expects of the target [Z, rows, columns]; None where it draws without expecting. ran(): see `sample`."""
    if not hasattr(denoise, "expected"):
        return None
    found = np.full(ready.given.shape[1:], codec.blank(target), np.float32)

    @torch.no_grad()
    def work(part: Part) -> None:
        part.into(found, denoise.expected(**bound(ready, target, part, device))[:, 0].float().cpu().numpy())
        if ran:
            ran()

    each(work, parts(ready, unit_of(denoise)), device)
    return finished(found, ready, codec.blank(target))


def sample(
    denoise: Callable,
    ready: Prepared,
    target: str,
    plan: Plan,
    index: int,
    device: str = "cpu",
    ran: Callable | None = None,
    guess: np.ndarray | None = None,
) -> np.ndarray:
    """Sample `index` of the target [Z, rows, columns] float32, encoded.

    guess: what is expected, where the network expects. Planes without head stay air. ran() is called after each network run, by
    any thread.
    """
    depth, *size = ready.given.shape[1:]
    own, sign = plan.noise(index)
    noise = sign * correlated(stream(plan.seed, own), (depth, *size), float(ready.spacing[2]), plan.together)
    sigmas = samplers.schedule(plan.sampler, plan.steps, LOWEST, HIGHEST).float()
    made = np.full((depth, *size), codec.blank(target), np.float32)

    @torch.no_grad()
    def work(part: Part) -> None:
        condition = bound(ready, target, part, device)
        if guess is not None:
            condition["guess"] = torch.from_numpy(part.of(guess)[:, None]).to(device)

        def clean(x: Tensor, sigma: Tensor) -> Tensor:
            out = denoise(x, sigma.to(x), **condition)
            if ran:
                ran()
            return out

        start = torch.from_numpy(part.of(noise)[:, None]).to(device) * sigmas[0] + condition.get("guess", 0)
        rng = [stream(plan.seed, index, 1 + int(plane)) for plane in part.planes]
        out = samplers.last(samplers.SAMPLERS[plan.sampler](clean, Euclidean(), start, sigmas, rng=rng))
        part.into(made, out[:, 0].float().cpu().numpy())

    each(work, parts(ready, unit_of(denoise)), device)
    return finished(made, ready, codec.blank(target))


def finished(planes: np.ndarray, ready: Prepared, blank: float) -> np.ndarray:
    """Planes on the grid of `ready` without flicker; further than AIR pixels from the head there is nothing but air."""
    near = binary_dilation(ready.head, np.ones((1, 3, 3)), AIR)
    even = flicker.steady(planes, ready.given[ready.present > 0], ready.head, float(ready.spacing[2]))
    return np.where(near, even, np.float32(blank))


def bound(ready: Prepared, target: str, part: Part, device: str) -> dict[str, Tensor]:
    """The condition of a part."""
    return {
        "given": torch.from_numpy(np.ascontiguousarray(part.of(ready.given).swapaxes(0, 1))).to(device),
        "present": torch.from_numpy(ready.present).expand(len(part.planes), -1).to(device),
        "target": torch.full((len(part.planes),), CONTRASTS.index(target), device=device),
    }


def unit_of(denoise) -> int:
    """What the sides that a network sees are multiples of; a mere function takes any."""
    return getattr(denoise, "unit", 1)


def runs(denoise, ready: Prepared, plan: Plan) -> int:
    """Network runs of all samples, and of what is expected."""
    evaluations = samplers.evaluations(
        plan.sampler, len(samplers.schedule(plan.sampler, plan.steps, LOWEST, HIGHEST)) - 1
    )
    return (plan.samples * evaluations + hasattr(denoise, "expected")) * len(parts(ready, unit_of(denoise)))


def samples(denoise, ready: Prepared, target: str, plan: Plan, device: str = "cpu", ran=None) -> Iterator[np.ndarray]:
    """The plan's samples, one after another."""
    guess = expected(denoise, ready, target, device, ran)
    for index in range(plan.samples):
        yield sample(denoise, ready, target, plan, index, device, ran, guess)
