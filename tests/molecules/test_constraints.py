"""Hard constraints: the tilt meets its counts, the assignment is the best there is, neither asks what the other samples are."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

from difusa.domains.molecules.constraints import assign_counts, assign_sum, with_counts, with_sum


def rows(samples, atoms, classes, sharp, seed=0):
    """Probabilities; the larger `sharp`, the surer, down to exact zeros in float32."""
    logits = sharp * torch.randn(samples, atoms, classes, generator=torch.Generator().manual_seed(seed))
    return logits.softmax(-1)


@pytest.mark.parametrize("sharp", [0.1, 1.0, 5.0, 30.0])
def test_the_tilt_meets_the_counts(sharp):
    p, counts = rows(64, 9, 5, sharp), torch.tensor([5, 1, 3, 0, 0])
    q = with_counts(p, counts)
    assert (q.sum(-1) - 1).abs().max() < 1e-12
    assert (q.sum(1) - counts).abs().max() < 1e-8  # Newton stops at 1e-9
    assert (q[..., 3:] == 0).all()


@pytest.mark.parametrize("sharp", [0.1, 1.0, 5.0, 30.0])
def test_the_tilt_meets_the_sum(sharp):
    p, k = rows(64, 9, 5, sharp), torch.arange(5.0).double()
    for total in (0, 1, 17, 36):
        sums = (with_sum(p, torch.full((64,), total)) * k).sum((1, 2))
        assert (sums - total).abs().max() < 1e-6  # at the ends the tilt is cut at STEEPEST


def test_what_fits_already_stays():
    p = torch.full((1, 4, 2), 0.5)
    assert torch.equal(with_counts(p, torch.tensor([2, 2])), p.double())
    certain = torch.eye(3)[None, [0, 0, 1, 2]]
    assert (with_counts(certain, torch.tensor([2, 1, 1])) - certain).abs().max() < 1e-9


def test_a_tilt_does_not_ask_who_else_is_there():
    p, counts = rows(16, 9, 5, 3.0), torch.tensor([4, 2, 2, 1, 0])
    total = torch.arange(16)
    together, sums = with_counts(p, counts), with_sum(p, total)
    for i in (0, 7, 15):
        some = torch.stack([p[i]] * 16)
        assert torch.equal(with_counts(some, counts)[3], together[i])
        assert torch.equal(with_sum(some, total[i].expand(16))[3], sums[i])


def test_one_sample_that_is_no_number_ends_no_other():
    p = rows(3, 5, 3, 1.0)
    p[1] = torch.nan
    q = with_counts(p, torch.tensor([2, 2, 1]))
    assert torch.isfinite(q[[0, 2]]).all()


@pytest.mark.parametrize("seed", range(5))
def test_assignments_are_the_best_by_trying_all(seed):
    log_p = rows(1, 5, 3, 2.0, seed)[0].log().double().numpy()
    value = lambda classes: log_p[np.arange(5), list(classes)].sum()  # noqa: E731
    best = max(set(permutations([0, 0, 0, 1, 2])), key=value)
    assert tuple(assign_counts(log_p, np.array([3, 1, 1]))) == best
    for total in range(11):
        best = max((c for c in product(range(3), repeat=5) if sum(c) == total), key=value)
        assert tuple(assign_sum(log_p, total)) == best


def test_a_tilt_never_changes_the_best_assignment():
    p, counts = rows(20, 9, 5, 1.0), torch.tensor([5, 1, 3, 0, 0])
    for before, after in zip(p.double().numpy(), with_counts(p, counts).numpy()):
        found = assign_counts(np.log(before + 1e-12), counts.numpy())
        np.testing.assert_array_equal(found, assign_counts(np.log(after + 1e-300), counts.numpy()))


def test_an_impossible_sum_says_so():
    with pytest.raises(ValueError, match="between 0 and 8"):
        assign_sum(np.zeros((2, 5)), 9)
