"""Data sets: made from recipes shard by shard, and read back; `difusa.datasets.open(DIR)` is where to begin."""

from difusa.datasets.reading import open, table, urls

__all__ = ["open", "table", "urls"]
