"""`difusa bench watermark`, molecules: found after each attack, false alarms, and whether a mark changes what is drawn."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.molecules import marks
from difusa.domains.molecules.judges import relaxed
from difusa.domains.molecules.molecule import Molecule, skeleton
from difusa.domains.molecules.readers import load
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell
from difusa.shared.metrics import share
from difusa.shared.passport.keys import mine
from difusa.shared.seeds import stream
from difusa.shared.watermark.ledger import Issue

METHOD, SEED, JITTER = "keyed noise", 11, 0.05
NULL, KEYS = 600, 20  # molecules drawn for the null; noises of nobody's key for each
COMPARED = ("atoms", "heavy atoms", "bonds", "radius of gyration")


def rotation(molecule: Molecule, rng: np.random.Generator) -> Molecule:
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    moved = molecule.positions @ (turn * np.linalg.det(turn)) + rng.standard_normal(3)
    return replace(molecule, positions=moved)


def noise(molecule: Molecule, rng: np.random.Generator) -> Molecule:
    return replace(molecule, positions=molecule.positions + JITTER * rng.standard_normal(molecule.positions.shape))


def permutation(molecule: Molecule, rng: np.random.Generator) -> Molecule:
    order = rng.permutation(len(molecule))
    place = np.argsort(order)
    bonds = molecule.bonds.copy()
    bonds[:, :2] = np.sort(place[bonds[:, :2]], axis=1)
    parts = {k: getattr(molecule, k)[order] for k in ("numbers", "positions", "charges")}
    return replace(molecule, bonds=bonds, **parts)


def relaxation(molecule: Molecule, rng: np.random.Generator) -> Molecule:
    return relaxed(molecule)[0]


ATTACKS: dict[str, Callable] = {
    "clean": lambda molecule, rng: molecule,
    "rotation and shift": rotation,
    f"noise of {JITTER} angstrom": noise,
    "GFN2-xTB": relaxation,
    "all three": lambda molecule, rng: rotation(noise(relaxation(molecule, rng), rng), rng),
    "permutation": permutation,
}


def rows(store: Bench, asked: Asked, n: int) -> None:
    """A row an attack; then p-values under random keys, and two samples."""
    out = store.work / f"watermark-molecules-{n}"
    marked, plain = (drawn(out / f"{name}.sdf", n, name == "marked") for name in ("marked", "plain"))
    whole = [m for m in marked if sound(m)]
    model = whole[0].tags["MODEL"]
    for attack, change in ATTACKS.items():
        row = store.row(
            METHOD, f"molecules: {attack}", [str(m.tags["INDEX"]) for m in whole],
            lambda part, attack=attack, change=change: scored(whole, part, attack, change, n), chunk=10, model=model,
            settings={"drawn": n, "issued": n},
        )  # fmt: skip
        tell(row, ("told_3", "told_6", "searched_3", "searched_6"))
    many = NULL if n >= 200 else n
    row = store.row(
        METHOD, "molecules: p-values without a mark", [f"{many} molecules"],
        lambda _: [null(drawn(out.with_name(f"watermark-molecules-null-{many}.sdf"), many, False, SEED + 1))], model=model,
        settings={"keys": KEYS},
    )  # fmt: skip
    tell(row, ("distance", "ks_p", "below_1"))
    row = store.row(METHOD, "molecules: quality", [f"{n} molecules"], lambda _: [compared(marked, plain)], model=model)
    tell(row, ("valid_marked", "valid_plain"))


def drawn(out: Path, n: int, watermark: bool, seed: int = SEED) -> list[Molecule]:
    """Draws of the shipped model of QM9's kind, with the key's noise or with nobody's; kept in a file."""
    from difusa.domains.molecules.task import generate

    if not out.exists():
        generate(out=out, count=n, seed=seed, passport=False, watermark=watermark, threads=1)
    return [r.molecule for r in load(out) if r.molecule is not None]


def sound(molecule: Molecule) -> bool:
    """Whether it is valid, in one piece and large enough for a mark."""
    told = molecule.tags.get("VALID") == "True" and molecule.tags.get("FRAGMENTS") == 1
    return told and len(skeleton(molecule)) >= marks.LEAST


def scored(whole: list[Molecule], part: list[str], attack: str, change: Callable, n: int) -> Iterator[dict]:
    """Of each molecule: found where its tags still tell its index, and where all n issued ones are tried; nothing where it does
    not relax."""
    by = {str(m.tags["INDEX"]): m for m in whole}
    for item in part:
        try:
            seen = change(by[item], stream(zlib.crc32(attack.encode()), int(item)))
        except (RuntimeError, ValueError) as why:
            yield {"reason": " ".join(str(why).split())[:80]}
            continue
        told = marks.read(seen, mine().secret, ())
        blank = marks.read(replace(seen, tags={}), mine().secret, [Issue(marks.VERB, "", SEED, n)])
        yield {
            **{f"told_{k}": float(told.p_value < 10.0**-k) for k in (3, 6)},
            **{f"searched_{k}": float(blank.p_value < 10.0**-k) for k in (3, 6)},
            "right": float(blank.index == int(item)),
            "exponent": float(np.log10(max(told.p_value, 1e-300))),
        }


def null(plain: list[Molecule]) -> dict:
    """The distance of p-values from uniform ones: unmarked molecules, the noise of KEYS indices of nobody's key each."""
    from scipy.stats import kstest

    kept, nobody = [skeleton(m) for m in plain if sound(m)], b"nobody's key, of thirty-two bytes"
    values = np.concatenate([
        marks.chances_of(bare, nobody, SEED, KEYS * j, KEYS * (j + 1)) for j, bare in enumerate(kept)
    ])  # fmt: skip
    found = kstest(values, "uniform")
    below = vars(share((values < 0.01).astype(float)))
    told = {"pairs": len(values), "molecules": len(kept)}
    return {"distance": float(found.statistic), "ks_p": float(found.pvalue), "below_1": below} | told


def compared(marked: list[Molecule], plain: list[Molecule]) -> dict:
    """Shares of valid molecules, and Kolmogorov-Smirnov tests of two samples."""
    from scipy.stats import ks_2samp

    valid = {
        k: vars(share([float(m.tags["VALID"] == "True") for m in ms]))
        for k, ms in (("marked", marked), ("plain", plain))
    }
    a, b = (np.array([described(m) for m in ms]) for ms in (marked, plain))
    tests = {f"{k}_p": float(ks_2samp(x, y).pvalue) for k, x, y in zip(COMPARED, a.T, b.T)}
    return {f"valid_{k}": v for k, v in valid.items()} | tests


def described(molecule: Molecule) -> list[float]:
    """COMPARED of a molecule."""
    spread = molecule.positions - molecule.positions.mean(0)
    heavy = int((molecule.numbers != 1).sum())
    return [len(molecule), heavy, len(molecule.bonds), float(np.sqrt((spread**2).sum(1).mean()))]
