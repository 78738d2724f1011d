"""`difusa bench watermark`, crystals: found after each attack, false alarms, and whether a mark changes what is drawn."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.materials import keyed_kinds, marks
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.reducing import standard
from difusa.domains.materials.templates import read as lent
from difusa.domains.models import find
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell
from difusa.shared.metrics import share
from difusa.shared.passport.keys import mine
from difusa.shared.seeds import stream
from difusa.shared.watermark.issued import keyed

METHOD, SEED, JITTER, SECONDS = "keyed noise and kind", 11, 0.05, 300.0
ATTACKED, RELAXED = 200, 100  # crystals at most; reading takes a second, relaxing ten
MORE, KEYS = 40, 21  # further crystals for the null, so that 500 are whole; keys of nobody for each
COMPARED = ("atoms", "volume an atom", "space group", "shortest distance")


def rotation(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return replace(crystal, cell=crystal.cell @ (turn * np.linalg.det(turn)))


def shift(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    return replace(crystal, frac=(crystal.frac + rng.random(3)) % 1)


def permutation(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    order = rng.permutation(len(crystal))
    return replace(crystal, numbers=crystal.numbers[order], frac=crystal.frac[order])


def conventional(crystal: Crystal, rng: np.random.Generator) -> Crystal | None:
    try:
        return replace(standard(crystal), tags=crystal.tags)
    except ValueError:  # spglib finds none
        return None


def noise(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    moved = JITTER * rng.standard_normal(crystal.frac.shape) @ np.linalg.inv(crystal.cell)
    return replace(crystal, frac=(crystal.frac + moved) % 1)


def relaxed(crystals: list[Crystal]) -> list[Crystal | None]:
    """By CHGNet, in a process of its own; None where it does not end well."""
    from difusa.domains.materials.judges import relax
    from difusa.shared.limited import limited

    found = dict(limited(relax, crystals, seconds=SECONDS))
    values = [found[k].value for k in range(len(crystals))]
    return [v and replace(v.crystal, tags=c.tags) for v, c in zip(values, crystals)]


RELAXATION = "CHGNet"
ATTACKS: dict[str, Callable | None] = {
    "clean": lambda crystal, rng: crystal,
    "rotation": rotation,
    f"noise of {JITTER} angstrom": noise,
    RELAXATION: None,
    "shift of the origin": shift,
    "permutation": permutation,
    "conventional cell": conventional,
}


def rows(store: Bench, asked: Asked, n: int) -> None:
    """A row an attack; then p-values under random keys, and two samples."""
    out = store.work / f"watermark-crystals-{n}"
    marked, plain = (drawn(out / name, n, name == "marked") for name in ("marked", "plain"))
    whole = {str(c.tags["index"]): c for c in unbroken(marked)}
    model = next(iter(whole.values())).tags["model"]
    for attack, change in ATTACKS.items():
        row = store.row(
            METHOD, f"crystals: {attack}", list(whole)[: ATTACKED if change else RELAXED],
            lambda part, attack=attack, change=change: scored(whole, part, attack, change), chunk=20, model=model,
            settings={"drawn": n},
        )  # fmt: skip
        tell(row, ("found_2", "found_3", "by_kind_3"))
    row = store.row(
        METHOD, "crystals: p-values without a mark", [f"{n} crystals"],
        lambda _: [null([*whole.values(), *unbroken(drawn(out / "more", MORE, True, SEED + 1))])], model=model,
        settings={"more": MORE, "keys": KEYS},
    )  # fmt: skip
    tell(row, ("distance", "ks_p", "below_1"))
    row = store.row(METHOD, "crystals: quality", [f"{n} crystals"], lambda _: [compared(marked, plain)], model=model)
    tell(row, ("whole_marked", "whole_plain"))


def drawn(out: Path, n: int, watermark: bool, seed: int = SEED) -> list[Crystal]:
    """Draws of the shipped model, with the key's noise and kinds or with nobody's; kept in a folder."""
    from difusa.domains.materials.task import generate

    if not out.exists():
        generate(out=out, count=n, seed=seed, passport=False, watermark=watermark, threads=1)
    return [marks.written(f.read_text()) for f in sorted(out.glob("[0-9]*.cif"))]


def unbroken(crystals: list[Crystal]) -> list[Crystal]:
    return [c for c in crystals if "broken" not in c.tags]


def templates():
    return lent(find("materials", domain="materials").folder)[0]


def scored(whole: dict[str, Crystal], part: list[str], attack: str, change: Callable | None) -> Iterator[dict]:
    """Of each crystal whether it is found, by both readings and by its kind alone; nothing where it cannot be attacked."""
    crystals = [whole[item] for item in part]
    if change is None:
        attacked = relaxed(crystals)
    else:
        attacked = [change(c, stream(zlib.crc32(attack.encode()), int(i))) for c, i in zip(crystals, part)]
    for item, seen in zip(part, attacked):
        if seen is None:
            yield {"reason": "the attack failed"}
            continue
        told = marks.read(seen, mine().secret, templates())
        kind = keyed_kinds.chance(keyed_kinds.kinds_of(seen), keyed(mine().secret, SEED), int(item))
        yield {f"found_{k}": float(told.p_value < 10.0**-k) for k in (2, 3)} | {
            "by_kind_3": float(kind < 1e-3), "noise_read": float(not told.reason),
            "exponent": float(np.log10(told.p_value)), "sites": len(seen),
        }  # fmt: skip


def null(crystals: list[Crystal]) -> dict:
    """The distance of p-values from uniform ones: crystals of another key, read with KEYS keys of nobody each. The
    noise's are ranks, so where a crystal has little to tell they come in steps."""
    from scipy.stats import kstest

    known, values = templates(), []
    for crystal in crystals:
        try:
            fits = marks.Fits.of(crystal, marks.template_of(crystal, known), known)
        except marks.Unreadable:
            continue
        own = [keyed(b"nobody's key of thirty-two bytes, %d" % k, SEED) for k in range(KEYS)]
        values += [fits.chance(one, crystal.tags["index"]) for one in own]
    found = kstest(values, "uniform")
    below = vars(share([float(v < 0.01) for v in values]))
    told = {"pairs": len(values), "crystals": len(values) // KEYS}
    return {"distance": float(found.statistic), "ks_p": float(found.pvalue), "below_1": below} | told


def compared(marked: list[Crystal], plain: list[Crystal]) -> dict:
    """Shares of whole crystals, and Kolmogorov-Smirnov tests of two samples."""
    from scipy.stats import ks_2samp

    whole = {
        k: vars(share([float("broken" not in c.tags) for c in cs])) for k, cs in (("marked", marked), ("plain", plain))
    }
    a, b = (np.array([described(c) for c in cs]) for cs in (marked, plain))
    tests = {f"{k}_p": float(ks_2samp(x, y).pvalue) for k, x, y in zip(COMPARED, a.T, b.T)}
    return {f"whole_{k}": v for k, v in whole.items()} | tests


def described(crystal: Crystal) -> list[float]:
    """COMPARED of a crystal."""
    return [len(crystal), crystal.volume / len(crystal), crystal.tags["spacegroup"], crystal.tags["shortest_distance"]]
