"""What was issued under one's own keys: runs of a verb, their seed and how many samples they drew; kept beside the keys.

It holds no secret and nothing of the samples: only which indices of which seeds a reader has to try, and to count.
"""

import json
from dataclasses import asdict, dataclass

from difusa.shared.passport import keys

FILE = "issued.jsonl"


@dataclass(frozen=True)
class Issue:
    """Indices 0 to count - 1 of a seed, drawn by a verb with a model (SHA-256 of its weights)."""

    verb: str
    model: str
    seed: int
    count: int


def note(issue: Issue) -> None:
    """Add a run to the ledger; one that is there already, or a part of one, adds nothing."""
    if any(same(old, issue) and old.count >= issue.count for old in issues(issue.verb)):
        return
    with open(keys.folder() / FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(issue)) + "\n")


def issues(verb: str) -> list[Issue]:
    """The runs of a verb, each seed of a model once, with the most samples it drew."""
    path = keys.folder() / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[tuple, Issue] = {}
    for one in (Issue(**json.loads(line)) for line in lines if line):
        if one.verb == verb and one.count > found.get((one.model, one.seed), one).count - 1:
            found[one.model, one.seed] = one
    return list(found.values())


def same(a: Issue, b: Issue) -> bool:
    """Whether both are of one verb, model and seed."""
    return (a.verb, a.model, a.seed) == (b.verb, b.model, b.seed)
