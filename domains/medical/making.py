"""Simulated scans for data sets: slabs or whole heads in several contrasts, tissues and a mask, as `synthesize` makes them."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.factory import Factory, Maker, Row, Sample

BATCH = 4  # rows a call; each is made alone
PLACE = 4  # part of a sample's random stream: where a slab lies
SICK = {"lesions": ("lesion",), "tumour": ("tumour", "necrosis")}  # what a slab of that disease shows


@dataclass(frozen=True)
class Options:
    """What a recipe says of all scans.

    contrasts: separated by commas; spacing: millimetres between voxels; size: rows and columns of a slab, planes: its planes, 0
    for the whole head; labels: folder of whole-head label maps, by default those of DIFUSA_DATA or the MNI152 head; split: of
    the former, train, calibrate or test; watermark: mark all contrasts of a sample, off its lesions. format: nifti, or dicom: a
    file a plane; masks stay NIfTI.
    """

    contrasts: str = "T1,T2,FLAIR"
    spacing: float = 1.5
    size: tuple[int, ...] = (144, 120)
    planes: int = 5
    labels: str | None = None
    split: str = "train"
    watermark: bool = True
    format: Literal["nifti", "dicom"] = "nifti"


@dataclass(frozen=True)
class Conditions:
    """What one simulated person and scanner are like: disease, tesla, millimetres of random anatomy, most of the shrinkage of
    the brain in millimetres (a quarter of people have any), bias field, noise over the reference signal, motion in pixels."""

    pathology: str = "none"
    field: float = 3.0
    deform: float = 2.2
    atrophy: float = 0.0
    bias: float = 0.2
    noise: float = 0.03
    motion: float = 0.0


def factory() -> Factory:
    """How scans are made."""
    about = {
        "head": ("label map that the anatomy comes from", "mapa de rótulos de que vem a anatomia"),
        "field": ("tesla", "tesla"),
        "atrophy_mm": ("shrinkage of the brain", "redução do cérebro"),
        "white_matter_ml": ("white matter", "substância branca"),
        "grey_matter_ml": ("grey matter", "substância cinzenta"),
        "fluid_ml": ("cerebrospinal fluid", "líquor"),
        "lesions_ml": ("lesions, tumour and oedema", "lesões, tumor e edema"),
    }
    scan = (
        "{}, NIfTI, whole numbers (1000: reference signal; CT: HU)",
        "{}, NIfTI, inteiros (1000: sinal de referência; CT: HU)",
    )
    files = {}
    for name in CONTRASTS:
        files[f"{name.lower()}.nii.gz"] = tuple(text.format(name) for text in scan)
        files[f"{name.lower()}.NNNN.dcm"] = (f"{name}, a DICOM file a plane", f"{name}, um arquivo DICOM por plano")
        files[f"{name.lower()}.json"] = (f"how {name} was measured (BIDS)", f"como {name} foi medido (BIDS)")
    files["tissues.nii.gz"] = ("tissue of each voxel", "tecido de cada voxel")
    files["tissues.json"] = ("its names", "seus nomes")
    files["mask.nii.gz"] = ("1 lesion, 2 oedema, 3 tumour, 4 dead tissue", "1 lesão, 2 edema, 3 tumor, 4 necrose")
    files["mask.json"] = ("the same", "o mesmo")
    signed = tuple(f for f in files if f.endswith(".nii.gz"))
    return Factory(Options, Conditions, ready, BATCH, files, about, signed, SIMULATED)


SIMULATED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"  # equations and chance, no trained model


def ready(options: Options, asked: Sequence[Conditions], seed: int) -> Maker:
    """Raises ValueError for contrasts, diseases, label maps and sizes that cannot be."""
    from difusa.domains.medical import labels as maps
    from difusa.domains.medical.pathology import PATHOLOGIES
    from difusa.domains.medical.tissues import FIELDS
    from difusa.shared.files import sha256

    contrasts = tuple(c.strip() for c in options.contrasts.split(","))
    if wrong := [c for c in contrasts if c not in CONTRASTS]:
        raise ValueError(f"make.contrasts: {wrong[0]!r} is none of {', '.join(CONTRASTS)}")
    if len(options.size) != 2 or min(options.size) < 16 or options.planes < 0 or not 0.25 <= options.spacing <= 10:
        raise ValueError(
            f"make.size = {options.size}, planes = {options.planes}, spacing = {options.spacing}: two numbers of 16 or more, "
            "0 or more planes, 0.25 to 10 millimetres"
        )
    for wish in asked:
        if wish.pathology not in PATHOLOGIES:
            raise ValueError(f"pathology {wish.pathology!r} is none of {', '.join(PATHOLOGIES)}")
        if wish.field not in FIELDS:
            raise ValueError(f"field = {wish.field}: tissues are known at {' and '.join(map(str, FIELDS))} tesla")
    if options.split not in maps.SPLITS:
        raise ValueError(f"make.split = {options.split!r} is none of {', '.join(maps.SPLITS)}")
    data = os.environ.get("DIFUSA_DATA")
    found = maps.maps(options.labels) if options.labels else maps.maps(Path(data) / "medical/labelmaps") if data else []
    if options.labels and not found:
        raise ValueError(f"make.labels = {options.labels}: no .nii.gz file in it")
    if found and not options.labels:
        found = [found[k] for k in maps.SPLITS[options.split] if k < len(found)]

    @cache
    def heads():
        return [maps.kept(str(p)) for p in found] or [maps.mni()]

    def make(rows: Sequence[Row]) -> list[Sample]:
        return [simulated(r, contrasts, options, heads(), seed) for r in rows]

    licence = {} if options.labels else {"licence": "Apache-2.0", "credit": "SynthSeg (Billot et al. 2023)"}
    sources = tuple({"name": p.name, "sha256": sha256(p)} | licence for p in found)
    return Maker(make, sources=sources, plan=repr(options))


def simulated(row: Row, contrasts: tuple[str, ...], options: Options, heads: list, seed: int) -> Sample:
    """One person's scans; not valid where a disease was asked for and the slab shows none of it."""
    from difusa.domains.medical.export import nifti, told
    from difusa.domains.medical.scan import Made, Scan
    from difusa.domains.medical.simulate import Options as Spoiling
    from difusa.domains.medical.simulate import person, scans
    from difusa.domains.medical.synthesizing import MASKS, facts, settings, sick, stored, volumes
    from difusa.domains.medical.tissues import INDEX, NAMES, mask
    from difusa.shared.files import plain
    from difusa.shared.passport.signing import digest

    wish = row.conditions
    how = Spoiling(
        field=wish.field, deform=wish.deform, atrophy=wish.atrophy, bias=wish.bias, noise=wish.noise, motion=wish.motion,
        stripped=0.0,
    )  # fmt: skip
    who = person(heads, seed, row.stream, how, wish.pathology)
    affine, shape = slab(who, options, seed, row)
    images, tissue, used = scans(who, contrasts, seed, row.stream, affine, shape, how)
    simulator = ("simulator", digest(plain([asdict(options), asdict(wish)])))  # so that other recipes have other UIDs
    files, marks = {}, {}
    where = (tissue != INDEX["air"]) & (sick(tissue) == 0)
    for name in contrasts:
        note = Made("simulated", seed, row.stream, simulator, settings=facts(who, used.get(name)))
        scan = stored(images[name], affine, name, settings(used.get(name), who.field))
        if options.watermark and where.any():
            scan, marks[f"{name.lower()}.nii.gz"] = marked(scan, where, seed, row.stream, wish)
        files |= {f"{name.lower()}.{k}": data for k, data in WRITERS[options.format](scan, note).items()}
        files[f"{name.lower()}.json"] = _json(told(scan, note))
    for name, array, names in (("tissues", tissue, NAMES), ("mask", sick(tissue), ("none", *MASKS))):
        note = Made("simulated", seed, row.stream, simulator, settings={"Labels": dict(enumerate(names))})
        files[f"{name}.nii.gz"] = nifti(Scan(array, affine), note, packed=False)
        files[f"{name}.json"] = _json(told(Scan(array, affine), note))
    told_ml = {f"{k.replace(' ', '_')}_ml": v for k, v in volumes(tissue, options.spacing).items()}
    known = {"head": who.head.name, "field": who.field, "atrophy_mm": who.settings["atrophy_mm"]} | told_ml
    there = wish.pathology == "none" or bool(mask(tissue, SICK[wish.pathology]).any())
    return Sample(files, wish.pathology, known, "" if there else f"the slab shows no {wish.pathology}", marks)


