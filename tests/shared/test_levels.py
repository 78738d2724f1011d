import math

import numpy as np
import pytest
import torch
from scipy import stats

from difusa.shared import levels

SCHEDULES = {
    "karras": levels.karras(40),
    "geometric": levels.geometric(40),
    "linear": levels.linear(),
    "quadratic": levels.quadratic(),
    "cosine": levels.cosine(),
    "sigmoid": levels.sigmoid(),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_float64_and_falls_to_zero(name):
    sigmas = SCHEDULES[name]
    assert sigmas.dtype == torch.float64
    assert bool((sigmas.diff() < 0).all())
    assert sigmas[-1] == 0


def test_karras_against_the_printed_formula():
    sigmas = levels.karras(18, 0.002, 80.0)
    i = torch.arange(18, dtype=torch.float64)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(sigmas[:-1], expected, rtol=1e-12, atol=0)


def test_one_step_starts_at_the_highest_level():
    # exp(log(80)) may miss the last bit
    torch.testing.assert_close(levels.karras(1, 0.01, 80.0), torch.tensor([80.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(levels.geometric(1, 0.01, 80.0), torch.tensor([80.0, 0.0], dtype=torch.float64))


def test_geometric_steps_have_one_ratio():
    ratios = levels.geometric(30)[1:-1] / levels.geometric(30)[:-2]
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (levels.linear, "linear"),
        (levels.quadratic, "scaled_linear"),
        (levels.cosine, "squaredcos_cap_v2"),
        (levels.sigmoid, "sigmoid"),
    ],
)
def test_vp_schedules_equal_diffusers(ours, theirs):
    from diffusers import DDPMScheduler

    peer = DDPMScheduler(num_train_timesteps=1000, beta_schedule=theirs, beta_start=1e-4, beta_end=0.02)
    # float32 products of 1000 factors there: 1000 roundings of 6e-8
    torch.testing.assert_close(levels.alphas_cumprod(ours()).float(), peer.alphas_cumprod, rtol=1e-4, atol=1e-8)


def test_alphas_cumprod_round_trip():
    sigmas = levels.cosine(100)
    torch.testing.assert_close(levels.from_alphas_cumprod(levels.alphas_cumprod(sigmas)), sigmas, rtol=1e-9, atol=0)


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("steps", [10, 37, 50])
@pytest.mark.parametrize(
    ("peer", "spare"), [("DDIMScheduler", 0), ("DPMSolverMultistepScheduler", 1), ("UniPCMultistepScheduler", 1)]
)
def test_timesteps_equal_diffusers(spacing, steps, peer, spare):
    import diffusers

    scheduler = getattr(diffusers, peer)(timestep_spacing=spacing, steps_offset=1 if spacing == "leading" else 0)
    scheduler.set_timesteps(steps)
    ours = levels.timesteps(1000, steps, spacing, offset=1 if spacing == "leading" else 0, spare=spare)
    np.testing.assert_array_equal(ours.numpy(), np.asarray(scheduler.timesteps))


def test_at_times_picks_the_level_of_each_time():
    a = levels.alphas_cumprod(levels.linear())
    sigmas = levels.at_times(levels.linear(), torch.tensor([999, 500, 0]))
    expected = ((1 - a) / a).sqrt()[[999, 500, 0]]
    torch.testing.assert_close(sigmas[:-1], expected, rtol=1e-9, atol=0)
    assert sigmas[-1] == 0


def test_lognormal_levels_have_their_distribution():
    u = torch.from_numpy(np.random.default_rng(0).random(20_000))
    logs = levels.lognormal(u, mean=-1.2, std=1.2).log().numpy()
    # Kolmogorov-Smirnov: a right sampler fails at 1e-4 once in ten thousand seeds, and the seed is fixed
    assert stats.kstest(logs, "norm", args=(-1.2, 1.2)).pvalue > 1e-4


def test_lognormal_is_finite_at_the_ends():
    ends = levels.lognormal(torch.tensor([0.0, 1.0]))
    assert bool(ends.isfinite().all()) and bool((ends > 0).all())


def test_uniform_levels_visit_every_time_equally():
    sigmas = levels.linear(10)
    drawn = levels.uniform((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000, sigmas)
    values, counts = drawn.unique(return_counts=True)
    torch.testing.assert_close(values, sigmas[:-1].flip(0), rtol=1e-12, atol=0)
    assert counts.tolist() == [100] * 10


@pytest.mark.parametrize(
    "call",
    [
        lambda: levels.karras(0),
        lambda: levels.karras(10, 0.0, 80.0),
        lambda: levels.geometric(10, 2.0, 1.0),
        lambda: levels.from_alphas_cumprod(torch.tensor([0.9, 0.0])),
        lambda: levels.timesteps(1000, 1001),
        lambda: levels.timesteps(1000, 10, "middle"),
    ],
)
def test_impossible_input_says_so(call):
    with pytest.raises(ValueError, match="got"):
        call()


def test_sigma_and_alphas_cumprod_agree_on_one_number():
    # alphas_cumprod = 0.8 means a quarter as much noise variance as signal variance: sigma = 1/2
    assert math.isclose(float(levels.from_alphas_cumprod(torch.tensor([0.8]))[0]), 0.5, rel_tol=1e-6)
