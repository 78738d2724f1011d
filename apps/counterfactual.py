"""The verb `difusa counterfactual`: pairs of one seed that differ in one condition, and what changes with it."""

import tempfile
from collections.abc import Callable
from pathlib import Path


def counterfactual(
    recipe: Path,
    *,
    change: str,
    values: tuple[str, ...],
    report: Path,
    count: int = 100,
    against: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Draw pairs that differ in one condition and nothing else, and tell what changes with it, pair by pair.

    Both of a pair come from one seed. Told are the mean differences, with 95 % intervals, of what the index would say of a
    sample, of signs of artefacts in pictures, of validity, and how far the two lie apart in the audit's features.

    recipe: TOML file as for `difusa batch`, or the name of one that ships; all but the changed condition stands as it says.
    change: the condition, such as field, kind, atoms or crystal_system.
    values: its two values: --values A --values B; told is B less A.
    report: HTML page to write; its JSON lies beside it.
    count: pairs.
    against: the real set, for the distance to the nearest real thing.
    progress: called with (done, total) pairs.

    Returns the report as JSON. Raises ValueError or OSError with the way out.
    """
    from difusa.datasets.batch import shipped
    from difusa.datasets.pairing import pairs
    from difusa.datasets.recipe import read
    from difusa.datasets.work import one_thread
    from difusa.ethics import counterfactual as pairwise
    from difusa.ethics.findings import Report, as_json
    from difusa.ethics.loading import kinds, load
    from difusa.ethics.page import page
    from difusa.shared.files import plain, write_atomic, write_json
    from difusa.shared.run import Run

    if len(values) != 2 or count < 1:
        raise ValueError(f"--values {' '.join(values)}, --count {count}: two values and at least one pair are needed")
    chosen = read(shipped(recipe))
    kind = kinds()[chosen.domain]
    real = load(Path(against), kind) if against else None
    one_thread()
    with Run("counterfactual", seed=chosen.seed, progress=progress) as run:
        factory, drawn = pairs(chosen, change, values, count)
        made = []
        for pair in drawn:
            made.append(pair)
            run.progress(len(made), count)
        found = compared(made, kind, factory, change, values, real)
    rows = pairwise.differences(found, None if real is None else _fit(kind, real)(real.features))
    about = {
        "domain": chosen.domain, "recipe": chosen.name, "recipe_sha256": chosen.sha256, "changed": change,
        "values": f"{values[0]} → {values[1]}", "pairs": count, "n": len(found.whole), "seed": chosen.seed,
        "features": kind.space, "against": str(against or ""),
    }  # fmt: skip
    caption = "second less first, over its spread among the pairs, with 95 % intervals; red: away from 0"
    shown = Report(tuple(rows), about, {caption: pairwise.figure(found, rows)})
    told = plain(as_json(shown))
    write_atomic(Path(report), lambda p: p.write_bytes(page(shown)))
    write_json(Path(report).with_suffix(".json"), told)
    for f in told["findings"]:
        ends = "" if f["low"] is None else f"[{f['low']:.4g}, {f['high']:.4g}]"
        print(f"{f['name']:40} {f['value']:10.4g} {ends:24} {f['note']}")
    return told


def compared(made: list, kind, factory, change: str, values: tuple[str, str], real):
    """ethics.counterfactual.Pairs of what was drawn."""
    import numpy as np

    from difusa.ethics.artefacts import signs
    from difusa.ethics.counterfactual import Pairs
    from difusa.ethics.loading import of_things
    from difusa.shared.passport.carriers import packed

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for row, pair in enumerate(made):
            for side, sample in zip("ab", pair):
                suffix = next((s for s in sample.files if f".{s}".endswith(kind.suffixes)), None)
                if suffix:
                    data = sample.files[suffix]
                    paths.append(Path(folder) / f"{row:06d}{side}.{suffix}")
                    paths[-1].write_bytes(packed(data) if suffix.endswith(".gz") else data)
        things, _ = kind.load(paths)
    samples = of_things(things, kind) if things else None
    place = {name[:7]: i for i, name in enumerate(samples.ids)} if samples else {}
    whole = [r for r in range(len(made)) if f"{r:06d}a" in place and f"{r:06d}b" in place]
    both = [[place[f"{r:06d}{side}"] for side in "ab"] for r in whole]
    features = samples.features[np.array(both, int).reshape(-1, 2)] if samples else np.zeros((0, 2, 1))
    if len(whole):
        fit = _fit(kind, real or samples)
        features = np.stack([fit(features[:, side]) for side in (0, 1)], axis=1)
    figures = numbers([made[r] for r in whole], factory.named)
    if kind.pixels is not None and whole:
        told = [[signs(kind.pixels(samples.read(i))) for i in pair] for pair in both]
        figures |= {name: np.array([[t[name] for t in pair] for pair in told]) for name in told[0][0]}
    valid = np.array([[bool(s.files) and not s.reason for s in pair] for pair in made])
    return Pairs(change, values, valid, np.array(whole, int), features, figures, factory.facts)


def _fit(kind, known):
    return kind.fit(known.features)


def numbers(made: list, named: tuple[str, ...] = ()) -> dict:
    """Facts of the pairs that are numbers or truth values in all of them, none of those `named`: name -> [m, 2]."""
    import numpy as np

    names = list(made[0][0].facts) if made else []
    told = {n: [[s.facts.get(n) for s in pair] for pair in made] for n in names}
    return {
        n: np.array(rows, float)
        for n, rows in told.items()
        if n not in named and all(isinstance(v, int | float | np.number | np.bool_) for row in rows for v in row)
    }
