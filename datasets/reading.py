"""Reading a data set back: as a torch data set, by shard for webdataset and Hugging Face, and its index as a table."""

import builtins
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from difusa.datasets.shards import SHARDS, members

INDEX = "index.parquet"


def open(folder: Path | str, *, valid: bool = True, decode: Callable[[str, bytes], object] | None = None) -> "Samples":
    """A data set as torch.utils.data.Dataset: samples by number, each a dict of its files by suffix.

    valid: only samples that passed the domain's check. decode(suffix, bytes) -> value; by default JSON is read, and all other
    files stay bytes. Raises FileNotFoundError where there is no finished data set.
    """
    return Samples(folder, valid, decode or decoded)


def urls(folder: Path | str) -> list[str]:
    """The shards as webdataset.WebDataset and load_dataset("webdataset", data_files=...) take them, in order."""
    found = sorted(str(p) for p in (Path(folder) / SHARDS).glob("shard-*.tar"))
    if not found:
        raise FileNotFoundError(f"{folder}: no shards/shard-*.tar; `difusa batch` writes them")
    return found


def table(folder: Path | str):
    """The index as an Arrow table, one row a sample, those too of which nothing could be made."""
    from pyarrow import parquet

    path = Path(folder) / INDEX
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: the data set is not finished; `difusa batch ... --resume` goes on")
    return parquet.read_table(path)


def decoded(suffix: str, data: bytes) -> object:
    """JSON as a value, anything else as it is."""
    return json.loads(data) if suffix.endswith("json") else data


class Samples:
    """self[n] -> {"id": name, suffix: value}: a map-style data set, for any DataLoader and sampler; a worker opens files anew."""

    def __init__(self, folder: Path | str, valid: bool, decode: Callable[[str, bytes], object]):
        self.folder, self.decode = Path(folder), decode
        rows = table(folder)
        keep = [
            bool(shard) and (ok or not valid) for shard, ok in zip(*(rows[c].to_pylist() for c in ("shard", "valid")))
        ]
        self.rows = rows.filter(keep).select(["id", "shard", "offset", "size", "sha256", "label"]).to_pylist()

    @property
    def kinds(self) -> list[str]:
        """Suffixes of the first sample's files; none where nothing could be made."""
        return [suffix(n) for n in members(self.stretch(self.rows[0]))] if self.rows else []

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> dict[str, object]:
        row = self.rows[number]
        found = members(self.stretch(row))
        return {"id": row["id"]} | {s: self.decode(s, d) for s, d in ((suffix(n), d) for n, d in found.items())}

    def stretch(self, row: dict) -> bytes:
        """A sample's bytes in its shard. Raises ValueError where they are not those that the index tells."""
        with builtins.open(self.folder / SHARDS / row["shard"], "rb") as file:
            file.seek(row["offset"])
            data = file.read(row["size"])
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise ValueError(
                f"{row['shard']}: sample {row['id']} was changed; make the shard again: difusa batch --resume"
            )
        return data

    def __getitems__(self, numbers: list[int]) -> list[dict[str, object]]:
        """Several samples, as a DataLoader asks for a batch."""
        return [self[n] for n in numbers]


def suffix(name: str) -> str:
    """What follows the first dot: the key of webdataset."""
    return name.partition(".")[2]
