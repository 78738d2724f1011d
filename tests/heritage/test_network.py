"""The restorer: exact where the picture is exact, the prior for plain noise, the update elsewhere."""

import pytest
import torch

from difusa.domains.heritage.network import Prior, Restorer, adopt, condensed, fuse
from difusa.shared.denoisers import Preconditioned

SMALL = {"channels": (16, 32), "layers": 1, "attention": 1}


def told(rows: int = 2, doubt: float = 0.2, task: int | None = None) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    flags = torch.zeros(rows, 4)
    if task is not None:
        flags[:, task] = 1
    return {
        "observed": torch.randn(rows, 3, 16, 16) / 2,
        "doubt": torch.full((rows, 1, 16, 16), doubt),
        "task": flags,
        "kind": torch.zeros(rows, dtype=torch.long),
    }


def test_two_measurements_of_one_picture_fuse_by_precision():
    """Noise levels 3 and 4 leave 1 / sqrt(1/9 + 1/16) = 2.4, and the weights are 16/25 and 9/25."""
    x, observed = torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    fused, level = fuse(x, torch.tensor([3.0]), observed, torch.full((1, 1, 1, 1), 4.0))
    torch.testing.assert_close(level.squeeze(), torch.tensor(2.4))
    torch.testing.assert_close(fused, torch.full_like(x, 16 / 25))


def test_an_exact_pixel_comes_out_as_observed_to_the_bit():
    condition = told()
    condition["doubt"][:, :, :8] = 0
    condition["doubt"][:, :, 8:] = torch.inf
    out = Restorer(**SMALL)(torch.randn(2, 3, 16, 16), torch.tensor(1.5), **condition)
    assert torch.equal(out[:, :, :8], condition["observed"][:, :, :8])


def test_it_starts_as_the_prior_it_adopts():
    """Plain noise: the restorer at state noise s and doubt d is the prior at the level of both together."""
    prior, restorer = Prior(**SMALL).eval(), Restorer(**SMALL).eval()
    assert adopt(prior.state_dict(), restorer) == []
    condition, x, sigma = told(), torch.randn(2, 3, 16, 16), torch.full((2,), 0.7)
    fused, level = fuse(x, sigma, condition["observed"], condition["doubt"])
    expected = Preconditioned(prior)(fused, level[:, 0, 0, 0], kind=condition["kind"])
    torch.testing.assert_close(restorer(x, sigma, **condition), expected, atol=1e-5, rtol=1e-5)  # float32, two orders


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="another network"):
        adopt(Prior(channels=(16, 48), layers=1, attention=1).state_dict(), Restorer(**SMALL))


@pytest.fixture
def pair() -> tuple[Restorer, Restorer]:
    torch.manual_seed(0)
    prior, tuned = Restorer(**SMALL).eval(), Restorer(**SMALL).eval()
    tuned.load_state_dict({k: v + 0.02 * torch.randn_like(v) for k, v in prior.state_dict().items()})
    return prior, tuned


def test_one_network_out_of_two(pair):
    """All parameters of so small a network are updated in full, so both halves come back to rounding."""
    prior, tuned = pair
    network = condensed(prior, tuned, rank=2).eval()
    x, sigma = torch.randn(2, 3, 16, 16), torch.tensor(0.5)
    with torch.no_grad():
        noise, jpeg = told(), told(task=0)
        torch.testing.assert_close(network(x, sigma, **noise), prior(x, sigma, **noise), rtol=0, atol=0)
        torch.testing.assert_close(network(x, sigma, **jpeg), tuned(x, sigma, **jpeg), rtol=1e-4, atol=1e-5)
        mixed = told()
        mixed["task"][1, 0] = 1
        out = network(x, sigma, **mixed)
        torch.testing.assert_close(out[0], prior(x, sigma, **mixed)[0], rtol=0, atol=0)
        torch.testing.assert_close(out[1], tuned(x, sigma, **mixed)[1], rtol=1e-4, atol=1e-5)


def test_an_update_of_full_rank_is_the_change_and_is_what_training_moves():
    from torch import nn

    from difusa.shared.lowrank import LowRank

    before, after = nn.Linear(300, 200), nn.Linear(300, 200)
    update, x = LowRank(before, rank=200), torch.randn(4, 300)
    torch.testing.assert_close(update.call(before, x), before(x))  # it starts as zero
    update.fit(dict(before.named_parameters()), dict(after.named_parameters()))
    torch.testing.assert_close(update.call(before, x), after(x), atol=1e-4, rtol=1e-4)
    before.requires_grad_(False)
    update.call(before, x).sum().backward()
    assert all(p.grad is not None for p in update.parameters())
