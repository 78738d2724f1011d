"""What every sampler owes its caller: independent samples and fields, a still centre, temperature, a clean end."""

import pytest
import torch

from difusa.shared import levels
from difusa.shared.analytic import Gaussian, Mixture, WrappedMixture
from difusa.shared.samplers import SAMPLERS, Tempered, dpmpp_2m, heun, langevin, last, plms, schedule, start, unipc
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Product, Torus

f64 = {"dtype": torch.float64}
MIX = Mixture(
    [0.4, 0.6], [Gaussian(torch.tensor([-1.0, 0.5], **f64), 0.2), Gaussian(torch.tensor([1.0, 0.0], **f64), 0.1)]
)
TURN = WrappedMixture(
    torch.tensor([0.3, 0.7], **f64), torch.tensor([[0.1], [0.6]], **f64), torch.full((2,), 0.05, **f64)
)
INDEX = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
PLACE = Gaussian(Centred(INDEX).project(torch.randn(9, 3, generator=torch.Generator().manual_seed(0), **f64)), 0.1)


def run(name, denoise, space, x, count, budget=20):
    return last(SAMPLERS[name](denoise, space, x, schedule(name, budget, 0.01, 10.0), rng=count))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sample_is_the_same_alone_and_in_a_batch(name):
    def sample(indices):
        rng = streams(4, indices)
        x = start(Euclidean(), torch.zeros(len(rng), 2, **f64), 10.0, rng)
        return run(name, MIX, Euclidean(), x, rng)

    # the draws are equal to the byte; vectorised exp and log may round the last bit differently by position
    torch.testing.assert_close(sample(range(20))[17:18], sample([17]), rtol=1e-11, atol=1e-11)


class Alone:
    """One field's space whose noise is drawn as the whole product draws it."""

    def __init__(self, product, like, name):
        self.product, self.like, self.name = product, like, name
        space = product.spaces[name]
        self.diff, self.nudge, self.blend = space.diff, space.nudge, space.blend

    def noise(self, like, rng):
        return self.product.noise(self.like, rng)[self.name]


@pytest.mark.parametrize("name", SAMPLERS)
def test_each_field_of_a_product_equals_its_run_alone(name):
    space = Product(place=Centred(INDEX), turn=Torus(index=INDEX), kind=Euclidean())
    parts = {"place": PLACE, "turn": TURN, "kind": MIX}
    like = {"place": torch.zeros(9, 3, **f64), "turn": torch.zeros(9, 1, **f64), "kind": torch.zeros(3, 2, **f64)}
    x = start(space, like, 10.0, streams(5, range(3)))
    together = run(name, lambda x, s: {k: parts[k](x[k], s) for k in x}, space, x, streams(6, range(3)))
    for field, truth in parts.items():
        alone = run(name, truth, Alone(space, like, field), x[field], streams(6, range(3)))
        assert torch.equal(together[field], alone), field


@pytest.mark.parametrize("name", SAMPLERS)
def test_centre_of_mass_never_moves(name):
    space, rng = Centred(INDEX), streams(1, range(3))
    x = start(space, torch.zeros(9, 3, **f64), 80.0, rng)

    def off_centre(x, sigma):  # a network that drifts: the space has to take it back
        return PLACE(x, sigma) + 1.0

    for state in SAMPLERS[name](PLACE, space, x, schedule(name, 30, 0.01, 80.0), rng=rng):
        total = torch.zeros(3, 3, **f64).index_add(0, INDEX, state)
        assert float(total.abs().max()) < 1e-12  # sums of at most four numbers up to 300, each rounded at 3e-14
    for state in heun(off_centre, space, x, schedule("heun", 30, 0.01, 80.0)):
        assert float(torch.zeros(3, 3, **f64).index_add(0, INDEX, state).abs().max()) < 1e-12


@pytest.mark.parametrize("name", SAMPLERS)
def test_temperature_scales_all_noise(name):
    """About a centred Gaussian every sampler is linear in its noise, so half the noise gives half the sample."""
    truth = Gaussian(torch.zeros(2, **f64), torch.tensor([[0.3, 0.1], [0.1, 0.2]], **f64))

    def sample(space):
        x = start(space, torch.zeros(5, 2, **f64), 10.0, streams(2, range(5)))
        return run(name, truth, space, x, streams(3, range(5)))

    torch.testing.assert_close(sample(Tempered(Euclidean(), 0.5)), 0.5 * sample(Euclidean()), rtol=1e-10, atol=1e-12)
    assert float(sample(Tempered(Euclidean(), 0.0)).abs().max()) == 0


def test_temperature_is_on_the_record():
    assert repr(Tempered(Torus(), 0.8)) == "Tempered(space=Torus(period=1.0, index=None), temperature=0.8)"
    with pytest.raises(ValueError, match="temperature must be 0 or more, got -1"):
        Tempered(Euclidean(), -1)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("budget", [2, 3, 7])
def test_the_last_step_ends_in_a_finite_clean_state(name, budget):
    """On one known point the estimate is always that point, and so is the end, whatever the number of steps."""
    point = torch.tensor([[0.3, -0.7]], **f64)
    rng = streams(0, range(1))
    end = run(name, lambda x, sigma: point.clone(), Euclidean(), 10 * torch.ones(1, 2, **f64), rng, budget)
    torch.testing.assert_close(end, point, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", SAMPLERS)
def test_single_precision_stays_single_and_near_double(name):
    sigmas = schedule(name, 20, 0.01, 10.0)

    def sample(dtype):
        rng = streams(2, range(50))
        x = start(Euclidean(), torch.zeros(50, 2, dtype=dtype), 10.0, rng)
        return last(SAMPLERS[name](MIX, Euclidean(), x, sigmas, rng=rng))

    single = sample(torch.float32)
    assert single.dtype == torch.float32
    # rounding at sigma 10 (1e-6) grows by at most the watershed between the modes; the median stays at that size
    assert float((single.double() - sample(torch.float64)).abs().median()) < 1e-4


def test_yields_one_state_a_step():
    sigmas = levels.karras(7, 0.01, 10.0)
    for name, sampler in SAMPLERS.items():
        states = list(sampler(MIX, Euclidean(), torch.ones(1, 2, **f64), sigmas, rng=streams(0, range(1))))
        assert len(states) == 7, name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedule("euler", 10, 0.01, 80.0), "no sampler named 'euler'; there are ddpm, ddim"),
        (lambda: schedule("langevin", 1, 0.01, 80.0), "langevin needs at least 2 network evaluations, got 1"),
        (lambda: last(heun(MIX, Euclidean(), torch.ones(1, 2), torch.tensor([1.0]))), "at least two levels"),
        (lambda: last(plms(MIX, Euclidean(), torch.ones(1, 2), levels.karras(3), order=5)), "order must be"),
        (lambda: last(unipc(MIX, Euclidean(), torch.ones(1, 2), levels.karras(3), order=0)), "order must be"),
    ],
)
def test_impossible_input_says_so(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_history_is_no_longer_than_the_method_needs():
    """A 12-megapixel state is 144 MB: DPM-Solver++(2M) may hold one earlier estimate, PLMS three slopes, no more."""
    import weakref

    for sampler, most in ((dpmpp_2m, 2), (unipc, 3), (langevin, 1)):
        alive = []

        def denoise(x, sigma, alive=alive):
            clean = MIX(x, sigma)
            alive.append(weakref.ref(clean))
            return clean

        for _ in sampler(denoise, Euclidean(), torch.ones(1, 2, **f64), levels.karras(9), rng=streams(0, range(1))):
            assert sum(ref() is not None for ref in alive) <= most
