"""A verdict on a file, of whatever kind: generated, no sign of it, or unsure; how sure; and on what the judge was tested."""

from dataclasses import dataclass, field

import numpy as np

GENERATED, NO_SIGN, UNSURE = "generated", "no sign of it", "unsure"
VERDICTS = (GENERATED, NO_SIGN, UNSURE)


@dataclass(frozen=True)
class Limits:
    """Probabilities: at most `low` is no sign, at least `high` is generated, between them lies "unsure"."""

    low: float
    high: float

    def __post_init__(self):
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"limits need 0 <= low < high <= 1, got {self.low} and {self.high}")

    def verdict(self, probability: float, outside: bool = False, disagree: bool = False) -> str:
        """What a probability means; what lies outside of the tested, or changes on the way, is never sure."""
        if outside or disagree or self.low < probability < self.high:
            return UNSURE
        return GENERATED if probability >= self.high else NO_SIGN


def limits(real: np.ndarray, generated: np.ndarray, *, false_alarms: float, misses: float, band=(0.2, 0.8)) -> Limits:
    """From probabilities of held-out items: at most a share of the real above `high`, of the generated below `low`.

    Split conformal: the kth of n + 1 equally likely gaps. The band of "unsure" is at least `band` wide.
    """
    high = np.sort(real)[min(len(real) - 1, int(np.ceil((len(real) + 1) * (1 - false_alarms))) - 1)]
    low = np.sort(generated)[max(0, int(np.floor((len(generated) + 1) * misses)) - 1)]
    return Limits(min(float(low), band[0]), max(float(np.nextafter(high, 2)), band[1]))


@dataclass(frozen=True)
class Trial:
    """How a detector did on n items of one generator: area under the curve against real items, and the share that it called
    generated; met: whether it was fitted on others of them."""

    family: str
    auroc: float
    found: float
    n: int
    met: bool

    @property
    def sentence(self) -> str:
        new = "" if self.met else ", never met in the fit"
        return f"{self.family} (AUROC {self.auroc:.2f}, called generated {self.found:.0%} of {self.n}{new})"


@dataclass(frozen=True)
class Judged:
    """What is said of one file.

    probability: that it is generated, if one in two were; low, high: the least and the most of its deliveries. outside: why it
    lies outside of what the judge was tested on ("" if it does not). flipped: share of its deliveries that say the
    opposite of the file as it is. reasons: what weighed most, in words. false_alarms: share of real items called generated in
    the test. heat: where, [h, w], positive speaks for generated. likeness: where it is called generated, the family of
    generators whose traits it shows most ("" where the judge does not tell them apart).
    """

    kind: str
    verdict: str
    probability: float
    low: float
    high: float
    outside: str = ""
    flipped: float = 0.0
    reasons: tuple[str, ...] = ()
    figures: dict = field(default_factory=dict)
    tested_on: tuple[Trial, ...] = ()
    false_alarms: float = float("nan")
    heat: np.ndarray | None = field(default=None, repr=False)
    likeness: str = ""
