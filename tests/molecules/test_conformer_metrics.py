"""Coverage and matching: exact on what is known, symmetric atoms do not count, hangs and failures are told."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rdkit")

from difusa.domains.molecules import conformer_metrics
from difusa.domains.molecules.conformer_metrics import by_rdkit, compare, distances, etkdg, references, wanted
from difusa.domains.molecules.packed import pack

BUTANOL, TOLUENE, ALANINE = "CCCCO", "Cc1ccccc1", "C[C@H](N)C(=O)O"


@pytest.fixture(scope="module")
def truth():
    return {s: etkdg((s, 2, 7, True)) for s in (BUTANOL, TOLUENE, ALANINE)}


def test_rdkit_at_equal_count_against_itself(truth):
    """The same seed and relaxation give the references again; another seed is near, MMFF or not."""
    counts = dict.fromkeys(truth, 2)
    made, failed = by_rdkit(counts, True, seed=7)
    assert not failed
    bare, _ = by_rdkit(counts, False, seed=7)
    told = compare(truth, {"same": made, "bare": bare, "none": {}}, counts=counts)
    for name in ("recall", "precision"):
        assert told["same"][f"coverage_{name}_0.75"]["mean"] == 1
        assert told["same"][f"matching_{name}"]["mean"] < 1e-3  # RDKit's alignment converges to about 1e-4 angstrom
        assert 1e-3 < told["bare"][f"matching_{name}"]["mean"] < 0.75  # MMFF moves the same conformers by less
    assert told["none"]["coverage_recall_1.25"]["mean"] == 0
    assert told["none"]["matching_recall"]["n"] == 0
    assert told["none"]["failures"] == dict.fromkeys(truth, "no conformer")
    assert told["same"]["coverage_recall_0.75"]["n"] == 3


def test_symmetry_and_motion_do_not_count_and_mirrors_do(truth):
    one = truth[TOLUENE][0]
    ring = np.array([0, 1, 6, 5, 4, 3, 2])  # the ring the other way round
    moved = one.positions.copy()
    moved[:7] = moved[ring]
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert distances(([one], [replace(one, positions=moved @ turn + 5)]))[0, 0] < 1e-3
    alanine = truth[ALANINE][0]
    assert distances(([alanine], [replace(alanine, positions=-alanine.positions)]))[0, 0] > 0.2


def test_figures_by_hand():
    tables = [np.array([[0.1, 2.0], [1.0, 1.5]]), None]
    told = conformer_metrics._figures(tables)
    assert told["coverage_recall_0.75"]["mean"] == (0.5 + 0) / 2
    assert told["coverage_recall_1.25"]["mean"] == (1.0 + 0) / 2
    assert told["coverage_precision_1.25"]["mean"] == (0.5 + 0) / 2
    assert told["matching_recall"]["mean"] == pytest.approx((0.1 + 1.0) / 2)
    assert told["matching_precision"]["mean"] == pytest.approx((0.1 + 1.5) / 2)


def test_failures_have_a_reason_and_no_method_may_make_more(truth):
    made, failed = by_rdkit({"C1CC": 2, BUTANOL: 1}, False)
    assert list(made) == [BUTANOL]
    assert failed["C1CC"]
    one = {BUTANOL: truth[BUTANOL]}
    told = compare(one, {"other": {BUTANOL: truth[TOLUENE]}})
    assert told["other"]["failures"][BUTANOL]
    with pytest.raises(ValueError, match=r"many made 2 conformers of CCCCO, 1 are allowed"):
        compare(one, {"many": one}, counts={BUTANOL: 1})


def test_references_are_grouped_by_the_source(truth):
    molecules = truth[BUTANOL] + truth[ALANINE] + truth[TOLUENE][:1]
    texts = [BUTANOL] * 2 + [ALANINE] * 2 + [TOLUENE]
    packed = pack(molecules, range(5), [2, 2, 2, 0, 2], np.zeros((5, 0)), (), texts)
    found = references(packed)
    assert {s: len(m) for s, m in found.items()} == {BUTANOL: 2}
    assert wanted(found) == {BUTANOL: 4}


def test_rdkits_conformers_differ_with_any_seed():
    for seed in (0, 1):
        made = etkdg(("CCCCC(=O)NCc1ccccc1", 3, seed, False))
        assert len(made) == 3 and np.abs(made[0].positions - made[1].positions).max() > 0.1
