"""The page that `difusa demo` writes: one file, no request to anywhere, in Portuguese and English."""

import html
import time
from pathlib import Path

from difusa.apps.demo_damage import N_
from difusa.apps.i18n import number, translator
from difusa.apps.invention import in_words, layer
from difusa.apps.slider import data_address

TEMPLATE = Path(__file__).parent / "templates" / "demo.html"
SIDES = {"en": "en", "pt_BR": "pt"}  # language -> class of its elements


def both(text: str, tag: str = "span", **values) -> str:
    """A sentence in both languages, of which the page shows one; numbers are (value, digits), written as each does."""
    parts = []
    for language, side in SIDES.items():
        told = {k: number(*v, language) if isinstance(v, tuple) else v for k, v in values.items()}
        parts.append(f'<{tag} class="{side}">{translator(language)(text).format(**told)}</{tag}>')
    return "".join(parts)


def write(shown: list, path: Path, began: float, translation=None) -> Path:
    """Write the page of `shown` (demo.Shown) and a translated scan (demo_scan.Translation), if there is one.

    began: perf_counter at the start of the demo.
    """
    fill = {
        "headline": both(N_("What was lost, what was invented")),
        "lead": both(
            N_(
                "Real pictures, damaged on purpose, restored on this computer a moment ago. Pull the slider to "
                "compare; raise the invention map to see which pixels the model made up, and how sure it is of them."
            )
        ),
        "exhibits": "\n".join([exhibit(s) for s in shown] + ([scan(translation)] if translation else [])),
        "closing": closing(shown),
        "footer": both(
            N_("Made by difusa demo in {seconds} s. A digital restoration is a proposal, not a finding."),
            seconds=(time.perf_counter() - began, 0),
        ),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in fill.items():
        text = text.replace("{{" + name + "}}", value)
    path.write_text(text, encoding="utf-8")
    return path.resolve()


def exhibit(s) -> str:
    """One picture: the slider, its buttons, the words and the figures."""
    e = s.exhibit
    pictures = {
        "damaged": (N_("damaged"), e.damaged), "restored": (N_("restored"), s.restored),
        "formula": (N_("formula"), s.formula), "truth": (N_("truth"), e.truth),
    }  # fmt: skip
    sources = "".join(
        f'<template data-picture="{name}" data-src="{data_address(pixels)}"></template>'
        for name, (_, pixels) in pictures.items()
    )
    overlay = data_address(layer(s.made, e.truth.shape[:2]), lossless=True)

    def buttons(side: str, names: tuple[str, ...]) -> str:
        return "".join(f'<button data-side="{side}" data-picture="{n}">{both(pictures[n][0])}</button>' for n in names)

    words = ""
    for language, side in SIDES.items():
        told = in_words(s.made, translator(language), lambda value, digits, of=language: number(value, digits, of))
        words += f'<span class="{side}">{told}</span>'
    height, width = e.truth.shape[:2]
    return f"""<section class="exhibit">{sources}
<div>
<div class="stage" style="aspect-ratio:{width}/{height}"><img class="right" alt="">
<img class="map" alt="" src="{overlay}">
<img class="left" alt=""><div class="bar"></div><span class="tag l"></span><span class="tag r"></span>
<input type="range" min="0" max="100" value="50" step="0.1" aria-label="before / after"></div>
<div class="tools"><span class="group">{both(N_("left"))} {buttons("left", ("damaged", "truth", "formula"))}</span>
<span class="group">{both(N_("right"))} {buttons("right", ("restored", "truth"))}</span></div>
<div class="tools"><label>{both(N_("invention map"))}
<input class="opacity" type="range" min="0" max="100" value="0" aria-label="invention map"></label></div>
<div class="key">{both(N_("the versions agree"))} <i></i> {both(N_("they do not"))}</div>
</div>
<div class="about"><h2>{both(e.title)}</h2><p>{both(e.text)}</p>
<p class="said">{words}</p>
{table(s)}
<p class="small">{html.escape(e.credit)}</p>
</div></section>"""


def scan(t) -> str:
    """Three pictures of a translated scan in a row."""
    pictures = ((N_("given: T1"), t.source), (N_("made: T2"), t.made), (N_("true: T2"), t.truth))
    figures = "".join(
        f'<figure style="flex:1;margin:0"><img alt="" style="width:100%" src="{data_address(picture)}">'
        f"<figcaption>{both(name)}</figcaption></figure>"
        for name, picture in pictures
    )
    said = both(
        N_("Inside the head {psnr} dB against the true one, in {seconds} s."), psnr=(t.psnr, 1), seconds=(t.seconds, 1)
    )
    text = N_(
        "A simulated T1 scan, the T2 that the model made of it, and the true T2. Research use, not for diagnosis."
    )
    return (
        f'<section class="exhibit"><div style="display:flex;gap:.5rem">{figures}</div>'
        f'<div class="about"><h2>{both(N_("A scan, translated"))}</h2><p>{both(text)}</p><p class="said">{said}</p>'
        "</div></section>"
    )


def table(s) -> str:
    """The figures measured in this run."""
    rows = [
        ("main", N_("Restored, inside the losses"), both("{v} dB", v=(s.psnr, 1))),
        ("", N_("Biharmonic formula, the same pixels"), both("{v} dB", v=(s.psnr_formula, 1))),
        ("", N_("True values inside the 90 % interval"), both("{v} %", v=(s.held, 0))),
        ("", N_("Pixels changed outside the mask"), f"{s.changed}"),
        ("", N_("Time to restore"), both("{v} s", v=(s.seconds, 1))),
        ("", N_("Network evaluations, a version"), f"{s.evaluations}"),
        ("", N_("Original given back by undo, byte for byte"), both(N_("yes") if s.undone else N_("no"))),
    ]
    lines = "".join(f'<tr class="{kind}"><th>{both(label)}</th><td>{value}</td></tr>' for kind, label, value in rows)
    folder = s.exhibit.name
    return (
        f"<table>{lines}</table><p><a href='{folder}/report.html'>{both(N_('Intervention report'))}</a> · "
        f"<a href='{folder}/restored.tif'>{both(N_('restored picture'))}</a> · "
        f"<a href='{folder}/restored.bundle.zip'>{both(N_('bundle'))}</a></p>"
    )


def closing(shown: list) -> str:
    """How to undo, how to do the same with one's own picture, and what the figures mean."""
    folder = shown[0].exhibit.name
    return "".join([
        f"<div><h2>{both(N_('Undo'))}</h2><p>",
        both(N_("The bundle beside each restored picture holds the original file. One command gives it back:")),
        f"</p><pre><code>difusa heritage undo {folder}/restored.bundle.zip</code></pre></div>",
        f"<div><h2>{both(N_('Your own picture'))}</h2><p>",
        both(N_("Brush a mask in the browser, or let the damage be found:")),
        "</p><pre><code>difusa app\ndifusa heritage restore IN.tif --out OUT.tif --find-damage</code></pre></div>",
        f"<div><h2>{both(N_('How to read this'))}</h2><p>",
        both(N_(
            "Decibels compare with the undamaged picture, inside the losses only: 1 dB more is a fifth less squared "
            "error. The interval is honest if it holds 90 % of the true values. The slider shows the mean of several "
            "versions; where they disagree, the map turns from yellow to violet."
        )),
        "</p></div>",
    ])  # fmt: skip
