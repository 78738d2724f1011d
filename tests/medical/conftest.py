"""What the tests of scans share: small volumes with slanted axes, written as NIfTI or as a DICOM series."""

import numpy as np
import pytest

pytest.importorskip("pydicom")
pytest.importorskip("nibabel")


def slanted(spacing=(0.9, 1.1, 2.5), turns=(0.3, -0.2, 0.5), flips=(1, 1, 1), order=(0, 1, 2)) -> np.ndarray:
    """An affine of voxels of `spacing` mm, turned about x, y and z by `turns` (radians), axes flipped and reordered."""
    c, s = np.cos(turns), np.sin(turns)
    x = np.array([[1, 0, 0], [0, c[0], -s[0]], [0, s[0], c[0]]])
    y = np.array([[c[1], 0, s[1]], [0, 1, 0], [-s[1], 0, c[1]]])
    z = np.array([[c[2], -s[2], 0], [s[2], c[2], 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = (z @ y @ x)[:, list(order)] * flips * spacing
    affine[:3, 3] = [-71.25, 33.0625, 12.123456]
    return affine


AFFINES = {
    "straight": np.diag([1.0, 1.0, 1.0, 1.0]),
    "oblique": slanted(),
    "left-handed": slanted(flips=(-1, 1, 1)),
    "flipped slices": slanted(flips=(1, 1, -1)),
    "anisotropic": slanted(spacing=(0.4296875, 0.4296875, 6.5)),
    "sagittal": slanted(order=(1, 2, 0)),
}


@pytest.fixture(params=AFFINES, ids=list(AFFINES))
def affine(request):
    return AFFINES[request.param]


@pytest.fixture
def volume():
    """Whole numbers [12, 10, 6] int16, as a scanner stores them."""
    return np.random.default_rng(5).integers(-900, 1800, (12, 10, 6)).astype(np.int16)


@pytest.fixture
def series(tmp_path, volume):
    """A folder of six slices in oblique position."""
    from difusa.domains.medical.export import save
    from difusa.domains.medical.scan import Made, Scan

    return save(Scan(volume, AFFINES["oblique"], "T2"), tmp_path / "series", Made("simulated"))


@pytest.fixture(scope="session")
def ball():
    """A head of shells: fluid in the middle, white and grey matter, fluid, bone, fat."""
    from difusa.domains.medical.labels import Head
    from difusa.domains.medical.tissues import INDEX

    size, shells = 96, {"fat": 44, "skull": 39, "csf": 34, "cortex": 30, "white": 26, "ventricle": 10}
    axis = (np.arange(size) - size / 2 + 0.5) ** 2
    r = np.sqrt(axis[:, None, None] + axis[None, :, None] + axis[None, None, :])
    labels, affine = np.zeros((size,) * 3, np.uint8), np.eye(4)
    for name, reach in shells.items():
        labels[r <= reach] = INDEX[name]
    affine[:3, 3] = -size / 2 + 0.5
    return Head("ball", labels, affine)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """Name of a model folder with a small random translator."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai")
    from difusa.domains import models
    from difusa.domains.medical.network import Translator

    folder, options = tmp_path_factory.mktemp("models") / "tiny", {"channels": [8, 16], "layers": 1, "guess": [8, 16]}
    torch.manual_seed(0)
    network = Translator(**options)
    for p in network.parameters():
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.1)
    models.write(folder, network, {"name": "tiny", "domain": "medical", "trains": "translator", "network": options})
    return str(folder)


@pytest.fixture(scope="session")
def painted(ball):
    """T1, FLAIR and CT of one simulated ball with lesions, 2 mm voxels, as Scans; and where the lesions are."""
    from difusa.domains.medical import simulate
    from difusa.domains.medical.synthesizing import grid, settings, sick, stored

    options = simulate.Options(deform=0, atrophy=0, motion=0, stripped=0)
    who = simulate.person([ball], 1, 0, options, "lesions")
    affine, shape = grid(ball, 2.0)
    affine[2, 3], shape = -10.0, (*shape[:2], 10)
    made, tissue, used = simulate.scans(who, ("T1", "FLAIR", "CT"), 1, 0, affine, shape, options)
    return {c: stored(made[c], affine, c, settings(used.get(c), 3.0)) for c in made}, sick(tissue)


@pytest.fixture(scope="session")
def open_ms(tmp_path_factory, ball):
    """A data folder with a small set like the longitudinal one: eight planes of T1, T2 and FLAIR of each of four patients."""
    from difusa.domains.medical import codec, simulate

    folder, options = tmp_path_factory.mktemp("data"), simulate.Options(atrophy=0, motion=0, stripped=0, deform=1.0)
    affine, images, names = np.eye(4), [], []
    affine[:3, 3] = [-48, -48, -14]
    affine[2, 2] = 4
    for index, patient in enumerate(("01", "03", "04", "12")):
        who = simulate.person([ball], 3, index, options, "lesions")
        made, _, _ = simulate.scans(who, ("T1", "T2", "FLAIR"), 3, index, affine, (96, 96, 8), options)
        planes = np.stack([codec.picture(np.moveaxis(a, 2, 0)) for a in made.values()], 1)
        images.append(np.clip(np.rint(255 * planes), 0, 255).astype(np.uint8))
        names += [f"patient{patient}_study1"] * 8
    (folder / "medical").mkdir()
    np.savez(
        folder / "medical" / "openms_long_T1_T2_FLAIR_1mm_inplane.npz", images=np.concatenate(images),
        modalities=np.array(["T1", "T2", "FLAIR"]), subject=np.array(names), z=np.tile(np.arange(8), 4),
    )  # fmt: skip
    return folder
