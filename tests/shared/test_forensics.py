"""The parts of detection whose answer is known: regression, areas, limits, deliveries, residues."""

import numpy as np
import pytest

from difusa.shared.forensics import deliveries, fitting, judging, residuals


def test_logistic_equals_scikit_learn():
    """Same objective up to scaling: sum of losses + |w|^2 / (2C) is n (mean loss + ridge |w|^2 / 2) with C = 1 / (n ridge)."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 5)) * [1, 2, 3, 1, 1]
    y = (x @ [1, -0.5, 0.3, 0, 0] + rng.standard_normal(300) > 0).astype(float)
    ours = fitting.logistic(x, y, np.ones(300), ridge=0.01)
    theirs = linear_model.LogisticRegression(C=1 / (300 * 0.01), tol=1e-10, max_iter=1000).fit(ours.standardised(x), y)
    assert np.allclose(ours.weights, theirs.coef_[0], atol=1e-5)
    assert ours.bias == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_more_figures_than_rows_are_the_same_problem():
    """With a figure repeated, both copies share its weight, whichever way the problem is solved."""
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((20, 15)), np.repeat([0.0, 1.0], 10)
    few = fitting.logistic(x, y, np.ones(20), ridge=0.1)
    many = fitting.logistic(np.tile(x, 2), y, np.ones(20), ridge=0.2)
    assert np.allclose(many(np.tile(x, 2)), few(x), atol=1e-8)
    assert np.allclose(many.weights[:15], many.weights[15:]) and np.allclose(2 * many.weights[:15], few.weights)


def test_separable_classes_still_converge():
    x = np.linspace(-1, 1, 40)[:, None]
    found = fitting.logistic(x, (x[:, 0] > 0).astype(float), np.ones(40), ridge=1e-3)
    assert np.isfinite(found.weights).all() and found(np.array([[1.0]]))[0] > 2


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        fitting.logistic(np.ones((4, 1)), np.ones(4), np.ones(4), 0.1)


def test_area_counts_ties_half():
    assert fitting.auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == 0.875
    assert fitting.auroc(np.array([3.0]), np.array([1.0])) == 0.0


def test_weights_of_families_balance():
    families = ["real"] * 6 + ["a"] * 3 + ["b"]
    weight = fitting.balanced(families, "real")
    assert weight[:6].sum() == pytest.approx(weight[6:].sum()) and weight[6:9].sum() == pytest.approx(weight[9])


def test_known_distance_is_mahalanobis():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 3)) @ np.array([[2, 0, 0], [1, 1, 0], [0, 0, 3.0]])
    found = fitting.known(x, x, keep=3)
    off = x[:5] - x.mean(0)
    exact = np.sqrt(np.einsum("ni,ij,nj->n", off, np.linalg.inv(np.cov(x.T)), off))
    assert np.allclose(found.distance(x[:5]) * found.limit, exact, rtol=1e-6)
    assert np.mean(found.distance(x) > 1) == pytest.approx(0.01, abs=0.003)


def test_limits_hold_for_new_items():
    """Split conformal: over many draws the share of new real items above `high` is at most the one asked for."""
    rng = np.random.default_rng(2)
    alarms = []
    for _ in range(300):
        real, new = 0.3 * rng.random(99), 0.3 * rng.random(200)
        found = judging.limits(real, 0.7 + 0.3 * rng.random(99), false_alarms=0.05, misses=0.05, band=(0.0001, 0.0002))
        alarms.append(np.mean(new >= found.high))
    assert np.mean(alarms) < 0.055  # 0.05, and three standard errors of a mean of 300


def test_verdicts():
    found = judging.Limits(0.2, 0.8)
    said = [found.verdict(p) for p in (0.1, 0.2, 0.5, 0.8)]
    assert said == [judging.NO_SIGN, judging.NO_SIGN, judging.UNSURE, judging.GENERATED]
    assert found.verdict(0.99, outside=True) == found.verdict(0.99, disagree=True) == judging.UNSURE
    with pytest.raises(ValueError, match="low < high"):
        judging.Limits(0.8, 0.2)


@pytest.mark.parametrize(
    ("shape", "places"),
    [
        ((200, 200), [(0, 0, 200)]),
        ((200, 220), [(0, 10, 200)]),
        ((200, 300), [(0, 0, 200), (0, 100, 200)]),
        ((900, 200), [(0, 0, 200), (350, 0, 200), (700, 0, 200)]),
    ],
)
def test_squares(shape, places):
    assert deliveries.squares(np.zeros((*shape, 3), np.uint8)) == places


def test_deliveries_keep_the_size_after_standard_and_grey_is_grey():
    image = np.random.default_rng(3).integers(0, 256, (deliveries.SIDE, deliveries.SIDE, 3), dtype=np.uint8)
    for send in deliveries.DELIVERIES.values():
        assert deliveries.standard(send(image)).shape == image.shape
    assert np.ptp(deliveries.grey(image), axis=2).max() == 0
    assert (deliveries.standard(image) == image).all()


def test_spectrum_finds_a_lattice_and_forgets_contrast():
    rng = np.random.default_rng(4)
    image = rng.integers(100, 120, (192, 192, 3)).astype(np.uint8)
    plain = residuals.spectrum(image)
    image[::4] += 40  # a period of four rows: 0.25 cycles a pixel, the middle of the bands
    assert (
        np.argmax(residuals.spectrum(image)[: residuals.BANDS] - plain[: residuals.BANDS])
        == residuals.BANDS * 0.25 / 0.5
    )
    twice = residuals.spectrum((image.astype(int) * 2 - 100).clip(0, 255).astype(np.uint8))
    assert np.allclose(twice, residuals.spectrum(image), atol=0.05)


def test_cooccurrences_are_shares_and_know_mirrors():
    image = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found = residuals.cooccurrences(image)
    assert np.allclose(found, residuals.cooccurrences(image[::-1, ::-1]), atol=0.02)
    flat = residuals.cooccurrence(np.zeros((9, 9)))
    assert np.exp(flat).max() == pytest.approx(1, abs=1e-3)


def test_the_past_is_of_one_law_for_both_classes():
    """Seeded by the item's name, as the bench seeds them: codec, quality and size do not tell the class, and none is left out."""
    from zlib import crc32

    from scipy.stats import chi2_contingency, ks_2samp

    from difusa.shared.seeds import stream

    drawn = {
        kind: [deliveries.past(stream(1, crc32(f"{kind}/{k}".encode()))) for k in range(2000)]
        for kind in ("real", "Stable Diffusion")
    }
    assert drawn["real"][0] == deliveries.past(stream(1, crc32(b"real/0")))
    assert all({s.codec for s in saves} == set(deliveries.CODECS) for saves in drawn["real"])
    counts = [[sum(saves[-1].codec == c for saves in pasts) for c in deliveries.CODECS] for pasts in drawn.values()]
    assert min(min(c) for c in counts) > 900 and chi2_contingency(counts).pvalue > 0.01
    for name, (low, high) in {"quality": deliveries.QUALITIES, "side": deliveries.SIDES}.items():
        both = [[getattr(s, name) for saves in pasts for s in saves] for pasts in drawn.values()]
        assert ks_2samp(*both).pvalue > 0.01
        assert (min(both[0]), max(both[0])) == (low, high)


