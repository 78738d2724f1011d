"""Guidance by measurements and pinned regions, against matrix recursions of their own; the biases are printed.

On Gaussians every denoiser here is affine and so is a deterministic sampler: mean and covariance of its samples are
read off exactly, without sampling noise. The recursions below are written with plain matrices, apart from the code.
"""

from itertools import pairwise

import pytest
import torch

from difusa.shared.analytic import Gaussian
from difusa.shared.guidance import DPS, Isotropic, Measured, PiGDM, Pinned, resampled
from difusa.shared.guidance import Gaussian as GaussianCovariance
from difusa.shared.levels import karras
from difusa.shared.operators import JPEG, Downsample, Mask, Matrix
from difusa.shared.samplers import ddim, ddpm, dpmpp_2m, heun, last, start
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Product, Torus

FLAT = Euclidean()
EYE = torch.eye(3, dtype=torch.float64)
MEAN = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
COV = torch.tensor([[1.0, 0.6, -0.3], [0.6, 0.8, 0.1], [-0.3, 0.1, 0.5]], dtype=torch.float64)
A = torch.tensor([[1.0, 0.4, 0.0], [0.0, -0.5, 0.8]], dtype=torch.float64)
FIRST = torch.diag(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))  # only the first number is seen
Y = torch.tensor([[1.2, -0.7]], dtype=torch.float64)
SEEN = torch.tensor([[1.2, 0.0, 0.0]], dtype=torch.float64)
NOISE, SPREAD, TOP = 0.3, 0.8, 200.0
PRIOR = Gaussian(MEAN, COV)


def law(denoise, sampler, sigmas):
    """Mean and covariance of the samples started from N(0, sigmas[0]^2)."""
    ends = last(sampler(denoise, FLAT, torch.cat([torch.zeros_like(EYE[:1]), EYE]), sigmas))
    matrix = (ends[1:] - ends[0]).T
    return ends[0], sigmas[0] ** 2 * matrix @ matrix.T


def posterior(a, y, noise):
    """Mean and covariance of the clean state given y = a clean + noise."""
    gain = COV @ a.T @ torch.linalg.pinv(a @ COV @ a.T + noise**2 * torch.eye(len(a)))
    return MEAN + gain @ (y[0] - a @ MEAN), COV - gain @ a @ COV


def jacobian(s):
    """Slope J of the ideal denoiser MEAN + J (x - MEAN); J is symmetric."""
    return COV @ torch.linalg.inv(COV + s**2 * EYE)


def recursion(correction, sigmas):
    """Mean and covariance of DDIM where the clean estimate c becomes G c + g, (G, g) = correction(sigma)."""
    offset, slope = torch.zeros(3).double(), EYE
    for now, next in pairwise(sigmas.tolist()):
        J, (G, g), r = jacobian(now), correction(now), next / now
        step, push = (1 - r) * G @ J + r * EYE, (1 - r) * (G @ (MEAN - J @ MEAN) + g)
        offset, slope = step @ offset + push, step @ slope
    return offset, sigmas[0] ** 2 * slope @ slope.T


def white(s):
    return s**2 * SPREAD**2 / (s**2 + SPREAD**2)


def ddnm(s):
    pinv = torch.linalg.pinv(A)
    return EYE - pinv @ A, pinv @ Y[0]


def weighed(s):
    K = white(s) * A.T @ torch.linalg.inv(white(s) * A @ A.T + NOISE**2 * torch.eye(2))
    return EYE - K @ A, K @ Y[0]


def dps(s):
    K = 0.7 * s**2 * jacobian(s) @ A.T / NOISE**2
    return EYE - K @ A, K @ Y[0]


def pigdm(s):
    K = s**2 * jacobian(s) @ A.T @ torch.linalg.inv(white(s) * A @ A.T + NOISE**2 * torch.eye(2))
    return EYE - K @ A, K @ Y[0]


def pinned(s):
    return EYE - FIRST, SEEN[0]


