"""What an audit works on: a set of things as rows of features, with what is known of each and a way to look at it again."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Samples:
    """N things of one domain.

    ids: their names; features [N, D] float, in the domain's own units; read(row) -> the thing itself (a picture uint8
    [H, W, 3], a Molecule, a Crystal); attributes: column -> [N] values, text or numbers; labels [N]: what a downstream model
    should tell, or None; refused: (name, reason) of what could not be taken.
    """

    domain: str
    ids: tuple[str, ...]
    features: np.ndarray
    read: Callable[[int], object]
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    refused: tuple[tuple[str, str], ...] = ()

    def __post_init__(self):
        columns = {"features": self.features, **self.attributes}
        columns |= {} if self.labels is None else {"labels": self.labels}
        for name, column in columns.items():
            if len(column) != len(self.ids):
                raise ValueError(f"{name} has {len(column)} rows, the set {len(self.ids)}: one is needed for each")
        if not np.isfinite(self.features).all():
            row = int(np.flatnonzero(~np.isfinite(self.features).all(1))[0])
            raise ValueError(
                f"the features of {self.ids[row]} are not finite: leave it out, with the reason in `refused`"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows) -> "Samples":
        """The things of these rows (places, or a mask), in their order."""
        rows = np.arange(len(self))[rows]
        return Samples(
            self.domain,
            tuple(self.ids[i] for i in rows),
            self.features[rows],
            lambda i: self.read(int(rows[i])),
            {k: v[rows] for k, v in self.attributes.items()},
            None if self.labels is None else self.labels[rows],
            self.refused,
        )
