"""Intervals that hold at every number of cases at once, however often one looks: confidence sequences.

A mean by bets (Waudby-Smith & Ramdas 2024), with the mixture of stakes that `sequential` bets with. A
quantile by the same bets on "is at most x" (the duality of Howard & Ramdas 2022, Bernoulli 28:1704, with bets
in place of their boundary, so that no constant is left to choose).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.clusters import case_weights
from promptops.stats.intervals import Interval, finite
from promptops.stats.sequential import last_rejected, log_gains, mixed

_FEW = 64
"""Values up to which to look each one up takes less time than to sort them all."""
STAKES = np.geomspace(0.0001, 0.95, 40)
"""Of what can be lost; the small ones are for streams of millions, and all are settled before any is seen."""


def mean_sequence(
    values: npt.ArrayLike,
    level: float = 0.95,
    *,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> Interval:
    """Return the (weighted) mean of values (n,) in [0, 1], between bounds that hold at every n.

    With sampled records a weight is 1 over the share that was kept: then the bounds are of the mean of all
    calls. `largest` is the largest weight that can come, by default the largest here. Raises ValueError for
    other values, and for none.
    """
    x = finite(values)
    if not len(x) or x.min() < -1e-9 or x.max() > 1 + 1e-9:
        raise ValueError("the mean of a sequence needs one value or more within [0, 1]")
    rows, counts = distinct(np.clip(x, 0.0, 1.0), case_weights(weights, len(x)))
    value, weight = rows
    heaviest = max(float(weight.max()), largest or 0.0)
    limit = 2 / (1 - level)

    def rejected(bound: float, sign: float) -> bool:
        low = 0.0 if sign > 0 else -1.0
        gains = log_gains(sign * value * weight, weight, sign * bound, heaviest, low=low, stakes=STAKES)
        return bool(mixed(gains @ counts) >= limit)

    mean = float((value * weight) @ counts / (weight @ counts))
    return Interval(
        mean,
        min(mean, last_rejected(lambda bound: rejected(bound, 1.0), 0.0, 1.0)),
        max(mean, last_rejected(lambda bound: rejected(bound, -1.0), 1.0, 0.0)),
    )


def quantile_sequence(
    values: npt.ArrayLike,
    share: float,
    level: float = 0.95,
    *,
    weights: npt.ArrayLike | None = None,
    largest: float | None = None,
) -> Interval:
    """Return the quantile below which `share` of the (weighted) values lie, with bounds at every n.

    An end is infinite where so few values leave it open. Raises ValueError for no value, or no share.
    """
    x = finite(values)
    if not len(x) or not 0 < share < 1:
        raise ValueError("a quantile needs one value or more, and a share between 0 and 1")
    x, w = _in_order(x, case_weights(weights, len(x)))
    kinds, kind = _kinds(w)
    heaviest = max(float(kinds[-1]), largest or 0.0)
    whole = np.bincount(kind, minlength=len(kinds)).astype(np.float64)
    limit = 2 / (1 - level)

    def rejected(below: int, sign: float) -> bool:
        """Tell whether `below` values are too few (-1) or too many (1) for a mean of `share`."""
        inside = np.bincount(kind[:below], minlength=len(kinds)).astype(np.float64)
        low = 0.0 if sign > 0 else -1.0
        sums, sizes = np.concatenate([sign * kinds, 0.0 * kinds]), np.concatenate([kinds, kinds])
        gains = log_gains(sums, sizes, sign * share, heaviest, low=low, stakes=STAKES)
        return bool(mixed(gains @ np.concatenate([inside, whole - inside])) >= limit)

    first, last = _first(len(x), lambda k: not rejected(k, -1.0)), _first(len(x), lambda k: rejected(k, 1.0))
    return Interval(
        _quantile(x, share, w),
        -np.inf if first == 0 else float(x[first - 1]),
        np.inf if last > len(x) else float(x[last - 1]),
    )


def quantile(values: Floats, share: float, weights: Floats) -> float:
    """Return the value below which a share of the weight lies: as `quantile_sequence` does."""
    x, w = _in_order(values, weights)
    return _quantile(x, share, w)


def _in_order(x: Floats, w: Floats) -> tuple[Floats, Floats]:
    if (w == w[0]).all():
        return np.sort(x), w  # far faster than to find the order
    order = np.argsort(x, kind="stable")
    return x[order], w[order]


def _quantile(x: Floats, share: float, w: Floats) -> float:
    place = int(np.searchsorted(np.cumsum(w), share * w.sum() * (1 - 1e-12)))
    return float(x[min(place, len(x) - 1)])


def distinct(*columns: Floats) -> tuple[Floats, Floats]:
    """Return the different rows of columns (n,) as (columns, rows), and how often each is there.

    Column by column: to sort whole rows takes ten times as long.
    """
    kinds: list[Floats] = []
    places: Ints = np.zeros(0, dtype=np.intp)
    for column in columns:
        values, own = _kinds(column)
        if kinds:
            own += places * len(values)
        pairs, places = _pairs(own)
        kinds = [*(kind[pairs // len(values)] for kind in kinds), values[pairs % len(values)]]
    return np.stack(kinds), np.bincount(places, minlength=len(kinds[0])).astype(np.float64)


def _kinds(column: Floats) -> tuple[Floats, Ints]:
    """Return the different values in order, and which of them each is; shares and weights have a few."""
    if column.min() == column.max():
        return column[:1], np.zeros(len(column), dtype=np.intp)
    values = np.unique(column)
    if len(values) > _FEW:
        values, own = np.unique(column, return_inverse=True)
        return values, own
    return values, np.searchsorted(values, column)


def _pairs(numbers: Ints) -> tuple[Ints, Ints]:
    """Return the different numbers in order, and which of them each is; small ones need no sorting."""
    if numbers.max() > _FEW**2:
        found, own = np.unique(numbers, return_inverse=True)
        return found, own
    there = np.bincount(numbers) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _first(n: int, holds: Callable[[int], bool]) -> int:
    """Return the first k of 0 to n for which something holds that holds from there on; n + 1 without one."""
    low, high = 0, n + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
