"""The case bootstrap of any figure that can be told from how often each case was drawn.

Whole clusters are drawn. A figure takes all resamples of a block at once, so that nothing loops over
resamples; what is asked for together is drawn together, and differences are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from promptops.stats import Floats, Ints, bootstrap
from promptops.stats.bootstrap import Bootstrap, Method
from promptops.stats.clusters import Labels, TooFewClustersError, numbered

Weighted = Callable[[Floats], Floats]
"""Turns how often each case was drawn, (b, n), into figures (b,) or (b, k); NaN where there is none."""

RESAMPLES = 2000
_CHUNK = 250_000
"""Numbers in one block of weights (2 MB, from which a figure makes some ten more blocks)."""
_LEFT_OUT = 500
"""Groups of clusters that are left out by turns at most, to tell the skewness."""


@dataclass(frozen=True)
class Estimated:
    """A figure with its interval; None with a reason where there is none."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Pairs of ratings, or cases, that the figure is made of."""
    reason: str | None = None
    """Why the value or its interval is None."""


def at_once(figure: Weighted, n: int) -> Floats:
    """Return a figure on the n cases themselves: a vector (k,), of one where the figure is one."""
    seen: Floats = _table(figure(np.ones((1, n))))[0]
    return seen


def drawn(
    figure: Weighted,
    n: int,
    clusters: Labels | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Bootstrap, ...]:
    """Resample a figure of n cases; one Bootstrap for each of its k columns. Raises TooFewClustersError."""
    numbers, count = numbered(clusters, n)
    if count < 2:
        raise TooFewClustersError(count)
    seen = at_once(figure, n)
    rows = np.concatenate(
        [_table(figure(block)) for block in _drawn_weights(numbers, count, resamples, seed)]
    )
    without = np.concatenate([_table(figure(block)) for block in _weights_without(numbers, count)])
    return tuple(
        bootstrap.of_draws(float(seen[column]), rows[:, column], without[:, column], count)
        for column in range(rows.shape[1])
    )


def estimated(
    boot: Bootstrap, n: int, level: float = 0.95, *, undefined: str, method: Method = "bca"
) -> Estimated:
    """Return a bootstrap's figure and interval; `undefined` says why there would be no figure.

    Where no resample differs from the figure an interval would have no width, which is not the same
    as being sure; then there is none.
    """
    if not math.isfinite(boot.figure):
        return Estimated(None, None, None, n, undefined)
    tail = (1 - level) / 2
    low, high = (bootstrap.quantile(boot, share, method) for share in (tail, 1 - tail))
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimated(boot.figure, None, None, n, f"on over 5 % of the resamples: {undefined}")
    if boot.draws[-1] - boot.draws[0] <= 1e-12 * max(1.0, abs(boot.figure)):
        return Estimated(boot.figure, None, None, n, "no resample differs, so there is no interval")
    return Estimated(boot.figure, low, high, n)


def _table(figures: Floats) -> Floats:
    return figures[:, None] if figures.ndim == 1 else figures


def _drawn_weights(numbers: Ints, count: int, resamples: int, seed: int) -> Iterator[Floats]:
    step = max(1, _CHUNK // len(numbers))
    for block in bootstrap.drawings(count, resamples, seed):
        for start in range(0, len(block), step):
            yield block[start : start + step][:, numbers]


def _weights_without(numbers: Ints, count: int) -> Iterator[Floats]:
    """Yield ones, with 0 where a cluster is left out; many clusters are left out in groups of some."""
    groups = numbers % min(count, _LEFT_OUT)
    step = max(1, _CHUNK // len(numbers))
    for start in range(0, min(count, _LEFT_OUT), step):
        left = np.arange(start, min(start + step, count, _LEFT_OUT))
        yield (groups[None, :] != left[:, None]).astype(np.float64)
