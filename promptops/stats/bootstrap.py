"""The cluster bootstrap for figures made of summed counts: draws, and the bounds that follow from them.

A resample is a row of how often each cluster was drawn; all resamples are one matrix product with the
clusters' sums, and `combine` turns all totals into figures at once. BCa: Efron 1987.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.clusters import Labels, TooFewClustersError, numbered, summed
from promptops.stats.student import normal_cdf, normal_quantile

Combine = Callable[[Floats, Floats], Floats]
"""Turns totals (..., k) over n (...) cases into figures (...)."""
Method = Literal["bca", "percentile"]

_CHUNK = 2_000_000
"""Draws that are counted at one time (16 MB)."""
_KEPT = 30_000_000
"""Draws of one kind that are kept for the next metric (60 MB)."""
_UNDEFINED = 0.05
"""Share of resamples without a figure above which there are no bounds."""


@dataclass(frozen=True)
class Bootstrap:
    """A figure, its sorted resampled values, and what BCa corrects by.

    `undefined` counts the resamples on which the figure isn't a finite number. Where no resample
    differs from the figure, bounds have no width: ask first whether anything differs at all.
    """

    figure: float
    draws: Floats
    bias: float
    acceleration: float
    clusters: int
    undefined: int


def table(counts: npt.ArrayLike) -> Floats:
    """Return counts as a table, one row a case. Raises ValueError where they aren't finite numbers."""
    rows = np.asarray(counts, dtype=np.float64)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or not np.all(np.isfinite(rows)):
        raise ValueError("counts are a table of finite numbers, one row a case")
    return rows


def resampled(
    tables: Sequence[Floats],
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    *,
    resamples: int,
    seed: int,
) -> Bootstrap:
    """Resample the figure of one table of counts, or of the second less that of the first of two.

    Tables are of the same cases in the same order, `n` holds the cases' sizes. Raises TooFewClustersError.
    """
    cases, k = tables[0].shape
    if any(other.shape != (cases, k) for other in tables):
        raise ValueError(f"pairs have counts of one shape, not {[other.shape for other in tables]}")
    numbers, count = numbered(clusters, cases)
    if count < 2:
        raise TooFewClustersError(count)
    sizes = np.broadcast_to(np.asarray(n, dtype=np.float64), (cases,))
    sums = summed(np.column_stack([*tables, sizes]), numbers, count)

    def figures(totals: Floats) -> Floats:
        size = totals[..., -1]
        last = np.asarray(combine(totals[..., -1 - k : -1], size), dtype=np.float64)
        return last if len(tables) == 1 else last - np.asarray(combine(totals[..., :k], size))

    total = sums.sum(axis=0)
    figure = float(figures(total))
    drawn = np.concatenate([figures(chosen @ sums) for chosen in drawings(count, resamples, seed)])
    draws = np.sort(drawn[np.isfinite(drawn)])
    bias, acceleration = _bias(draws, figure), _acceleration(figures(total - sums))
    return Bootstrap(figure, draws, bias, acceleration, count, undefined=len(drawn) - len(draws))


def quantile(boot: Bootstrap, probability: float, method: Method = "bca") -> float:
    """Return the one-sided bound that the truth lies under with this probability; NaN if there is none."""
    if _without_bounds(boot):
        return math.nan
    if method == "bca":
        shifted = boot.bias + normal_quantile(probability)
        probability = normal_cdf(boot.bias + shifted / max(1 - boot.acceleration * shifted, 1e-9))
    return float(np.quantile(boot.draws, probability))


def p_below(boot: Bootstrap, value: float) -> float:
    """Return the p-value for "the true figure lies below `value`", dual to the upper BCa bound."""
    return 1.0 - _confidence_below(boot, value, tie="first")


def p_above(boot: Bootstrap, value: float) -> float:
    """Return the p-value for "the true figure lies above `value`", dual to the lower BCa bound."""
    return _confidence_below(boot, value, tie="last")


def recentred_p(boot: Bootstrap) -> float:
    """Return the two-sided p-value for a figure of 0: (1 + #{|t* - mean t*| >= |t|}) / (B + 1).

    Not sacrebleu's `--paired-bs`, whose p is about half of this (it drops the sign before recentring).
    """
    if _without_bounds(boot):
        return math.nan
    spread = np.abs(boot.draws - boot.draws.mean())
    extreme = int((spread >= abs(boot.figure) * (1 - 1e-12)).sum())
    return (1 + extreme) / (len(boot.draws) + 1)


def drawings(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield blocks (rows, clusters) of how often each cluster was drawn; the same for the same arguments.

    Metrics and slices with as many clusters share their resamples, so these are kept where they are small.
    """
    small = clusters * resamples <= _KEPT
    blocks = _kept_drawings(clusters, resamples, seed) if small else _drawn(clusters, resamples, seed)
    for block in blocks:
        yield block.astype(np.float64)


@lru_cache(maxsize=3)
def _kept_drawings(clusters: int, resamples: int, seed: int) -> tuple[npt.NDArray[np.uint16], ...]:
    return tuple(_drawn(clusters, resamples, seed))


def _drawn(clusters: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // clusters)
    for start in range(0, resamples, step):
        height = min(step, resamples - start)
        drawn = rng.integers(0, clusters, size=(height, clusters))
        drawn += np.arange(0, height * clusters, clusters)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=height * clusters)
        yield counted.reshape(height, clusters).astype(np.uint16)


def _bias(draws: Floats, figure: float) -> float:
    if not len(draws):
        return math.nan
    close = 1e-12 * max(abs(figure), float(np.abs(draws[[0, -1]]).max()))
    below = float((draws < figure - close).sum()) + 0.5 * float((np.abs(draws - figure) <= close).sum())
    return normal_quantile(_inside(below / len(draws), len(draws)))


def _acceleration(left_out: Floats) -> float:
    """Return a sixth of the skewness of the jackknife over clusters; 0 where it has no spread."""
    gaps = left_out[np.isfinite(left_out)]
    gaps = gaps.mean() - gaps if len(gaps) else gaps
    spread = float((gaps**2).sum())
    return float((gaps**3).sum()) / (6.0 * spread**1.5) if spread > 1e-300 else 0.0


def _confidence_below(boot: Bootstrap, value: float, tie: Literal["first", "last"]) -> float:
    """Return the probability whose BCa bound is `value`: the inverse of `quantile`."""
    if _without_bounds(boot):
        return math.nan
    share = _place(boot.draws, value, tie) / max(len(boot.draws) - 1, 1)
    shifted = normal_quantile(_inside(share, len(boot.draws))) - boot.bias
    return normal_cdf(shifted / max(1 + boot.acceleration * shifted, 1e-9) - boot.bias)


def _place(draws: Floats, value: float, tie: Literal["first", "last"]) -> float:
    """Return where value stands among sorted draws, on the straight lines that np.quantile draws."""
    first, after = (
        int(np.searchsorted(draws, value, side="left")),
        int(np.searchsorted(draws, value, side="right")),
    )
    if first < after:
        return first if tie == "first" else after - 1
    if first in (0, len(draws)):
        return max(0, min(first, len(draws) - 1))
    below, above = draws[first - 1], draws[first]
    return float(first - 1 + (value - below) / (above - below))


def _inside(share: float, draws: int) -> float:
    return min(max(share, 1 / (draws + 1)), draws / (draws + 1))


def _without_bounds(boot: Bootstrap) -> bool:
    total = len(boot.draws) + boot.undefined
    return not math.isfinite(boot.figure) or boot.undefined > _UNDEFINED * total
