"""The verbs of heritage: restore a damaged picture and show what was invented; undo gives the original back."""

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from difusa.domains.heritage.bundle import undo
from difusa.domains.heritage.data import SUFFIXES, encode, load
from difusa.domains.heritage.export import check_target
from difusa.shared.run import Counter as Evaluations
from difusa.shared.run import Progress, Run

__all__ = ["restore", "undo"]


def restore(
    picture: list[Path],
    *,
    out: Path | None = None,
    mask: Path | None = None,
    find_damage: bool = False,
    keep_on_faces: bool = False,
    mask_origin: str = "given",
    task: str | None = None,
    samples: int = 4,
    pick: str = "mean",
    noise: float | None = None,
    blur: str | None = None,
    border: int = 64,
    kind: str = "unknown",
    steps: int | None = None,
    seed: int = 0,
    sampler: str = "dpmpp_2m",
    guidance: float = 1.0,
    temperature: float = 1.0,
    report: Path | None = None,
    passport: bool = True,
    watermark: bool = True,
    c2pa: bool = False,
    model: str = "restorer",
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 4,
    progress: Progress | None = None,
) -> dict:
    """Restore damaged pictures; pixels outside the damage stay bit-identical, and a bundle shows what was invented.

    Writes OUT (.tif or .png, at the input's bit depth) and OUT.bundle.zip beside it: the original's bytes, the mask,
    the invention map, the 90 % interval and an intervention report. Samples come in pairs of mirrored noise.

    picture: the damaged picture, several of them, or a folder (TIFF, PNG, JPEG, WebP).
    out: where the restored picture goes (.tif or .png); a folder when there are several.
    mask: picture of the same size, non-zero = damaged; for several pictures a folder of masks with the same names.
    find_damage: find the damage automatically (added to the mask, if one is given).
    keep_on_faces: keep found damage that lies on eyes, nostrils and lips; else it is left out, and the report lists it.
    mask_origin: how the given mask was made, for the report: given (not known), drawn, found (by `find`), or
        reviewed (found, then corrected by a person).
    task: comma-separated from inpaint, denoise, deblur, jpeg, sr2, sr4, colour, outpaint; inpaint alone with a mask.
        A mask without inpaint says where the other tasks may change pixels. colour draws one change of the whole
        picture a sample and comes last, on what the other tasks made, whichever the model.
    samples: versions to draw; OUT is their mean.
    pick: mean (fewest errors) or sample (one version, with its texture).
    noise: standard deviation of the noise in 8-bit grey levels, for denoise; estimated when left out.
    blur: the blur that deblur undoes, motion:LENGTH,ANGLE (px, degrees anticlockwise from horizontal) or gaussian:SIGMA
        (px), such as motion:9,30 or gaussian:1.5; estimated from the whole picture when left out.
    border: pixels to add on each side, for outpaint.
    kind: painting, photograph, manuscript or unknown.
    steps: network evaluations a sample, at most; by default 3, and 12 of the small network of colour.
    seed: the same seed gives the same bytes.
    sampler: one of the core's samplers.
    guidance: weight of the kind against "unknown"; 1 is off, and other values depart from the posterior.
    temperature: factor of the noise; 1 samples the prior, other values depart from it.
    report: JSON file for the run's figures.
    passport: sign OUT and write OUT.passport.json, by which `difusa verify` knows it. The signature lies in the file, beside
        the pixels, and depends on your keys.
    watermark: mark what was restored, and no other pixel, so that `difusa watermark read` knows it with your key when the
        passport is gone; the passport tells how to take it out again. Then the restored pixels too depend on your keys.
    c2pa: put Content Credentials (C2PA) into OUT, which other programs read; they differ from run to run.
    model: shipped model or a folder written by `difusa train`.
    device: cpu or cuda.
    threads: number of CPU threads; bytes depend on it.
    batch: samples carried at once; bytes do not depend on it.
    progress: called with (done, total) network runs.

    Returns the run's figures, also written to `report`. Raises ValueError or OSError with the way out; of several
    pictures the good ones are finished first. Nothing half-written is left behind, also when it is stopped.
    """
    from difusa.domains.heritage.intervals import load_calibration
    from difusa.domains.heritage.intervention import ORIGINS
    from difusa.domains.heritage.posterior import Plan
    from difusa.domains.models import find
    from difusa.shared.run import Meter, set_threads

    if pick not in ("mean", "sample"):
        raise ValueError(f"--pick {pick}: mean or sample")
    if c2pa and not passport:
        raise ValueError("--c2pa: Content Credentials are part of the passport; leave out --no-passport")
    if c2pa:
        import_module("c2pa")  # missing? then told before the work, not after it
    if mask_origin not in ORIGINS:
        raise ValueError(f"--mask-origin {mask_origin}: there are {', '.join(ORIGINS)}")
    jobs = _jobs(picture, out, mask)
    set_threads(threads)
    found = find(model, domain="heritage")
    if found.meta.get("trains") != "restorer":
        raise ValueError(f"model {found.name!r} is a {found.meta.get('trains')}, not a restorer; use --model restorer")
    bounds = {k: found.meta[k] for k in ("sigma_min", "sigma_max") if k in found.meta}
    how = {"sampler": sampler, "seed": seed, "guidance": guidance, "temperature": temperature, "batch": batch}
    plan = Plan(
        samples, micro=1 if device == "cpu" else 8, **how, **bounds, **({} if steps is None else {"steps": steps})
    )
    with Run("heritage restore", seed=seed, model=found, device=device, progress=progress) as run:
        tools = Tools(found.load(device), found, load_calibration(found.folder, found.sha256), plan, device, run)
        wish = Wish(
            task,
            pick,
            find_damage,
            noise,
            border,
            kind,
            blur,
            keep_on_faces,
            mask_origin,
            steps,
            passport,
            c2pa,
            watermark,
        )
        done, failed = [], {}
        for source, target, marks in jobs:
            run.progress = Meter() if progress is None else progress
            try:
                check_target(target)
                done.append(_restore_file(source, target, marks, wish, tools))
            except (ValueError, OSError) as error:
                if len(jobs) == 1:
                    raise
                failed[str(source)] = str(error)
                print(f"not restored: {error}", file=sys.stderr)
        figures = run.write(report, samples=samples, plan=repr(plan), pictures=done, failed=failed)
    if failed:
        raise ValueError(f"{len(failed)} of {len(jobs)} pictures were not restored: {'; '.join(failed.values())}")
    return figures