MATRIX, KEEP = Matrix(A), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
OWN = {
    "DDNM": (Measured(PRIOR, MATRIX, Y, FLAT), ddnm, (A, Y, 0.0)),
    "DDNM, noise weighed": (Measured(PRIOR, MATRIX, Y, FLAT, NOISE, SPREAD, 1e-13), weighed, (A, Y, NOISE)),
    "DPS, scale 0.7": (DPS(PRIOR, MATRIX, Y, FLAT, 0.7, NOISE), dps, (A, Y, NOISE)),
    "PiGDM, white prior": (
        PiGDM(PRIOR, MATRIX, Y, FLAT, NOISE, Isotropic(SPREAD), tolerance=1e-13),
        pigdm,
        (A, Y, NOISE),
    ),
    "Pinned": (Pinned(PRIOR, SEEN, KEEP[None], FLAT), pinned, (FIRST[:1], SEEN[:, :1], 0.0)),
}


@pytest.mark.parametrize("name", OWN)
def test_equals_its_own_closed_form(name, capsys):
    guided, correction, problem = OWN[name]
    sigmas = karras(40, 0.01, TOP)
    found, expected = law(guided, ddim, sigmas), recursion(correction, sigmas)
    # float64 through 40 steps from states of size TOP, one of whose parts is subtracted from another
    assert torch.allclose(found[0], expected[0], atol=1e-9)
    assert torch.allclose(found[1], expected[1], atol=1e-9)
    fine, truth = recursion(correction, karras(2000, 0.001, TOP)), posterior(*problem)
    with capsys.disabled():
        print(f"\n{name}: bias of the mean {(fine[0] - truth[0]).norm():.4f}; standard deviations "
              f"{rounded(fine[1])}, of the posterior {rounded(truth[1])}")  # fmt: skip


def rounded(cov):
    return [round(v, 3) for v in cov.diagonal().clamp(min=0).sqrt().tolist()]


EXACT = {
    "exact covariance": lambda a, y, noise: PiGDM(
        PRIOR, Matrix(a), y, FLAT, noise, GaussianCovariance(COV), tolerance=1e-13
    ),
    "its own Jacobian": lambda a, y, noise: PiGDM(PRIOR, Matrix(a), y, FLAT, noise, None, tolerance=1e-13),
}


@pytest.mark.parametrize("noise", [NOISE, 0.0])
@pytest.mark.parametrize("name", EXACT)
def test_pigdm_with_the_exact_covariance_is_the_posterior_denoiser(name, noise):
    guided, truth = EXACT[name](A, Y, noise), Gaussian(*posterior(A, Y, noise))
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for sigma in (0.01, 0.3, 2.0, 40.0):
        level = torch.tensor(sigma, dtype=torch.float64)
        at = MEAN + x * (1 + level)
        assert torch.allclose(guided(at, level), truth(at, level), atol=1e-10)  # a solver to 1e-13, states of size 100


@pytest.mark.parametrize("sampler", [heun, dpmpp_2m])
@pytest.mark.parametrize("name", EXACT)
def test_pigdm_with_the_exact_covariance_reaches_the_posterior(name, sampler, capsys):
    """Tolerance as for classifier guidance: the start's share mean sqrt(v) / TOP and v^2 / TOP^2, and twice the
    change on doubling the steps (order 2: 4/3 of it)."""
    mean, cov = posterior(A, Y, NOISE)
    coarse, fine = (law(EXACT[name](A, Y, NOISE), sampler, karras(n, 0.002, TOP)) for n in (50, 100))
    widest = torch.linalg.eigvalsh(cov).max()
    off = (fine[0] - mean).norm(), (fine[1] - cov).norm()
    assert off[0] < widest.sqrt() / TOP * mean.norm() + 2 * (fine[0] - coarse[0]).norm()
    assert off[1] < 3**0.5 * widest**2 / TOP**2 + 2 * (fine[1] - coarse[1]).norm()
    assert off[0] < 5e-3 and off[1] < 2e-3  # and the bounds are not empty
    with capsys.disabled():
        print(f"\nPiGDM, {name}, {sampler.__name__}: mean off {off[0]:.1e}, covariance off {off[1]:.1e}")


