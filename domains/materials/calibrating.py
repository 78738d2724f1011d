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
    from difusa.shared import calibrating
    from difusa.shared.run import set_threads

    set_threads(threads)
    found, packed = find(model, domain="materials"), load(data)
    if found.meta["trains"] != "regressor":
        raise ValueError(f"model {found.name!r} is of the kind {found.meta['trains']}, not a regressor")

    def seen(network, split: str) -> tuple:
        crystals, truth = heldout(packed, split, network.names, count)
        return *predict(network, crystals), truth

    def usual(network) -> np.ndarray:
        return np.nanmedian(packed.properties[rows_of(packed, "train")][:, columns(packed, network.names)], axis=0)

    return calibrating.calibrate("materials calibrate", found, device, seen, "crystals", report, usual)
