"""Where did a series of units (days, hours) change? Splits that chance would not make over the whole series.

Binary segmentation (Vostrikova 1981) by the largest weighted CUSUM, tested by permuting whole units, so
that days that differ by more than chance within a day don't pass for changes. The figures and their ranks
are split in the same orders, and the smaller p of both is held against its own like (Westfall & Young 1993,
min-p): one far unit outweighs all splits of the figures and none of the ranks. One test a segment covers
all its splits; the halves of a split share its alpha, so that a series without a change shows one with
probability alpha at most. With strata (days of the week) each has a mean of its own, and units change
places inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints

FEWEST = 3
"""Units on either side of a split."""
_STEP = 200
"""Permutations at one time."""


@dataclass(frozen=True)
class Change:
    """A split before unit `place`: the figures of the segments on either side, and its p-value."""

    place: int
    before: float
    after: float
    p: float


def change_points(
    sums: npt.ArrayLike,
    sizes: npt.ArrayLike,
    alpha: float = 0.05,
    *,
    strata: npt.ArrayLike | None = None,
    permutations: int = 1999,
    seed: int = 0,
) -> list[Change]:
    """Return where the figure sums / sizes (n,) of units changed, in order.

    Units without size are left out of everything. Fewer than about nine units can't show a change at 0.05.
    """
    x, w = np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    groups = np.zeros(len(x), dtype=np.intp) if strata is None else np.asarray(strata, dtype=np.intp)
    kept = np.flatnonzero(w > 0)
    x, w, groups = x[kept], w[kept], groups[kept]
    rng = np.random.default_rng(seed)
    found: list[tuple[int, float]] = []
    waiting = [(0, len(x), alpha)]
    while waiting:
        start, end, level = waiting.pop()
        part = slice(start, end)
        split = _split(x[part], w[part], groups[part], permutations, rng)
        if split is None or split[1] > level:
            continue
        place = start + split[0]
        found.append((place, split[1]))
        waiting += [(start, place, level / 2), (place, end, level / 2)]
    found.sort()
    ends = [0, *(place for place, _ in found), len(x)]
    means = [x[a:b].sum() / w[a:b].sum() for a, b in pairwise(ends) if b > a]
    return [
        Change(int(kept[place]), float(means[at]), float(means[at + 1]), p)
        for at, (place, p) in enumerate(found)
    ]


def split_p(
    sums: npt.ArrayLike, sizes: npt.ArrayLike, *, permutations: int = 1999, seed: int = 0
) -> tuple[int, float] | None:
    """Return the place of the largest split of one series and its p-value; None for too few units."""
    x, w = np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    return _split(x, w, np.zeros(len(x), dtype=np.intp), permutations, np.random.default_rng(seed))


def _split(
    x: Floats, w: Floats, strata: Ints, permutations: int, rng: np.random.Generator
) -> tuple[int, float] | None:
    n = len(x)
    if n < 2 * FEWEST:
        return None
    totals, weights = np.bincount(strata, weights=x), np.bincount(strata, weights=w)
    residuals = x - w * (totals / np.where(weights > 0, weights, 1.0))[strata]
    seen = _cusum(residuals[None], w[None])[0]
    largest = float(seen.max())
    # Rounding must not tell a series that never varies from its own permutations.
    if largest <= 1e-9 * float(np.abs(x).max(initial=0.0)):
        return None
    ranked = w * _ranks(x / w, strata)
    ranked -= w * (np.bincount(strata, weights=ranked) / np.where(weights > 0, weights, 1.0))[strata]
    by_rank = _cusum(ranked[None], w[None])[0]
    drawn = np.empty((2, permutations + 1))
    drawn[:, 0] = largest, by_rank.max()
    for begun in range(0, permutations, _STEP):
        orders = _shuffled(strata, min(_STEP, permutations - begun), rng)
        here = slice(begun + 1, begun + 1 + len(orders))
        drawn[0, here] = _cusum(residuals[orders], w[orders]).max(axis=1)
        drawn[1, here] = _cusum(ranked[orders], w[orders]).max(axis=1)
    shares = np.stack([_reached(each) for each in drawn])
    least = shares.min(axis=0)
    # Figures tell the place better than ranks do, where they are about as certain.
    place = seen if shares[0, 0] <= 4 * shares[1, 0] else by_rank
    return FEWEST + int(place.argmax()), float((least <= least[0]).mean())


def _ranks(figures: Floats, strata: Ints) -> Floats:
    """Rank figures less the median of their stratum; equal ones share the mean of their ranks."""
    medians = np.array([np.median(figures[strata == each]) for each in strata])
    return _mid_ranks(np.round(figures - medians, 12))


def _reached(statistics: Floats) -> Floats:
    """Return for each statistic the share of all that are as large, but for rounding."""
    ordered = np.sort(statistics)
    below = np.searchsorted(ordered, statistics * (1 - 1e-9), side="left")
    shares: Floats = 1.0 - below / len(statistics)
    return shares


def _cusum(residuals: Floats, w: Floats) -> Floats:
    """(b, n) units as (b, splits) distances of the two sides' means, each in its own standard error."""
    ends = slice(FEWEST - 1, residuals.shape[1] - FEWEST)
    left = np.cumsum(w, axis=1)[:, ends]
    whole = w.sum(axis=1)[:, None]
    distances: Floats = np.abs(np.cumsum(residuals, axis=1)[:, ends]) / np.sqrt(left * (whole - left) / whole)
    return distances


def _shuffled(strata: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Return (count, n) orders that move units within their stratum only."""
    keys = rng.random((count, len(strata)))
    home = np.argsort(strata, kind="stable")
    orders = np.empty((count, len(strata)), dtype=np.intp)
    orders[:, home] = np.lexsort((keys, np.broadcast_to(strata, keys.shape)), axis=1)
    return orders


def _mid_ranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - (counts - 1) / 2.0)[where]
    return found
