"""What tissues are made of: relaxation times, proton density and X-ray density, each with its source.

Times in milliseconds at 1.5 T and 3 T, proton density against water, CT numbers in HU. Values marked with "about" lie between the
published ones, which differ by a tenth or more from site to site; the simulator varies all of them anyway.
"""

from dataclasses import dataclass

import numpy as np

FIELDS = (1.5, 3.0)  # tesla


@dataclass(frozen=True)
class Tissue:
    """t1, t2: at each of FIELDS; texture: standard deviation of its signal over its mean, from place to place."""

    name: str
    t1: tuple[float, float]
    t2: tuple[float, float]
    pd: float
    hu: float
    texture: float
    source: str


ROONEY, STANISZ, WANSAPURA, GOLD = "Rooney 2007", "Stanisz 2005", "Wansapura 1999", "Gold 2004"
JUST, SCHNEIDER, NEEB, DU = "Just and Thelen 1988", "Schneider 2000", "Neeb 2006", "Du and Bydder 2013"
# T1 and T2: Rooney et al., MRM 57:308; Stanisz et al., MRM 54:507; Wansapura et al., JMRI 9:531; Gold et al., AJR 183:343;
# Just and Thelen, Radiology 169:779; Du and Bydder, NMR Biomed. 26:489. Water content: Neeb et al., NeuroImage 31:1156.
# HU: Schneider et al., Phys. Med. Biol. 45:459, and the usual numbers of head CT.
TISSUES = (
    Tissue("air",         (1, 1),         (1, 1),       0.00, -1000, 0.00, "no protons"),
    Tissue("white",       (656, 832),     (72, 80),     0.70,    28, 0.02, f"{ROONEY}, {STANISZ}; {WANSAPURA}; {NEEB}"),
    Tissue("cortex",      (1188, 1331),   (95, 110),    0.82,    38, 0.03, f"{ROONEY}, {STANISZ}; {WANSAPURA}; {NEEB}"),
    Tissue("cerebellar",  (1150, 1300),   (95, 105),    0.81,    38, 0.04, "about as cortex"),
    Tissue("thalamus",    (900, 1080),    (84, 88),     0.77,    35, 0.03, f"about {ROONEY}"),
    Tissue("striatum",    (1050, 1250),   (85, 88),     0.80,    36, 0.02, f"about {ROONEY}"),
    Tissue("pallidum",    (780, 960),     (68, 60),     0.74,    38, 0.02, f"about {ROONEY}; iron shortens T2"),
    Tissue("hippocampus", (1180, 1350),   (98, 108),    0.82,    36, 0.03, "about as cortex"),
    Tissue("stem",        (740, 900),     (78, 80),     0.74,    31, 0.03, f"about {STANISZ} (spinal cord)"),
    Tissue("csf",         (4200, 4300),   (1900, 1700), 1.00,    10, 0.02, f"about {ROONEY}"),
    Tissue("ventricle",   (4200, 4300),   (1900, 1700), 1.00,     8, 0.01, f"about {ROONEY}"),
    Tissue("skull",       (200, 223),     (0.6, 0.5),   0.15,  1150, 0.15, f"{DU}; {SCHNEIDER}, about"),
    Tissue("marrow",      (288, 365),     (100, 90),    0.45,   450, 0.20, f"about {GOLD} (fat in bone); {SCHNEIDER}"),
    Tissue("fat",         (288, 371),     (110, 95),    0.75,  -100, 0.08, f"{GOLD}, T2 without refocusing; {SCHNEIDER}"),
    Tissue("muscle",      (981, 1420),    (35, 32),     0.75,    50, 0.08, f"{GOLD}; {SCHNEIDER}"),
    Tissue("skin",        (800, 900),     (32, 28),     0.60,    30, 0.10, "about"),
    Tissue("mucosa",      (1100, 1300),   (90, 85),     0.85,    40, 0.15, "about"),
    Tissue("blood",       (1441, 1932),   (40, 35),     0.40,    50, 0.10, f"{STANISZ}, less what flows away; about"),
    Tissue("vitreous",    (3500, 4000),   (900, 800),   0.98,    12, 0.01, "about as CSF"),
    Tissue("nerve",       (815, 1083),    (77, 78),     0.72,    32, 0.03, STANISZ),
    Tissue("lesion",      (1150, 1350),   (140, 150),   0.86,    24, 0.06, f"about {JUST} (multiple sclerosis)"),
    Tissue("oedema",      (1090, 1300),   (120, 130),   0.83,    22, 0.05, f"about {JUST}"),
    Tissue("tumour",      (1280, 1500),   (125, 130),   0.86,    36, 0.10, f"about {JUST} (glioma)"),
    Tissue("necrosis",    (2200, 2400),   (350, 330),   0.93,    16, 0.08, "between tumour and CSF"),
)  # fmt: skip
NAMES = tuple(t.name for t in TISSUES)
INDEX = {name: number for number, name in enumerate(NAMES)}
# What reports speak of: structure -> tissues that make it up.
STRUCTURES = {
    "white matter": ("white", "stem"),
    "grey matter": ("cortex", "cerebellar", "hippocampus", "thalamus", "striatum", "pallidum"),
    "fluid": ("csf", "ventricle"),
    "lesions": ("lesion", "oedema", "tumour", "necrosis"),
}
BRAIN = tuple(n for s in ("white matter", "grey matter", "lesions") for n in STRUCTURES[s])


