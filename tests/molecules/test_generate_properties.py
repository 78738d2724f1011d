"""generate --property with small random networks: what is asked stays asked, hard constraints stay hard, a seed has its bytes."""

from collections import Counter

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from difusa.apps.arguments import read as arguments
from difusa.domains import models
from difusa.domains.molecules.network import Molecules, adopt
from difusa.domains.molecules.plan import Plan
from difusa.domains.molecules.readers import load
from difusa.domains.molecules.sampling import blank, skeletons
from difusa.domains.molecules.steering import Helm
from difusa.domains.molecules.task import generate
from difusa.shared.spaces import Centred, Euclidean, Product

SMALL = {"elements": 5, "width": 32, "edge": 16, "hidden": 32, "heads": 4, "layers": 1}
ELEMENTS = (6, 7, 8, 9, 1)


@pytest.fixture(scope="module")
def made(small_property_models):
    return small_property_models | {"steps": 6, "progress": lambda done, total: None}


def filled(network):
    for p in network.parameters():  # layers that start at zero would make every draw alike
        if p.numel() and not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    return network


def molecules(path):
    found = [r.molecule for r in load(path)]
    assert all(m is not None for m in found)
    return found


def test_every_molecule_tells_its_properties_and_what_was_asked(made, tmp_path):
    told = generate(
        out=tmp_path / "x.sdf", count=30, property=("gap=7.5..9", "mu=..2"), report=tmp_path / "r.json", **made
    )
    assert told["properties"]["asked"] == ["gap=7.5..9", "mu=..2"] and told["guide"]["name"] == "tiny-guide"
    assert told["network_evaluations"] <= 6
    for m in molecules(tmp_path / "x.sdf"):
        tags = m.tags
        for name in ("GAP_EV", "MU_DEBYE"):
            assert tags[f"{name}_LOW"] < tags[name] < tags[f"{name}_HIGH"]
        assert 7.5 <= tags["WISH_GAP_EV"] <= 9 and tags["WISH_MU_DEBYE"] <= 2
        assert 0 <= tags["P_ALL"] <= min(tags["P_GAP"], tags["P_MU"]) + 1e-9 <= 1
        if tags["VALID"] == "False":
            assert tags["P_GAP"] == tags["P_MU"] == tags["P_ALL"] == 0
    mean = np.mean([m.tags["P_ALL"] for m in molecules(tmp_path / "x.sdf")])
    assert told["properties"]["mean_probability"]["P_ALL"] == pytest.approx(mean, abs=1e-4) and 0 < mean < 1


def test_sizes_are_those_of_the_range(made, tmp_path):
    generate(out=tmp_path / "x.sdf", count=60, property=("gap=8.2..8.8",), **made)
    heavy = {int((m.numbers != 1).sum()) for m in molecules(tmp_path / "x.sdf")}
    assert heavy == {2}  # gap 8 .. 9: the third size


