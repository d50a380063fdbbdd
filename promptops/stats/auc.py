"""How sure is an area under the curve? Intervals that hold near 0.5 and near 1, and with blocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from promptops.stats import Floats, Ints
from promptops.stats.intervals import Interval
from promptops.stats.student import normal_cdf, normal_quantile

_STEPS = 60


def auc_interval(
    first: Floats,
    second: Floats,
    level: float = 0.95,
    first_blocks: Ints | None = None,
    second_blocks: Ints | None = None,
) -> Interval:
    """Return P(second > first) + P(equal) / 2 with its two-sided interval.

    Newcombe 2006 (method 5): all areas whose Hanley & McNeil variance doesn't refuse the one seen, like
    Wilson's interval of a share. With blocks the sizes are divided by the design effect: Obuchowski's 1997
    variance over DeLong's 1988, where it is above 1.
    """
    wins = _placements(first, second)
    area = float(wins[0].mean())
    effect = _design_effect(wins, area, first_blocks, second_blocks)
    return _by_score(area, _hanley_mcneil(len(first) / effect, len(second) / effect), level)


def pairs_interval(wins: float, n: int, level: float = 0.95) -> Interval:
    """Return the share of pairs whose second member is higher (a tie is half a win), Wilson's interval."""
    return _by_score(wins / n, lambda share: share * (1 - share) / n, level)


def area_above_p(seen: float, limit: float, n: int, m: int, *, paired: bool = False) -> float:
    """Return the one-sided p-value of "the true area is at most `limit`": score test with variance there.

    Under alpha exactly where the lower end at level 1 - 2 alpha lies above. Of pairs n is their number.
    """
    spread = limit * (1 - limit) / n if paired else _hanley_mcneil(n, m)(limit)
    return normal_cdf(-(seen - limit) / math.sqrt(spread))


def _placements(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return for each value the share of the other side's that it loses to (first) or beats (second)."""
    ordered = [np.sort(first), np.sort(second)]

    def below(values: Floats, others: Floats) -> Floats:
        either = [np.searchsorted(others, values, side=side) for side in ("left", "right")]
        shares: Floats = (either[0] + either[1]) / (2 * len(others))
        return shares

    return 1.0 - below(first, ordered[1]), below(second, ordered[0])


def _design_effect(
    wins: tuple[Floats, Floats], area: float, first_blocks: Ints | None, second_blocks: Ints | None
) -> float:
    if first_blocks is None or second_blocks is None:
        return 1.0
    plain = clustered = 0.0
    for side, blocks in zip(wins, (first_blocks, second_blocks), strict=True):
        errors = (side - area) / len(side)
        sums = np.bincount(blocks, weights=errors)
        count = len(np.unique(blocks))
        plain += float(errors @ errors)
        clustered += float(sums @ sums) * count / max(count - 1, 1)
    return max(1.0, clustered / plain) if plain > 0 else 1.0


def _hanley_mcneil(n: float, m: float) -> Callable[[float], float]:
    """Return the variance of an area seen on n and m cases by the true one (Hanley & McNeil 1982)."""
    other = (n + m) / 2 - 1

    def variance(area: float) -> float:
        more = max(other, 0.0) * ((1 - area) / (2 - area) + area / (1 + area))
        return area * (1 - area) * (1 + more) / (n * m)

    return variance


def _by_score(seen: float, variance: Callable[[float], float], level: float) -> Interval:
    """Return the ends of all true values t with (seen - t)^2 <= z^2 variance(t), by halving."""
    z = normal_quantile(0.5 + level / 2)

    def end(limit: float) -> float:
        inside, outside = seen, limit
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if (seen - middle) ** 2 <= z * z * variance(middle):
                inside = middle
            else:
                outside = middle
        return inside

    return Interval(seen, end(0.0), end(1.0))
