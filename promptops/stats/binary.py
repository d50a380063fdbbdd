"""Paired yes-or-no outcomes, of which only the discordant pairs speak: b lost, c gained."""

from __future__ import annotations

import math
from collections.abc import Callable

from promptops.stats.intervals import Interval
from promptops.stats.student import binomial_cdf, normal_quantile


def mcnemar_p(b: int, c: int, mid: bool = False) -> float:
    """Return McNemar's exact two-sided p-value; `mid` counts the seen table half. 1.0 if b + c = 0."""
    n = b + c
    if n == 0:
        return 1.0
    less = min(b, c)
    tail = binomial_cdf(less, n, 0.5)
    if mid:
        tail -= 0.5 * (tail - binomial_cdf(less - 1, n, 0.5))
    return min(1.0, 2 * tail)


def tango_interval(b: int, c: int, n: int, level: float = 0.95) -> Interval:
    """Return (b - c) / n with Tango's 1998 score interval; it has width even where b + c = 0.

    Raises ValueError unless the discordant pairs b and c fit into n pairs.
    """
    if n < 1 or b < 0 or c < 0 or b + c > n:
        raise ValueError(f"{b} and {c} discordant pairs don't fit into {n} pairs")
    z = normal_quantile(0.5 + level / 2)
    difference = (b - c) / n
    low = high = difference
    if difference > -1:
        low = _crossing(lambda delta: _score(b, c, n, delta) - z, -1.0, difference)
    if difference < 1:
        high = _crossing(lambda delta: _score(b, c, n, delta) + z, difference, 1.0)
    return Interval(difference, low, high)


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a falling function between low and high, by halving."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def _score(b: int, c: int, n: int, delta: float) -> float:
    """Return Tango's score statistic for the hypothesis that the difference is delta."""
    linear = -b - c + (2 * n - b + c) * delta
    root = math.sqrt(max(linear * linear + 8 * n * c * delta * (1 - delta), 0.0))
    lost = (root - linear) / (4 * n)
    variance = n * (2 * lost + delta * (1 - delta))
    gap = b - c - n * delta
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap)
