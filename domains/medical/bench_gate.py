"""Rows of the bench for the gate: how many wrong stacks it refuses, and how many right ones of real patients."""

from difusa.domains.medical import data, gate
from difusa.domains.medical.bench_setup import Setup
from difusa.domains.medical.bench_wrong import UNSHOWN, wrong
from difusa.domains.medical.gate_stacks import STACK, Stack, right

STRIDE = 5  # every fifth right stack is made wrong in every way; no multiple of three, for three contrasts take turns


def gates(setup: Setup) -> None:
    """False alarms of real patients, each by networks and limits that do not know the patient; refusals, kind by kind, and those
    of kinds that the networks were never shown."""
    whole = gate.load()
    if whole is None:
        raise FileNotFoundError("no gate is here: train one by `difusa medical gate`")
    patients = data.patients(setup.sets)
    rights = right(setup.sets, tuple(patients))
    wrongs = wrong(setup, rights[::STRIDE])
    setup.store.groups.update({s.name: s.group for s in rights + wrongs})
    blind = {patient: whole.without(patient) for patient in patients}
    judged: dict[str, dict] = {}

    def score_of(stacks: dict[str, Stack]):
        def score(part):
            for name in part:
                if name not in judged:
                    one = stacks[name]
                    word = blind.get(one.group, whole).word(one.seen, one.said)
                    judged[name] = {"refused": float(not word["accepted"]), "score": word["score"]}
                yield judged[name]

        return score

    kinds = {"all that are wrong": wrongs}
    kinds["wrong in ways that it was taught"] = [s for s in wrongs if s.kind not in UNSHOWN]
    kinds["wrong in ways that it was never shown"] = [s for s in wrongs if s.kind in UNSHOWN]
    kinds["real stacks"] = rights
    kinds |= {f"wrong: {kind}": [s for s in wrongs if s.kind == kind] for kind in dict.fromkeys(s.kind for s in wrongs)}
    kinds |= {f"right: {who}": [s for s in rights if s.group == who] for who in patients}
    for name, stacks in kinds.items():
        by_name = {s.name: s for s in stacks}
        settings = {"gate": whole.sha256, "planes": STACK}
        row = setup.store.row(name, "gate", list(by_name), score_of(by_name), settings=settings)
        setup.tell(row, ("refused", "score"))
