"""Operators: adjoints, pseudo-inverses, and equality with Pillow and torch where those do the same."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from difusa.shared.gradients import gradient
from difusa.shared.operators import (
    JPEG,
    Blur,
    Chain,
    Downsample,
    Grey,
    KSpace,
    Mask,
    Matrix,
    RealKSpace,
    conjugate_gradient,
    gaussian_kernel,
    motion_kernel,
)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def lines(*size, every=3):
    """A k-space mask that is not symmetric: some lines, and a corner."""
    mask = torch.zeros(size, dtype=torch.float64)
    mask[..., ::every] = 1
    mask[(slice(0, 2),) * len(size)] = 1
    return mask


PICTURE = (2, 3, 24, 16)
SPIKE = torch.zeros(3, 5, dtype=torch.float64).index_put((torch.tensor(1), torch.tensor(2)), torch.tensor(1.0).double())
LINEAR = {
    "mask": (Mask((random(24, 16) > 0).double()), PICTURE),
    "grey": (Grey(), PICTURE),
    "area": (Downsample((4, 4)), PICTURE),
    "bicubic": (Downsample((2, 2), "bicubic"), PICTURE),
    "slices": (Downsample((1, 1, 4), "bicubic"), (2, 1, 6, 8, 8)),
    "circular Gaussian": (Blur(gaussian_kernel(0.8), "circular"), PICTURE),
    "reflected Gaussian": (Blur(gaussian_kernel(0.5), "reflect", 1e-6), PICTURE),
    "circular motion": (Blur(motion_kernel(5, 30), "circular"), PICTURE),
    "reflected motion": (Blur(motion_kernel(2, 30), "reflect", 1e-6), PICTURE),
    "any kernel": (Blur(random(3, 5, seed=4).abs() / 20 + SPIKE, "reflect", 1e-6), PICTURE),
    "blur of a line": (Blur(gaussian_kernel(1.0, axes=1), "reflect", 1e-6, 500), (2, 2, 20)),
    "blur of a volume": (Blur(gaussian_kernel(0.6, axes=3), "reflect", 1e-6, 500), (1, 1, 6, 7, 8)),
    "k-space": (KSpace(lines(24, 16)), (2, 2, 24, 16)),
    "k-space of a volume": (KSpace(lines(5, 6, 8)), (2, 4, 5, 6, 8)),
    "real k-space": (RealKSpace(lines(24, 16)), PICTURE),
    "real k-space, odd size": (RealKSpace(lines(5, 7, 9, every=2)), (2, 1, 5, 7, 9)),
    "matrix": (Matrix(random(4, 7)), (3, 7)),
    "chain": (Chain(Blur(gaussian_kernel(0.8), "circular"), Downsample((2, 2)), 1e-6), PICTURE),
}


@pytest.mark.parametrize("name", LINEAR)
def test_adjoint(name):
    operator, shape = LINEAR[name]
    x = random(*shape)
    measured = operator.A(x)
    y = random(*measured.shape, seed=1)
    left, right = (measured * y).sum(), (x * operator.A_adjoint(y)).sum()
    scale = measured.norm() * y.norm()
    assert abs(left - right) < 1e-13 * scale  # float64 rounding of sums of a few thousand products


@pytest.mark.parametrize("name", LINEAR)
def test_pseudo_inverse(name):
    operator, shape = LINEAR[name]
    x = random(*shape)
    y = operator.A(x)
    back = operator.A_pinv(y)
    # closed forms to rounding; solvers stop at |A x - y| = 1e-6 |y|; a blur by FFT drops frequencies damped below 1e-3
    tolerance = 1e-3 if "circular" in name else 2e-6
    assert (operator.A(back) - y).norm() < tolerance * y.norm()
    if "circular" not in name:
        # of least norm: orthogonal to what A does not see (found with the adjoint test's own A, so no circle)
        unseen = x - back
        assert abs((unseen * back).sum()) < 1e-3 * x.norm() ** 2
    assert back.norm() < x.norm() * (1 + tolerance)


CLOSED = ["mask", "grey", "area", "bicubic", "k-space", "real k-space", "real k-space, odd size"]


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_are_the_pseudo_inverse(name):
    """All four Penrose conditions, by the operator's dense matrix and torch's own pinv."""
    operator, shape = LINEAR[name]
    shape = (1, *shape[1:]) if name == "real k-space, odd size" else (1, shape[1], 8, 8)
    if name == "mask":
        operator = Mask((random(8, 8) > 0).double())
    if name in ("k-space", "real k-space"):
        operator = type(operator)(lines(8, 8))
    inputs = torch.eye(int(np.prod(shape)), dtype=torch.float64).reshape(-1, *shape[1:])
    dense = operator.A(inputs)
    outputs = torch.eye(dense[0].numel(), dtype=torch.float64).reshape(-1, *dense.shape[1:])
    expected = torch.linalg.pinv(dense.flatten(1).T)
    assert torch.allclose(operator.A_pinv(outputs).flatten(1).T, expected, atol=1e-10)


def test_float32_is_kept():
    for operator, shape in LINEAR.values():
        x = random(*shape).float()
        assert operator.A(x).dtype == operator.A_adjoint(operator.A(x)).dtype == torch.float32


@pytest.mark.parametrize("factor", [2, 4])
def test_bicubic_is_pillows(factor):
    picture = np.asarray(random(32, 24), np.float32)
    theirs = np.asarray(Image.fromarray(picture).resize((24 // factor, 32 // factor), Image.Resampling.BICUBIC))
    ours = Downsample((factor, factor), "bicubic").A(torch.from_numpy(picture.copy())[None, None])[0, 0]
    assert np.abs(ours.numpy() - theirs).max() < 1e-5  # both are float32 sums of weights of either sign


def test_blur_equals_scipy():
    from scipy.ndimage import convolve

    kernel, picture = random(5, 3, seed=2), random(12, 10)
    for boundary, mode in (("reflect", "mirror"), ("circular", "wrap")):
        theirs = convolve(picture.numpy(), kernel.numpy(), mode=mode)
        ours = Blur(kernel, boundary).A(picture[None, None])[0, 0].numpy()
        assert np.abs(ours - theirs).max() < 1e-12


def test_kernels():
    x = torch.arange(-20, 21, dtype=torch.float64)
    kernel = gaussian_kernel(2.0)
    reach = len(kernel) // 2
    variance = (kernel.sum(1) * x[20 - reach : 21 + reach].square()).sum()
    assert abs(kernel.sum() - 1) < 1e-12
    assert 3.8 < variance < 4.0  # sigma^2 = 4, less what lies beyond 3 sigma
    for length, angle in ((1, 0), (9, 0), (7.5, 33), (9, 90)):
        kernel = motion_kernel(length, angle)
        places = x[20 - len(kernel) // 2 : 21 + len(kernel) // 2]
        along = (kernel.sum(0) * places.square()).sum() + (kernel.sum(1) * places.square()).sum()
        assert abs(kernel.sum() - 1) < 1e-12
        assert abs((kernel.sum(0) * places).sum()) < 1e-9 and abs((kernel.sum(1) * places).sum()) < 1e-9  # centred
        # a line of length l - 1 has second moment (l - 1)^2 / 12; sharing among neighbours adds at most 1/4 an axis
        assert (length - 1) ** 2 / 12 - 1e-3 <= along <= (length - 1) ** 2 / 12 + 0.5
    up = motion_kernel(9, 45)
    assert up[2, 6] + up[2, 7] > 0.01 > up[2, 2]  # counter-clockwise: up and to the right, rows run down


def test_kspace_is_the_centred_transform():
    image = random(2, 2, 6, 8)
    everything = KSpace(torch.ones(6, 8, dtype=torch.float64))
    assert torch.allclose(everything.A_pinv(everything.A(image)), image, atol=1e-12)
    assert torch.allclose(everything.A(image).norm(), image.norm())  # orthonormal
    flat = torch.ones(1, 1, 6, 8, dtype=torch.float64)
    spectrum = RealKSpace(torch.ones(6, 8, dtype=torch.float64)).A(flat)[0]
    assert abs(spectrum[0, 3, 4] - 48**0.5) < 1e-12 and spectrum.abs().sum() - 48**0.5 < 1e-9  # zero frequency mid-grid


def test_real_kspace_fills_in_the_opposite_half():
    """One half of the frequencies and a little more determine a real image; the adjoint alone does not give it back."""
    mask = torch.zeros(8, 8, dtype=torch.float64)
    mask[4:] = 1
    mask[0] = 1  # the Nyquist line is its own opposite
    operator, image = RealKSpace(mask), random(1, 1, 8, 8)
    y = operator.A(image)
    assert torch.allclose(operator.A_pinv(y), image, atol=1e-12)
    assert (operator.A_adjoint(y) - image).norm() > 0.3 * image.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("chroma_step", [1, 2])
@pytest.mark.parametrize("quality", [5, 30, 75, 95, 100])
def test_jpeg_reproduces_its_measurement(quality, chroma_step, dtype):
    operator = JPEG.at(quality, chroma_step)
    y = operator.A(random(2, 3, 32, 48, dtype=dtype).clamp(-1, 1))
    assert torch.equal(operator.A(operator.A_pinv(y)), y)
    assert torch.equal(y, y.round())


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_jpeg_is_libjpegs(quality):
    """Tables equal to the file's; pixels within the encoder's own 8-bit rounding of colours and coefficients."""
    ramp = torch.linspace(-0.8, 0.8, 64, dtype=torch.float64)
    down, along = torch.meshgrid(ramp, ramp, indexing="ij")
    picture = torch.stack([down, along, 0.2 * torch.sin(8 * along) * down])
    pixels = ((picture + 1) * 127.5).round().byte()
    file = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality, subsampling=0)
    theirs = Image.open(file)
    operator = JPEG.at(quality, chroma_step=1)
    assert [q for row in operator.luma for q in row] == list(theirs.quantization[0])
    assert [q for row in operator.chroma for q in row] == list(theirs.quantization[1])
    x = pixels[None].double() / 127.5 - 1
    ours = (operator.A_pinv(operator.A(x)) + 1) * 127.5
    difference = ours[0].permute(1, 2, 0).clamp(0, 255).numpy() - np.asarray(theirs.convert("RGB"), np.float64)
    # rounding Y, Cb, Cr to whole numbers moves each by at most 0.5 before coding, and 0.5 more after; a coefficient
    # that lies on the border of two steps may then fall on the other side: rare, hence a bound on the mean
    assert np.abs(difference).mean() < 0.7
    assert np.median(np.abs(difference)) < 0.6


def test_jpeg_takes_a_files_own_tables_and_passes_gradients():
    operator = JPEG(tuple(range(1, 65)), tuple(range(1, 65)))
    x = random(1, 3, 16, 16)
    assert torch.equal(operator.A(operator.A_pinv(operator.A(x))), operator.A(x))
    slope = gradient(lambda at: operator.A(at).flatten(1).sum(1), x)
    assert torch.isfinite(slope).all() and slope.abs().max() > 0


def test_conjugate_gradient_solves_each_row():
    root = random(6, 6)
    matrix = root @ root.T + torch.eye(6, dtype=torch.float64)
    b = random(3, 6) * torch.tensor([[1e-6], [1.0], [1e6]], dtype=torch.float64)
    b[1] = 0
    u = conjugate_gradient(lambda v: v @ matrix, b, tolerance=1e-10)
    assert ((u @ matrix - b).norm(dim=1) <= 1e-9 * b.norm(dim=1)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mask(torch.tensor([0.5])),
        lambda: Downsample((3, 3)).A(torch.zeros(1, 1, 8, 9)),
        lambda: Downsample((2, 2), "box").A(torch.zeros(1, 1, 8, 8)),
        lambda: Blur(torch.ones(2, 3)),
        lambda: Blur(torch.ones(3, 3), "zero"),
        lambda: Blur(torch.ones(9, 9)).A(torch.zeros(1, 1, 4, 4)),
        lambda: KSpace(torch.ones(4, 4)).A(torch.zeros(1, 3, 4, 4)),
        lambda: JPEG.at(0),
        lambda: JPEG.at(50).A(torch.zeros(1, 3, 24, 16)),
        lambda: gaussian_kernel(0.0),
        lambda: motion_kernel(0.5),
    ],
)
def test_impossible_input_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()


def test_repr_names_data_by_hash():
    first, second = repr(Mask(torch.ones(5, 7))), repr(Mask(torch.zeros(5, 7)))
    assert first.startswith("Mask(keep=float32[5x7]:") and len(first) < 50 and first != second
    assert repr(Downsample((2, 2), "bicubic")) == "Downsample(factors=[2, 2], kernel='bicubic')"
