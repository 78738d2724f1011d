"""Figures of a molecule's geometry: what they must not depend on, what they must see, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rdkit")

from difusa.domains.molecules import forensics
from difusa.domains.molecules.qm9 import molecule_of


@pytest.fixture(scope="module")
def real(qm9_rows):
    """Molecules of QM9 with all atoms."""
    found = [m for m, _ in map(molecule_of, qm9_rows) if m.smiles and len(m.bonds) > 3]
    # few rows: the other elements, and triple bonds, are too rare in them
    return [m for m in found if set(m.numbers.tolist()) <= {1, 6, 8} and m.bonds[:, 2].max() < 3]


@pytest.fixture(scope="module")
def known(real):
    return forensics.usual(real)


def test_motion_and_order_do_not_count(real, known):
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    for molecule in real[-5:]:
        order = rng.permutation(len(molecule))
        place = np.argsort(order)
        bonds = np.column_stack([np.sort(place[molecule.bonds[:, :2]], 1), molecule.bonds[:, 2]])
        moved = replace(
            molecule, numbers=molecule.numbers[order], positions=molecule.positions[order] @ turn + 7.0,
            charges=molecule.charges[order], bonds=bonds.astype(np.int32),
        )  # fmt: skip
        # mirror images too; 1e-5 for degrees out of arctan2 of products of numbers of about 10
        assert np.allclose(forensics.figures(molecule, known), forensics.figures(moved, known), atol=1e-5)


def test_noise_of_a_twentieth_of_an_angstrom_is_seen(real, known):
    rng, seen = np.random.default_rng(1), []
    for molecule in real[-60:]:
        noisy = replace(molecule, positions=molecule.positions + 0.05 * rng.normal(size=molecule.positions.shape))
        seen.append(forensics.figures(noisy, known)[0] > forensics.figures(molecule, known)[0])
    assert np.mean(seen) > 0.95


def test_ring_that_is_not_flat(molecules, known):
    ring = molecules[3]  # benzonitrile, as ETKDG embeds it
    flat = forensics.heights(ring)
    bent = replace(ring, positions=ring.positions.copy())
    atom = int(ring.bonds[ring.bonds[:, 2] == 4][0, 0])
    bent.positions[atom, 2] += 0.5
    assert forensics.heights(bent).max() > flat.max() + 0.1


def test_what_cannot_be_judged_says_why(real, known):
    lost = replace(real[0], positions=np.full_like(real[0].positions, np.nan))
    with pytest.raises(ValueError, match="no coordinates"):
        forensics.figures(lost, known)
    with pytest.raises(ValueError, match="bonds are too few"):
        forensics.figures(replace(real[0], bonds=real[0].bonds[:1]), known)
    strange = replace(real[-1], numbers=np.where(real[-1].numbers == 6, 14, real[-1].numbers).astype(np.uint8))
    with pytest.raises(ValueError, match="types that the real sets know"):
        forensics.figures(strange, known)


def test_usual_is_kept(known, tmp_path):
    forensics.save_usual(known, tmp_path)
    again = forensics.load_usual(tmp_path)
    assert set(again.lengths) == set(known.lengths) and set(again.torsions) == set(known.torsions)
    code = next(iter(known.angles))
    assert again.angles[code] == pytest.approx(known.angles[code], rel=1e-6)  # float32
