"""Rows of the bench for the gate: how many wrong stacks it refuses, and how many right ones of real patients."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec, data, gate
from difusa.domains.medical.bench_cases import padded
from difusa.domains.medical.bench_setup import Setup
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream

STACK, APART = 20, 6  # planes of a real stack; rows from one stack's beginning to the next


@dataclass(frozen=True)
class Stack:
    """Encoded planes [Z, rows, columns] said to be of a contrast; group: who they are of; kind: what is wrong, if anything."""

    name: str
    group: str
    kind: str
    planes: np.ndarray
    said: str

    @property
    def shown(self) -> "Shown":
        """As the gate is shown scans."""
        given = np.stack(
            [self.planes if c == self.said else np.full_like(self.planes, codec.blank(c)) for c in CONTRASTS]
        )
        head = np.stack([gate.head_of(p, self.said) for p in self.planes])
        return Shown(given, np.isin(CONTRASTS, [self.said]).astype(np.float32), head)


@dataclass(frozen=True)
class Shown:
    """The part of volumes.Prepared that the gate looks at."""

    given: np.ndarray
    present: np.ndarray
    head: np.ndarray


def right(sets: list[data.Slices], patients: tuple[str, ...]) -> list[Stack]:
    """Stacks of STACK neighbouring planes of real patients, each contrast as what it is; neighbours overlap."""
    found = []
    for slices in sets:
        for patient in sorted({str(p) for p in slices.patient} & set(patients)):
            for study in np.unique(slices.study[slices.patient == patient]):
                rows = np.flatnonzero((slices.patient == patient) & (slices.study == study))
                rows = rows[[(slices.images[r, 0] > 40).mean() > 0.05 for r in rows]]
                for first in range(0, max(1, len(rows) - STACK + 1), APART):
                    for contrast in [c for c in slices.contrasts if c in CONTRASTS]:
                        signals = [padded(slices.signal(r, contrast)) for r in rows[first : first + STACK]]
                        planes = np.stack([codec.encode(s, contrast) for s in signals])
                        name = f"{patient}/{study}/{first}/{contrast}"
                        found.append(Stack(name, patient, "right", planes, contrast))
    return found


def wrong(setup: Setup, rights: list[Stack]) -> list[Stack]:
    """Stacks that must be refused: contrasts said to be others, heads upside down or on their side, CT as MR, another organ,
    noise, a blank ground, negatives, planes out of other directions."""
    found = []
    for stack in rights:
        others = [c for c in CONTRASTS if c != stack.said]
        image = codec.decode(stack.planes, stack.said)
        for other in others:
            said = codec.encode(image * (1000 if other == "CT" else 1), other)
            found.append(made(stack, f"{stack.said} said to be {other}", said, other))
        found.append(made(stack, "upside down", stack.planes[:, ::-1].copy(), stack.said))
        found.append(made(stack, "on its side", square(stack.planes).swapaxes(1, 2).copy(), stack.said))
        found.append(made(stack, "negative", codec.encode(np.clip(1 - image, 0, 1), stack.said), stack.said))
        if len(stack.planes) == STACK:
            turned = np.repeat(stack.planes.swapaxes(0, 1)[::8], 8, 1)
            found.append(made(stack, "planes in another direction", turned, stack.said))
    for kind, make in (("noise", noise), ("smooth blobs", blobs), ("blank", blank)):
        for number in range(8):
            contrast = CONTRASTS[number % 4]
            planes = codec.encode(make(stream(setup.asked.seed, number, 6)), contrast)
            found.append(Stack(f"{kind}/{number}", kind, kind, planes, contrast))
    return found + list(prostates(setup)) + list(tomographies(setup))


def made(stack: Stack, kind: str, planes: np.ndarray, said: str) -> Stack:
    return Stack(f"{stack.name}: {kind}", stack.group, kind.replace(f"{stack.said} said", "said"), planes, said)


def square(planes: np.ndarray) -> np.ndarray:
    """Planes cut or filled up to squares."""
    size = min(planes.shape[1:])
    cut = [(n - size) // 2 for n in planes.shape[1:]]
    return planes[:, cut[0] : cut[0] + size, cut[1] : cut[1] + size]


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.random((STACK, 96, 96), dtype=np.float32)


def blobs(rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    found = gaussian_filter(rng.standard_normal((STACK, 128, 128)), (2, 6, 6))
    return np.clip(found / found.std() / 2, 0, 1).astype(np.float32)


def blank(rng: np.random.Generator) -> np.ndarray:
    return np.full((STACK, 96, 96), rng.uniform(0.2, 1), np.float32)


def prostates(setup: Setup) -> Iterator[Stack]:
    """The real prostate series, whole and cut smaller, as each of the four contrasts."""
    from difusa.domains.medical.readers import load
    from difusa.domains.medical.volumes import prepare

    folder = Path(setup.folder) / "medical" / "dicom" / "prostate_t2"
    if not folder.exists():
        return
    scan = load(folder, "T2")
    planes = prepare([scan], 8).given[CONTRASTS.index("T2")]
    image = codec.decode(planes, "T2")
    for edge in (0, 24, 48):
        part = image[:, edge : image.shape[1] - edge, edge : image.shape[2] - edge]
        for contrast in CONTRASTS[:4]:
            yield Stack(
                f"prostate/{edge}/{contrast}", "prostate", "another organ", codec.encode(part, contrast), contrast
            )


def tomographies(setup: Setup) -> Iterator[Stack]:
    """Simulated CT, its air at 0 and soft tissue in the middle as a viewer would write it, given as MR."""
    for case in setup.simulated():
        hounsfield = case.signals["CT"][None].repeat(3, 0)
        for low, wide in ((-1000, 2000), (-100, 300)):
            image = np.clip((hounsfield - low) / wide, 0, 1).astype(np.float32)
            for contrast in ("T1", "T2"):
                name = f"{case.name}/{low}/{contrast}"
                yield Stack(name, case.group, "CT given as MR", codec.encode(image, contrast), contrast)


def known_heads(setup: Setup) -> tuple[dict[str, gate.Known], str]:
    """The gate that ships, or where none does one fitted as `difusa medical calibrate --gate-too` fits it, kept in the work
    folder; and which of the two."""
    from difusa.domains.medical.heads_known import heads_known

    shipped = gate.load()
    if shipped:
        return shipped, "the one that ships"
    path = setup.work / "gate.json"
    if not path.exists():
        print("no gate ships: fitting one", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        gate.save(heads_known(setup.asked.data, people=setup.usual(None, 60, 24)), path)
    return gate.load(path), "fitted by the bench"


def gates(setup: Setup) -> None:
    """False alarms of real patients that the gate does not know, by patient; refusals, kind by kind."""
    known, which = known_heads(setup)
    rights = right(setup.sets, data.CALIBRATE + data.TEST)
    wrongs = wrong(setup, rights[:: setup.usual(None, 1, 6)])
    setup.store.groups.update({s.name: s.group for s in rights + wrongs})

    def score_of(stacks: dict[str, Stack]):
        def score(part):
            for name in part:
                word = gate.judge(stacks[name].shown, known)
                yield {"refused": float(not word["accepted"]), "score": word["score"]}

        return score

    kinds = {"all that are wrong": wrongs, "real stacks": rights}
    kinds |= {f"wrong: {kind}": [s for s in wrongs if s.kind == kind] for kind in dict.fromkeys(s.kind for s in wrongs)}
    kinds |= {f"right: {who}": [s for s in rights if s.group == who] for who in dict.fromkeys(s.group for s in rights)}
    for name, stacks in kinds.items():
        by_name = {s.name: s for s in stacks}
        row = setup.store.row(name, "gate", list(by_name), score_of(by_name), settings={"gate": which, "planes": STACK})
        setup.tell(row, ("refused", "score"))
