"""The mark in the grain: exact removal, exact p-values, what it survives, what it costs."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.stats import kstest

from difusa.shared.watermark import grain, keyed
from difusa.shared.watermark.grain import embed, remove
from difusa.shared.watermark.grain_reading import aligned, read, told
from difusa.shared.watermark.keyed import tail

KEY, PAYLOAD = b"a key of thirty-two bytes, 01234", 0x5EED_0123_4567


@pytest.fixture(scope="module")
def portrait():
    from skimage import data

    return data.astronaut()[100:356, 100:356]


@pytest.fixture(scope="module")
def marked(portrait):
    return embed(portrait, KEY, PAYLOAD).picture


def jpeg(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


ATTACKS = {
    "none": lambda x: x,
    "jpeg 40": lambda x: jpeg(x, 40),
    "half size": lambda x: np.array(Image.fromarray(x).resize((128, 128), Image.BICUBIC)),
    "larger": lambda x: np.array(Image.fromarray(x).resize((384, 384), Image.BICUBIC)),
    "cropped": lambda x: x[37:, 21:230],
    "turned by 10 degrees": lambda x: np.array(Image.fromarray(x).rotate(10, Image.BICUBIC)),
    "upside down": lambda x: x[::-1, ::-1],
    "noise": lambda x: np.clip(x + np.random.default_rng(0).normal(0, 10, x.shape), 0, 255).astype(np.uint8),
    "darker": lambda x: (x * 0.6).astype(np.uint8),
    "grey": lambda x: x.mean(-1).astype(np.uint8),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_read_after(marked, attack):
    found = read(ATTACKS[attack](marked), KEY)
    assert found.p_value < 1e-12 and found.payload == PAYLOAD


@pytest.mark.parametrize("attack", ["none", "half size", "turned by 10 degrees"])
def test_another_key_and_an_unmarked_picture_find_nothing(portrait, marked, attack):
    assert read(ATTACKS[attack](marked), b"another key of thirty-two bytes!").p_value > 1e-4
    assert read(ATTACKS[attack](portrait), KEY).p_value > 1e-4


def test_p_values_are_uniform_over_keys(portrait):
    seen = aligned(portrait, search=False)
    values = [told(seen, b"%032d" % k).p_value for k in range(200)]
    assert kstest(values, "uniform").pvalue > 1e-3


def test_tail_is_that_of_a_direction_on_the_sphere():
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((200_000, 7))
    cosines = drawn[:, 0] / np.linalg.norm(drawn, axis=1)
    for c in (-0.4, 0.0, 0.3, 0.7):
        assert tail(c, 7) == pytest.approx((cosines >= c).mean(), abs=4e-3)


@pytest.mark.parametrize("kind", ["colour", "grey", "16 bits"])
def test_removed_without_loss_even_at_black_and_white(portrait, kind):
    rng = np.random.default_rng(1)
    picture = portrait.copy()
    picture[:64] = rng.choice([0, 1, 2, 5, 250, 253, 254, 255], (64, *picture.shape[1:]))
    picture = {"colour": picture, "grey": picture[..., 0], "16 bits": picture.astype(np.uint16) * 257 + 13}[kind]
    where = rng.random(picture.shape[:2]) < 0.7
    made = embed(picture, KEY, PAYLOAD, where=where)
    assert (made.picture[~where] == picture[~where]).all() and (made.picture != picture).any()
    assert (remove(made.picture, KEY, PAYLOAD, made.left, where=where) == picture).all()
    with pytest.raises(ValueError, match="not of this picture"):
        remove(made.picture, KEY, PAYLOAD, made.left + b"\0\0", where=where)


def test_strength_is_what_it_says(portrait):
    for strength in (1.5, 3.0):
        assert embed(portrait, KEY, 7, strength=strength).decibel == pytest.approx(
            20 * np.log10(255 / strength), abs=0.6
        )


def test_the_mean_of_many_marked_pictures_shows_no_pattern_of_one():
    flat = np.full((128, 128), 128, np.uint8)
    rng = np.random.default_rng(2)
    made = [embed(flat, KEY, int(rng.integers(2**48))).picture.astype(float) for _ in range(60)]
    patterns = np.stack([m - 128 for m in made])
    # The public waves are common; of the rest hardly anything is left.
    assert patterns.mean(0).std() < 0.62 * patterns.std()


def test_golay_puts_three_wrong_letters_right():
    words = keyed.golay()
    assert words[1:].sum(1).min() == 8
    votes = 1.0 - 2 * keyed.coded(PAYLOAD)
    for block in range(4):
        votes.reshape(24, 4)[[1, 9, 20], block] *= -1
    assert keyed.decoded(votes) == PAYLOAD


def test_waves_move_as_pixels_do():
    rng = np.random.default_rng(3)
    waves = rng.standard_normal(len(grain.band()))
    tile = (waves @ grain.band()).reshape(grain.SIDE, grain.SIDE)
    assert np.allclose(grain.moved(waves, 5, 11), grain.band() @ np.roll(tile, (5, 11), (0, 1)).ravel(), atol=1e-10)


def test_says_what_is_wrong(portrait):
    with pytest.raises(ValueError, match="guessed"):
        embed(portrait, b"short", 1)
    with pytest.raises(ValueError, match="from 0 to"):
        embed(portrait, KEY, 2**48)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        embed(portrait / 255, KEY, 1)
    with pytest.raises(ValueError, match="one size"):
        embed(portrait, KEY, 1, where=np.ones((3, 3), bool))
