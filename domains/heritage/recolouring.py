"""The task `colour`: one change of colour for the whole picture, drawn anew for each sample; no pixel is invented.

Scratches, noise and compression came after the picture had aged, so they are undone first, by the other tasks, and the
colour last: what the restorer is told of noise and of a JPEG file's cells stays true, and losses filled in faded colour
come back with their surroundings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage import colour
from difusa.domains.heritage.colourist import Colourist
from difusa.domains.heritage.damage import TYPICAL_DOUBT
from difusa.domains.heritage.data import decode, encode
from difusa.domains.heritage.intervals import Calibration, load_calibration
from difusa.domains.heritage.observation import Prepared
from difusa.domains.heritage.posterior import UNKNOWN, Plan, sample_stream, summary
from difusa.domains.heritage.restoring import Restored, coded, figures
from difusa.domains.heritage.tiles import Observation
from difusa.shared.audit import audited
from difusa.shared.guidance.mixing import Guided
from difusa.shared.samplers import SAMPLERS, evaluations, last, schedule
from difusa.shared.spaces import Euclidean

STEPS = 12  # evaluations of the small network a sample unless told: all of them cost less than one of a tile
SIGMA_MAX = 10.0  # nothing of the state is known beforehand, so the walk starts far out


@dataclass(frozen=True)
class Tool:
    """The colourist, the model folder it came from, and the calibration fitted to it."""

    network: Colourist
    model: object
    calibration: Calibration


def tool(device: str = "cpu", model: str = "colour") -> Tool:
    """The shipped colourist, or one that `difusa train colour` wrote."""
    from difusa.domains.models import find

    found = find(model, domain="heritage")
    return Tool(found.load(device), found, load_calibration(found.folder, found.sha256))


@audited
class Told:
    """Denoiser (x [n, 6], sigma) -> clean of one picture: the colourist under its statistics and kind."""

    network: Colourist
    statistics: Tensor
    kind: int

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        kind = torch.full((len(x),), self.kind, device=x.device)
        return self.network(x, sigma.to(x), statistics=self.statistics.to(x).expand(len(x), -1), kind=kind)


def denoiser(network: Colourist, seen: Observation, statistics: np.ndarray, plan: Plan, *, watch=None):
    """The colourist told of the picture, guided towards its kind when the plan says so; watch as in
    `posterior.denoiser`."""
    towards = Told(network, torch.from_numpy(statistics), seen.kind)
    if not plan.guided:
        return watch(towards) if watch else towards
    if seen.kind == UNKNOWN:
        raise ValueError(f"--guidance {plan.guidance} strengthens the picture's kind: name it (--kind painting, ...)")
    base = replace(towards, kind=UNKNOWN)
    towards, base = watch(towards, base) if watch else (towards, base)
    return Guided(towards, base, plan.guidance, Euclidean())


def lines(
    network: Colourist, seen: Observation, plan: Plan, *, part: int = 0, device="cpu", watch=None
) -> tuple[Tensor, Tensor]:
    """Gain and offset [samples, 3] of every sample, on the [0, 1] scale, from the pixels that are neither lost nor
    exact.

    Each sample is drawn from its own stream, in pairs of mirrored noise; the number of samples changes none of them.
    """
    doubt = seen.doubt[0].numpy()
    where = np.isfinite(doubt) & (doubt > 0)
    light = (seen.observed.numpy().transpose(1, 2, 0) + 1) / 2
    ends, shape = colour.measured(light, where)
    statistics = colour.told(ends, shape)
    sigmas = _sigmas(plan).to(device).float()
    drawn, space = [], plan.space()
    for number in range(plan.samples):  # one row at a time: larger products round otherwise
        rng = [sample_stream(plan.seed, number, part)]
        start = sigmas[0] * space.noise(torch.zeros(1, 6, device=device), rng)
        denoise = denoiser(network, seen, statistics, plan, watch=watch)
        with torch.no_grad():
            drawn.append(last(SAMPLERS[plan.sampler](denoise, space, start, sigmas, rng=rng)).cpu())
    return colour.line(torch.cat(drawn), torch.from_numpy(ends))


def samples(network, seen: Observation, plan: Plan, *, part: int = 0, device="cpu", **_) -> Iterator[Tensor]:
    """Posterior samples [3, H, W] of the whole picture, one after the other; exact pixels stay."""
    yield from applied(seen, *lines(network, seen, plan, part=part, device=device))


def applied(seen: Observation, gains: Tensor, offsets: Tensor) -> Iterator[Tensor]:
    """The picture [3, H, W] under each line in turn."""
    for gain, offset in zip(gains, offsets, strict=True):
        yield torch.where(seen.doubt > 0, colour.straightened(seen.observed, gain, offset), seen.observed)


def plans(plan: Plan, steps: int | None, tasks: tuple[str, ...]) -> tuple[Plan, Plan]:
    """The restorer's plan and the colourist's: `steps` bounds their evaluations together; with None each has its usual number.

    Raises ValueError for too few steps to share.
    """
    if steps is None:
        return plan, replace(plan, steps=STEPS)
    if "colour" not in tasks or len(tasks) == 1:
        return replace(plan, steps=steps), replace(plan, steps=steps)
    return replace(plan, steps=steps - steps // 2), replace(plan, steps=steps // 2)


def untouched(ready: Prepared) -> Restored:
    """A prepared picture of which nothing has been restored yet."""
    nothing = np.zeros(ready.lost.shape, np.uint16)
    return Restored(ready.base, ready.base, ready.base, nothing, nothing.copy(), [], True, 0, "", 0)


def doubted(ready: Prepared, only: np.ndarray | None) -> Observation:
    """What a picture prepared for other tasks tells of its colour: lost pixels stay lost, all others of `only` [H, W], by
    default all, are doubtful."""
    doubt = np.where(ready.lost, np.float32(np.inf), np.float32(TYPICAL_DOUBT["colour"]))
    doubt = doubt if only is None else np.where(only, doubt, np.float32(0))
    return replace(ready.seen, doubt=torch.from_numpy(doubt)[None])


def recolour(restored: Restored, seen: Observation, tool: Tool, plan: Plan, *, device="cpu", watch=None) -> Restored:
    """The colour of a picture undone wherever `seen` doubts it, after the other tasks.

    seen: as `prepare` tells it for the task `colour`, or `doubted`; of it only doubt and kind are used. The interval of the
    other tasks grows by the gain and adds to that of the colour as independent errors do.
    """
    base = restored.picture
    grey, dtype = base.pixels.ndim == 2, base.pixels.dtype
    inside, lost = seen.doubt[0] > 0, torch.isinf(seen.doubt[0])
    if not bool((inside & ~lost).any()):
        return restored
    seen = replace(seen, observed=encode(base.pixels))
    gains, offsets = lines(tool.network, seen, plan, device=device, watch=watch)
    made = summary(applied(seen, gains, offsets), seen)
    faded = torch.where(lost[None], torch.full_like(seen.doubt, TYPICAL_DOUBT["colour"]), seen.doubt)
    width, calibrated = tool.calibration.half_width(made.spread, faded, ("colour",), plan.samples)
    before = torch.from_numpy(restored.half.astype(np.float32) / 65535) * float(gains.mean())
    where = inside.numpy()
    first = torch.where(inside, colour.straightened(encode(restored.one.pixels), gains[0], offsets[0]), seen.observed)
    mean, one = (placed(r.pixels, decode(x, dtype, grey), where) for r, x in ((base, made.mean), (restored.one, first)))
    share = placed(restored.share, np.maximum(restored.share, coded(made.share)), where)
    half = placed(restored.half, coded(torch.hypot(width / 2, before)), where)
    whole = (slice(0, where.shape[0]), slice(0, where.shape[1]))
    record = f"colour {tool.model.name} {tool.model.sha256}, gain {_told(gains)}, offset {_told(offsets)}"
    return replace(
        restored, picture=replace(base, pixels=mean), one=replace(restored.one, pixels=one), share=share, half=half,
        regions=[figures(whole, where, share, half)], calibrated=restored.calibrated and calibrated,
        evaluations=restored.evaluations + cost(plan), guidance="; ".join(filter(None, [restored.guidance, record])),
        tiles=restored.tiles + 1,
    )  # fmt: skip


def placed(under: np.ndarray, over: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`over` where it is asked for, else `under`; both [H, W, ...]."""
    return np.where(where.reshape(*where.shape, *[1] * (under.ndim - 2)), over, under)


def cost(plan: Plan) -> int:
    """Evaluations of the colourist a sample, guidance counted."""
    return evaluations(plan.sampler, len(_sigmas(plan)) - 1) * (2 if plan.guided else 1)


def _sigmas(plan: Plan) -> Tensor:
    return schedule(plan.sampler, plan.steps // (2 if plan.guided else 1), plan.sigma_min, SIGMA_MAX)


def _told(x: Tensor) -> list[list[float]]:
    return [[round(v, 4) for v in row] for row in x.tolist()]
