"""Numbered training examples of the any-to-any model: some contrasts of a plane are given, another is to be made."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from difusa.domains.medical import codec, data, labels, simulate
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream
from difusa.shared.training.balance import evenly, told

CHOICE = 2  # part of an example's random stream: which plane, which contrasts


@dataclass(frozen=True)
class Options:
    """What a recipe may say of the examples.

    size: rows and columns of 1 mm. real: share of real planes, where there are any. held: patients left out in place of
    data.CALIBRATE and data.TEST. balance: "patient" draws the real patients equally often, however many planes each has. planes:
    simulated training examples that share a person, whose making costs more than a plane; crowd: how many people take turns, so
    that a batch shows several. simulation: simulate.Options.
    """

    size: tuple[int, int] = (112, 96)
    real: float = 0.3
    held: tuple[str, ...] = ()
    balance: Literal["", "patient"] = ""
    planes: int = 16
    crowd: int = 4
    simulation: simulate.Options = field(default_factory=simulate.Options)


def chosen(rng: np.random.Generator, there: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A target, and the contrasts that are given: one in half of the examples, two in 30 %, any others in the rest."""
    order = [there[k] for k in rng.permutation(len(there))]
    chance = rng.random()
    count = 1 if chance < 0.5 else 2 if chance < 0.8 else int(rng.integers(1, len(there)))
    return order[0], tuple(order[1 : 1 + min(count, len(there) - 1)])


class Examples:
    """self[n] -> dict: clean [1, rows, columns]; given [5, rows, columns], in the order of CONTRASTS, air where nothing is given;
    present [5] float32; target: index of its contrast; truth [5, rows, columns], known [5]: all that is there and was not given.
    A pure function of (seed, n)."""

    def __init__(self, folder, split: str, options: Options, seed: int = 0):
        self.options, self.seed = options, seed
        self.sets = data.sets(folder) if options.real else []
        self.rows = data.rows(self.sets, split, options.held) if self.sets else []
        self.heads = labels.heads(folder, split) if options.real < 1 or not self.rows else []
        who = [str(self.sets[n].patient[row]) for n, row in self.rows]
        self.chances = evenly(who) if options.balance and who else None
        self.balance = told(who) if options.balance and who else None
        self.planes = options.planes if split == "train" else 1
        self.people: dict[int, simulate.Person] = {}
        self.air = np.array([codec.blank(c) for c in CONTRASTS], np.float32)

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        rng = stream(self.seed, number, CHOICE)
        real = bool(self.rows) and (rng.random() < self.options.real or not self.heads)
        target, given, images = (self.measured if real else self.painted)(number, rng)
        blank = np.ones((len(CONTRASTS), *self.options.size), np.float32) * self.air[:, None, None]
        shown, truth = blank, blank.copy()
        present, known = np.zeros((2, len(CONTRASTS)), np.float32)
        for name, image in images.items():
            k = CONTRASTS.index(name)
            if name in given:
                loud = np.float32(np.exp(0.05 * rng.standard_normal()) if name != "CT" else 1)  # no reference is exact
                shown[k], present[k] = codec.encode(image * loud, name), 1
            else:
                truth[k], known[k] = codec.encode(image, name), 1
        if rng.random() < 0.5:
            shown, truth = shown[..., ::-1].copy(), truth[..., ::-1].copy()
        wanted = CONTRASTS.index(target)
        told = {"clean": truth[wanted][None], "given": shown, "present": present, "target": np.int64(wanted)}
        return told | {"truth": truth, "known": known}

    def measured(self, number: int, rng: np.random.Generator):
        """A real plane, cut at random places that hold head."""
        n, row = self.rows[
            rng.integers(len(self.rows)) if self.chances is None else rng.choice(len(self.rows), p=self.chances)
        ]
        slices = self.sets[n]
        there = tuple(c for c in slices.contrasts if c in CONTRASTS)
        target, given = chosen(rng, there)
        height, width = slices.images.shape[2:]
        top, left = (int(rng.integers(0, max(1, a - b + 1))) for a, b in zip((height, width), self.options.size))
        cut = (slice(top, top + self.options.size[0]), slice(left, left + self.options.size[1]))
        images = {}
        for c in there:
            part = slices.signal(row, c)[cut]
            images[c] = np.pad(part, [(0, s - n) for s, n in zip(self.options.size, part.shape)])
        return target, given, images

    def painted(self, number: int, rng: np.random.Generator):
        """A plane of a simulated person."""
        target, given = chosen(rng, CONTRASTS)
        who = self.person(self.who(number))
        affine, shape = window(who.rest, self.options.size, rng)
        made, _, _ = simulate.scans(who, CONTRASTS, self.seed, number, affine, shape, self.options.simulation)
        return target, given, {c: codec.picture(image[..., 0]) for c, image in made.items()}

    def who(self, number: int) -> int:
        """Which person example `number` shows: `crowd` of them take turns until each has shown `planes`."""
        crowd = self.options.crowd
        return number // (self.planes * crowd) * crowd + number % crowd

    def person(self, index: int) -> simulate.Person:
        """Simulated person `index`; the last few are kept."""
        if index not in self.people:
            if len(self.people) >= self.options.crowd:
                self.people.pop(next(iter(self.people)))
            self.people[index] = simulate.person(self.heads, self.seed, index, self.options.simulation)
        return self.people[index]


def window(head, size: tuple[int, int], rng: np.random.Generator):
    """Affine and shape of a plane of 1 mm pixels somewhere through the cerebrum."""
    return around(head, int(head.levels[rng.integers(len(head.levels))]), size, rng)


def around(head, level: int, size: tuple[int, int], rng: np.random.Generator):
    """The same through a plane of the head's label map (third index)."""
    low, high = head.box
    z = float(head.affine[2] @ [0, 0, level, 1])
    wide = np.array([size[1], size[0]])
    reach = np.maximum((high[:2] - low[:2] - wide) / 2 + 6, 0)
    corner = (low[:2] + high[:2]) / 2 - wide / 2 + reach * rng.uniform(-1, 1, 2)
    affine = np.eye(4)
    affine[:3, 3] = [*corner, z]
    return affine, (*map(int, wide), 1)
