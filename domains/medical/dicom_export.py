"""A scan as a DICOM series that says it is synthetic, refers to its source, and names nobody unless asked."""

from pathlib import Path

import numpy as np

import difusa
from difusa.domains.medical.geometry import directions
from difusa.domains.medical.scan import Made, Scan
from difusa.shared.files import write_atomic

MR, CT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"
SYNTHESIZING = ("109100", "DCM", "Synthesizing Equipment")


def save_dicom(scan: Scan, folder: Path, made: Made, identity: bool = False) -> Path:
    """One file a slice: 0001.dcm ...; values as 16-bit integers, rescaled where they are not whole.

    identity: write the first source's IDENTITY too, and stay in its study. Raises ValueError where the folder holds files
    already, or the affine has slices whose rows and columns are not at right angles.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: a series needs a folder of its own")
    row, column, normal = directions(scan.affine)
    if abs(row @ column) > 1e-6:
        raise ValueError(
            "rows and columns of this scan are not at right angles, which DICOM cannot say: save it as NIfTI"
        )
    stored, slope, intercept = stored_values(scan.array)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(scan.array.shape[2]):
        dataset = common(scan, made, identity)
        place = scan.affine[:3] @ [0, 0, k, 1] * [-1, -1, 1]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = made.uid("instance", scan.contrast, k)
        dataset.InstanceNumber = k + 1
        dataset.ImagePositionPatient = [decimal(x) for x in place]
        dataset.ImageOrientationPatient = [decimal(x) for x in np.concatenate([row, column]) * [-1, -1, 1, -1, -1, 1]]
        dataset.PixelSpacing = [decimal(scan.spacing[1]), decimal(scan.spacing[0])]
        dataset.SliceThickness = decimal(scan.spacing[2])
        dataset.SliceLocation = decimal(float(place @ (normal * [-1, -1, 1])))
        fill(dataset, stored[:, :, k].T, slope, intercept, scan.contrast == "CT")
        window(dataset, scan.array)
        refer(dataset, made, k)
        write_atomic(folder / f"{k + 1:04d}.dcm", lambda p, d=dataset: d.save_as(p, enforce_file_format=True))
    return folder


def decimal(value: float) -> str:
    """A DICOM decimal string, at most 16 letters: as many digits as fit, for positions better than 1e-9 millimetres."""
    for digits in range(15, 0, -1):
        if len(text := f"{float(value):.{digits}g}") <= 16:
            return text
    raise ValueError(f"{value} does not fit into a DICOM decimal string")


def stored_values(array: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Values as int16, with the slope and intercept that bring them back: 1 and 0 where they are whole and fit."""
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu" and low >= -(2**15) and high < 2**15:
        return array.astype(np.int16), 1.0, 0.0
    slope = float(decimal((high - low) / 65000 or 1.0))
    intercept = float(decimal((high + low) / 2))
    return np.rint((array - np.float64(intercept)) / slope).astype(np.int16), slope, intercept


