"""What is particular to the e3nn trunk: the order of a vector's components, its constants, its files, its gradients."""

from copy import deepcopy

import pytest
import torch

from difusa.shared.checkpoint import load_tensors, save_tensors
from difusa.shared.networks.equivariant import make_trunk

o3 = pytest.importorskip("e3nn.o3")
SIZES = {"width": 16, "edge": 8, "hidden": 8, "channels": 2, "heads": 1, "layers": 2}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return make_trunk("e3nn", **SIZES)


def inputs(dtype=torch.float32, seed=1):
    rng = torch.Generator().manual_seed(seed)
    h, e, v, x = (torch.randn(2, *shape, generator=rng) for shape in [(5, 16), (5, 5, 8), (5, 2, 3), (5, 3)])
    present = torch.ones(2, 5, dtype=torch.bool)
    return [t.to(dtype) for t in (h, e, v, x[:, :, None] - x[:, None])] + [present]


def test_vectors_of_e3nn_are_x_y_z():
    # before e3nn 0.2.2 they were y, z, x, and handing v over as it is would break every rotation
    x = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(o3.spherical_harmonics("1o", x, normalize=False, normalization="norm"), x)
    turn = o3.matrix_z(torch.tensor(0.3)) @ o3.matrix_x(torch.tensor(1.1))
    torch.testing.assert_close(o3.Irrep("1o").D_from_matrix(turn), turn)


@pytest.mark.parametrize("bits", [None, 4, 8])
def test_coupling_constants_are_exact_in_the_precision_asked_for(network, bits, tmp_path):
    # made in float32 and cast, e3nn's own would keep float32's rounding, 1e-8, in float64; in a packed file 8 bits
    save_tensors(tmp_path / "w.safetensors", network.state_dict(), bits)
    exact = deepcopy(network).double()
    exact.load_state_dict(load_tensors(tmp_path / "w.safetensors"))
    names = [n for n, _ in exact.named_buffers() if "_w3j_" in n]
    assert len(names) == 2 * 8
    for name in names:
        wanted = o3.wigner_3j(*map(int, name.split("_")[-3:]), dtype=torch.float64)
        assert torch.equal(exact.get_buffer(name), wanted)


def test_weights_round_trip_through_a_file_and_a_copy(network, tmp_path):
    save_tensors(tmp_path / "w.safetensors", network.state_dict())
    torch.manual_seed(7)
    other = make_trunk("e3nn", **SIZES)
    wanted, before = network(*inputs()), other(*inputs())
    other.load_state_dict(load_tensors(tmp_path / "w.safetensors"))
    for a, b, c, d in zip(wanted, other(*inputs()), deepcopy(network)(*inputs()), before):
        assert torch.equal(a, b) and torch.equal(a, c) and not torch.equal(a, d)


def test_every_kind_of_channel_matters_to_the_vectors(network):
    network.zero_grad()
    network(*inputs())[2].square().sum().backward()
    grad = network.layers[1].send.weight.grad
    assert grad.isfinite().all() and (grad != 0).float().mean() > 0.9


def test_handedness_is_seen():
    # mirror images have all distances alike; only a pseudoscalar, a triple product, tells them apart
    torch.manual_seed(3)
    network = make_trunk("e3nn", **SIZES).double()
    h, e, v, apart, present = inputs(torch.float64)
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    odd = []
    for sign in (1, mirror):
        f = {}
        hook = network.layers[1].register_forward_hook(lambda m, a, out, f=f: f.update(out=out[0]))
        network(h, e, v * sign, apart * sign, present)
        hook.remove()
        odd.append(f["out"][..., 16:18])
    torch.testing.assert_close(odd[0], -odd[1], rtol=0, atol=1e-9)
    assert odd[0].abs().max() > 1e-3


def test_gradients_are_finite_where_atoms_coincide(network):
    h, e, v, _, present = inputs()
    x = torch.zeros(2, 5, 3, requires_grad=True)  # a hydrogen starts on its parent
    out = network(h, e, v, x[:, :, None] - x[:, None], present)
    sum(o.square().sum() for o in out).backward()
    assert x.grad.isfinite().all()


def test_autocast_leaves_the_reference_in_full_precision(network):
    wanted = network(*inputs())
    with torch.autocast("cpu", torch.bfloat16):
        given = network(*inputs())
    for a, b in zip(wanted, given):
        assert torch.equal(a, b)


def test_names_said_to_be_exact_are_not_rounded(tmp_path):
    torch.manual_seed(0)
    state = {"weight": torch.randn(3, 8), "base": torch.tensor([[-7.5486, 0.022024]])}
    save_tensors(tmp_path / "w.safetensors", state, bits=8, exact=("base",))
    found = load_tensors(tmp_path / "w.safetensors")
    assert torch.equal(found["base"], state["base"]) and not torch.equal(found["weight"], state["weight"])
    with pytest.raises(ValueError, match="8 or 4 bits"):
        save_tensors(tmp_path / "w.safetensors", state, bits=3)


@pytest.mark.parametrize("bits", [None, 4, 8])
def test_weights_that_lie_channels_last_are_stored_as_others_are(bits, tmp_path):
    torch.manual_seed(0)
    weight = torch.randn(64, 128, 3, 3)
    save_tensors(tmp_path / "a.safetensors", {"w": weight}, bits)
    save_tensors(tmp_path / "b.safetensors", {"w": weight.to(memory_format=torch.channels_last)}, bits)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
