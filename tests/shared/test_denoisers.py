"""Adapters on real (small, random) networks of other libraries, against what their own schedulers compute."""

import pytest
import torch
from torch import nn

from difusa.shared import levels
from difusa.shared.analytic import Gaussian, WrappedMixture
from difusa.shared.denoisers import (
    Preconditioned,
    from_clean_prediction,
    from_noise_prediction,
    from_score,
    from_v_prediction,
    from_velocity,
    time_of,
)
from difusa.shared.spaces import Euclidean, Torus

TIMES = [0, 17, 500, 999]


def random_network(build):
    torch.manual_seed(0)
    network = build().double().eval().requires_grad_(False)
    for p in network.parameters():  # some libraries start the last layer at zero, which would test nothing
        if float(p.abs().max()) == 0:
            nn.init.normal_(p, std=0.1)
    return network


def diffusers_unet():
    from diffusers import UNet2DModel

    unet = random_network(
        lambda: UNet2DModel(
            sample_size=16,
            in_channels=3,
            out_channels=3,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=8,
        )
    )
    return lambda x, t: unet(x, t).sample


def monai_unet():
    from monai.networks.nets import DiffusionModelUNet

    unet = random_network(
        lambda: DiffusionModelUNet(
            spatial_dims=2,
            in_channels=3,
            out_channels=3,
            channels=(8, 16),
            attention_levels=(False, True),
            num_res_blocks=1,
            num_head_channels=8,
            norm_num_groups=4,
        )
    )
    return lambda x, t: unet(x, timesteps=t)


@pytest.fixture(scope="module", params=[diffusers_unet, monai_unet])
def network(request):
    return request.param()


@pytest.mark.parametrize(
    ("adapter", "prediction"),
    [(from_noise_prediction, "epsilon"), (from_v_prediction, "v_prediction"), (from_clean_prediction, "sample")],
)
@pytest.mark.parametrize("nearest", [True, False])
def test_vp_networks_give_the_schedulers_clean_estimate(network, adapter, prediction, nearest):
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(prediction_type=prediction, clip_sample=False)
    sigmas = levels.from_alphas_cumprod(scheduler.alphas_cumprod)
    denoise = adapter(network, sigmas, nearest=nearest)
    noise = torch.Generator().manual_seed(1)
    for t in TIMES:
        seen = torch.randn(2, 3, 16, 16, generator=noise, dtype=torch.float64)
        theirs = scheduler.step(network(seen, torch.full((2,), t)), t, seen).pred_original_sample
        ours = denoise(seen / scheduler.alphas_cumprod[t].double().sqrt(), sigmas[999 - t])
        # the scheduler's own factors are float32 (6e-8); at t = 999 they are divided by alpha = 0.006
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5 * float(theirs.abs().max()))


def test_rows_may_have_their_own_level(network):
    sigmas = levels.linear()
    denoise = from_noise_prediction(network, sigmas)
    x = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    each = sigmas[[100, 500, 900]]
    together = denoise(x, each)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], denoise(x[i : i + 1], each[i]), rtol=1e-9, atol=1e-9)


def test_flow_matching_transformer_gives_the_schedulers_clean_estimate():
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel

    transformer = random_network(
        lambda: SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=16,
            caption_projection_dim=16,
            pooled_projection_dim=16,
            pos_embed_max_size=8,
        )
    )
    text = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def network(x, t):
        return transformer(x, encoder_hidden_states=text, pooled_projections=text[:, 0], timestep=t).sample

    denoise = from_velocity(network)
    for i in (3, 10, 19):
        scheduler = FlowMatchEulerDiscreteScheduler(stochastic_sampling=False)
        scheduler.set_timesteps(20)
        t = scheduler.sigmas[i].double()
        seen = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
        velocity = network(seen, scheduler.timesteps[i].double().expand(2))
        # an Euler step of the scheduler from t all the way to 0 is its clean estimate
        scheduler.sigmas[i + 1] = 0.0
        theirs = scheduler.step(velocity, scheduler.timesteps[i], seen).prev_sample
        ours = denoise(seen / (1 - t), t / (1 - t))
        # the scheduler steps in float32
        torch.testing.assert_close(ours, theirs.double(), rtol=0, atol=1e-5 * float(theirs.abs().max()))


