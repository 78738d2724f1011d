"""The detector of pictures: coefficients alone, in a safetensors file and a JSON file; what it was fitted and tested on."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from difusa.shared.forensics.fitting import Known, Linear
from difusa.shared.forensics.judging import Limits, Trial

WEIGHTS = Path(__file__).parent / "weights"
PARTS = ("spectrum", "residues", "tower", "reconstruction")


@dataclass(frozen=True)
class Detector:
    """parts: a judge for each of PARTS; mix: their logits -> one logit; slope, offset: logit -> calibrated logit.

    patch, patch_mean: spread and mean of a patch's share in the tower's logit over real pictures. tested_on: a generator each;
    false_alarms: share of real items that were called generated, of such as had no part in the fit.
    """

    parts: dict[str, Linear]
    mix: Linear
    slope: float
    offset: float
    limits: Limits
    seen: Known
    patch: float = 1.0
    patch_mean: float = 0.0
    fitted_on: tuple[str, ...] = ()
    tested_on: tuple[Trial, ...] = ()
    false_alarms: float = float("nan")
    notes: dict = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The parts that are used."""
        return tuple(self.parts)

    def parts_of(self, measured) -> dict[str, np.ndarray]:
        """Logit [deliveries] of each part; reconstruction is measured once and counts in all."""
        count = len(next(iter(measured.views.values())))
        told = {k: measured.views[k] for k in self.parts if k in measured.views}
        if "reconstruction" in self.parts:
            told["reconstruction"] = np.repeat(measured.reconstruction[None], count, 0)
        return {k: self.parts[k](x) for k, x in told.items()}

    def mixed(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """One logit [deliveries] from those of the parts."""
        return self.mix(np.stack([parts[k] for k in self.parts], -1))

    def calibrated(self, logit):
        """The logit whose sigmoid is a probability."""
        return self.slope * logit + self.offset

    def where(self, patches: np.ndarray) -> np.ndarray:
        """Each patch's share [196] in the tower's logit, in spreads over the patches of real pictures."""
        tower = self.parts["tower"]
        return ((patches - tower.mean) / tower.scale @ tower.weights - self.patch_mean) / self.patch


def save(detector: Detector, folder: Path = WEIGHTS, name: str = "pictures") -> None:
    """NAME.safetensors and NAME.json, atomically; coefficients in float32."""
    import torch

    from difusa.shared.checkpoint import save_tensors
    from difusa.shared.files import plain, write_json

    arrays = {f"{k}.{n}": getattr(v, n) for k, v in _linears(detector).items() for n in ("mean", "scale", "weights")}
    arrays |= {"seen.mean": detector.seen.mean, "seen.directions": detector.seen.directions}
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for k, v in arrays.items()}
    save_tensors(Path(folder) / f"{name}.safetensors", tensors)
    numbers = {k: getattr(detector, k) for k in ("slope", "offset", "patch", "patch_mean", "false_alarms")}
    told = {
        "parts": list(detector.parts), "bias": {k: v.bias for k, v in _linears(detector).items()}, "numbers": numbers,
        "limits": vars(detector.limits), "seen_limit": detector.seen.limit, "fitted_on": detector.fitted_on,
        "tested_on": [vars(t) for t in detector.tested_on], "notes": detector.notes,
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

        def linear(key: str) -> Linear:
            return Linear(*(arrays[f"{key}.{n}"] for n in ("mean", "scale", "weights")), told["bias"][key])

        parts = {k: linear(k) for k in told["parts"]}
        seen = Known(arrays["seen.mean"], arrays["seen.directions"], told["seen_limit"])
        numbers = {k: float("nan") if v is None else v for k, v in told["numbers"].items()}
        return Detector(
            parts, linear("mix"), limits=Limits(**told["limits"]), seen=seen, fitted_on=tuple(told["fitted_on"]),
            tested_on=tuple(Trial(**t) for t in told["tested_on"]), notes=told["notes"], **numbers,
        )  # fmt: skip
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): install difusa anew") from error


def _linears(detector: Detector) -> dict[str, Linear]:
    return detector.parts | {"mix": detector.mix}
