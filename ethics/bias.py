"""Whom a synthetic set leaves out or serves worse: quality, coverage and numbers by subgroup, and a recipe that mends it."""

from dataclasses import replace

import numpy as np

from difusa.ethics.fidelity import NEIGHBOURS, kth
from difusa.ethics.findings import FEWEST, SILENT, Finding, judged, noted
from difusa.ethics.nearest import distances
from difusa.ethics.samples import Samples
from difusa.shared.metrics import Interval, share
from difusa.shared.passport.saying import Said

AUDIT = "bias"
RESAMPLES = 4000


def classes(column: np.ndarray, edges: np.ndarray | None = None) -> np.ndarray:
    """Subgroups of a column as text; numbers are cut at `edges`, by default at their quartiles."""
    from difusa.ethics.tables import is_number

    if not is_number(column):
        return np.asarray(column).astype(str)
    edges = quartiles(column) if edges is None else edges
    names = [f"< {edges[0]:.4g}", *(f"{a:.4g} to {b:.4g}" for a, b in zip(edges, edges[1:])), f">= {edges[-1]:.4g}"]
    return np.array(names)[np.searchsorted(edges, column, side="right")]


def quartiles(column: np.ndarray) -> np.ndarray:
    return np.unique(np.quantile(np.asarray(column, float), [0.25, 0.5, 0.75]))