def slab(who, options: Options, seed: int, row: Row):
    """Affine and shape of the voxels to paint: the whole head, or planes somewhere through the cerebrum; of the sick, through a
    plane of the head that holds their disease."""
    from difusa.domains.medical.examples import around
    from difusa.domains.medical.synthesizing import grid
    from difusa.domains.medical.tissues import mask
    from difusa.shared.seeds import stream

    if not options.planes:
        return grid(who.head, options.spacing)
    rng, levels = stream(seed, row.stream, PLACE), who.rest.levels
    if who.pathology in SICK:
        shown = np.flatnonzero(mask(who.head.labels, SICK[who.pathology]).any((0, 1)))
        levels = np.intersect1d(levels, shown) if np.isin(levels, shown).any() else levels
    wide = [round(n * options.spacing) for n in options.size]
    affine, _ = around(who.rest, int(levels[rng.integers(len(levels))]), wide, rng)
    affine = affine @ np.diag([options.spacing] * 3 + [1.0])
    affine[2, 3] -= options.spacing * (options.planes - 1) / 2
    return affine, (options.size[1], options.size[0], options.planes)


def marked(scan, where: np.ndarray, *parts: object):
    """The scan with a mark of the user's key, and what its passport says of it; one mark for all contrasts of a sample."""
    from difusa.domains.medical.marking import HU, SHARE
    from difusa.domains.medical.synthesizing import SCALE
    from difusa.shared.passport.keys import mine
    from difusa.shared.watermark.volumes import put

    strength = HU if scan.contrast == "CT" else SHARE * SCALE
    array, facts = put(scan.array, scan.affine, mine(), *parts, strength=strength, where=where)
    return replace(scan, array=array), facts


def as_nifti(scan, made) -> dict[str, bytes]:
    """One file."""
    from difusa.domains.medical.export import nifti

    return {"nii.gz": nifti(scan, made, packed=False)}


def as_dicom(scan, made) -> dict[str, bytes]:
    """A file a plane; UIDs follow from the seed, the index and the simulator's settings."""
    from difusa.domains.medical.dicom_export import save_dicom

    with TemporaryDirectory() as place:
        return {p.name: p.read_bytes() for p in sorted(save_dicom(scan, Path(place) / "series", made).iterdir())}


WRITERS = {"nifti": as_nifti, "dicom": as_dicom}


def _json(value: dict) -> bytes:
    from difusa.shared.passport.signing import canonical

    return canonical(value) + b"\n"
