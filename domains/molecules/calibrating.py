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
    from difusa.domains.molecules import qm9, sizes
    from difusa.domains.molecules.predicting import heldout, predict
    from difusa.domains.molecules.verbs import trained
    from difusa.shared import calibrating
    from difusa.shared.run import set_threads

    set_threads(threads)
    found = trained(model, "regressor")
    elements, packed = sizes.read(found.folder).elements, qm9.load(data)

    def seen(network, split: str) -> tuple:
        bare, truth = heldout(packed, split, network.names, elements, count)
        return *predict(network, bare, elements), truth

    return calibrating.calibrate("molecules calibrate", found, device, seen, "molecules", report)
