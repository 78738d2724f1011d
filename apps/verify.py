"""The verb `difusa verify`: whether files are ours, and whether they were changed."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from difusa.shared.files import write_text
from difusa.shared.passport.keys import folder
from difusa.shared.passport.saying import Said
from difusa.shared.passport.signing import Trust
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN, Verdict, verdict
from difusa.shared.passport.verdict import report as as_report

MARKED = "but it carries your watermark: with a key that has nothing to do with it that happens with a chance of {p}"
HINTED = "it may carry your watermark, but a key that has nothing to do with it fits with a chance of {p}: too often to be sure"
MATTER, RECORDS = (".sdf", ".mol", ".cif"), 32  # whose marks are read; records of a file that are looked at
GRAVEST = (CHANGED, STRANGER, UNKNOWN, INTACT)


@dataclass(frozen=True)
class Verified:
    """The verdicts, one a file."""

    verdicts: tuple[Verdict, ...]

    @property
    def exit_status(self) -> int:
        """The gravest of all: 1 before 2, 3 and 0."""
        return next(s for s in GRAVEST if any(v.status == s for v in self.verdicts))


def verify(
    file: list[Path], *, passport: Path | None = None, trust: tuple[Path, ...] = (), report: Path | None = None
) -> Verified:
    """Whether files were made here, or by whomever you trust, and whether they were changed since. Works without a network.

    Ends with 0: intact and ours; 1: ours, but changed, and where; 2: not ours (a passport of somebody else, or a forged
    one); 3: cannot tell. Of several files the gravest counts: 1, 2, 3, 0. A file without a passport was not thereby made by
    a person: passports can be taken off. A picture, molecule or crystal of which only your own watermark is left is ours, but
    changed, where a stranger's key would fit as well in less than one case in a million; above that it is only a hint.

    file: files, or folders that were made as one.
    passport: the sidecar of a single file, if it does not lie beside it as FILE.passport.json.
    trust: public certificates of whoever may have signed, as `difusa keys export` writes them; said once for each. Your own
        keys count always, and those that DIFUSA_TRUST names (a file, or several with : between).
    report: JSON file for the verdicts and what the passports tell.

    Returns the verdicts; with certificates that cannot be read, nothing can be told of any file.
    """
    if passport is not None and len(file) > 1:
        raise ValueError(f"--passport {passport}: one sidecar belongs to one file, here are {len(file)}")
    try:
        known = trusted(trust)
        found = Verified(tuple(marked(Path(path), verdict(path, known, passport)) for path in file))
    except (ValueError, OSError) as error:  # no verdict, and certainly not the one that the status of a mistake means
        found = Verified(tuple(Verdict(str(path), UNKNOWN, (str(error),)) for path in file))
    for each in found.verdicts:
        print(each.sentence)
    if report is not None:
        write_text(report, as_report(list(found.verdicts)))
    return found


def marked(path: Path, found: Verdict) -> Verdict:
    """The verdict on a file, with what your own watermark says where nothing else can be told of it."""
    from difusa.domains.heritage.data import SUFFIXES

    if found.status != UNKNOWN or path.suffix.lower() not in (*SUFFIXES, *MATTER) or not folder().exists():
        return found
    from difusa.apps.watermark import SURE, reading

    try:
        row = reading(path, most=RECORDS)
    except (ValueError, OSError, ModuleNotFoundError):  # what cannot be read was told already
        return found
    if not row["marked"]:
        return found
    sure = row["p_value"] < SURE
    said = Said(MARKED if sure else HINTED, p=f"{row['p_value']:.1g}")
    return replace(found, status=CHANGED if sure else UNKNOWN, reasons=(*found.reasons, said))


def trusted(given: tuple[Path, ...] = ()) -> Trust:
    """Your own public certificates if you have keys, those of DIFUSA_TRUST, and those given. Raises ValueError or OSError."""
    own = folder() / "public.pem"
    named = [Path(p) for p in os.environ.get("DIFUSA_TRUST", "").split(os.pathsep) if p]
    known = Trust()
    for path in [own] * own.exists() + named + [Path(p) for p in given]:
        known = known.adding(path.read_bytes(), str(path))
    return known
