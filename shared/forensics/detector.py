"""The detector of pictures: coefficients alone, in a safetensors file and a JSON file; what it was fitted and tested on."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from difusa.shared.forensics.fitting import Known, Linear
from difusa.shared.forensics.judging import Limits, Trial

WEIGHTS = Path(__file__).parent / "weights"
EACH = ("spectrum", "residues", "tower", "spread")  # parts that are measured in each delivery
PARTS, MIX = (*EACH, "reconstruction"), "mix"


@dataclass(frozen=True)
class Judge:
    """Real ones against one family of generators. parts: a judge for each of PARTS that counts; mix: their logits -> one logit.

    patch: spread of a patch's share in the tower's logit over real pictures.
    """

    parts: dict[str, Linear]
    mix: Linear
    patch: float = 1.0

    def __call__(self, figures: dict[str, np.ndarray]) -> np.ndarray:
        """Figures [n, d] by part -> logit [n]."""
        return self.mix(np.stack([judge(figures[k]) for k, judge in self.parts.items()], -1))

    def where(self, patches: np.ndarray) -> np.ndarray:
        """Each patch's share [196] in the tower's logit, less its bias, in spreads over the patches of real pictures."""
        tower = self.parts["tower"]
        return (patches - tower.mean) / tower.scale @ tower.weights / self.patch


@dataclass(frozen=True)
class Detector:
    """judges: one for each family that it was fitted on; slope, offset: their joint logit -> calibrated logit.

    A generator leaves signs of its own; what is common to several is faint. So each family has its judge, and the odds that an
    item is generated are the mean of its odds against each. tested_on: a generator each; false_alarms: share of real items that
    were called generated, of such as had no part in the fit.
    """

    judges: dict[str, Judge]
    slope: float
    offset: float
    limits: Limits
    seen: Known
    fitted_on: tuple[str, ...] = ()
    tested_on: tuple[Trial, ...] = ()
    false_alarms: float = float("nan")
    notes: dict = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that count for some family."""
        return tuple(k for k in PARTS if any(k in j.parts for j in self.judges.values()))

    def logits(self, figures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Figures [n, d] by part -> logit [n] against each family."""
        return {family: judge(figures) for family, judge in self.judges.items()}

    def calibrated(self, logits: dict[str, np.ndarray]) -> np.ndarray:
        """The joint logit [n], whose sigmoid is a probability."""
        return self.slope * joint(list(logits.values())) + self.offset


def joint(logits) -> np.ndarray:
    """The logit whose odds are the mean of the odds of several, [families, n] -> [n]."""
    return np.logaddexp.reduce(np.asarray(logits, float), axis=0) - np.log(len(logits))


def save(detector: Detector, folder: Path = WEIGHTS, name: str = "pictures") -> None:
    """NAME.safetensors and NAME.json, atomically; coefficients in float32."""
    import torch

    from difusa.shared.checkpoint import save_tensors
    from difusa.shared.files import plain, write_json

    linears = {f"{family}.{k}": v for family, j in detector.judges.items() for k, v in {**j.parts, MIX: j.mix}.items()}
    arrays = {f"{k}.{n}": getattr(v, n) for k, v in linears.items() for n in ("mean", "scale", "weights")}
    arrays |= {"seen.mean": detector.seen.mean, "seen.directions": detector.seen.directions}
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for k, v in arrays.items()}
    save_tensors(Path(folder) / f"{name}.safetensors", tensors)
    judges = {
        family: {
            "parts": list(j.parts), "bias": {k: v.bias for k, v in {**j.parts, MIX: j.mix}.items()},
            "patch": j.patch,
        }
        for family, j in detector.judges.items()
    }  # fmt: skip
    numbers = {k: getattr(detector, k) for k in ("slope", "offset", "false_alarms")}
    told = {
        "judges": judges, "numbers": numbers, "limits": vars(detector.limits), "seen_limit": detector.seen.limit,
        "fitted_on": detector.fitted_on, "tested_on": [vars(t) for t in detector.tested_on], "notes": detector.notes,
    }  # fmt: skip
    write_json(Path(folder) / f"{name}.json", plain(told))


def load(folder: Path = WEIGHTS, name: str = "pictures") -> Detector:
    """The detector of a folder, the shipped one by default. Raises ValueError for broken files, FileNotFoundError for none."""
    from difusa.shared.checkpoint import load_tensors

    path = Path(folder) / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(2, "no detector lies there; install difusa anew, or fit one", str(path))
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        arrays = {k: v.double().numpy() for k, v in load_tensors(path.with_suffix(".safetensors")).items()}

        def judge(family: str, of: dict) -> Judge:
            found = {
                k: Linear(*(arrays[f"{family}.{k}.{n}"] for n in ("mean", "scale", "weights")), of["bias"][k])
                for k in (*of["parts"], MIX)
            }
            return Judge({k: found[k] for k in of["parts"]}, found[MIX], of["patch"])

        judges = {family: judge(family, of) for family, of in told["judges"].items()}
        seen = Known(arrays["seen.mean"], arrays["seen.directions"], told["seen_limit"])
        numbers = {k: float("nan") if v is None else v for k, v in told["numbers"].items()}
        return Detector(
            judges, limits=Limits(**told["limits"]), seen=seen, fitted_on=tuple(told["fitted_on"]),
            tested_on=tuple(Trial(**t) for t in told["tested_on"]), notes=told["notes"], **numbers,
        )  # fmt: skip
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): install difusa anew") from error
