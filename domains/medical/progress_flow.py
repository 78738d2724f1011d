"""A scan carried forward in time: brain lost along a flow, lesions and tumours as level sets that move, and how they look.

A scenario, not a prediction. Outside of what the process reaches, voxels keep their value bit for bit.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from difusa.domains.medical import progress_fields as fields
from difusa.domains.medical import progress_growth as growth
from difusa.domains.medical.scan import Scan
from difusa.domains.medical.synthesizing import MASKS
from difusa.shared.seeds import stream

LESION, OEDEMA, TUMOUR, NECROSIS, CAVITY = 1, 2, 3, 4, 5
LABELS = ("none", *MASKS, "cavity")
TISSUE = {"cavity": "ventricle"}  # label -> tissue of the simulator, where the names differ
GRAIN = 0.7  # voxels within which the texture of painted tissue is alike
ENOUGH = 30  # voxels of a tissue whose look is taken from the scan itself
NOTICE = "Scenario, not a prediction; synthetic, research use, not for diagnosis"


@dataclass(frozen=True)
class Wish:
    """What is played through. scenario: one of growth.SCENARIOS; kind: one of growth.LAWS; lesions, atrophy: percent a year."""

    scenario: str = "untreated"
    kind: str = "glioblastoma"
    lesions: float = growth.LESIONS
    atrophy: float = growth.ATROPHY
    seed: int = 0

    def __post_init__(self):
        for name, known in (("scenario", growth.SCENARIOS), ("kind", growth.LAWS)):
            if getattr(self, name) not in known:
                raise ValueError(f"--{name} {getattr(self, name)}: is none of {', '.join(known)}")
        if not -50 <= self.lesions <= 200 or not 0 <= self.atrophy <= 5:
            raise ValueError(f"--lesions {self.lesions} --atrophy {self.atrophy}: give -50 to 200 and 0 to 5 % a year")


@dataclass(frozen=True)
class State:
    """scan: upright; mask [X, Y, Z] uint8, indices into LABELS; months since the first scan; volumes: millilitres that the laws
    move (lesion, tumour with its dead core, oedema, necrosis as a share of the tumour); looks: tissue -> mean and standard
    deviation of its signal, and limits: Place.limit and Place.white; all from the first scan."""

    scan: Scan
    mask: np.ndarray
    months: float = 0.0
    volumes: dict = field(default_factory=dict)
    looks: dict = field(default_factory=dict)

    @property
    def where(self) -> fields.Place:
        """The inner brain and its fluid."""
        return fields.place(self.scan, self.mask > 0, self.looks["limits"])

    @property
    def voxel(self) -> float:
        """Millilitres of a voxel."""
        return float(np.prod(self.scan.spacing)) / 1000


def begun(scan: Scan, mask: np.ndarray) -> State:
    """The state at month 0 of an upright scan and its mask."""
    count = np.bincount(mask.ravel(), minlength=len(LABELS)).astype(float)
    solid, voxel = count[TUMOUR] + count[NECROSIS], float(np.prod(scan.spacing)) / 1000
    volumes = {"lesion": count[LESION] * voxel, "tumour": solid * voxel, "oedema": count[OEDEMA] * voxel}
    volumes["necrosis_share"] = count[NECROSIS] / solid if solid else 0.0
    where = fields.place(scan, mask > 0)
    looks = {name: look(name, where, scan.array[mask == k]) for k, name in enumerate(LABELS) if k}
    looks |= {"white": look("white", where, np.empty(0)), "limits": [where.limit, where.white]}
    return State(scan, mask, 0.0, volumes, looks)


def look(name: str, where: fields.Place, seen: np.ndarray) -> list[float]:
    """Mean and standard deviation of a tissue's signal: as seen, else by the signal equations, white matter as the measure."""
    from difusa.domains.medical import physics, tissues

    if len(seen) >= ENOUGH:
        middle = float(np.median(seen))
        return [middle, float(1.4826 * np.median(np.abs(seen - middle)))]
    number, white = tissues.INDEX[TISSUE.get(name, name)], tissues.INDEX["white"]
    table = tissues.values()
    if where.contrast == "CT":
        return [where.white + float(table.hu[number] - table.hu[white]), 4.0]
    signals = np.abs(physics.signal(table, physics.SEQUENCES[where.contrast][0]))
    mean = where.white * float(signals[number] / signals[white])
    return [mean, mean * float(table.texture[number])]


def advanced(state: State, months: float, wish: Wish) -> State:
    """The state `months` later. Raises ValueError for no time, or a treatment where there is no tumour."""
    if not 0 < months <= 600:
        raise ValueError(f"--months {months:g}: give more than 0 and at most 600")
    if wish.scenario != "untreated" and not np.isin(state.mask, (TUMOUR, NECROSIS, CAVITY)).any():
        raise ValueError(f"--scenario {wish.scenario}: treats a tumour, and the mask holds none (label 3)")
    if wish.scenario == "resection" and state.months == 0:
        state = resected(state, wish)
    state = thinned(state, growth.left(months, wish.atrophy))
    where = state.where
    mask, volumes = with_tumour(state, where, months, wish)
    volumes["lesion"] = growth.load(state.volumes["lesion"], months, wish.lesions)
    free = where.inner & ~where.fluid & (mask == 0)
    wide = fields.grown(mask == LESION, free, round(volumes["lesion"] / state.voxel), where.spacing)
    mask[(mask == LESION) & ~wide], mask[wide] = 0, LESION
    return replace(repainted(state, mask, wish.seed), months=state.months + months, volumes=volumes)