def common(scan: Scan, made: Made, identity: bool):
    """What all slices of a series share, a pydicom.Dataset."""
    from pydicom.dataset import Dataset, FileMetaDataset

    d, ct = Dataset(), scan.contrast == "CT"
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = CT if ct else MR
    source = next((s for s in made.sources if s.series), None)
    d.PatientName, d.PatientBirthDate, d.PatientSex = "", "", ""
    d.PatientID = f"difusa-{made.uid('patient')[-12:]}"
    d.PatientIdentityRemoved, d.DeidentificationMethod = "YES", "Difusa writes listed elements alone"
    d.StudyInstanceUID = made.uid("study")
    d.StudyDate = d.StudyTime = d.StudyID = d.AccessionNumber = d.ReferringPhysicianName = ""
    if identity and source:
        for key, value in source.identity.items():
            setattr(d, key, value)
        d.PatientIdentityRemoved = "NO"
        del d.DeidentificationMethod
    d.SeriesInstanceUID = made.uid("series", scan.contrast)
    d.FrameOfReferenceUID = source.series.frame if source and source.series.frame else made.uid("frame")
    d.PositionReferenceIndicator = ""
    d.Modality, d.SeriesNumber = ("CT" if ct else "MR"), 9000 + made.index % 1000
    d.SeriesDescription = f"{scan.contrast} {made.how}, synthetic"[:64]
    d.ImageComments = made.notice
    d.Manufacturer, d.ManufacturerModelName, d.SoftwareVersions = "Difusa", "difusa", difusa.__version__
    d.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if ct else "OTHER"]
    d.SyntheticData = "YES"
    d.DerivationDescription = f"{made.notice}; {made.how} by difusa {difusa.__version__}" + (
        f", {made.model[0]}" if made.model else ""
    )
    d.ContributingEquipmentSequence = [equipment(made)]
    d.PatientPosition = scan.source.acquisition.get("PatientPosition", "HFS")
    d.BodyPartExamined = scan.source.acquisition.get("BodyPartExamined", "HEAD")
    d.AcquisitionNumber = None
    if ct:
        d.KVP = scan.source.acquisition.get("KVP")
    else:  # RM: research mode, the honest name for a sequence no scanner ran
        d.ScanningSequence, d.SequenceVariant, d.ScanOptions, d.MRAcquisitionType = "RM", "NONE", "", "2D"
        times = scan.source.acquisition if made.how == "simulated" else {}
        d.RepetitionTime, d.EchoTime = times.get("RepetitionTime"), times.get("EchoTime")
        d.EchoTrainLength = None
    return d


def equipment(made: Made):
    """The item of Contributing Equipment that says by what this was made (DICOM CID 7005)."""
    from pydicom.dataset import Dataset

    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = SYNTHESIZING
    item.PurposeOfReferenceCodeSequence = [code]
    item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions = "Difusa", "difusa", difusa.__version__
    model = f", model {made.model[0]} {made.model[1][:16]}" if made.model else ""
    item.ContributionDescription = f"{made.how}, seed {made.seed}, index {made.index}{model}"
    return item


def fill(d, stored: np.ndarray, slope: float, intercept: float, ct: bool) -> None:
    """Pixels [rows, columns] int16, and how they are stored."""
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = stored.shape
    d.BitsAllocated = d.BitsStored = 16
    d.HighBit, d.PixelRepresentation = 15, 1
    if ct or (slope, intercept) != (1.0, 0.0):
        d.RescaleSlope, d.RescaleIntercept, d.RescaleType = decimal(slope), decimal(intercept), "HU" if ct else "US"
    d.PixelData = np.ascontiguousarray(stored, "<i2").tobytes()
    d["PixelData"].VR = "OW"


def window(d, array: np.ndarray) -> None:
    """How to show it: from the 1st to the 99.5th percentile; CT as brain."""
    low, high = (0.0, 80.0) if d.Modality == "CT" else np.percentile(array[::2, ::2, ::2], [1, 99.5])
    d.WindowCenter, d.WindowWidth = decimal(round((low + high) / 2, 3)), decimal(max(round(high - low, 3), 1.0))


def refer(d, made: Made, k: int) -> None:
    """References to the source series, and to the source's slice where the grid is the same."""
    from pydicom.dataset import Dataset

    series, images = [], []
    for source in made.sources:
        if not source.series:
            continue
        item, refs = Dataset(), []
        for uid in source.series.instances:
            ref = Dataset()
            ref.ReferencedSOPClassUID, ref.ReferencedSOPInstanceUID = source.series.sop_class, uid
            refs.append(ref)
        item.SeriesInstanceUID, item.ReferencedInstanceSequence = source.series.series, refs
        series.append(item)
        images.append(refs[min(k, len(refs) - 1)])
    if series:
        d.ReferencedSeriesSequence = series
        d.SourceImageSequence = [purpose(i) for i in images]


def purpose(ref):
    """A reference to the image that was translated (DICOM CID 7202)."""
    from copy import deepcopy

    from pydicom.dataset import Dataset

    item, code = deepcopy(ref), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = (
        "121322",
        "DCM",
        "Source image for image processing operation",
    )
    item.PurposeOfReferenceCodeSequence = [code]
    return item
