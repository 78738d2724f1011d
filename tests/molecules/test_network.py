"""The molecule network: what is given is exact, nothing is left to say without noise, padding is silent, and it learns."""

import numpy as np
import pytest
import torch

from difusa.domains.molecules.network import CATEGORIES, ONEHOT, Molecules, adopt, pairs_of
from difusa.domains.molecules.noising import Noise, Noised

TRUNKS = ["fast", "e3nn"]
SMALL = {"width": 32, "edge": 16, "hidden": 16, "channels": 4, "heads": 4, "layers": 2}


@pytest.fixture(scope="module", params=TRUNKS)
def network(request):
    """A small network whose layers that start at zero do not."""
    if request.param == "e3nn":
        pytest.importorskip("e3nn")
    torch.manual_seed(0)
    made = Molecules(4, **SMALL, trunk=request.param)
    for p in made.parameters():
        if p.numel() and not p.abs().sum():
            torch.nn.init.normal_(p, std=0.2)
    return made


def examples(count=6, atoms=7):
    """Chains of 3 to `atoms` atoms 1.5 angstrom apart; every third atom is another element, every fourth bond double."""
    made = []
    for n in range(count):
        rng, size = np.random.default_rng(n), 3 + n % (atoms - 2)
        steps = rng.standard_normal((atoms, 3))
        coords = np.cumsum(1.5 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
        mask = np.arange(atoms) < size
        coords = np.where(mask[:, None], coords - coords[mask].mean(0), 0)
        bonds = np.zeros((atoms, atoms), np.int64)
        i = np.arange(size - 1)
        bonds[i, i + 1] = bonds[i + 1, i] = 1 + (i % 4 == 3)
        elements = (np.arange(atoms) % 3 == 2).astype(np.int64) * mask
        made.append(
            {
                "coords": coords.astype(np.float32),
                "elements": elements,
                "charges": np.ones(atoms, np.int64),
                "hydrogens": 2 * mask.astype(np.int64),
                "bonds": bonds,
                "mask": mask,
            }
        )
    return made


def batch(noise=None, **options):
    noised = Noised(examples(**options), 4, noise or Noise(), seed=3)
    rows = [noised[n] for n in range(len(noised.examples))]
    return {k: torch.from_numpy(np.stack([r[k] for r in rows])) for k in rows[0]}


def clean(b, scale=2.0):
    """The states of a batch, without noise."""
    counts = {"elements": 4, "charges": 3, "hydrogens": 5, "bonds": 5}
    x = {k: ONEHOT * torch.nn.functional.one_hot(b[k], n).float() for k, n in counts.items()}
    return {"coords": b["coords"] / scale, **x}


def given_of(b):
    return {k: b[f"given_{k}"] for k in ("coords", "atoms", "bonds")}


@pytest.mark.parametrize(
    "noise", [Noise(fragment=1.0, graph=0.0), Noise(fragment=0.0, graph=1.0)], ids=["fragment", "graph"]
)
def test_given_entries_come_back_to_the_bit(network, noise):
    b = batch(noise)
    given, rng = given_of(b), torch.Generator().manual_seed(1)
    assert all(given[k].any() for k in (("atoms", "bonds") if noise.graph else given))
    x = {k: v + torch.randn(v.shape, generator=rng) for k, v in clean(b).items()}
    with torch.no_grad():
        out = network(x, b["sigma"], present=b["present"], given=given, anchor=b["anchor"] / 2)
    for name in ("coords", *CATEGORIES):
        kept = given[name if name in ("coords", "bonds") else "atoms"]
        assert torch.equal(out[name][kept], x[name][kept]), name
        if not kept.all():
            assert not torch.equal(out[name][~kept], x[name][~kept]), name


def test_without_noise_the_estimate_is_the_input(network):
    b = batch()
    x = clean(b)
    with torch.no_grad():
        out = network(x, 1e-6, present=b["present"])
    for name in CATEGORIES:  # the logit of a clean category is 0.35^2 / 0.01^2 = 1225
        torch.testing.assert_close(out[name], x[name], rtol=0, atol=1e-6)
    torch.testing.assert_close(out["coords"], x["coords"], rtol=0, atol=2e-5)  # sigma times a network's answer


def test_the_loss_of_a_molecule_is_that_of_it_padded(network):
    b = batch(Noise(fragment=0.3, graph=0.3))
    with torch.no_grad():
        together = network.loss(**b)
        for n in range(len(together)):  # alone, trimmed to its own atoms; together, padded to the largest's
            alone = network.loss(**{k: v[n : n + 1] for k, v in b.items()})
            torch.testing.assert_close(alone[0], together[n], rtol=1e-4, atol=1e-5)


def test_absent_atoms_at_the_end_of_a_batch_change_nothing(network):
    b = batch()
    wide, atoms = 10, b["present"].shape[1]
    i, j = pairs_of(wide)
    inside = (i < atoms) & (j < atoms)
    padded = {"sigma": b["sigma"]}
    for k, v in b.items():
        if k != "sigma":
            pairs = k.endswith("bonds")
            padded[k] = v.new_ones(
                len(v), len(i) if pairs else wide, *v.shape[2:]
            )  # ones: what stands there must not matter
            padded[k][:, inside if pairs else slice(atoms)] = v
    padded["present"][:, atoms:] = False
    with torch.no_grad():
        assert torch.equal(network.loss(**padded), network.loss(**b))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_loss_falls_on_a_batch(trunk):
    if trunk == "e3nn":
        pytest.importorskip("e3nn")
    torch.manual_seed(0)
    network, b = Molecules(4, **SMALL, trunk=trunk), batch(count=10)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(20):
        loss = network.loss(**b).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0], losses


def test_an_unknown_trunk_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'slow' is none of fast, e3nn"):
        Molecules(4, **SMALL, trunk="slow")


def test_weights_of_fewer_elements_are_adopted():
    small = {"width": 16, "edge": 8, "hidden": 8, "heads": 2, "channels": 2, "layers": 1}
    torch.manual_seed(0)
    few, many = Molecules(elements=5, **small), Molecules(elements=9, **small)
    assert set(adopt(few.state_dict(), many)) == {"of_atom.weight", "to_atom.weight", "to_atom.bias"}
    for old, new in ((few.of_atom.weight.T, many.of_atom.weight.T), (few.to_atom.weight, many.to_atom.weight)):
        assert torch.equal(new[:4], old[:4])  # C, N, O, F
        assert torch.equal(new[8:], old[4:])  # hydrogen, charges and what follows
    with pytest.raises(ValueError, match="another network"):
        adopt(many.state_dict(), few)
