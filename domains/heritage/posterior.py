"""Samples of what a damaged picture may have been: mean, one sample, spread, and how much of a pixel is invention."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from difusa.domains.heritage.network import KINDS
from difusa.domains.heritage.tiles import Observation, Tiled
from difusa.shared.guidance.cells import Quantised
from difusa.shared.guidance.measurement import Measured
from difusa.shared.guidance.mixing import Guided
from difusa.shared.operators import Downsample
from difusa.shared.precision import full
from difusa.shared.samplers import SAMPLERS, Tempered, last, schedule
from difusa.shared.seeds import stream
from difusa.shared.spaces import Euclidean

CANVAS = 6_000_000  # pixels of all states carried at once; larger islands are sampled one sample at a time
SMOOTH = 2.0  # pixels; few samples tell the spread of one pixel badly, neighbours help
WITHIN = 0.15  # of a JPEG cell: error of an estimate; 12 calibration crops +0.040 dB (0: +0.015, 0.2: +0.031)
UNKNOWN = KINDS.index("unknown")


@dataclass(frozen=True)
class Plan:
    """How samples are drawn; its repr is the audit record.

    steps: network evaluations a sample at most, those of guidance counted; guidance: weight of the picture's kind
    against "unknown" (1 = off); temperature: factor of the noise (1 samples the prior).
    """

    samples: int = 4
    steps: int = 3
    sampler: str = "dpmpp_2m"
    seed: int = 0
    guidance: float = 1.0
    temperature: float = 1.0
    sigma_min: float = 0.02
    sigma_max: float = 2.0
    batch: int = field(default=4, repr=False)
    micro: int = field(default=1, repr=False)

    def __post_init__(self):
        if self.samples < 1 or self.batch < 1:
            raise ValueError(f"--samples and --batch must be at least 1, got {self.samples} and {self.batch}")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"--sampler {self.sampler}: there are {', '.join(SAMPLERS)}")
        if not self.temperature >= 0:
            raise ValueError(f"--temperature must be 0 or more, got {self.temperature}")
        self.sigmas()

    @property
    def guided(self) -> bool:
        return self.guidance != 1

    def sigmas(self) -> Tensor:
        """Noise levels of the sampler; with guidance each step costs two evaluations, and `steps` bounds both."""
        return schedule(self.sampler, self.steps // (2 if self.guided else 1), self.sigma_min, self.sigma_max)

    def space(self):
        return Euclidean() if self.temperature == 1 else Tempered(Euclidean(), self.temperature)


class Mirrored:
    """A random stream with the sign of its normal numbers turned: an exact draw too; the mean of a pair is steadier."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def standard_normal(self, *shape, **options):
        return -self.rng.standard_normal(*shape, **options)