def test_pinned_is_ddnm_with_a_mask():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level = torch.tensor(0.7, dtype=torch.float64)
    measured = Measured(PRIOR, Mask(KEEP), SEEN, FLAT)
    assert torch.allclose(OWN["Pinned"][0](x, level), measured(x, level), atol=1e-14)


def test_dps_without_a_noise_level_scales_by_the_residual():
    """clean + sigma^2 J^T A^T r / (|r|^2 / m): the direction is DPS's, the strength its own residual's."""
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level = torch.tensor(0.7, dtype=torch.float64)
    clean = PRIOR(x, level)
    r = Y - clean @ A.T
    expected = clean + 0.5 * level**2 * (r / r.square().mean(1, keepdim=True)) @ A @ jacobian(0.7)
    assert torch.allclose(DPS(PRIOR, MATRIX, Y, FLAT, 0.5)(x, level), expected, atol=1e-12)


def test_jpeg_guidance_ends_in_the_same_file():
    """The last estimate re-encodes to the measured coefficients, with DDNM exactly; with DPS they come nearer."""
    operator, level = JPEG.at(30), torch.tensor(0.5, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64) * 0.3
    y = operator.A(truth)

    def prior(x, sigma):
        return x / (1 + sigma**2 / 0.09)

    x = truth + level * torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    assert torch.equal(operator.A(Measured(prior, operator, y, FLAT)(x, level)), y)
    before, after = prior(x, level), DPS(prior, operator, y, FLAT, 0.3)(x, level)
    assert (operator.A(after) - y).norm() < 0.9 * (operator.A(before) - y).norm()


def test_measured_super_resolution_keeps_the_low_resolution():
    operator, level = Downsample((4, 4), "bicubic"), torch.tensor(0.5)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    clean = Measured(lambda x, s: x / (1 + s**2), operator, y, FLAT)(x, level)
    assert torch.allclose(operator.A(clean), y, atol=1e-5)  # float32


# --- pinned regions ---------------------------------------------------------------------------------------------------


def test_pinned_fields_in_their_own_spaces():
    """One mask a field: two points of a centred cloud, one angle, one number of the cell, each element on its own."""
    space = Product(place=Centred(), angle=Torus(), cell=Euclidean())
    generator = torch.Generator().manual_seed(0)
    place = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    known = {
        "place": place - place.mean(1, keepdim=True),
        "angle": torch.rand(2, 4, generator=generator, dtype=torch.float64),
        "cell": torch.randn(2, 6, generator=generator, dtype=torch.float64),
    }
    mask = {"place": torch.zeros(1, 5, 1), "angle": torch.zeros(2, 4), "cell": torch.zeros(1, 6)}
    mask["place"][:, :2], mask["angle"][1, 2], mask["cell"][0, 3] = 1, 1, 1

    def prior(x, sigma):
        shrink = 1 / (1 + sigma**2)
        return {"place": x["place"] * shrink, "angle": space.spaces["angle"].nudge(x["angle"], x["angle"] * 0, 1.0),
                "cell": x["cell"] * shrink}  # fmt: skip

    x = start(space, known, 10.0, streams(0, [0, 1]))
    states = list(heun(Pinned(prior, known, mask, space), space, x, karras(8, 0.01, 10.0)))
    end = states[-1]
    rigid = end["place"][:, :2] - known["place"][:, :2]
    assert torch.allclose(rigid[:, 0], rigid[:, 1], atol=1e-12)  # the pinned part moves as one piece
    assert max(s["place"].mean(1).abs().max() for s in states) < 1e-12
    assert abs(space.spaces["angle"].diff(end["angle"], known["angle"])[1, 2]) < 1e-12
    assert torch.allclose(end["cell"][:, 3], known["cell"][:, 3], atol=1e-12)
    free = (end["cell"] - known["cell"])[:, mask["cell"][0] == 0]
    assert free.abs().min() > 1e-6  # and nothing else was touched


