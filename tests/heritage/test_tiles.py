"""Islands hold all damage, only tiles with damage are run, and no seam is left between tiles."""

import numpy as np
import pytest
import torch
from torch import nn

from difusa.domains.heritage.posterior import Plan, sample_stream, samples, summary
from difusa.domains.heritage.tiles import SIDES, Observation, Tiled, islands, origins, window


class Exact(nn.Module):
    """The ideal restorer of pictures whose pixels are independent, N(0, s^2): shrinks the fused measurement."""

    def __init__(self, s: float = 0.5):
        super().__init__()
        self.s, self.runs = s, 0

    def forward(self, x, sigma, *, observed, doubt, task, kind):
        self.runs += len(x)
        trust = torch.where(doubt > 0, sigma**2 / (sigma**2 + doubt**2), torch.ones_like(doubt))
        fused, variance = torch.lerp(x, observed, trust.expand_as(x)), sigma**2 * (1 - trust)
        return fused * self.s**2 / (self.s**2 + variance)


def seen(doubt, observed=None, kind=3) -> Observation:
    doubt = torch.as_tensor(doubt, dtype=torch.float32)[None]
    observed = torch.zeros(3, *doubt.shape[1:]) if observed is None else observed
    return Observation(observed, doubt, torch.zeros(4), kind)


@pytest.mark.parametrize("shape", [(64, 100), (300, 500), (1001, 1203)])
@pytest.mark.parametrize("specks", [1, 7, 60])
def test_islands_hold_all_damage_and_are_disjoint(shape, specks):
    rng = np.random.default_rng(specks)
    damaged = np.zeros(shape, bool)
    for _ in range(specks):
        top, left = rng.integers(shape[0]), rng.integers(shape[1])
        damaged[top : top + rng.integers(1, 40), left : left + rng.integers(1, 40)] = True
    count = np.zeros(shape, int)
    for box in islands(damaged):
        assert damaged[box].any()
        count[box] += 1
        for side, n in zip(box, shape, strict=True):
            assert side.start % 8 == 0 and (side.stop % 8 == 0 or side.stop == n)
            assert side.stop - side.start in SIDES or side.stop - side.start > 256 or n <= 256 or side.stop == n
    assert count.max() == 1 and (count[damaged] == 1).all()


def test_a_small_loss_is_a_small_island_with_surroundings():
    damaged = np.zeros((3000, 4000), bool)
    damaged[1000:1020, 2000:2020] = True
    [(rows, columns)] = islands(damaged)
    for side, at in ((rows, 1000), (columns, 2000)):
        assert side.stop - side.start == 96 and side.start <= at - 32 and side.stop >= at + 20 + 32


def test_islands_of_a_whole_picture_are_the_picture():
    assert islands(np.ones((300, 205), bool)) == [(slice(0, 300), slice(0, 205))]


@pytest.mark.parametrize("length", [8, 256, 264, 448, 456, 1000, 4000])
def test_tiles_cover_a_side_and_overlap(length):
    starts = origins(length)
    ends = [s + min(256, length) for s in starts]
    assert starts[0] == 0 and ends[-1] == length and all(s % 8 == 0 for s in starts)
    assert all(e - s >= 56 for e, s in zip(ends, starts[1:], strict=False))  # 64, less one rounding to multiples of 8


def test_tiles_agree_with_one_piece_where_the_denoiser_is_local():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 320, 456, generator=rng)
    observed = torch.randn(3, 320, 456, generator=rng)
    what = seen(torch.full((320, 456), 0.3), observed)
    whole = Exact()(x, torch.tensor(0.7), observed=observed[None], doubt=what.doubt[None], task=None, kind=None)
    # float32 blending of equal numbers: a few roundings
    assert torch.allclose(Tiled(Exact(), what)(x, torch.tensor(0.7)), whole, atol=2e-6)


def test_only_tiles_with_doubt_are_run_and_the_rest_is_as_observed():
    doubt = np.zeros((640, 640), np.float32)
    doubt[600:620, 10:30] = np.inf
    observed, model = torch.rand(3, 640, 640), Exact()
    tiled = Tiled(model, seen(doubt, observed))
    clean = tiled(torch.randn(1, 3, 640, 640), torch.tensor(1.0))
    assert tiled.places == ((384, 0),) and model.runs == 1  # of 3 x 3
    assert torch.equal(clean[0, :, :384], observed[:, :384]) and torch.equal(clean[0, :, :, 256:], observed[:, :, 256:])


class Moody(nn.Module):
    """A denoiser that is off by another constant in each tile: the worst a network's normalisation can do."""

    def forward(self, x, sigma, **condition):
        return x + 0.2 * torch.sin(1000 * x.mean(dim=(1, 2, 3), keepdim=True))


def ranks(picture: torch.Tensor, lines: list[int]) -> np.ndarray:
    """Rank of the step across each of `lines` among the steps across all columns [0, 1]; steps averaged over the
    rows.
    """
    step = (picture[:, :, 1:] - picture[:, :, :-1]).mean(dim=(0, 1)).abs()
    return np.array([float((step < step[line - 1]).float().mean()) for line in lines])


