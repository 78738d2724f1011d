"""`difusa bench NAME`: measure, and write docs/results/NAME.json with a readable NAME.md beside it."""

import os
import time
from pathlib import Path


def bench(
    name: str,
    *,
    data: Path | None = None,
    n: int | None = None,
    quick: bool = False,
    tasks: str | None = None,
    resume: bool = True,
    out: Path = Path("docs/results"),
    seed: int = 0,
    model: str | None = None,
    steps: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
    batch: int | None = None,
    report: Path | None = None,
    methods: str | None = None,
    minutes: float | None = None,
    samples: int | None = None,
    sampler: str | None = None,
    seeds: int | None = None,
    costly: int | None = None,
    workers: int | None = None,
    hydrogens: str | None = None,
    checkpoints: Path | None = None,
) -> dict:
    """Measure on held-out data and write docs/results/NAME.json and NAME.md.

    A row is stored as soon as it is finished, and an interrupted one goes on where it stopped; only what changed is measured
    again. Options that begin with a bench's name in brackets are of that bench alone.

    name: heritage (the restorer against its peers, task by task), samplers (quality against network evaluations), molecules
        (generated molecules and conformers beside held-out data, speed, symmetry), materials (generated and predicted crystals
        beside held-out data and substitution, speed, symmetry), medical (translated scans beside baselines, intervals, the
        gate, whole volumes, synthetic data that helps), detection (real and generated items told apart: pictures, molecules,
        crystals, scans), watermark (the marks of all domains under attack), factory (data sets: cost beside a bare loop, two
        workers, 10,000 samples) or audits (sets and models of known answer).
    data: the data folder; else the environment variable DIFUSA_DATA.
    n: heritage 100 crops, samplers 24, molecules 10,000 in each set, materials 1,000, medical 20 simulated people (200 for the
        intervals), detection 50 molecules, 30 crystals, 12 simulated people,
        watermark 500 pictures, factory 10,000 molecules, audits 400 examples of each split; fewer with --quick.
    quick: a small version in under two minutes, written to NAME-quick.json.
    tasks: comma-separated; all when left out, and an unknown one names those there are.
    resume: keep rows and items that are already measured.
    out: where the results go.
    seed: of the samples, of the first set where there are several.
    model: shipped model or a folder written by `difusa train`; restorer, qm9, materials or anytoany when left out.
    steps: network evaluations a sample, at most; as the verb when left out.
    device: cpu or cuda.
    threads: number of CPU threads; molecules and materials 2.
    batch: samples carried at once.
    report: JSON file for the seconds, memory and rows of this run.
    methods: [heritage] comma-separated from ours, peers, deepinv. [watermark] from in generation, after the fact, DwtDct,
        RivaGAN.
    minutes: [heritage] for the restorer's rows, dealt evenly to the tasks; rows then say how far they got.
    samples: [heritage] versions a picture; 4, with --quick 2. [materials] predictions of each composition; 20.
        [medical] samples a plane; 4, with --quick 2.
    sampler: [heritage] one of the core's samplers.
    seeds: [molecules, materials] sets that figures are averaged over; 3. [medical] trainings of the lesion segmenter; 3.
        [factory] runs of each; 4, of workers 2. [audits] deals of the controls; 5.
    costly: [molecules] molecules of each set, drawn at random, that GFN2-xTB and PoseBusters judge; 1000. [materials] crystals of
        each set that CHGNet relaxes; 100.
    workers: [molecules, materials] processes for them, one core each; 2.
    hydrogens: [molecules] the model that places the hydrogens; the one that belongs to MODEL when left out.
    checkpoints: [molecules, materials] a folder of models of one training; each gets a row, so that quality can be seen
        against time. [medical] a folder of models: baselines, other seeds, folds with other patients left out.

    Returns the report. Raises ValueError for a bench that does not exist, an option it has no use for, or when the data that
    it cannot do without are missing.
    """
    from difusa.apps import audits_bench, bench_watermark, detection_bench, factory_bench
    from difusa.domains import NAMES, domain
    from difusa.shared.bench import Bench
    from difusa.shared.benchmark import Asked, Benchmark
    from difusa.shared.run import Run, set_threads

    known = {key: value for one in NAMES for key, value in domain(one).benches.items()}
    known |= {"detection": Benchmark(detection_bench.measure, ("n",))}  # over all domains
    known |= {"watermark": Benchmark(bench_watermark.measure, ("n", "methods"))}
    known |= {"factory": Benchmark(factory_bench.measure, ("n", "seeds"))}
    known |= {"audits": Benchmark(audits_bench.measure, ("n", "seeds"))}
    if name not in known:
        raise ValueError(f"no bench is called {name!r}: there are {', '.join(known)}")
    given = data or (Path(os.environ["DIFUSA_DATA"]) if os.environ.get("DIFUSA_DATA") else None)
    asked = Asked(
        data=given, n=n, tasks=tasks, quick=quick, seed=seed, model=model, device=device, threads=threads, batch=batch,
        steps=steps, methods=methods, minutes=minutes, samples=samples, sampler=sampler, seeds=seeds, costly=costly,
        workers=workers, hydrogens=hydrogens, checkpoints=checkpoints,
    )  # fmt: skip
    known[name].check(name, asked)
    set_threads(threads)
    store = Bench(name, Path(out), Path("runs/bench"), quick=quick, resume=resume)
    began = time.perf_counter()
    with Run(f"bench {name}", seed=seed, device=device) as run:
        page = known[name].run(store, asked)
        print(f"{store.file} and {page} after {time.perf_counter() - began:.0f} s")
        rows = [{k: v for k, v in row.items() if k != "items"} for row in store.rows]
        return run.write(report, bench=name, quick=quick, rows=rows)
