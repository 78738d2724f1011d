"""Law and origin: sources, licences, opt-outs, and which sources a set leans on."""

import numpy as np
import pytest

from difusa.ethics.findings import FAIL, PASS, verdicts
from difusa.ethics.law import attributed, attribution, law, leaning, origins
from difusa.ethics.samples import Samples
from difusa.shared.phash import perceptual_hash
from difusa.shared.seeds import stream
from difusa.shared.sources import Optout

ALLOWED = ("CC-BY-4.0", "CC0-1.0")
TWO = """
[[source]]
name = "museum"
licence = "CC-BY-4.0"
credit = "Museu da Cidade"
files = ["m*"]
[[source]]
name = "agency"
licence = "{licence}"
credit = "an agency"
files = ["a*"]
"""


def samples(names, seed=0) -> Samples:
    rng = np.random.default_rng(seed)
    images = [
        stream(3, i + 100 * seed).integers(0, 255, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        for i in range(len(names))
    ]
    return Samples("heritage", tuple(names), rng.standard_normal((len(names), 4)), lambda i: images[i])


@pytest.fixture
def sets():
    return samples([f"m{i}.png" for i in range(15)] + [f"a{i}.png" for i in range(5)]), samples(
        [f"s{i}.png" for i in range(12)], 1
    )


def known(tmp_path, text):
    (tmp_path / "sources.toml").write_text(text)
    return origins(tmp_path / "sources.toml")


def failed(found) -> list[str]:
    return [f.name for f in found if f.verdict == FAIL]


def test_shares_are_attributed_and_everything_known_passes(sets, tmp_path):
    found = law(*sets, known(tmp_path, TWO.format(licence="CC0-1.0")), ALLOWED, Optout())
    assert not failed(found)
    assert verdicts(found) == {"origin": PASS}
    shares = {f.name: f.value for f in found if f.name.startswith("share of")}
    assert shares == {"share of museum": 0.75, "share of agency": 0.25}


def test_other_licences_and_unknown_sources_fail(sets, tmp_path):
    found = law(*sets, known(tmp_path, TWO.format(licence="all rights reserved")), ALLOWED, Optout())
    assert failed(found) == ["under another licence"]
    assert next(f for f in found if f.verdict == FAIL).value == 0.25
    one = TWO.format(licence="CC0-1.0").split("[[source]]")[1]
    assert failed(law(*sets, known(tmp_path, "[[source]]" + one), ALLOWED, Optout())) == ["without a source"]


def test_opted_out_works_fail_in_either_set(sets, tmp_path):
    real, other = sets
    listed = known(tmp_path, TWO.format(licence="CC0-1.0"))
    by_name = Optout(names=frozenset({"m3"}))
    assert failed(law(real, other, listed, ALLOWED, by_name)) == ["opted out, in the training data"]
    by_looks = Optout(hashes=(perceptual_hash(other.read(2)),))
    assert failed(law(real, other, listed, ALLOWED, by_looks)) == ["opted out, in the set"]


def test_a_list_with_a_mistake_names_it(tmp_path):
    with pytest.raises(ValueError, match="licence"):
        known(tmp_path, '[[source]]\nname = "x"\nlicense = "MIT"\ncredit = "y"\n')
    with pytest.raises(ValueError, match=r"\[\[source\]\]"):
        known(tmp_path, 'name = "x"\n')


def test_the_source_that_a_set_leans_on_is_named_thing_by_thing(sets, tmp_path):
    real, _ = sets
    artists = np.array(["A"] * 10 + ["B"] * 10)
    painted = Samples(real.domain, real.ids, real.features, real.read, {"artist": artists})
    rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16]  # ten by A (museum), two by B: one of the museum, one of the agency
    near = Samples(real.domain, tuple(f"s{i}" for i in rows), real.features[rows] + 1e-3, real.read)
    both = known(tmp_path, TWO.format(licence="CC0-1.0"))
    told = attributed(painted, near, both, "artist")
    assert [r["nearest"] for r in told] == [real.ids[i] for i in rows]
    assert told[-1] | {"distance": 0} == {
        "id": "s16", "nearest": "a1.png", "distance": 0, "source": "agency", "licence": "CC0-1.0", "credit": "an agency",
        "artist": "B",
    }  # fmt: skip
    found = {f.name: f for f in leaning(painted, told, both, "artist")}
    assert found["nearest to artist A"].value == pytest.approx(10 / 12)
    assert "0.500" in found["nearest to artist A"].note
    museum = found["nearest to source museum"]
    assert museum.value == pytest.approx(11 / 12) and museum.low < museum.value < museum.high and "0.750" in museum.note
    assert attribution(painted, told, both).split("\n")[0] == "museum: Museu da Cidade (CC-BY-4.0): 75.0 %, 91.7 %"
    with pytest.raises(ValueError, match="--style painter: the real set has the columns artist"):
        attributed(painted, near, both, "painter")
