"""Nearest neighbours among many vectors: all pairs while that is quick, an index of small worlds beyond."""

from dataclasses import dataclass

import numpy as np

EXACT = 4096  # vectors; up to here all pairs cost less than the index does
LINKS, WIDTH = 24, 200  # of the index: links a vector, candidates kept while building and searching


@dataclass(frozen=True)
class Index:
    """vectors [N, D] float32, and their small world where there are more than EXACT."""

    vectors: np.ndarray
    world: object | None = None

    def __len__(self) -> int:
        return len(self.vectors)


def index(vectors: np.ndarray) -> Index:
    """Ready for `nearest`. Hierarchical navigable small worlds (Malkov and Yashunin 2018), built by one thread: the same each
    time."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    if len(vectors) <= EXACT:
        return Index(vectors)
    import faiss

    faiss.omp_set_num_threads(1)
    world = faiss.IndexHNSWFlat(vectors.shape[1], LINKS)
    world.hnsw.efConstruction = WIDTH
    world.add(vectors)
    return Index(vectors, world)


def nearest(known: Index, queries: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Places [Q, k] and Euclidean distances [Q, k] of the k nearest vectors, nearest first.

    Raises ValueError if the index holds fewer than k.
    """
    if k > len(known):
        raise ValueError(f"{k} neighbours asked of {len(known)} vectors")
    queries = np.ascontiguousarray(queries, np.float32)
    if known.world is None:
        return exact(known.vectors, queries, k)
    known.world.hnsw.efSearch = max(WIDTH, 2 * k)
    squares, places = known.world.search(queries, k)
    return places.astype(np.int64), np.sqrt(np.maximum(squares, 0))


def nearest_bits(known: np.ndarray, queries: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Places [Q, k] of the k nearest of known [N] 64-bit numbers, and in how many bits they differ [Q, k]; all are looked at.
    Where there are fewer than k, as many."""
    import faiss

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexBinaryFlat(64)
    flat.add(np.ascontiguousarray(known, np.uint64).view(np.uint8).reshape(-1, 8))
    asked = np.ascontiguousarray(queries, np.uint64).view(np.uint8).reshape(-1, 8)
    differ, places = flat.search(asked, min(k, len(known)))
    return places, differ


def exact(vectors: np.ndarray, queries: np.ndarray, k: int, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """The same by all pairs, `block` queries at a time."""
    places, distances = [], []
    norms = (vectors.astype(np.float64) ** 2).sum(1)
    for first in range(0, len(queries), block):
        part = queries[first : first + block].astype(np.float64)
        squares = norms - 2 * part @ vectors.T.astype(np.float64) + (part**2).sum(1)[:, None]
        found = (
            np.argpartition(squares, k - 1, axis=1)[:, :k]
            if k < len(vectors)
            else np.tile(np.arange(k), (len(part), 1))
        )
        order = np.take_along_axis(squares, found, 1).argsort(1, kind="stable")
        found = np.take_along_axis(found, order, 1)
        places.append(found)
        # from the differences themselves: what the squares lose to rounding matters for a copy, whose distance is next to 0
        distances.append(np.linalg.norm(vectors[found].astype(np.float64) - part[:, None], axis=2))
    return np.concatenate(places), np.concatenate(distances)


def among(known: Index, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest others of each vector of the index: places and distances [N, k]."""
    places, distances = nearest(known, known.vectors, k + 1)
    own = places == np.arange(len(known))[:, None]
    own[~own.any(1), -1] = True  # a vector with many twins may not find itself: the farthest goes
    return places[~own].reshape(-1, k), distances[~own].reshape(-1, k)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances [len(a), len(b)] of two small sets."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.sqrt(np.maximum(squares, 0))
