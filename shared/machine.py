"""What the machine is and spends: threads, processor, peak memory, the commit of the checkout."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import torch

import difusa


def set_threads(count: int | None = None) -> int:
    """Fix how many threads torch computes with and return it; None keeps torch's choice.

    The last bits of a result change with this number. Raises ValueError below 1.
    """
    if count is not None:
        if count < 1:
            raise ValueError(f"threads must be at least 1, got {count}")
        torch.set_num_threads(count)
    os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # for the processes that the run starts
    return torch.get_num_threads()


def cpu_name() -> str:
    """The processor as it calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the checkout difusa is imported from, -dirty if files differ from it; None if it is installed."""
    root = Path(difusa.__file__).parent
    if not (root / ".git").exists():
        return None
    ask = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def forget_peak() -> bool:
    """Count this process's peak memory anew; False where the system cannot: then it counts from the start."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (Linux, proc(5))
    except OSError:
        return False
    return True


def peak_memory_mib() -> float:
    """The most memory this process held at once, in MiB, since `forget_peak`."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024  # macOS counts bytes, others KiB
