"""The verb `difusa release`: a data set leaves its staging folder, or is told why it may not."""

import os
from datetime import UTC, datetime
from pathlib import Path


def release(
    dir: Path,
    *,
    policy: Path | None = None,
    reviewer: str | None = None,
    registration: str | None = None,
    override: str | None = None,
    by: str | None = None,
    office: str | None = None,
    export: Path | None = None,
) -> dict:
    """Release a data set that `difusa batch` made: only with the audits passed that its recipe and the policy ask for.

    Takes the file UNRELEASED away, and writes RELEASE.json (who, when, on which audit; signed), and papers/ in Portuguese and
    English: impact assessment (RIPD), statement of limits, acceptable use, model card. What people must fill in is marked.

    dir: the data set.
    policy: an institution's own policy; by default the one that ships.
    reviewer: first and last name of whoever reviewed the set and signs for it; needed for medical data.
    registration: the reviewer's registration or office, such as CRM-SP 123456.
    override: release all the same, for this reason of 20 letters or more; the record keeps it with what stood against it.
    by: first and last name of whoever overrides.
    office: what entitles them, such as head of the laboratory.
    export: folder to which the files then leave, pictures with Content Credentials, as `difusa export` writes them.

    Returns the record. Raises ValueError naming everything that stands against the release.
    """
    from difusa.apps import export as leave
    from difusa.apps.audit import content
    from difusa.apps.verify import trusted
    from difusa.ethics import gate
    from difusa.ethics.papers import values_of, write_papers
    from difusa.ethics.policy import read
    from difusa.shared.files import plain, write_json
    from difusa.shared.passport.keys import mine

    folder, (rules, fingerprint) = Path(dir), read(policy)
    if export:
        leave.empty(export)
    manifest, keys = gate.staged(folder), mine()
    now = content(folder)
    reasons, report = gate.objections(folder, manifest, rules, fingerprint, trusted(), now)
    people = [gate.Person(n, o or "") if n else None for n, o in ((reviewer, registration), (by, office))]
    decision = gate.decided(manifest["recipe"]["domain"], reasons, rules, people[0], override, people[1])
    when = os.environ.get("SOURCE_DATE_EPOCH")
    time = datetime.fromtimestamp(int(when), UTC) if when else datetime.now(UTC)
    told = {
        "released": time.isoformat(timespec="seconds"),
        "policy_sha256": fingerprint,
        "recipe_sha256": manifest["recipe_sha256"],
    }
    record = plain(gate.sealed_release(decision, now, told, keys))
    write_papers(folder / "papers", values_of(manifest, report, decision))
    gate.let_go(folder, record, write_json)
    print(
        f"{folder} is released" + (", over these objections:" if reasons else "; every audit asked for was passed"),
        *reasons,
        sep="\n  ",
    )
    if export:
        leave.export(folder, out=export)
    return record["record"]
