"""The gate: whether a scan looks like what it is said to be; a wrong contrast, another organ, a turned head, CT given as MR.

Small networks that learned from right planes and from wrong ones say what a stack of planes looks like (LOOKS). Two figures are
held against those of people whom no network saw: how unlikely what was said is, and, for what no one thought of, how far the
planes lie from right ones in the network's own features (Mahalanobis distance; Lee et al. 2018). The share of these people that
are as far off or further is the p-value of split conformal prediction (Vovk et al. 2005).
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec
from difusa.domains.medical.gate_network import FLAWS, LOOKS, Looks, air, said, seen
from difusa.domains.medical.scan import CONTRASTS

FOLDER = Path(__file__).parent / "weights" / "gate"
PLANES = 20  # of a stack, evenly taken from the middle half of those that show a head
ALPHA = 0.02  # share of simulated people that may be refused
ROOM = 1.05  # by how much the limit lies above the real person who is furthest off: there are few
FLOOR = (0.4, 1.0)  # lowest limits of the two figures
FIGURES = ("unlikely", "far")


@dataclass(frozen=True)
class Eye:
    """A network, and the patients that it learned from."""

    network: Looks
    saw: frozenset[str]


@dataclass(frozen=True)
class Gate:
    """eyes: whose words are averaged. people: contrast -> simulated people's figures [n, 2]; patients: contrast -> patient ->
    the patient's highest figures [2], by the eyes that did not see the patient. sha256: of its files."""

    eyes: tuple[Eye, ...]
    people: dict[str, np.ndarray]
    patients: dict[str, dict[str, np.ndarray]]
    sha256: str = ""

    def without(self, patient: str) -> "Gate":
        """The gate as it is to one who never saw the patient: the eyes that did not, and limits of the others."""
        others = {c: {p: f for p, f in known.items() if p != patient} for c, known in self.patients.items()}
        return replace(self, eyes=tuple(e for e in self.eyes if patient not in e.saw), patients=others)

    def figures(self, planes: np.ndarray, contrast: str) -> tuple[np.ndarray, np.ndarray]:
        """FIGURES [2] of a stack of seen planes said to be of a contrast, and log-probabilities of LOOKS."""
        told, far = said([e.network for e in self.eyes], planes, CONTRASTS.index(contrast))
        return np.array([-told[CONTRASTS.index(contrast)], far]), told

    def limits(self, contrast: str) -> np.ndarray:
        """The highest figures [2] that pass."""
        people, patients = self.people[contrast], list(self.patients[contrast].values())
        rank = min(len(people) - 1, int(np.ceil((1 - ALPHA) * (len(people) + 1))) - 1)
        return np.max([np.array(FLOOR), np.sort(people, 0)[rank], *(ROOM * f for f in patients)], 0)

    def word(self, planes: np.ndarray, contrast: str) -> dict:
        """Of a stack of seen planes said to be of a contrast: accepted, score (1 is the limit), called, p_value, looks_like (one
        of LOOKS, or 'unknown'), reason."""
        figures, told = self.figures(planes, contrast)
        limits = self.limits(contrast)
        score = float((figures / limits).max())
        known = (np.array([*self.people[contrast], *self.patients[contrast].values()]) / limits).max(1)
        likest = LOOKS[int(np.argmax(told))]
        accepted = score <= 1
        looks = contrast if accepted else likest if likest != contrast else "unknown"
        return {
            "accepted": accepted,
            "score": round(score, 3),
            "called": contrast,
            "p_value": round((1 + int((known >= score).sum())) / (1 + len(known)), 4),
            "looks_like": looks,
            "reason": "like the heads it knows" if accepted else reason(looks, contrast),
        }


def reason(looks: str, contrast: str) -> str:
    """What is wrong, in words."""
    if looks in CONTRASTS:
        return f"looks like {looks}, was called {contrast}"
    return f"said to be {contrast}: {FLAWS.get(looks, 'unlike the heads it knows')}"


def stack(planes: np.ndarray, head: np.ndarray, contrast: str) -> np.ndarray:
    """Up to PLANES of an encoded stack [Z, rows, columns] of 1 mm, as the networks see them."""
    there = np.flatnonzero(head.any((1, 2)))
    if not len(there):
        there = np.arange(len(planes))
    middle = there[len(there) // 4 : max(len(there) // 4 + 1, len(there) - len(there) // 4)]
    picked = middle[np.unique(np.linspace(0, len(middle) - 1, min(PLANES, len(middle))).round().astype(int))]
    return seen(planes[picked], head[picked], air(contrast))


def judge(ready, gate: Gate | None = None) -> dict:
    """The gate's word on prepared scans, that of the worst of them; see Gate.word. Without a gate nothing is checked."""
    gate = gate or load()
    if gate is None:
        nothing = {"accepted": True, "score": None, "called": None, "p_value": None, "looks_like": None}
        return nothing | {"reason": "no gate was fitted: nothing was checked"}
    given = [(k, c) for k, c in enumerate(CONTRASTS) if ready.present[k]]
    words = [gate.word(stack(ready.given[k], ready.head, c), c) for k, c in given]
    return max(words, key=lambda word: word["score"])


def head_of(plane: np.ndarray, contrast: str) -> np.ndarray:
    """The head in a single encoded plane [rows, columns], as volumes.inside finds it."""
    from difusa.domains.medical.scan import Scan
    from difusa.domains.medical.volumes import inside

    whole = codec.decode(plane, contrast)[..., None]
    return inside(Scan(whole, np.eye(4), contrast), whole)[..., 0]


def save(gate: Gate, folder: Path = FOLDER) -> None:
    """Writes the networks, 8 bits a weight, and gate.json, last."""
    from difusa.shared.checkpoint import save_tensors
    from difusa.shared.files import write_json

    for k, eye in enumerate(gate.eyes):
        exact = ("means", "inverse")
        save_tensors(Path(folder) / f"eye-{k}.safetensors", eye.network.state_dict(), 8, exact)
    rounded = lambda a: np.round(a, 4).tolist()  # noqa: E731
    people = {c: rounded(f) for c, f in gate.people.items()}
    patients = {c: {p: rounded(f) for p, f in known.items()} for c, known in gate.patients.items()}
    told = {"looks": LOOKS, "figures": FIGURES, "saw": [sorted(e.saw) for e in gate.eyes]}
    write_json(Path(folder) / "gate.json", told | {"people": people, "patients": patients})


@lru_cache(1)
def load(folder: Path = FOLDER) -> Gate | None:
    """The gate in a folder; None where there is none. Raises ValueError for a broken one."""
    from difusa.shared.checkpoint import load_tensors
    from difusa.shared.files import sha256

    path = Path(folder) / "gate.json"
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if tuple(told["looks"]) != LOOKS:
            raise ValueError("it tells other looks apart")
        eyes = []
        for k, saw in enumerate(told["saw"]):
            network = Looks()
            network.load_state_dict(load_tensors(Path(folder) / f"eye-{k}.safetensors"))
            eyes.append(Eye(network.eval().requires_grad_(False), frozenset(saw)))
        people = {c: np.array(f) for c, f in told["people"].items()}
        patients = {c: {p: np.array(f) for p, f in known.items()} for c, known in told["patients"].items()}
        files = [path, *(Path(folder) / f"eye-{k}.safetensors" for k in range(len(eyes)))]
        fingerprint = hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()
        return Gate(tuple(eyes), people, patients, fingerprint)
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): install it anew, or run `difusa medical gate`") from error
