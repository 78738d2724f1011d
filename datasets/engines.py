"""Who runs the shards: processes of this machine, Dask, or Ray; each worker is one process of one thread.

An engine is a function: tasks, workers -> (task, its record or None, why not) as they end. Engines may run a task twice: a shard
is a pure function of its task and appears under its name whole, so that the second run changes nothing.
"""

import os
from collections.abc import Callable, Iterator, Sequence

from difusa.datasets.work import Task, produce

Done = tuple[Task, dict | None, str]
Engine = Callable[[Sequence[Task], int], Iterator[Done]]
LONGEST = 14 * 86400.0  # seconds of processor time that a shard may take
RETRIES = 2  # of a task whose worker died


def local(tasks: Sequence[Task], workers: int) -> Iterator[Done]:
    """Processes of this machine; where one dies, or is killed for its memory, its shard is tried again."""
    from difusa.shared.limited import DIED, limited

    for left in reversed(range(RETRIES + 1)):
        again = []
        for number, outcome in limited(produce, tasks, seconds=LONGEST, workers=workers):
            if left and outcome.reason.startswith(DIED):
                again.append(tasks[number])
            else:
                yield tasks[number], outcome.value, outcome.reason
        tasks = again


def dask(tasks: Sequence[Task], workers: int) -> Iterator[Done]:
    """Dask distributed: the scheduler that DASK_SCHEDULER_ADDRESS names (dask-jobqueue's, under Slurm), else one of this run's
    own with processes of this machine."""
    from distributed import Client, LocalCluster, as_completed

    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    cluster = address or LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=40
    )
    with Client(cluster) as client:
        try:
            waiting = {client.submit(produce, t, pure=False, retries=RETRIES): t for t in tasks}
            for future in as_completed(list(waiting)):
                error = future.exception()
                yield waiting.pop(future), None if error else future.result(), str(error or "")
        finally:
            client.cancel(list(waiting))
            if not address:
                cluster.close()


def ray(tasks: Sequence[Task], workers: int) -> Iterator[Done]:
    """Ray: the cluster that RAY_ADDRESS names, else one of this run's own on this machine."""
    import ray as cluster

    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    cluster.init(log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": one}, **own)
    try:
        remote = cluster.remote(num_cpus=1, max_retries=RETRIES)(produce)
        waiting = {remote.remote(t): t for t in tasks}
        while waiting:
            (done,), _ = cluster.wait(list(waiting), num_returns=1)
            task = waiting.pop(done)
            try:
                yield task, cluster.get(done), ""
            except cluster.exceptions.RayError as error:
                yield task, None, str(getattr(error, "cause", None) or error)
    finally:
        cluster.shutdown()


ENGINES: dict[str, Engine] = {"local": local, "dask": dask, "ray": ray}
NEEDS = {"local": "psutil", "dask": "distributed", "ray": "ray"}  # the package of each, looked for before any work
