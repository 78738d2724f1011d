"""What was issued under one's own keys: runs of a verb, their seed and how many samples they drew; kept beside the keys.

It holds no secret and nothing of the samples: only which indices of which seeds a reader has to try, and to count.
"""

import json
from dataclasses import asdict, dataclass

from difusa.shared.passport import keys

FILE = "issued.jsonl"


@dataclass(frozen=True)
class Issue:
    """`count` indices of a seed from `first` on, drawn by a verb with a model (SHA-256 of its weights)."""

    verb: str
    model: str
    seed: int
    count: int
    first: int = 0


def note(issue: Issue) -> None:
    """Add a run to the ledger; one that is there already, or a part of one, adds nothing."""
    if any(place(old) == place(issue) and old.count >= issue.count for old in issues(issue.verb)):
        return
    with open(keys.folder() / FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(issue)) + "\n")


def issues(verb: str) -> list[Issue]:
    """The runs of a verb, each beginning of a seed of a model once, with the most samples it drew."""
    path = keys.folder() / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[tuple, Issue] = {}
    for one in (Issue(**json.loads(line)) for line in lines if line):
        if one.verb == verb and one.count > found.get(place(one), one).count - 1:
            found[place(one)] = one
    return list(found.values())


def place(one: Issue) -> tuple:
    """What runs of which one is a part of the other have in common."""
    return one.verb, one.model, one.seed, one.first