def test_no_seam_is_left_between_tiles():
    """The step across tile borders lies within the steps elsewhere; without overlap the same measure finds the
    seams.
    """
    from scipy.ndimage import gaussian_filter

    texture = gaussian_filter(np.random.default_rng(0).standard_normal((64, 900)), 2)[:, :896]
    x = torch.from_numpy(0.3 * texture / texture.std()).float().expand(1, 3, 64, 896)
    what = seen(torch.full((64, 896), torch.inf))
    soft, hard = (Tiled(Moody(), what, tile=64, overlap=o)(x, torch.tensor(2.0))[0] for o in (32, 0))
    assert np.median(ranks(hard, list(range(64, 896, 64)))) > 0.95
    borders = sorted({i for start in origins(896, 64, 32) for i in (start, start + 64) if 0 < i < 896})
    # ranks of unremarkable columns are uniform on [0, 1]: their mean over n borders has standard error 0.29 / sqrt(n)
    assert abs(ranks(soft, borders).mean() - 0.5) < 3 * 0.29 / np.sqrt(len(borders))


def test_window_is_smooth_and_positive():
    w = window(256, 128)[0]
    assert w.shape == (256, 128) and w.min() > 0 and w.max() <= 1
    assert (w[64:-64, 63:-63] > 0.999).all()  # one inside
    assert (w[1:] - w[:-1]).abs().max() < np.pi / 2 / 64 * 1.01  # the steepest step of the raised cosine


def test_small_pictures_are_continued_by_reflection():
    part = seen(np.arange(35).reshape(5, 7)).crop((slice(0, 5), slice(0, 7)))
    assert part.doubt.shape == (1, 8, 8)
    assert part.doubt[0, 5:, 0].tolist() == [28, 21, 14] and part.doubt[0, 0, 7] == 6


def test_posterior_of_an_exact_prior():
    """Loss: mean 0, spread s. Noise d: mean y s^2/(s^2+d^2), spread sd/sqrt(s^2+d^2). Exact pixel: itself."""
    s, d, n = 0.5, 0.4, 64
    doubt = np.zeros((24, 72), np.float32)
    doubt[:, 24:48], doubt[:, 48:] = d, np.inf
    observed = torch.full((3, 24, 72), 0.6)
    observed[:, :, 48:] = 0
    made = summary(
        samples(Exact(s), seen(doubt, observed), Plan(samples=n, steps=60, batch=16, sigma_max=20)),
        seen(doubt, observed),
    )
    # float32 blending of tiles: one rounding
    assert (made.mean[:, :, :24] - observed[:, :, :24]).abs().max() < 1e-6 and made.spread[:, :24].max() == 0
    # Antithetic pairs of a linear denoiser cancel, so the mean carries no sampling error. It starts at sigma_max = 20
    # about the observation instead of about itself, and the flow carries that offset on as it carries the noise: by
    # spread / sqrt(spread^2 + 20^2).
    mean, spread = 0.6 * s**2 / (s**2 + d**2), s * d / np.hypot(s, d)
    mean += (0.6 - mean) * spread / np.hypot(spread, 20)
    assert (made.mean[:, :, 24:48] - mean).abs().max() < 1e-3  # order 2 in 60 steps
    assert made.mean[:, :, 48:].abs().max() < 1e-6
    # 3 x 192 values in 32 independent pairs: standard error of a pooled spread is 1/sqrt(2 * 32 * 576) = 0.5 %; 60
    # steps add 1 % read 8 pixels away from the next field, since the spread is smoothed over 2
    for columns, truth in ((slice(32, 40), spread), (slice(56, 72), s)):
        spread = made.spread[:, columns].pow(2).mean().sqrt().item()
        assert spread == pytest.approx(truth, rel=0.03)
    assert made.share[:, :24].max() == 0 and made.share[:, 48:].min() == 1
    assert made.share[:, 32:40].mean().item() == pytest.approx(d**2 / (s**2 + d**2), abs=0.03)


def test_samples_come_in_mirrored_pairs():
    a, b, c = (sample_stream(5, k, 2).standard_normal(1000) for k in (0, 1, 2))
    assert np.array_equal(a, -b) and abs(np.corrcoef(a, c)[0, 1]) < 4 / np.sqrt(1000)


def test_a_temperature_scales_the_spread_and_is_recorded():
    what = seen(np.full((16, 16), np.inf, np.float32))
    wide, narrow = (
        summary(samples(Exact(), what, Plan(samples=8, steps=30, temperature=t)), what).spread.mean()
        for t in (1.0, 0.5)
    )
    assert float(narrow / wide) == pytest.approx(0.5, rel=1e-3)  # a linear denoiser: exactly proportional
    assert "temperature=0.5" in repr(Plan(temperature=0.5)) and "temperature=0.5" in repr(Plan(temperature=0.5).space())


def test_a_sample_that_is_no_number_is_an_error():
    class Broken(Exact):
        def forward(self, x, sigma, **condition):
            return super().forward(x, sigma, **condition) * torch.nan

    what = seen(np.full((16, 16), np.inf, np.float32))
    with pytest.raises(ValueError, match="sample 0 of region 0 is not a number"):
        list(samples(Broken(), what, Plan(samples=2, steps=2)))
