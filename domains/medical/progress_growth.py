"""How much disease there is after some months: laws of growth as flows, with their published rates.

Every law moves one number along a linear differential equation, so it has a closed form, and half the time twice is the whole.
"""

from dataclasses import dataclass

import numpy as np

SCENARIOS = ("untreated", "resection", "radiotherapy")
# Lesion load. Placebo against treated patients: 23 % more in three years (Paty and Li, Neurology 43:662, 1993), so 7 % a year.
LESIONS = 7.0  # percent a year
# Loss of brain. Relapsing-remitting multiple sclerosis on placebo: 0.50 % a year (Branger et al., PLoS ONE 11:e0149685, 2016).
ATROPHY = 0.5  # percent a year
# Surgery. 95 % of a glioblastoma taken out: a common aim, near the median of Sanai et al., J. Neurosurg. 115:3, 2011 (96 %).
EXTENT = 0.95
# Radiotherapy. 60 Gy in 30 fractions over six weeks (Stupp et al., N. Engl. J. Med. 352:987, 2005); the linear-quadratic model
# with alpha 0.06 +- 0.05/Gy and alpha/beta 10 +- 15 Gy of gliomas (Qi et al., IJROBP 64:1570, 2006) lets exp(-4.3) = 1.3 %
# live. What dies is gone at once, which real tissue is not.
DOSE, FRACTION, WEEKS, ALPHA, RATIO = 60.0, 2.0, 6.0, 0.06, 10.0
MONTH = 365.25 / 12  # days


@dataclass(frozen=True)
class Law:
    """A tumour's law. kind: gompertz, dV/dt = rate V log(limit / V), or linear, dr/dt = rate, of volume V (millilitres) and
    radius r (millimetres) of the ball of that volume; rate: a month; limit: millilitres."""

    kind: str
    rate: float
    limit: float = np.inf

    def inner(self, volume: float) -> float:
        """The number that the equation moves: log(V / limit), or r."""
        return float(np.log(volume / self.limit)) if self.kind == "gompertz" else float(radius(volume))

    def outer(self, number: float) -> float:
        """The inverse of `inner`; a radius below zero is no tumour."""
        return float(self.limit * np.exp(number)) if self.kind == "gompertz" else volume(max(number, 0.0))

    def step(self, number: float, months: float, kill: float) -> float:
        """The number after months at a death rate of `kill` a month, dV/dt less kill V.

        gompertz: y' = -rate y - kill. linear: y' = rate - kill y / 3.
        """
        pull, push = (self.rate, -kill) if self.kind == "gompertz" else (kill / 3, self.rate)
        if pull == 0:
            return number + push * months
        return push / pull + (number - push / pull) * float(np.exp(-pull * months))

    def grown(self, volume: float, start: float, months: float, scenario: str) -> float:
        """Millilitres `months` after month `start` of the scenario; a resection at month 0 is not part of it."""
        if volume <= 0:
            return 0.0
        number, end = self.inner(volume), start + months
        ends = WEEKS * 7 / MONTH if scenario == "radiotherapy" else 0.0
        treated = max(0.0, min(end, ends) - start)
        kill = ALPHA * DOSE * (1 + FRACTION / RATIO) / ends if treated else 0.0
        return self.outer(self.step(self.step(number, treated, kill), months - treated, 0.0))


def volume(radius: float) -> float:
    """Millilitres of a ball of that radius in millimetres."""
    return 4 / 3 * np.pi * radius**3 / 1000


def radius(volume: float) -> float:
    """Millimetres, the inverse of `volume`."""
    return (volume * 1000 * 3 / (4 * np.pi)) ** (1 / 3)


# Untreated glioblastomas: 1.4 % a day, doubling in 49.6 days, slower where they are large (Stensjøen et al., Neuro Oncol.
# 17:1402, 2015, 106 patients): that rate at their median of 17.7 ml, and no more than 180 ml, a ball of 7 cm, which is
# our assumption.
# Grade II gliomas: the mean diameter grows by 4.1 mm a year (Mandonnet et al., Ann. Neurol. 53:524, 2003, 27 patients).
LAWS = {
    "glioblastoma": Law("gompertz", np.log(2) / 49.6 * MONTH / np.log(180 / 17.7), 180.0),
    "low-grade": Law("linear", 4.1 / 2 / 12),
}


def load(volume: float, months: float, percent: float) -> float:
    """Lesions after months, growing by percent a year of what there is."""
    return volume * float((1 + percent / 100) ** (months / 12))


def left(months: float, percent: float) -> float:
    """Share of the brain that is left after months of losing percent a year."""
    return float((1 - percent / 100) ** (months / 12))
