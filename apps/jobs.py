"""Background jobs: one folder and one process a job, so that a closed tab or a restarted server loses nothing.

A job folder holds request.json (what to do), its input files, state.json (replaced whole, never half written), log.txt,
what the verb wrote, and `alive`, a file that the process keeps locked: the lock, no process number, says that it lives.
Jobs wait for one another (file `turn`), so that two visitors do not need twice the memory.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

KEEP_DAYS = 14
NAME = re.compile(r"[A-Za-z0-9_-]{22}")  # what secrets.token_urlsafe(16) makes; whoever knows it may see the job


@dataclass(frozen=True)
class Job:
    """What is known of a job; state: waiting, running, done, failed, cancelled or killed; done and total: its steps."""

    id: str
    folder: Path
    state: str
    done: int
    total: int
    seconds: float
    error: str
    request: dict

    @property
    def finished(self) -> bool:
        return self.state not in ("waiting", "running")


def root() -> Path:
    """The folder of all jobs: DIFUSA_JOBS, else a folder in the user's cache."""
    return Path(os.environ.get("DIFUSA_JOBS") or Path.home() / ".cache" / "difusa" / "jobs")


def write_whole(path: Path, value: dict | list) -> None:
    """Replace a JSON file in one move: a reader sees the old or the new one, never a half."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(value))
    os.replace(fresh, path)


def read_json(path: Path) -> dict | list:
    """What a JSON file of a job holds."""
    return json.loads(path.read_text())


def start(verb: str, arguments: dict, files: dict[str, bytes], about: dict | None = None) -> str:
    """Start a job and return its id: `verb` of VERBS, called with `arguments`; paths are relative to the job folder.

    files: name -> content, put into the folder first. about: kept for the page (the picture's own name, for instance).
    Raises ValueError for an unknown verb or a file name that leaves the folder.
    """
    if verb not in VERBS:
        raise ValueError(f"no job is called {verb!r}; there are: {', '.join(VERBS)}")
    if wrong := [name for name in files if Path(name).name != name]:
        raise ValueError(f"a job's file needs a plain name without a folder, got {wrong[0]!r}")
    tidy()
    id = secrets.token_urlsafe(16)
    folder = root() / id
    folder.mkdir(parents=True, mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    write_whole(
        folder / "request.json", {"verb": verb, "arguments": arguments, "about": about or {}, "asked": time.time()}
    )
    write_whole(folder / "state.json", {"state": "waiting"})
    with (folder / "alive").open("w") as alive, (folder / "log.txt").open("w") as log:
        # Locked here and inherited: the lock goes when the last holder, the job, ends, however it ends.
        fcntl.flock(alive, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "difusa.apps.jobs", str(folder)],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=[alive.fileno()],
        )  # fmt: skip
    write_whole(folder / "process.json", {"pid": process.pid})
    return id


def find(id: str) -> Job | None:
    """The job of that id; None if there is none, or the id is no id at all (it comes out of a web address)."""
    folder = root() / id
    if not NAME.fullmatch(id) or not (folder / "request.json").is_file():
        return None
    alive = _alive(folder)  # asked before the state is read, else a job that ends in between looks killed
    known = read_json(folder / "state.json")
    state = known["state"]
    if state in ("waiting", "running") and not alive:
        state = "cancelled" if (folder / "cancelled").exists() else "killed"
    began = known.get("began", time.time())
    return Job(
        id, folder, state, known.get("done", 0), known.get("total", 0),
        known.get("ended", time.time()) - began, known.get("error", ""),
        read_json(folder / "request.json"),
    )  # fmt: skip


def cancel(id: str) -> None:
    """Stop the job's process; nothing happens if it has ended. The folder stays."""
    job = find(id)
    if job is None or job.finished:
        return
    (job.folder / "cancelled").touch()
    os.killpg(read_json(job.folder / "process.json")["pid"], signal.SIGTERM)


def forget(id: str) -> None:
    """Stop the job and delete its folder with the pictures in it."""
    cancel(id)
    if job := find(id):
        shutil.rmtree(job.folder)


def tidy() -> None:
    """Delete finished jobs older than KEEP_DAYS."""
    for folder in root().glob("*"):
        if (
            NAME.fullmatch(folder.name)
            and not _alive(folder)
            and time.time() - folder.stat().st_mtime > KEEP_DAYS * 86400
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(folder: Path) -> bool:
    try:
        with (folder / "alive").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


VERBS = {  # verb -> module:function, called with progress(done, total) and the arguments, in the job's folder
    "heritage restore": "difusa.domains.heritage.task:restore",
    "heritage find": "difusa.apps.heritage_job:find",
    "medical translate": "difusa.apps.medical_job:translate",
    "medical progress": "difusa.apps.medical_job:play",
    "molecules generate": "difusa.apps.molecules_job:generate",
    "molecules conformers": "difusa.apps.molecules_job:conformers",
    "materials generate": "difusa.apps.materials_job:generate",
    "materials predict": "difusa.apps.materials_job:predict",
}


def work(folder: Path) -> int:
    """Do the job of a folder in this process; the exit status."""
    request = read_json(folder / "request.json")
    with (folder.parent / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        state = {"state": "running", "began": time.time()}
        write_whole(folder / "state.json", state)

        def progress(done: int, total: int) -> None:
            state.update(done=done, total=total)
            write_whole(folder / "state.json", state)

        try:
            module, function = VERBS[request["verb"]].split(":")
            getattr(import_module(module), function)(progress=progress, **request["arguments"])
        except Exception as error:
            import traceback

            traceback.print_exc()
            advice = str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"
            write_whole(folder / "state.json", state | {"state": "failed", "error": advice, "ended": time.time()})
            return 1
        write_whole(folder / "state.json", state | {"state": "done", "ended": time.time()})
    return 0


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])))
