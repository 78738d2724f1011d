"""How near drawn molecules come to the properties asked for, by a judge trained on molecules that the generator never saw.

EDM's protocol (Hoogeboom et al. 2022, sec. 5.2): each property alone as the wish, drawn from the training data together with the
molecule's size; mean absolute error between wish and the judge's prediction over all draws. Beside it the judge's own error on
held-out molecules (no generator can be seen to do better), the best guess from the number of atoms, and the judge's
predictions against shuffled truths, which is what a generator deaf to its wishes gets.
"""

from collections.abc import Callable, Sequence

import numpy as np

from difusa.shared.conformal import curve
from difusa.shared.metrics import Interval, interval, share


def error(asked: np.ndarray, judged: np.ndarray) -> Interval:
    """Mean absolute error of judged [n] against asked [n], with its 95 % interval. Rows that were not judged (NaN) are left out:
    count them apart. Raises ValueError when none is left."""
    seen = np.isfinite(asked) & np.isfinite(judged)
    if not seen.any():
        raise ValueError(f"none of {len(judged)} molecules could be judged")
    return interval(np.abs(asked - judged)[seen])


def by_atoms(
    atoms: np.ndarray, values: np.ndarray, new_atoms: np.ndarray, new_values: np.ndarray
) -> np.ndarray:  # fmt: skip
    """Mean absolute error [P] of guessing new_values [m, P] from the number of atoms alone: the median of the training values
    [n, P] of that number, or of the nearest number there is."""
    known = np.unique(atoms)
    medians = np.stack([np.median(values[atoms == number], axis=0) for number in known])
    nearest = np.abs(new_atoms[:, None] - known).argmin(1)
    return np.abs(medians[nearest] - new_values).mean(0)


def shuffled(judged: np.ndarray, truth: np.ndarray, seed: int = 0) -> np.ndarray:
    """Mean absolute error [P] of predictions [n, P] against the truths of other molecules."""
    return np.abs(judged - truth[np.random.RandomState(seed).permutation(len(truth))]).mean(0)


def met(judged: np.ndarray, windows: Sequence[tuple[float, float]], fit: np.ndarray) -> np.ndarray:
    """Whether each molecule has what was asked for, bool [n, T]; judged [n, T] by the judge, windows (low, high) of each target.

    fit [n]: which molecules are valid; a broken one has nothing.
    """
    low, high = np.array(windows, float).T
    return (judged >= low) & (judged <= high) & np.asarray(fit, bool)[:, None]


def bounds(packed, judge, elements: Sequence[int], half: str, count: int | None = None) -> dict[str, dict[str, float]]:
    """Of each property of the judge: `floor`, `by_atoms` and `shuffled`, on held-out molecules (`count` of the test split).

    half: of the training split, whose sizes guess; the generator's.
    """
    from difusa.domains.molecules.examples import rows_of
    from difusa.domains.molecules.packed import counts
    from difusa.domains.molecules.predicting import heldout, predict

    bare, truth = heldout(packed, "test", judge.names, elements, count)
    judged, _ = predict(judge, bare, elements)
    columns = [packed.property_names.index(name) for name in judge.names]
    rows = rows_of(packed, "train", half)
    known = packed.properties[rows][:, columns].astype(float)
    atoms = np.array([len(s) + int(s.hydrogens.sum()) for s in bare])
    guessed = by_atoms(counts(packed)[rows].sum(1), known, atoms, truth)
    floor, deaf = np.abs(judged - truth).mean(0), shuffled(judged, truth)
    return {
        name: {"floor": float(floor[k]), "by_atoms": float(guessed[k]), "shuffled": float(deaf[k])}
        for k, name in enumerate(judge.names)
    }


def judged(judge, molecules: Sequence, elements: Sequence[int]) -> np.ndarray:
    """The judge's predictions [n, P] of drawn molecules; not a number where a molecule has no skeleton or no finite place."""
    from difusa.domains.molecules.predicting import fitting, predict

    bare = [fitting(m, elements) if np.isfinite(m.positions).all() else None for m in molecules]
    found = np.full((len(bare), len(judge.names)), np.nan)
    rows = [k for k, s in enumerate(bare) if s is not None]
    if rows:
        found[rows] = predict(judge, [bare[k] for k in rows], elements)[0]
    return found


