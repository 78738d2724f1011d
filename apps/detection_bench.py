"""`difusa bench detection`: each detector on held-out real items and on every family of generators, also such as it never met."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.apps import detection_page, video_bench
from difusa.apps.detect import picture_model
from difusa.apps.detection_data import ADVERSARIAL, DIFFUSION, OWN, PEOPLE, REAL, Item, chosen, items, measured
from difusa.apps.detection_fit import fitted, judged, measured_of
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, missing, tell
from difusa.shared.forensics import tables
from difusa.shared.forensics.detector import Detector, joint
from difusa.shared.forensics.fitting import auroc, sigmoid
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, Judged
from difusa.shared.forensics.pictures import weigh
from difusa.shared.forensics.scoring import Said, figures
from difusa.shared.metrics import share

FAMILIES = (DIFFUSION, ADVERSARIAL, OWN)
KNOWN, EVERY = "families that it knows", "all families"
SHIPPED = (DIFFUSION, OWN)  # what the shipped detector of pictures is fitted on
FULL = {"train": (450, 176, 120, 36), "calibrate": (120, 56, 56, 24), "test": (110, 58, 80, 40)}  # real, then FAMILIES
QUICK = {"train": (24, 12, 8, 4), "calibrate": (12, 6, 4, 3), "test": (12, 6, 6, 3)}
AGAIN, PASTS = (
    (24, 20, 20, 16),
    (40, 40, 0, 0),
)  # pictures that arrive once more as JPEG 50; with the other codec in their past
OURS = {"train": (22, 14), "calibrate": (14, 10), "test": (24, 16)}  # of our own: enlargements, samples from noise
FEW_OURS = {"train": (2, 2), "calibrate": (2, 1), "test": (2, 1)}  # with --quick
TOLD = ("auroc", "balanced_accuracy", "abstained", "flipped", "calibration_error")


def named(held_out: str) -> str:
    """What a detector is called in the tables; "" holds nothing out."""
    return f"fitted without {held_out}" if held_out else "fitted on all"


class Pictures:
    """All that was measured of the pictures; what is not there yet is measured now."""

    def __init__(self, asked: Asked, work: Path):
        from difusa.apps.detection_own import make

        self.folder, own = Path(work) / "measured", Path(work) / "own"
        make(own, asked.folder(), FEW_OURS if asked.quick else OURS)
        self.items = items(asked.folder(), own)
        self.counts = QUICK if asked.quick else FULL

    def of(self, job: str, split: str, counts: Sequence[int] | None = None) -> dict[Item, dict[str, np.ndarray]]:
        """What `job` measured of the first pictures of each family."""
        families = dict(zip((REAL, *FAMILIES), counts or self.counts[split], strict=True))
        found = chosen(self.items, {(split, f): n for f, n in families.items() if n})
        return {item: measured(self.folder, job, item, picture_model) for item in found}

    @property
    def held(self) -> dict[Item, dict[str, np.ndarray]]:
        """The pictures that no judge was fitted on: they calibrate and test by turns."""
        return self.of("views", "calibrate") | self.of("views", "test")


@dataclass(frozen=True)
class Held:
    """Held-out pictures, what was measured of them, the detector of each, whose calibration did not see its group, and what it
    says."""

    views: dict[Item, dict[str, np.ndarray]]
    own: dict[Item, Detector]
    judged: dict[Item, Judged]

    @classmethod
    def of(cls, views, own) -> "Held":
        return cls(views, own, {i: weigh([measured_of(v)], own[i]) for i, v in views.items()})

    def said(self, keep: Callable[[Item], bool]) -> Said:
        """The verdicts on the pictures kept."""
        which = [i for i in self.views if keep(i)]
        return Said(tuple(self.judged[i] for i in which), tuple(i.group for i in which))


def pictures(store: Bench, asked: Asked) -> None:
    """Each detector on each family; then what JPEG 50 changes, what codecs betray, and each part alone."""
    seen = Pictures(asked, store.work / "detection")
    rows, views = seen.of("rows", "train"), seen.held
    again = seen.of("jpeg50", "test", AGAIN if not asked.quick else (4, 3, 3, 3))
    pasts = seen.of("pasts", "test", PASTS if not asked.quick else (4, 4, 0, 0))
    judges = {family: judged(rows, views, family) for family in FAMILIES}
    for out in (*FAMILIES, ""):
        inside = [f for f in FAMILIES if f != out]
        detector, own = fitted({f: judges[f] for f in inside}, rows, views)
        test = Held.of(views, own)
        against = {f: of(f) for f in FAMILIES}
        against |= {KNOWN: lambda i, inside=inside: i.family in inside} if out else {}
        against[EVERY] = lambda i: i.family != REAL
        for family, keep in against.items():
            told = figures(test.said(is_real), test.said(keep)) | parts_alone(detector, views, keep)
            row_of(store, named(out), f"pictures: {family}", told, detector)
        people = figures(test.said(of_people), test.said(of(ADVERSARIAL)))
        row_of(store, named(out), "pictures: GAN portraits against paintings of people", people, detector)
        row_of(store, named(out), "pictures: sent on as JPEG 50", changed(test, again), detector)
        row_of(store, named(out), "pictures: another codec in the past", leak(test, pasts), detector)
        row_of(store, named(out), "pictures: deliveries", deliveries(test), detector)


def is_real(item: Item) -> bool:
    return item.family == REAL


def of(family: str) -> Callable[[Item], bool]:
    return lambda item: item.family == family


def of_people(item: Item) -> bool:
    """Whether a real painting's title says that it shows a person."""
    return item.family == REAL and "/painting/" in item.name and bool(PEOPLE.search(item.title))


