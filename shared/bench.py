"""The bench harness: rows of (method, task) with intervals, each stored at once, interrupted runs resumed item by item.

A bench scores items (a crop, a molecule) with a function that returns figures by name. A row is done when all its items
are; it is then in docs/results/NAME.json, one row a line with its figures a item, and NAME.md is written beside it.
Until then every finished item waits in the work folder. A row is done again only if its key changes: method, task,
model, n, settings.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from difusa.shared.circumstances import commit, machine, peak_memory
from difusa.shared.files import write_text
from difusa.shared.metrics import Interval, averaged, interval, paired, share


@dataclass
class Bench:
    """Rows of one bench under `folder` (docs/results); `work` keeps unfinished rows.

    quick results go to NAME-quick.json, so that a small run never overwrites the full one. groups: item -> label of
    what is independent (artist, patient); intervals resample these. pooled: figures that are shares of an item's parts (a
    block of pictures), whose parts count as if they were items.
    """

    name: str
    folder: Path
    work: Path
    quick: bool = False
    resume: bool = True
    groups: dict[str, str] = field(default_factory=dict)
    pooled: tuple[str, ...] = ()
    rows: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.folder, self.work = Path(self.folder), Path(self.work)
        self.file = self.folder / f"{self.name}{'-quick' if self.quick else ''}.json"
        if self.file.exists():
            self.rows = json.loads(self.file.read_text())["rows"]

    def row(
        self,
        method: str,
        task: str,
        items: Sequence[str],
        score: Callable[[list[str]], Iterable[dict[str, object]]],
        *,
        chunk: int = 1,
        seeds: Sequence[int] = (0,),
        model: str | None = None,
        settings: dict | None = None,
        note: str = "",
        seconds: float = math.inf,
    ) -> dict:
        """The row of `method` on `task`: as stored if its key is the same, else scored and stored.

        score(chunk of items) gives one dict of figures an item, "seconds" among them. A figure is a number, an interval of
        the item's own (an item can be a set of molecules) as a dict, or text or a list, kept and not averaged. Items are
        passed `chunk` at a time.
        model: sha256 of the weights. settings: whatever else changes the figures; part of the key. After `seconds` the row
        is stored with the items it has (at least one chunk), marked partial, and a later run goes on with the others.
        """
        key = {
            "method": method,
            "task": task,
            "model": model,
            "n": len(items),
            "settings": settings or {},
            "seeds": list(seeds),
        }
        key["items"] = hashlib.sha256("\n".join(items).encode()).hexdigest()[:12]
        code = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        done = next((r for r in self.rows if r["key"] == code and not {"missing", "partial"} & set(r)), None)
        if done and self.resume:
            return done
        store = self.work / f"{self.file.stem}-{code}.jsonl"
        figures = _read_lines(store) if self.resume else {}
        left = [item for item in items if item not in figures]
        store.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with peak_memory() as peak, open(store, "a" if figures else "w", encoding="utf-8") as file:
            for start in range(0, len(left), chunk):
                part = left[start : start + chunk]
                for item, values in zip(part, score(part), strict=True):
                    figures[item] = {k: kept(v) for k, v in values.items()}
                    file.write(json.dumps({"item": item, "figures": figures[item], "peak": round(peak[0])}) + "\n")
                file.flush()
                if time.monotonic() - began > seconds:
                    break
        asked, items = len(items), [item for item in items if item in figures]
        memory = max([round(peak[0]), *(v for v in _peaks(store))])
        result = {"method": method, "task": task, "key": code, "n": len(items), "seeds": list(seeds), "model": model}
        result |= {"settings": settings or {}, "note": note, "metrics": self.summary(figures, items)}
        result |= {
            "peak_memory_mib": memory,
            "commit": commit(),
            "machine": machine(),
            "date": time.strftime("%Y-%m-%d"),
        }
        result |= {"partial": f"{len(items)} of {asked} items"} if len(items) < asked else {}
        result["items"] = {item: figures[item] for item in items}
        self._store(result)
        if len(items) == asked:
            store.unlink()
        return result

    def missing(self, method: str, task: str, cause: str) -> None:
        """A row that could not be made, with its cause; a later run that can make it replaces it."""
        if not any(r["method"] == method and r["task"] == task and "missing" not in r for r in self.rows):
            self._store({"method": method, "task": task, "key": "", "missing": cause, "commit": commit()})

    def summary(self, figures: dict, items: Sequence[str]) -> dict:
        """name -> {value, low, high, n, groups} over the items that have that figure: a bootstrap over groups of items, or
        where the items bring intervals, their mean (metrics.averaged)."""
        result = {}
        for name in dict.fromkeys(name for item in items for name in figures[item]):
            have = [item for item in items if usable(figures[item].get(name))]
            values = [figures[item][name] for item in have]
            if have and isinstance(values[0], dict) and name in self.pooled:
                count = sum(v["n"] for v in values)
                hits = round(sum(v["value"] * v["n"] for v in values))
                found = share(np.repeat([1.0, 0.0], [hits, count - hits]))
            elif have and isinstance(values[0], dict):
                found = averaged(
                    [Interval(**{k: math.nan if v is None else v for k, v in one.items()}) for one in values]
                )
            elif have:
                found = interval(values, [self.groups.get(item, item) for item in have])
            else:
                continue
            result[name] = {k: None if v != v else v for k, v in vars(found).items()}  # JSON has no NaN
        return result

    def difference(self, row: dict, baseline: dict, metric: str) -> dict | None:
        """Mean difference row - baseline of a figure on their common items, with interval; None without common
        items.
        """
        a, b = ({i: f[metric] for i, f in r.get("items", {}).items() if metric in f} for r in (row, baseline))
        common = [item for item in a if item in b]
        return vars(paired(a, b, {i: self.groups.get(i, i) for i in common})) if common else None

    def find(self, method: str, task: str) -> dict | None:
        return next((r for r in self.rows if r["method"] == method and r["task"] == task and "missing" not in r), None)

    def _store(self, row: dict) -> None:
        if self.file.exists():  # rows that another process finished meanwhile stay
            self.rows = json.loads(self.file.read_text())["rows"]
        same = (row["method"], row["task"])
        at = next((i for i, r in enumerate(self.rows) if (r["method"], r["task"]) == same), len(self.rows))
        self.rows[at : at + 1] = [row]
        lines = ",\n".join(json.dumps(r) for r in self.rows)
        write_text(
            self.file,
            f'{{"bench": {json.dumps(self.name)}, "quick": {json.dumps(self.quick)}, "rows": [\n{lines}\n]}}\n',
        )

    def write_page(self, text: str) -> Path:
        """NAME.md beside NAME.json."""
        write_text(self.file.with_suffix(".md"), text)
        return self.file.with_suffix(".md")


def kept(value):
    """A figure as the JSON keeps it: numbers to seven digits, those of an interval too."""
    if isinstance(value, dict):
        return {k: kept(v) for k, v in value.items()}
    if isinstance(value, list):
        return [kept(v) for v in value]
    if value is None or isinstance(value, str | int):
        return value
    return float(f"{float(value):.7g}")


def usable(value) -> bool:
    """Whether a figure can be averaged: a finite number, or an interval that has a value."""
    value = value.get("value") if isinstance(value, dict) else value
    return isinstance(value, int | float) and math.isfinite(value)


def _lines(path: Path) -> list[dict]:
    """The whole lines of a work file; a last line cut short by a kill is dropped."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def _read_lines(path: Path) -> dict[str, dict]:
    rows = _lines(path)
    if rows:  # rewritten whole, so that appending after a cut line stays readable
        write_text(path, "".join(json.dumps(r) + "\n" for r in rows))
    return {r["item"]: r["figures"] for r in rows}


def _peaks(path: Path) -> list[float]:
    return [r["peak"] for r in _lines(path)]


def shown(figure: dict | None, digits: int = 2) -> str:
    """A figure with its interval for a table: "26.10 [25.3, 26.9]"."""
    if figure is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.{digits}f}"
    return f"{figure['value']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def percent(figure: dict | None) -> str:
    """A share with its interval, in percent, as `shown`."""
    if figure is None:
        return shown(None)
    ends = {k: figure[k] for k in ("value", "low", "high")}
    return shown({k: None if v is None else round(100 * v, 6) + 0.0 for k, v in ends.items()})  # + 0.0: no -0


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])
