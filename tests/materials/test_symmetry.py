"""What a space group leaves free: parameters of sites, strains of the cell; against spglib."""

import numpy as np
import pytest

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.symmetry import basis_of, cell_of, free_template, shape_of, strain_of

spglib = pytest.importorskip("spglib")
HEXAGONAL = np.array([[3.2, 0, 0], [-1.6, 1.6 * 3**0.5, 0], [0, 0, 5.2]])


def made() -> dict[str, Crystal]:
    """Wurtzite (a free height), rutile, a perovskite in a primitive fcc-like cell (elpasolite), pyrite, a monoclinic one."""
    u = 0.375
    fcc = np.array([[0, 4.2, 4.2], [4.2, 0, 4.2], [4.2, 4.2, 0]])
    rutile = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.3, 0.3, 0], [0.7, 0.7, 0], [0.2, 0.8, 0.5], [0.8, 0.2, 0.5]])
    halide = np.array([[x, -x % 1, -x % 1] for x in (0.24, 0.76)])
    six = np.concatenate([np.roll(halide, k, 1) for k in range(3)])
    wurtzite = np.array([[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, u], [2 / 3, 1 / 3, 0.5 + u]])
    double = np.concatenate([[[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]], six])
    leaning = np.array([[5.0, 0, 0], [0, 4.0, 0], [-1.1, 0, 6.0]])
    twice = np.array([[0.1, 0.2, 0.3], [0.9, 0.7, 0.2], [0.9, 0.8, 0.7], [0.1, 0.3, 0.8]])
    return {
        "wurtzite": Crystal(HEXAGONAL, np.array([30, 30, 8, 8]), wurtzite),
        "rutile": Crystal(np.diag([4.6, 4.6, 2.96]), np.array([22, 22, 8, 8, 8, 8]), rutile),
        "elpasolite": Crystal(fcc, np.array([11, 13, 19, 19] + [9] * 6), double),
        "monoclinic": Crystal(leaning, np.array([20] * 4), twice),
    }


GROUPS = {"wurtzite": 186, "rutile": 136, "elpasolite": 225, "monoclinic": 14}


@pytest.mark.parametrize("name", GROUPS)
def test_free_parameters_and_strains_keep_the_space_group(name):
    from difusa.domains.materials.reducing import idealised, spacegroup

    whole, template = idealised(made()[name])
    assert template.spacegroup == GROUPS[name] == spacegroup(whole, 1e-4)
    rng = np.random.default_rng(0)
    for _ in range(3):
        moved = np.einsum("nij,nj->ni", template.directions, 0.03 * rng.normal(size=(len(whole), 3))[template.orbit])
        strain = strain_of(whole.cell, template.shape) + np.tensordot(
            0.1 * rng.normal(size=len(template.strains)), template.strains, 1
        )
        other = Crystal(cell_of(strain, template.shape), whole.numbers, (template.frac + moved) % 1)
        assert spacegroup(other, 1e-4) == GROUPS[name]


@pytest.mark.parametrize("name", GROUPS)
def test_noise_lies_inside_the_symmetry(name):
    from difusa.domains.materials.reducing import idealised, spacegroup

    whole, template = idealised(made()[name])
    rng = np.random.default_rng(1)
    shift = template.sites(rng.normal(size=(len(whole), 3)))
    assert np.abs(shift.mean(0)).max() < 1e-12
    own = np.zeros_like(shift)
    np.add.at(own, template.orbit, np.einsum("nij,nj->ni", template.gather, shift))
    assert np.abs(np.einsum("nij,nj->ni", template.directions, own[template.orbit]) - shift).max() < 1e-9
    assert spacegroup(Crystal(whole.cell, whole.numbers, (template.frac + 0.02 * shift) % 1), 1e-4) == GROUPS[name]


def test_degrees_of_freedom_are_those_of_the_international_tables():
    from difusa.domains.materials.reducing import idealised

    free = {name: idealised(c)[1] for name, c in made().items()}
    # of the cell: a, c for hexagonal and tetragonal, a for cubic, four for monoclinic
    assert {k: len(t.strains) for k, t in free.items()} == {
        "wurtzite": 2, "rutile": 2, "elpasolite": 1, "monoclinic": 4,
    }  # fmt: skip
    # of the sites: 2b of 186 has z (both orbits), 4f of 136 has x, 24e of 225 has x, 4e of 14 has x, y, z
    sites = {k: sum(int(t.freedom[i]) for i in np.unique(t.orbit)) for k, t in free.items()}
    assert sites == {"wurtzite": 2, "rutile": 1, "elpasolite": 1, "monoclinic": 3}


def test_rotations_are_orthogonal_in_the_axes_of_the_shape():
    from difusa.domains.materials.reducing import idealised

    for crystal in made().values():
        template = idealised(crystal)[1]
        assert np.abs(template.turns @ template.turns.transpose(0, 2, 1) - np.eye(3)).max() < 1e-9
        assert np.linalg.det(template.shape) == pytest.approx(1)


def test_strain_and_cell_are_inverse_and_a_volume_is_its_trace():
    rng = np.random.default_rng(0)
    shape = shape_of(np.array([np.eye(3), [[0, -1, 0], [1, -1, 0], [0, 0, 1]], [[-1, 1, 0], [-1, 0, 0], [0, 0, 1]]]))
    cell = 4 * np.eye(3) + rng.normal(size=(3, 3))
    strain = strain_of(cell, shape)
    again = cell_of(strain, shape)
    assert np.abs(again @ again.T - cell @ cell.T).max() < 1e-9  # the same but for a rotation
    assert np.trace(strain) == pytest.approx(np.log(abs(np.linalg.det(cell))))
    assert strain_of(2 * np.eye(3), np.eye(3)) == pytest.approx(np.log(2) * np.eye(3))


def test_without_symmetry_everything_is_free():
    template = free_template(np.random.default_rng(0).random((3, 3)))
    assert len(template.strains) == 6
    assert template.freedom.tolist() == [3, 3, 3]
    assert (template.shape == np.eye(3)).all()


@pytest.mark.parametrize(
    ("kept", "rank"),
    [
        ([np.eye(3)], 3),
        ([np.diag([1, 1, -1])], 2),
        ([[[0, 1, 0], [1, 0, 0], [0, 0, 1]]], 2),  # x = y
        ([[[1, 0, 0], [1, -1, 0], [0, 0, 1]]], 2),  # x = 2 y: the basis is (2, 1, 0) and z
        ([[[0, -1, 0], [1, -1, 0], [0, 0, 1]]], 1),
        ([-np.eye(3)], 0),
    ],
)
def test_a_basis_is_unchanged_and_spans_every_integer_vector_that_is(kept, rank):
    kept = np.array(kept, int)
    basis = basis_of(kept)
    assert (kept @ basis == basis).all()
    columns = basis[:, basis.any(0)].astype(float)
    assert columns.shape[1] == rank == np.linalg.matrix_rank(columns) if rank else not columns.size
    for v in np.ndindex(5, 5, 5):
        v = np.array(v) - 2
        if (kept @ v == v).all() and rank:
            by = np.linalg.lstsq(columns, v.astype(float), rcond=None)[0]
            assert np.abs(by - np.rint(by)).max() < 1e-9
