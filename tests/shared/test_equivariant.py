"""The shared equivariant trunks keep their symmetries, and the helper that says so can fail."""

from functools import cache

import pytest
import torch

from difusa.shared.networks.equivariant import make_trunk
from difusa.shared.networks.symmetry import assert_equivariant

KINDS = ["fast", "e3nn"]


@cache  # e3nn writes and compiles its products when a network is made
def trunk(kind, dtype):
    if kind == "e3nn":
        pytest.importorskip("e3nn")
    torch.manual_seed(0)
    network = make_trunk(kind, width=32, edge=16, hidden=32, channels=4, heads=4, layers=3).to(dtype)
    for p in network.parameters():  # layers that start at zero would hide their own faults
        if p.numel() and not p.abs().sum():
            torch.nn.init.normal_(p, std=0.2)
    return network


def call(network):
    def run(points, features):
        h = features[None].repeat(1, 1, 8)
        apart = (points[:, None] - points[None])[None]
        e = apart.square().sum(-1, keepdim=True).sin().expand(-1, -1, -1, 16)
        v = points.new_zeros(1, len(points), 4, 3)
        h, e, v = network(h, e, v, apart, torch.ones(1, len(points), dtype=torch.bool))
        return v[0].sum(1), torch.cat([h[0], e[0].sum(1)], -1)

    return run


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_trunk_is_equivariant(kind, dtype):
    rng = torch.Generator().manual_seed(1)
    points, features = (torch.randn(9, n, generator=rng, dtype=dtype) for n in (3, 4))
    errors = assert_equivariant(call(trunk(kind, dtype)), points, features)
    assert set(errors) == {"rotation", "reflection", "translation", "permutation"}


@pytest.mark.parametrize(
    ("broken", "symmetry"),
    [
        (lambda x, f: (x.abs(), f), "rotation"),
        (lambda x, f: (torch.linalg.cross(x, x.roll(1, 0)), f), "reflection"),
        (lambda x, f: (x, f), "translation"),
        (lambda x, f: (x - x.mean(0), f.cumsum(0)), "permutation"),
    ],
)
def test_a_broken_network_is_named(broken, symmetry):
    rng = torch.Generator().manual_seed(1)
    points, features = (torch.randn(6, n, generator=rng, dtype=torch.float64) for n in (3, 4))
    with pytest.raises(AssertionError, match=symmetry):
        assert_equivariant(broken, points, features)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    network = trunk(kind, torch.float64)
    rng = torch.Generator().manual_seed(2)
    points, features = (torch.randn(7, n, generator=rng, dtype=torch.float64) for n in (3, 32))

    def run(points, features, present):
        apart = (points[:, None] - points[None])[None]
        e = apart.square().sum(-1, keepdim=True).sin().expand(-1, -1, -1, 16)
        h, e, v = network(features[None], e, points.new_zeros(1, len(points), 4, 3), apart, present)
        return h[0, :7], e[0, :7, :7], v[0, :7]

    alone = run(points, features, torch.ones(1, 7, dtype=torch.bool))
    wide = [torch.cat([t, torch.randn(4, t.shape[1], generator=rng, dtype=t.dtype)]) for t in (points, features)]
    padded = run(*wide, (torch.arange(11) < 7)[None])
    for a, b in zip(alone, padded):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_an_unknown_trunk_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'slow' is none of fast, e3nn"):
        make_trunk("slow", 32, 16, 32, 4, 4, 3)
