"""Samples in strata of like scores, and draws that take some of each stratum.

A stratified draw with the weights N_h / n_h is right on average for any version, also one that does things
no version did before (Cochran 1977, ch. 5). Clusters' centres alone, as in Anchor Points (Vivek et al. 2024)
and tinyBenchmarks (Polo et al. 2024), are right only for versions that fail where earlier ones did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints

MOST = 50
"""Strata at most."""
EACH = 4
"""Samples drawn of a stratum on average: more strata would be so small that single odd samples had one."""
LEAST_DRAWN = 2
"""Samples that are drawn of a stratum at least: one alone tells nothing of its stratum's spread."""
POOLED = (1.0, 0.75, 0.5, 0.25)
"""Shares of the spread of all in place of a stratum's own; the first one draws by size alone."""
_ROUNDS = 30


@dataclass(frozen=True)
class Strata:
    """A division of n samples, and how many are drawn of each part."""

    labels: Ints
    """(n,) each sample's stratum, from 0."""
    sizes: Ints
    drawn: Ints
    """How many are drawn of each; they add up to k."""

    def weights(self) -> Floats:
        """Return how many samples one that is drawn stands for, (n,): N_h / n_h of its stratum."""
        found: Floats = (self.sizes / self.drawn)[self.labels]
        return found


def stratify(scores: Floats, k: int, seed: int = 0) -> Strata:
    """Divide samples by how versions scored on them, (V, n), V >= 3, for a draw of k.

    K-means of the samples' rows of V scores, as both papers have it: within strata, the squares of all
    versions' differences are small where those of the rows are. Of each stratum samples are drawn by its size
    times its spread (Neyman 1934), where earlier spreads foretell later ones. Whether they do is tried on
    each version, left out of the division: where its spread lies elsewhere, that of all takes the place of
    the stratum's own, wholly or in part. Samples on which all versions agree so keep a share.
    """
    trusted = _trusted(scores, k, seed)
    division = _divided(scores, k, seed)
    return Strata(division.labels, division.sizes, division.shares(k, trusted))


def one_stratum(n: int, k: int) -> Strata:
    """Return the division of a plain random draw: everything in one stratum."""
    return Strata(np.zeros(n, dtype=np.intp), np.array([n]), np.array([k]))


def draws(strata: Strata, times: int, rng: np.random.Generator) -> Ints:
    """Return so many draws of the strata's samples without replacement, (times, k): places in the set."""
    keys = rng.random((times, len(strata.labels)))
    keys += strata.labels  # whole numbers: within its stratum each sample's order is by lot
    order = np.argsort(keys, axis=1)
    starts = np.concatenate([[0], np.cumsum(strata.sizes)[:-1]])
    taken = np.concatenate(
        [np.arange(start, start + count) for start, count in zip(starts, strata.drawn, strict=True)]
    )
    found: Ints = order[:, taken]
    return found


@dataclass(frozen=True)
class _Division:
    """Strata before anything is drawn, and the variance of differences in each."""

    labels: Ints
    sizes: Ints
    inner: Floats

    def shares(self, k: int, pooled: float) -> Ints:
        """Share k draws out, with so much of the pooled variance in place of each stratum's own."""
        whole = float(np.average(self.inner, weights=self.sizes))
        return _allocated(self.sizes, np.sqrt((1 - pooled) * self.inner + pooled * whole), k)


