"""Rows of the bench for progression: real patients examined twice, the scenario's change beside 'no change'."""

import time

import numpy as np

from difusa.domains.medical import data, progress_fields, progress_flow, progress_places
from difusa.domains.medical.bench_setup import Setup
from difusa.domains.medical.scan import Scan

TASK, SCENARIO, STILL = "progression", "Difusa, scenario of 12 months", "no change"
TOLD = ("volume_error_ml", "dice")
PLANE = 3.3  # millimetres between planes, not in the packed set: as 2D scans of this kind usually have
MONTHS = 12.0  # between examinations, which the set does not tell
COARSE = 4  # pixels between the points that are compared when two examinations are aligned


def progression(setup: Setup) -> None:
    """Lesions at the second examination against the first one carried forward, and against the first one as it was.

    Lesions of both are bright islands of FLAIR; the second examination is brought to the first by a rigid motion. Figures of a
    patient: volume_error_ml, |volume - volume at follow-up|; dice; volume_before_ml, volume_after_ml; likeness: correlation of
    the two examinations once aligned. Raises FileNotFoundError without the longitudinal set.
    """
    slices = next((s for s in setup.sets if "long-01" in s.patient), None)
    if slices is None:
        raise FileNotFoundError(f"{setup.folder / 'medical' / data.FILES['long']} is missing")
    twice = [p for p in data.patients([slices]) if len(np.unique(slices.study[slices.patient == p])) == 2]
    pairs: dict[str, tuple] = {}
    for method, change in ((SCENARIO, scenario), (STILL, lambda first: first.mask)):

        def score(items, change=change):
            for patient in items:
                began = time.perf_counter()
                if patient not in pairs:
                    pairs[patient] = examinations(slices, patient)
                yield figures(*pairs[patient], change) | {"seconds": time.perf_counter() - began}

        row = setup.store.row(
            method, TASK, twice, score, note=f"{len(twice)} patients; months between examinations are not known",
            settings={"months": MONTHS, "plane_mm": PLANE},
        )  # fmt: skip
        setup.tell(row, TOLD)


def scenario(first: progress_flow.State) -> np.ndarray:
    """The mask that the verb's usual rates give."""
    return progress_flow.advanced(first, MONTHS, progress_flow.Wish()).mask


def figures(first: progress_flow.State, after: np.ndarray, seen: np.ndarray, likeness: float, change) -> dict:
    """How near a changed mask comes to the lesions at follow-up, where both examinations see the inner brain."""
    there, voxel = change(first) == progress_flow.LESION, first.voxel
    made, true = (m & seen for m in (there, after))
    overlap = 2 * float((made & true).sum()) / max(float(made.sum() + true.sum()), 1.0)
    return {
        "volume_error_ml": abs(float(made.sum()) - float(true.sum())) * voxel, "dice": overlap,
        "volume_before_ml": float(((first.mask == progress_flow.LESION) & seen).sum()) * voxel,
        "volume_after_ml": float(true.sum()) * voxel, "likeness": likeness,
    }  # fmt: skip


def examinations(slices: data.Slices, patient: str):
    """The first examination as a state, the second's lesions on its grid, where both see the brain, and their likeness."""
    first, second = (volume(slices, patient, study) for study in (1, 2))
    motion, likeness = aligned(first, second)
    moved = resampled(second, first, motion)
    mask = progress_places.thresholded(first)
    after = progress_places.thresholded(Scan(moved, first.affine, "FLAIR")) == 1
    state = progress_flow.begun(first, mask)
    covered = resampled(Scan(np.ones_like(second.array), second.affine), first, motion) > 0.99
    return state, after, progress_fields.place(first, mask > 0).inner & covered, likeness


def volume(slices: data.Slices, patient: str, study: int) -> Scan:
    """One examination's FLAIR, upright [X, Y, Z] float32, 1 = reference."""
    rows = np.flatnonzero((slices.patient == patient) & (slices.study == study))
    rows = rows[np.argsort(slices.z[rows])]
    planes = np.stack([slices.signal(int(r), "FLAIR") for r in rows])
    return Scan(np.ascontiguousarray(planes[:, ::-1].transpose(2, 1, 0)), np.diag([1, 1, PLANE, 1.0]), "FLAIR")


def resampled(scan: Scan, to: Scan, motion: np.ndarray) -> np.ndarray:
    """The scan on another one's grid after a rigid motion (6 numbers); 0 beyond its edge."""
    from scipy.ndimage import affine_transform

    whole = np.linalg.inv(scan.affine) @ rigid(motion, to) @ to.affine
    return affine_transform(scan.array, whole[:3, :3], whole[:3, 3], to.array.shape, order=1, cval=0.0)


def rigid(motion: np.ndarray, scan: Scan) -> np.ndarray:
    """[4, 4]: turned by motion[:3] radians about the scan's middle and shifted by motion[3:] millimetres."""
    from scipy.spatial.transform import Rotation

    middle = scan.affine[:3] @ [*((np.array(scan.array.shape) - 1) / 2), 1]
    made = np.eye(4)
    made[:3, :3] = Rotation.from_rotvec(motion[:3]).as_matrix()
    made[:3, 3] = middle - made[:3, :3] @ middle + motion[3:]
    return made


def aligned(first: Scan, second: Scan) -> tuple[np.ndarray, float]:
    """The rigid motion under which two scans of one contrast correlate most, and that correlation."""
    from scipy.ndimage import gaussian_filter, map_coordinates
    from scipy.optimize import minimize

    soft = [gaussian_filter(s.array, [1.5, 1.5, 0]) for s in (first, second)]
    grid = np.meshgrid(*(np.arange(0, n, k) for n, k in zip(first.array.shape, (COARSE, COARSE, 2))), indexing="ij")
    index = np.stack(grid).reshape(3, -1)
    there, back = soft[0][tuple(index)], np.linalg.inv(second.affine)
    points = first.affine[:3, :3] @ index + first.affine[:3, 3:]

    def unlike(motion: np.ndarray) -> float:
        whole = back @ rigid(motion, first)
        at = whole[:3, :3] @ points + whole[:3, 3:]
        seen = (at[2] >= 0) & (at[2] <= second.array.shape[2] - 1)
        if seen.mean() < 0.25:
            return 1.0
        return 1 - float(np.corrcoef(there[seen], map_coordinates(soft[1], at[:, seen], order=1))[0, 1])

    shifts = np.arange(-60, 61, PLANE)
    start = np.zeros(6)
    start[5] = min(shifts, key=lambda z: unlike(np.array([0, 0, 0, 0, 0, z])))
    simplex = np.vstack([start, start + np.diag([0.1, 0.1, 0.1, 4, 4, 4])])
    found = minimize(
        unlike, start, method="Nelder-Mead", options={"initial_simplex": simplex, "maxiter": 400, "xatol": 1e-2}
    )
    return found.x, 1 - float(found.fun)
