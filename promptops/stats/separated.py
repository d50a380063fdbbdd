"""Which differences of strengths are sure, also where some systems never lost to others.

There no finite strength fits best. Within systems that beat one another, by way of others, the differences
are those of their own games: the limit of the likelihood's maximum as the gap to the rest grows. Between them
an exact sign test speaks: if the upper one were no stronger, it would win all of m independent clusters of
their own games with probability 1 / 2^m at most. What follows from sure orders is sure as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats, Ints
from promptops.stats.bradley_terry import Strengths, bradley_terry
from promptops.stats.clusters import Labels, numbered
from promptops.stats.games import reached
from promptops.stats.many import Differences

_SURE = float(np.finfo(np.float64).tiny)
"""An end that is above 0 and tells no size."""


def sure_differences(
    fitted: Strengths,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    score: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Differences:
    """Return all differences (K, K), row less column, in intervals that all hold with `level`.

    `fitted` is what `bradley_terry` says of the same comparisons. Where it is penalised, half of the error
    goes to the differences within each group of systems that beat one another, half to the orders between
    groups (Bonferroni); a difference between groups has no end on the far side.
    """
    if not fitted.penalised:
        return fitted.differences(level)
    a, b = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    x = np.asarray(score, dtype=np.float64)
    numbers, _ = numbered(clusters, len(a))
    w = np.ones(len(a)) if weights is None else np.asarray(weights, dtype=np.float64)
    k = len(fitted.strengths)
    reach = reached(fitted.wins[None])[0]
    own = reach & reach.T
    low, high = np.full((k, k), -np.inf), np.full((k, k), np.inf)
    np.fill_diagonal(low, 0.0)
    np.fill_diagonal(high, 0.0)
    half = (1 - level) / 2
    groups = [members for members in _groups(own) if len(members) > 1]
    for members in groups:
        _fill(low, high, members, (a, b, x, numbers, w), 1 - half / len(groups))
    for i, j in zip(*np.nonzero(_swept(a, b, numbers, reach, half)), strict=True):
        low[i, j], high[j, i] = _SURE, -_SURE
    followed = reached((low > 0)[None].astype(np.float64))[0] & ~np.eye(k, dtype=bool)
    low = np.where(followed & (low <= 0), _SURE, low)
    high = np.where(followed.T & (high >= 0), -_SURE, high)
    return Differences(fitted.strengths[:, None] - fitted.strengths, low, high)


def _groups(own: Bools) -> list[list[int]]:
    found = {tuple(np.flatnonzero(row).tolist()) for row in own}
    return [list(members) for members in sorted(found)]


def _fill(
    low: Floats,
    high: Floats,
    members: list[int],
    games: tuple[Ints, Ints, Floats, Ints, Floats],
    level: float,
) -> None:
    """Put the differences within one group in place; one cluster alone tells none."""
    a, b, x, numbers, w = games
    kept = np.isin(a, members) & np.isin(b, members)
    if len(np.unique(numbers[kept])) < 2:
        return
    place = np.zeros(len(low), dtype=np.intp)
    place[members] = np.arange(len(members))
    found = bradley_terry(
        place[a[kept]], place[b[kept]], x[kept], numbers[kept], weights=w[kept], systems=len(members)
    ).differences(level)
    low[np.ix_(members, members)], high[np.ix_(members, members)] = found.low, found.high


def _swept(a: Ints, b: Ints, numbers: Ints, reach: Bools, alpha: float) -> Bools:
    """(K, K) whether the row never lost to the column, or tied, in so many clusters that this is no luck."""
    k = len(reach)
    upper = np.where(reach[a, b], a, b)
    lower = np.where(reach[a, b], b, a)
    apart = ~(reach[a, b] & reach[b, a])
    met = np.unique(np.stack([upper[apart], lower[apart], numbers[apart]]), axis=1)
    clusters = np.zeros((k, k))
    np.add.at(clusters, (met[0], met[1]), 1)
    pairs = k * (k - 1) / 2
    swept: Bools = (clusters > 0) & (2 * pairs * 0.5**clusters <= alpha)
    return swept