def _divided(scores: Floats, k: int, seed: int) -> _Division:
    rows = np.ascontiguousarray(scores.T)
    labels = _clusters(rows, max(1, min(k // EACH, MOST)), np.random.default_rng(seed))
    labels = _merged(rows, labels, len(rows) / k)
    # What versions share on a sample says nothing of their differences.
    about = rows - rows.mean(axis=1, keepdims=True)
    return _Division(labels, np.bincount(labels), _variances(about, labels))


def _trusted(scores: Floats, k: int, seed: int) -> float:
    """Return how much of the pooled variance would have been best for versions left out in turn.

    By the variance of their figures on such draws; those of the others are known, and come out right.
    """
    costs = np.zeros(len(POOLED))
    for version, row in enumerate(scores):
        others = np.delete(scores, version, axis=0)
        division = _divided(others, k, seed)
        inner = _variances(row[:, None], division.labels)
        for place, pooled in enumerate(POOLED):
            drawn = division.shares(k, pooled)
            left = 1 - drawn / division.sizes
            costs[place] += float((division.sizes**2 * left * inner / drawn).sum())
    return POOLED[int(costs.argmin())]


def _variances(rows: Floats, labels: Ints) -> Floats:
    """Return the mean square of rows (n, d) about their stratum's mean, for each stratum."""
    sizes = np.bincount(labels)
    centres = np.stack([np.bincount(labels, column) for column in rows.T], axis=1) / sizes[:, None]
    found: Floats = np.bincount(labels, ((rows - centres[labels]) ** 2).sum(axis=1)) / sizes
    return found


def _allocated(sizes: Ints, spreads: Floats, k: int) -> Ints:
    """Share k draws out by size times spread: at least two of each stratum, or all of it; never more.

    What a full stratum can't take goes to the others. Rounded by largest remainders.
    """
    least = np.minimum(sizes, LEAST_DRAWN)
    drawn = least.astype(np.float64)
    wanted = sizes * (spreads if spreads.any() else np.ones(len(sizes)))
    open_ = np.ones(len(sizes), dtype=bool)
    while open_.any():
        left = k - drawn[~open_].sum()
        share = np.where(open_, wanted / max(wanted[open_].sum(), 1e-300) * left, drawn)
        over, under = open_ & (share >= sizes), open_ & (share <= least)
        # The larger misfit is settled first; the others are shared out anew.
        settled = over if (share - sizes)[over].sum() >= (least - share)[under].sum() else under
        if not settled.any():
            settled = over | under
        if not settled.any():
            drawn = share
            break
        drawn = np.where(settled, np.where(over, sizes, least), drawn)
        open_ &= ~settled
    return _rounded(drawn, least, sizes, k)


def _rounded(drawn: Floats, least: Ints, sizes: Ints, k: int) -> Ints:
    found = np.clip(np.floor(drawn + 1e-9).astype(np.intp), least, sizes)
    while found.sum() != k:
        step = 1 if found.sum() < k else -1
        room = found < sizes if step > 0 else found > least
        place = int(np.argmax(np.where(room, step * (drawn - found), -np.inf)))
        found[place] += step
    return found


def _clusters(rows: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Return k-means labels from a k-means++ start (Arthur and Vassilvitskii 2007), empty ones left out."""
    points, back, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    back = back.reshape(-1)
    if len(points) <= count:
        return back
    centres = points[[int(rng.choice(len(points), p=counts / counts.sum()))]]
    near = _apart(points, centres)[:, 0]
    while len(centres) < count and (near * counts).sum() > 0:
        chosen = int(rng.choice(len(points), p=near * counts / (near * counts).sum()))
        centres = np.concatenate([centres, points[[chosen]]])
        near = np.minimum(near, _apart(points, points[[chosen]])[:, 0])
    owners = _apart(points, centres).argmin(axis=1)
    for _ in range(_ROUNDS):
        used, numbers = np.unique(owners, return_inverse=True)
        mass = np.bincount(numbers, counts)
        sums = np.stack([np.bincount(numbers, column * counts) for column in points.T], axis=1)
        moved = _apart(points, sums / mass[:, None]).argmin(axis=1)
        if len(used) == len(np.unique(moved)) and np.array_equal(moved, numbers):
            break
        owners = moved
    found: Ints = np.unique(owners, return_inverse=True)[1].reshape(-1)[back]
    return found


def _merged(rows: Floats, labels: Ints, least: float) -> Ints:
    """Join each stratum of fewer samples than one draw stands for with the nearest one, smallest first.

    Two draws of a handful of odd samples would be lost for all others.
    """
    while True:
        sizes = np.bincount(labels)
        small = int(sizes.argmin())
        if len(sizes) == 1 or sizes[small] >= least:
            return labels
        centres = np.stack([np.bincount(labels, column) for column in rows.T], axis=1) / sizes[:, None]
        apart = _apart(centres[[small]], centres)[0]
        apart[small] = np.inf
        labels = np.where(labels == small, int(apart.argmin()), labels)
        labels = np.unique(labels, return_inverse=True)[1].reshape(-1)


def _apart(points: Floats, centres: Floats) -> Floats:
    """Return squared distances, (points, centres)."""
    found: Floats = np.maximum(
        (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1), 0.0
    )
    return found
