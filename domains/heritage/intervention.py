"""What is written after a restoration: the picture, its bundle, and the intervention report."""

import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from difusa.domains.heritage import bundle as bundles
from difusa.domains.heritage.data import Picture
from difusa.domains.heritage.export import save, stamped
from difusa.domains.heritage.observation import stored
from difusa.domains.heritage.report_page import page
from difusa.domains.heritage.restoring import Restored

REGIONS = 50  # the largest are listed one by one
ORIGINS = {
    "given": "given as a file",
    "drawn": "drawn by hand",
    "found": "found automatically",
    "reviewed": "found automatically, then reviewed by hand",
}
AFTER = {"mean": "after: the mean of the versions", "sample": "after: one of the versions"}
SPARED = "looks like a feature of a face"


@dataclass(frozen=True)
class Marked:
    """Where the mask came from, each one of ORIGINS' sentences, and the found marks on a face that are not in it."""

    origins: tuple[str, ...] = ()
    left_out: tuple[dict, ...] = ()


def write_results(source, target, picture, ready, restored: Restored, mask, how: Marked, tasks, wish, tools) -> dict:
    """Write OUT, then OUT.bundle.zip (its presence says that all is there); the figures of the run's report."""
    source, target = Path(source), Path(target)
    raw = source.read_bytes()
    if hashlib.sha256(raw).hexdigest() != picture.sha256:
        raise ValueError(f"{source} changed while it was being restored; restore it again")
    chosen = restored.picture if wish.pick == "mean" else restored.one
    chosen = (
        stamped(chosen, originalSha256=picture.sha256, model=f"{tools.model.name} {tools.model.sha256}")
        if restored.tiles
        else chosen
    )
    marks = stored(
        (restored.share > 0).astype(np.uint8) * 255 if mask is None else mask.astype(np.uint8) * 255, picture
    )
    entry = f"original/{source.name}"
    mark = None
    if wish.watermark and restored.tiles:
        chosen, mark = watermarked(chosen, restored, picture, tasks, tools)
    output = save(chosen, target)
    if wish.passport:
        sign(target, source, picture, restored, tasks, tools, wish.c2pa, mark)
        output = target.read_bytes()
    report = intervention(source, target, output, picture, ready, restored, chosen, marks, how, tasks, wish, tools)
    if mark:
        report["watermark"] = {k: mark[k] for k in ("key", "scheme", "payload", "strength", "decibel")}
        report["notes"] = [
            *report["notes"],
            f"what was restored carries a watermark of {mark['strength']:g} grey levels of 256",
        ]
    shown = {
        "before": bundles.shrunk(restored.before.pixels),
        AFTER[wish.pick]: bundles.shrunk(chosen.pixels),
        "invention map: yellow = the versions agree, violet = they do not": bundles.overlay(
            restored.before.pixels, restored.share / np.float32(65535), restored.half / np.float32(65535)
        ),
    }
    entries = {
        entry: raw,
        "mask.png": bundles.png(marks),
        "invention.png": bundles.png(stored(restored.share, picture)),
        "interval.png": bundles.png(stored(restored.half, picture)),
        "overlay.png": bundles.png(list(shown.values())[2]),
        "report.json": bundles.as_json(report),
        "report.html": page(report, shown),
    }
    beside = bundle_path(target)
    facts = {
        "format": 1,
        "original": {"name": source.name, "entry": entry, "sha256": picture.sha256},
        "output": {"name": target.name, "sha256": report["output"]["sha256"]},
    }
    bundles.write_bundle(beside, entries, facts)
    return {
        "source": str(source), "out": str(target), "bundle": str(beside), "tasks": list(tasks), "tiles": restored.tiles,
        "regions": len(restored.regions), "restored_share": report["mask"]["restored_share"], "noise": ready.noise,
        "blur": ready.blur and ready.blur.record(),
        "calibrated": restored.calibrated, "notes": report["notes"],
    }  # fmt: skip


def watermarked(chosen: Picture, restored: Restored, picture: Picture, tasks, tools) -> tuple[Picture, dict | None]:
    """The picture with a mark of the user's key where it was restored, and what its passport says of that."""
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.pictures import put

    try:
        keys = mine()
    except ModuleNotFoundError as error:
        print(f"no watermark: this needs {error.name}: pip install cryptography", file=sys.stderr)
        return chosen, None
    made = (picture.sha256, tools.model.sha256, repr(tools.plan), *tasks)
    pixels, facts = put(chosen.pixels, keys, *made, where=restored.share > 0)
    return replace(chosen, pixels=pixels), facts


