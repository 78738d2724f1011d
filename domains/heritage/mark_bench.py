"""`difusa bench watermark`, pictures: found after each attack, false alarms, averaging, forgery, and what a mark costs."""

import math
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from difusa.domains.heritage import attacks, mark_methods, prior_draws
from difusa.domains.heritage.mark_methods import Method
from difusa.domains.models import find
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, missing, tell
from difusa.shared.metrics import interval, psnr, share
from difusa.shared.seeds import stream

METHODS = ("in generation", "after the fact", "DwtDct", "RivaGAN")
BLOCK = 20  # pictures that are one item of a row
DISTORTIONS = (*attacks.ATTACKS, attacks.REGENERATION, attacks.COMPRESSION)
OTHERS = ("clean", "unmarked", "averaging, taken out", "averaging, put in", "forgery")
MANY = 100  # marked pictures that are averaged, read beside the distortions, or, of 256 px, drawn again (6 s each)
AVERAGED, PASTED = (
    10.0,
    2.0,
)  # grey levels of an averaged pattern that is put in; pixels of the blur whose rest is copied


@dataclass(eq=False)
class Pictures:
    """The bench's options; networks and methods are made when they are asked for."""

    store: Bench
    asked: Asked
    n: int
    made: dict[str, Method] = field(default_factory=dict)

    @property
    def model(self):
        return find("restorer", domain="heritage")

    def network(self):
        if not hasattr(self, "_network"):
            self._network = self.model.load(self.asked.device)
        return self._network

    def method(self, name: str) -> Method:
        if name not in self.made:
            folder, data = self.store.work / f"watermark-{self.model.sha256[:12]}", self.asked.folder()
            makes = {
                "in generation": lambda: mark_methods.in_generation(self.network(), self.n, folder),
                "after the fact": lambda: mark_methods.after_the_fact(data, self.n),
            }
            self.made[name] = makes.get(name, lambda: mark_methods.peer(name, data, self.n))()
        return self.made[name]


def rows(store: Bench, asked: Asked, n: int) -> None:
    """The rows of all methods under all attacks."""
    setup = Pictures(store, asked, n)
    store.pooled = ("found_1", "found_6", "traced")
    chosen = METHODS if asked.methods is None else tuple(m.strip() for m in asked.methods.split(","))
    for task in (*OTHERS[:2], *DISTORTIONS, *OTHERS[2:]):
        for name in chosen:
            try:
                method = setup.method(name)
            except (ModuleNotFoundError, FileNotFoundError) as why:
                missing(store, name, f"pictures: {task}", why)
                continue
            many = count(method, task, n)
            row = store.row(
                name, f"pictures: {task}", [f"{k}-{min(k + BLOCK, many) - 1}" for k in range(0, many, BLOCK)],
                lambda part, task=task, method=method: scored(setup, method, task, part),
                model=setup.model.sha256 if not method.paired else None, settings={"pictures": n, "attack": words(task)},
            )  # fmt: skip
            tell(row, ("found_1", "found_6", "traced", "psnr"))


def count(method: Method, task: str, n: int) -> int:
    """Pictures of a row: fewer where it is slow, or has no figure that must be small."""
    slow = task == attacks.REGENERATION and method.paired
    return min(n, method.most or n, MANY if slow or task in OTHERS[2:] else n)


def words(task: str) -> str:
    """What a task does, for the settings of its row."""
    return attacks.WORDS.get(task, task)


def scored(setup: Pictures, method: Method, task: str, blocks: list[str]) -> Iterator[dict]:
    """Of each block of pictures: the share found at 1 % and at 1e-6 false alarms, and of which it is told whose mark it is."""
    for block in blocks:
        first, last = map(int, block.split("-"))
        numbers = range(first, last + 1)
        began, pictures = time.perf_counter(), attacked(setup, method, task, numbers)
        made = time.perf_counter()
        found = [method.read(picture) for picture in pictures]
        figures = shares([p for p, _ in found])
        if found[0][1] is not None or any(k is not None for _, k in found):
            told = [k == source(task, own, setup.n) for own, (p, k) in zip(numbers, found) if p < 1e-6]
            figures |= {"traced": vars(share(told))} if told else {}
        if task == "clean" and method.paired:
            figures["psnr"] = vars(interval([psnr(method.plain(k), p) for k, p in zip(numbers, pictures)]))
        yield figures | {
            "seconds": (time.perf_counter() - made) / len(numbers),
            "attack_seconds": (made - began) / len(numbers),
        }


def shares(p_values: list[float]) -> dict:
    """Found at 1 % and at 1e-6, and the median of the p-values' exponents."""
    p = np.array(p_values)
    exponents = [math.log10(max(float(v), 1e-300)) for v in p]
    return {
        "found_1": vars(share((p < 0.01).astype(float))),
        "found_6": vars(share((p < 1e-6).astype(float))),
        "exponent": float(np.median(exponents)),
    }


def source(task: str, own: int, n: int) -> int:
    """The picture whose mark lies in number `own` of a task."""
    return (own + 1) % n if task == "forgery" else own


def attacked(setup: Pictures, method: Method, task: str, numbers) -> list[np.ndarray]:
    """The pictures of a task; each attack draws from a stream of its own."""
    rng = {k: stream(zlib.crc32(task.encode()), k) for k in numbers}
    if task == "unmarked":
        return [method.plain(k) for k in numbers]
    if task == "averaging, put in":
        pattern = averaged(method, setup.n)
        pattern *= AVERAGED / pattern.std()
        return [attacks.levels(method.plain(k) + pattern) for k in numbers]
    if task == "forgery":
        return [attacks.levels(method.plain(k) + rest(method.marked(source(task, k, setup.n)))) for k in numbers]
    marked = [method.marked(k) for k in numbers]
    if task == "averaging, taken out":
        pattern = averaged(method, setup.n)
        return [attacks.levels(picture - pattern) for picture in marked]
    if task == attacks.REGENERATION:
        parts = [(picture[None], rng[k]) for k, picture in zip(numbers, marked)]
        return [prior_draws.regenerated(setup.network(), *part)[0] for part in parts]
    if task == attacks.COMPRESSION:
        axes = attacks.axes_of(setup.asked.folder())
        return [attacks.compressed(picture, axes) for picture in marked]
    if task == "clean":
        return marked
    return [attacks.ATTACKS[task][0](picture, rng[k]) for k, picture in zip(numbers, marked)]


def averaged(method: Method, n: int) -> np.ndarray:
    """What somebody learns who has many marked and many unmarked pictures: the difference of their means (Yang et al. 2024)."""
    if method.name not in _AVERAGES:
        many = range(min(n, MANY))
        means = [np.mean([make(k).astype(float) for k in many], axis=0) for make in (method.marked, method.plain)]
        _AVERAGES[method.name] = means[0] - means[1]
    return _AVERAGES[method.name].copy()


_AVERAGES: dict[str, np.ndarray] = {}


def rest(picture: np.ndarray) -> np.ndarray:
    """The fine part of a picture, which is copied into another."""
    from scipy.ndimage import gaussian_filter

    return picture - gaussian_filter(picture.astype(float), (PASTED, PASTED, 0))
