"""Inversion and interpolation, on laws whose flow is known."""

import numpy as np
import pytest
import torch

from difusa.shared.analytic import Gaussian, WrappedMixture
from difusa.shared.inversion import interpolate, invert, noise_of, slerp
from difusa.shared.levels import karras
from difusa.shared.samplers import ddim, ddpm, dpmpp_2m, heun, last
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Product, Torus

FLAT = Euclidean()
MEAN = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
COV = torch.tensor([[1.0, 0.6, -0.3], [0.6, 0.8, 0.1], [-0.3, 0.1, 0.5]], dtype=torch.float64)
PRIOR = Gaussian(MEAN, COV)
CLEAN = MEAN + torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LOW, TOP = 0.002, 40.0


def round_trip(steps, refine):
    sigmas = karras(steps, LOW, TOP)
    noisy = last(invert(PRIOR, FLAT, CLEAN, sigmas, refine=refine))
    return float((last(ddim(PRIOR, FLAT, noisy, sigmas)) - CLEAN).norm() / CLEAN.norm())


def test_round_trip_is_of_first_order(capsys):
    errors = {n: round_trip(n, 0) for n in (20, 40, 80, 160, 320)}
    orders = [np.log2(errors[n] / errors[2 * n]) for n in (20, 40, 80, 160)]
    with capsys.disabled():
        print(f"\ninversion and back, steps: relative error {', '.join(f'{n}: {e:.1e}' for n, e in errors.items())}")
    assert abs(orders[-1] - 1) < 0.25


def test_refined_round_trip_is_exact(capsys):
    """Each look shrinks the error by (next / now - 1) J: at most 0.71, near the lowest levels, where the first error is
    below 1e-3 (the step); 0.71^40 of it is 1e-9, and 40 such steps stay below 1e-8."""
    errors = {k: round_trip(40, k) for k in (0, 1, 3, 10, 40)}
    with capsys.disabled():
        print(f"\n40 steps, looks: relative error {', '.join(f'{k}: {e:.1e}' for k, e in errors.items())}")
    assert errors[0] > errors[1] > errors[3] > errors[10]
    assert errors[40] < 1e-8


def test_inversion_reaches_the_state_of_the_exact_flow():
    """The state at TOP, against the analytic flow map; tolerance: twice the change on doubling (order 1: just that)."""
    exact = PRIOR.flow(CLEAN, 0.0, TOP)
    coarse, fine = (last(invert(PRIOR, FLAT, CLEAN, karras(n, LOW, TOP))) for n in (200, 400))
    assert (fine - exact).norm() < 2 * (fine - coarse).norm()
    assert (fine - exact).norm() < 0.02 * exact.norm()
    assert torch.allclose(noise_of(FLAT, fine, torch.tensor(TOP)), fine / TOP)


def test_states_come_one_by_one():
    sigmas = karras(10, LOW, TOP)
    states = invert(PRIOR, FLAT, CLEAN, sigmas)
    first = next(states)
    assert torch.equal(first, CLEAN)  # unrefined, the clean state stands for the one at the lowest level
    assert len(list(states)) == 9
    with pytest.raises(ValueError, match="end in 0"):
        next(invert(PRIOR, FLAT, CLEAN, sigmas[:-1]))


@pytest.mark.parametrize("refine", [0, 40])
def test_torus_round_trip_below_the_wrapping_level(refine):
    law = WrappedMixture(torch.ones(1).double(), torch.tensor([[0.95, 0.4]]).double(), torch.tensor([0.05]).double())
    space, sigmas = Torus(), karras(60, 0.001, 0.1)
    clean = space.nudge(law.means.expand(5, 2), 0.05 * torch.randn(5, 2, generator=torch.Generator().manual_seed(1)))
    back = last(ddim(law, space, last(invert(law, space, clean, sigmas, refine=refine)), sigmas))
    # refined: exact to the solver; else first order: 60 steps over two decades, 5 % each, of offsets near 0.05
    assert space.diff(clean, back).abs().max() < (1e-9 if refine else 0.01)


# --- between two states -----------------------------------------------------------------------------------------------

COUNT, SIZE = 2000, 64


def noises():
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(COUNT, SIZE, generator=generator, dtype=torch.float64) for _ in range(2))


