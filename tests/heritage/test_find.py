"""The damage finder: tiles change nothing, the loss ranks maps rightly, the verb writes what it says and refuses."""

import json
import os

import numpy as np
import pytest
import torch

from difusa.domains import models
from difusa.domains.heritage import finder, finder_score
from difusa.domains.heritage.find import find_damage, probability_map
from difusa.shared.seeds import stream

needs_data = pytest.mark.skipif(not os.environ.get("DIFUSA_DATA"), reason="needs pictures and damage in DIFUSA_DATA")
Image = pytest.importorskip("PIL.Image")


def network(seed=0):
    torch.manual_seed(seed)
    return finder.Finder().eval()


@pytest.fixture
def model(tmp_path):
    """A model folder with an untrained finder: enough for files, sizes and refusals."""
    meta = {"name": "untrained", "domain": "heritage", "trains": "finder", "network": {}, "threshold": 0.5}
    models.write(tmp_path / "model", network(), meta)
    return str(tmp_path / "model")


def picture(size=(70, 50)):
    return Image.fromarray(stream(2, 0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_tiles_give_the_map_of_the_whole_picture():
    x = torch.from_numpy(stream(0, 0).uniform(-1, 1, (3, 200, 350)))
    whole = probability_map(network().double(), x, tile=1024)
    tiled = probability_map(network().double(), x, tile=96)
    assert whole.shape == (200, 350)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-9)  # float64: only the order of sums differs
    assert whole.std() > 1e-3  # and the map is not a constant


def test_nothing_beyond_reach_matters():
    """Change a block of pixels: the map stays the same, bit for bit, everywhere farther than REACH."""
    net, x = network().double(), torch.zeros(1, 3, 16, 1024, dtype=torch.float64)
    changed = x.clone()
    changed[..., 500:516] += torch.from_numpy(stream(0, 1).normal(0, 3, (3, 16, 16)))
    with torch.no_grad():
        moved = (net(changed) != net(x))[0, 0].any(0).nonzero().flatten()
    assert 516 - 1 + finder.Finder.REACH >= moved.max() > 516 and 500 - finder.Finder.REACH <= moved.min() < 500


def test_loss_ranks_maps():
    mask = torch.zeros(2, 1, 32, 32)
    mask[0, :, 8:16] = 1  # the second sample is intact
    truth, opposite = (sign * (20 * mask - 10) for sign in (1, -1))

    class Answer(finder.Finder):
        def forward(self, logits):
            return logits

    right, wrong, unsure = (Answer().loss(picture=a, mask=mask) for a in (truth, opposite, torch.zeros_like(mask)))
    assert right.shape == (2,)
    assert right.max() < 0.01
    assert (right < unsure).all() and (unsure < wrong).all()
    one = Answer().loss(picture=truth[:1], mask=mask[:1])
    torch.testing.assert_close(one, right[:1])  # a sample's loss does not depend on its neighbours


def test_training_leaves_the_backbone_alone():
    net = finder.Finder().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.1)
    x, mask = torch.randn(2, 3, 32, 32), (torch.rand(2, 1, 32, 32) > 0.5).float()
    net.loss(picture=x, mask=mask).sum().backward()
    optimiser.step()
    moved = {k.split(".")[0] for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"detail", "up", "out"}


def test_adopts_a_backbone_by_its_names():
    net = network()
    source = {"_conv_stem.weight": torch.full((32, 3, 3, 3), 0.5)}
    with pytest.raises(ValueError, match="_bn0.weight"):
        finder.adopt(source, net)
    own = {k: v for k, v in net.backbone.state_dict().items() if k.startswith("stem.2")}
    source |= {k.replace("stem.2", "_bn0"): v for k, v in own.items()}
    with pytest.raises(ValueError, match="_blocks.0._depthwise_conv.weight"):
        finder.adopt(source, net)


def test_area_and_overlap_against_their_definitions():
    rng = stream(0, 2)
    mask = rng.random((40, 50)) < 0.2
    score = np.clip(rng.normal(0.4 + 0.2 * mask, 0.15), 0, 0.999)
    score = np.floor(score * 256) / 256  # on the tally's own levels the figures are exact
    tallies = np.stack([finder_score.tally(score, mask)])
    higher = score[mask][:, None] - score[~mask]  # every pair of a damaged and an intact pixel
    assert finder_score.area(tallies) == pytest.approx(np.mean((higher > 0) + 0.5 * (higher == 0)), abs=1e-12)
    found = score >= 0.5
    assert finder_score.overlap(tallies, 0.5) == pytest.approx((mask & found).sum() / (mask | found).sum(), abs=1e-12)


