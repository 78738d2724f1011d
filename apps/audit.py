"""The verb `difusa audit`: judge a synthetic set against the real one that its model learnt from."""

import json
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

MANIFEST, AUDIT = "manifest.json", "audit.json"


def audit(
    dir: Path,
    *,
    against: Path,
    report: Path,
    holdout: Path | None = None,
    domain: str | None = None,
    attributes: Path | None = None,
    real_attributes: Path | None = None,
    label: str | None = None,
    skin: bool = False,
    sources: Path | None = None,
    target: Path | None = None,
    style: str | None = None,
    model: str | None = None,
    reference: str | None = None,
    likelihood: bool = False,
    data: Path | None = None,
    policy: Path | None = None,
    inception: str | None = None,
    follow: Path | None = None,
    also: tuple[Path, ...] = (),
    repeats: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Audit a synthetic set: fidelity and diversity, privacy, bias, usefulness, origin, dual use; one page and its JSON.

    A figure fails beyond a threshold that the policy and real data against real data set together; of fewer than ten things
    nothing is claimed. The same audit gives the same report. In a data set that `difusa batch` made, the verdicts are also kept
    as DIR/audit.json, where `difusa release` looks for them.

    dir: data set made by `difusa batch`, or a folder of pictures, NIfTI, SDF, SMILES or CIF files.
    against: the real set that the model was trained on.
    report: HTML page to write; its JSON lies beside it.
    holdout: real things of the same kind that the model never saw: for copies and membership. Without them the training things
        among themselves stand in, and membership is not judged.
    domain: heritage, medical, molecules or materials; by default the one most files are of.
    attributes: CSV of what is known of the synthetic things, whose column file (or id, or name) names them.
    real_attributes: the same for the real things and the hold-out.
    label: column that a model trained on the set should tell, for usefulness.
    skin: of pictures: compare by skin tone too, measured on each face's cheeks and forehead (individual typology angle). Light
        and the colours of the photograph go into it, so only pictures taken alike can be compared.
    sources: TOML list of the sources of the training data, each [[source]] with name, licence (as SPDX writes it, or
        public-domain), credit, and files = ["painting-*.jpg"], patterns of the names that are its own; all when left out.
    target: TOML file of wanted shares: [shares.ATTRIBUTE] group = share, and above it source = "where they come from".
    style: column (artist, say) by whose values the nearest sources are told; with it, or with sources, REPORT.nearest.csv
        names the nearest training thing of each synthetic one, its source and its credit.
    model: the model that drew the set, to attack it by its losses on training and test examples of DATA.
    reference: another model of the same kind, for the attack beside a reference.
    likelihood: attack the model by its likelihoods too, where it is a denoiser of pictures: some seconds an example.
    data: the model's data folder; else the environment variable DIFUSA_DATA.
    policy: an institution's own policy; by default the one that ships.
    inception: of pictures: TorchScript file inception-2015-12-05.pt, for FID and Inception Score as in published tables, or
        `fetch` to download it; by default the one that torch.hub keeps, and without one the report says not measured.
    follow: JSON lines of the releases so far, to which this one is added; the report then tells how its figures moved.
    also: further data sets that count with it, such as its repair; nothing is then kept in DIR.
    repeats: draws that each figure of fidelity is taken over.
    seed: of all draws.
    progress: called with (done, total) audits.

    Returns the report as JSON. Raises ValueError or OSError with the way out.
    """
    from difusa.apps.audit_model import attacked
    from difusa.ethics import policy as policies
    from difusa.ethics.audit import Beside
    from difusa.ethics.audit import audit as judge
    from difusa.ethics.findings import as_json
    from difusa.ethics.gate import sealed_audit
    from difusa.ethics.inception import weights
    from difusa.ethics.law import origins
    from difusa.ethics.loading import kind_of, kinds, toned
    from difusa.ethics.page import page
    from difusa.shared.files import plain, write_atomic, write_json
    from difusa.shared.passport.keys import mine
    from difusa.shared.run import Run
    from difusa.shared.sources import optout

    rules, fingerprint = policies.read(policy)
    folder, known = Path(dir), kinds()
    wanted = domain or _domain(folder)
    if wanted is not None and wanted not in known:
        raise ValueError(f"--domain {wanted}: there are {', '.join(known)}")
    kind = known[wanted] if wanted else kind_of(folder, known)
    if skin and kind.domain != "heritage":
        raise ValueError(f"--skin is for pictures; this set is of {kind.domain}")
    shares, origin = targets(target)
    with Run("audit", seed=seed, progress=progress) as run:
        other = taken(folder, kind, attributes, label, tuple(map(Path, also)))
        real = taken(Path(against), kind, real_attributes, label)
        held = taken(Path(holdout), kind, real_attributes, label) if holdout else None
        if skin:
            other, real = toned(other), toned(real)
        beside = Beside(
            tuple(origins(sources)) if sources else (), optout(against), shares, origin, style,
            weights(inception) if kind.pixels else None,
        )  # fmt: skip
        found = judge(other, real, held, kind, rules, beside, seed=seed, repeats=repeats, progress=run.progress)
        if model:
            found = replace(
                found,
                findings=found.findings + tuple(attacked(model, reference, likelihood, data, rules.privacy.auc, seed)),
            )
        about = {"set": str(folder), "against": str(against), "holdout": str(holdout or ""), **found.about}
        about |= {
            "left_out": len(other.refused),
            "seed": seed,
            "policy_sha256": fingerprint,
            "content_sha256": content(folder, *map(Path, also)),
        }
        about |= {"also": ", ".join(map(str, also))} if also else {}
        about |= repair(folder, other, shares, Path(report)) if shares and not also else {}
        found = replace(found, about=about)
        if follow:
            found = followed(Path(follow), replace(found, about=about | {"against_sha256": content(Path(against))}))
        told = plain(as_json(found))
        write_atomic(Path(report), lambda p: p.write_bytes(page(found)))
        write_json(Path(report).with_suffix(".json"), told)
        if (folder / MANIFEST).exists() and not also:
            write_json(folder / AUDIT, sealed_audit(told, mine()))
        if found.nearest:
            write_rows(Path(report).with_suffix(".nearest.csv"), found.nearest)
    say(told, Path(report))
    return told


def _domain(folder: Path) -> str | None:
    """What the manifest of a data set says; None for a plain folder."""
    manifest = folder / MANIFEST
    return json.loads(manifest.read_text(encoding="utf-8"))["recipe"]["domain"] if manifest.exists() else None


def taken(path: Path, kind, table: Path | None, label: str | None, also: tuple[Path, ...] = ()):
    """What lies at a path, be it a folder of files or a data set with shards; `also` in further data sets."""
    from difusa.ethics.gate import whole
    from difusa.ethics.loading import attributed, load, of_things

    if not (path / MANIFEST).exists():
        if also:
            raise ValueError(f"--also: {path} is no data set that `difusa batch` made; put the files into one folder")
        return load(path, kind, table, label)
    for folder in (path, *also):
        if (folder / MANIFEST).exists():
            whole(folder)
    things, refused = things_of((path, *also), kind)
    if not things:
        raise ValueError(f"{path}: no shard holds a {kind.domain} thing that can be taken ({len(refused)} refused)")
    samples = of_things(things, kind, refused)
    return attributed(indexed(samples, (path, *also)), kind, table, label)


def things_of(folders: tuple[Path, ...], kind) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """Things of data sets, or of folders of files, by name, and what could not be taken. Raises ValueError for a name twice."""
    from difusa.ethics.loading import files_of

    things, refused = {}, []
    for folder in folders:
        with tempfile.TemporaryDirectory() as held:
            made = (folder / MANIFEST).exists()
            found, lost = kind.load(unpacked(folder, Path(held), kind.suffixes) if made else files_of(folder, kind))
        if twice := things.keys() & found.keys():
            raise ValueError(f"--also {folder}: {min(twice)} is in two of the data sets; make it with another seed")
        things, refused = things | found, refused + lost
    return things, refused


def unpacked(folder: Path, out: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The first file of each sample of the shards that ends in one of the suffixes, written to `out`."""
    files, seen = [], set()
    for shard in sorted(folder.glob("shards/*.tar")):
        with tarfile.open(shard) as tar:
            for entry in tar:
                name = Path(entry.name).name
                stem = name.split(".")[0]
                if not entry.isfile() or stem in seen or not name.lower().endswith(suffixes):
                    continue
                seen.add(stem)
                (out / name).write_bytes(tar.extractfile(entry).read())
                files.append(out / name)
    return files


def indexed(samples, folders: tuple[Path, ...]):
    """The set with the columns of its Parquet indices that hold few different values."""
    import numpy as np
    from pyarrow.parquet import read_table

    paths = [f / "index.parquet" for f in folders]
    if not all(p.exists() for p in paths):
        return samples
    rows = {str(r["id"]): r for p in paths for r in read_table(p).to_pylist()}
    own = [rows.get(i.split("#")[0].split(".")[0], {}) for i in samples.ids]
    place = ("shard", "offset", "size", "sha256", "id", "index", "reason", "refused", "valid", "seed")
    names = [n for n in next(iter(rows.values()), {}) if n not in place]
    columns = {n: np.array([str(r.get(n)) if r.get(n) is not None else "unknown" for r in own]) for n in names}
    few = {n: c for n, c in columns.items() if 1 < len(set(c.tolist())) <= 20}
    return replace(samples, attributes=samples.attributes | few)


def content(*folders: Path) -> str:
    """Fingerprint of data sets' shards, or of a folder's files: what the verdicts belong to."""
    import hashlib

    from difusa.shared.files import sha256

    lines = []
    for folder in folders:
        files = sorted(folder.glob("shards/*.tar")) if (folder / MANIFEST).exists() else [folder] if folder.is_file() else sorted(
            p for p in folder.rglob("*") if p.is_file()
        )  # fmt: skip
        lines += [f"{p.name} {sha256(p)}" for p in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def targets(path: Path | None) -> tuple[dict[str, dict[str, float]] | None, str]:
    """Attribute -> group -> share, and their source, of a TOML file. Raises ValueError for another layout."""
    if path is None:
        return None, ""
    table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    if not table.get("shares") or not table.get("source"):
        raise ValueError(f'{path}: wanted shares are written as source = "..." and [shares.ATTRIBUTE] group = share')
    return {a: {str(g): float(s) for g, s in groups.items()} for a, groups in table["shares"].items()}, table["source"]


def repair(folder: Path, other, shares: dict, report: Path) -> dict[str, str]:
    """What the report says of a top-up: its recipe, which is also written as REPORT.repair.toml where `difusa batch` can make
    it, else quotas; "" where nothing is missing."""
    from difusa.datasets.manifest import opened
    from difusa.datasets.repairing import repaired, toml
    from difusa.ethics.bias import recipe_of, repairs
    from difusa.shared.files import write_text

    missing = repairs(other.attributes, shares)
    if not any(n for counts in missing.values() for n in counts.values()):
        return {}
    try:
        text = toml(repaired(opened(folder)[1], missing))
    except (ValueError, FileNotFoundError):
        return {"repair": recipe_of(missing)}
    write_text(report.with_suffix(".repair.toml"), text)
    return {"repair": text}


def followed(path: Path, found):
    """The report with how its figures moved since the releases that the history holds, itself added to them."""
    from difusa.ethics import drift
    from difusa.ethics.findings import as_json
    from difusa.shared.files import plain, write_text

    row = drift.line_of(plain(as_json(found)))
    every, alike = drift.added(drift.history(path), row)
    write_text(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in every))
    figures, about = dict(found.figures), dict(found.about)
    if len(alike) > 1:
        figures["judged figures from release to release, those first that moved most; dashed: threshold"] = (
            drift.figure(alike)
        )
        about["releases"] = "\n".join(f"{n}. {r['set']}" for n, r in enumerate(alike, start=1))
    return replace(found, findings=found.findings + tuple(drift.drift(alike)), figures=figures, about=about)


def write_rows(path: Path, rows) -> None:
    """Rows with equal keys as CSV, atomically."""
    import csv
    import io

    from difusa.shared.files import write_text

    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def say(told: dict, report: Path) -> None:
    """The verdicts on the terminal: what failed, what could not be judged and why, and where the rest is told."""
    for audit, verdict in told["verdicts"].items():
        own = [f for f in told["findings"] if f["audit"] == audit]
        print(f"{audit:12} {verdict} ({sum(f['verdict'] == 'pass' for f in own)} findings passed)")
        for f in own:
            if f["verdict"] == "fail":
                shown = " ".join(f"{k} {f[k]:.4g}" for k in ("value", "n", "threshold") if f[k] is not None)
                print(f"  {f['name']}: {shown}; {f['note']}")
            elif f["verdict"] == "no claim":
                print(f"  {f['name']}: no claim; {f['note'] or 'of too few things'}")
    print(f"report: {report}")
