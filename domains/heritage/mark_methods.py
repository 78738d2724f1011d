"""The marks of pictures that `difusa bench watermark` compares: each makes marked and unmarked pictures, and reads one."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.heritage import prior_draws
from difusa.domains.heritage.cases import crops
from difusa.shared.watermark import grain, grain_reading, issued, noise_reading

KEY = hashlib.sha256(b"the bench's own key").digest()
PEERS = Path(".local/bench-peers")  # of `make bench-peers-env`: packages whose own pins would break the rest
STRENGTH = 3.0  # grey levels of the grain: 38.6 dB
PEER = 50  # pictures of a peer: RivaGAN takes a second to write one, and another to read it
BITS = {"DwtDct": 48, "RivaGAN": 32}  # of the peers' marks; RivaGAN's network has 32


@dataclass(frozen=True)
class Method:
    """marked, plain(k) -> picture number k [H, W, 3] uint8; read(picture) -> p-value, and which of the marked ones it is (None:
    the mark does not tell). paired: marked and plain show the same."""

    name: str
    marked: Callable[[int], np.ndarray]
    plain: Callable[[int], np.ndarray]
    read: Callable[[np.ndarray], tuple[float, int | None]]
    paired: bool = True
    most: int | None = None


def in_generation(network, count: int, store: Path) -> Method:
    """Pictures drawn from keyed noise, indices 0 to count - 1, and others from noise of nobody's key."""
    shape = (3, prior_draws.SIDE, prior_draws.SIDE)
    known = noise_reading.issued(KEY, 0, count, shape)
    marked, plain = (
        Drawn(network, key, count, store / f"{name}.npz") for key, name in ((KEY, "keyed"), (bytes(32), "free"))
    )

    def read(picture: np.ndarray) -> tuple[float, int]:
        found = noise_reading.read(noise_reading.fitted(picture, prior_draws.SIDE), known)
        return found.p_value, found.index

    return Method("in generation", marked, plain, read, paired=False)


class Drawn:
    """Pictures of the prior, drawn in groups of GROUP as they are asked for, and kept in a file."""

    GROUP = 25

    def __init__(self, network, key: bytes, count: int, file: Path):
        self.network, self.key, self.count, self.file = network, key, count, file
        self.made = dict(np.load(file)) if file.exists() else {}

    def __call__(self, k: int) -> np.ndarray:
        first = k // self.GROUP * self.GROUP
        if str(first) not in self.made:
            noise = issued.noises(self.key, 0, range(first, first + self.GROUP), (3, *[prior_draws.SIDE] * 2))
            self.made[str(first)] = prior_draws.drawn(self.network, noise)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(self.file, **self.made)
        return self.made[str(first)][k - first]


def after_the_fact(data: Path, count: int) -> Method:
    """Held-out pictures with the grain, each with a payload of its own."""
    picture = pictures(data, count)

    @lru_cache(count)
    def marked(k: int) -> np.ndarray:
        return grain.embed(picture(k), KEY, payload(k), strength=STRENGTH).picture

    def read(seen: np.ndarray) -> tuple[float, int | None]:
        found = grain_reading.read(seen, KEY)
        return found.p_value, {payload(k): k for k in range(count)}.get(found.payload)

    return Method("after the fact", marked, picture, read)


def payload(k: int) -> int:
    return int.from_bytes(hashlib.sha256(b"picture %d" % k).digest()[:6], "big")


def peer(name: str, data: Path, count: int) -> Method:
    """One of the package invisible-watermark, installed or in PEERS. Raises ModuleNotFoundError without it."""
    from scipy.stats import binom

    sys.path.append(str(PEERS))
    try:
        from imwatermark import WatermarkDecoder, WatermarkEncoder
    finally:
        sys.path.remove(str(PEERS))

    kind, picture = name[0].lower() + name[1:].replace("GAN", "Gan"), pictures(data, count)
    bits = np.unpackbits(np.frombuffer(KEY, np.uint8))[: BITS[name]].tolist()
    if name == "RivaGAN":
        WatermarkEncoder.loadModel()
    encoder, decoder = WatermarkEncoder(), WatermarkDecoder("bits", len(bits))
    encoder.set_watermark("bits", bits)

    @lru_cache(PEER)
    def marked(k: int) -> np.ndarray:
        return encoder.encode(np.ascontiguousarray(picture(k)[..., ::-1]), kind)[..., ::-1].copy()

    def read(seen: np.ndarray) -> tuple[float, None]:
        found = decoder.decode(np.ascontiguousarray(_large(seen)[..., ::-1]), kind)
        right = int((np.array(found).astype(int) == bits).sum())
        return float(binom.sf(right - 1, len(bits), 0.5)), None

    return Method(name, marked, picture, read, most=PEER)


def pictures(data: Path, count: int) -> Callable[[int], np.ndarray]:
    """Crops of 256 pixels of held-out pictures, then of training ones, which no mark of this kind was fitted to."""
    chosen = held(data, count)
    return lru_cache(count)(lambda k: chosen[k].pixels())


@lru_cache(2)
def held(data: Path, count: int) -> list:
    """The crops: of the test split as far as they reach."""
    for least in range(count, 0, -10):
        try:
            first = crops(data, least)
        except ValueError:
            continue
        return first + (crops(data, count - least, "train") if least < count else [])
    raise ValueError(f"{data} holds no pictures")


def _large(picture: np.ndarray) -> np.ndarray:
    """At least 256 pixels a side, which the peers ask for."""
    from PIL import Image

    if min(picture.shape[:2]) >= 256:
        return picture
    return np.array(Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC))
