"""The signal equations against their known limits, against each other, and against a simulated magnetisation."""

import numpy as np
import pytest

from difusa.domains.medical import physics
from difusa.domains.medical.physics import SEQUENCES, Sequence, nulling, signal
from difusa.domains.medical.tissues import INDEX, NAMES, TISSUES, Values, values, varied


def single(t1, t2, pd=1.0) -> Values:
    return Values(*(np.array([float(v)]) for v in (t1, t2, pd, 0, 0)))


def bloch(t1, t2, s: Sequence, repeats=40, dt=0.02) -> float:
    """Longitudinal and transverse magnetisation stepped through pulses and decay; the echo of the last repetition."""
    m, echo = 1.0, 0.0
    relax = lambda m, t: 1 + (m - 1) * np.exp(-t / t1)  # noqa: E731
    for _ in range(repeats):
        if s.kind == "gradient":
            angle = np.deg2rad(s.flip)
            across, m = m * np.sin(angle), m * np.cos(angle)
            echo = across * np.exp(-s.te * (1 / t2 + 1 / physics.DEPHASING["gradient"]))
            m = relax(m, s.tr)
        else:
            left = s.tr
            if s.kind == "inversion":
                m, left = relax(-m, s.ti), s.tr - s.ti
            across, m = m, 0.0
            m = -relax(m, s.te / 2)  # the refocusing pulse turns what has recovered
            echo = across * np.exp(-s.te / t2)
            m = relax(m, left - s.te / 2)
    return echo


@pytest.mark.parametrize(
    "sequence",
    [
        Sequence("spin", te=12, tr=550),
        Sequence("spin", te=100, tr=5500),
        Sequence("gradient", te=4, tr=22, flip=28),
        Sequence("inversion", te=120, tr=9500, ti=2600),
        Sequence("inversion", te=12, tr=2000, ti=800),
    ],
)
@pytest.mark.parametrize(("t1", "t2"), [(832, 80), (1331, 110), (4300, 1700)])
def test_equations_agree_with_the_magnetisation(sequence, t1, t2):
    """The gradient echo needs many repetitions to reach its steady state; the others two."""
    assert signal(single(t1, t2), sequence)[0] == pytest.approx(bloch(t1, t2, sequence, 2000), abs=1e-9)


def test_limits():
    assert signal(single(1, 1e12, 0.7), Sequence("spin", te=1e-6, tr=1e6))[0] == pytest.approx(0.7, abs=1e-9)
    assert signal(single(800, 80), Sequence("gradient", te=1e-9, tr=1e7, flip=90))[0] == pytest.approx(1, abs=1e-6)
    ernst = np.rad2deg(np.arccos(np.exp(-22 / 832)))
    best = signal(single(832, 80), Sequence("gradient", te=4, tr=22, flip=ernst))[0]
    assert all(best > signal(single(832, 80), Sequence("gradient", te=4, tr=22, flip=ernst + d))[0] for d in (-2, 2))


def test_nulling():
    """With TR long against T1 the null is at T1 ln 2."""
    assert nulling(4300, 1e6) == pytest.approx(4300 * np.log(2))
    ti = nulling(4300, 9500, 120)
    assert signal(single(4300, 1700), Sequence("inversion", te=120, tr=9500, ti=ti))[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("field", [1.5, 3.0])
@pytest.mark.parametrize(
    ("contrast", "order"),
    [
        ("T1", ("white", "thalamus", "cortex", "csf")),
        ("T2", ("csf", "lesion", "cortex", "white", "muscle")),
        ("PD", ("cortex", "white")),
        ("FLAIR", ("lesion", "cortex", "white", "csf")),
    ],
)
def test_contrasts_look_as_they_should(field, contrast, order):
    """Bright to dark, as radiologists know them, for every usual way of measuring."""
    table = values(field)
    rng = np.random.default_rng(0)
    drawn = [physics.drawn(contrast, table, rng) for _ in range(20)]
    for s in [*(SEQUENCES[contrast] if contrast != "FLAIR" else ()), *drawn]:
        found = np.abs(signal(table, s))[[INDEX[n] for n in order]]
        assert (np.diff(found) < 0).all(), (s, dict(zip(order, found, strict=True)))


def test_hounsfield_units():
    hu = values().hu
    assert hu[INDEX["air"]] == -1000 and hu[INDEX["fat"]] == -100 and 0 <= hu[INDEX["csf"]] <= 15
    assert hu[INDEX["white"]] < hu[INDEX["cortex"]] < 45 and hu[INDEX["skull"]] > 700


def test_every_tissue_has_a_source():
    assert all(t.source for t in TISSUES) and len(set(NAMES)) == len(NAMES)
    assert all(t.t2[k] <= t.t1[k] for t in TISSUES for k in (0, 1))
    assert (varied(values(), np.random.default_rng(0)).pd <= 1).all()


@pytest.mark.parametrize("wrong", [{"te": 0, "tr": 10}, {"te": 20, "tr": 10}, {"te": 5, "tr": 100, "ti": 99}])
def test_impossible_sequences(wrong):
    with pytest.raises(ValueError, match="TE|TI"):
        Sequence("inversion", **wrong)


def test_rician_noise():
    """Without signal the mean is sigma sqrt(pi/2) (Rayleigh); with much, the second moment is s^2 + 2 sigma^2."""
    rng = np.random.default_rng(0)
    dark = physics.rician(np.zeros((400, 400), np.float32), 0.05, rng)
    assert dark.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.01)
    bright = physics.rician(np.ones((400, 400), np.float32), 0.05, rng)
    assert (bright.astype(float) ** 2).mean() == pytest.approx(1 + 2 * 0.05**2, rel=2e-3)


def test_motion():
    """At rest nothing changes; one shift for all lines is a shift of the image."""
    image = np.random.default_rng(0).random((32, 24)).astype(np.float32)
    np.testing.assert_allclose(physics.moved(image, np.zeros((32, 2))), image, atol=1e-5)
    whole = physics.moved(image, np.tile([3, -2], (32, 1)))
    np.testing.assert_allclose(whole, np.roll(image, (3, -2), (0, 1)), atol=1e-5)
    jerked = physics.moved(image, physics.jerks(32, np.random.default_rng(1), 1.0))
    assert 0.01 < np.abs(jerked - image).mean() < 0.3


@pytest.mark.parametrize("shape", [(56, 48, 1), (20, 24, 18)])
def test_smooth_fields_are_scipys_zoom(shape):
    from scipy.ndimage import zoom

    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    knots = other.standard_normal([min(5, max(n, 2)) for n in shape]).astype(np.float32)
    factors = [n / k for n, k in zip(shape, knots.shape)]
    whole = zoom(knots, factors, order=3, mode="nearest", grid_mode=True)[tuple(slice(n) for n in shape)]
    assert np.abs(physics.smooth_field(shape, rng) - whole).max() < 1e-5  # float32, summed in another order
