"""What was invented, and how sure that is: as a layer of colour over a picture, and in words."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# sure to unsure: half-width of the 90 % interval from 0 to UNSURE of white and beyond; the colours of the report's map
RAMP = np.array([[255, 221, 0], [255, 90, 40], [150, 20, 160], [60, 0, 120]], np.float32)
UNSURE = 0.25
GUESS = 40 / 255  # of white: an interval of plus or minus 40 grey levels tells little more than light from dark


@dataclass(frozen=True)
class Invention:
    """The maps of a restoration, upright, and its report.

    share [H, W] in [0, 1]: how much of a pixel comes from the model; half [H, W]: half-width of its 90 % interval
    (white = 1).
    """

    share: np.ndarray
    half: np.ndarray
    report: dict

    @property
    def restored(self) -> np.ndarray:
        """Where anything was restored, [H, W] of booleans."""
        return self.share > 0

    def figures(self) -> dict[str, float]:
        """restored: percent of the pixels; invented: percent of the model in those; half: mean half-width in
        grey levels of 255; guessed: percent of those whose half-width is 40 grey levels or more."""
        where = self.restored
        if not where.any():
            return {"restored": 0.0, "invented": 0.0, "half": 0.0, "guessed": 0.0}
        return {
            "restored": 100 * float(where.mean()),
            "invented": 100 * float(self.share[where].mean()),
            "half": 255 * float(self.half[where].mean()),
            "guessed": 100 * float((self.half[where] >= GUESS).mean()),
        }


def read(bundle: Path) -> Invention:
    """The maps in a bundle that `restore` wrote. Raises ValueError if it is damaged."""
    from difusa.domains.heritage.bundle import open_bundle
    from difusa.domains.heritage.data import turn

    entries = open_bundle(bundle)[1]
    report = json.loads(entries["report.json"])
    orientation = report["original"]["orientation"]
    share, half = (turn(_rows(entries[name]), orientation) for name in ("invention.png", "interval.png"))
    return Invention(share, half, report)


def _rows(png: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png))).astype(np.float32) / 65535


def layer(made: Invention, shape: tuple[int, int]) -> np.ndarray:
    """The map as a layer [h, w, 4] of uint8 for a view of `shape`: colour says how sure, opacity how much is invented.

    A reduced pixel shows the largest value of its cell, so that a hairline scratch stays visible.
    """
    share, half = (largest(a, shape) for a in (made.share, made.half))
    place = np.clip(half / UNSURE, 0, 1) * (len(RAMP) - 1)
    low = np.minimum(place.astype(int), len(RAMP) - 2)
    colour = RAMP[low] + (place - low)[..., None] * (RAMP[low + 1] - RAMP[low])
    return np.dstack([colour, 255 * share]).round().astype(np.uint8)


def largest(a: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The largest value in each cell of `a` [H, W] cut into `shape` [h, w] cells."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, a.shape))
    return np.maximum.reduceat(np.maximum.reduceat(a, rows, axis=0), columns, axis=1)


def in_words(made: Invention, _, number) -> str:
    """What was invented and how sure, in two sentences; number(value, digits) writes a number in the language."""
    f = made.figures()
    if not f["restored"]:
        return _("Nothing was restored: every pixel is the original's own.")
    if f["invented"] > 99:
        first = _(
            "{restored} % of the pixels were invented by the model; all others are the original's own, bit for bit."
        )
    elif f["restored"] > 99.9:
        first = _("Every pixel was restored; {invented} % of their values, on average, comes from the model.")
    else:
        first = _(
            "{restored} % of the pixels were restored, and {invented} % of their values, on average, comes from the "
            "model; all others are the original's own, bit for bit."
        )
    second = _(
        "In 9 cases of 10 the true value should lie within ± {half} grey levels (of 255) of what is shown; "
        "{guessed} % of the restored pixels are little more than a guess (± 40 or more)."
    )
    if not made.report["interval"]["calibrated"]:
        second += " " + _("This interval is not calibrated for such a task: take it as a rough hint.")
    numbers = {
        k: number(v, 2 if k == "restored" and v < 10 else 1 if k in ("restored", "half") else 0) for k, v in f.items()
    }
    return f"{first} {second}".format(**numbers)
