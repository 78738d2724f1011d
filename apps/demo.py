"""The verb `difusa demo`: real pictures, damaged, restored, and shown with what was invented: demo/index.html."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.apps.demo_damage import Exhibit
from difusa.apps.invention import Invention


@dataclass(frozen=True)
class Shown:
    """An exhibit after its restoration: [H, W, 3] uint8 of ours and of the formula, the maps, and what was measured.

    psnr, psnr_formula: dB inside the losses; held: percent of the lost values inside their 90 % interval;
    changed: pixels outside the mask that differ from the input; undone: whether undo gave the input's bytes back.
    """

    exhibit: Exhibit
    restored: np.ndarray
    formula: np.ndarray
    made: Invention
    psnr: float
    psnr_formula: float
    held: float
    changed: int
    undone: bool
    seconds: float
    seconds_formula: float
    evaluations: int


def demo(
    *,
    out: Path = Path("demo"),
    model: str = "restorer",
    samples: int = 4,
    steps: int = 3,
    seed: int = 0,
    threads: int | None = None,
) -> Path:
    """Restore real pictures that were really damaged, and write a page that shows them: OUT/index.html.

    The pictures come out of scikit-image; nothing is fetched. A scan is translated too, where the medical model is at hand.
    Under a minute on two cores.

    Args:
        out: folder for the page, the restored pictures, their bundles and reports.
        model: restorer, a shipped one or a folder that `difusa train` wrote.
        samples: versions drawn of each picture; shown is their mean.
        steps: network evaluations a version, at most.
        seed: the same seed gives the same pictures.
        threads: CPU threads.

    Returns the path of the page. Raises ValueError or FileNotFoundError, with the way out, if the model is missing.
    """
    began = time.perf_counter()
    print("difusa demo: loading", flush=True)
    from difusa.apps.demo_damage import exhibits
    from difusa.apps.demo_page import write

    out = Path(out)
    shown = []
    for exhibit in exhibits():
        shown.append(
            exhibition(
                exhibit, out / exhibit.name, model=model, samples=samples, steps=steps, seed=seed, threads=threads
            )
        )
        s = shown[-1]
        print(
            f"  {exhibit.name:9} {s.seconds:5.1f} s  inside the losses {s.psnr:.1f} dB"
            f" (biharmonic {s.psnr_formula:.1f} dB)",
            flush=True,
        )
    from difusa.apps.demo_scan import translated

    scan = translated(out / "scan", seed, threads)
    page = write(shown, out / "index.html", began, scan)
    print(f"{time.perf_counter() - began:.0f} s in all; open {page}")
    return page


def exhibition(exhibit: Exhibit, folder: Path, **arguments) -> Shown:
    """Write the damaged picture and its mask into `folder`, restore them with the verb's `arguments`, and measure."""
    from PIL import Image

    from difusa.apps import invention
    from difusa.domains.heritage.bundle import sha256, undo
    from difusa.domains.heritage.task import restore
    from difusa.shared.metrics import psnr

    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("damaged.png", "mask.png", "restored.tif", "report.json", "undone.png")}
    Image.fromarray(exhibit.damaged).save(paths["damaged.png"])
    Image.fromarray(exhibit.mask.astype(np.uint8) * 255).save(paths["mask.png"])
    figures = restore(
        [paths["damaged.png"]], out=paths["restored.tif"], mask=paths["mask.png"], report=paths["report.json"],
        kind=exhibit.kind, progress=lambda done, total: None, **arguments,
    )  # fmt: skip
    bundle = folder / "restored.bundle.zip"
    undo(bundle, out=paths["undone.png"])
    (folder / "report.html").write_bytes(_report(bundle))
    restored = _pixels(paths["restored.tif"])
    made = invention.read(bundle)
    started = time.perf_counter()
    formula = biharmonic(exhibit.damaged, exhibit.mask)
    seconds_formula = time.perf_counter() - started
    error = np.abs(restored.astype(float) - exhibit.truth)[exhibit.mask] / 255
    differs = (restored != exhibit.damaged).any(axis=2)
    return Shown(
        exhibit, restored, formula, made,
        psnr=psnr(exhibit.truth, restored, mask=exhibit.mask),
        psnr_formula=psnr(exhibit.truth, formula, mask=exhibit.mask),
        held=100 * float((error <= made.half[exhibit.mask][:, None]).mean()),
        changed=int((differs & ~exhibit.mask).sum()),
        undone=sha256(paths["undone.png"].read_bytes()) == sha256(paths["damaged.png"].read_bytes()),
        seconds=figures["seconds"], seconds_formula=seconds_formula, evaluations=figures["network_evaluations"],
    )  # fmt: skip


def biharmonic(damaged: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The formula to beat: inpainting by the biharmonic equation (Damelin and Hoang 2018), of scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(damaged, mask, split_into_regions=True, channel_axis=2)
    return np.clip(np.rint(filled * 255), 0, 255).astype(np.uint8)


def _pixels(path: Path) -> np.ndarray:
    from difusa.domains.heritage.data import load

    return load(path).pixels


def _report(bundle: Path) -> bytes:
    from difusa.domains.heritage.bundle import open_bundle

    return open_bundle(bundle)[1]["report.html"]