def test_verb_writes_upright_mask_and_report(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture((70, 50)).save(tmp_path / "side.jpg", exif=exif)
    files = {name: tmp_path / f"{name}.png" for name in ("out", "overlay", "probability")}
    found = find_damage(tmp_path / "side.jpg", **files, model=model, report=tmp_path / "r.json")
    assert found.mask.shape == (70, 50)  # 70 x 50 stored on its side
    mask = np.asarray(Image.open(files["out"]))
    np.testing.assert_array_equal(mask > 0, found.mask)
    assert set(np.unique(mask)) <= {0, 255}
    assert np.asarray(Image.open(files["overlay"])).shape == (70, 50, 3)
    np.testing.assert_allclose(
        np.asarray(Image.open(files["probability"])) / 255, found.probability, atol=0.5 / 255 + 1e-6
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["damaged_share"] == pytest.approx(found.mask.mean())
    assert {"seconds", "network_evaluations", "peak_memory_mib", "model", "seed", "threshold"} <= report.keys()


def test_sixteen_bit_grey_is_seen_as_its_eight_bit_copy(model, tmp_path):
    import tifffile

    grey = np.asarray(picture().convert("L"))
    Image.fromarray(grey).save(tmp_path / "eight.png")
    tifffile.imwrite(tmp_path / "sixteen.tif", grey.astype(np.uint16) * 257)
    eight, sixteen = (
        find_damage(tmp_path / n, out=tmp_path / "m.png", model=model) for n in ("eight.png", "sixteen.tif")
    )
    np.testing.assert_allclose(sixteen.probability, eight.probability, atol=1e-5)  # float32 sums over equal values


def test_grow_and_threshold_widen(model, tmp_path):
    picture().save(tmp_path / "a.png")
    common = {"out": tmp_path / "m.png", "model": model}
    plain = find_damage(tmp_path / "a.png", **common)
    middle = float(np.quantile(plain.probability, 0.97))
    few = find_damage(tmp_path / "a.png", threshold=middle, **common)
    grown = find_damage(tmp_path / "a.png", threshold=middle, grow=2, **common)
    assert 0 < few.mask.mean() < 0.1
    assert (grown.mask | few.mask == grown.mask).all() and grown.mask.sum() > few.mask.sum()
    half = find_damage(tmp_path / "a.png", scale=0.5, **common)
    assert half.probability.shape == plain.probability.shape


def test_refusals(model, tmp_path):
    picture().save(tmp_path / "a.png")
    ask = {"source": tmp_path / "a.png", "out": tmp_path / "m.png", "model": model}
    for wrong, words in [
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"scale": 0.0}, "between 0.05"),
        ({"grow": -1}, "negative"),
    ]:
        with pytest.raises(ValueError, match=words):
            find_damage(**ask | wrong)
    cut = (tmp_path / "a.png").read_bytes()[:2000]
    (tmp_path / "cut.png").write_bytes(cut)
    with pytest.raises(ValueError, match="truncated or damaged"):
        find_damage(**ask | {"source": tmp_path / "cut.png"})
    assert not (tmp_path / "m.png").exists()
    other = json.loads((tmp_path / "model/model.json").read_text())
    del other["threshold"]
    (tmp_path / "model/model.json").write_text(json.dumps(other))
    with pytest.raises(ValueError, match="finds no damage"):
        find_damage(**ask)
    with pytest.raises(ValueError, match="multiples of 16"):
        network()(torch.zeros(1, 3, 30, 32))


@needs_data
def test_examples_are_pure_and_marked_where_changed():
    data = os.environ["DIFUSA_DATA"]
    first, again = (finder.Examples(data, "test", finder.Options(size=64), 3) for _ in range(2))
    for n in range(6):
        a, b = first[n], again[n]
        np.testing.assert_array_equal(a["picture"], b["picture"])
        np.testing.assert_array_equal(a["mask"], b["mask"])
        assert a["picture"].shape == (3, 64, 64) and a["picture"].dtype == np.float32
        assert np.abs(a["picture"]).max() <= 1 and set(np.unique(a["mask"])) <= {0.0, 1.0}
    intact = finder.Examples(data, "test", finder.Options(size=64, intact=1.0), 3)
    assert not any(intact[n]["mask"].any() for n in range(4))
