"""What its owner does not want trained on never reaches a batch: through the examples and the loader that training uses."""

import numpy as np
import pytest

from difusa.domains.heritage.corpus import Examples, Options, items
from difusa.shared.seeds import stream
from difusa.shared.sources import Optout, line_of, optout, read_list, reserved, rules
from difusa.shared.training.examples import Noised, Numbers, loader
from difusa.shared.training.prepare import prepare
from difusa.shared.training.recipe import Objective

Image = pytest.importorskip("PIL.Image")
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" {attribute}>{element}</rdf:Description></rdf:RDF></x:xmpmeta>'
)
PLUS = "http://ns.useplus.org/ldf/vocab/"


def painted(number: int, size=(160, 120)):
    """A picture whose texture and mean colour are its own: every crop of it tells which it is."""
    rng = stream(5, number)
    texture = np.asarray(
        Image.fromarray(rng.integers(0, 60, (6, 8), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    )
    colour = np.array([20 + 40 * (number % 4), 20 + 40 * (number // 4), 90])
    return Image.fromarray(np.uint8(np.clip(texture[..., None] + colour, 0, 255)))


def told(number: int, pixels: np.ndarray) -> bool:
    """Whether a crop uint8 [3, S, S] can be of this picture: red and green lie within the texture's 60 levels of its colour."""
    red, green = pixels[0].mean(), pixels[1].mean()
    return 0 <= red - 20 - 40 * (number % 4) < 40 and 0 <= green - 20 - 40 * (number // 4) < 40


@pytest.fixture
def folder(tmp_path):
    for n in range(12):
        painted(n).save(tmp_path / f"{n:02d}.png")
    return tmp_path


def batches(folder, count=60) -> list[np.ndarray]:
    """The crops of `count` batches as training draws them, uint8 [3, S, S]."""
    objective = Objective()
    drawn = Examples(folder, "train", Options(size=32, damage=False), seed=0)
    found = []
    for batch in loader(Noised(drawn, objective, 0), Numbers(0, 4 * count, 4), workers=0):
        found += [np.uint8((x.numpy() + 1) * 127.5) for x in batch["clean"]]
    return found


def names(folder) -> set[str]:
    return {i.path.name for i in items(folder, "train")}


def test_an_opted_out_picture_never_reaches_a_batch(folder):
    every = names(folder)
    one = sorted(every)[3]
    number = int(one[:2])
    assert any(told(number, x) for x in batches(folder)), "the control: without the list it is drawn"
    line = line_of(folder / one)  # of the owner's own file; what lies in the folder is a smaller, mirrored JPEG of it
    (folder / one).unlink()
    copy = painted(number).resize((128, 96)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    copy.save(folder / f"{one[:2]}.png")
    (folder / "optout.txt").write_text(f"# asked for on paper\n{line}\n")
    assert names(folder) == every - {one}
    assert not any(told(number, x) for x in batches(folder))


@pytest.mark.parametrize(
    ("attribute", "element", "kept_back"),
    [
        (f'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" plus:DataMining="{PLUS}DMI-PROHIBITED"', "", True),
        ("", f"<plus:DataMining>{PLUS}DMI-PROHIBITED-AIMLTRAINING</plus:DataMining>", True),
        ("", f"<plus:DataMining>{PLUS}DMI-ALLOWED</plus:DataMining>", False),
        ('xmlns:tdm="http://www.w3.org/ns/tdmrep#" tdm:reservation="1"', "", True),
        ('xmlns:tdm="http://www.w3.org/ns/tdmrep#" tdm:reservation="0"', "", False),
        ("", "<dc:subject><rdf:Bag><rdf:li>noai</rdf:li></rdf:Bag></dc:subject>", True),
        ("", "<dc:subject><rdf:Bag><rdf:li>Monoaigre</rdf:li></rdf:Bag></dc:subject>", False),
    ],
)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "sidecar"])
def test_embedded_reservations_are_read(tmp_path, kind, attribute, element, kept_back):
    text = XMP.format(attribute=attribute, element=element)
    path = tmp_path / f"a.{'png' if kind == 'sidecar' else kind}"
    if kind == "png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", text)
        painted(1).save(path, pnginfo=info)
    elif kind == "sidecar":
        painted(1).save(path)
        path.with_suffix(".xmp").write_text(text)
    else:
        painted(1).save(path, xmp=text.encode())
    assert bool(reserved(path)) == kept_back


def test_reservations_keep_pictures_from_training_and_from_preparation(folder, tmp_path_factory):
    every = names(folder)
    first, second, third = sorted(every)[:3]
    (folder / first).with_suffix(".xmp").write_text(XMP.format(attribute='tdm:reservation="1"', element=""))
    (folder / "optout.txt").write_text(f"id:{second}\n")
    (folder / ".well-known").mkdir()
    (folder / ".well-known" / "tdmrep.json").write_text(f'[{{"location": "/{third}", "tdm-reservation": 1}}]')
    assert names(folder) == every - {first, second, third}
    out = tmp_path_factory.mktemp("out")
    made = prepare(folder, out=out, min_side=32)
    assert {r["file"] for r in made["left_out"]} == {first, second, third}
    (folder / "optout.txt").unlink()  # who changes their mind is heard, and so is who asks late
    assert second in {r["file"] for r in prepare(folder, out=out, min_side=32)["kept"]}
    (folder / "optout.txt").write_text(f"id:{second}\n")
    prepare(folder, out=out, min_side=32)
    assert not (out / second).exists()


def test_a_list_that_cannot_be_read_stops_everything(folder, monkeypatch):
    with pytest.raises(ValueError, match="line 2.*'phsh:00'"):
        read_list("# mine\nphsh:00\n")
    (folder / ".well-known").mkdir()
    (folder / ".well-known" / "tdmrep.json").write_text("{")
    with pytest.raises(ValueError, match="TDMRep"):
        rules(folder)
    monkeypatch.setenv("DIFUSA_OPTOUT", str(folder / "nowhere.txt"))
    with pytest.raises(FileNotFoundError):
        optout(folder)


def test_other_pictures_are_not_taken_for_the_opted_out(folder):
    from difusa.shared.phash import perceptual_hash

    images = [np.asarray(painted(n)) for n in range(12)]
    for n, image in enumerate(images):
        known = Optout(hashes=(perceptual_hash(image),))
        assert [m for m, other in enumerate(images) if known.holds(other)] == [n]