def test_slerp_keeps_the_norm_of_noise(capsys):
    """|noise|^2 of d numbers has mean d and variance 2 d (chi-squared). Between independent noises slerp keeps the mean
    (to O(1) of d, tolerance 1 plus 5 standard errors); with weights p, q its variance is (p^4 + q^4) 2 d: never wider
    than chi-squared, half of it in the middle. The straight line has mean (w^2 + (1 - w)^2) d."""
    a, b = noises()
    for weight in (0.1, 0.25, 0.5, 0.8):
        square = slerp(a, b, weight).square().sum(1)
        chord = (a + weight * (b - a)).square().sum(1).mean() / SIZE
        p, q = np.sin((1 - weight) * np.pi / 2), np.sin(weight * np.pi / 2)
        variance = (p**4 + q**4) * 2 * SIZE
        assert abs(square.mean() - SIZE) < 1 + 5 * (variance / COUNT) ** 0.5
        # 5 standard errors of a variance, sqrt(2 / n), and 10 % for angles away from 90 degrees (1 / sqrt(d) = 0.125)
        assert abs(square.var() / variance - 1) < 5 * (2 / COUNT) ** 0.5 + 0.1
        with capsys.disabled():
            print(f"\nweight {weight}: |slerp|^2 / d {square.mean() / SIZE:.3f}, |line|^2 / d {chord:.3f}", end="")


def test_slerp_keeps_equal_norms_and_turns_evenly():
    a, b = noises()
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    whole = (a * b).sum(1).acos()
    for weight in (0.0, 0.3, 0.5, 1.0):
        c = slerp(a, b, weight)
        assert torch.allclose(c.norm(dim=1), torch.ones(COUNT).double(), atol=1e-12)
        assert torch.allclose((a * c).sum(1).clamp(-1, 1).acos(), weight * whole, atol=1e-7)  # acos near 1: sqrt(eps)
    assert torch.allclose(slerp(a, a, 0.3), a, atol=1e-12)
    with pytest.raises(ValueError, match="opposite"):
        slerp(a, -a, 0.5)


def test_slerp_goes_sample_by_sample_and_field_by_field():
    a, b = (t[:5] for t in noises())
    index = torch.tensor([0, 0, 1, 1, 1])
    ragged = slerp(a, b, 0.3, index)
    for rows in (slice(0, 2), slice(2, 5)):
        whole = slerp(a[rows].reshape(1, -1), b[rows].reshape(1, -1), 0.3)
        assert torch.allclose(ragged[rows].reshape(1, -1), whole, atol=1e-12)
    named = slerp({"u": a, "v": b}, {"u": b, "v": a}, 0.3, {"u": index, "v": None})
    assert torch.equal(named["u"], ragged) and torch.equal(named["v"], slerp(b, a, 0.3))


def test_interpolation_runs_between_the_two_samples():
    sigmas = karras(20, LOW, TOP)
    a, b = (t[:4, :3] for t in noises())
    path = list(interpolate(dpmpp_2m, PRIOR, FLAT, a, b, [0.0, 0.5, 1.0], sigmas))
    assert torch.allclose(path[0], last(dpmpp_2m(PRIOR, FLAT, a * TOP, sigmas)), atol=1e-12)
    assert torch.allclose(path[2], last(dpmpp_2m(PRIOR, FLAT, b * TOP, sigmas)), atol=1e-12)
    assert torch.allclose(path[1], last(dpmpp_2m(PRIOR, FLAT, slerp(a, b, 0.5) * TOP, sigmas)), atol=1e-12)
    with pytest.raises(ValueError, match="streams"):
        list(interpolate(ddpm, PRIOR, FLAT, a, b, [0.5], sigmas))


def test_interpolation_stays_in_its_space():
    space = Product(place=Centred(), angle=Torus())
    like = {"place": torch.zeros(2, 5, 3).double(), "angle": torch.zeros(2, 4).double()}
    a, b = (space.noise(like, streams(seed, [0, 1])) for seed in (0, 1))

    def prior(x, sigma):
        return {"place": x["place"] / (1 + sigma**2), "angle": x["angle"]}

    for state in interpolate(heun, prior, space, a, b, [0.0, 0.4], karras(6, 0.01, 5.0)):
        assert state["place"].mean(1).abs().max() < 1e-12
        assert bool(((state["angle"] >= 0) & (state["angle"] < 1)).all())
