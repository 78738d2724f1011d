"""Models: folders with weights, the options of their network, a card; shipped ones and those `difusa train` wrote."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import copyfile

from difusa.domains import NAMES, domain
from difusa.shared.checkpoint import load_tensors, save_tensors
from difusa.shared.files import sha256, write_arrays, write_atomic, write_json
from difusa.shared.precision import quick


@dataclass(frozen=True)
class Model:
    """A model folder: model.safetensors, model.json and, where shipped, card.md."""

    name: str
    folder: Path
    meta: dict

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the weights."""
        return sha256(self.folder / "model.safetensors")

    def load(self, device: str = "cpu"):
        """The network with its weights, in evaluation mode, in the fastest precision the device computes natively."""
        network = domain(self.meta["domain"]).models[self.meta["trains"]].network(self.meta["network"])
        try:
            network.load_state_dict(load_tensors(self.folder / "model.safetensors"))
        except RuntimeError as error:
            raise ValueError(
                f"{self.folder}: the weights are not of the network model.json describes ({error})"
            ) from error
        return quick(network.to(device).eval().requires_grad_(False), device)


def shelf(name: str) -> Path:
    """Where the shipped models of a domain lie."""
    return Path(__file__).parent / name / "weights"


def find(name: str | Path, domain: str | None = None) -> Model:
    """A shipped model by name, or a folder that `difusa train` wrote. Raises FileNotFoundError saying what there is."""
    places = [shelf(d) / str(name) for d in ((domain,) if domain else NAMES)] if Path(name).name == str(name) else []
    for folder in [*places, Path(name), Path(name) / "model"]:
        if (folder / "model.json").exists():
            meta = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if domain and meta.get("domain") != domain:
                raise ValueError(f"{folder} is a model of {meta.get('domain')}, not of {domain}")
            return Model(meta.get("name", folder.name), folder, meta)
    known = ", ".join(m.name for m in shipped()) or "none"
    raise FileNotFoundError(
        f"no model {str(name)!r}: name a shipped one ({known}) or a folder that `difusa train` wrote"
    )


def shipped() -> list[Model]:
    """The models that came with the installation."""
    return [find(f, d) for d in NAMES for f in sorted(shelf(d).glob("*")) if (f / "model.json").exists()]


def write(folder: Path, network, meta: dict, bits: int | None = None, beside: dict | None = None) -> None:
    """Writes a model folder that `find` opens; model.json last, so that a folder with one is whole.

    beside: file name -> JSON value, or for .npz the arrays by name, of what else the model needs.
    """
    exact = [name for name, _ in network.named_buffers()]
    save_tensors(Path(folder) / "model.safetensors", network.state_dict(), bits, exact)
    for name, value in (beside or {}).items():
        (write_arrays if name.endswith(".npz") else write_json)(Path(folder) / name, value)
    write_json(Path(folder) / "model.json", meta)


def pack(source: str, *, out: Path, bits: int = 8) -> Path:
    """Stores a model in fewer bits, as those that ship are: a new folder with all that lies beside the weights.

    A calibration belongs to exact weights and is left behind: calibrate the packed model.

    source: shipped model or a folder written by `difusa train`.
    out: folder to write, which must not hold a model yet.
    bits: 8 for every weight matrix, or 4 for the large ones.

    Returns the folder. Raises ValueError when `out` holds a model already.
    """
    model = find(source)
    if (Path(out) / "model.json").exists():
        raise ValueError(f"--out {out} holds a model already: name another folder")
    for file in model.folder.iterdir():
        if file.is_file() and file.stem not in ("model", "calibration"):
            write_atomic(Path(out) / file.name, lambda temporary, file=file: copyfile(file, temporary))
    network = domain(model.meta["domain"]).models[model.meta["trains"]].network(model.meta["network"])
    network.load_state_dict(load_tensors(model.folder / "model.safetensors"))
    write(Path(out), network, model.meta | {"stored_bits": bits}, bits)
    return Path(out)


def models(folder: Path | None = None) -> None:
    """Lists the shipped models, and those under `folder`: name, domain, size, what it was trained on.

    Args:
        folder: where your own training runs lie.
    """
    own = [find(p.parent) for p in sorted(Path(folder).rglob("model.json"))] if folder else []
    for model in [*shipped(), *own]:
        size = (model.folder / "model.safetensors").stat().st_size / 1e6
        print(f"{model.name:16} {model.meta['domain']:10} {size:6.1f} MB  {model.meta.get('summary', model.folder)}")