def sample_stream(seed: int, number: int, part: int = 0):
    """The stream of sample `number` of island `part`: samples 2k and 2k + 1 are an antithetic pair."""
    rng = stream(seed, number // 2, part)
    return Mirrored(rng) if number % 2 else rng


def denoiser(model: nn.Module, seen: Observation, plan: Plan, *, ran: Callable[[], None] | None = None, watch=None):
    """The tiled network under what is seen, guided towards the picture's kind when the plan says so.

    ran: called after each micro-batch; watch: wraps the denoisers of one trajectory (`Run.counted`), beneath the
    guidance.
    """
    towards = Tiled(model, seen, plan.micro, ran=ran)
    if not plan.guided:
        return measured(watch(towards) if watch else towards, seen)
    if seen.kind == UNKNOWN:
        raise ValueError(f"--guidance {plan.guidance} strengthens the picture's kind: name it (--kind painting, ...)")
    base = Tiled(model, replace(seen, kind=UNKNOWN), plan.micro, ran=ran)
    towards, base = watch(towards, base) if watch else (towards, base)
    return measured(Guided(towards, base, plan.guidance, Euclidean()), seen)


def measured(denoise, seen: Observation):
    """Where a small picture is enlarged, the clean estimate keeps the mean of every cell (DDNM); where a JPEG file was
    rounded, it stays in the cells of its coefficients; else `denoise` itself.

    Measured on ten calibration crops: x2 31.5 to 32.6 dB, x4 26.2 to 26.6 dB.
    """
    if seen.cells:
        return Quantised(denoise, seen.cells, WITHIN)
    if seen.factor == 1:
        return denoise
    operator = Downsample((seen.factor, seen.factor))
    return Measured(denoise, operator, operator.A(seen.observed)[None], Euclidean())


def samples(
    model: nn.Module, seen: Observation, plan: Plan, *, part: int = 0, device="cpu", ran=None, watch=None
) -> Iterator[Tensor]:
    """Posterior samples [3, H, W] of one island, one after the other, on the CPU.

    The walk starts at the observation plus noise of sigma_max, not at pure noise: the observation, or in a loss its first
    guess, is far surer than sigma_max, so the state adds next to nothing to it and the steps go where they matter.
    ValueError when a sample is not finite, also after a second try without reduced precision.
    """
    shape = (1, *seen.observed.shape)
    space, sigmas = plan.space(), plan.sigmas().to(device)
    carry = max(1, min(plan.batch, CANVAS // (shape[2] * shape[3])))

    def draw(first: int, count: int) -> Tensor:
        rng = [sample_stream(plan.seed, k, part) for k in range(first, first + count)]
        about = seen.observed.to(device).expand(count, *shape[1:])
        denoise = denoiser(model, seen, plan, ran=ran, watch=watch)
        return last(
            SAMPLERS[plan.sampler](
                denoise, space, space.nudge(about, space.noise(about, rng), sigmas[0]), sigmas, rng=rng
            )
        )

    for first in range(0, plan.samples, carry):
        count = min(carry, plan.samples - first)
        with torch.no_grad():
            clean = draw(first, count)
            if not bool(torch.isfinite(clean).all()):
                with full(model):
                    clean = draw(first, count)
            if not bool(torch.isfinite(clean).all()):
                raise ValueError(
                    f"sample {first} of region {part} is not a number ({plan!r}): the weights may be damaged, or "
                    "--guidance or --temperature too far from 1"
                )
        yield from clean.cpu()


@dataclass(frozen=True)
class Summary:
    """Samples of one island: mean and first sample [3, H, W], spread [H, W] on the [-1, 1] scale (smoothed), and the
    prior's share of each pixel [H, W] (0 = from the picture, 1 = invented)."""

    mean: Tensor
    one: Tensor
    spread: Tensor
    share: Tensor


def summary(drawn: Iterator[Tensor], seen: Observation) -> Summary:
    """Mean and spread in one pass.

    Where the observation has a standard error d and the posterior a spread s, precisions add (1/s^2 = 1/d^2 + prior),
    so the prior's share is 1 - s^2/d^2; 1 in a loss, 0 where the pixel is exact.
    """
    count = 0
    for x in drawn:
        if not count:
            one, mean, squares = x, torch.zeros_like(x), torch.zeros_like(x)
        count += 1
        gap = x - mean
        mean = mean + gap / count
        squares = squares + gap * (x - mean)
    lost = seen.doubt[0] > 0
    spread = smoothed((squares / count).mean(dim=0), lost).sqrt()
    share = (1 - (spread / seen.doubt[0]) ** 2).clamp(0, 1)
    return Summary(mean, one, spread, torch.where(lost, share, torch.zeros_like(share)))


def smoothed(variance: Tensor, where: Tensor, size: float = SMOOTH) -> Tensor:
    """Gaussian mean of `variance` [H, W] over the neighbours in `where`, zero elsewhere."""
    from scipy.ndimage import gaussian_filter

    inside = where.numpy().astype(np.float32)
    weight = gaussian_filter(inside, size)
    total = gaussian_filter(variance.numpy() * inside, size)
    return torch.from_numpy(np.where(inside > 0, total / np.maximum(weight, 1e-6), 0).astype(np.float32))
