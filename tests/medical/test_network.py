"""The network: an orthonormal transform, a blind eye for what is absent, any size its halvings divide."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from difusa.domains.medical.network import Regressor, Translator, adopt, haar, unhaar  # noqa: E402

SMALL = {"channels": (16, 16), "layers": 1}
OF = {Regressor: SMALL, Translator: SMALL | {"guess": (16, 16)}}


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
    network = awake(kind(**OF[kind], dimensions=dimensions))
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
    network = awake(Translator(**OF[Translator]))
    assert network.unit == 4
    with pytest.raises(ValueError, match=r"multiples of 4, got \(18, 24\)"):
        network(torch.zeros(1, 1, 18, 24), torch.ones(1), **condition(1, (18, 24)))


def test_a_translator_keeps_a_clean_picture_and_expects_where_all_is_noise():
    network, c = awake(Translator(**OF[Translator])), condition()
    x, guess = torch.randn(2, 1, 16, 24) / 2, network.expected(**c)
    assert (network(x, torch.full((2,), 1e-4), **c) - x).abs().max() < 1e-3
    assert (guess == network.guess(c["given"], c["present"])[[0, 1], [1, 3]][:, None]).all()
    assert torch.equal(network(x, torch.ones(2), **c), network(x, torch.ones(2), **c, guess=guess))
    for p in network.rest.network.unet.out.parameters():
        torch.nn.init.zeros_(p)
    far = network(guess + 50 * torch.randn(2, 1, 16, 24), torch.full((2,), 50.0), **c)
    assert (far - guess).abs().max() < 0.01, "with nothing drawn, what is expected is left"


def test_the_guess_learns_from_all_that_is_known_and_not_from_what_is_drawn():
    network, c = awake(Translator(**OF[Translator])), condition()
    truth, known = torch.randn(2, 5, 16, 24), torch.tensor([[0.0, 1, 0, 1, 0], [0, 0, 0, 1, 1]])
    guess = network.guess(c["given"], c["present"])
    by_hand = [4 * (guess[r, k] - truth[r, k]).square().mean(dim=(1, 2)).mean() for r, k in ((0, [1, 3]), (1, [3, 4]))]
    torch.testing.assert_close(network.guess.loss(guess, truth, known), torch.stack(by_hand))
    clean = truth[[0, 1], [1, 3]][:, None]
    batch = {
        "clean": clean,
        "noise": torch.randn_like(clean),
        "sigma": torch.tensor([0.3, 1.0]),
        "truth": truth,
        "known": known,
    }
    network.loss(**batch, **c).sum().backward()
    learnt = [p.grad.clone() for p in network.guess.parameters()]
    network.zero_grad()
    network.guess.loss(network.guess(c["given"], c["present"]), truth, known).sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(learnt, network.guess.parameters()))


def test_the_regressor_hears_no_noise_and_its_loss_is_its_error():
    network, c = awake(Regressor(**SMALL)), condition()
    a, b = (network(torch.randn(2, 1, 16, 24), torch.tensor([s, s]), **c) for s in (0.1, 9.0))
    assert (a == b).all()
    known = torch.nn.functional.one_hot(c["target"], 5).float()
    loss = network.loss(truth=(a + 0.5).expand(-1, 5, -1, -1), known=known, given=c["given"], present=c["present"])
    torch.testing.assert_close(loss, torch.ones(2), atol=1e-5, rtol=0)


def test_weights_of_another_network_are_refused():
    other = Translator(channels=(16, 32), layers=1, guess=(16, 16))
    with pytest.raises(ValueError, match="another network"):
        adopt(other.state_dict(), Translator(**OF[Translator]))
    same = Translator(**OF[Translator])
    assert adopt(same.state_dict(), Translator(**OF[Translator])) == []


def test_reduced_precision_answers_nearly_the_same():
    """bfloat16 keeps 8 bits: through a dozen layers the answer moves by a few hundredths at most, and by something."""
    network, c, x = awake(Translator(**OF[Translator])), condition(), torch.randn(2, 1, 16, 24)
    with torch.no_grad():
        whole = network(x, torch.ones(2), **c)
        network.precision = torch.bfloat16
        short = network(x, torch.ones(2), **c)
    assert short.dtype == torch.float32
    assert 0 < (short - whole).abs().mean() < 0.05 * whole.abs().mean()