@dataclass(frozen=True)
class Values:
    """One number a tissue, in the order of TISSUES: t1, t2 (milliseconds), pd, hu; texture as in Tissue."""

    t1: np.ndarray
    t2: np.ndarray
    pd: np.ndarray
    hu: np.ndarray
    texture: np.ndarray


def values(field: float = 3.0) -> Values:
    """The table at a field strength in tesla, between the two of FIELDS in proportion. Raises ValueError outside 1..7 T."""
    if not 1 <= field <= 7:
        raise ValueError(f"--field {field}: relaxation times are known for 1.5 and 3 tesla; give 1 to 7")
    part = (field - FIELDS[0]) / (FIELDS[1] - FIELDS[0])
    column = lambda get: np.array([get(t) for t in TISSUES], float)  # noqa: E731
    t1, t2 = (np.stack([column(lambda t, k=k, n=n: getattr(t, n)[k]) for k in (0, 1)]) for n in ("t1", "t2"))
    between = lambda a: np.maximum(a[0] + part * (a[1] - a[0]), 0.3 * a.min(0))  # noqa: E731
    return Values(between(t1), between(t2), column(lambda t: t.pd), column(lambda t: t.hu), column(lambda t: t.texture))


def varied(table: Values, rng: np.random.Generator, spread: float = 0.05) -> Values:
    """The table of one person: every number times exp(spread * normal); HU plus 4 * normal but for air."""
    draw = lambda a: a * np.exp(spread * rng.standard_normal(len(a)))  # noqa: E731
    hu = table.hu + 4 * rng.standard_normal(len(table.hu)) + 0.05 * table.hu * rng.standard_normal(len(table.hu))
    hu[INDEX["air"]] = table.hu[INDEX["air"]]
    return Values(draw(table.t1), draw(table.t2), np.minimum(draw(table.pd), 1.0), hu, table.texture)


def mask(labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Where labels (indices into TISSUES) are any of the tissues."""
    wanted = np.zeros(256, np.uint8)
    wanted[[INDEX[n] for n in names]] = 1
    return lookup(labels, wanted).view(bool)


def lookup(labels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """table[labels] for uint8 labels and a table [256] of uint8; by bytes, ten times as fast as by index."""
    return np.frombuffer(bytearray(labels.tobytes().translate(table.tobytes())), np.uint8).reshape(labels.shape)
