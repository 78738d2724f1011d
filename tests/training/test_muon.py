"""Muon: kernels of convolutions as matrices, and the same steps as torch's own."""

import torch


def test_muon_takes_kernels_as_matrices():
    from difusa.shared.training.optimisers import Muon

    torch.manual_seed(0)
    start, grad = torch.randn(6, 4, 3, 3), torch.randn(6, 4, 3, 3)
    found = []
    for shape in (start.shape, (6, 36)):
        p = torch.nn.Parameter(start.reshape(shape).clone())
        p.grad = grad.reshape(shape).contiguous()
        Muon([p], lr=0.1, weight_decay=0.05).step()
        found.append(p.detach().flatten())
    assert torch.equal(*found)


def test_muon_is_that_of_torch():
    from torch import optim

    from difusa.shared.training.optimisers import Muon

    torch.manual_seed(0)
    shapes, steps = [(6, 20), (20, 6), (8, 8)], 4
    own, other = ([torch.nn.Parameter(torch.ones(s)) for s in shapes] for _ in range(2))
    ours = Muon(own, lr=0.1, weight_decay=0.05)
    theirs = optim.Muon(other, lr=0.1, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    for _ in range(steps):
        for a, b in zip(own, other):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        ours.step()
        theirs.step()
    for a, b in zip(own, other):
        # torch's computes in bfloat16, 8 bits; a step is at most about 0.1 * 0.2 * sqrt(20)
        assert (a - b).abs().max() < 0.02 * (a - 1).abs().max()
