"""The verb that keeps a fragment and completes it with new atoms."""

import re
import sys
from pathlib import Path

from difusa.domains.molecules.verbs import ready, rescue, write
from difusa.shared.files import sha256
from difusa.shared.run import Counter as Evaluations
from difusa.shared.run import Progress, Run

__all__ = ["grow"]


def grow(
    fragment: Path,
    *,
    out: Path,
    count: int = 100,
    add: str | None = None,
    atoms: int | None = None,
    attach: str | None = None,
    elements: str | None = None,
    valid_only: bool = False,
    steps: int = 50,
    seed: int = 0,
    sampler: str = "dpmpp_2m",
    temperature: float = 1.0,
    report: Path | None = None,
    passport: bool = True,
    model: str = "qm9",
    hydrogens: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 1000,
    progress: Progress | None = None,
) -> dict:
    """Keep a fragment and complete it: its heavy atoms, their bonds and their places stay exactly as they are.

    COUNT molecules for each fragment, broken ones included and told apart by their tags, which are those of `generate`
    with FRAGMENT (its row in the file), and ATTACHED, its atoms that new ones are bonded to. The fragment's heavy atoms come
    first, in their order. Hydrogens are placed anew.

    Where it grows is chosen first: at dummy atoms (*), where a file that shows hydrogens lacks one, else at one hydrogen of
    each piece, drawn anew for each molecule. That hydrogen is taken off, and the network is told which ones are left. Whether
    a new atom is really bonded there is the network's doing: look at ATTACHED and FRAGMENTS, or say --valid-only.

    fragment: SDF or MOL file with coordinates in space; hydrogens all shown, all implied, or lacking where it may grow.
    out: file to write: .sdf (V3000), .extxyz, .xyz, or .parquet (a table without coordinates).
    count: molecules to write for each fragment.
    add: how many heavy atoms to add, such as 4 or 3..8; as in the training data by default.
    atoms: every molecule has that many atoms, hydrogens and the fragment counted; always obeyed.
    attach: atoms to grow at and no others, such as 1,5, numbered as in the file; a number twice takes two hydrogens.
    elements: the only elements that may occur, such as C,H,O; always obeyed.
    valid_only: write only molecules that are valid and in one piece.
    steps: network evaluations a molecule, at most; a fifth of them place the hydrogens.
    seed: the same seed gives the same bytes.
    sampler: one of the core's samplers.
    temperature: factor of the noise; 1 samples the model, other values depart from it.
    report: JSON file for the run's figures.
    passport: sign each molecule, and write OUT.passport.json, by which `difusa verify` knows them. The signatures are part of
        the bytes and depend on your keys; without a passport nothing does.
    model: shipped model or a folder written by `difusa train`.
    hydrogens: the same for the model that places the hydrogens; by default the one that belongs to MODEL.
    device: cpu or cuda.
    threads: number of CPU threads; bytes depend on it.
    batch: molecules in flight at once; bytes do not depend on it.
    progress: called with (done, total) molecules.

    Returns the run's figures, also written to `report`: one entry for each fragment, and the rows that could not be grown
    with their reason. Raises ValueError or OSError with the way out; only when no row can be grown for a row's reason.
    """
    from difusa.domains.molecules.asked import ask
    from difusa.domains.molecules.drawing import Drawn, Tools

    wanted, ends = between(add), numbers(attach)
    walk = {"steps": steps, "seed": seed, "sampler": sampler, "temperature": temperature}
    use = ready(out, count, batch, threads, model, hydrogens, **walk)
    asked = ask(use.sizes, None, atoms, elements)
    rows, failures = read(Path(fragment), ends, asked, wanted)
    if not rows:
        raise ValueError(f"{fragment}: {failures[0]['reason']}" if failures else f"{fragment} is empty")
    drawn: list[Drawn] = []
    with Run("molecules grow", seed=seed, model=use.model, device=device, progress=progress) as run:
        networks, tags = use.networks(device), use.tags()
        try:
            for number, (row, one, allowed) in enumerate(rows):
                tools = Tools(*networks, use.plan, allowed, tags | {"FRAGMENT": row}, one)
                drawn.append(Drawn())
                _grown(drawn[-1], tools, count, batch, valid_only, run, (number * count, len(rows) * count))
                if lost := count - len(drawn[-1].kept):
                    failures.append({"row": row, "reason": f"{lost} of {count} were not found: all draws were broken"})
        except BaseException:
            rescue([m for d in drawn for m in d.kept], use.out)
            raise
        kept = [m for d in drawn for m in d.kept]
        source = {"name": Path(fragment).name, "sha256": sha256(fragment)}
        write(kept, use.out, use.facts(run.verb, len(kept), sources=(source,)) if passport else None)
        for failure in failures:
            print("row {row}: {reason}".format(**failure), file=sys.stderr)
        return run.write(
            report, count=len(kept), valid_only=valid_only,
            fragments=[_entry(row, one, d) for (row, one, _), d in zip(rows, drawn, strict=True)], failures=failures,
            constraints={"add": add, "atoms": atoms, "attach": attach, "elements": elements}, **use.record(),
        )  # fmt: skip


