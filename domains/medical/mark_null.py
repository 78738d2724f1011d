"""`difusa bench watermark`, scans without a mark: are p-values uniform?"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.medical import data, labels, simulate
from difusa.domains.medical.examples import window
from difusa.domains.medical.forensics import KNOWN
from difusa.domains.medical.scan import Scan
from difusa.shared.metrics import share
from difusa.shared.seeds import stream
from difusa.shared.watermark import volume_grain
from difusa.shared.watermark.keyed import heard

SEED, SIDE = 1993, 128  # of what is drawn; of a simulated volume, in voxels of a millimetre
PEOPLE, KEYS, EACH = 12, 200, 50  # simulated people; random keys (two seconds each), and volumes that each reads


def volumes(folder: Path) -> dict[str, Scan]:
    """Unmarked volumes by name: every contrast of every examination of the real patients, and of simulated people; each lies at
    a place of its own, as people do in a scanner."""
    found = real(folder) | simulated(folder)
    return {name: moved(one, number) for number, (name, one) in enumerate(found.items())}


def moved(one: Scan, number: int) -> Scan:
    """The same volume, put down elsewhere."""
    affine = one.affine.copy()
    affine[:3, 3] += stream(SEED, number).uniform(0, volume_grain.SIDE, 3)
    return replace(one, affine=affine)


def real(folder: Path) -> dict[str, Scan]:
    """Planes of one examination as a volume, 1 mm in the plane; those of the longitudinal set are 3 mm thick."""
    found = {}
    for slices in data.sets(folder):
        for patient, study in sorted({(str(p), int(s)) for p, s in zip(slices.patient, slices.study)}):
            rows = np.flatnonzero((slices.patient == patient) & (slices.study == study))
            rows = rows[np.argsort(slices.z[rows])]
            affine = np.diag([1.0, 1.0, 3.0 if patient.startswith("long") else 1.0, 1.0])
            for contrast in slices.contrasts:
                planes = np.stack([slices.signal(r, contrast) for r in rows], -1)
                found[f"{patient}, {study}, {contrast}"] = Scan(planes, affine, contrast)
    return found


def simulated(folder: Path) -> dict[str, Scan]:
    """PEOPLE in all contrasts that there are planes of."""
    heads, found = labels.heads(folder, "test") + labels.heads(folder, "train"), {}
    options = simulate.Options()
    for number in range(PEOPLE):
        who = simulate.person(heads, SEED, number, options)
        affine, shape = window(who.rest, (SIDE, SIDE), stream(SEED, number, 1))
        made, _, _ = simulate.scans(who, KNOWN, SEED, number, affine, (*shape[:2], SIDE // 2), options)
        found |= {f"simulated {number}, {c}": Scan(x.astype(np.float32), affine, c) for c, x in made.items()}
    return found


def null(folder: Path) -> dict:
    """The distance of p-values from uniform ones. alike: the largest cosine of two volumes' waves; where volumes are alike, the
    pairs of one key are not independent."""
    from scipy.stats import kstest

    seen = np.stack([volume_grain.folded(one.array, one.affine) for one in volumes(folder).values()])
    values = np.array(
        [
            heard(
                volume_grain.SCHEME, hashlib.sha256(b"nobody's key %d" % k).digest(), seen[(EACH * k + i) % len(seen)]
            )[0]
            for k in range(KEYS)
            for i in range(EACH)
        ]
    )
    test = kstest(values, "uniform")
    flat = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    return {
        "distance": float(test.statistic),
        "ks_p": float(test.pvalue),
        "below_1": vars(share((values < 0.01).astype(float))),
        "alike": float(np.abs(flat @ flat.T - np.eye(len(flat))).max()),
        "pairs": len(values),
        "volumes": len(seen),
    }