@dataclass(frozen=True)
class Wish:
    """What the user asked for, the same for every picture."""

    task: str | None
    pick: str
    find_damage: bool
    noise: float | None
    border: int
    kind: str
    blur: str | None = None
    keep_on_faces: bool = False
    mask_origin: str = "given"
    steps: int | None = None
    passport: bool = True
    c2pa: bool = False
    watermark: bool = True


@dataclass(frozen=True)
class Tools:
    """What it is done with, the same for every picture."""

    network: object
    model: object
    calibration: object
    plan: object
    device: str
    run: Run


def _restore_file(source: Path, target: Path, marks: Path | None, wish: Wish, tools: Tools) -> dict:
    """One picture from file to file; the figures of its row in the run's report."""
    from difusa.domains.heritage import recolouring
    from difusa.domains.heritage.intervention import ORIGINS, Marked, write_results
    from difusa.domains.heritage.observation import load_mask, parse_tasks, prepare
    from difusa.domains.heritage.restoring import restore_picture

    picture = load(source)
    mask, left_out = load_mask(marks, picture) if marks else None, ()
    if wish.find_damage:
        found = _found(picture, tools.device, wish.keep_on_faces)
        left_out = found.left_out
        print(
            f"{source}: {found.mask.mean():.1%} found damaged"
            + (f", {len(left_out)} marks on a face left out (--keep-on-faces keeps them)" if left_out else "")
            + "; look at the mask in the bundle: eyes, lips and pen strokes can be taken for damage",
            file=sys.stderr,
        )
        mask = found.mask if mask is None else found.mask | mask
    tasks = parse_tasks(wish.task, mask is not None)
    if mask is not None and not mask.any():
        print(f"{source}: the mask is empty, nothing is damaged: pixels are written as they are", file=sys.stderr)
    if mask is not None and mask.all():
        print(f"{source}: the mask covers the whole picture: all of it will be invented", file=sys.stderr)
    others = tuple(t for t in tasks if t != "colour")
    plan, colour_plan = recolouring.plans(tools.plan, wish.steps, tasks)
    tools = replace(tools, plan=plan)
    ready = prepare(
        picture, mask, others or tasks, noise=wish.noise, border=wish.border, kind=wish.kind, blur=wish.blur
    )
    restored = recolouring.untouched(ready) if not others else restore_picture(
        tools.network, ready, tools.plan, others, tools.calibration, device=tools.device,
        progress=tools.run.progress, watch=tools.run.counted,
        tell=lambda text: print(f"{source}: {text}", file=sys.stderr),
    )  # fmt: skip
    if "colour" in tasks:
        colourist = recolouring.tool(tools.device)
        seen = recolouring.doubted(ready, None if mask is None or "inpaint" in tasks else mask)
        restored = recolouring.recolour(
            restored, seen, colourist, colour_plan, device=tools.device, watch=tools.run.counted
        )
        tools.run.counters.append(Evaluations(restored.evaluations))  # both walks belong to one sample
        if not others:  # then the report names the colourist and nothing else
            about = {"network": colourist.network, "model": colourist.model, "calibration": colourist.calibration}
            tools = replace(tools, plan=colour_plan, **about)
    how = Marked((ORIGINS[wish.mask_origin],) * bool(marks) + (ORIGINS["found"],) * wish.find_damage, left_out)
    return write_results(source, target, picture, ready, restored, mask, how, tasks, wish, tools)


