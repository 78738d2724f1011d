"""The verb that places the atoms of known molecules in space."""

import sys
from collections import Counter
from pathlib import Path

from difusa.domains.molecules.verbs import ready, rescue, write
from difusa.shared.run import Counter as Evaluations
from difusa.shared.run import Progress, Run

__all__ = ["conformers"]


def conformers(
    smiles: list[str],
    *,
    out: Path,
    count: int = 20,
    steps: int = 50,
    seed: int = 0,
    sampler: str = "dpmpp_2m",
    temperature: float = 1.0,
    report: Path | None = None,
    passport: bool = True,
    model: str = "drugs",
    hydrogens: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 1000,
    progress: Progress | None = None,
) -> dict:
    """Conformers of given molecules: elements, charges, hydrogens and bonds are the SMILES', the network places the atoms.

    Atoms come in the order of the SMILES, then their hydrogens. Tags: SMILES, INPUT (as given), ROW, INDEX (of the random
    stream), SEED, MODEL, HYDROGEN_MODEL, UNSPECIFIED (centres and double bonds that the SMILES leaves open; they fall as they
    fall, ISOMERIC_SMILES tells how) and STEREO. The network cannot tell a molecule from its mirror image: a draw with the
    wrong hand is mirrored as a whole (STEREO=mirrored); one that is then still wrong is replaced by a later draw, up to four
    draws for each conformer asked for. If that does not do, misfits make up the number, tagged STEREO=wrong.

    smiles: one SMILES or several (quote them), or files of them (.smi, .smiles, .txt): one a line, a name behind it.
    out: file to write: .sdf (V3000), .extxyz, .xyz, or .parquet (a table without coordinates).
    count: conformers of each molecule.
    steps: network evaluations a conformer, at most; a fifth of them place the hydrogens.
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
    batch: conformers in flight at once; bytes do not depend on it.
    progress: called with (done, total) conformers.

    Returns the run's figures, also written to `report`: one entry for each molecule, and the rows without conformers with
    their reason. Raises ValueError or OSError with the way out; for a row's reason only when no row has conformers. When it
    is stopped, what is finished goes to OUT.part.SUFFIX.
    """
    from difusa.domains.molecules.asked import ask
    from difusa.domains.molecules.drawing import Tools
    from difusa.domains.molecules.graphs import search

    walk = {"steps": steps, "seed": seed, "sampler": sampler, "temperature": temperature}
    use = ready(out, count, batch, threads, model, hydrogens, **walk)
    graphs, failures = read(smiles, use.sizes, use.placer_sizes)
    if not graphs:
        raise ValueError("; ".join(f"{f['input']}: {f['reason']}" for f in failures[:3]) or "the files hold no SMILES")
    kept, entries = [], []
    with Run("molecules conformers", seed=seed, model=use.model, device=device, progress=progress) as run:
        networks, tags = use.networks(device), use.tags()
        try:
            for done, (row, graph) in enumerate(graphs):
                tools = Tools(*networks, use.plan, ask(use.sizes), tags | {"ROW": row})

                def ran(right: int, done=done) -> None:
                    run.progress(done * count + right, len(graphs) * count)

                found_here, drawn = search(tools, graph, count, batch, ran)
                run.progress((done + 1) * count, len(graphs) * count)
                run.counters.append(Evaluations(tools.evaluations_a_sample))
                kept += found_here
                entries.append(_entry(row, graph, found_here, drawn))
        except BaseException:
            rescue(kept, use.out)
            raise
        stereo = dict(Counter(m.tags["STEREO"] for m in kept))
        write(kept, use.out, use.facts(run.verb, len(kept), stereo=stereo) if passport else None)
        for failure in failures:
            print("row {row}: {input}: {reason}".format(**failure), file=sys.stderr)
        for entry in entries:
            if wrong := entry["stereo"].get("wrong"):
                print(f"row {entry['row']}: {wrong} of {count} conformers have the wrong stereo", file=sys.stderr)
        return run.write(
            report, count=len(kept), molecules=entries, failures=failures,
            stereo=stereo, **use.record(),
        )  # fmt: skip


def read(smiles: list[str], sizes, whole) -> tuple[list, list[dict]]:
    """Rows (number from 1, graph) that can be drawn, and the others with their reason."""
    from difusa.domains.molecules.graphs import graph_of, rows_of
    from difusa.domains.molecules.screening import refuse

    graphs, failures = [], []
    for number, text in enumerate(rows_of(smiles), start=1):
        try:
            graph = graph_of(text, sizes, whole)
            refuse([graph.molecule], "the row")
            graphs.append((number, graph))
        except Exception as why:  # whatever a parser raises at a stranger's text is that row's reason
            reason = " ".join(str(why).split()) or type(why).__name__
            failures.append({"row": number, "input": shortened(text.strip()), "reason": shortened(reason)})
    return graphs, failures


def shortened(text: str, most: int = 200) -> str:
    """The text, its end left out where it is long."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} letters)"


def _entry(row: int, graph, kept, drawn: int) -> dict:
    return {
        "row": row,
        "input": graph.molecule.tags["source_smiles"],
        "smiles": graph.molecule.smiles,
        "heavy_atoms": len(graph.bare),
        "count": len(kept),
        "drawn": drawn,
        "stereo": dict(Counter(m.tags["STEREO"] for m in kept)),
        "specified": graph.stereo.specified,
        "unspecified": graph.stereo.free,
        "not_finite": sum("REASON" in m.tags for m in kept),
    }
