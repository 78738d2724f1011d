"""Metadata of a data set in MLCommons' Croissant 1.0, which search engines and loaders read."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from difusa.datasets.shards import SHARDS
from difusa.datasets.work import Bench
from difusa.shared.files import sha256, write_json

INDEX = "index.parquet"
KINDS = {"bool": "BOOL", "int64": "INTEGER", "double": "FLOAT"}  # Arrow's -> Croissant's; all others are text
COLUMNS = {
    "id": "name of the sample, the first part of its files' names",
    "shard": "the tar file that holds it; empty where nothing could be made",
    "offset": "first byte of the sample in the shard",
    "size": "bytes of the sample in the shard",
    "sha256": "fingerprint of those bytes",
    "label": "class of the sample",
    "seed": "of all random numbers",
    "index": "number of the sample in the set",
    "stream": "index of its random stream: index, and 2**40 for each attempt before it",
    "valid": "whether the domain's own check passed",
    "reason": "why it is not valid",
    "refused": "why earlier draws of this sample were not kept",
}


def write_croissant(path: Path, manifest: dict, records: Sequence[dict], schema, bench: Bench) -> None:
    """Writes the metadata; schema: Arrow's, of the index. mlcroissant raises where it finds them wrong."""
    import mlcroissant as mlc

    about, folder = bench.recipe.about, Path(path).parent
    files = [
        mlc.FileObject(
            id=INDEX, name=INDEX, description="One row a sample: its place in the shards, and what is known of it.",
            content_url=INDEX, encoding_formats=["application/x-parquet"], sha256=sha256(folder / INDEX),
            content_size=f"{(folder / INDEX).stat().st_size} B",
        )
    ]  # fmt: skip
    for number, record in enumerate(records):
        name = f"shard-{number:05d}.tar"
        files.append(
            mlc.FileObject(
                id=name, name=name, description="Samples in WebDataset's order.", content_url=f"{SHARDS}/{name}",
                encoding_formats=["application/x-tar"], sha256=record["sha256"], content_size=f"{record['bytes']} B",
            )
        )  # fmt: skip
    facts = {f"fact_{k}": en for k, (en, _) in bench.factory.facts.items()}
    fields = [
        mlc.Field(
            id=f"samples/{column.name}",
            name=column.name,
            description=COLUMNS.get(column.name) or facts.get(column.name) or column.name.replace("_", " "),
            data_types=[getattr(mlc.DataType, KINDS.get(str(column.type), "TEXT"))],
            source=mlc.Source(file_object=INDEX, extract=mlc.Extract(column=column.name)),
        )
        for column in schema
    ]
    told = mlc.Metadata(
        name=manifest["recipe"]["name"],
        description=about.purpose or f"Synthetic data of the domain {bench.recipe.domain}, made by Difusa.",
        license=[about.licence] if about.licence else [],
        creators=[mlc.Organization(name=c) for c in about.creators] or [mlc.Organization(name="Difusa")],
        version="1.0.0",
        date_published=datetime.fromisoformat(manifest["created"]),
        cite_as=f"{about.title or bench.recipe.name}, recipe {bench.recipe.sha256}, seed {bench.recipe.seed}",
        keywords=["synthetic", "diffusion", bench.recipe.domain],
        data_collection="Made by Difusa from random numbers; manifest.json names recipe, models, sources and seed.",
        data_collection_type=["Software Collection"],
        data_limitations=[about.limits] if about.limits else None,
        distribution=files,
        record_sets=[mlc.RecordSet(id="samples", name="samples", key=["samples/id"], fields=fields)],
    )
    write_json(path, json.loads(json.dumps(told.to_json(), default=str)))
