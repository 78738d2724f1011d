"""The adversarial baselines: the translator's generator, trained by the project's trainer, resumed exactly, blind to pairs."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("monai")
pytest.importorskip("accelerate")

from difusa.apps.train import train
from difusa.domains import models
from difusa.domains.medical import folds
from difusa.domains.medical.network import Guess
from difusa.domains.medical.rivals import Cyclegan, Pix2pix
from difusa.shared.checkpoint import load_tensors
from difusa.shared.training.recipe import read_recipe

SMALL = {"channels": [8, 16], "layers": 1}
RECIPE = """
name = "small"
domain = "medical"
trains = "{trains}"
steps = 4
batch = 2
save_every = 2
heldout_count = 2
network = {{ channels = [8, 16], critic = 8, contest = {{ {contest} }} }}
examples = {{ size = [48, 48], real = 1.0 }}
objective = {{ target = "adversarial" }}
optimiser = {{ rate = 1e-3, warmup = 1 }}
"""


def batch(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    clean, noise = (torch.randn(2, 1, 48, 48, generator=rng) for _ in range(2))
    present = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 1, 1, 0]])
    given = torch.randn(2, 5, 48, 48, generator=rng)
    mix = torch.tensor([0.3, 0.6])
    return {
        "clean": clean,
        "noise": noise,
        "given": given,
        "present": present,
        "target": torch.tensor([1, 0]),
        "mix": mix,
    }


def losses(run) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [r["loss"] for r in rows if r["event"] == "step"]


@pytest.mark.parametrize(
    ("trains", "contest"),
    [("pix2pix", 'loss = "bce", smooth = 0.1, r1 = 0.5'), ("cyclegan", 'loss = "wasserstein", turns = 2')],
)
def test_a_resumed_run_equals_an_unbroken_one(tmp_path, open_ms, trains, contest):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(trains=trains, contest=contest))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(recipe, data=open_ms, out=whole, device="cpu")
    train(recipe, data=open_ms, out=broken, device="cpu", steps=2)
    train(recipe, data=open_ms, out=broken, device="cpu")
    first, second = (load_tensors(p / "state.safetensors") for p in (whole, broken))
    assert all(torch.equal(first[k], second[k]) for k in first if not k.startswith("position."))
    assert losses(whole) == losses(broken) and len(losses(whole)) == 4
    found = models.find(whole)
    network, b = found.load(), batch()
    condition = {k: b[k] for k in ("given", "present", "target")}
    made = network(20 * b["noise"], torch.tensor([20.0, 20.0]), **condition)
    assert made.shape == (2, 1, 48, 48) and found.meta["examples_options"]["real"] == 1.0
    with pytest.raises(ValueError, match="--steps 1"):
        network(b["noise"], torch.tensor([0.5, 0.5]), **condition)


@pytest.mark.parametrize("kind", [Pix2pix, Cyclegan])
def test_the_generator_has_the_size_of_what_expects(kind):
    count = lambda network: sum(p.numel() for p in network.parameters())  # noqa: E731
    assert count(kind().generator) == pytest.approx(count(Guess()), rel=0.01)  # but for the first layer and the last


def test_the_cycle_never_compares_a_picture_with_its_truth():
    torch.manual_seed(0)
    network, b = Cyclegan(**SMALL).eval(), batch()  # in training each look of the critic is a power iteration
    other = b | {"clean": b["clean"].flip(-1)}
    made = network.make(b)
    a, c = (network.generator_loss(x, network.make(x)) for x in (b, other))
    assert torch.equal(a, c), "what the generator is told does not depend on the truth"
    assert torch.equal(made["source"][0, 0], b["given"][0, 0]) and torch.equal(made["source"][1, 0], b["given"][1, 2])


def test_the_critic_of_pix2pix_sees_the_sources_and_that_of_the_cycle_does_not():
    b = batch()
    other = b | {"given": b["given"].flip(-1)}
    for kind, sees in ((Pix2pix, True), (Cyclegan, False)):
        torch.manual_seed(0)
        network = kind(**SMALL).eval()
        same = torch.equal(network.judged(b)(b["clean"]), network.judged(other)(b["clean"]))
        assert same != sees


def test_different_noise_gives_different_pictures():
    torch.manual_seed(0)
    network, b = Pix2pix(**SMALL), batch()
    for p in network.generator.parameters():
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.1)
    condition = {k: b[k] for k in ("given", "present", "target")}
    a, c = (network.drawn(n, **condition).detach().numpy() for n in (b["noise"], b["noise"].flip(-1)))
    assert np.abs(a - c).mean() > 1e-3


@pytest.mark.parametrize("recipe", ["anytoany", "regression", "pix2pix", "cyclegan"])
def test_a_fold_parts_from_the_shipped_training_where_real_people_come_in(tmp_path, recipe):
    """Until then nothing differs, so that it is trained once; afterwards everything does."""
    text = folds.shortened((folds.RECIPES / f"{recipe}.toml").read_text(), 0.5)
    plans = []
    for number, words in enumerate((text, folds.kept_from(text, ("long-01", "cross-07")))):
        (tmp_path / f"{number}.toml").write_text(words)
        plans.append(read_recipe(tmp_path / f"{number}.toml"))
    shipped, held = plans
    parting = shipped.curriculum[0].until
    assert 0 < parting < shipped.steps == held.steps
    assert shipped.past(parting) == held.past(parting) and shipped.past(parting + 1) != held.past(parting + 1)
    assert held.stage(held.steps - 1).examples["held"] == ["long-01", "cross-07"]
    assert held.stage(parting - 1).examples["real"] == 0.0