def sign(
    target: Path, source: Path, picture: Picture, restored: Restored, tasks, tools, c2pa: bool, mark: dict | None
) -> None:
    """The passport of the restored picture, which knows in which tiles something was invented."""
    from difusa.shared.passport import PARTLY, Facts, attach, named
    from difusa.shared.passport.content import touched

    invented = stored(restored.share > 0, picture)
    audits = {"restored_share": round(float(invented.mean()), 6), "calibrated": restored.calibrated, "tasks": tasks}
    source_type = PARTLY if restored.tiles else ""
    facts = Facts(
        "heritage restore",
        (named(tools.model),),
        repr(tools.plan),
        tools.plan.seed,
        sources=({"name": source.name, "sha256": picture.sha256},),
        audits=audits,
        watermark=mark,
        source_type=source_type,
    )
    attach(target, facts, c2pa=c2pa, more={"touched": touched(invented)})


def bundle_path(target: Path) -> Path:
    """OUT.tif -> OUT.bundle.zip."""
    return Path(target).with_suffix(".bundle.zip")


def intervention(
    source, target, output: bytes, picture: Picture, ready, restored: Restored, chosen, marks, how, tasks, wish, tools
) -> dict:
    """The report as a dict; no times in it, so that the same restoration gives the same bytes."""
    import torch

    import difusa
    from difusa.shared.machine import cpu_name

    plan, changed = tools.plan, restored.share > 0
    share = float(changed.mean())
    same = picture.pixels.shape == chosen.pixels.shape
    touched = (
        int(((picture.pixels != chosen.pixels).reshape(*changed.shape, -1).any(axis=2) & ~changed).sum())
        if same
        else None
    )
    departures = [f"guidance {plan.guidance:g}: not a draw from the posterior"] if plan.guided else []
    departures += [f"temperature {plan.temperature:g}: not a draw from the prior"] if plan.temperature != 1 else []
    width, height = picture.size
    return {
        "summary": f"{share:.2%} of the pixels were restored ({', '.join(tasks)}); "
        + ("the others are the original's own. " if not touched else "")
        + ("The restored picture is the mean of " if wish.pick == "mean" else "The restored picture is the first of ")
        + f"{plan.samples} samples by the model {tools.model.name!r}. What was restored is a proposal, no finding.",
        "original": {
            "name": source.name, "sha256": picture.sha256, "format": picture.source, "width": width, "height": height,
            "bits": picture.pixels.dtype.itemsize * 8, "channels": 1 if picture.pixels.ndim == 2 else 3,
            "alpha": picture.alpha is not None, "orientation": picture.orientation,
            "icc_sha256": None if picture.icc is None else hashlib.sha256(picture.icc).hexdigest(),
        },
        "output": {"name": target.name, "sha256": hashlib.sha256(output).hexdigest(),
                   "width": chosen.size[0], "height": chosen.size[1]},
        "mask": {"origin": list(how.origins) or ["none"],
                 "left_out": [{"why": SPARED, **row} for row in how.left_out],
                 "pixels_sha256": hashlib.sha256(np.ascontiguousarray(marks).tobytes()).hexdigest(),
                 "marked_share": round(float((marks > 0).mean()), 6), "restored_share": round(share, 6),
                 "pixels_changed_outside": touched},
        "tasks": list(tasks), "kind": wish.kind, "pick": wish.pick, "noise_grey_levels": ready.noise,
        "blur": ready.blur and ready.blur.record(),
        "model": {"name": tools.model.name, "sha256": tools.model.sha256},
        "seed": plan.seed, "samples": plan.samples, "plan": repr(plan),
        "sigmas": [round(float(s), 5) for s in plan.sigmas()],
        "space": repr(plan.space()), "guidance": restored.guidance,
        "network_evaluations": restored.evaluations, "tiles": restored.tiles,
        "departures": departures,
        "interval": {"level": tools.calibration.level, "calibrated": restored.calibrated,
                     "unit": "fraction of white; interval.png holds 65535 times the half-width"},
        "regions": [dict(r) for r in restored.regions[:REGIONS]], "regions_in_all": len(restored.regions),
        "notes": list(chosen.notes),
        "made_with": {"difusa": difusa.__version__, "torch": torch.__version__, "threads": torch.get_num_threads(),
                      "cpu": cpu_name(), "device": tools.device,
                      "precision": str(getattr(tools.network, "precision", torch.float32)).removeprefix("torch.")},
    }  # fmt: skip