def thinned(state: State, share: float) -> State:
    """Brain lost along a flow until `share` of it is left; lesions go along, tumours stay."""
    where = state.where
    displacement = fields.loss(where, state.scan.array, state.mask > LESION, share)
    if displacement is None:
        return state
    box, array, mask = fields.around(where.inner, (0, 0, 0)), state.scan.array.copy(), state.mask.copy()
    free = where.inner & (state.mask <= LESION)
    array[box] = fields.moved(state.scan.array, displacement, box, free, where.spacing)
    mask[box] = fields.moved(state.mask, displacement, box, free, where.spacing, order=0)
    return replace(state, scan=replace(state.scan, array=array), mask=mask)


def resected(state: State, wish: Wish) -> State:
    """EXTENT of the solid tumour taken out, its outermost shell left; the cavity fills with fluid."""
    mask, solid = state.mask.copy(), np.isin(state.mask, (TUMOUR, NECROSIS))
    count = round(growth.EXTENT * solid.sum())
    out = fields.grown(solid, np.zeros_like(solid), count, state.scan.spacing)
    mask[solid], mask[out] = TUMOUR, CAVITY
    volumes = state.volumes | {"tumour": state.volumes["tumour"] * (1 - growth.EXTENT), "necrosis_share": 0.0}
    return replace(repainted(state, mask, wish.seed), volumes=volumes)


def with_tumour(state: State, where: fields.Place, months: float, wish: Wish) -> tuple[np.ndarray, dict]:
    """The mask after the tumour's law, and the volumes; oedema goes with the tumour's surface, the dead core with its volume."""
    mask, volumes, before = state.mask.copy(), dict(state.volumes), state.volumes["tumour"]
    solid = np.isin(mask, (TUMOUR, NECROSIS))
    if not solid.any():
        return mask, volumes
    after = growth.LAWS[wish.kind].grown(before, state.months, months, wish.scenario)
    volumes["tumour"], volumes["oedema"] = after, state.volumes["oedema"] * (after / before) ** (2 / 3)
    free = where.inner & ~where.fluid & np.isin(mask, (0, OEDEMA))
    count = round(after / state.voxel)
    wide = fields.grown(solid, free, count, where.spacing)
    dead, old = round(volumes["necrosis_share"] * wide.sum()), (mask == NECROSIS) & wide
    core = fields.grown(wide, np.zeros_like(wide), dead, where.spacing, old if old.sum() <= dead else None)
    wet = solid | (mask == OEDEMA)
    total = int(wide.sum()) + round(volumes["oedema"] / state.voxel)
    rim = fields.grown(wet | wide, free | solid, total, where.spacing, wide)
    mask[wet] = 0
    mask[rim], mask[wide], mask[core] = OEDEMA, TUMOUR, NECROSIS
    return mask, volumes


def repainted(state: State, mask: np.ndarray, seed: int) -> State:
    """The scan with each voxel whose label changed painted as its new tissue; what disease leaves becomes white matter."""
    from scipy.ndimage import gaussian_filter

    changed = mask != state.mask
    if not changed.any():
        return replace(state, mask=mask)
    box = fields.around(
        changed, (4, 4, 4)
    )  # as far as the filter reaches: the noise of a voxel is the same on every path
    noise = gaussian_filter(stream(seed, 0, 7).standard_normal(mask.shape, dtype=np.float32)[box], GRAIN)
    noise *= np.float32((4 * np.pi * GRAIN**2) ** 0.75)  # unit variance again
    looks = np.array([state.looks["white" if k == 0 else name] for k, name in enumerate(LABELS)])
    mean, spread = (looks[:, k][mask[box]] for k in (0, 1))
    values = mean + spread * noise
    kind = state.scan.array.dtype
    if state.scan.contrast != "CT":
        values = np.maximum(values, 0)
    if kind.kind in "iu":
        values = np.clip(np.rint(values), np.iinfo(kind).min, np.iinfo(kind).max)
    array = state.scan.array.copy()
    array[box] = np.where(changed[box], values.astype(kind), array[box])
    return replace(state, scan=replace(state.scan, array=array), mask=mask)


def measured(state: State) -> dict[str, float]:
    """Millilitres: of each label in the mask, and of brain and fluid in the inner brain."""
    count = np.bincount(state.mask.ravel(), minlength=len(LABELS))
    found = {name: round(float(count[k]) * state.voxel, 4) for k, name in enumerate(LABELS) if k}
    where = state.where
    fluid = float(where.fluid.sum()) * state.voxel
    inner = float((where.inner & (state.mask == 0)).sum()) * state.voxel
    return found | {"inner_fluid": round(fluid, 3), "inner_brain": round(inner - fluid, 3)}