def met(real: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which real things [n] have a synthetic one within the reach of their own neighbours (coverage, Naeem et al. 2020)."""
    return distances(real, other).min(1) <= kth(distances(real, real), NEIGHBOURS)


def plausible(real: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which synthetic things [n] lie within the reach of a real one (precision, Kynkaanniemi et al. 2019)."""
    return (distances(real, other) <= kth(distances(real, real), NEIGHBOURS)[:, None]).any(0)


def gap(hits: np.ndarray, groups: np.ndarray, seed: int = 0) -> Interval:
    """Greatest less least share of hits (0 or 1) among the groups, by fairlearn's MetricFrame, with its 95 % bootstrap interval.

    Things are drawn anew within each group, which for hits is a binomial number of them: no need to draw them one by one.
    """
    from fairlearn.metrics import MetricFrame, selection_rate

    frame = MetricFrame(metrics=selection_rate, y_true=hits, y_pred=hits, sensitive_features=groups)
    names, counts = np.unique(groups, return_counts=True)
    shares = np.array([frame.by_group.loc[name] for name in names], float)
    drawn = np.random.default_rng(seed).binomial(counts, shares, (RESAMPLES, len(names))) / counts
    low, high = np.quantile(np.ptp(drawn, axis=1), [0.025, 0.975])
    value = float(frame.difference())  # drawn gaps are wider than it where groups are alike: the low end is held at it
    return Interval(value, min(float(low), value), float(high), len(hits), len(names))


def by_group(name: str, attribute: str, hits: np.ndarray, groups: np.ndarray, null: dict[str, float], factor: float):
    """Findings: the worst group against `factor` of what real scores against real there, and the gap between groups.

    Groups of fewer than FEWEST things are named, and nothing is claimed of them. A group fails only where its whole 95 % interval
    lies below the bound.
    """
    values, counts = np.unique(groups, return_counts=True)
    enough = values[counts >= FEWEST]
    few = ", ".join(str(v) for v in values[counts < FEWEST])
    if not len(enough):
        return [
            Finding(
                AUDIT, f"{attribute}: {name}", None, None, None, 0, None, "", SILENT, Said("too few in: {few}", few=few)
            )
        ]
    kept = np.isin(groups, enough)
    shares = {str(v): share(hits[groups == v]) for v in enough}
    worst = min(shares, key=lambda v: shares[v].value / max(null[v], 1e-9))
    found, bound = shares[worst], factor * null[worst]
    note = Said("worst group: {worst}; real against real there: {null}", worst=worst, null=f"{null[worst]:.2f}")
    first = judged(AUDIT, f"{attribute}: {name}, worst group", replace(found, value=found.high), bound, "high", note)
    rows = [replace(first, value=found.value)]
    if len(enough) > 1:
        apart = gap(hits[kept].astype(int), groups[kept])
        note = Said("greatest less least of {groups} groups, by fairlearn", groups=len(enough))
        rows.append(judged(AUDIT, f"{attribute}: {name}, gap", apart, note=note))
    if few:
        rows.append(
            noted(
                AUDIT,
                f"{attribute}: groups without a claim",
                float((~kept).sum()),
                len(groups),
                Said("too few in: {few}", few=few),
            )
        )
    return rows


def subgroups(real: Samples, other: Samples, attribute: str, factor: float, rng: np.random.Generator, most: int = 3000):
    """Coverage of the real things of each subgroup, and plausibility of the synthetic ones where they carry the attribute."""
    size = min(len(real) // 2, len(other), most)
    order = rng.permutation(len(real))
    first, second = real.take(order[:size]), real.take(order[size : 2 * size])
    drawn = other.take(rng.permutation(len(other))[:size])
    edges = None if not numbers(real, attribute) else quartiles(real.attributes[attribute])
    groups = classes(first.attributes[attribute], edges)
    null = means(met(first.features, second.features), groups)
    rows = by_group("coverage", attribute, met(first.features, drawn.features), groups, null, factor)
    if attribute in other.attributes:
        known = classes(second.attributes[attribute], edges)
        null = means(plausible(first.features, second.features), known)
        groups = classes(drawn.attributes[attribute], edges)
        foreign = {str(g): 1.0 for g in np.unique(groups) if str(g) not in null}
        rows += by_group(
            "plausibility", attribute, plausible(first.features, drawn.features), groups, null | foreign, factor
        )
    return rows


def numbers(samples: Samples, attribute: str) -> bool:
    from difusa.ethics.tables import is_number

    return is_number(samples.attributes[attribute])


def means(hits: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    return {str(g): float(hits[groups == g].mean()) for g in np.unique(groups)}


def representation(
    column: np.ndarray, target: dict[str, float], attribute: str, factor: float, source: str = ""
) -> list[Finding]:
    """The subgroup that lacks most against its target share, and how far all are (total variation).

    target: subgroup -> share, summing to 1. Fails where the whole interval of that subgroup's share lies below `factor` of its
    target. Raises ValueError for shares that do not sum to 1.
    """
    if abs(sum(target.values()) - 1) > 1e-6 or min(target.values()) < 0:
        raise ValueError(f"target shares of {attribute} sum to {sum(target.values()):.4f}, not to 1")
    groups = np.asarray(column).astype(str)
    shares = {g: share(groups == g) for g in target}
    asked = [g for g in target if target[g] * len(groups) >= FEWEST]
    if not asked:
        note = Said("too few in: {few}", few=", ".join(target))
        return [Finding(AUDIT, f"{attribute}: representation", None, None, None, len(groups), None, "", SILENT, note)]
    worst = min(asked, key=lambda g: shares[g].value / target[g])
    note = Said(
        "{worst}: target {share} ({source})",
        worst=worst,
        share=f"{target[worst]:.3f}",
        source=source or "as the real set",
    )
    found = judged(
        AUDIT, f"{attribute}: representation, worst group", replace(shares[worst], value=shares[worst].high),
        factor * target[worst], "high", note,
    )  # fmt: skip
    away = (
        sum(abs(shares[g].value - target[g]) for g in target) / 2 + float((~np.isin(groups, list(target))).mean()) / 2
    )
    note = "total variation: 0 = as the target, 1 = nothing in common"
    return [
        replace(found, value=shares[worst].value),
        noted(AUDIT, f"{attribute}: distance from the target", away, len(groups), note),
    ]


def repair(column: np.ndarray, target: dict[str, float], more: int | None = None) -> dict[str, int]:
    """How many things of each subgroup to add: the fewest that bring all shares to the target, or `more` in all."""
    groups = np.asarray(column).astype(str)
    counts = {g: int((groups == g).sum()) for g in target}
    total = max(counts[g] / t for g, t in target.items() if t > 0)
    if more is not None:
        total = max(total, sum(counts.values()) + more)
    found = {g: max(0, round(total * t) - counts[g]) for g, t in target.items()}
    if more is not None:  # rounding
        found[max(found, key=found.get)] += more - sum(found.values())
    return found


def repairs(columns: dict[str, np.ndarray], targets: dict[str, dict[str, float]]) -> dict[str, dict[str, int]]:
    """Attribute -> subgroup -> how many to add, as many in all for each attribute: the same things top up all of them."""
    alone = {a: sum(repair(columns[a], t).values()) for a, t in targets.items()}
    return {a: repair(columns[a], t, max(alone.values())) for a, t in targets.items()}


def recipe_of(repairs: dict[str, dict[str, int]]) -> str:
    """The top-up as quotas, for whoever makes the set by other means than `difusa batch`."""
    quotas = [(a, g, n) for a, counts in repairs.items() for g, n in counts.items() if n]
    return "\n".join(f'[[quotas]]\nwhere = {{ "{a}" = "{g}" }}\nleast = {n}\n' for a, g, n in quotas)


def tone(rgb: np.ndarray) -> float:
    """Individual typology angle in degrees of skin pixels uint8 [n, 3]: arctan((L* - 50) / b*), over their medians.

    Chardon et al. 1991: above 55 very light, 41 light, 28 intermediate, 10 tan, -30 brown, below dark. Lighting and the
    photograph's own colours go into it: compare only pictures taken alike.
    """
    from skimage.color import rgb2lab

    lightness, _, yellow = np.median(rgb2lab(rgb.reshape(-1, 1, 3) / 255.0).reshape(-1, 3), axis=0)
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))