def test_a_flat_mask_is_one_number_a_row():
    """As everywhere in the spaces; a flat mask of another length is refused."""
    index, known = torch.tensor([0, 0, 1]), torch.zeros(3, 2)
    x, level = torch.ones(3, 2), torch.tensor(1.0)
    clean = Pinned(lambda x, s: x, known, torch.tensor([1.0, 0.0, 0.0]), Euclidean(index))(x, level)
    assert torch.equal(clean, torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="one number a row"):
        Pinned(lambda x, s: x, known, torch.ones(2), FLAT)


def test_known_states_outside_their_space_are_refused():
    off = torch.ones(1, 4, 3)
    with pytest.raises(ValueError, match="centre or wrap"):
        Pinned(lambda x, s: x, off, torch.ones(4, 1), Centred())
    with pytest.raises(ValueError, match="centre or wrap"):
        Pinned(lambda x, s: x, torch.tensor([[1.3]]), torch.ones(1), Torus())


def resampled_law(sigmas, jump, repeats):
    """Mean and covariance of pinned ancestral sampling with resampling, by matrices: x' = M x + b + noise."""
    mean, cov = torch.zeros(3).double(), sigmas[0] ** 2 * EYE
    G, g = pinned(0)
    levels = sigmas.tolist()
    for first in range(0, len(levels) - 1, jump):
        part = levels[first : first + jump + 1]
        for turn in range(repeats):
            if turn:
                cov = cov + (part[0] ** 2 - part[-1] ** 2) * EYE
            for now, next in pairwise(part):
                J, r = jacobian(now), (next / now) ** 2  # ancestral: the mean keeps r of x, fresh noise fills up
                M = (1 - r) * G @ J + r * EYE
                mean = M @ mean + (1 - r) * (G @ (MEAN - J @ MEAN) + g)
                cov = M @ cov @ M.T + next**2 * (1 - r) * EYE
    return mean, cov


def test_resampling_equals_its_own_closed_form_and_shrinks_the_bias(capsys):
    sigmas, count = karras(8, 0.05, 20.0), 3000
    run = resampled(ddpm, jump=2, repeats=3)
    rng = streams(0, range(count))
    x = start(FLAT, torch.zeros(count, 3, dtype=torch.float64), sigmas[0], rng)
    states = list(run(OWN["Pinned"][0], FLAT, x, sigmas, rng=rng))
    assert len(states) == 8 * 3
    mean, cov = resampled_law(sigmas, 2, 3)
    # 4.5 standard errors: of a mean sqrt(v / n), of a covariance entry sqrt((v_i v_j + c^2) / n)
    v = cov.diagonal()
    assert ((states[-1].mean(0) - mean).abs() <= 4.5 * (v / count).sqrt() + 1e-9).all()
    assert ((states[-1].T.cov() - cov).abs() <= 4.5 * ((v[:, None] * v + cov**2) / count).sqrt() + 1e-9).all()

    truth, fine = posterior(FIRST[:1], SEEN[:, :1], 0.0), karras(400, 0.01, TOP)
    off = {n: [float((a - b).norm()) for a, b in zip(resampled_law(fine, 20, n), truth)] for n in (1, 3, 10)}
    with capsys.disabled():
        for n, (m, c) in off.items():
            print(f"\nPinned, {n} passes: bias of the mean {m:.4f}, of the covariance {c:.4f}", end="")
    # ten passes leave an eighth and a third (with 100 steps, the ancestral steps' own error hides the second)
    assert off[10][0] < 0.2 * off[1][0] and off[10][1] < 0.5 * off[1][1]


def test_resampling_refuses_nothing_to_do():
    with pytest.raises(ValueError, match="at least 1"):
        resampled(ddim, jump=0)


def test_repr_names_the_measurement():
    record = repr(OWN["PiGDM, white prior"][0])
    assert "operator=Matrix(matrix=float64[2x3]:" in record and "Isotropic(spread=0.8)" in record
    assert "\n" not in record and "0x" not in record.replace("x3]", "").replace("x2]", "") and len(record) < 500
