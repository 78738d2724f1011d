"""A low-rank update follows its parameters, also when they are changed without gradients, as an average is."""

import torch
from torch import nn

from difusa.shared.lowrank import LowRank


def pair():
    torch.manual_seed(0)
    layer = nn.Linear(200, 150)
    update = LowRank(layer, 4)
    with torch.no_grad():
        for p in update.parameters():
            p.normal_()
    return layer, update, torch.randn(3, 200)


@torch.no_grad()
def test_changed_in_place_is_seen():
    layer, update, x = pair()
    before = update.call(layer, x)
    assert update.call(layer, x).equal(before)
    for p in update.parameters():
        p.mul_(0.5)
    assert not update.call(layer, x).allclose(before)
    layer.weight.zero_()
    update.call(layer, x)
    for p in update.parameters():
        p.zero_()
    assert update.call(layer, x).equal(layer(x))


@torch.no_grad()
def test_fit_is_the_best_of_its_rank():
    layer, update, _ = pair()
    after = {k: v + torch.randn_like(v) for k, v in layer.named_parameters()}
    update.fit(dict(layer.named_parameters()), after)
    change = (after["weight"] - layer.weight).double()
    gap = (update.updated(layer)["weight"] - after["weight"]).double()
    left = torch.linalg.svdvals(change)[4:].square().sum()  # Eckart and Young 1936
    torch.testing.assert_close(gap.square().sum(), left, rtol=1e-4, atol=0)  # float32 sums of 30,000 squares
