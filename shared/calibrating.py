"""Fitting a regressor's intervals on a calibration split, and what they are worth on the test split."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from difusa.shared import conformal
from difusa.shared.run import Run


def calibrate(
    verb: str, found, device: str, heldout: Callable, items: str, report: Path | None, usual: Callable | None = None
) -> dict:
    """Fits the calibration of a model (`found`) and keeps it in its folder; the run's figures, which are printed too.

    heldout(network, split) -> means, standard deviations and truths [n, P] (not a number where unknown) of the splits calibrate
    and test. usual(network) -> [P], what always saying the same would say. items: such as molecules.
    """
    with Run(verb, model=found, device=device) as run:
        network, seen = found.load(device), {}
        for split in ("calibrate", "test"):
            seen[split] = heldout(network, split)
            run.progress(len(seen), 2)
        fitted = conformal.calibrated(*seen["calibrate"], found.sha256)
        fitted.save(found.folder)
        mean, std, truth = seen["test"]
        low, high = fitted.interval(mean, std)
        alone = usual(network) if usual else None
        rows = {}
        for k, name in enumerate(network.names):
            known = np.isfinite(truth[:, k])
            inside = (truth >= low) & (truth <= high)
            rows[name] = {
                "n": int(known.sum()),
                "mae": float(np.abs(mean - truth)[known, k].mean()),
                **({} if alone is None else {"mae_of_median": float(np.abs(alone[k] - truth[known, k]).mean())}),
                "inside": float(inside[known, k].mean()),
                "width": float((high - low)[known, k].mean()),
            }
        told = run.write(report, calibrated_on=len(seen["calibrate"][0]), tested_on=len(mean), properties=rows)
    print(
        f"{found.name}: {conformal.LEVEL:.0%} intervals from {told['calibrated_on']} {items}, seen on {len(mean)} others"
    )
    for name, row in rows.items():
        median = f" (median alone {row['mae_of_median']:.4f})" if "mae_of_median" in row else ""
        print(
            f"  {name:16} error {row['mae']:.4f}{median}  inside {row['inside']:.3f}  width {row['width']:.4f}  n={row['n']}"
        )
    return told
