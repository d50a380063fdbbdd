"""Does one cloud of points cover another? Nearest neighbours, and what to expect of them by chance.

Points are rows of length 1 (or 0 for a text without any term); distances are 1 - cosine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats, Ints

Singles = npt.NDArray[np.float32]

NEIGHBOURS = 5
FAR_QUANTILE = 0.95
"""Of the distances of evaluation cases from one another: what lies farther is far from all of them."""


@dataclass(frozen=True)
class Coverage:
    """The share of production points with an evaluation point among their k nearest, and what it would be.

    `expected` is its mean, and `p` the share of relabellings with as small a one, if both came from one
    distribution. `density` is how many of those balls an evaluation point lies in on average, over k.
    """

    share: float
    expected: float
    p: float
    density: float
    k: int
    permutations: int


def unit(points: Floats) -> Floats:
    """Return rows of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    scaled: Floats = points / np.where(lengths > 0, lengths, 1.0)
    return scaled


def distances(x: Floats, y: Floats) -> Singles:
    """Return 1 - cosine of unit rows, (n, m), 0 to 2; exactly 0 below single precision."""
    found = 1.0 - x.astype(np.float32) @ y.astype(np.float32).T
    found[found < 1e-6] = 0.0
    return found


def expected_share(production: int, evaluation: int, k: int) -> float:
    """Return the mean coverage of equal laws: 1 - prod (N - i) / (M + N - i), i = 1 .. k."""
    return 1.0 - math.prod((production - i) / (evaluation + production - i) for i in range(1, k + 1))


def coverage(
    production: Floats, evaluation: Floats, k: int = NEIGHBOURS, *, permutations: int = 999, seed: int = 0
) -> Coverage:
    """Measure how well evaluation points (m, d) cover production points (n, d), both of length 1.

    k-nearest-neighbour coverage (Naeem et al. 2020): a ball round each production point reaches to its k-th
    nearest other one and contains an evaluation point exactly where one is among the k nearest of all. So a
    relabelling of all points needs no new distances. Equal distances are ordered by lot.
    """
    n, m = len(production), len(evaluation)
    if n <= k or m < 1:
        raise ValueError(f"coverage needs more than {k} production points and an evaluation point")
    apart = distances(np.concatenate([production, evaluation]), np.concatenate([production, evaluation]))
    np.fill_diagonal(apart, np.inf)
    rng = np.random.default_rng(seed)
    apart += rng.random(apart.shape, dtype=np.float32) * np.float32(1e-7)
    nearest = np.argpartition(apart, k - 1, axis=1)[:, :k]
    labels = np.zeros((permutations + 1, n + m), dtype=bool)
    labels[:, n:] = True
    rng.permuted(labels[1:], axis=1, out=labels[1:])
    shares = np.array([_share(row, nearest) for row in labels])
    radii = np.partition(apart[:n, :n], k - 1, axis=1)[:, k - 1]
    within = int((apart[:n, n:] <= radii[:, None]).sum())
    extreme = int((shares[1:] <= shares[0] + 1e-12).sum())
    return Coverage(
        share=float(shares[0]),
        expected=expected_share(n, m, k),
        p=(1 + extreme) / (permutations + 1),
        density=within / (k * m),
        k=k,
        permutations=permutations,
    )


def far_from(production: Floats, evaluation: Floats, groups: Ints | None = None) -> tuple[Floats, float]:
    """Return each production point's distance to the nearest evaluation point, and where far begins.

    Far is farther than 95 % of evaluation points are from their nearest other one, of another group where
    there are several: cases made from one document say nothing of how far a case reaches. 0 for one point.
    """
    nearest = distances(production, evaluation).min(axis=1).astype(np.float64)
    if len(evaluation) < 2:
        return nearest, 0.0
    among = distances(evaluation, evaluation)
    numbers = np.arange(len(evaluation)) if groups is None or len(np.unique(groups)) < 2 else groups
    among[numbers[:, None] == numbers] = np.inf
    return nearest, float(np.quantile(among.min(axis=1), FAR_QUANTILE))


def cell_masses(production: Floats, evaluation: Floats) -> Floats:
    """Return the share of production points whose nearest evaluation point each is, (m,); ties share it."""
    apart = distances(production, evaluation)
    nearest = apart <= apart.min(axis=1, keepdims=True)
    shared: Floats = (nearest / nearest.sum(axis=1, keepdims=True)).sum(axis=0) / len(production)
    return shared


def clusters(points: Floats, within: float, seed: int = 0) -> Ints:
    """Return a cluster for each unit point, numbered from 0, the largest first.

    Spherical k-means from a k-means++ start with sqrt(n / 2) clusters, 8 at most; those whose centres lie no
    farther apart than `within` become one, for a case that covers one's centre covers the other's.
    """
    count = max(1, min(8, math.ceil(math.sqrt(len(points) / 2))))
    centres = spread(points, count, np.random.default_rng(seed))
    for _ in range(50):
        owners = distances(points, centres).argmin(axis=1)
        moved = unit(np.stack([points[owners == place].sum(axis=0) for place in np.unique(owners)]))
        if moved.shape == centres.shape and np.allclose(moved, centres):
            break
        centres = moved
    owners = distances(points, centres).argmin(axis=1)
    while True:
        used = np.unique(owners)
        centres = unit(np.stack([points[owners == place].sum(axis=0) for place in used]))
        apart = distances(centres, centres)
        np.fill_diagonal(apart, np.inf)
        if len(used) == 1 or apart.min() > within:
            break
        first, second = np.unravel_index(apart.argmin(), apart.shape)
        owners[owners == used[second]] = used[first]
    sizes = np.bincount(owners)
    order = np.argsort(-sizes, kind="stable")
    place = np.empty(len(sizes), dtype=np.intp)
    place[order] = np.arange(len(sizes))
    renamed: Ints = place[owners]
    return renamed


def spread(points: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Choose far-apart points as first centres: each by lot in proportion to its distance (k-means++)."""
    chosen = [int(rng.integers(len(points)))]
    while len(chosen) < count:
        apart = distances(points, points[chosen]).min(axis=1).astype(np.float64)
        if apart.sum() <= 0:
            break
        chosen.append(int(rng.choice(len(points), p=apart / apart.sum())))
    return points[chosen]


def central(points: Floats, members: Ints) -> Ints:
    """Return members by their distance to their centre, the nearest first."""
    centre = unit(points[members].sum(axis=0, keepdims=True))
    order: Ints = members[np.argsort(distances(points[members], centre)[:, 0], kind="stable")]
    return order


def _share(evaluation: Bools, nearest: Ints) -> float:
    covered = np.asarray(np.take(evaluation, nearest).any(axis=1))
    return float(covered[~evaluation].mean())