def test_columns_of_a_table(made, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    generate(out=tmp_path / "x.parquet", count=5, property=("gap=8..9",), **made)
    table = parquet.read_table(tmp_path / "x.parquet")
    for name in ("GAP_EV", "GAP_EV_LOW", "GAP_EV_HIGH", "MU_DEBYE", "P_GAP", "P_ALL", "WISH_GAP_EV"):
        assert table.column(name).null_count == 0 and str(table.schema.field(name).type) == "double", name


def test_rank_orders_the_same_draws_by_front(made, tmp_path):
    wish = dict(count=40, property=("gap=7..9", "mu=..2"), **made)
    generate(out=tmp_path / "raw.sdf", **wish)
    generate(out=tmp_path / "ranked.sdf", rank=True, **wish)
    raw, found = molecules(tmp_path / "raw.sdf"), molecules(tmp_path / "ranked.sdf")
    assert sorted(m.tags["INDEX"] for m in found) == [m.tags["INDEX"] for m in raw]
    front = [m.tags["FRONT"] for m in found]
    assert front == sorted(front) and front[0] == 1 and front[-1] > 1
    scores = np.array([[m.tags["P_GAP"], m.tags["P_MU"]] for m in found])
    for a, b in zip(range(39), range(1, 40)):
        assert front[a] < front[b] or scores[a].prod() >= scores[b].prod() - 1e-12
    valid = [m.tags["VALID"] == "True" for m in found]
    assert valid == sorted(valid, reverse=True), "broken ones come last"
    best = scores[np.array(front) == 1]
    assert not any((other >= one).all() and (other > one).any() for one in best for other in scores)


def test_hard_constraints_hold_with_properties(made, tmp_path):
    wish = dict(count=20, property=("gap=7..9",), **made)
    generate(out=tmp_path / "f.sdf", formula="C5H10O2", **wish)
    assert [Counter(m.numbers.tolist()) for m in molecules(tmp_path / "f.sdf")] == [Counter({6: 5, 1: 10, 8: 2})] * 20
    generate(out=tmp_path / "e.sdf", elements="C,O,H", atoms=17, **wish)
    found = molecules(tmp_path / "e.sdf")
    assert {len(m) for m in found} == {17} and {n for m in found for n in m.numbers.tolist()} <= {1, 6, 8}


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_the_batch_does_not_change_a_byte(made, tmp_path, guidance):
    for batch in (1, 3, 8):
        generate(out=tmp_path / f"{batch}.sdf", count=8, batch=batch, property=("gap=7..10", "mu=1..2"),
                 guidance=guidance, **made)  # fmt: skip
    assert len({(tmp_path / f"{b}.sdf").read_bytes() for b in (1, 3, 8)}) == 1


def test_guidance_counts_two_evaluations_and_changes_the_draws(made, tmp_path):
    wish = dict(count=6, property=("gap=8..9",), steering=0.0, **(made | {"steps": 11}))
    plain = generate(out=tmp_path / "plain.sdf", **wish)
    loud = generate(out=tmp_path / "loud.sdf", guidance=3.0, **wish)
    assert (plain["network_evaluations"], loud["network_evaluations"]) == (9 + 2, 4 * 2 + 2)
    assert (tmp_path / "plain.sdf").read_bytes() != (tmp_path / "loud.sdf").read_bytes()


def test_a_wish_of_nothing_is_no_wish(made):
    network, plan = models.find(made["model"]).load(), Plan(steps=6)
    nothing = np.full((4, 2), np.nan, np.float32)
    plain, silent, told = (
        skeletons(network, [5] * 4, plan, range(4), elements=ELEMENTS, wish=wish)
        for wish in (None, nothing, np.ones((4, 2), np.float32))
    )
    for a, b, c in zip(plain, silent, told, strict=True):
        assert np.array_equal(a.positions, b.positions) and np.array_equal(a.bonds, b.bonds)
        assert not np.array_equal(a.positions, c.positions)


def test_weights_without_wishes_are_adopted_and_say_the_same():
    torch.manual_seed(0)
    plain, hearing = filled(Molecules(**SMALL)), Molecules(**SMALL, properties=2)
    assert adopt(plain.state_dict(), hearing) == ["of_wish.weight", "of_wish.bias"]
    x = {"coords": torch.randn(2, 4, 3)} | {
        k: torch.randn(2, 6 if k == "bonds" else 4, n) for k, n in plain.classes.items()
    }
    present = torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        for name, value in hearing(x, 0.7, present=present, wish=torch.ones(2, 2)).items():
            assert torch.equal(value, plain(x, 0.7, present=present)[name]), name
    with pytest.raises(ValueError, match="weights are of another network"):
        adopt(Molecules(**(SMALL | {"layers": 2})).state_dict(), Molecules(**SMALL, properties=2))


def test_the_sister_hears_where_the_model_does_not(made, tmp_path, monkeypatch):
    root = models.find(made["model"]).folder.parent
    monkeypatch.setattr(models, "shelf", lambda domain: root if domain == "molecules" else tmp_path / "empty")
    told = generate(
        out=tmp_path / "x.sdf", count=2, property=("gap=8..9",), model="tiny", steps=6, progress=made["progress"]
    )
    assert told["model"]["name"] == "tiny-property" and told["guide"]["name"] == "tiny-guide"
    (tmp_path / "alone").mkdir()
    for file in (root / "tiny").iterdir():
        (tmp_path / "alone" / file.name).write_bytes(file.read_bytes().replace(b'"tiny"', b'"alone"'))
    with pytest.raises(ValueError, match="'alone' was trained without properties, and there is no 'alone-property'"):
        generate(out=tmp_path / "x.sdf", property=("gap=8..9",), model=str(tmp_path / "alone"), steps=6)


def test_without_a_guide_the_report_says_so(made, tmp_path):
    wish = {k: v for k, v in made.items() if k != "guide"}
    told = generate(out=tmp_path / "x.sdf", count=2, property=("gap=8..9",), **wish)
    assert "no model 'tiny-guide'" in told["guide"]["missing"] and told["properties"]["mean_probability"] == {}
    assert all("GAP_EV" not in m.tags and "WISH_GAP_EV" in m.tags for m in molecules(tmp_path / "x.sdf"))
    with pytest.raises(ValueError, match="--rank needs a guide: no model 'tiny-guide'"):
        generate(out=tmp_path / "x.sdf", count=2, property=("gap=8..9",), rank=True, **wish)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"guidance": 2.0}, "nothing is guided without a property"),
        ({"rank": True}, "nothing to rank by"),
        ({"property": ("gap=8..9",), "guidance": -1.0}, "between 0"),
        ({"property": ("gap=8..9",), "guidance": 2.0, "steps": 4}, "guidance costs two a step"),
        ({"property": ("lumo=1",)}, r"no property 'lumo'.*gap \(eV\), mu \(debye\)"),
        ({"property": ("gap=8..9",), "guide": "nobody"}, "no model 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(made, tmp_path, wish, reason):
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        generate(out=tmp_path / "x.sdf", **(made | wish))
    assert not (tmp_path / "x.sdf").exists()


def test_the_option_is_said_once_for_each_property():
    said = arguments(
        generate, "generate", ["--out", "x.sdf", "--property", "gap=6..8", "--property", "mu=..1.5", "--rank"]
    )
    assert said["property"] == ("gap=6..8", "mu=..1.5") and said["rank"]
    assert arguments(generate, "generate", ["--out", "x.sdf"])["property"] == ()


def test_steering_moves_a_state_up_the_guides_likelihood(made):
    guide = filled(models.find(made["guide"], domain="molecules").load("cpu"))
    helm = Helm(guide, ("mu", "gap"), [2.5, 7.0], [1.2, 1.0])
    wish = torch.tensor([[torch.nan, 1.5], [-1.0, torch.nan]])
    present = torch.ones(2, 5, dtype=torch.bool)
    torch.manual_seed(0)
    x = {k: torch.randn_like(v) for k, v in blank(guide, 2, 5).items()}
    space = Product(coords=Centred(), **{k: Euclidean() for k in x if k != "coords"})
    x["coords"] = Centred().project(x["coords"])
    sigma = torch.tensor(0.5)

    def still(x, sigma):
        return x

    def off(state):
        told = guide(state, sigma, present=present)[0]
        gap, mu = (told[:, guide.names.index(k)] for k in ("gap", "mu"))
        return torch.stack([(gap[0] - 8.5).abs(), (mu[1] - 1.3).abs()])

    moved = helm.steered(still, wish, present, space, 1e-3)(x, sigma)
    with torch.no_grad():
        assert (off(moved) < off(x)).all()
    outside = helm.steered(still, wish, present, space, 1e-3)(x, torch.tensor(5.0))
    assert all(torch.equal(outside[k], x[k]) for k in x)
    asks = torch.full((2, 2), torch.nan)
    unasked = helm.steered(still, asks, present, space, 1.0)(x, sigma)
    assert all(torch.allclose(unasked[k], x[k], atol=1e-6) for k in x)  # the centre is taken off again, which rounds


def test_what_steering_costs_is_counted(made, tmp_path):
    told = [
        generate(out=tmp_path / "x.sdf", count=3, property=("gap=8",), steering=s, **made | {"steps": 20})
        for s in (0, 1)
    ]
    assert [t["network_evaluations"] <= 20 for t in told] == [True, True]
    assert "steering=1" in told[1]["plan"] and len(Plan(steps=20, steering=1).sigmas()) < len(Plan(steps=20).sigmas())
    with pytest.raises(ValueError, match="--steering -1"):
        generate(out=tmp_path / "x.sdf", count=3, property=("gap=8",), steering=-1, **made)
