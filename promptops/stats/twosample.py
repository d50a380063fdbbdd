"""Two samples of one variable: tests of whether, and figures of how far, they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.student import chi2_sf, normal_cdf

EPSILON = 1e-4
"""The least share of a bin in PSI, which depends on it: an empty bin of 1,000 texts is told from one text."""

_SURELY_NULL = 0.1
"""Below this the Kolmogorov distribution's upper tail is 1 to fifty digits, and its series is slow."""


@dataclass(frozen=True)
class KolmogorovSmirnov:
    """The largest gap between two empirical distributions and its p-value, one a column."""

    statistic: Floats
    p: Floats


@dataclass(frozen=True)
class ChiSquare:
    """A test of independence; df is 0 and p is 1 where fewer than two categories remain."""

    statistic: float
    df: int
    p: float


@dataclass(frozen=True)
class RankTest:
    """Mann & Whitney: `auc` = P(y > x) + P(y = x) / 2, two-sided p, one-sided p that y is greater."""

    auc: float
    p: float
    p_greater: float


@dataclass(frozen=True)
class StabilityIndex:
    """PSI, which has no fixed alarm level, with all that it depends on and the p-value it lacks."""

    psi: float
    p: float
    edges: Floats
    epsilon: float


def kolmogorov_smirnov(x: npt.ArrayLike, y: npt.ArrayLike) -> KolmogorovSmirnov:
    """Test each column of x (n, c) against that of y (m, c); vectors are one column.

    Asymptotic p with Stephens' 1970 correction for small samples; conservative where values tie.
    """
    first, second = _columns(x), _columns(y)
    statistic = np.abs(_gaps(first, second)).max(axis=1)
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return KolmogorovSmirnov(statistic, _kolmogorov_sf((root + 0.12 + 0.11 / root) * statistic))


def smirnov_greater(x: npt.ArrayLike, y: npt.ArrayLike) -> KolmogorovSmirnov:
    """Test one-sidedly whether y lies higher than x: the largest F_x - F_y, p as corrected by Hodges 1957."""
    first, second = _columns(x), _columns(y)
    statistic = np.maximum(_gaps(first, second).max(axis=1), 0.0)
    large, small = max(len(first), len(second)), min(len(first), len(second))
    scaled = math.sqrt(large * small / (large + small)) * statistic
    correction = 2 * scaled * (large + 2 * small) / math.sqrt(large * small * (large + small)) / 3
    return KolmogorovSmirnov(statistic, np.exp(-2 * scaled**2 - correction))


def contingency(x: npt.ArrayLike, y: npt.ArrayLike, rare: float = 5.0) -> ChiSquare:
    """Test two rows of counts of the same categories; those expected below `rare` are pooled into one."""
    table = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    sizes = table.sum(axis=1)
    table = _with_pooled(table, table.sum(axis=0) * sizes.min() / sizes.sum() < rare)
    if table.shape[1] < 2 or not sizes.all():
        return ChiSquare(0.0, 0, 1.0)
    expected = sizes[:, None] * table.sum(axis=0) / sizes.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    df = table.shape[1] - 1
    return ChiSquare(statistic, df, chi2_sf(statistic, df))


