"""The demo, with a restorer that knows nothing: what it writes is whole, true and needs nobody."""

import re

import numpy as np
import pytest

from difusa.apps import demo as demos
from difusa.apps.demo_damage import exhibits

pytest.importorskip("skimage", reason="the demo's pictures are scikit-image's ([heritage] extra)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_restorer):
    out = tmp_path_factory.mktemp("demo")
    assert demos.demo(out=out, model=str(tiny_restorer), samples=2, steps=2) == (out / "index.html").resolve()
    return out


def test_damage_is_the_same_each_time_and_only_inside_the_mask():
    for first, second in zip(exhibits(), exhibits()):
        assert np.array_equal(first.damaged, second.damaged) and np.array_equal(first.mask, second.mask)
        assert np.array_equal(first.damaged[~first.mask], first.truth[~first.mask])
        assert 0.02 < first.mask.mean() < 0.2


def test_page_asks_nothing_of_the_internet(folder):
    page = (folder / "index.html").read_text()
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    links = re.findall(r"href='([^']+)'", page)
    assert len(links) == 9 and all((folder / link).is_file() for link in links)
    assert "{{" not in page and "{v}" not in page


def test_page_speaks_both_languages(folder):
    page = (folder / "index.html").read_text()
    assert "O que se perdeu, o que foi inventado" in page and "What was lost, what was invented" in page
    assert page.count('class="en"') == page.count('class="pt"') > 50


def test_measures_are_of_the_files(folder):
    """Undo gives the input back, nothing outside the mask changed, and the page says so."""
    page = (folder / "index.html").read_text()
    for exhibit in exhibits():
        place = folder / exhibit.name
        assert (place / "undone.png").read_bytes() == (place / "damaged.png").read_bytes()
        restored = demos._pixels(place / "restored.tif")
        assert np.array_equal(restored[~exhibit.mask], exhibit.damaged[~exhibit.mask])
        assert (restored[exhibit.mask] != exhibit.damaged[exhibit.mask]).any()
    assert page.count("<td>0</td>") == 3  # pixels changed outside the mask


def test_biharmonic_fills_a_plane_exactly():
    """The biharmonic equation has planes among its solutions, so a hole in one is filled exactly."""
    y, x = np.mgrid[:40, :40]
    plane = np.repeat((60 + 2 * x + y)[..., None], 3, axis=2).astype(np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[15:22, 14:25] = True
    damaged = np.where(mask[..., None], 0, plane).astype(np.uint8)
    assert np.array_equal(demos.biharmonic(damaged, mask), plane)


def test_a_missing_scan_model_is_told_in_a_line(tmp_path, capsys):
    from difusa.apps.demo_scan import translated

    assert translated(tmp_path / "scan", 0, 1, model=str(tmp_path / "nowhere")) is None
    said = capsys.readouterr().out
    assert said.startswith("  scan      skipped:") and said.count("\n") == 1 and not (tmp_path / "scan").exists()


def test_a_translated_scan_is_shown_in_both_languages():
    from difusa.apps.demo_page import scan
    from difusa.apps.demo_scan import Translation

    grey = np.zeros((20, 16, 3), np.uint8)
    shown = scan(Translation(grey, grey + 1, grey + 2, 21.25, 3.5))
    assert shown.count('class="en"') == shown.count('class="pt"') and shown.count("<img") == 3
    assert "21.2 dB" in shown and "21,2 dB" in shown and "not for diagnosis" in shown


@pytest.mark.slow
def test_the_demo_translates_a_scan(tmp_path):
    """Four planes of a simulated head by the shipped model, from file to figures."""
    from difusa.apps.demo_scan import PLANES, translated
    from difusa.domains import models
    from difusa.domains.medical.readers import load

    try:
        models.find("anytoany", domain="medical")
    except FileNotFoundError:
        pytest.skip("no translator is shipped")
    found = translated(tmp_path / "scan", 0, 1)
    assert (
        found.psnr > 10 and found.made.shape == found.truth.shape
    )  # 10.8 dB: its brightness is a guess, its shapes are not
    like = [np.corrcoef(p.ravel(), found.truth.ravel())[0, 1] for p in (found.made, found.source)]
    assert like[0] > 0.55 > like[1] + 0.2  # 0.66, and 0.24 of the T1 itself
    assert load(tmp_path / "scan" / "made_T2.nii.gz").array.shape[2] == PLANES