def between(text: str | None) -> tuple[int, int]:
    """`4` or `3..8` -> the least and the most; None: anything. Raises ValueError for something else."""
    from difusa.domains.molecules.readers import LARGEST

    if text is None:
        return 1, LARGEST
    parts = re.fullmatch(r"\s*(\d{1,6})(?:\s*\.\.\s*(\d{1,6}))?\s*", text)
    low, high = (int(parts[1]), int(parts[2] or parts[1])) if parts else (0, 0)
    if not 1 <= low <= high:
        raise ValueError(f"--add {text}: write how many heavy atoms, at least one, such as 4 or 3..8")
    return low, high


def numbers(text: str | None) -> list[int]:
    """`1,5` -> [1, 5]; None: none. Raises ValueError for something else."""
    if text is None:
        return []
    if not re.fullmatch(r"\s*\d{1,6}(\s*,\s*\d{1,6})*\s*", text):
        raise ValueError(f"--attach {text}: write numbers of atoms, such as 1,5")
    return [int(n) for n in text.split(",")]


def read(path: Path, attach: list[int], asked, wanted: tuple[int, int] = (1, 1000)) -> tuple[list, list[dict]]:
    """Rows (number, fragment, what may be drawn of it) of a file, and the others with their reason."""
    from difusa.domains.molecules.fragments import fit, read_fragment
    from difusa.domains.molecules.readers import cut_sdf

    if path.suffix.lower() not in (".sdf", ".mol"):
        raise ValueError(f"{path}: a fragment is read from .sdf or .mol, which tell its bonds")
    rows, failures = [], []
    for number, text in enumerate(cut_sdf(path.read_text(encoding="utf-8", errors="replace")), start=1):
        try:
            one = read_fragment(text, attach)
            rows.append((number, one, fit(asked, one, *wanted)))
        except Exception as why:  # whatever a parser raises at a stranger's text is that row's reason
            failures.append({"row": number, "reason": " ".join(str(why).split()) or type(why).__name__})
    return rows, failures


def scaffolded(path: Path, asked, attach: list[int] | None = None):
    """The one fragment of a file and what may be drawn of it, for `generate`. Raises ValueError with the reason."""
    rows, failures = read(Path(path), attach or [], asked)
    if failures or len(rows) != 1:
        why = failures[0]["reason"] if failures else f"it holds {len(rows)} fragments, one is needed"
        raise ValueError(f"--scaffold {path}: {why}")
    return rows[0][1:]


def _grown(drawn, tools, count: int, batch: int, valid_only: bool, run: Run, progress: tuple[int, int]) -> None:
    """Draws until `drawn` is full. progress: molecules before this fragment's, and in all."""
    from difusa.domains.molecules.drawing import collect, draw

    before, total = progress

    def draws(indices: range):
        run.progress(before + len(drawn.kept), total)
        return draw(tools, indices)

    collect(drawn, draws, count, batch, valid_only)
    run.progress(before + count, total)
    run.counters.append(Evaluations(tools.evaluations_a_sample))


def _entry(row: int, fragment, drawn) -> dict:
    from difusa.shared.metrics import share

    return {
        "row": row,
        "heavy_atoms": len(fragment.bare),
        "count": len(drawn.kept),
        "drawn": len(drawn.valid),
        "validity": vars(share([float(v) for v in drawn.valid])),
        "valid_connected": vars(share([float(v) for v in drawn.whole])),
        "attached": vars(share([float(bool(m.tags["ATTACHED"])) for m in drawn.kept])) if drawn.kept else None,
        "reasons": dict(drawn.reasons.most_common()),
    }
