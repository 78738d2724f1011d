"""Blind ratings by people: the verbs `difusa rate prepare` and `difusa rate result`, and the folder that the page works on."""

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, cycle
from pathlib import Path

import numpy as np

from difusa.ethics.rating import LEFT, RIGHT, TIE, Vote

STUDY, VOTES, PICTURES = "study.json", "votes.jsonl", "pictures"
FORMAT, LONGEST = 1, 768  # px of a shown picture's longer side
CHECKS = 0.1  # attention checks for each comparison, at least FEWEST
FEWEST, BLOCK = 5, 8  # blocks a side that a check's wrong picture is shuffled in
NAME = 40  # letters of a rater's name
QUESTION = {"en": "Which looks more real?", "pt_BR": "Qual parece mais real?"}


@dataclass(frozen=True)
class Study:
    """A prepared study as it lies in its folder."""

    folder: Path
    sha256: str
    sets: tuple[str, ...]
    question: dict
    comparisons: dict

    def order(self, rater: str) -> list[str]:
        """The comparisons in this rater's own order, the same at each visit."""
        names = sorted(self.comparisons)
        seed = int(hashlib.sha256(f"{self.sha256} {rater}".encode()).hexdigest()[:15], 16)
        return [names[i] for i in np.random.default_rng(seed).permutation(len(names))]


def prepare(
    sets: list[Path],
    *,
    out: Path,
    count: int = 60,
    question: str | None = None,
    question_pt: str | None = None,
    seed: int = 0,
) -> dict:
    """Prepare a blind rating of two or more sets by people: `difusa app --study OUT` then shows it, pair by pair.

    Raters see two things side by side, from two of the sets in turn, and not which; some pairs are attention checks, one thing
    beside itself in shuffled pieces. Votes are added to OUT/votes.jsonl as they come; whoever returns goes on where they stopped.
    A real set may be one of the sets. Molecules and crystals are drawn flat, scans shown by their middle plane.

    sets: two or more: data sets that `difusa batch` made, or folders of files, all of one domain.
    out: folder of the study; new or empty.
    count: comparisons, beside the checks (a tenth as many, at least five).
    question: what raters are asked; by default which looks more real.
    question_pt: the same in Portuguese.
    seed: of what is shown and in which order.

    Returns the study. Raises ValueError or OSError with the way out.
    """
    from difusa.apps.audit import _domain, content, things_of
    from difusa.apps.export import empty
    from difusa.ethics.loading import kind_of, kinds
    from difusa.shared.files import write_json

    if len(sets) < 2 or count < 1:
        raise ValueError(f"{len(sets)} set and --count {count}: two sets and at least one comparison are needed")
    out, folders, known = empty(out), [Path(s) for s in sets], kinds()
    found = {f: known[_domain(f)] if _domain(f) else kind_of(f, known) for f in folders}
    if len({k.domain for k in found.values()}) > 1:
        raise ValueError(f"the sets are of {', '.join(k.domain for k in found.values())}: name sets of one domain")
    names = _names(folders)
    things = [list(things_of((f,), found[f])[0].values()) for f in folders]
    if short := [n for n, t in zip(names, things) if not t]:
        raise ValueError(f"{short[0]} holds nothing that can be shown")
    rng = np.random.default_rng(seed)
    show, rows = shown(found[folders[0]]), {}

    def picture(thing, scrambled: bool = False) -> str:
        token = f"{rng.integers(2**62):016x}.png"
        (out / PICTURES).mkdir(parents=True, exist_ok=True)
        _save(shuffled(show(thing), rng) if scrambled else show(thing), out / PICTURES / token)
        return token

    pools = [cycle(rng.permutation(len(t)).tolist()) for t in things]
    for k, (i, j) in zip(range(count), cycle(list(combinations(range(len(sets)), 2)))):
        i, j = (i, j) if rng.random() < 0.5 else (j, i)
        rows[f"c{k:04d}"] = {
            "left": names[i], "right": names[j], "right_answer": "",
            "pictures": [picture(things[s][next(pools[s])]) for s in (i, j)],
        }  # fmt: skip
    for k in range(max(FEWEST, round(CHECKS * count))):
        s, good = k % len(sets), int(rng.integers(2))
        thing = things[s][next(pools[s])]
        pair = [picture(thing, scrambled=side != good) for side in (0, 1)]
        rows[f"a{k:04d}"] = {"left": "", "right": "", "right_answer": (LEFT, RIGHT)[good], "pictures": pair}
    asked = {"en": question or question_pt or QUESTION["en"], "pt_BR": question_pt or question or QUESTION["pt_BR"]}
    study = {
        "format": FORMAT, "sets": names, "contents": [content(f) for f in folders], "seed": seed, "question": asked,
        "comparisons": rows,
    }  # fmt: skip
    write_json(out / STUDY, study)
    print(f"{out}: {count} comparisons of {', '.join(names)}; difusa app --study {out}")
    return study