def row_of(store: Bench, method: str, task: str, told: dict, detector: Detector) -> None:
    """One row of one item, whose figures bring their own intervals."""
    settings = {"fitted_on": list(detector.fitted_on), "n": detector.notes.get("n"), "limits": vars(detector.limits)}
    flat = {k: v if isinstance(v, float | int) else vars(v) for k, v in told.items()}
    digest = {k: round(v if isinstance(v, float | int) else v["value"], 6) for k, v in flat.items()}
    row = store.row(method, task, ["all"], lambda part: [flat for _ in part], settings=settings | {"figures": digest})
    tell(row, TOLD)


def parts_alone(detector: Detector, views, keep) -> dict[str, float]:
    """The area under the curve of each part by itself, mean over deliveries."""
    found = {}
    for part in detector.parts:
        judges = [j.parts[part] for j in detector.judges.values() if part in j.parts]
        logits = {i: joint([j(measured_of(v).figures[part]).mean() for j in judges]) for i, v in views.items()}
        real, made = (np.array([logits[i] for i in views if k(i)]) for k in (is_real, keep))
        found[f"auroc_{part}"] = auroc(real, made)
    return found


def changed(test: Held, again) -> dict:
    """What becomes of the verdicts when the picture arrives as JPEG 50: turned round, or moved to or from "unsure"."""
    pairs = [(test.judged[i].verdict, weigh([measured_of(v)], test.own[i]).verdict) for i, v in again.items()]
    turned = [float({a, b} == {GENERATED, NO_SIGN}) for a, b in pairs]
    return {"turned": share(turned), "changed": share([float(a != b) for a, b in pairs])}


def leak(test: Held, pasts) -> dict:
    """Whether scores tell codecs apart: of one class after JPEG and after WebP, which should be a coin's toss (0.5); the area
    with real JPEG and generated WebP, and with both swapped."""
    p = {i: sigmoid(test.own[i].calibrated(test.own[i].logits(v))) for i, v in pasts.items()}
    real, made = (np.array([v for i, v in p.items() if k(i)]) for k in (is_real, lambda i: i.family != REAL))
    return {
        "codec_real": auroc(real[:, 0], real[:, 1]), "codec_generated": auroc(made[:, 0], made[:, 1]),
        "auroc_as_found": auroc(real[:, 0], made[:, 1]), "auroc_swapped": auroc(real[:, 1], made[:, 0]),
        "shift": float(np.abs(np.diff(np.concatenate([real, made]), axis=1)).mean()), "n_pictures": len(p),
    }  # fmt: skip


