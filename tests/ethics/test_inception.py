"""FID and Inception Score on a small network in the format of the real one; without weights the report says so."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from difusa.ethics import inception
from difusa.ethics.findings import NOTED, SILENT
from difusa.ethics.samples import Samples
from difusa.shared.seeds import stream


class Small(nn.Module):
    """Signature and outputs of the TorchScript file of 2015-12-05: pictures 0 to 255 -> features, or probabilities."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(3, 3)
        nn.init.eye_(self.output.weight)
        nn.init.constant_(self.output.bias, 7.0)
        self.output.bias.data[0] = -50.0  # with the bias every answer would be wrong

    def forward(
        self, img: Tensor, return_features: bool = False, use_fp16: bool = False, no_output_bias: bool = False
    ) -> Tensor:
        features = img.mean(dim=[2, 3])  # mean red, green, blue
        if return_features:
            return features
        told = nn.functional.linear(features, self.output.weight)
        if not no_output_bias:
            told = told + self.output.bias
        return told.softmax(dim=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / inception.FILE
    torch.jit.script(Small()).save(str(path))
    return path


def coloured(count: int, seed: int, kinds: int = 3) -> Samples:
    """Plain pictures, each bright in one of `kinds` colours, with some noise."""
    pictures = []
    for i in range(count):
        image = stream(seed, i).integers(0, 60, (16, 20, 3))
        image[..., i % kinds] += 190
        pictures.append(image.astype(np.uint8))
    ids = tuple(map(str, range(count)))
    return Samples("heritage", ids, np.zeros((count, 2)), lambda i: pictures[i])


def both(real, other, small):
    found = inception.proper(real, other, lambda x: x, small, np.random.default_rng(0))
    assert [f.verdict for f in found] == [NOTED, NOTED]
    return found


def test_the_figures_are_those_of_their_definitions(small):
    """Three equally likely colours that are told for certain score 3; one colour scores 1. FID: the squared distance of the
    means, where the spreads are alike."""
    real, other, one = coloured(120, 0), coloured(120, 1), coloured(60, 2, kinds=1)
    fid, score = both(real, other, small)
    assert score.value == pytest.approx(3, abs=0.02)  # parts of 12: four of each
    assert fid.value < 1 and "3" in score.note
    red = Samples(
        "heritage", one.ids, one.features, lambda i: np.clip(one.read(i) + [0, 0, 9], 0, 255).astype(np.uint8)
    )
    fid, score = both(one, red, small)
    assert score.value == pytest.approx(1, abs=1e-3)
    assert fid.value == pytest.approx(81, abs=1)
    assert both(real, one, small)[0].value > 1000


def test_grey_planes_are_taken_too(small):
    features, told = inception.network(small)(np.full((8, 8), 100, np.uint8))
    assert features == pytest.approx([100, 100, 100], abs=1e-3) and told.sum() == pytest.approx(1)


def test_without_weights_nothing_is_measured_and_the_report_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert inception.weights(None) is None
    found = inception.proper(coloured(12, 0), coloured(12, 1), lambda x: x, None, np.random.default_rng(0))
    assert [(f.value, f.verdict) for f in found] == [(None, SILENT)] * 2
    assert all(f.note.startswith("not measured: no weights given") for f in found)
    with pytest.raises(ValueError, match="does not exist"):
        inception.weights(tmp_path / "nowhere.pt")
    (tmp_path / "no.pt").write_bytes(b"no network")
    with pytest.raises(ValueError, match="no TorchScript"):
        inception.network(tmp_path / "no.pt")


def test_what_torch_hub_keeps_is_found_and_fetched(small, tmp_path, monkeypatch):
    """The download itself is torch's; here it is given a file: address in place of the internet's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(inception, "URL", small.as_uri())
    path = inception.weights(inception.FETCH)
    assert path == tmp_path / "hub" / "checkpoints" / inception.FILE and path.read_bytes() == small.read_bytes()
    assert inception.weights(None) == path
