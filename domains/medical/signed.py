"""The passport of a scan: what it was made with and from, nobody's name."""

from pathlib import Path

from difusa.domains.medical.scan import Made


def sign(path: Path, verb: str, made: Made, plan: str, passport: bool = True, mark: dict | None = None) -> None:
    """Sign a NIfTI file (inside it, as a header extension, and beside it) or the folder of a DICOM series (inside each slice, and
    beside the folder).

    passport: False does nothing. mark: the facts of its watermark. Sources are told by how they were read and their SHA-256: file
    names may name people.
    """
    if not passport:
        return
    from difusa.shared.passport import Facts, attach

    models = ({"name": made.model[0], "sha256": made.model[1]},) if made.model else ()
    sources = tuple({"name": s.kind, "sha256": s.sha256} for s in made.sources if s.sha256)
    attach(path, Facts(verb, models, plan, made.seed, (made.index, made.index + 1), sources=sources, watermark=mark))
