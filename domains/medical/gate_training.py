"""`difusa medical gate`: the gate's networks, each kept from some real patients, and the figures of people none of them saw."""

import os
from pathlib import Path

import numpy as np
import torch

from difusa.domains.medical import codec, labels, simulate
from difusa.domains.medical import gate as gates
from difusa.domains.medical.data import Slices, patients, sets
from difusa.domains.medical.examples import window
from difusa.domains.medical.gate_lessons import Lessons, things
from difusa.domains.medical.gate_network import Looks
from difusa.domains.medical.gate_people import Measured, measured, simulated
from difusa.domains.medical.gate_stacks import right
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.run import Progress, Run
from difusa.shared.seeds import stream

FOLDS = 2  # networks, each kept from every second patient
STACK, APART = 5, 4.0  # planes of a simulated stack, millimetres from one to the next
OPTIONS = simulate.Options(fine=1)  # partial volume comes with the means of pixels
BATCH, RATE = 64, 3e-3


def gate(
    *,
    data: Path | None = None,
    out: Path = gates.FOLDER,
    people: int = 240,
    steps: int = 3000,
    further: int = 2000,
    calibrate: int = 50,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> gates.Gate:
    """Train the gate's networks on right and wrong planes, and fit its limits on people that none of them saw.

    One network learns from simulated people; two go on from it with real patients too, each without every second of them. Limits
    rest on simulated people of the calibration heads, and on each patient as those networks see him that did not learn from him.

    data: folder of data; by default DIFUSA_DATA.
    out: folder to write to.
    people: simulated, to learn from.
    steps: of the first network, of 64 planes.
    further: steps of each of the two.
    calibrate: simulated people for the limits.
    seed: of people and order.
    threads: number of CPU threads.
    progress: called with (done, total) steps.

    Returns the gate. Raises ValueError for fewer than 20 people to fit limits on.
    """
    from difusa.shared.run import set_threads

    if calibrate < 20:
        raise ValueError(f"{calibrate} people are too few to fit limits on: give at least 20")
    folder = data or os.environ.get("DIFUSA_DATA")
    set_threads(threads)
    found = sets(folder)
    real, shown = measured(found) if found else None, things(folder)
    with Run("medical gate", seed=seed, progress=progress) as run:
        total = steps + FOLDS * further

        def learned(network, lessons, count, rate, number, before):
            return taught(network, lessons, count, rate, seed, number, lambda k: run.progress(before + k, total))

        drawn = simulated(folder, people, seed)
        torch.manual_seed(seed)
        first = learned(Looks(), Lessons(drawn, None, shown), steps, RATE, 0, 0)
        eyes, everyone = [], patients(found)
        for fold in range(FOLDS):
            held = everyone[fold::FOLDS]
            kept = real and without(real, held)
            network = Looks()
            network.load_state_dict(first.state_dict())
            lessons = Lessons(drawn, kept, shown)
            network = learned(network, lessons, further, 2 * RATE / 3, 1 + fold, steps + fold * further)
            eyes.append(gates.Eye(known(network, lessons, seed), frozenset(everyone) - set(held)))
        made = gates.Gate(tuple(eyes), people_of(eyes, folder, calibrate, seed), patients_of(eyes, found))
        gates.save(made, out)
    gates.load.cache_clear()
    return made


def without(real: Measured, held: list[str]) -> Measured:
    """The planes of all other patients."""
    keep = ~np.isin(real.patient, held)
    return Measured(real.signals[keep], real.contrast[keep], real.patient[keep])


def taught(network: Looks, lessons: Lessons, steps: int, rate: float, seed: int, number: int, told) -> Looks:
    """The network after `steps` batches of its lessons (AdamW, one cycle), in evaluation mode; number: of its random streams."""
    network = network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-2)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for step in range(steps):
        planes, looks = lessons.batch(stream(seed, step, 50 + number), BATCH)
        loss = torch.nn.functional.cross_entropy(network(planes), looks, label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cycle.step()
        told(step + 1)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def known(network: Looks, lessons: Lessons, seed: int, count: int = 160) -> Looks:
    """The network with the means and the covariance of what right planes of each contrast are to it."""
    off = []
    for k, contrast in enumerate(CONTRASTS):
        planes = np.stack([lessons.plane(contrast, stream(seed, number, 60 + k))[1] for number in range(count)])
        features = network.body(torch.from_numpy(planes)[:, None])
        network.means[k] = features.mean(0)
        off.append(features - network.means[k])
    spread = torch.cov(torch.cat(off).T)
    network.inverse.copy_(torch.linalg.inv(spread + 0.05 * spread.diag().mean() * torch.eye(len(spread))))
    return network


def people_of(eyes: list[gates.Eye], folder, count: int, seed: int) -> dict[str, np.ndarray]:
    """Figures of stacks of simulated people on the calibration heads, by contrast."""
    gate, heads = gates.Gate(tuple(eyes), {}, {}), labels.heads(folder, "calibrate")
    figures: dict[str, list] = {c: [] for c in CONTRASTS}
    for index in range(count):
        who = simulate.person(heads, seed, index, OPTIONS)
        affine, (width, height, _) = window(who.rest, (232, 200), stream(seed, index, 5))
        affine[2, 2] = APART
        made, _, _ = simulate.scans(who, CONTRASTS, seed, index, affine, (width, height, STACK), OPTIONS)
        for contrast, image in made.items():
            planes = codec.encode(codec.picture(np.moveaxis(image, 2, 0)), contrast)
            figures[contrast].append(gate.figures(stack_of(planes, contrast), contrast)[0])
    return {c: np.stack(f) for c, f in figures.items()}


def stack_of(planes: np.ndarray, contrast: str) -> np.ndarray:
    """An encoded stack as the gate sees it."""
    return gates.stack(planes, np.stack([gates.head_of(p, contrast) for p in planes]), contrast)


def patients_of(eyes: list[gates.Eye], found: list[Slices]) -> dict[str, dict[str, np.ndarray]]:
    """The highest figures of each real patient's stacks, by the eyes that did not see the patient; by contrast."""
    figures: dict[str, dict[str, np.ndarray]] = {c: {} for c in CONTRASTS}
    for patient in patients(found):
        gate = gates.Gate(tuple(e for e in eyes if patient not in e.saw), {}, {})
        for one in right(found, (patient,)):
            own = gate.figures(one.seen, one.said)[0]
            figures[one.said][patient] = np.maximum(figures[one.said].get(patient, own), own)
    return figures
