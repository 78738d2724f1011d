"""What judges crystals without a model: validity, matching, distances of sets, the hull, references, the row to beat."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pymatgen")
pytest.importorskip("smact")
pytest.importorskip("spglib")

from difusa.domains.materials import baseline, distributions, matching, references, validity
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.hull import fraction, hull
from difusa.domains.materials.packed import pack
from difusa.domains.materials.symmetry import free_template

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
SALT = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])


def salt(a: float = 5.64, numbers=(11, 17), **tags) -> Crystal:
    """Rock salt, primitive cell of the conventional one's length a (angstrom)."""
    return Crystal(a * FCC, np.array(numbers, np.uint8), SALT, tags)


def moved(crystal: Crystal, seed: int = 0) -> Crystal:
    """The same crystal, told otherwise: shifted, renumbered, other cell vectors, turned."""
    rng = np.random.default_rng(seed)
    order, basis = rng.permutation(len(crystal)), np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    frac = (crystal.frac + rng.random(3)) @ np.linalg.inv(basis) % 1.0
    return Crystal(basis @ crystal.cell @ turn, crystal.numbers[order], frac[order])


def test_shortest_distance_sees_images_in_any_cell():
    assert validity.shortest(salt()) == pytest.approx(2.82, abs=1e-9)
    assert validity.shortest(moved(salt())) == pytest.approx(2.82, abs=1e-9)
    alone = Crystal(2.5 * np.eye(3), np.array([84], np.uint8), np.zeros((1, 3)))
    assert validity.shortest(moved(alone)) == pytest.approx(2.5, abs=1e-9), "an atom and its own image"
    skewed = Crystal(
        np.array([[3.0, 0, 0], [8.9, 3.0, 0], [0.1, 15.2, 3.0]]), np.array([84], np.uint8), np.zeros((1, 3))
    )
    assert validity.shortest(skewed) == pytest.approx(np.sqrt(0.01 + 0.01 + 9.0) - 0.0, abs=0.02)


def test_overlaps_and_flat_cells_are_told():
    close = replace(salt(), frac=np.array([[0.0, 0, 0], [0.05, 0.05, 0.05]]))
    assert "angstrom apart" in validity.overlap(close) and validity.overlap(salt()) == ""
    assert "volume" in validity.overlap(replace(salt(), cell=salt().cell * [1, 1, 1e-4]))
    assert "finite" in validity.overlap(replace(salt(), frac=SALT * np.nan))
    assert "own" not in validity.overlap(salt()) and validity.overlap(salt(0.6)), "images count too"


@pytest.mark.parametrize(
    ("numbers", "passes"),
    [((11, 17), True), ((11, 11, 8), True), ((11, 11, 11, 8), False), ((29, 30), True), ((26,), True), ((9, 9, 9, 8), False),
     ((3, 26, 15, 8, 8, 8, 8), True)],
)  # fmt: skip
def test_charges_balance(numbers, passes):
    assert validity.balanced(np.array(numbers)) is passes


def test_a_crystal_is_itself_however_it_is_told():
    assert matching.same(salt(), moved(salt())) and matching.distance(salt(), moved(salt())) == pytest.approx(
        0, abs=1e-6
    )
    assert matching.same(salt(), salt(6.0)), "volumes are scaled to each other"
    assert not matching.same(salt(), salt(numbers=(19, 17)))
    caesium = Crystal(3.4 * np.eye(3), np.array([11, 17], np.uint8), SALT)
    assert not matching.same(salt(), caesium) and matching.distance(salt(), caesium) is None
    assert matching.unique([salt(), caesium, moved(salt()), salt(numbers=(19, 17))]) == [0, 1, 3]


def test_the_best_guess_counts_and_nothing_matches_nothing():
    off = replace(salt(), frac=SALT + [[0, 0, 0], [0.04, 0, 0]])
    near, far = matching.distance(salt(), salt()), matching.distance(salt(), off)
    assert matching.best(salt(), [off, salt()]) == near < far == matching.best(salt(), [off])
    assert matching.best(salt(), []) is None
    rate, rms = matching.match_figures([0.1, None, 0.3, None])
    assert (rate.value, rate.n, rms.value, rms.n) == (0.5, 4, pytest.approx(0.2), 2)
    assert np.isnan(matching.match_figures([None])[1].value)


def test_distance_is_pymatgens():
    from pymatgen.analysis.structure_matcher import StructureMatcher

    from difusa.domains.materials.crystal import to_pymatgen

    off = replace(salt(), frac=SALT + [[0, 0, 0], [0.03, 0.01, 0]])
    known = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10).get_rms_dist(to_pymatgen(off), to_pymatgen(salt()))[0]
    assert matching.distance(salt(), off) == pytest.approx(known, abs=1e-12)


def test_distances_of_sets_are_exact():
    ours = distributions.profile([salt(), salt(6.0)])
    assert ours["density"][0] == pytest.approx(4 * 58.443 / (6.02214076e23 * 5.64**3 * 1e-24), rel=1e-4)
    assert ours["space_group"].tolist() == [225, 225] and ours["elements"].tolist() == [11, 17, 11, 17]
    same = distributions.distances(ours, ours)
    assert all(one["jensen_shannon"] == 0 for one in same.values())
    other = distributions.profile([Crystal(3.4 * np.eye(3), np.array([55, 17], np.uint8), SALT)])
    found = distributions.distances(ours, other)
    assert found["space_group"]["jensen_shannon"] == 1 and found["number_of_elements"]["wasserstein"] == 0
    assert found["volume_per_atom"]["wasserstein"] == pytest.approx(
        abs(np.mean([5.64**3, 6.0**3]) / 8 - 3.4**3 / 2), abs=1e-9
    )


