"""Two sets on one plane, as an SVG that needs nothing else."""

import numpy as np

WIDTH, HEIGHT, MOST = 640, 420, 800  # px; things of each set that are shown


def pca_map(real: np.ndarray, other: np.ndarray) -> str:
    """Features whose first two columns are the plane: grey circles real, red crosses synthetic."""
    rng = np.random.default_rng(0)
    sets = [x[rng.permutation(len(x))[:MOST], :2].astype(float) for x in (real, other)]
    low, high = (np.quantile(np.concatenate(sets), q, axis=0) for q in (0.002, 0.998))
    room = np.maximum(high - low, 1e-9)
    placed = [np.clip((x - low) / room, -0.02, 1.02) * [WIDTH - 40, HEIGHT - 40] + 20 for x in sets]
    dots = "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="2.5"/>' for x, y in placed[0])
    crosses = "".join(f"M{x - 2.5:.0f} {y - 2.5:.0f}l5 5m0-5l-5 5" for x, y in placed[1])
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/><g fill="#8a8a8a" fill-opacity=".55">{dots}</g>'
        f'<path d="{crosses}" stroke="#b3261e" stroke-width="1.2" fill="none"/></svg>'
    )
