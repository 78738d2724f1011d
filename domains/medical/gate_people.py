"""What the gate's network learns from: planes of 2 mm through simulated people, axial ones and others, and real ones."""

from dataclasses import dataclass

import numpy as np

from difusa.domains.medical import codec, data, gate, labels, simulate
from difusa.domains.medical.gate_network import air, seen
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.prepared import built_once, cached, read_arrays
from difusa.shared.seeds import stream

OPTIONS = simulate.Options(stripped=0.45)
SIDE, PIXEL = (
    112,
    2,
)  # pixels along an edge, and millimetres of one: finer than what the network sees, for it is turned and scaled
AXIAL, OTHER = 9, 3  # planes of a person: as a translation wants them, and sagittal or coronal ones
LOW = 45.0  # millimetres below the cerebrum that a whole scan may show in the middle of its planes
TILT = 12.0  # degrees about the ears' axis by which an axial plane may be tilted


@dataclass(frozen=True)
class Planes:
    """signals [n, contrasts, SIDE, SIDE] float16: 1 = reference, CT in HU / 1000; axial [n]: 1 or 0; person [n]."""

    signals: np.ndarray
    axial: np.ndarray
    person: np.ndarray


def simulated(folder, people: int, seed: int = 1) -> Planes:
    """Planes of simulated people on the training heads, kept in the user's cache."""
    heads = labels.heads(folder, "train")
    place = cached(f"gate-planes-{len(heads)}-{heads[0].name}-{people}-{seed}", 1)
    return built_once(place, lambda p: read_arrays(Planes, p, "planes"), lambda: painted(heads, people, seed))


def painted(heads: list[labels.Head], people: int, seed: int) -> Planes:
    """Planes of people 0, 1, 2, ... on these heads."""
    signals, axial, person = [], [], []
    for index in range(people):
        who = simulate.person(heads, seed, index, OPTIONS)
        for plane in range(AXIAL + OTHER):
            rng = stream(seed, index, 20 + plane)
            affine = through(who.rest, plane < AXIAL, rng)
            made, _, _ = simulate.scans(who, CONTRASTS, seed, 100 * index + plane, affine, (SIDE, SIDE, 1), OPTIONS)
            rows = [codec.picture(made[c][..., 0]) / (1000 if c == "CT" else 1) for c in CONTRASTS]
            signals.append(np.stack(rows).astype(np.float16))
            axial.append(plane < AXIAL)
            person.append(index)
    return Planes(np.stack(signals), np.array(axial, np.int8), np.array(person))


def through(head: labels.Head, axial: bool, rng: np.random.Generator) -> np.ndarray:
    """Affine [4, 4] of a plane of PIXEL mm through a head, 1 to 5 mm thick: a tilted axial one, or a sagittal or coronal one."""
    low, high = head.box
    places = [float(head.affine[2] @ [0, 0, k, 1]) for k in head.levels[[0, -1]]]
    centre = (low + high) / 2 + rng.uniform(-8, 8, 3)
    axes = np.eye(3)
    if axial:
        centre[2] = rng.uniform(places[0] - (LOW if rng.random() < 0.3 else 0), places[1] + 3)
    else:
        side = int(rng.integers(2))  # across x: sagittal; across y: coronal
        axes = axes[:, [1, 2, 0]] if side == 0 else axes[:, [0, 2, 1]]
        centre[side] += rng.uniform(-45, 45)
        centre[2] = np.mean(places) + rng.uniform(-20, 20)
    a, b = np.deg2rad(TILT) * rng.uniform(-1, 1, 2) * [1, 0.4]
    pitch = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    roll = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = roll @ pitch @ axes @ np.diag([PIXEL, PIXEL, rng.uniform(1, 5)])
    affine[:3, 3] = centre - affine[:3, :2].sum(1) * (SIDE - 1) / 2
    return affine


@dataclass(frozen=True)
class Measured:
    """Real planes: signals [n, SIDE, SIDE] float16, 1 = reference; contrast [n]: place in CONTRASTS; patient [n]."""

    signals: np.ndarray
    contrast: np.ndarray
    patient: np.ndarray


def measured(sets: list[data.Slices]) -> Measured:
    """All axial planes of real patients that show enough of a head."""
    signals, contrast, patient = [], [], []
    for slices in sets:
        for row in np.flatnonzero([(image[0] > 40).mean() > 0.05 for image in slices.images]):
            for c in [c for c in slices.contrasts if c in CONTRASTS]:
                plane = codec.encode(slices.signal(row, c), c)
                shown = seen(plane[None], gate.head_of(plane, c)[None], air(c), SIDE, PIXEL)[0]
                signals.append(((shown - codec.DARK) / codec.GAIN).astype(np.float16))
                contrast.append(CONTRASTS.index(c))
                patient.append(str(slices.patient[row]))
    return Measured(np.stack(signals), np.array(contrast), np.array(patient))