GAUSSIAN = Gaussian(torch.tensor([0.3, -0.2], dtype=torch.float64), 0.25)
LEVELS = levels.cosine()
STATE = torch.randn(5, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def exact(kind: str):
    """What a perfect VP network would predict for GAUSSIAN, from the state it sees and its time."""

    def network(seen, t):
        sigma = LEVELS[999 - t.round().long()][:, None]
        alpha = (1 + sigma**2).rsqrt()
        clean = GAUSSIAN(seen / alpha, sigma)
        noise = (seen / alpha - clean) / sigma
        return {"noise": noise, "v": alpha * noise - sigma * alpha * clean, "clean": clean}[kind]

    return network


@pytest.mark.parametrize(
    ("adapter", "kind"), [(from_noise_prediction, "noise"), (from_v_prediction, "v"), (from_clean_prediction, "clean")]
)
def test_exact_vp_networks_become_the_exact_denoiser(adapter, kind):
    for t in (1, 300, 800):
        sigma = LEVELS[999 - t]
        torch.testing.assert_close(adapter(exact(kind), LEVELS)(STATE * sigma, sigma), GAUSSIAN(STATE * sigma, sigma))


def test_exact_velocity_and_score_become_the_exact_denoiser():
    def velocity(seen, t):
        t = t[:, None] / 1000
        clean = GAUSSIAN(seen / (1 - t), t / (1 - t))
        return (seen - (1 - t) * clean) / t - clean

    def score(x, sigma):
        return (GAUSSIAN.mean - x) / (0.25 + sigma**2)

    for sigma in (torch.tensor(0.1), torch.tensor(3.0)):
        expected = GAUSSIAN(STATE, sigma)
        torch.testing.assert_close(from_velocity(velocity)(STATE, sigma), expected)
        torch.testing.assert_close(from_score(score, Euclidean())(STATE, sigma), expected)


def test_score_on_a_torus():
    wrapped = WrappedMixture(torch.tensor([1.0]), torch.tensor([[0.9]]), torch.tensor([0.1]))
    x, sigma = torch.tensor([[0.05], [0.5], [0.8]]), torch.tensor(0.2)

    def score(x, sigma):
        at = x.detach().double().requires_grad_()
        return torch.autograd.grad(wrapped.log_prob(at, sigma).sum(), at)[0].float()

    torch.testing.assert_close(from_score(score, Torus())(x, sigma), wrapped(x, sigma), rtol=0, atol=1e-5)


def test_times_between_levels_follow_log_sigma():
    sigmas = levels.linear()
    low, high = sigmas[999 - 400], sigmas[999 - 401]
    torch.testing.assert_close(time_of(sigmas, (low * high).sqrt()), torch.tensor(400.5, dtype=torch.float64))
    assert time_of(sigmas, (low * high).sqrt() * 1.001, nearest=True) == 401
    assert time_of(sigmas, sigmas[:-1].float()).tolist() == list(range(999, -1, -1))  # float32 levels reach whole times
    assert time_of(sigmas, torch.tensor(1e-4)) == 0
    with pytest.raises(ValueError, match="above the network's highest level"):
        time_of(sigmas, torch.tensor(500.0))


def test_preconditioning_skips_what_a_gaussian_explains():
    """For Gaussian data the ideal F is zero, since c_skip x is the best estimate: D is then the exact denoiser."""
    wrapped = Preconditioned(Zero(), sigma_data=0.5)
    centred = Gaussian(torch.zeros(2, dtype=torch.float64), 0.25)
    for sigma in (0.02, 0.5, 40.0):
        level = torch.tensor(sigma, dtype=torch.float64)
        torch.testing.assert_close(wrapped(STATE, level), centred(STATE, level))


class Zero(nn.Module):
    def forward(self, x, time):
        return torch.zeros_like(x)


class Recorder(nn.Module):
    def forward(self, x, time):
        self.seen, self.time = x, time
        return x


def test_preconditioning_scales_as_printed():
    """c_in, c_noise and the effective target have the values of Karras et al. 2022, Table 1, at one level."""
    network = Recorder()
    x, sigma = torch.tensor([[2.0]], dtype=torch.float64), torch.tensor(1.2, dtype=torch.float64)
    out = Preconditioned(network, 0.5)(x, sigma)
    assert abs(float(network.seen) - 2.0 / 1.3) < 1e-12  # sqrt(1.2^2 + 0.5^2) = 1.3
    assert abs(float(network.time) - 250 * 0.1823215567939546) < 1e-9  # ln 1.2
    assert abs(float(out) - (0.25 / 1.69 * 2.0 + 1.2 * 0.5 / 1.3 * 2.0 / 1.3)) < 1e-12
