"""The network: an orthonormal transform, a blind eye for what is absent, any size its halvings divide."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from difusa.domains.medical.network import Regressor, Translator, adopt, haar, unhaar  # noqa: E402
from difusa.shared.denoisers import Preconditioned  # noqa: E402

SMALL = {"channels": (16, 16), "layers": 1}


def awake(network):
    """The network with numbers where it starts with zeros, else every answer is alike."""
    torch.manual_seed(0)
    for p in network.parameters():
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.2)
    return network.eval()


def condition(rows=2, shape=(16, 24)):
    rng = np.random.default_rng(0)
    given = torch.from_numpy(rng.standard_normal((rows, 5, *shape)).astype(np.float32))
    return {"given": given, "present": torch.tensor([[1.0, 0, 1, 0, 0]] * rows), "target": torch.tensor([1, 3][:rows])}


@pytest.mark.parametrize(("dimensions", "shape"), [(2, (8, 12)), (3, (4, 8, 6))])
def test_haar_is_orthonormal(dimensions, shape):
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, *shape)))
    y = haar(x, dimensions)
    assert y.shape == (2, 3 * 2**dimensions, *(n // 2 for n in shape))
    torch.testing.assert_close(unhaar(y, dimensions), x, atol=1e-12, rtol=0)
    torch.testing.assert_close(y.square().sum(), x.square().sum(), atol=1e-9, rtol=0)
    flat = haar(torch.ones(1, 1, *shape, dtype=torch.float64), dimensions)
    assert (flat[:, 0] - 2 ** (dimensions / 2)).abs().max() < 1e-12 and flat[:, 1:].abs().max() < 1e-12


@pytest.mark.parametrize("kind", [Translator, Regressor])
@pytest.mark.parametrize(("dimensions", "shape"), [(2, (16, 24)), (3, (8, 8, 12))])
def test_what_is_absent_is_not_seen(kind, dimensions, shape):
    network = awake(kind(**SMALL, dimensions=dimensions))
    c, x = condition(2, shape), torch.randn(2, 1, *shape)
    out = network(x, torch.ones(2), **c)
    other = c["given"].clone()
    other[:, [1, 3, 4]] = 7.0
    assert out.shape == x.shape
    assert (network(x, torch.ones(2), **c | {"given": other}) == out).all()
    other[:, 0] += 0.5
    assert (network(x, torch.ones(2), **c | {"given": other}) - out).abs().max() > 1e-4
    assert (network(x, torch.ones(2), **c | {"target": torch.tensor([2, 2])}) - out).abs().max() > 1e-4


def test_sizes():
    network = awake(Translator(**SMALL))
    with pytest.raises(ValueError, match=r"multiples of 4, got \(18, 24\)"):
        network(torch.zeros(1, 1, 18, 24), torch.ones(1), **condition(1, (18, 24)))


def test_preconditioned_translator_keeps_a_clean_picture_at_no_noise():
    network = Preconditioned(awake(Translator(**SMALL)))
    x = torch.randn(2, 1, 16, 24) / 2
    assert (network(x, torch.full((2,), 1e-4), **condition()) - x).abs().max() < 1e-3


def test_the_regressor_hears_no_noise_and_its_loss_is_its_error():
    network, c = awake(Regressor(**SMALL)), condition()
    a, b = (network(torch.randn(2, 1, 16, 24), torch.tensor([s, s]), **c) for s in (0.1, 9.0))
    assert (a == b).all()
    loss = network.loss(clean=a + 0.5, **c)
    torch.testing.assert_close(loss, torch.ones(2), atol=1e-5, rtol=0)


def test_weights_of_another_network_are_refused():
    other = Translator(channels=(16, 32), layers=1)
    with pytest.raises(ValueError, match="another network"):
        adopt(other.state_dict(), Translator(**SMALL))
    same = Translator(**SMALL)
    assert adopt(same.state_dict(), Translator(**SMALL)) == []
