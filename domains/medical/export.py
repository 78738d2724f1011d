"""Writes a scan as NIfTI with a sidecar, or as a DICOM series that says it is synthetic; nobody's name unless asked for.

Nothing is copied from a source but what is listed here: scan.ACQUISITION, references to the source series, and with `identity`
the elements of dicom.IDENTITY.
"""

from pathlib import Path

import numpy as np

import difusa
from difusa.domains.medical.dicom_export import save_dicom
from difusa.domains.medical.nifti import TIMES, stem
from difusa.domains.medical.scan import Made, Scan
from difusa.shared.files import write_atomic, write_json


def save(scan: Scan, out, made: Made, identity: bool = False) -> Path:
    """A .nii or .nii.gz file, or without that suffix a folder of DICOM files. Raises ValueError for a name that is neither."""
    out = Path(out)
    if out.name.lower().endswith((".nii", ".nii.gz")):
        return save_nifti(scan, out, made)
    if out.suffix and not out.is_dir():
        raise ValueError(f"--out {out}: end it in .nii.gz, or name a folder for a DICOM series")
    return save_dicom(scan, out, made, identity)


def save_nifti(scan: Scan, path: Path, made: Made) -> Path:
    """The volume, and path.json beside it."""
    data = nifti(scan, made, path.suffix.lower() == ".gz")
    write_atomic(path, lambda temporary: temporary.write_bytes(data))
    write_json(path.with_name(stem(path) + ".json"), told(scan, made))
    return path


def nifti(scan: Scan, made: Made, packed: bool = True) -> bytes:
    """A NIfTI file, gzipped where `packed`: its affine as sform, and as qform where it has no shear."""
    import gzip

    import nibabel

    image = nibabel.Nifti1Image(scan.array, scan.affine, dtype=scan.array.dtype)
    axes = scan.affine[:3, :3] / scan.spacing
    image.set_sform(scan.affine, code=1)
    rigid = np.abs(axes.T @ axes - np.eye(3)).max() < 1e-6
    image.set_qform(scan.affine if rigid else None, code=int(rigid))
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = made.notice.encode()
    # a fixed date and no name inside: the same scan gives the same bytes
    return gzip.compress(image.to_bytes(), 6, mtime=0) if packed else image.to_bytes()


def told(scan: Scan, made: Made) -> dict:
    """The sidecar: BIDS names where there are such, times in seconds."""
    settings = {k: v / 1000 if k in TIMES else v for k, v in scan.source.acquisition.items() if k not in ("Modality",)}
    return {
        "Modality": "CT" if scan.contrast == "CT" else "MR",
        "Contrast": scan.contrast,
        "Units": "HU" if scan.contrast == "CT" else "arbitrary",
        "SyntheticData": True,
        "Notice": made.notice,
        "How": made.how,
        "Seed": made.seed,
        "Index": made.index,
        "Model": made.model and {"name": made.model[0], "sha256": made.model[1]},
        "SourcesSHA256": [s.sha256 for s in made.sources],
        "GeneratedBy": [{"Name": "difusa", "Version": difusa.__version__}],
        **settings,
        **(made.settings or {}),
    }
