"""The verb that fits a regressor's intervals on crystals it was not trained on."""

from pathlib import Path


def calibrate(
    model: str = "materials-guide",
    *,
    data: Path | None = None,
    count: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    report: Path | None = None,
) -> dict:
    """Fit a regressor's 90 % intervals and probabilities on the calibration split; they go into calibration.npz in its folder.

    model: shipped model or a folder written by `difusa train`, of the kind regressor.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    count: crystals to fit on; all of the split by default.
    device: cpu or cuda.
    threads: number of CPU threads.
    report: JSON file for the run's figures.

    Returns, and prints, for each property the mean absolute error on the test split, that of always saying the training
    split's median, the share inside the interval and the interval's mean width. Raises ValueError or OSError with the way out.
    """
    import numpy as np

    from difusa.domains.materials.data import load
    from difusa.domains.materials.readings import columns, heldout, predict, rows_of
    from difusa.domains.models import find
    from difusa.shared import conformal
    from difusa.shared.run import Run, set_threads

    set_threads(threads)
    found, packed = find(model, domain="materials"), load(data)
    if found.meta["trains"] != "regressor":
        raise ValueError(f"model {found.name!r} is of the kind {found.meta['trains']}, not a regressor")
    with Run("materials calibrate", model=found, device=device) as run:
        network, seen = found.load(device), {}
        for split in ("calibrate", "test"):
            crystals, truth = heldout(packed, split, network.names, count)
            seen[split] = (*predict(network, crystals), truth)
            run.progress(len(seen), 2)
        fitted = conformal.calibrated(*seen["calibrate"], found.sha256)
        fitted.save(found.folder)
        mean, std, truth = seen["test"]
        low, high = fitted.interval(mean, std)
        usual = np.nanmedian(packed.properties[rows_of(packed, "train")][:, columns(packed, network.names)], axis=0)
        rows = {}
        for k, name in enumerate(network.names):
            known = np.isfinite(truth[:, k])
            inside = (truth >= low) & (truth <= high)
            rows[name] = {
                "n": int(known.sum()),
                "mae": float(np.abs(mean - truth)[known, k].mean()),
                "mae_of_median": float(np.abs(usual[k] - truth[known, k]).mean()),
                "inside": float(inside[known, k].mean()),
                "width": float((high - low)[known, k].mean()),
            }
        told = run.write(report, calibrated_on=len(seen["calibrate"][0]), tested_on=len(mean), properties=rows)
    level = f"{conformal.LEVEL:.0%}"
    print(f"{found.name}: {level} intervals from {told['calibrated_on']} crystals, seen on {len(mean)} others")
    for name, row in rows.items():
        print(
            f"  {name:16} error {row['mae']:.4f} (median alone {row['mae_of_median']:.4f})  inside {row['inside']:.3f}  "
            f"width {row['width']:.4f}  n={row['n']}"
        )
    return told
