"""What a table of attributes gives away of the people in it: singling out and linking (Giomi et al. 2023, Anonymeter).

An attacker who holds the synthetic table guesses about the training rows; the same attacker guesses about real rows that were not
trained on, and only what he gains over that counts: risk = (attack - control) / (1 - control), eq. 2 there.
"""

import numpy as np

from difusa.ethics.findings import Finding, judged
from difusa.shared.metrics import Interval
from difusa.shared.passport.saying import Said

AUDIT = "privacy"
GUESSES = 500
COLUMNS = 3  # of a predicate


def is_number(column: np.ndarray) -> bool:
    return np.issubdtype(np.asarray(column).dtype, np.number)


def coded(tables: list[dict[str, np.ndarray]], names: list[str]) -> list[np.ndarray]:
    """The columns as numbers [n, columns]: numbers as they are, text as the place of its value among all tables' values."""
    joined = {}
    for name in names:
        columns = [np.asarray(t[name]) for t in tables]
        if all(is_number(c) for c in columns):
            joined[name] = [c.astype(float) for c in columns]
        else:
            values = np.unique(np.concatenate([c.astype(str) for c in columns]))
            joined[name] = [np.searchsorted(values, c.astype(str)).astype(float) for c in columns]
    return [np.stack([joined[n][i] for n in names], 1) for i in range(len(tables))]


def gain(attack: np.ndarray, control: np.ndarray) -> Interval:
    """The risk with its 95 % interval (Newcombe 1998, method 10); attack and control are hits [g], 0 or 1."""
    from difusa.shared.metrics import share

    a, c = share(attack), share(control)
    rest = max(1 - c.value, 1e-9)
    low = a.value - c.value - np.hypot(a.value - a.low, c.high - c.value)
    high = a.value - c.value + np.hypot(a.high - a.value, c.value - c.low)
    return Interval((a.value - c.value) / rest, float(low / rest), float(high / rest), len(attack), len(attack))


def singled_out(other: np.ndarray, rows: np.ndarray, numeric: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hits [at most GUESSES]: a predicate that fits one synthetic row alone fits one row of `rows` alone.

    A predicate holds COLUMNS columns of a synthetic row: numbers at or beyond its value (away from the median), others equal.
    Each counts once, however often it is drawn: of few columns with few values there are few of them.
    """
    middle, found, known = np.median(other, 0), [], set()
    for _ in range(GUESSES):
        row, chosen = other[rng.integers(len(other))], np.sort(rng.permutation(other.shape[1])[:COLUMNS])
        predicate = (*chosen.tolist(), *row[chosen].tolist())
        if predicate in known:
            continue
        known.add(predicate)

        def fits(table, row=row, chosen=chosen):
            kept = np.ones(len(table), bool)
            for c in chosen:
                beyond = table[:, c] >= row[c] if row[c] > middle[c] else table[:, c] <= row[c]
                kept &= beyond if numeric[c] else table[:, c] == row[c]
            return kept.sum()

        if fits(other) == 1:
            found.append(fits(rows) == 1)
    return np.array(found, float)


def linked(
    other: np.ndarray, rows: np.ndarray, numeric: np.ndarray, halves: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Hits [n]: the synthetic row nearest to a row's first half of columns is also nearest to its second half.

    Gower's distance: numbers over their range, others 0 or 1.
    """
    width = np.maximum(np.ptp(other, axis=0), 1e-9)
    hits = []
    for row in rows:
        apart = np.where(numeric, np.abs(other - row) / width, other != row)
        sums = [apart[:, half].sum(1) for half in halves]
        found = [np.flatnonzero(s <= s.min() + 1e-12) for s in sums]
        hits.append(len(np.intersect1d(*found)) > 0 and max(map(len, found)) == 1)
    return np.array(hits, float)


def attribute_tables(
    other: dict[str, np.ndarray], train: dict[str, np.ndarray], held: dict[str, np.ndarray], limit: float, seed: int = 0
) -> list[Finding]:
    """Findings on the columns that all three tables have; fails where the whole interval of a risk lies above `limit`.

    Raises ValueError for fewer than two common columns.
    """
    names = sorted(set(other) & set(train) & set(held))
    if len(names) < 2:
        raise ValueError(f"the tables share the columns {names}: two are needed at least")
    numeric = np.array([is_number(train[n]) for n in names])
    synthetic, seen, unseen = coded([other, train, held], names)
    size = min(len(seen), len(unseen))
    rng = np.random.default_rng(seed)
    seen, unseen = seen[rng.permutation(len(seen))[:size]], unseen[rng.permutation(len(unseen))[:size]]
    halves = tuple(np.array_split(rng.permutation(len(names)), 2))
    risks = {"linking": gain(*(linked(synthetic, rows, numeric, halves) for rows in (seen, unseen)))}
    guesses = [singled_out(synthetic, rows, numeric, np.random.default_rng(seed + 1)) for rows in (seen, unseen)]
    if len(guesses[0]):
        risks["singling out"] = gain(*guesses)
    note = Said("gain over guesses about real rows never trained on; columns: {names}", names=", ".join(names))
    return [at_least(name, risk, limit, note) for name, risk in risks.items()]


def at_least(name: str, risk: Interval, limit: float, note: str) -> Finding:
    """Judged by the lower end of the interval: these attacks guess, and a guess proves nothing."""
    from dataclasses import replace

    found = judged(AUDIT, name, replace(risk, value=risk.low), limit, "low", note)
    return replace(found, value=risk.value)
