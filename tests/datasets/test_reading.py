"""Reading a set back: by torch, webdataset and Hugging Face datasets the same samples; Croissant by its own library."""

import hashlib

import pytest

import difusa.datasets


def indexed(folder) -> list[str]:
    return [r["id"] for r in difusa.datasets.table(folder).to_pylist()]


def test_torch_reads_all_valid_samples_by_number(unbroken):
    from torch.utils.data import DataLoader

    rows = difusa.datasets.table(unbroken).to_pylist()
    every, good = difusa.datasets.open(unbroken, valid=False), difusa.datasets.open(unbroken)
    assert [s["id"] for s in every] == indexed(unbroken) and len(good) == sum(r["valid"] for r in rows)
    assert every[6]["json"]["facts"]["smiles"] == rows[6]["fact_smiles"]
    assert every[6]["sdf"].startswith(b"\n") and b"DIFUSA_PASSPORT" in every[6]["sdf"]
    loaded = DataLoader(every, batch_size=4, collate_fn=list, num_workers=0)
    assert [s["id"] for batch in loaded for s in batch] == indexed(unbroken)


def test_a_changed_sample_is_not_read(copied):
    shard = copied / "shards" / "shard-00001.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    samples = difusa.datasets.open(copied, valid=False)
    with pytest.raises(ValueError, match="was changed; make the shard again"):
        samples[3]
    assert samples[0]["id"]


def test_an_unfinished_set_is_not_opened(copied):
    (copied / "index.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="not finished"):
        difusa.datasets.open(copied)


def test_webdataset_reads_the_same_samples(unbroken):
    webdataset = pytest.importorskip("webdataset")
    found = list(webdataset.WebDataset(difusa.datasets.urls(unbroken), shardshuffle=False))
    mine = difusa.datasets.open(unbroken, valid=False)
    assert [s["__key__"] for s in found] == indexed(unbroken)
    assert [s["sdf"] for s in found] == [s["sdf"] for s in mine]


def test_hugging_face_reads_the_same_samples(unbroken, tmp_path):
    datasets = pytest.importorskip("datasets", reason="Hugging Face's package, not ours")
    files = difusa.datasets.urls(unbroken)
    found = datasets.load_dataset("webdataset", data_files={"train": files}, split="train", cache_dir=str(tmp_path))
    mine = difusa.datasets.open(unbroken, valid=False)
    assert found["__key__"] == indexed(unbroken)
    assert [r["json"]["facts"]["smiles"] for r in found] == [s["json"]["facts"]["smiles"] for s in mine]
    assert [bytes(r["sdf"]) for r in found] == [s["sdf"] for s in mine]


def test_croissant_is_valid_and_leads_to_the_rows(unbroken):
    mlc = pytest.importorskip("mlcroissant")
    found = mlc.Dataset(jsonld=str(unbroken / "croissant.json"))
    assert not found.metadata.issues.errors
    rows = [r["samples/id"].decode() for r in found.records("samples")]
    assert rows == indexed(unbroken)
    told = {f.name: f.sha256 for f in found.metadata.distribution if f.name.endswith(".tar")}
    shards = sorted((unbroken / "shards").iterdir())
    assert told == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in shards}
