"""The page of ratings as raters use it: blind, resumable, in both languages; and what the votes say in the end."""

import json

import numpy as np
import pytest

from difusa.apps import rating
from difusa.apps.rating import VOTES, opened, prepare, result, shuffled, voted, votes_of
from difusa.ethics.rating import LEFT, RIGHT, TIE
from difusa.shared.seeds import stream

PAGE = "rating_page.py"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two folders of pictures: those of `bright` are bright, those of `dark` dark."""
    from PIL import Image

    for name, base in (("bright", 150), ("dark", 30)):
        (tmp_path / name).mkdir()
        for i in range(4):
            field = np.kron(stream(base, i).integers(0, 60, (8, 8, 3)) + base, np.ones((8, 8, 1)))
            Image.fromarray(field.astype(np.uint8)).save(tmp_path / name / f"{name}-{i}.png")
    prepare([tmp_path / "bright", tmp_path / "dark"], out=tmp_path / "study", count=10, question_pt="Qual é melhor?")
    monkeypatch.setenv("DIFUSA_STUDY", str(tmp_path / "study"))
    return opened(tmp_path / "study")


def named(at, name: str):
    at.text_input(key="rate_name").set_value(name)
    next(b for b in at.button if b.label in ("Begin", "Começar")).click().run()
    assert not at.exception
    return at


def on_show(at) -> str:
    """The comparison that the page shows."""
    return next(b.key for b in at.button if b.key and b.key.startswith("rate_left_")).removeprefix("rate_left_")


def best(study, comparison: str) -> str:
    """The answer of whoever prefers the bright set, and pays attention."""
    row = study.comparisons[comparison]
    return row["right_answer"] or (LEFT if row["left"] == "bright" else RIGHT)


def test_raters_see_pairs_and_not_their_origin_and_go_on_where_they_stopped(study, visit, texts):
    at = named(visit(PAGE), " Ana ")
    assert "Qual é melhor?" in texts(at) and "bright" not in texts(at)
    assert not any("bright" in n or "dark" in n for row in study.comparisons.values() for n in row["pictures"])
    seen = []
    for _ in range(5):
        seen.append(on_show(at))
        at.button(key=f"rate_{best(study, seen[-1])}_{seen[-1]}").click().run()
        assert not at.exception
    assert len(set(seen)) == 5 and seen == study.order("Ana")[:5]
    later = named(visit(PAGE, "pt_BR"), "Ana")
    assert on_show(later) == study.order("Ana")[5]
    assert study.order("Rui") != study.order("Ana")
    while later.button and any(b.key and b.key.startswith("rate_tie_") for b in later.button):
        later.button(key=f"rate_{best(study, on_show(later))}_{on_show(later)}").click().run()
        assert not later.exception
    assert "Isso é tudo" in texts(later) and "avaliadores: 1" in texts(later)
    assert "bright" in str(later.table[0].value)
    assert len(votes_of(study)) == len(study.comparisons) == 15


def test_the_votes_say_which_set_is_preferred(study, tmp_path):
    for rater, choose in (("a", best), ("b", best), ("lazy", lambda s, c: RIGHT if best(s, c) == LEFT else LEFT)):
        for c in study.comparisons:
            voted(study, rater, c, choose(study, c), 2.0)
    told = result(study.folder, report=tmp_path / "r.html")
    found = {f["name"]: f for f in told["findings"]}
    assert found["bright"]["low"] > 0 > found["dark"]["high"]
    assert "1 of 3 raters" in found["attention checks"]["note"]  # the lazy one, of whom nothing counts
    assert found["agreement of raters"]["value"] == pytest.approx(1)
    assert "qual conjunto as pessoas preferem" in (tmp_path / "r.html").read_text()


def test_half_a_line_and_a_second_answer_change_nothing(study):
    first, second = list(study.comparisons)[:2]
    voted(study, "a", first, LEFT, 1.0)
    with open(study.folder / VOTES, "ab") as file:
        file.write(b'{"study": "x')  # a power cut
    voted(study, "a", second, TIE, 1.0)
    voted(study, "a", first, RIGHT, 1.0)
    assert [(v.comparison, v.choice) for v in votes_of(study)] == [(first, LEFT), (second, TIE)]
    with pytest.raises(ValueError, match="no vote"):
        voted(study, "a", "../other", LEFT, 1.0)


def test_checks_are_one_picture_beside_its_pieces(study):
    from PIL import Image

    checks = [r for r in study.comparisons.values() if r["right_answer"]]
    assert len(checks) == 5
    for row in checks:
        whole, other = (np.asarray(Image.open(study.folder / "pictures" / n)) for n in row["pictures"])
        assert (np.sort(whole, axis=None) == np.sort(other, axis=None)).all() and (whole != other).any()
    image = np.arange(64 * 64 * 3, dtype=np.uint16).reshape(64, 64, 3)
    assert (np.sort(shuffled(image, np.random.default_rng(0)), axis=None) == np.sort(image, axis=None)).all()


def test_without_a_study_the_page_tells_how_to_make_one(visit, texts, monkeypatch, tmp_path, study):
    monkeypatch.setenv("DIFUSA_STUDY", str(tmp_path))
    assert "holds no study" in texts(visit(PAGE))
    with pytest.raises(ValueError, match="two sets"):
        prepare([tmp_path / "bright"], out=tmp_path / "other")
    with pytest.raises(ValueError, match="lies there already"):
        prepare([tmp_path / "bright", tmp_path / "dark"], out=study.folder)


def test_molecules_and_crystals_are_drawn(tmp_path):
    pytest.importorskip("rdkit")
    for name, smiles in (("one", "CCO\nCCN"), ("two", "c1ccccc1\nCC=O")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.smi").write_text(smiles)
    told = prepare([tmp_path / "one", tmp_path / "two"], out=tmp_path / "study", count=2)
    assert len(list((tmp_path / "study" / "pictures").iterdir())) == 2 * len(told["comparisons"]) == 14
    pytest.importorskip("ase")
    from types import SimpleNamespace

    from difusa.apps.flat import crystal

    salt = SimpleNamespace(numbers=np.array([11, 17]), frac=np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), cell=4 * np.eye(3))
    drawn = crystal(salt)
    assert drawn.shape == (384, 384, 3) and len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3


def test_names_are_plain():
    assert rating.rater_of("  A\nna\u200b ") == "Ana" and len(rating.rater_of("x" * 99)) == 40
    assert json.loads(json.dumps(rating.QUESTION))["pt_BR"] == "Qual parece mais real?"
