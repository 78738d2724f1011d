"""Anatomy never folds; following a flow twice is following it for twice the time; identity changes nothing."""

import numpy as np
import pytest

from difusa.domains.medical import anatomy, pathology
from difusa.domains.medical.anatomy import Field, affine_change, drawn, flow, jacobian, velocity
from difusa.domains.medical.tissues import INDEX

BOX = (np.array([-90.0, -120, -80]), np.array([90.0, 100, 100]))


@pytest.mark.parametrize("size", [2.2, 6.0])
def test_jacobian_is_positive(size):
    for seed in range(8):
        field = velocity(*BOX, np.random.default_rng(seed), size)
        assert field.vectors.std() == pytest.approx(size, rel=1e-5)
        assert jacobian(flow(field)).min() > 0
        assert np.linalg.det(affine_change(np.random.default_rng(seed))) > 0.5


def test_addition_alone_would_fold():
    """The test can fail: the same field, merely added, folds."""
    field = velocity(*BOX, np.random.default_rng(3), 14.0, 20.0)
    inner = (slice(2, -2),) * 3  # beyond the box the field is held, not smooth
    assert jacobian(field)[inner].min() < 0 < jacobian(flow(field, steps=8))[inner].min()


def test_one_way_and_back():
    field = velocity(*BOX, np.random.default_rng(1), 4.0)
    there, back = flow(field), flow(Field(-field.vectors, field.origin, field.cell))
    points = np.random.default_rng(0).uniform(-50, 50, (3, 500))
    moved = points + there.at(points)
    assert np.abs(moved - points).max() > 3
    assert np.abs(moved + back.at(moved) - points).max() < 0.25  # linear interpolation between knots 10 mm apart


def test_flow_of_a_linear_field():
    """v = a x flows to exp(a t) x: exact for linear interpolation."""
    grid = Field(np.zeros((3, 9, 9, 9)), np.full(3, -40.0), 10.0)
    field = Field(0.1 * grid.knots(), grid.origin, 10.0)
    points = np.random.default_rng(0).uniform(-20, 20, (3, 50))
    np.testing.assert_allclose(points + flow(field, 1.0, 12).at(points), np.exp(0.1) * points, rtol=2e-5)
    np.testing.assert_allclose(jacobian(flow(field, 1.0, 12))[2:-2, 2:-2, 2:-2], np.exp(0.3), rtol=2e-3)


def test_two_half_flows_are_one(ball):
    head = ball
    field = pathology.shrinkage(head)
    half, whole = flow(field, 1.5), flow(field, 3.0)
    points = np.random.default_rng(0).uniform(-35, 35, (3, 400))
    twice = points + half.at(points)
    off = np.abs(twice + half.at(twice) - points - whole.at(points))
    assert off.mean() < 0.01 and off.max() < 0.25  # of up to 3 mm; knots are 4 mm apart, linear between them


def test_no_change_is_none():
    points = np.random.default_rng(0).uniform(-50, 50, (3, 10))
    assert (drawn(*BOX, np.random.default_rng(0), 0.0)(points) == points).all()
    assert np.abs(drawn(*BOX, np.random.default_rng(0), 2.2)(points) - points).max() > 1


def test_shrinkage_widens_the_ventricles_and_takes_from_the_brain(ball):
    from difusa.domains.medical.simulate import Person, Thinned, paint
    from difusa.domains.medical.tissues import BRAIN, mask, values

    head = ball
    rest = drawn(*head.box, np.random.default_rng(0), 0.0)
    field = pathology.shrinkage(head)
    assert jacobian(flow(field, 2.0)).min() > 0
    found = []
    for time in (0.0, 1.0, 2.0):
        who = Person(head, head, Thinned(rest, flow(field, time)), values(), 3.0, "none")
        _, tissue = paint(who, np.zeros((1, len(values().t1))), head.affine, head.labels.shape, 1)
        found.append([(tissue == INDEX["ventricle"]).sum(), mask(tissue, BRAIN).sum(), (tissue == INDEX["fat"]).sum()])
    found = np.array(found)
    assert (np.diff(found[:, 0]) > 0).all() and (np.diff(found[:, 1]) < 0).all()
    assert (found[:, 2] == found[0, 2]).all()


def test_a_change_is_the_same_for_one_point_or_many():
    change = anatomy.drawn(*BOX, np.random.default_rng(2), 2.2)
    points = np.random.default_rng(0).uniform(-60, 60, (3, 7))
    for k in range(7):
        np.testing.assert_allclose(change(points[:, k : k + 1])[:, 0], change(points)[:, k], rtol=1e-12)
