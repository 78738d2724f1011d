"""The tables of docs/results/molecules.md on properties that were asked for."""

from difusa.domains.molecules.bench_setup import OURS
from difusa.shared.bench import percent, shown, table

UNITS = {"gap": "eV", "homo": "eV", "lumo": "eV", "mu": "debye", "alpha": "bohr^3", "cv": "cal/(mol K)"}


def alone(rows: list[dict]) -> str:
    """Errors by property, and how many of the draws were valid."""
    names = dict.fromkeys(k for r in rows for k in r["metrics"] if k in UNITS)
    lines = [[r["method"], *(shown(r["metrics"].get(k), 4) for k in names)] for r in rows]
    valid = [
        [k, f"{100 * r['metrics'][f'valid_{k}']['value']:.1f}"] for r in rows if r["method"] == OURS for k in names
    ]
    first = table(["MAE", *(f"{k} ({UNITS[k]})" for k in names)], lines)
    return f"{first}\n\n{table(['asked for', 'valid (%)'], valid)}" if valid else first


def ranges(rows: list[dict]) -> str:
    """Hit rates, then for each row the curve of told against judged."""
    head = [
        "asked for together",
        "all met (%)",
        "mean probability told (%)",
        "each met (%)",
        "curve's error",
        "valid (%)",
    ]
    lines, curves = [], []
    for r in rows:
        m = r["metrics"]
        each = ", ".join(f"{k[4:]} {percent(v)}" for k, v in m.items() if k.startswith("hit_") and k != "hit_all")
        told = [
            percent(m["hit_all"]),
            percent(m["told_all"]),
            each,
            f"{m['curve_error']['value']:.3f}",
            percent(m["valid"]),
        ]
        lines.append([r["method"], *told])
        for bin in r["items"]["together"]["curve"]:
            seen = f"{100 * bin['seen']:.1f} [{100 * bin['seen_low']:.1f}, {100 * bin['seen_high']:.1f}]"
            curves.append(
                [r["method"], f"{bin['low']:.1f} to {bin['high']:.1f}", f"{100 * bin['told']:.1f}", seen, bin["n"]]
            )
    return f"{table(head, lines)}\n\n{table(['asked for', 'bin', 'told (%)', 'came true (%)', 'molecules'], curves)}"