def test_above_hull_equals_pymatgens():
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    phases = {"LiF": -3.1, "Li2O": -2.0, "Li2O2": -1.6, "OF2": -0.1, "LiO2": -0.9, "Li3OF": -2.1, "NaF": -9.0}
    found = hull([_atoms(f) for f in phases], list(phases.values()))
    entries = [PDEntry(Composition(f), e * Composition(f).num_atoms) for f, e in phases.items() if "Na" not in f]
    diagram = PhaseDiagram(entries + [PDEntry(Composition(e), 0.0) for e in ("Li", "O", "F")])
    for formula, energy in {"Li3OF": -2.1, "LiOF": -1.0, "Li2O2": -1.5, "LiF": -3.1, "Li": 0.2}.items():
        whole = PDEntry(Composition(formula), energy * Composition(formula).num_atoms)
        expected = diagram.get_e_above_hull(whole, allow_negative=True)
        assert found.above(_atoms(formula), energy) == pytest.approx(expected, abs=1e-8), formula
    assert found.above(_atoms("LiF"), -3.3) == pytest.approx(-0.2, abs=1e-9), "below: the hull did not know it"
    assert found.ground(_atoms("Xe")) == 0


def _atoms(formula: str) -> np.ndarray:
    from pymatgen.core import Composition

    counts = Composition(formula)
    return np.array([e.Z for e in counts for _ in range(int(counts[e]))])


def test_references_are_found_again():
    rng = np.random.default_rng(0)
    truth = rng.normal(-4, 2, 119)
    crystals = [rng.choice([3, 8, 26, 15], rng.integers(2, 8)) for _ in range(60)]
    formation = rng.normal(-1, 0.5, 60)
    energies = formation + [fraction(c) @ truth for c in crystals]
    energies[7] += 30  # one that CHGNet gets wrong must not bend the others
    found = references.fit(crystals, energies, formation)
    assert found[[3, 8, 26, 15]] == pytest.approx(truth[[3, 8, 26, 15]], abs=1e-9)
    assert np.isnan(found[79])
    known = references.References(found, {})
    assert known.formation(crystals[0], energies[0]) == pytest.approx(formation[0], abs=1e-9)
    with pytest.raises(ValueError, match="no reference energy of Au"):
        known.formation(np.array([79, 8]), -3.0)


def test_the_shipped_references_tell_their_error():
    known = references.load()
    assert known.about["heldout_n"] > 1000 and 0 < known.about["heldout_mae"] < 0.03
    assert np.isfinite(known.energies).sum() == 88


@pytest.fixture(scope="module")
def known():
    """Three salts and a perovskite of which two are to be trained on."""
    perovskite = Crystal(3.9 * np.eye(3), np.array([38, 22, 8, 8, 8], np.uint8),
                         np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]))  # fmt: skip
    crystals = [salt(), salt(6.3, (19, 17)), salt(4.2, (12, 8)), perovskite]
    crystals = [replace(c, tags={"id": f"t-{i}", "formation_energy": -1.0}) for i, c in enumerate(crystals)]
    return baseline.prototypes(pack(crystals, [free_template(c.frac) for c in crystals], np.zeros(4), [0, 0, 0, 0]))


def test_fillings_have_the_wanted_atoms_and_a_fitting_volume(known):
    unseen = baseline.predict(known, np.array([56, 40, 8, 8, 8]), 20, 0, 0)
    assert len(unseen) == 2 and all(20 < c.volume < 200 for c in unseen), "barium and zirconium are in no crystal"
    found = baseline.predict(known, np.array([11, 8]), 20, 0, 0, near=True)
    assert len(found) == 6 and all(sorted(c.numbers.tolist()) == [8, 11] for c in found)
    for c in found:
        row = next(r for r in range(4) if c.tags["prototype"] == f"t-{r}")
        old = known.packed.crystal(row)
        by = known.volumes[[11, 8]].sum() / known.volumes[old.numbers].sum()
        assert c.volume == pytest.approx(old.volume * by, rel=1e-9)
    assert baseline.predict(known, np.array([11, 11, 8]), 20, 0, 0) == [], "no prototype of that shape"


def test_drawn_fillings_balance_and_are_pure_in_seed_and_index(known):
    drawn = [baseline.generate(known, 0, i) for i in range(12)]
    assert all(validity.balanced(c.numbers) for c in drawn)
    assert all(np.array_equal(a.numbers, baseline.generate(known, 0, i).numbers) for i, a in enumerate(drawn[:3]))
    assert len({tuple(sorted(c.numbers.tolist())) for c in drawn}) > 3
    some = [baseline.generate(known, 0, i, allowed=(11, 12, 8, 17)) for i in range(5)]
    assert all(set(c.numbers.tolist()) <= {11, 12, 8, 17} for c in some)
