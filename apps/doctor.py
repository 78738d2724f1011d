"""The verb `difusa doctor`: what this machine has, which extras are missing, and what each costs to install."""

import importlib.metadata as metadata
import json as json_text
import os
import platform
import re
import shutil
from pathlib import Path

import psutil

# What each extra adds to a base installation of 800 MB, in MB on disk: sums over the installed files of everything
# it pulls in (Python 3.11, Linux, November 2026). Extras share parts, so together they cost 2150 MB, less than the sum.
COST_MB = {
    "heritage": 410,
    "medical": 190,
    "molecules": 460,
    "materials": 370,
    "trust": 280,
    "apps": 370,
    "scale": 780,
    "bench": 620,
    "dev": 90,
}
MB_A_SECOND = 16  # `make install` without byte code: 2000 MB in 111 s on 2 cores, the downloads included
MODULES = {
    "c2pa": "c2pa-python",
    "cv2": "opencv-python-headless",
    "pil": "pillow",
    "skimage": "scikit-image",
    "torch_geometric": "torch-geometric",
}


def requirements() -> dict[str, list[str]]:
    """Extra -> the packages that it asks for, read from the installation's own metadata."""
    wanted: dict[str, list[str]] = {extra: [] for extra in COST_MB}
    for line in metadata.requires("difusa") or []:
        extra = re.search(r"""extra == ['"]([\w-]+)['"]""", line)
        if extra and extra[1] in wanted:
            wanted[extra[1]].append(re.match(r"[\w.-]+", line)[0])
    return wanted


def installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def extra_with(module: str) -> str | None:
    """The extra that installs the module of this import name; None if there is none."""
    top = module.split(".")[0].lower()
    package = MODULES.get(top, top.replace("_", "-"))
    return next((extra for extra, packages in requirements().items() if package in packages), None)


def extras() -> list[dict]:
    """One row an extra: name, what is missing, the MB and seconds that installing it takes if anything is."""
    return [
        {
            "extra": extra,
            "missing": (missing := [p for p in packages if not installed(p)]),
            "mb": COST_MB[extra] if missing else 0,
            "seconds": round(COST_MB[extra] / MB_A_SECOND) if missing else 0,
        }
        for extra, packages in requirements().items()
    ]


def machine() -> dict:
    """Python, torch, processor, memory, disk and GPUs; memory and disk in GiB."""
    import torch

    import difusa
    from difusa.shared.machine import cpu_name

    memory = psutil.virtual_memory()
    return {
        "difusa": difusa.__version__,
        "folder": str(Path(difusa.__file__).parent),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "disk_free_gib": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "gpus": [
            {
                "name": torch.cuda.get_device_name(i),
                "memory_gib": round(torch.cuda.get_device_properties(i).total_memory / 2**30, 1),
            }
            for i in range(torch.cuda.device_count())
        ],
        "data": os.environ.get("DIFUSA_DATA"),
    }


def advice(found: dict) -> list[str]:
    """What to do about the machine, a sentence each; empty if nothing."""
    told = []
    if found["memory_free_gib"] < 3:
        told.append("Little memory is free: restoring wants about 2 GiB; --batch 1 needs least.")
    if found["disk_free_gib"] < 5:
        told.append("Little disk is free: all extras together want 3 GB.")
    if not found["gpus"]:
        told.append("No GPU: restoring works on the processor; training a network of your own is slow.")
    if found["data"] is None:
        told.append("DIFUSA_DATA is not set: only training and benches need it (or their --data).")
    elif not Path(found["data"]).is_dir():
        told.append(f"DIFUSA_DATA names {found['data']}, which is no folder.")
    return told


def doctor(*, json: bool = False) -> dict:
    """Tells what this machine has, which extras are missing and what each costs to install.

    json: print it as JSON, for programs.
    Returns what it found.
    """
    found = machine()
    rows = extras()
    found |= {"extras": rows, "advice": advice(found)}
    print(json_text.dumps(found, indent=2, ensure_ascii=False) if json else text(found))
    return found


def text(found: dict) -> str:
    """The findings for a person."""
    gpus = ", ".join(f"{g['name']} ({g['memory_gib']} GiB)" for g in found["gpus"]) or "none"
    lines = [
        f"difusa   {found['difusa']}  in {found['folder']}",
        f"Python   {found['python']}  on {found['system']}",
        f"torch    {found['torch']}, {found['threads']} threads",
        f"CPU      {found['cpu']}, {found['cores']} cores",
        f"memory   {found['memory_free_gib']} of {found['memory_gib']} GiB free",
        f"disk     {found['disk_free_gib']} GiB free here",
        f"GPU      {gpus}",
        f"data     {found['data'] or 'DIFUSA_DATA is not set'}",
        "",
        "extras",
    ]
    for row in found["extras"]:
        lack = f"lacks {', '.join(row['missing'])}: about {row['mb']} MB, {row['seconds']} s"
        lines.append(f"  {row['extra']:10} {lack if row['missing'] else 'complete'}")
    if absent := [row["extra"] for row in found["extras"] if row["missing"]]:
        lines += ["", f"to install what is missing: pip install 'difusa[{','.join(absent)}]'"]
    return "\n".join(lines + [""] * bool(found["advice"]) + found["advice"])