def wasserstein(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the earth mover's distance of two samples, in their own unit."""
    first, second = (np.sort(np.asarray(side, dtype=np.float64)) for side in (x, y))
    pooled = np.sort(np.concatenate([first, second]))
    below = [np.searchsorted(side, pooled[:-1], side="right") / len(side) for side in (first, second)]
    return float(np.abs(below[0] - below[1]) @ np.diff(pooled))


def energy(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the energy distance of two samples: sqrt(2 E|X-Y| - E|X-X'| - E|Y-Y'|) (Szekely 2002)."""
    first, second = (np.sort(np.asarray(side, dtype=np.float64)) for side in (x, y))
    pooled = np.sort(np.concatenate([first, second]))
    below = [np.searchsorted(side, pooled[:-1], side="right") / len(side) for side in (first, second)]
    return math.sqrt(2.0 * float((below[0] - below[1]) ** 2 @ np.diff(pooled)))


def jensen_shannon(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the Jensen-Shannon divergence of two rows of counts: base 2, 0 to 1, no square root."""
    p, q = (np.asarray(side, dtype=np.float64) / np.sum(side) for side in (x, y))
    middle = (p + q) / 2
    return max(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def binned(x: npt.ArrayLike, y: npt.ArrayLike, bins: int = 10) -> tuple[Floats, Floats]:
    """Return both samples' counts in common bins, which hold equal shares of the pooled sample.

    A value that much of it has has a bin of its own, as in `stability_index`.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    edges = _edges(np.concatenate([first, second]), first[:0], bins)
    return _counts(first, edges), _counts(second, edges)


def mann_whitney(x: npt.ArrayLike, y: npt.ArrayLike) -> RankTest:
    """Test whether values of y tend to be greater: normal approximation with ties and continuity."""
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n, m = len(first), len(second)
    _, places, repeats = np.unique(np.concatenate([first, second]), return_inverse=True, return_counts=True)
    middle_ranks = np.cumsum(repeats) - (repeats - 1) / 2
    wins = float(middle_ranks[places[n:]].sum()) - m * (m + 1) / 2
    total = n + m
    ties = float((repeats.astype(np.float64) ** 3 - repeats).sum()) / (total * (total - 1))
    sd = math.sqrt(n * m / 12 * (total + 1 - ties))
    auc = wins / (n * m)
    if sd == 0:
        return RankTest(auc, 1.0, 1.0)
    gap = wins - n * m / 2
    p = min(1.0, 2 * normal_cdf(-(abs(gap) - 0.5) / sd))
    return RankTest(auc, p, normal_cdf(-(gap - 0.5) / sd))


def stability_index(
    reference: npt.ArrayLike, current: npt.ArrayLike, bins: int = 10, epsilon: float = EPSILON
) -> StabilityIndex:
    """Return PSI over bins of equal reference share: sum (q - p) ln(q / p), shares at least `epsilon`.

    A value that much of the reference has (two or more of its quantiles) has a bin of its own, which ends at
    the next value of either side: else what is new above it would not be seen. An edge is in the bin above.
    Without any drift PSI n m / (n + m) is about chi-square with bins - 1 degrees of freedom
    (Yurdakul 2018), whence p.
    """
    first, second = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    edges = _edges(first, second, bins)
    psi, p = stability_of_counts(_counts(first, edges), _counts(second, edges), epsilon)
    return StabilityIndex(psi, p, edges, epsilon)


def stability_of_counts(
    reference: npt.ArrayLike, current: npt.ArrayLike, epsilon: float = EPSILON
) -> tuple[float, float]:
    """Return PSI and its p-value of two rows of counts of the same bins or categories."""
    first, second = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    n, m = float(first.sum()), float(second.sum())
    some = (first > 0) | (second > 0)
    p, q = np.maximum(first[some] / n, epsilon), np.maximum(second[some] / m, epsilon)
    psi = float(((q - p) * np.log(q / p)).sum())
    return psi, chi2_sf(psi * n * m / (n + m), len(p) - 1) if len(p) > 1 else 1.0


def _columns(values: npt.ArrayLike) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    return table[:, None] if table.ndim == 1 else table


def _gaps(first: Floats, second: Floats) -> Floats:
    """Return F_first - F_second after each pooled value, (columns, n + m); 0 inside runs of equal values."""
    n, m = len(first), len(second)
    pooled = np.ascontiguousarray(np.concatenate([first, second]).T)
    order = np.argsort(pooled, axis=1)
    ordered = np.take_along_axis(pooled, order, axis=1)
    # Steps of 1/n and 1/m, times nm: whole numbers, so that equal samples have a gap of exactly 0.
    steps = np.cumsum(np.where(order < n, m, -n), axis=1)
    # Inside a run of equal values the two distributions haven't both stepped yet.
    steps[:, :-1][ordered[:, 1:] == ordered[:, :-1]] = 0
    gaps: Floats = steps / (n * m)
    return gaps


def _kolmogorov_sf(x: Floats) -> Floats:
    terms = np.arange(1, 101)
    series = 2 * ((-1.0) ** (terms - 1) * np.exp(-2.0 * np.square(np.maximum(x, 1e-3)[:, None] * terms))).sum(
        axis=1
    )
    sf: Floats = np.where(x < _SURELY_NULL, 1.0, np.clip(series, 0.0, 1.0))
    return sf


def _with_pooled(table: Floats, rare: npt.NDArray[np.bool_]) -> Floats:
    if not rare.any():
        return table
    rest = table[:, rare].sum(axis=1, keepdims=True)
    kept = table[:, ~rare]
    return np.concatenate([kept, rest], axis=1) if rest.any() else kept


def _relative_entropy(p: Floats, q: Floats) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


def _edges(reference: Floats, current: Floats, bins: int) -> Floats:
    """Return what parts values into bins of equal reference share; fewer, or more, where values tie."""
    cuts, times = np.unique(np.quantile(reference, np.arange(1, bins) / bins), return_counts=True)
    values = np.unique(np.concatenate([reference, current]))
    above = np.searchsorted(values, cuts[times > 1], side="right")
    return np.union1d(cuts, values[above[above < len(values)]])


def _counts(values: Floats, edges: Floats) -> Floats:
    places = np.searchsorted(edges, values, side="right")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
