"""`difusa bench watermark`, pictures without a mark: are p-values uniform, and does a mark change what pictures are like?"""

import hashlib

import numpy as np

from difusa.domains.heritage import mark_bench, prior_draws
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell
from difusa.shared.metrics import interval
from difusa.shared.watermark import grain_reading, noise_reading

PAIRS = 10_000  # of an unmarked sample and a random key, at least
KEYS = 500  # in all where a key is costly to set up; each reads so many pictures
FEW = 4  # issued indices of a random key in generation
DESCRIBED = ("brightness", "contrast", "colour", "sharpness")


def rows(store: Bench, asked: Asked, n: int) -> None:
    """A row for each kind of mark: the Kolmogorov-Smirnov distance of its p-values from uniform ones; then the two samples."""
    setup = mark_bench.Pictures(store, asked, n)
    for name, values in (("in generation", upright), ("after the fact", unturned)):
        row = store.row(
            name, "pictures: p-values without a mark", [f"{n} pictures"], lambda _, name=name, values=values: [
                uniform(values(setup.method(name), n))
            ], model=setup.model.sha256, settings={"pictures": n, "pairs": PAIRS},
        )  # fmt: skip
        tell(row, ("distance", "ks_p", "below_1"))
    for name in ("in generation", "after the fact"):
        row = store.row(
            name, "pictures: quality", [f"{n} pictures"], lambda _, name=name: [compared(setup.method(name), n)],
            model=setup.model.sha256, settings={"pictures": n, "dealt": "in turn"},
        )  # fmt: skip
        tell(row, tuple(f"{k}_p" for k in DESCRIBED))


def uniform(values: np.ndarray) -> dict:
    """The distance of values from the uniform law, its p-value, and the share below 1 %."""
    from scipy.stats import kstest

    found = kstest(values, "uniform")
    below = vars(interval((values < 0.01).astype(float)))
    return {"distance": float(found.statistic), "ks_p": float(found.pvalue), "below_1": below, "pairs": len(values)}


def key(number: int) -> bytes:
    return hashlib.sha256(b"nobody's key %d" % number).digest()


def upright(method, n: int) -> np.ndarray:
    """p-values of unmarked draws, each pair with a key of its own."""
    side, values = prior_draws.SIDE, []
    seen = [noise_reading.fitted(method.plain(k), side) for k in range(n)]
    for number in range(PAIRS):
        known = noise_reading.issued(key(number), 0, FEW, (3, side, side))
        values.append(noise_reading.upright(seen[number % n], known)[0])
    return np.array(values)


def unturned(method, n: int) -> np.ndarray:
    """p-values of unmarked pictures, KEYS keys on every so many of them."""
    seen = [grain_reading.aligned(method.plain(k), search=False) for k in range(n)]
    each = -(-PAIRS // KEYS)
    return np.array(
        [grain_reading.told(seen[(each * j + i) % n], key(j)).p_value for j in range(KEYS) for i in range(each)]
    )


def compared(method, n: int) -> dict:
    """Two-sample Kolmogorov-Smirnov tests of what marked and unmarked pictures are like; where both show the same pictures, every
    other number is marked, so that no picture is in both, and both are of one population."""
    from scipy.stats import ks_2samp

    plain = np.array([described(method.plain(k)) for k in range(0, n, 1 + method.paired)])
    marked = np.array([described(method.marked(k)) for k in range(method.paired, n, 1 + method.paired)])
    tests = [ks_2samp(a, b).pvalue for a, b in zip(plain.T, marked.T)]
    return {f"{k}_p": float(p) for k, p in zip(DESCRIBED, tests)} | {"pictures": len(plain)}


def described(picture: np.ndarray) -> list[float]:
    """Mean, spread, colourfulness (Hasler and Suesstrunk 2003) and the size of the finest differences."""
    x = picture.astype(float)
    grey, red_green, yellow_blue = x.mean(-1), x[..., 0] - x[..., 1], (x[..., 0] + x[..., 1]) / 2 - x[..., 2]
    colour = np.hypot(red_green.std(), yellow_blue.std()) + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())
    fine = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    return [float(grey.mean()), float(grey.std()), float(colour), float(fine)]
