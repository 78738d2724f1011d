"""The contest of a generator and a critic: penalties with known values, labels, and a place that is found."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from difusa.shared.training import adversarial
from difusa.shared.training.adversarial import Contest


def pictures(seed: int, rows: int = 5) -> torch.Tensor:
    return torch.randn(rows, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def linear(x: torch.Tensor) -> torch.Tensor:
    """A critic whose gradient is 3 / 16 in each of 16 pixels: a norm of 0.75, wherever it is looked at."""
    return 3 * x.flatten(1).mean(1)[:, None, None, None].expand(-1, 1, 2, 2)


def test_the_penalties_are_those_of_a_linear_critic():
    real, made, mix = pictures(0), pictures(1), torch.rand(5)
    plain = linear(made).flatten(1).mean(1) - linear(real).flatten(1).mean(1)
    found = adversarial.critic_loss(Contest("wasserstein", penalty=10, r1=2), linear, real, made, mix)
    torch.testing.assert_close(found, plain + 10 * 0.25**2 + 0.75**2)


@pytest.mark.parametrize("loss", ["bce", "least-squares"])
def test_smoothed_labels_are_where_the_critic_is_content(loss):
    label, scores = torch.tensor(0.9), torch.linspace(-4, 6, 4001)
    critic = lambda x: x  # noqa: E731
    real, made = scores.reshape(-1, 1, 1, 1), torch.full((len(scores), 1, 1, 1), -30.0)
    found = adversarial.critic_loss(Contest(loss, smooth=0.1), critic, real, made, torch.rand(len(scores)))
    best = torch.logit(label) if loss == "bce" else label
    assert abs(scores[found.argmin()] - best) < 0.01


def test_labels_that_do_not_exist_cannot_be_smoothed():
    with pytest.raises(ValueError, match="no labels to smooth"):
        Contest("hinge", smooth=0.1)


def test_a_spectrally_normalised_critic_stretches_nothing():
    torch.manual_seed(0)
    layer = adversarial.spectral(nn.Sequential(nn.Conv2d(3, 8, 1)))[0]
    for _ in range(50):
        layer(torch.randn(1, 3, 2, 2))  # each call is a step of the power iteration
    assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("contest", [Contest("wasserstein", turns=3), Contest("bce", r1=1.0), Contest("hinge", r1=1.0)])
def test_a_generator_that_can_only_move_finds_where_the_data_are(contest):
    rng, wanted = torch.Generator().manual_seed(0), torch.linspace(-1, 1, 8)
    place = nn.Parameter(torch.zeros(8))
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 1))
    of_critic = torch.optim.Adam(critic.parameters(), 5e-3, (0.0, 0.9))
    of_place = torch.optim.Adam([place], 2e-2, (0.0, 0.9))
    places = []
    for _ in range(300):
        real, noise = (torch.randn(64, 8, generator=rng) for _ in range(2))
        for _ in range(contest.turns):
            mix = torch.rand(64, generator=rng)
            loss = adversarial.critic_loss(contest, critic, real + wanted, (noise + place).detach(), mix).mean()
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
        of_place.zero_grad()
        adversarial.generator_loss(contest, critic(noise + place)).mean().backward()
        of_place.step()
        places.append(place.detach().clone())
    assert (torch.stack(places[-100:]).mean(0) - wanted).abs().max() < 0.3


def test_the_generator_of_a_contest_by_labels_wants_to_be_called_real():
    score = pictures(3)
    wanted = functional.softplus(-score).flatten(1).mean(1)
    torch.testing.assert_close(adversarial.generator_loss(Contest("bce"), score), wanted)
