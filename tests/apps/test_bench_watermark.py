"""The bench of marks: its page, its attacks, its methods on few pictures."""

import numpy as np
import pytest

from difusa.apps import bench_watermark, bench_watermark_page
from difusa.domains.heritage import attacks
from difusa.domains.molecules.mark_bench import permutation, rotation
from difusa.domains.molecules.molecule import named
from difusa.domains.molecules.readers import read_smiles
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked
from difusa.shared.metrics import share


def test_the_page_tells_what_was_found_and_what_is_missing(tmp_path):
    store = Bench("watermark", tmp_path, tmp_path / "work")
    found = {"found_1": vars(share([1.0] * 20)), "found_6": vars(share([1.0] * 10 + [0.0] * 10))}
    for task in ("clean", *attacks.WORDS):
        store.row("in generation", f"pictures: {task}", ["0-19"], lambda part: [dict(found)])
    store.missing("RivaGAN", "pictures: clean", "imwatermark is not installed")
    text = bench_watermark_page.write(store).read_text()
    assert "| clean | 100.00 [83.89, 100.00] | 50.00 " in text
    assert "| **mean of the distortions** | **100.0** | **50.0** | - | - |" in text
    assert "RivaGAN: missing. imwatermark is not installed" in text
    with pytest.raises(ValueError, match="unknown tasks"):
        bench_watermark.measure(store, Asked(tasks="sounds"))


def test_there_are_thirteen_distortions_each_a_picture():
    from skimage import data

    assert len(attacks.WORDS) == 13
    picture = data.astronaut()[:64, :64]
    for name, (attack, _) in attacks.ATTACKS.items():
        made = attack(picture, np.random.default_rng(0))
        assert made.dtype == np.uint8 and made.shape[2] == 3 and min(made.shape[:2]) >= 32, name
        assert name in ("resize", "screenshot") or made.shape == picture.shape, name


def test_a_linear_autoencoder_of_all_its_axes_gives_the_picture_back():
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    back = attacks.compressed(picture, np.eye(192))
    assert np.abs(back.astype(int) - picture).max() <= attacks.STEP / 2


def test_attacks_on_molecules_leave_the_molecule_what_it_is():
    molecule, rng = read_smiles("CC(=O)N"), np.random.default_rng(0)
    molecule.positions[:] = rng.standard_normal(molecule.positions.shape)
    for change in (rotation, permutation):
        assert named(change(molecule, rng)).smiles == molecule.smiles
    apart = np.linalg.norm(molecule.positions[0] - molecule.positions, axis=1)
    other = rotation(molecule, rng)
    assert np.allclose(np.linalg.norm(other.positions[0] - other.positions, axis=1), apart)