def asked_alone(draw: Callable, judge, elements: Sequence[int]) -> dict[str, dict]:
    """EDM's protocol: {property: {value, low, high, n, groups, drawn, valid}}.

    draw(targets) -> molecules with the tags of `generate`; called once for each property of the judge with a range that is
    open on both sides, which draws the wish from the training data with its size.
    """
    from difusa.domains.molecules.wishes import TAGS
    from difusa.shared.targets import Target

    found = {}
    for k, name in enumerate(judge.names):
        molecules = draw((Target(name, -np.inf, np.inf),))
        wish = np.array([m.tags[f"WISH_{TAGS.get(name, name.upper())}"] for m in molecules], float)
        valid = float(np.mean([m.tags["VALID"] for m in molecules]))
        told = vars(error(wish, judged(judge, molecules, elements)[:, k]))
        found[name] = told | {"drawn": len(molecules), "valid": valid}
    return found


def in_ranges(draw: Callable, judge, elements: Sequence[int], targets: Sequence, spread: dict[str, float]) -> dict:
    """Ranges asked for together: hit rate by the judge, of each and of all, and the curve of the guide's P_ALL.

    draw as in `asked_alone`, with a guide; spread: standard deviation of each property, for single values. Keys: `hit` and
    `told` (mean P) by property and `all`, `curve`, `drawn`, `valid`.
    """
    molecules = draw(tuple(targets))
    fit = np.array([m.tags["VALID"] for m in molecules], bool)
    columns = [judge.names.index(t.name) for t in targets]
    hits = met(judged(judge, molecules, elements)[:, columns], [t.window(spread[t.name]) for t in targets], fit)
    names = [*(t.name for t in targets), "all"]
    each = [*hits.T, hits.all(1)]
    said = {name: np.array([m.tags[f"P_{name.upper()}"] for m in molecules], float) for name in names}
    return {
        "hit": {name: vars(share(hit.astype(float))) for name, hit in zip(names, each, strict=True)},
        "told": {name: float(value.mean()) for name, value in said.items()},
        "curve": curve(said["all"], hits.all(1)),
        "drawn": len(molecules),
        "valid": float(fit.mean()),
    }


def drawer(
    model: str, *, count: int, steps: int = 50, seed: int = 0, guidance: float = 1.0, steering: float = 0.0,
    exact: bool = False,    guide: str | None = None, hydrogens: str | None = None, device: str = "cpu", batch: int = 1000,
) -> Callable:  # fmt: skip
    """draw(targets) -> `count` raw draws of a model that hears properties, as `asked_alone` and `in_ranges` want them.

    exact: each molecule also has the number of hydrogens of the training molecule that lent its wish, so that its number of
    atoms is given, as it is in EDM's protocol; otherwise the network decides.
    """
    from dataclasses import replace

    from difusa.domains.molecules.aims import Aims, aims, guide_of, helm_of
    from difusa.domains.molecules.asked import ask
    from difusa.domains.molecules.drawing import Tools
    from difusa.domains.molecules.drawing import draw as drawn
    from difusa.domains.molecules.plan import Plan
    from difusa.domains.molecules.verbs import pair

    found, placer, sizes, _ = pair(model, hydrogens)
    wishes = aims(found.folder, ()).wishes
    if wishes is None:
        raise ValueError(f"model {found.name!r} hears no property")
    networks, plan = (found.load(device), placer.load(device)), Plan(
        steps=steps, seed=seed, guidance=guidance, steering=steering
    )  # fmt: skip

    def draw(targets: Sequence) -> list:
        aim = Aims(wishes, tuple(targets))
        asked = replace(ask(sizes), wishes=wishes, targets=aim.targets, exact=exact)
        teller, _ = guide_of(found, sizes.elements, guide, aim, device)
        tools = Tools(*networks, plan, asked, {}, guide=teller, helm=helm_of(teller, aim))
        parts = (range(k, min(k + batch, count)) for k in range(0, count, batch))
        return [m for part in parts for m in drawn(tools, part)]

    return draw