def scene(number: int) -> np.ndarray:
    """uint8 [256, 256, 3]: coloured noise of power 1 / frequency^2, with an edge; what a camera might see."""
    rng = np.random.default_rng([7, number])
    away = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256), indexing="ij")) + 1 / 256
    found = np.fft.ifft2(
        np.fft.fft2(rng.standard_normal((256, 256, 3)), axes=(0, 1)) / away[..., None], axes=(0, 1)
    ).real
    found = found / found.std() * 30 + 128
    found[int(rng.integers(60, 200)) :] += rng.uniform(-40, 40, 3)
    return found.clip(0, 255).astype(np.uint8)


def told_by_codec(bring) -> float:
    """How well residues and spectrum tell scenes that came as JPEG from scenes that came as WebP (AUROC, held out)."""
    x, y = [], []
    for k in range(160):
        came = deliveries.saved(scene(k), 85, ".jpg") if k % 2 else deliveries.saved(scene(k), 80, ".webp")
        view = bring(came, np.random.default_rng([8, k]))
        x.append(np.concatenate([residuals.cooccurrences(view), residuals.spectrum(view)]))
        y.append(float(k % 2))
    y = np.array(y)
    logits = fitting.best_ridge(np.array(x), y, np.ones(160), [str(k) for k in range(160)])[1]
    return fitting.auroc(logits[y == 0], logits[y == 1])


def test_classes_that_differ_in_their_codec_alone_cannot_be_told_apart():
    """The same law of scenes in both classes; only the files differ. As they come that is all but plain to see, after the random
    past a coin's toss: less than three standard errors above 0.5, which are 0.14 for 80 + 80."""
    assert told_by_codec(lambda image, rng: deliveries.standard(image)) > 0.9
    assert told_by_codec(deliveries.equalised) < 0.64


def test_exact_probabilities_are_off_by_chance_alone_and_wrong_ones_by_more():
    from difusa.shared.forensics.scoring import calibration_error

    rng = np.random.default_rng(5)
    p = rng.random(4000)
    made = rng.random(4000) < p
    error, chance = calibration_error(p[~made], p[made])
    assert error < 2 * chance < 0.05  # 4,000 items leave about .01
    error, _ = calibration_error(p[~made] ** 0.25, p[made] ** 0.25)
    assert error > 0.2
