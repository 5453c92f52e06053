"""k-means, to make a codebook from queries (ours: the slides start from random vectors)."""

import numpy as np

from ada.utils.progress import passing_bar

# Number of distances in memory at a time.
_CHUNK = 2**24


def kmeans(points: np.ndarray, num_centres: int, seed: int, iterations: int = 20) -> np.ndarray:
    """Lloyd's algorithm from distinct random points; empty centres restart at far-off points.

    Args:
      points: `[n, dim]`.
      num_centres: number of centres; if points are fewer, they are repeated with a little noise.
      seed: random seed; the result is a pure function of the arguments.
      iterations: number of Lloyd steps.

    Returns:
      Centres, float32 `[num_centres, dim]`.
    """
    points = np.asarray(points, np.float32)
    rng = np.random.default_rng(seed)
    spread = 1e-3 * points.std() + 1e-6
    points = points + spread * rng.standard_normal(points.shape).astype(np.float32)
    if len(points) < num_centres:
        extra = rng.choice(len(points), num_centres - len(points))
        noise = spread * rng.standard_normal((len(extra), points.shape[1])).astype(np.float32)
        points = np.concatenate([points, points[extra] + noise])
    centres = points[rng.choice(len(points), num_centres, replace=False)]
    for _ in passing_bar(range(iterations), desc="making the codebook", unit="iteration"):
        nearest, distances = _nearest(points, centres)
        counts = np.bincount(nearest, minlength=num_centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, points)
        centres = sums / np.maximum(counts, 1)[:, None].astype(np.float32)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            error = distances + (points**2).sum(1)
            centres[empty] = points[np.argsort(error)[-len(empty) :]]
    return centres


def _nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre of each point, and its squared distance less the point's own square.

    Computed in chunks: all distances at once would take 16 GiB for 8,192 centres.
    """
    squares, size = (centres**2).sum(1), max(_CHUNK // len(centres), 1)
    nearest = np.zeros(len(points), np.int64)
    distances = np.zeros(len(points), np.float32)
    for start in range(0, len(points), size):
        chunk = slice(start, start + size)
        found = squares - 2.0 * points[chunk] @ centres.T
        nearest[chunk], distances[chunk] = found.argmin(1), found.min(1)
    return nearest, distances
