"""Trajectories equal to diffusers' schedulers on a random UNet2DModel: every step within 1e-4 of the largest value."""

from functools import partial

import diffusers
import pytest
import torch

from difusa.shared import levels
from difusa.shared.denoisers import from_noise_prediction
from difusa.shared.samplers import ddim, ddpm, dpmpp_2m, dpmpp_sde, heun_step, plms, runge_kutta_step, unipc
from difusa.shared.spaces import Euclidean

STEPS = 10
TABLE = levels.linear()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    unet = unet.double().eval().requires_grad_(False)
    # the noise an untrained net predicts is nearly none: made stronger, so that every term of a step counts
    return lambda x, t: 4 * unet(x, t).sample + 0.5 * x


class SameNoise(Euclidean):
    """Noise from the torch generator that the other library uses, in its precision."""

    def noise(self, like, rng):
        generator, dtype = rng
        return torch.randn(like.shape, generator=generator, dtype=dtype).to(like)


def noise_of(seed):
    return torch.Generator().manual_seed(seed)


def theirs(scheduler, network, x, every, extra):
    """The states after each whole step; every: scheduler calls in the successive steps (1 after those listed)."""
    scheduler.set_timesteps(STEPS)
    states, left = [], list(every)
    due = left.pop(0) if left else 1
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t.expand(len(x))), t, x, **extra).prev_sample
        due -= 1
        if due == 0:
            states.append(x)
            due = left.pop(0) if left else 1
    return states


def halfway(now, next):
    """Diffusers' Runge-Kutta start looks in the middle of the training times."""
    time = 999 - int((TABLE - now).abs().argmin())
    return TABLE[999 - (time - 1000 // STEPS // 2)]


CASES = {
    # name: scheduler, its options, arguments of its step, calls in its first steps | sampler | spacing, offset, spare
    "ddpm": ("DDPMScheduler", {"clip_sample": False}, {"generator": 7}, (), ddpm, ("leading", 0, 0)),
    "ddpm trailing": (
        "DDPMScheduler",
        {"clip_sample": False, "timestep_spacing": "trailing"},
        {"generator": 7},
        (),
        ddpm,
        ("trailing", 0, 0),
    ),
    "ddim": ("DDIMScheduler", {"clip_sample": False}, {}, (), ddim, ("leading", 0, 0)),
    "ddim, eta 0.6": (
        "DDIMScheduler",
        {"clip_sample": False, "steps_offset": 1},
        {"eta": 0.6, "generator": 7},
        (),
        partial(ddim, eta=0.6),
        ("leading", 1, 0),
    ),
    "pndm": (
        "PNDMScheduler",
        {},
        {},
        (4, 4, 4),
        partial(plms, start=(runge_kutta_step(halfway),) * 3),
        ("leading", 0, 0),
    ),
    "pndm, no Runge-Kutta": (
        "PNDMScheduler",
        {"skip_prk_steps": True, "steps_offset": 1},
        {},
        (2,),
        partial(plms, start=(heun_step,)),
        ("leading", 1, 0),
    ),
    "dpm-solver++": ("DPMSolverMultistepScheduler", {}, {}, (), dpmpp_2m, ("linspace", 0, 1)),
    "sde-dpm-solver++": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++"},
        {"generator": 7},
        (),
        dpmpp_sde,
        ("linspace", 0, 1),
    ),
    "unipc": ("UniPCMultistepScheduler", {}, {}, (), unipc, ("linspace", 0, 1)),
    "unipc, order 3": (
        "UniPCMultistepScheduler",
        {"solver_order": 3},
        {},
        (),
        partial(unipc, order=3),
        ("linspace", 0, 1),
    ),
    "unipc, order 1": (
        "UniPCMultistepScheduler",
        {"solver_order": 1},
        {},
        (),
        partial(unipc, order=1),
        ("linspace", 0, 1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_trajectory_equals_diffusers(network, case, record_property):
    name, options, extra, every, sampler, (spacing, offset, spare) = CASES[case]
    scheduler = getattr(diffusers, name)(beta_start=1e-4, beta_end=0.02, beta_schedule="linear", **options)
    extra = {k: noise_of(v) if k == "generator" else v for k, v in extra.items()}
    start = torch.randn(2, 3, 8, 8, generator=noise_of(1), dtype=torch.float64)
    expected = theirs(scheduler, network, start, every, extra)

    sigmas = levels.at_times(TABLE, levels.timesteps(1000, STEPS, spacing, offset, spare))
    if name == "PNDMScheduler":  # its default end is the lowest training level, not 0
        sigmas[-1] = TABLE[-2]
    denoise = from_noise_prediction(network, TABLE)
    x = start * (1 + sigmas[0] ** 2).sqrt()
    drawn = torch.float32 if name.startswith("DPM") else torch.float64  # that scheduler always draws float32
    states = sampler(denoise, SameNoise(), x, sigmas, rng=(noise_of(7), drawn))
    largest = max(float(e.abs().max()) for e in expected)
    errors = []
    for state, sigma, peer in zip(states, sigmas[1:], expected, strict=True):
        errors.append(float((state / (1 + sigma**2).sqrt() - peer).abs().max()) / largest)
    record_property("error", max(errors))
    assert max(errors) < 1e-4, errors
    moved = float((expected[-1] - start).abs().max()) / largest
    assert moved > 0.1, "the network moved nothing, so the comparison shows nothing"
