"""Work that may hang or crash, done in child processes with a time limit an item: no item takes the run with it.

The limit is processor time, so that a busy machine fails nobody; PATIENCE times as long by the clock is the end too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait

import psutil

PATIENCE = 10
DIED = "its process died"  # how the reason begins where it did
START = 120.0  # seconds that a child may take to import what the function needs


@dataclass(frozen=True)
class Outcome:
    """What became of an item: the function's value, or None and the reason. seconds: its own processor time."""

    value: object
    reason: str
    seconds: float


class Child:
    """One child process and the item it is at."""

    def __init__(self, function: Callable):
        self.pipe, other = Pipe()
        command = [sys.executable, "-P", "-m", "difusa.shared.limited", str(other.fileno())]
        # A child of its own command, not of multiprocessing: that would import the caller's main module again.
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(command, pass_fds=[other.fileno()], env=os.environ | one, **quiet)
        other.close()
        self.pipe.send(function)
        self.began = 0.0
        self._until(None, START)

    def _until(self, index: int | None, seconds: float) -> None:
        now = time.monotonic()
        self.index, self.limit, self.deadline, self.last = index, seconds, now + seconds, now + PATIENCE * seconds

    def give(self, index: int, item: object, seconds: float) -> None:
        self.began = self._spent()
        self._until(index, seconds)
        self.pipe.send(item)

    def _spent(self) -> float:
        """Processor seconds since the start; infinite when the process is gone."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return float("inf")
        return times.user + times.system

    def late(self) -> bool:
        """Whether its item has had its time; a child that had to wait for a processor gets the rest."""
        now = time.monotonic()
        if now < self.deadline:
            return False
        left = self.limit - (self._spent() - self.began)
        self.deadline = min(now + max(left, 0.1), self.last)
        return left <= 0.02 * self.limit or now >= self.last

    def end(self) -> int:
        self.process.kill()
        self.pipe.close()
        return self.process.wait()


def limited(
    function: Callable[[object], object], items: Sequence, *, seconds: float, workers: int = 1
) -> Iterator[tuple[int, Outcome]]:
    """(index, outcome) of function(item) for every item, as they end; each child is one thread wide.

    An item fails with its reason when the function raises, when it takes more than `seconds` (its child is killed), or
    when the child dies. function: importable from a module. Raises RuntimeError when a child cannot even be started.
    """
    waiting, children = list(reversed(range(len(items)))), []
    try:
        children = [Child(function) for _ in range(min(workers, len(items)))]
        while children:
            left = min(c.deadline for c in children) - time.monotonic()
            ready = wait([c.pipe for c in children], max(left, 0))
            for child in list(children):
                found = _outcome(child, child.pipe in ready)
                if found is None:
                    continue
                if child.index is None and found.reason:
                    raise RuntimeError(f"{function.__module__}.{function.__name__} cannot start: {found.reason}")
                if child.index is not None:
                    yield child.index, found
                if child.process.returncode is not None or child.pipe.closed:
                    children.remove(child)
                    if waiting:
                        children.append(Child(function))
                elif waiting:
                    child.give(index := waiting.pop(), items[index], seconds)
                else:
                    child.end()
                    children.remove(child)
    finally:
        for child in children:
            child.end()


def _outcome(child: Child, ready: bool) -> Outcome | None:
    """What the child has to say, None if nothing yet; a child that is dead or late is ended."""
    if ready:
        try:
            return child.pipe.recv()
        except (EOFError, OSError):
            return Outcome(None, f"{DIED} with status {_status(child)}", 0.0)
    if not child.late():
        return None
    child.end()
    return Outcome(None, f"longer than {child.limit:g} s", child.limit)


def _status(child: Child) -> int:
    try:
        code = child.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return child.end()
    child.pipe.close()
    return code


def serve(pipe: Connection) -> None:
    """The child's side: takes the function, then item after item until the pipe ends."""
    try:
        function = pipe.recv()
    except EOFError:
        return
    except Exception as why:
        pipe.send(Outcome(None, f"{type(why).__name__}: {why}", 0.0))
        return
    pipe.send(Outcome(None, "", 0.0))
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        began = time.process_time()
        try:
            value, reason = function(item), ""
        except Exception as why:  # whatever a judge raises is the item's reason
            value, reason = None, " ".join(str(why).split()) or type(why).__name__
        pipe.send(Outcome(value, reason, time.process_time() - began))


if __name__ == "__main__":
    # The module under its own name: what is unpickled there must be of the same classes as at the parent's.
    from difusa.shared.limited import serve as _serve

    _serve(Connection(int(sys.argv[1])))
