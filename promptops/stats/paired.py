"""Paired differences: the bound on which the gate decides, and two plain tests beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints, flips
from promptops.stats.clusters import Labels, TooFewClustersError, case_weights, numbered, summed
from promptops.stats.intervals import finite, mean_interval
from promptops.stats.student import t_cdf, t_quantile, t_sf

_TIE = 1e-12
"""Two sums this close (relative to the largest) are equal but for the order of additions."""

_EQUAL = 1e-12
"""Scores on a range of about 1 that are this close are equal but for rounding."""


@dataclass(frozen=True)
class Bound:
    """A mean difference between its lower and upper one-sided bounds, which lie evenly around it."""

    mean: float
    low: float
    high: float
    se: float
    df: float
    n: int
    clusters: int


@dataclass(frozen=True)
class Bounds:
    """Many mean differences (runs,) between their bounds, all with the same cases and clusters."""

    mean: Floats
    low: Floats
    high: Floats
    se: Floats
    df: float


def terminal_bound(
    d: npt.ArrayLike,
    clusters: Labels | None = None,
    alpha: float = 0.05,
    *,
    weights: npt.ArrayLike | None = None,
) -> Bound:
    """Return the mean difference and its two one-sided (1 - alpha) bounds for a fixed number of cases.

    Cluster-robust t with two pseudo-cases, +m and -m with m = max|d| (1 if every d is 0), each a
    cluster of its own: n + 2 cases, G + 2 clusters, df = G + 1 (after Bonett & Price 2012). The
    plain t bound lets regressions pass where differences are rare: its error is smallest just when
    the losses happen to be missing. Bonett & Price also shrink the centre to n/(n+2) of the mean, which
    moves a true loss of one margin towards 0 and so towards PASS; here the whole interval is
    stretched back by (n+2)/n, so that it lies around the mean that is shown. Whether it excludes 0
    stays as it was. A pseudo-case has the mean weight. Raises TooFewClustersError below two real
    clusters. Error rates: tests/stats/test_paired.py.
    """
    found = terminal_bounds(finite(d)[:, None], clusters, alpha, weights=weights)
    mean, low, high, se = (float(part[0]) for part in (found.mean, found.low, found.high, found.se))
    return Bound(mean, low, high, se, found.df, len(finite(d)), int(found.df) - 1)


def terminal_bounds(
    d: npt.ArrayLike,
    clusters: Labels | None = None,
    alpha: float = 0.05,
    *,
    weights: npt.ArrayLike | None = None,
) -> Bounds:
    """Return `terminal_bound` of every column of d (n, runs); of d (n,) as figures without a dimension."""
    x = np.asarray(d, dtype=np.float64)
    if not np.all(np.isfinite(x)):
        raise ValueError("differences are finite numbers")
    w = case_weights(weights, len(x))
    numbers, count = numbered(clusters, len(x))
    if count < 2:
        raise TooFewClustersError(count)
    columns = x.reshape(len(x), -1)
    mean = w @ columns / w.sum()
    largest = np.abs(columns).max(axis=0)
    largest = np.where(largest < _EQUAL, 1.0, largest)
    shrunk = mean * len(x) / (len(x) + 2)
    residuals = summed(w[:, None] * (columns - shrunk), numbers, count)
    squares = (residuals**2).sum(axis=0) + w.mean() ** 2 * ((largest - shrunk) ** 2 + (largest + shrunk) ** 2)
    se = np.sqrt((count + 2) / (count + 1) * squares) / w.sum()
    reach = t_quantile(1 - alpha, count + 1) * se
    mean, low, high, se = (part.reshape(x.shape[1:]) for part in (mean, mean - reach, mean + reach, se))
    return Bounds(mean, low, high, se, count + 1)


def p_below(bound: Bound, value: float) -> float:
    """Return the p-value for "the true difference lies below `value`", against "it is at least that".

    Under alpha exactly when the upper bound lies below `value`; with 0 it is the p-value of harm.
    """
    return t_cdf((bound.mean - value) / bound.se, bound.df)


def p_above(bound: Bound, value: float) -> float:
    """Return the p-value for "the true difference lies above `value`", against "it is at most that".

    Under alpha exactly when the lower bound lies above `value`; with -margin it is the p-value of
    non-inferiority.
    """
    return t_sf((bound.mean - value) / bound.se, bound.df)


def paired_t_p(d: npt.ArrayLike, clusters: Labels | None = None) -> float:
    """Return the two-sided p-value of the plain cluster-robust t test for a mean difference of 0.

    1.0 where every difference is 0; 0.0 where all are the same other number.
    """
    interval = mean_interval(d, clusters)
    if interval.se == 0:
        return 1.0 if interval.mean == 0 else 0.0
    return 2 * t_sf(abs(interval.mean) / interval.se, interval.df)


def sign_flip_p(
    d: npt.ArrayLike, clusters: Labels | None = None, resamples: int = 10_000, seed: int = 0
) -> float:
    """Return the two-sided permutation p-value for a mean difference of 0; clusters flip as one.

    Exact (all 2^G signs) up to 14 clusters, else (1 + #{|t_r| >= |t|}) / (resamples + 1).
    """
    return float(sign_flip_columns(finite(d)[:, None], clusters, resamples, seed)[0])


def sign_flip_columns(
    d: Floats, clusters: Labels | None = None, resamples: int = 10_000, seed: int = 0
) -> Floats:
    """Return `sign_flip_p` of every column of d (n, k); a case has one sign in all columns."""
    numbers, count = numbered(clusters, len(d))
    sums = summed(d, numbers, count)
    observed = np.abs(sums.sum(axis=0))
    threshold = observed - _TIE * np.abs(sums).sum(axis=0)
    extreme = np.zeros(d.shape[1])
    for bits in flips.rows(count, resamples, seed):
        extreme += (np.abs((2 * bits - 1) @ sums) >= threshold).sum(axis=0)
    return flips.p_value(extreme, count, resamples)


def category_flip_p(first: Ints, second: Ints, resamples: int = 10_000, seed: int = 0) -> float:
    """Return the p-value that cases changed category (0, 1, ...) as often one way as back.

    Sign flips of each case's move; the statistic is the sum over categories of net moves squared, over
    all moves of that category (Stuart's form). 1.0 where no case changed.
    """
    width = int(max(first.max(), second.max())) + 1
    moves = np.eye(width)[second] - np.eye(width)[first]
    moves = moves[np.abs(moves).any(axis=1)]
    if not len(moves):
        return 1.0
    scale = np.abs(moves).sum(axis=0)
    moves, scale = moves[:, scale > 0], scale[scale > 0]
    observed = float((moves.sum(axis=0) ** 2 / scale).sum())
    extreme = np.zeros(1)
    for bits in flips.rows(len(moves), resamples, seed):
        extreme += ((((2 * bits - 1) @ moves) ** 2 / scale).sum(axis=1) >= observed * (1 - _TIE)).sum()
    return float(flips.p_value(extreme, len(moves), resamples)[0])
