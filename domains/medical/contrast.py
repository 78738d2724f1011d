"""Which contrast a scan has: what the user says, its file's name, its sidecar, its DICOM tags; two that differ are an error."""

import re
from pathlib import Path

from difusa.domains.medical.checks import Refused
from difusa.domains.medical.nifti import sidecar, stem
from difusa.domains.medical.scan import CONTRASTS, Scan

SUFFIXES = {"t1": "T1", "t1w": "T1", "t2": "T2", "t2w": "T2", "pd": "PD", "pdw": "PD", "flair": "FLAIR", "ct": "CT"}
SUFFIXES |= {
    "t1gd": "T1GD",
    "t1ce": "T1GD",
    "t1c": "T1GD",
}  # after contrast agent: recognised, so that nobody takes it for T1
WORDS = (  # in a series' description, first hit counts
    (r"flair|dark.?fluid", "FLAIR"),
    (r"t1.*(gd|gad|ce\b|post|contrast)", "T1GD"),
    (r"mprage|spgr|bravo|\bt1|t1w", "T1"),
    (r"\bpd|proton", "PD"),
    (r"\bt2|t2w", "T2"),
)


def by_name(name: str) -> str | None:
    """The contrast that a file's suffix tells: sub-01_T1w -> T1."""
    return SUFFIXES.get(name.rsplit("_", 1)[-1].lower()) if "_" in name else None


def by_words(words: str) -> str | None:
    """The contrast that a series' description tells."""
    text = words.lower().replace("_", " ")
    return next((contrast for pattern, contrast in WORDS if re.search(pattern, text)), None)


def by_times(acquisition: dict) -> str | None:
    """The contrast that echo, repetition and inversion times (milliseconds) tell of a spin echo, where it is plain.

    FLAIR: TI above 1500 and TE above 60; T2: TE above 70 and TR above 1800; PD: TE below 40 and TR above 1800; T1: TE below 35
    and TR below 1000, inversion or not.
    """
    te, tr = acquisition.get("EchoTime"), acquisition.get("RepetitionTime")
    if not isinstance(te, int | float) or not isinstance(tr, int | float):
        return None
    ti = acquisition.get("InversionTime") or 0
    if ti > 1500 and te > 60:
        return "FLAIR"
    if tr > 1800 and not ti:
        return "T2" if te > 70 else "PD" if te < 40 else None
    return "T1" if te < 35 and tr < 1000 else None


def evidence(scan: Scan, path: Path, said: str | None = None) -> dict[str, str]:
    """Everything that tells the contrast: where it was found -> which one."""
    beside = sidecar(path) if scan.source.kind == "nifti" else {}
    words = scan.source.words or " ".join(str(beside.get(k, "")) for k in ("SeriesDescription", "ProtocolName"))
    if scan.source.acquisition.get("Modality") == "CT" or beside.get("Modality") == "CT":
        found = {"the modality": "CT"}
    else:
        found = {
            "the series' description": by_words(words),
            "the echo and repetition times": by_times(scan.source.acquisition),
        }
    found |= {"--from": said, "the file's name": by_name(stem(path)) if scan.source.kind == "nifti" else None}
    found["the sidecar"] = beside.get("Contrast") if beside.get("Contrast") in (*CONTRASTS, "T1GD") else None
    return {where: contrast for where, contrast in found.items() if contrast}


def recognised(scan: Scan, path: Path, said: str | None = None) -> str | None:
    """The contrast of a scan, None where nothing tells it. Raises Refused where two tell different ones, naming both."""
    if said is not None and said not in CONTRASTS:
        raise ValueError(f"--from {said}: is none of {', '.join(CONTRASTS)}")
    found = evidence(scan, Path(path), said)
    if len(set(found.values())) > 1:
        told = "; ".join(f"{where} says {contrast}" for where, contrast in found.items())
        raise Refused(f"{path}: {told}: which one is it? Mend what is wrong, or rename the file")
    return next(iter(found.values()), None)
