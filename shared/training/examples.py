"""Numbered training examples: example n is a pure function of (recipe, n), noise and level included."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from difusa.shared.seeds import stream
from difusa.shared.training.objective import draw_sigma
from difusa.shared.training.recipe import Objective

NOISE = 1  # part of a sample's random stream that makes its noise and level


class Noised(Dataset):
    """Adds `noise` (shape of clean) and `sigma` to the examples of a domain."""

    def __init__(self, examples, objective: Objective, seed: int):
        self.examples, self.objective, self.seed = examples, objective, seed

    def __getitem__(self, number: int) -> dict:
        example = dict(self.examples[number])
        if self.objective.target == "direct":
            return example
        rng = stream(self.seed, number, NOISE)
        example["sigma"] = draw_sigma(self.objective, np.array([rng.random()]))[0]
        example["noise"] = rng.standard_normal(example["clean"].shape, dtype=np.float32)
        return example


class Numbers:
    """Batches of example numbers for the steps start..stop of one rank; the global batch is dealt round robin."""

    def __init__(self, start: int, stop: int, batch: int, rank: int = 0, ranks: int = 1):
        if batch % ranks:
            raise ValueError(f"batch {batch} does not divide among {ranks} processes")
        self.start, self.stop, self.batch, self.rank, self.ranks = start, stop, batch, rank, ranks

    def __iter__(self):
        for first in range(self.start, self.stop, self.batch):
            yield list(range(first + self.rank, first + self.batch, self.ranks))

    def __len__(self) -> int:
        return (self.stop - self.start) // self.batch


def loader(dataset: Noised, numbers: Numbers, workers: int) -> DataLoader:
    """Batches as dicts of tensors, in order, whatever the number of workers."""
    return DataLoader(dataset, batch_sampler=numbers, num_workers=workers, collate_fn=stack, persistent_workers=False)


def stack(rows: list[dict]) -> dict[str, torch.Tensor]:
    """Rows of arrays into tensors with a leading batch axis."""
    return {k: torch.stack([torch.as_tensor(r[k]) for r in rows]) for k in rows[0]}
