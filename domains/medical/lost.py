"""Lesions that a source shows and the translation does not: bright islands of FLAIR that stand out no longer."""

import numpy as np

SEEN, GONE = (
    3.0,
    1.0,
)  # contrast to the surroundings, in their standard deviations: a lesion; and what is left where it is lost
SMALL, LARGE = 8, 20_000  # voxels


def islands(image: np.ndarray, head: np.ndarray) -> list[tuple]:
    """Bright islands inside the head of a FLAIR [Z, rows, columns]: (boxes, mask in the box).

    Brighter than the tissue's median by SEEN robust standard deviations, and at least 6 pixels below the head's surface.
    """
    from scipy.ndimage import binary_erosion, find_objects, label

    deep = np.stack([binary_erosion(plane, iterations=12) for plane in head])
    if deep.sum() < 500:
        return []
    middle = np.median(image[deep])
    spread = 1.4826 * np.median(np.abs(image[deep] - middle))
    marked, count = label((image > middle + SEEN * max(spread, 1e-3)) & deep)
    found = []
    for number, box in enumerate(find_objects(marked), 1):
        inside = marked[box] == number
        if SMALL <= inside.sum() <= LARGE:
            found.append((box, inside))
    return found


def contrast(image: np.ndarray, box, inside: np.ndarray) -> float:
    """Difference of an island's mean to that of its surroundings (a shell of 2 to 4 pixels), in their standard deviation."""
    from scipy.ndimage import binary_dilation

    wide = tuple(slice(max(0, s.start - 4), s.stop + 4) for s in box)
    here = np.zeros([len(range(*s.indices(n))) for s, n in zip(wide, image.shape, strict=True)], bool)
    at = tuple(slice(s.start - w.start, s.start - w.start + n) for s, w, n in zip(box, wide, inside.shape, strict=True))
    here[at] = inside
    shell = binary_dilation(here, iterations=4) & ~binary_dilation(here, iterations=1)
    around = image[wide][shell]
    return float((image[wide][here].mean() - around.mean()) / max(around.std(), 1e-3)) if around.size else 0.0


def lost_lesions(source: np.ndarray, made: np.ndarray, head: np.ndarray, spacing: np.ndarray) -> list[dict]:
    """Islands of the source (encoded FLAIR [Z, rows, columns]) that the translation shows with a contrast below GONE, the largest
    first: volume in millilitres, place (plane, row, column of the cut work grid), and both contrasts."""
    rows = []
    for box, inside in islands(source, head):
        before, after = contrast(source, box, inside), contrast(made, box, inside)
        if before >= GONE and abs(after) < GONE:
            place = [round((s.start + s.stop - 1) / 2, 1) for s in box]
            volume = float(inside.sum() * np.prod(spacing) / 1000)
            told = {"contrast_source": round(before, 2), "contrast_made": round(after, 2)}
            rows.append({"ml": round(volume, 3), "place": place} | told)
    return sorted(rows, key=lambda r: -r["ml"])
