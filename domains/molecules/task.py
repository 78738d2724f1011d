"""The verb of molecules: generate draws new ones, under hard constraints where they are given."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from difusa.domains.molecules.molecule import Skeleton
from difusa.domains.molecules.verbs import ready, rescue, write
from difusa.shared.run import Counter as Evaluations
from difusa.shared.run import Progress, Run

__all__ = ["generate"]


def generate(
    *,
    out: Path,
    count: int = 100,
    formula: str | None = None,
    atoms: int | None = None,
    elements: str | None = None,
    scaffold: Path | None = None,
    property: tuple[str, ...] = (),
    rank: bool = False,
    valid_only: bool = False,
    mend: bool = False,
    steps: int = 50,
    seed: int = 0,
    sampler: str | None = None,
    guidance: float = 1.0,
    steering: float = 1.0,
    temperature: float = 1.0,
    report: Path | None = None,
    passport: bool = True,
    watermark: bool = True,
    model: str = "qm9",
    hydrogens: str | None = None,
    guide: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 1000,
    progress: Progress | None = None,
    look: Callable[[Skeleton], None] | None = None,
) -> dict:
    """Draw new molecules in three dimensions: exactly COUNT of them, broken ones included and told apart by their tags.

    Each carries SMILES, INCHIKEY, SEED, INDEX (of its random stream), MODEL and HYDROGEN_MODEL (SHA-256 of the weights), VALID,
    FRAGMENTS and REASON (why it is broken). A molecule is valid if RDKit sanitises it with its own bonds and charges.

    Where there is a guide, each also carries what that predicts: GAP_EV, HOMO_EV, LUMO_EV, MU_DEBYE, ALPHA_BOHR3 and
    CV_CAL_MOL_K, each with the ends of its 90 % interval (_LOW, _HIGH; of a broken molecule they promise nothing). With
    properties asked for, WISH_ and the name is what the network was told, P_GAP and so on how probably the molecule has
    what was asked for, and P_ALL all of it at once; 0 if it is broken.

    out: file to write: .sdf (V3000), .extxyz, .xyz, or .parquet (a table without coordinates).
    count: molecules to write.
    formula: every molecule has it, such as C7H10O2; always obeyed.
    atoms: every molecule has that many, hydrogens counted; always obeyed.
    elements: the only elements that may occur, such as C,H,O; always obeyed. Without H there is no hydrogen.
    scaffold: SDF or MOL file of one fragment; every molecule begins with its heavy atoms, bonds and places, unchanged. Where it
        grows is said at `difusa molecules grow`; ATTACHED tells where it did.
    property: what molecules should have, such as gap=6..8, mu=..1.5 or alpha=75; said once for each of several. gap, homo and
        lumo in eV, mu in debye, alpha in bohr^3, cv in cal/(mol K). Likely, not certain: look at P_ALL. A single value counts
        as met a tenth of the training data's standard deviation to either side.
    rank: order the file by Pareto fronts of the probabilities (tag FRONT, 1 is best), in a front by their product.
    valid_only: write only molecules that are valid and in one piece; draws go on until there are COUNT of them, and the
        report tells the share among all that were drawn.
    mend: change drawn bonds that no valence allows as little as can be; the tag MENDED counts them in each molecule, and the
        report says how many molecules had any. Validity then says little of the model.
    steps: network evaluations a molecule, at most; a fifth of them place the hydrogens.
    seed: the same seed gives the same bytes.
    sampler: one of the core's samplers; the model's own when left out (drugs: ddpm, whose fresh noise mends early mistakes).
    guidance: how loudly the network hears the properties: 1 as it was trained; more goes beyond it, at the cost of variety
        and of two evaluations a step.
    steering: how hard the guide's gradient pulls towards the properties, at one evaluation of a middle level; 0 leaves it out.
        It pulls where there is a guide and no scaffold.
    temperature: factor of the noise; 1 samples the model, other values depart from it.
    report: JSON file for the run's figures.
    passport: sign each molecule, and write OUT.passport.json, by which `difusa verify` knows them. The signatures are part of
        the bytes and depend on your keys.
    watermark: draw the starting noise from your key, which changes nothing in what is likely, so that `difusa watermark read`
        knows the molecules with your key when the passport is gone. Then the molecules themselves depend on your keys.
    model: shipped model or a folder written by `difusa train`; for properties, MODEL-property where MODEL hears none.
    hydrogens: the same for the model that places the hydrogens; by default the one that belongs to MODEL.
    guide: the same for the model that predicts properties.
    device: cpu or cuda.
    threads: number of CPU threads; bytes depend on it.
    batch: molecules in flight at once; bytes do not depend on it. Small numbers are slow: those of one size run together.
    progress: called with (done, total) molecules.
    look: called with the estimate of the first skeleton after each network evaluation, to show how it forms.

    Returns the run's figures, also written to `report`. Raises ValueError or OSError with the way out. When it is stopped,
    what is finished goes to OUT.part.SUFFIX.
    """
    from difusa.domains.molecules.aims import aims, guide_of, hearing, helm_of, ordered
    from difusa.domains.molecules.aims import figures as told_of
    from difusa.domains.molecules.asked import ask
    from difusa.domains.molecules.drawing import Drawn, Tools
    from difusa.domains.molecules.grow import scaffolded
    from difusa.domains.molecules.marks import VERB
    from difusa.shared.watermark.issued import keyed_plan
    from difusa.shared.watermark.ledger import Issue
    from difusa.shared.watermark.ledger import note as note_of

    if guidance != 1 and not property:
        raise ValueError(f"--guidance {guidance}: nothing is guided without a property; leave it at 1")
    if rank and not property:
        raise ValueError("--rank: nothing to rank by; say what is wanted by --property")
    walk = {"steps": steps, "seed": seed, "sampler": sampler, "guidance": guidance, "temperature": temperature}
    walk |= {"mend": mend}
    use = ready(out, count, batch, threads, hearing(model) if property else model, hydrogens, **walk)
    aim, fragment = aims(use.model.folder, property), None
    asked = replace(ask(use.sizes, formula, atoms, elements), wishes=aim.wishes, targets=aim.targets)
    if scaffold is not None:
        fragment, asked = scaffolded(scaffold, asked)
    teller, said = guide_of(use.model, use.sizes.elements, guide, aim, device)
    if rank and teller is None:
        raise ValueError(f"--rank needs a guide: {said['missing']}")
    note = asked.chosen.note if asked.chosen else ""
    if note:
        print(note, file=sys.stderr)
    helm = helm_of(teller, aim) if fragment is None else None
    plan, mark = keyed_plan(use.plan, watermark)
    use = replace(use, plan=replace(plan, steering=steering if helm else 0.0))
    with Run("molecules generate", seed=seed, model=use.model, device=device, progress=progress) as run:
        tools = Tools(*use.networks(device), use.plan, asked, use.tags(), fragment, look, teller, helm)
        drawn = Drawn()
        try:
            seconds = _fill(drawn, tools, count, batch, valid_only, run)
        except BaseException:
            rescue(drawn.kept, use.out)
            raise
        kept = ordered(drawn.kept, teller.asked[:-1]) if rank else drawn.kept
        if mark is not None:
            note_of(Issue(VERB, use.model.sha256, seed, len(drawn.valid)))
        said_of = {"validity": share_of(drawn.valid), "valid_connected": share_of(drawn.whole)}
        write(kept, use.out, use.facts(run.verb, len(kept), mark, **said_of) if passport else None)
        figures = run.write(
            report, count=len(drawn.kept), asked_for=count, valid_only=valid_only, **use.record(),
            constraints={"formula": formula, "atoms": atoms, "elements": elements, "scaffold": scaffold},
            **_figures(drawn, seconds), guide=said, properties=told_of(kept, aim, teller) | {"note": note}, ranked=rank,
            watermark=mark,
        )  # fmt: skip
    if len(drawn.kept) < count:
        raise ValueError(
            f"only {len(drawn.kept)} of {count} were found: {drawn.barren} draws in a row were broken; most often: "
            f"{drawn.reasons.most_common(1)[0][0]}. Leave out --valid-only to see them"
        )
    return figures


def _fill(drawn, tools, count: int, batch: int, valid_only: bool, run: Run) -> float:
    """Draws until `drawn` is full; seconds a draw. Also those of its last batch that nobody needed cost time."""
    from difusa.domains.molecules.drawing import collect, draw

    made, tried, began = 0.0, 0, run.seconds

    def draws(indices: range):
        nonlocal tried

        def ran(work: float) -> None:
            nonlocal made
            made += work
            run.progress(len(drawn.kept) if valid_only else min(int(made), count - 1), count)

        tried = indices.stop
        return draw(tools, indices, ran)

    collect(drawn, draws, count, batch, valid_only)
    run.progress(len(drawn.kept), count)
    run.counters.append(Evaluations(tools.evaluations_a_sample))
    return (run.seconds - began) / tried


def _figures(drawn, seconds: float) -> dict:
    """What the draws were like: shares with 95 % intervals over all that were drawn, sizes of those that were kept."""
    from difusa.domains.molecules.export import counts

    rows = [counts(m) for m in drawn.kept]
    return {
        "drawn": len(drawn.valid),
        "mended": drawn.mended,
        "validity": share_of(drawn.valid),
        "valid_connected": share_of(drawn.whole),
        "reasons": dict(drawn.reasons.most_common()),
        "seconds_per_1000": round(1000 * seconds, 3),
        "sizes": {k: dict(sorted(Counter(r[k] for r in rows).items())) for k in ("heavy_atoms", "atoms")},
    }


def share_of(seen: list) -> dict:
    """The share of what is true, with its 95 % interval."""
    from difusa.shared.metrics import share

    return vars(share([float(v) for v in seen]))
