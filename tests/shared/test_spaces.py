import math

import numpy as np
import pytest
import torch

from difusa.shared.seeds import stream, streams
from difusa.shared.spaces import Centred, Euclidean, Product, Torus, combine, normal

f64 = {"dtype": torch.float64}
INDEX = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), **f64)


SPACES = {
    "euclidean": (Euclidean(), lambda s: numbers(9, 3, seed=s)),
    "centred": (Centred(INDEX), lambda s: Centred(INDEX).project(numbers(9, 3, seed=s))),
    "dense centred": (Centred(), lambda s: Centred().project(numbers(9, 4, 3, seed=s))),
    "torus": (Torus(), lambda s: torch.remainder(numbers(9, 3, seed=s), 1)),
    "angles": (Torus(2 * math.pi, INDEX), lambda s: torch.remainder(numbers(9, 1, seed=s), 2 * math.pi)),
}


@pytest.fixture(params=SPACES)
def space_and_points(request):
    space, make = SPACES[request.param]
    return space, make(1), make(2)


def test_going_along_the_difference_arrives(space_and_points):
    space, a, b = space_and_points
    torch.testing.assert_close(space.diff(space.nudge(a, space.diff(a, b)), b), torch.zeros_like(a), rtol=0, atol=1e-14)


def test_blend_starts_at_a_ends_at_b_and_is_even_between(space_and_points):
    space, a, b = space_and_points
    zero = torch.zeros_like(a)
    torch.testing.assert_close(space.diff(space.blend(a, b, 0.0), a), zero, rtol=0, atol=1e-14)
    torch.testing.assert_close(space.diff(space.blend(a, b, 1.0), b), zero, rtol=0, atol=1e-14)
    quarter = space.blend(a, b, 0.25)
    torch.testing.assert_close(space.diff(a, quarter), 0.25 * space.diff(a, b), rtol=0, atol=1e-14)


def test_weights_may_differ_by_row(space_and_points):
    space, a, b = space_and_points
    if isinstance(space, Centred) and space.index is not None:
        w = torch.tensor([0.1, 0.5, 0.9], **f64)[INDEX]  # atoms of one molecule move together
    else:
        w = torch.linspace(0, 1, 9, **f64)
    mixed = space.blend(a, b, w)
    for i in (0, 4, 8):
        same = space.blend(a, b, float(w[i]))
        torch.testing.assert_close(mixed[i], same[i], rtol=0, atol=1e-14)


def test_torus_goes_the_short_way():
    space = Torus()
    a, b = torch.tensor([[0.9], [0.1], [0.2]]), torch.tensor([[0.1], [0.9], [0.5]])
    torch.testing.assert_close(space.diff(a, b), torch.tensor([[0.2], [-0.2], [0.3]]))
    torch.testing.assert_close(space.blend(a, b, 0.5), torch.tensor([[0.0], [0.0], [0.35]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("period", [1.0, 2 * math.pi, 360.0])
def test_torus_never_leaves_its_half_open_interval(dtype, period):
    x = torch.zeros(6, 1, dtype=dtype)
    v = torch.tensor([[-1e-30], [-1e-9], [1e9], [-1e9], [period], [-period]], dtype=dtype)
    moved = Torus(period).nudge(x, v)
    assert bool(((moved >= 0) & (moved < period)).all()), moved


def test_centre_of_mass_stays_at_zero():
    noise = Centred(INDEX).noise(numbers(9, 3), streams(0, range(3)))
    x = Centred(INDEX).nudge(torch.zeros(9, 3, **f64), noise, 80.0)
    total = torch.zeros(3, 3, **f64).index_add(0, INDEX, x)
    assert float(total.abs().max()) < 1e-12  # sums of four numbers near 80, rounded at 1e-14


def test_centred_noise_has_unit_variance_in_its_subspace():
    space, samples = Centred(), 4000
    noise = space.noise(torch.zeros(samples, 5, 3, **f64), streams(0, range(samples)))
    free = samples * 4 * 3
    # the sum of squares is chi-squared with `free` degrees: standard error of its mean is sqrt(2 / free)
    assert abs(float(noise.pow(2).sum()) / free - 1) < 4.5 * (2 / free) ** 0.5


def test_ragged_noise_of_a_sample_is_its_own_stream():
    shuffled = INDEX[torch.randperm(9, generator=torch.Generator().manual_seed(0))]
    for index in (INDEX, shuffled):
        noise = normal(torch.zeros(9, 2), streams(7, range(3)), index)
        for sample in range(3):
            rows = noise[index == sample]
            own = stream(7, sample).standard_normal(tuple(rows.shape), dtype=np.float32)
            np.testing.assert_array_equal(rows.numpy(), own)


def test_noise_of_a_sample_does_not_depend_on_the_batch():
    batch = Euclidean().noise(torch.zeros(20, 3, 4), streams(1, range(20)))
    alone = Euclidean().noise(torch.zeros(1, 3, 4), streams(1, [17]))
    assert torch.equal(batch[17:18], alone)


def test_noise_is_standard_normal():
    noise = normal(torch.zeros(200, 500, **f64), streams(0, range(200)))
    n = noise.numel()
    assert abs(float(noise.mean())) < 4.5 / n**0.5
    assert abs(float(noise.var()) - 1) < 4.5 * (2 / n) ** 0.5
    # streams of neighbouring samples are independent: correlations of 500 pairs have standard error 500^-1/2
    correlation = torch.corrcoef(noise)[~torch.eye(200, dtype=torch.bool)]
    assert float(correlation.abs().max()) < 6 / 500**0.5


def test_wrong_number_of_streams_says_so():
    with pytest.raises(ValueError, match="3 samples need 3 random streams, got 2"):
        Centred(INDEX).noise(torch.zeros(9, 3), streams(0, range(2)))


def test_product_moves_each_field_in_its_own_space():
    space = Product(cell=Euclidean(), turn=Torus())
    a = {"cell": torch.tensor([[0.9]]), "turn": torch.tensor([[0.9]])}
    b = {"cell": torch.tensor([[0.1]]), "turn": torch.tensor([[0.1]])}
    half = space.blend(a, b, 0.25)
    torch.testing.assert_close(half["cell"], torch.tensor([[0.7]]))
    torch.testing.assert_close(half["turn"], torch.tensor([[0.95]]))
    other = space.blend(a, b, {"cell": 1.0, "turn": 0.0})
    torch.testing.assert_close(other["cell"], b["cell"])
    torch.testing.assert_close(other["turn"], a["turn"])
    assert repr(space) == "Product(cell=Euclidean(index=None), turn=Torus(period=1.0, index=None))"


def test_combine_sums_tangents_by_field():
    a, b = {"u": torch.ones(2), "v": torch.zeros(3)}, {"u": torch.ones(2), "v": torch.ones(3)}
    mixed = combine([a, b], [2.0, -0.5])
    torch.testing.assert_close(mixed["u"], torch.full((2,), 1.5))
    torch.testing.assert_close(mixed["v"], torch.full((3,), -0.5))


def test_streams_differ_by_seed_index_and_part():
    draws = {stream(s, i, p).random() for s in (0, 1, 2) for i in (0, 1, 2) for p in (0, 1)}
    assert len(draws) == 18
    with pytest.raises(ValueError, match="seed must lie in"):
        stream(-1, 0)
