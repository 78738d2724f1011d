"""What the gate learns from: stacks of planes of simulated people, and of the real ones that training sees."""

import numpy as np

from difusa.domains.medical import codec, data, gate, labels, simulate
from difusa.domains.medical.examples import window
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream

STACK, APART = 5, 4.0  # planes of a simulated stack, millimetres from one to the next


def heads_known(folder, people: int = 60, seed: int = 1) -> dict[str, gate.Known]:
    """What the gate knows of each contrast: stacks of simulated people, and of the real ones of the training split."""
    heads = labels.heads(folder, "train") + labels.heads(folder, "calibrate")
    stacks: dict[str, list[np.ndarray]] = {c: [] for c in CONTRASTS}
    options = simulate.Options(fine=1)
    for index in range(people):
        who = simulate.person(heads, seed, index, options)
        affine, (width, height, _) = window(who.rest, (232, 200), stream(seed, index, 5))
        affine[2, 2] = APART
        made, _, _ = simulate.scans(who, CONTRASTS, seed, index, affine, (width, height, STACK), options)
        for contrast, image in made.items():
            planes = codec.encode(codec.picture(np.moveaxis(image, 2, 0)), contrast)
            found = np.stack([gate.head_of(p, contrast) for p in planes])
            stacks[contrast].append(gate.stack(planes, found))
    found_sets = data.sets(folder)
    for number, slices in enumerate(found_sets):
        rows = [r for n, r in data.rows(found_sets, "train") if n == number]
        for contrast in set(slices.contrasts) & set(CONTRASTS):
            for first in range(0, len(rows) - STACK, STACK):
                planes = np.stack(
                    [codec.encode(slices.signal(r, contrast), contrast) for r in rows[first : first + STACK]]
                )
                found = np.stack([gate.head_of(p, contrast) for p in planes])
                if found.any((1, 2)).all():
                    stacks[contrast].append(gate.stack(planes, found))
    return {c: gate.fit(s) for c, s in stacks.items()}