def _names(folders: list[Path]) -> list[str]:
    """Folder names, told apart by a number where they are the same."""
    plain = [f.resolve().name or "set" for f in folders]
    return [n if plain.count(n) == 1 else f"{n} ({plain[: i + 1].count(n)})" for i, n in enumerate(plain)]


def result(study: Path, *, report: Path | None = None) -> dict:
    """Tell what people's votes on a study say: ranking with 95 % intervals, agreement, attention.

    study: folder that `difusa rate prepare` wrote.
    report: HTML page to write; its JSON lies beside it.

    Returns the report as JSON. Raises ValueError where nobody has voted.
    """
    from difusa.ethics.findings import Report, as_json
    from difusa.ethics.page import page
    from difusa.ethics.rating import rating
    from difusa.shared.files import plain, write_atomic, write_json

    known = opened(study)
    votes = votes_of(known)
    found = rating(votes, known.sets)
    about = {
        "set": str(study),
        "question": known.question["en"],
        "votes": len(votes),
        "raters": len({v.rater for v in votes}),
    }
    told = plain(as_json(Report(tuple(found), about)))
    if report:
        write_atomic(Path(report), lambda p: p.write_bytes(page(Report(tuple(found), about))))
        write_json(Path(report).with_suffix(".json"), told)
    for f in told["findings"]:
        ends = "" if f["low"] is None else f"[{f['low']:.3g}, {f['high']:.3g}]"
        print(f"{f['name']:28} {'' if f['value'] is None else format(f['value'], '8.3g')} {ends:18} {f['note']}")
    return told


def opened(folder: Path) -> Study:
    """The study in a folder. Raises ValueError where there is none."""
    path = Path(folder) / STUDY
    try:
        raw = path.read_bytes()
        told = json.loads(raw)
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']}")
        return Study(
            Path(folder), hashlib.sha256(raw).hexdigest(), tuple(told["sets"]), told["question"], told["comparisons"]
        )
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise ValueError(f"{folder} holds no study ({why}): difusa rate prepare SET SET --out {folder}") from why


def voted(study: Study, rater: str, comparison: str, choice: str, seconds: float) -> None:
    """Adds a vote, in one write that reaches the disk before the next pair is shown."""
    if choice not in (LEFT, RIGHT, TIE) or comparison not in study.comparisons:
        raise ValueError(f"{choice!r} of {comparison!r} is no vote on this study")
    line = {
        "study": study.sha256, "rater": rater, "comparison": comparison, "choice": choice, "seconds": round(seconds, 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with open(study.folder / VOTES, "ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        whole = file.read(1) in (b"", b"\n")  # a power cut may have left half a line
        file.write((b"" if whole else b"\n") + json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def votes_of(study: Study) -> list[Vote]:
    """The votes on this study as it is: of one rater on one comparison the first; half a line is none."""
    path, found = study.folder / VOTES, {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            row = json.loads(text)
            about = study.comparisons[row["comparison"]]
            if row["study"] == study.sha256 and row["choice"] in (LEFT, RIGHT, TIE):
                shown_sets = about["left"], about["right"]
                vote = Vote(row["rater"], row["comparison"], *shown_sets, row["choice"], about["right_answer"])
                found.setdefault((vote.rater, vote.comparison), vote)
        except (ValueError, KeyError, TypeError):
            continue
    return list(found.values())


def rater_of(text: str) -> str:
    """A rater's name as it is kept: printable, without blanks at its ends, of NAME letters at most."""
    return "".join(c for c in text if c.isprintable()).strip()[:NAME]


def shown(kind):
    """How a thing of this kind is shown: function thing -> uint8 [H, W, 3]."""
    from difusa.apps import flat

    return flat.SHOWN.get(kind.domain) or kind.pixels


def shuffled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture in BLOCK x BLOCK pieces, in another order."""
    height, width = (n // BLOCK * BLOCK for n in image.shape[:2])
    pieces = [piece for row in np.split(image[:height, :width], BLOCK, 0) for piece in np.split(row, BLOCK, 1)]
    order = rng.permutation(len(pieces))
    rows = [np.concatenate([pieces[order[r * BLOCK + c]] for c in range(BLOCK)], 1) for r in range(BLOCK)]
    return np.concatenate(rows, 0)


def _save(image: np.ndarray, path: Path) -> None:
    """As PNG, no longer than LONGEST and without anything that tells its origin."""
    from PIL import Image

    picture = Image.fromarray(image).convert("RGB")
    picture.thumbnail((LONGEST, LONGEST))
    picture.save(path)
