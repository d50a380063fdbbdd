"""Intervals for a mean, a proportion and any figure of summed counts; cases may come in clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, bootstrap
from promptops.stats.bootstrap import Combine, Method
from promptops.stats.clusters import Labels, TooFewClustersError, case_weights, numbered, summed
from promptops.stats.student import normal_quantile, t_quantile


@dataclass(frozen=True)
class MeanInterval:
    """A mean with its two-sided interval; `df` is the number of clusters less one."""

    mean: float
    low: float
    high: float
    se: float
    df: float
    n: int
    clusters: int


@dataclass(frozen=True)
class Interval:
    """A figure with the two ends of its interval."""

    value: float
    low: float
    high: float


def mean_interval(
    values: npt.ArrayLike,
    clusters: Labels | None = None,
    level: float = 0.95,
    *,
    weights: npt.ArrayLike | None = None,
) -> MeanInterval:
    """Return the (weighted) mean and its cluster-robust t interval.

    SE = sqrt(G/(G-1) * sum_g (sum_{i in g} w_i (x_i - mean))^2) / sum w, df = G - 1: Liang & Zeger's
    CR1 with the linearised (Hajek) weighted mean; Miller 2024, arXiv 2411.00640. Raises
    TooFewClustersError for a single cluster and ValueError for values that aren't finite.
    """
    x = finite(values)
    w = case_weights(weights, len(x))
    numbers, count = numbered(clusters, len(x))
    if count < 2:
        raise TooFewClustersError(count)
    mean = float(w @ x / w.sum())
    se = clustered_error(summed(w * (x - mean), numbers, count), float(w.sum()))
    reach = t_quantile(0.5 + level / 2, count - 1) * se
    return MeanInterval(mean, mean - reach, mean + reach, se, count - 1, len(x), count)


def equal_interval(value: float, clusters: int, low: float, high: float, level: float = 0.95) -> Interval:
    """Return a mean of equal values, each in [low, high], with an interval that is wide where they are few.

    So many independent clusters without another value leave a share p = 1 - ((1 - level) / 2)^(1/clusters)
    that may have gone unseen (Clopper & Pearson 1934, of no success), and it may lie at an end of the range.
    """
    unseen = 1 - ((1 - level) / 2) ** (1 / clusters)
    ends = min(low, value), max(high, value)
    return Interval(value, value + unseen * (ends[0] - value), value + unseen * (ends[1] - value))


def wilson_interval(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return a proportion and Wilson's 1927 score interval; n may be an effective number of trials.

    Raises ValueError unless 0 <= successes <= n.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is no proportion")
    z = normal_quantile(0.5 + level / 2)
    share = successes / n
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    high = 1.0 if successes == n else min(1.0, centre + reach)
    return Interval(share, low, high)


def bootstrap_interval(
    counts: npt.ArrayLike,
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    level: float = 0.95,
    *,
    method: Method = "percentile",
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the figure that `combine` makes of counts (n, k), with its cluster bootstrap interval.

    `n` holds each case's size: ones, or its weight where counts were multiplied by weights. Ends
    are NaN where the figure is undefined on over 5 % of the resamples. Raises TooFewClustersError.
    """
    drawn = bootstrap.resampled(
        [bootstrap.table(counts)], n, clusters, combine, resamples=resamples, seed=seed
    )
    tail = (1 - level) / 2
    low, high = (bootstrap.quantile(drawn, share, method) for share in (tail, 1 - tail))
    return Interval(drawn.figure, low, high)


def finite(values: npt.ArrayLike) -> Floats:
    """Return values as a vector of finite numbers. Raises ValueError where they aren't."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.all(np.isfinite(x)):
        raise ValueError("values are one finite number a case")
    return x


def clustered_error(residuals: Floats, total_weight: float) -> float:
    """Return the standard error of a mean from the sum of weighted residuals in each cluster."""
    count = len(residuals)
    return math.sqrt(count / (count - 1) * float(residuals @ residuals)) / total_weight
