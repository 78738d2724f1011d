"""Molecules and crystals as flat pictures, for people to compare side by side."""

import numpy as np

SIDE = 384  # px


def molecule(thing) -> np.ndarray:
    """Structural formula by RDKit, uint8 [SIDE, SIDE, 3]."""
    from rdkit.Chem import Draw

    from difusa.ethics.chemistry import graph_of

    return np.asarray(Draw.MolToImage(graph_of(thing), size=(SIDE, SIDE)).convert("RGB"))


def crystal(thing) -> np.ndarray:
    """Two by two by two cells from a slant, atoms as discs, the nearest last; uint8 [SIDE, SIDE, 3]."""
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors
    from PIL import Image, ImageDraw

    turn = np.array([[0.9, -0.1, 0.42], [0.15, 0.98, -0.1], [-0.4, 0.16, 0.9]])
    shifts = np.stack(np.meshgrid(*[range(2)] * 3), -1).reshape(-1, 1, 3)
    places = ((thing.frac % 1.0)[None] + shifts).reshape(-1, 3) @ thing.cell @ turn.T
    numbers = np.tile(thing.numbers, len(shifts))
    flat = places[:, :2] - places[:, :2].min(0)
    scale = (SIDE - 80) / max(float(np.ptp(flat, axis=0).max()), 1.0)
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    for i in np.argsort(places[:, 2]):
        x, y = flat[i] * scale + 40
        r = 0.6 * covalent_radii[numbers[i]] * scale
        colour = tuple(int(255 * c) for c in jmol_colors[numbers[i]])
        pen.ellipse((x - r, SIDE - y - r, x + r, SIDE - y + r), fill=colour, outline="#333")
    return np.asarray(image)


SHOWN = {"molecules": molecule, "materials": crystal}
