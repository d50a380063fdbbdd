"""Into which kinds do points fall, and do they fall into any? Spherical k-means, judged by its silhouette.

How many: as many, up to eight, as lie best apart by the mean silhouette (Rousseeuw 1987), simplified to
distances from middles (Vendramin, Campello & Hruschka 2010). None where normal clouds with the same mean and
covariance fall apart nearly as well (the question of SigClust, Liu, Hayes, Nobel & Marron 2008).
"""

from __future__ import annotations

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.neighbours import distances, spread, unit

MOST_KINDS = 8
"""What somebody reads; the silhouette of texts often goes on growing with every further kind."""
_CLOUDS = 5
_NEARER = 0.1
"""Of what clouds lack to a silhouette of 1, the share by which kinds must come nearer to it.

Single clouds differ by a tenth of that, and the number of kinds was chosen by the same figure.
"""
_OF_A_CLOUD = 300
"""Points of a cloud: enough for its mean silhouette, in little time."""
_STARTS = 2
_STEPS = 25


def kinds(points: Floats, count: int | None = None, *, seed: int = 0) -> Ints:
    """Return a kind for each unit point, numbered from 0, or 0 for all where they fall into none.

    `count` asks for so many, whether they lie apart or not; there are fewer where fewer points differ.
    """
    rng = np.random.default_rng(seed)
    if count is not None:
        return _owners(points, _middles(points, count, rng))
    found = [_middles(points, each, rng) for each in range(2, min(MOST_KINDS, len(points) - 1) + 1)]
    best = max(found, key=lambda middles: round(_silhouette(points, middles), 9), default=None)
    if best is None or not _apart(points, best, rng):
        return np.zeros(len(points), dtype=np.intp)
    return _owners(points, best)


def _middles(points: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return the middles that lie nearest to all points, of several starts."""
    tried = [_moved(points, spread(points, count, rng)) for _ in range(_STARTS)]
    return min(tried, key=lambda middles: float(distances(points, middles).min(axis=1).sum()))


def _moved(points: Floats, middles: Floats) -> Floats:
    for _ in range(_STEPS):
        owners = distances(points, middles).argmin(axis=1)
        moved = unit(np.stack([points[owners == kind].sum(axis=0) for kind in np.unique(owners)]))
        if moved.shape == middles.shape and np.allclose(moved, middles, atol=1e-6):
            break
        middles = moved
    return middles


def _silhouette(points: Floats, middles: Floats) -> float:
    if len(middles) < 2:
        return 0.0
    own, next_one = np.sort(distances(points, middles), axis=1)[:, :2].T.astype(np.float64)
    return float(((next_one - own) / np.where(next_one > 0, next_one, 1.0)).mean())


def _apart(points: Floats, middles: Floats, rng: np.random.Generator) -> bool:
    """Tell whether points lie clearly better apart than clouds with their mean, covariance and one middle."""
    n, mean = min(len(points), _OF_A_CLOUD), points.mean(axis=0)
    sizes, axes = np.linalg.eigh(np.cov(points.T).reshape(len(mean), -1))
    along = axes * np.sqrt(np.maximum(sizes, 0.0))
    clouds = [unit(mean + rng.standard_normal((n, len(mean))) @ along.T) for _ in range(_CLOUDS)]
    usual = np.mean([_silhouette(cloud, _middles(cloud, len(middles), rng)) for cloud in clouds])
    return bool(1.0 - _silhouette(points, middles) < (1.0 - _NEARER) * (1.0 - usual))


def _owners(points: Floats, middles: Floats) -> Ints:
    found: Ints = distances(points, middles).argmin(axis=1)
    return np.unique(found, return_inverse=True)[1]
