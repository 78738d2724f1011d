"""What the tests of the restorer share: a small network with fixed random weights, saved as a model folder."""

import pytest
import torch


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A model folder; its network is the real class, small and untrained."""
    from difusa.domains.heritage.network import Restorer
    from difusa.domains.models import write

    folder = tmp_path_factory.mktemp("models") / "tiny"
    options = {"channels": [16, 16, 16, 16], "layers": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Restorer(**options)
    write(folder, network, {"name": "tiny", "domain": "heritage", "trains": "restorer", "network": options})
    return folder


@pytest.fixture(scope="session")
def icc():
    """An sRGB profile as bytes."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