def deliveries(test: Held) -> dict:
    """The area under the curve of all families together, delivery by delivery, each alone."""
    from difusa.shared.forensics.deliveries import DELIVERIES

    logits = {i: test.own[i].logits(measured_of(v).figures) for i, v in test.views.items()}
    found, each = {}, {i: test.own[i].calibrated(logit) for i, logit in logits.items()}
    for number, name in enumerate(DELIVERIES):
        real, made = ([v[number] for i, v in each.items() if is_real(i) == want] for want in (True, False))
        found[f"auroc, {name}"] = auroc(np.array(real), np.array(made))
    return found


def of_tables(kind: str, found: dict[str, tables.Table], names: Sequence[str], store: Bench) -> None:
    """Detectors of figures, each family once held out."""
    families = [f for f in dict.fromkeys(found["test"].families) if f != REAL]
    for out in families:
        others = [f for f in families if f != out]
        detector = tables.fitted(names, found["train"].of(others), found["calibrate"].of(others), **tables.AIMED)
        for family in families:
            told = table_figures(detector, found["test"], family, kind)
            row_of(store, named(out), f"{kind}: {family}", told, detector)


def table_figures(detector: Detector, test: tables.Table, family: str, kind: str) -> dict:
    """Figures of one detector on the real items and one family of a table."""
    judged = [tables.weigh(x, detector, kind) for x in test.x]
    return figures(said_of(test, judged, REAL), said_of(test, judged, family))


def molecules(store: Bench, asked: Asked) -> None:
    """Molecules, n of each kind."""
    from difusa.domains.molecules import forensics, forensics_data

    n = asked.n or (12 if asked.quick else 50)
    found, _ = forensics_data.tables(asked.folder(), store.work / "detection", n, asked.seed)
    of_tables("molecules", found, forensics.FIGURES, store)


def crystals(store: Bench, asked: Asked) -> None:
    """Crystals, n of each kind."""
    from difusa.domains.materials import forensics, forensics_data

    n = asked.n or (12 if asked.quick else 30)
    found, _ = forensics_data.tables(asked.folder(), store.work / "detection", n, asked.seed)
    of_tables("crystals", found, forensics.FIGURES, store)


def scans(store: Bench, asked: Asked) -> None:
    """Stacks of scans; patients are few, so each is held out in turn, and all verdicts are read together."""
    from difusa.domains.medical import forensics, forensics_data

    found = forensics_data.table(asked.folder(), asked.n or (4 if asked.quick else 12), asked.seed)
    families = [f for f in dict.fromkeys(found.families) if f != REAL]
    for out in families:
        detectors, judged = tables.in_turn(forensics.FIGURES, found, [f for f in families if f != out], "scan")
        for family in families:
            real, made = (said_of(found, judged, name) for name in (REAL, family))
            row_of(store, named(out), f"scans: {family}", figures(real, made), detectors[0])


def said_of(table: tables.Table, judged, family: str) -> Said:
    """The verdicts on the rows of one family."""
    which = [k for k, f in enumerate(table.families) if f == family]
    return Said(tuple(judged[k] for k in which), tuple(table.groups[k] for k in which))


TASKS = {"pictures": pictures, "molecules": molecules, "crystals": crystals, "scans": scans, "videos": video_bench.rows}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of all tasks asked for; the page's path."""
    for task in asked.chosen(TASKS):
        began = time.perf_counter()
        try:
            TASKS[task](store, asked)
        except (FileNotFoundError, ModuleNotFoundError) as why:
            missing(store, "all", task, why)
        print(f"{task}: {time.perf_counter() - began:.0f} s", flush=True)
        page = detection_page.write(store)
    return page
