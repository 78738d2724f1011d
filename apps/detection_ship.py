"""The verb `difusa forensics fit`: the detectors that ship, fitted anew from the data folder, each with what it was tested on."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from difusa.shared.forensics.detector import WEIGHTS, Detector, save
from difusa.shared.forensics.judging import Trial

KINDS = ("pictures", "molecules", "crystals", "scans")


def fit(*, data: Path | None = None, out: Path = WEIGHTS, kinds: str = ",".join(KINDS), seed: int = 0) -> Path:
    """Fit the detectors of `difusa detect` anew, test them on held-out items, and write their coefficients.

    data: the data folder; else the environment variable DIFUSA_DATA.
    out: folder for the coefficients; the installed ones by default.
    kinds: comma-separated from pictures, molecules, crystals, scans.
    seed: of the items drawn.

    Returns the folder. Raises ValueError without data, or for another kind.
    """
    from difusa.shared.bench import Bench
    from difusa.shared.benchmark import Asked

    given = data or (Path(os.environ["DIFUSA_DATA"]) if os.environ.get("DIFUSA_DATA") else None)
    asked = Asked(data=given, tasks=kinds, seed=seed)
    asked.folder()
    work = Bench("detection", Path("docs/results"), Path("runs/bench")).work / "detection"
    for kind in asked.chosen(KINDS):
        detector = FITS[kind](asked, work, Path(out))
        save(detector, Path(out), kind)
        print(
            f"{kind}: fitted on {', '.join(detector.fitted_on)}; tested on {'; '.join(t.sentence for t in detector.tested_on)}"
        )
    return Path(out)


def told(detector: Detector, told_of: Callable[[str], dict], families) -> Detector:
    """The detector with a line for each family it was tested on, and its false alarms."""
    lines, alarms = [], float("nan")
    for family in families:
        found = told_of(family)
        area, alarms = found["auroc"], found["false_alarms"].value
        hits = found["found"]
        lines.append(Trial(family, round(area.value, 4), round(hits.value, 4), hits.n, family in detector.fitted_on))
    return replace(detector, tested_on=tuple(lines), false_alarms=float(alarms))


def pictures(asked, work: Path, out: Path) -> Detector:
    """Fitted on Stable Diffusion and our own; GAN portraits are kept for the test. What is told of it is read from detectors that
    were calibrated without the picture's group."""
    from difusa.apps.detection_bench import FAMILIES, SHIPPED, Held, Pictures, is_real, of
    from difusa.apps.detection_fit import fitted, judged
    from difusa.shared.forensics.scoring import figures

    seen = Pictures(asked, work)
    rows, views = seen.of("rows", "train"), seen.held
    detector, own = fitted({family: judged(rows, views, family) for family in SHIPPED}, rows, views)
    test = Held.of(views, own)
    return told(detector, lambda family: figures(test.said(is_real), test.said(of(family))), FAMILIES)


def of_tables(found, names, kind: str) -> Detector:
    """Fitted on all families of the training table."""
    from difusa.apps.detection_bench import table_figures
    from difusa.shared.forensics import tables

    detector = tables.fitted(names, found["train"], found["calibrate"], **tables.AIMED)
    return told(detector, lambda family: table_figures(detector, found["test"], family, kind), detector.fitted_on)


def molecules(asked, work: Path, out: Path) -> Detector:
    """Writes what is usual, too."""
    from difusa.domains.molecules import forensics, forensics_data

    found, known = forensics_data.tables(asked.folder(), work, asked.n or 50, asked.seed)
    forensics.save_usual(known, out)
    return of_tables(found, forensics.FIGURES, "molecule")


def crystals(asked, work: Path, out: Path) -> Detector:
    """Writes what is usual, too."""
    from difusa.domains.materials import forensics, forensics_data

    found, known = forensics_data.tables(asked.folder(), work, asked.n or 30, asked.seed)
    forensics.save_usual(known, out)
    return of_tables(found, forensics.FIGURES, "crystal")


def scans(asked, work: Path, out: Path) -> Detector:
    """Fitted on four patients, calibrated on two; what is told of it is read from detectors that never saw the patient."""
    from difusa.apps.detection_bench import said_of
    from difusa.domains.medical import forensics, forensics_data
    from difusa.shared.forensics import tables
    from difusa.shared.forensics.scoring import figures

    found = forensics_data.table(asked.folder(), asked.n or 12, asked.seed)
    detectors, judged = tables.in_turn(forensics.FIGURES, found, forensics_data.FAMILIES, "scan")
    real = said_of(found, judged, tables.REAL)
    return told(detectors[0], lambda f: figures(real, said_of(found, judged, f)), forensics_data.FAMILIES)


FITS = {"pictures": pictures, "molecules": molecules, "crystals": crystals, "scans": scans}
