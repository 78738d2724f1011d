"""The intervention report in two languages: each sentence in both, numbers in each one's way, nothing fetched."""

import re

import numpy as np
import pytest

from difusa.domains.heritage.intervention import AFTER, ORIGINS, SPARED
from difusa.domains.heritage.network import KINDS
from difusa.domains.heritage.observation import VERB_TASKS
from difusa.domains.heritage.report_page import both, page
from difusa.domains.heritage.report_words import PORTUGUESE

FIELD = re.compile(r"{\w*}")


def report(**changes) -> dict:
    whole = {
        "summary": "…", "original": {"name": "a<b>.png", "sha256": "0f" * 32, "width": 90, "height": 60, "bits": 8},
        "output": {"name": "o.tif", "sha256": "1e" * 32, "width": 90, "height": 60},
        "mask": {"origin": [ORIGINS["reviewed"]], "marked_share": 0.0123, "restored_share": 0.0123,
                 "pixels_changed_outside": 0, "left_out": []},
        "tasks": ["inpaint"], "kind": "painting", "pick": "mean", "noise_grey_levels": None, "samples": 4,
        "model": {"name": "restorer", "sha256": "2d" * 32}, "seed": 7, "departures": [], "notes": [],
        "interval": {"level": 0.9, "calibrated": True}, "regions_in_all": 1,
        "regions": [{"left": 1, "top": 2, "width": 3, "height": 4, "pixels": 12, "invented_share": 1.0,
                     "half_width_mean": 0.1, "half_width_largest": 0.2}],
    }  # fmt: skip
    return whole | changes


def seen(made: bytes, side: str) -> str:
    """What a reader of one language sees, without the record at the end."""
    other = {"en": "pt", "pt": "en"}[side]
    text = made.decode().split("<details>")[0]
    return re.sub("<[^>]+>", " ", re.sub(f'<span class="{other}">.*?</span>', "", text))


def test_each_language_is_whole():
    made = page(report(), {"before": np.zeros((4, 4, 3), np.uint8)})
    english, portuguese = seen(made, "en"), seen(made, "pt")
    assert "1.23 % of the pixels were restored" in english and "1,23 % dos pixels foram restaurados" in portuguese
    assert "found automatically, then reviewed by hand" in english
    assert "encontrada automaticamente e depois revisada à mão" in portuguese
    assert "the mean of 4 versions" in english and "a média de 4 versões" in portuguese
    assert "25.5" in english and "25,5" in portuguese  # 0.1 of white in grey levels
    for word in ("restored picture", "What was done", "Seed", "Regions"):
        assert word in english and word not in portuguese
    for word in ("imagem restaurada", "O que foi feito", "Semente", "Regiões"):
        assert word in portuguese and word not in english
    assert "a&lt;b&gt;.png" in made.decode() and "a<b>" not in made.decode()
    assert not re.search(r'(src|href)="?http', made.decode())


@pytest.mark.parametrize("pick", AFTER)
def test_every_word_a_report_can_hold_is_translated(pick):
    left_out = [{"why": SPARED, "what": w, "left": 1, "top": 2, "pixels": 3} for w in ("eye", "nostrils", "lips")]
    mask = report()["mask"] | {"origin": [*ORIGINS.values(), "none"], "left_out": left_out}
    for kind in KINDS:
        page(
            report(tasks=list(VERB_TASKS), kind=kind, pick=pick, mask=mask, noise_grey_levels=25.0),
            {AFTER[pick]: np.zeros((4, 4), np.uint8)},
        )
    assert "olho" in both("eye")


def test_translations_keep_the_fields():
    assert not [e for e, p in PORTUGUESE.items() if sorted(FIELD.findall(e)) != sorted(FIELD.findall(p)) or not p]