def _found(picture, device: str, keep_on_faces: bool):
    from difusa.domains.heritage.find import beside_features, damage_in
    from difusa.domains.models import find

    found = damage_in(encode(picture.pixels), find("finder", domain="heritage"), device=device)
    return found if keep_on_faces else beside_features(found, picture.pixels)


def _jobs(picture, out, mask) -> list[tuple[Path, Path, Path | None]]:
    """(input, output, mask) for each picture to restore."""
    given = [picture] if isinstance(picture, str | Path) else list(picture)
    several = len(given) > 1 or Path(given[0]).is_dir()
    sources = []
    for path in map(Path, given):
        if path.is_dir():
            sources += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        else:
            sources.append(path)
    if out is None:
        raise ValueError("--out is missing: name the restored picture (OUT.tif or OUT.png), or a folder for several")
    if not sources:
        raise ValueError(f"{given[0]}: no picture in this folder ({', '.join(SUFFIXES)})")
    if not several:
        if not sources[0].exists():
            raise ValueError(f"{sources[0]}: no such file")
        if Path(out).resolve() == sources[0].resolve():
            raise ValueError(f"--out {out} is the picture itself: name another file, the original is never overwritten")
        return [(sources[0], Path(out), Path(mask) if mask else None)]
    if Path(out).suffix and not Path(out).is_dir():
        raise ValueError(f"--out {out}: several pictures need a folder")
    if mask and not Path(mask).is_dir():
        raise ValueError(f"--mask {mask}: several pictures need a folder of masks with the same names")
    targets = [Path(out) / f"{p.stem}.tif" for p in sources]
    if twice := [t.name for t in targets if targets.count(t) > 1]:
        raise ValueError(f"--out {out}: two pictures would both become {twice[0]}; restore them into different folders")
    return [(p, t, _mask_for(mask, p)) for p, t in zip(sources, targets, strict=True)]


def _mask_for(mask, source: Path) -> Path | None:
    if not mask:
        return None
    found = sorted(p for p in Path(mask).iterdir() if p.stem == source.stem and p.suffix.lower() in SUFFIXES)
    return found[0] if found else Path(mask) / f"{source.stem}.png"
