"""Membership: ideal denoisers of known answer. One that knows only its training points is found out, the truth is not."""

import numpy as np
import pytest
import torch

from difusa.ethics.findings import FAIL, PASS
from difusa.ethics.membership import auc, denoising_losses, from_set, hits, membership
from difusa.shared.analytic import Gaussian, Mixture
from difusa.shared.likelihood import log_likelihood
from difusa.shared.seeds import streams
from difusa.shared.spaces import Euclidean

SIGMAS = torch.tensor([1.0, 0.6, 0.3], dtype=torch.float64)
COUNT, WIDE = 60, 4


def truth() -> Mixture:
    centres = torch.tensor([[2.0, 0, 0, 0], [-2.0, 1, 0, 0], [0, -2.0, 1, 1]], dtype=torch.float64)
    return Mixture([0.5, 0.3, 0.2], [Gaussian(c, 0.5) for c in centres])


def people(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Members and strangers of the same kind."""
    rng = np.random.default_rng(seed)
    return truth().sample(COUNT, rng), truth().sample(COUNT, rng)


def overfitted(members: torch.Tensor) -> Mixture:
    """The ideal denoiser of the training points themselves: what a network tends to that is trained too long."""
    return Mixture(np.full(len(members), 1 / len(members)), [Gaussian(m, 1e-3) for m in members])


def attack(denoise, members, strangers, seed):
    return [-denoising_losses(denoise, Euclidean(), x, SIGMAS, seed=seed) for x in (members, strangers)]


@pytest.mark.parametrize("seed", range(5))
def test_losses_find_an_overfitted_model_and_clear_a_well_trained_one(seed):
    members, strangers = people(seed)
    found = membership("losses", *attack(overfitted(members), members, strangers, seed), 0.6)
    assert found[0].verdict == FAIL
    assert found[0].value >= 0.8
    clean = membership("losses", *attack(truth(), members, strangers, seed), 0.6)
    assert clean[0].verdict == PASS
    assert (
        clean[0].low <= 0.5 <= clean[0].high or abs(clean[0].value - 0.5) < 0.15
    )  # 95 %: one of 20 may miss .5 narrowly


def test_likelihoods_find_it_too():
    members, strangers = people(0)
    levels = torch.tensor(np.geomspace(8, 0.1, 18))

    def scores(model):
        return [
            log_likelihood(model, Euclidean(), x[:30], levels, rng=streams(0, range(30)), probes=2).numpy()
            for x in (members, strangers)
        ]

    assert auc(*scores(overfitted(members))).value >= 0.8
    assert abs(auc(*scores(truth())).value - 0.5) < 0.3  # of 30 and 30 the AUC's standard error is .075: four of it


def test_beside_a_reference_hard_things_are_not_taken_for_strangers():
    # strangers here are hard things (far out), so that losses alone mislead; the reference knows how hard each is
    members, strangers = people(1)
    easy = strangers / 3
    half = overfitted(members)
    plain = attack(half, members, easy, 0)
    reference = attack(truth(), members, easy, 0)
    assert auc(plain[0] - reference[0], plain[1] - reference[1]).value >= auc(*plain).value


def test_from_the_set_alone():
    members, strangers = (p.numpy() for p in people(2))
    reference = truth().sample(200, np.random.default_rng(7)).numpy()
    rng = np.random.default_rng(0)
    leaking = np.repeat(members, 6, axis=0) + 0.05 * rng.standard_normal((6 * COUNT, WIDE))
    clean = truth().sample(6 * COUNT, rng).numpy()
    assert auc(*from_set(members, strangers, leaking, reference)).value >= 0.8
    assert membership("set", *from_set(members, strangers, clean, reference), 0.6)[0].verdict == PASS


def test_auc_and_its_interval_against_their_definitions():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.7, 1, 40), np.round(rng.normal(0, 1, 50), 1)
    a[:5] = b[:5]  # ties count half
    pairs = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    found = auc(a, b)
    assert found.value == pytest.approx(pairs.mean())
    # DeLong's variance from its placements
    half = 1.96 * np.sqrt(pairs.mean(1).var(ddof=1) / 40 + pairs.mean(0).var(ddof=1) / 50)
    assert found.high - found.value == pytest.approx(half)
    assert hits(np.arange(100.0), np.arange(100.0) - 50).value == pytest.approx(0.51, abs=0.02)


def test_models_that_ship_say_what_they_were_trained_on():
    """Without it the attack by losses cannot be made on them."""
    from difusa.domains.models import shipped

    assert not [m.name for m in shipped() if {"objective", "examples_options"} - set(m.meta)]


def test_a_model_that_does_not_say_so_is_refused(tmp_path):
    from difusa.domains.models import Model
    from difusa.ethics.membership import model_losses

    with pytest.raises(ValueError, match="no 'examples_options'.*train it again"):
        model_losses(Model("mute", tmp_path, {"objective": {}}), tmp_path, "train", 4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small untrained network of pictures as a model folder, and a data folder of crops."""
    pytest.importorskip("diffusers")
    from PIL import Image
    from skimage.data import astronaut

    from difusa.domains import domain, models

    home = tmp_path_factory.mktemp("tiny")
    for n in range(40):
        (home / "data").mkdir(exist_ok=True)
        Image.fromarray(astronaut()[n * 10 : n * 10 + 40, 100:160]).save(home / "data" / f"{n}.png")
    options = {"channels": [16, 16], "layers": 1}
    network = domain("heritage").models["prior"].network(options)
    meta = {"name": "tiny", "domain": "heritage", "trains": "prior", "network": options}
    meta |= {"objective": {"target": "edm", "weighting": "edm"}, "examples_options": {"size": 16, "damage": False}}
    models.write(home / "model", network, meta)
    return models.find(home / "model"), home / "data"


def test_likelihoods_of_a_model_are_its_examples_own(tiny):
    from difusa.ethics.membership import model_likelihoods

    model, data = tiny
    members = model_likelihoods(model, data, "train", 4, seed=1)
    assert members.shape == (4,) and np.isfinite(members).all() and len(set(members)) == 4
    assert (model_likelihoods(model, data, "train", 2, seed=1) == members[:2]).all()
    assert (model_likelihoods(model, data, "test", 2, seed=1) != members[:2]).all()


def test_likelihoods_are_refused_where_there_are_none(tiny):
    from dataclasses import replace

    from difusa.ethics.membership import model_likelihoods

    model, data = tiny
    other = replace(model, meta=model.meta | {"objective": {"target": "direct"}})
    with pytest.raises(ValueError, match="its likelihood is not known, its losses are"):
        model_likelihoods(other, data, "train", 2)


def test_the_verb_attacks_a_model_by_all_three(tiny, monkeypatch):
    from difusa.apps import audit_model

    monkeypatch.setattr(audit_model, "LOSSES", 12)
    monkeypatch.setattr(audit_model, "LIKELIHOODS", 10)
    model, data = tiny
    found = audit_model.attacked(str(model.folder), str(model.folder), True, data, 0.6, 0)
    judged = {f.name: f for f in found if f.threshold is not None}
    assert list(judged) == [
        "membership by the model's losses", "membership by the model's likelihoods", "membership beside a reference model",
    ]  # fmt: skip
    assert judged["membership beside a reference model"].value == 0.5  # the same model: no difference at all
    assert all(f.verdict == PASS for f in judged.values())  # an untrained network knows nobody
