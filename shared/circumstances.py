"""What a row of a bench was measured on, and the memory that it took."""

import os
import platform
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path


def machine() -> dict:
    """What the seconds depend on: processor, cores, threads of torch if it is loaded, platform."""
    import sys

    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else os.environ.get("OMP_NUM_THREADS")
    return {"cpu": model, "cores": os.cpu_count(), "threads": threads, "platform": platform.platform()}


def commit() -> str:
    """Short hash of the checkout, with + when tracked files are changed; "unknown" outside a checkout."""
    folder = Path(__file__).resolve().parents[1]
    try:
        name = subprocess.run(
            ["git", "-C", folder, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(["git", "-C", folder, "status", "--porcelain", "-uno"], capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.stdout.strip() + ("+" if changed.stdout.strip() else "")


@contextmanager
def peak_memory():
    """Yields a list whose one number becomes the largest resident memory (MiB) of this process and its children
    meanwhile.
    """
    import psutil

    process, peak, stop = psutil.Process(), [0.0], threading.Event()

    def watch():
        while not stop.is_set():
            total = process.memory_info().rss
            for child in process.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:  # it ended between the list and the look
                    continue
            peak[0] = max(peak[0], total / 2**20)
            stop.wait(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()
