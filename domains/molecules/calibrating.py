"""The verb that fits a guide's intervals and probabilities on molecules it was not trained on."""

from pathlib import Path


def calibrate(
    model: str = "qm9-guide",
    *,
    data: Path | None = None,
    count: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    report: Path | None = None,
) -> dict:
    """Fit a guide's 90 % intervals and probabilities on the calibration split; they go into calibration.npz in its folder.

    model: shipped model or a folder written by `difusa train`, of the kind regressor.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    count: molecules to fit on; all of the split by default.
    device: cpu or cuda.
    threads: number of CPU threads.
    report: JSON file for the run's figures.

    Returns, and prints, for each property the mean absolute error on the test split, the share of it inside the interval and
    the interval's mean width. Raises ValueError or OSError with the way out.
    """
    import numpy as np

    from difusa.domains.molecules import guide, qm9, sizes
    from difusa.domains.molecules.predicting import heldout, predict
    from difusa.domains.molecules.verbs import trained
    from difusa.shared.run import Run, set_threads

    set_threads(threads)
    found = trained(model, "regressor")
    elements, packed = sizes.read(found.folder).elements, qm9.load(data)
    with Run("molecules calibrate", model=found, device=device) as run:
        network, seen = found.load(device), {}
        for split in ("calibrate", "test"):
            bare, truth = heldout(packed, split, network.names, elements, count)
            seen[split] = (*predict(network, bare, elements), truth)
            run.progress(len(seen), 2)
        fitted = guide.calibrated(*seen["calibrate"], found.sha256)
        fitted.save(found.folder)
        mean, std, truth = seen["test"]
        low, high = fitted.interval(mean, std)
        rows = {
            name: {
                "mae": float(np.abs(mean - truth)[:, k].mean()),
                "inside": float(((truth >= low) & (truth <= high))[:, k].mean()),
                "width": float((high - low)[:, k].mean()),
            }
            for k, name in enumerate(network.names)
        }
        told = run.write(report, calibrated_on=len(seen["calibrate"][0]), tested_on=len(mean), properties=rows)
    print(
        f"{found.name}: {guide.LEVEL:.0%} intervals from {told['calibrated_on']} molecules, seen on {len(mean)} others"
    )
    for name, row in rows.items():
        print(f"  {name:6} error {row['mae']:.4f}  inside {row['inside']:.3f}  width {row['width']:.4f}")
    return told
