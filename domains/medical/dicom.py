"""A DICOM series into one scan: every file is judged alone, then whether together they fill a volume."""

import hashlib
from collections.abc import Iterable

import numpy as np

from difusa.domains.medical.checks import Refused, check_affine, check_shape
from difusa.domains.medical.scan import ACQUISITION, Scan, Series, Source
from difusa.domains.medical.slices import DIRECTORY, IMAGES, Part, check_image, pixels, plain, read

IDENTITY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyInstanceUID", "StudyDate",
    "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
FLAT = 1e-4  # of direction cosines that count as equal
PLACE = 0.02  # millimetres, or this share of the spacing: how far a slice may lie from its place


def load(parts: Iterable[Part], name: str) -> Scan:
    """One scan of the files of one series; name: of the folder, for messages.

    Integers stay integers where the rescaling is whole. Raises Refused: a file that is no slice, several series, mixed
    orientation, missing slices, two slices in one place.
    """
    slices = []
    for part in parts:
        dataset = read(part)
        if str(dataset.get("SOPClassUID", "")) != DIRECTORY:
            check_image(part.name, dataset)
            slices.append((part, dataset))
    if not slices:
        raise Refused(f"{name}: no DICOM image in it")
    one_series(name, slices)
    first = slices[0][1]
    shape = check_shape(name, (int(first.Columns), int(first.Rows), len(slices)))
    order, affine = arranged(name, slices)
    slices = [slices[k] for k in order]
    array = np.empty(shape, np.float64)
    digest = hashlib.sha256()
    for k, (part, dataset) in enumerate(slices):
        array[:, :, k] = pixels(part.name, dataset).T
        digest.update(dataset.PixelData)
    return Scan(whole(array), affine, source=facts([d for _, d in slices], digest.hexdigest()))


def one_series(name: str, slices: list) -> None:
    """Refuses files of several series, of several sizes, or of mixed orientation, listing them."""
    kinds = {
        "series": lambda d: str(d.get("SeriesInstanceUID", "")),
        "picture sizes": lambda d: (int(d.Columns), int(d.Rows)),
        "pixel spacings": lambda d: tuple(np.round(np.asarray(d.PixelSpacing, float), 5).tolist()),
    }
    for what, of in kinds.items():
        groups: dict = {}
        for part, dataset in slices:
            groups.setdefault(of(dataset), []).append(part.name)
        if len(groups) > 1:
            rows = "; ".join(f"{len(files)} files such as {files[0]}" for files in groups.values())
            raise Refused(f"{name}: {len(groups)} {what} in one place ({rows}); give each its own folder")
    wanted = directions(slices[0][1])
    if wrong := [p.name for p, d in slices if np.abs(directions(d) - wanted).max() > FLAT]:
        raise Refused(
            f"{name}: mixed orientation: {len(wrong)} slices lie otherwise than {slices[0][0].name}: {', '.join(wrong[:5])}"
        )


def directions(dataset) -> np.ndarray:
    """Direction cosines [2, 3] of a row and of a column, in DICOM's patient axes (left, back, head)."""
    return np.asarray(dataset.ImageOrientationPatient, np.float64).reshape(2, 3)


def arranged(name: str, slices: list) -> tuple[list[int], np.ndarray]:
    """The order of the slices, and the affine (voxel -> RAS+ millimetres) of the volume they fill.

    Along the instance numbers where these go with the places, else along the normal of the slices.
    """
    first = slices[0][1]
    row, column = directions(first)
    places = np.array([d.ImagePositionPatient for _, d in slices], np.float64)
    along = places @ np.cross(row, column)
    order = np.argsort(along, kind="stable")
    numbers = np.array([int(d.get("InstanceNumber", 0) or 0) for _, d in slices])[order]
    if len(order) > 1 and (np.diff(numbers) < 0).all():
        order = order[::-1]
    step = spaced(name, [slices[k][0].name for k in order], places[order], float(first.get("SliceThickness") or 1))
    if len(order) == 1:
        step = np.cross(row, column) * step
    width, height = float(first.PixelSpacing[1]), float(first.PixelSpacing[0])
    affine = np.eye(4)
    affine[:3] = np.column_stack([row * width, column * height, step, places[order[0]]])
    return order.tolist(), check_affine(name, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def spaced(name: str, names: list[str], places: np.ndarray, thickness: float):
    """The vector from one slice to the next (of a single slice its thickness). Refuses gaps and doubles, listing them."""
    if len(places) == 1:
        return thickness
    steps = np.diff(places, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    usual = float(np.median(lengths))
    doubles = [f"{names[k]} and {names[k + 1]}" for k in np.flatnonzero(lengths < 0.01 * max(usual, thickness))]
    if doubles:
        raise Refused(f"{name}: two slices in one place: {', '.join(doubles[:5])}; a folder holds one examination")
    gaps = [
        f"{round(n / usual) - 1} between {names[k]} and {names[k + 1]}"
        for k, n in enumerate(lengths)
        if n > 1.5 * usual
    ]
    if gaps:
        raise Refused(f"{name}: missing slices: {', '.join(gaps[:5])}; get the whole series")
    step = (places[-1] - places[0]) / (len(places) - 1)
    off = np.linalg.norm(places - (places[0] + np.arange(len(places))[:, None] * step), axis=1)
    if off.max() > max(PLACE, PLACE * usual):
        raise Refused(
            f"{name}: slices are spaced unevenly: {names[int(off.argmax())]} lies {off.max():.3f} mm from its place"
        )
    return step


def whole(array: np.ndarray) -> np.ndarray:
    """int16 or int32 where every value is whole, else float32."""
    if np.abs(array).max() < 2**31 and (array == np.rint(array)).all():
        return array.astype(np.int16 if np.abs(array).max() < 2**15 else np.int32)
    return array.astype(np.float32)


def facts(datasets: list, sha256: str) -> Source:
    """What is kept of a series: settings of the machine, references, and apart from them who it was."""
    first = datasets[0]
    found = {k: plain(first[k].value) for k in ACQUISITION if k in first and not first[k].is_empty}
    identity = {k: plain(first[k].value) for k in IDENTITY if k in first and not first[k].is_empty}
    found["Modality"] = IMAGES[str(first.SOPClassUID)]
    told = " ".join(str(first.get(k, "")) for k in ("SeriesDescription", "ProtocolName"))
    series = Series(
        *(
            str(first.get(k, ""))
            for k in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPClassUID")
        ),
        instances=tuple(str(d.SOPInstanceUID) for d in datasets),
    )
    return Source("dicom", sha256, found, series, identity, words=told)
