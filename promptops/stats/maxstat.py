"""Which of many overlapping slices got worse? One error rate for all of them, by flipping signs.

Every slice has a statistic; the signs of the paired differences are flipped at random, whole clusters
together, and the largest statistic over the slices is compared with what was seen (Westfall & Young 1993,
step-down). Slices that share cases move together under the flips, so that many slices cost little: Holm
would pay for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats, flips
from promptops.stats.clusters import Labels, case_weights, numbered, summed
from promptops.stats.intervals import finite

FLIPS = 5_000
ENOUGH = 200
"""Once so many patterns are at least as extreme as the worst slice, its p-value is known well enough."""
_BLOCK = 250
_TIE = 1e-9
"""Statistics this close are equal but for the order of additions."""
_EQUAL = 1e-12
"""Differences this small, as a share of the largest, are rounding."""


@dataclass(frozen=True)
class MaxStat:
    """A statistic for each slice (S,), large where it is worse, and its p-value corrected for all slices."""

    scores: Floats
    """On the scale of a standard normal."""
    adjusted: Floats
    flips: int
    """How many patterns of signs were tried; fewer than asked for where the worst slice is no surprise."""


def worse_slices(
    d: npt.ArrayLike,
    members: Bools,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    patterns: int = FLIPS,
    seed: int = 0,
) -> MaxStat:
    """Test for each slice (a column of members, (n, S)) that its mean difference lies below 0.

    The statistic is the mean over the standard error of `paired.terminal_bound`: cluster-robust, with two
    pseudo-cases. What slices have too few cases to show is taken from the whole: the pseudo-cases have its
    largest difference, and t is corrected for its skewness to the right (Hall 1992). Otherwise a slice
    that misses the rare large gains would look like a loss. As few clusters give heavier tails, t is put on
    the normal's scale (Wallace 1959). Exact where clusters have either sign alike; for skewed
    differences with mean 0 see tests/stats/test_maxstat.py. Slices hold two clusters or more.
    """
    return _stepped_down(_means(_cases(d, members, clusters, weights)), patterns, seed)


def slices_below_the_rest(
    d: npt.ArrayLike,
    members: Bools,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    patterns: int = FLIPS,
    seed: int = 0,
) -> MaxStat:
    """Test for each slice that its mean difference lies below that of all other cases (the interaction).

    Signs of the residuals from the whole's mean are flipped (a wild cluster bootstrap under "all alike"), so
    that a shift of the whole moves no slice. The standard error of the gap counts clusters that lie in
    both, each side has its two pseudo-cases, and skewness is the whole's. Both hold two clusters or more.
    """
    return _stepped_down(_gaps(_cases(d, members, clusters, weights, centred=True)), patterns, seed)


def gap_score(
    d: npt.ArrayLike, part: Bools, clusters: Labels | None = None, *, weights: npt.ArrayLike | None = None
) -> float:
    """Return the score of `slices_below_the_rest` of a single slice, large where it lies below the rest."""
    family = _gaps(_cases(d, part[:, None], clusters, weights, centred=True))
    return float(family.seen()[0])


@dataclass(frozen=True)
class _Cases:
    """Differences by cluster and slice: what scores under any pattern of signs are made of."""

    sums: Floats
    """(clusters, slices) of weight times difference."""
    sizes: Floats
    """(clusters, slices) of weight."""
    all_sums: Floats
    all_sizes: Floats
    n: Floats
    """(slices,) cases."""
    total_n: float
    largest: float
    """The largest difference, which the pseudo-cases have."""
    weight: float | None
    """The weight of each cluster where each case is its own and all weigh the same: cross sums are sums."""

    @property
    def clusters(self) -> Floats:
        touched: Floats = (self.sizes > 0).sum(axis=0).astype(np.float64)
        return touched

    @property
    def clusters_outside(self) -> Floats:
        beside: Floats = (self.sizes < self.all_sizes[:, None] * (1 - _EQUAL)).sum(axis=0).astype(np.float64)
        return beside


@dataclass(frozen=True)
class _Family:
    """How signs (patterns, units) become t and skewness (patterns, slices); opposite signs, opposite both."""

    units: int
    moments: Callable[[Floats], tuple[Floats, Floats]]

    def seen(self) -> Floats:
        """Return the scores (slices,) of what was seen."""
        first: Floats = _score(*self.moments(np.ones((1, self.units))))[0]
        return first


def _cases(
    d: npt.ArrayLike,
    members: Bools,
    clusters: Labels | None,
    weights: npt.ArrayLike | None,
    *,
    centred: bool = False,
) -> _Cases:
    x = finite(d)
    if members.ndim != 2 or len(members) != len(x):
        raise ValueError(f"members are a table with a row for each of {len(x)} cases, not {members.shape}")
    top = float(np.abs(x).max(initial=0.0))
    x = np.where(np.abs(x) <= _EQUAL * top, 0.0, x)
    w = case_weights(weights, len(x))
    numbers, count = numbered(clusters, len(x))
    if centred:
        x = x - w @ x / w.sum()
    shares = members * w[:, None]
    return _Cases(
        sums=summed(shares * x[:, None], numbers, count),
        sizes=summed(shares, numbers, count),
        all_sums=summed(w * x, numbers, count),
        all_sizes=summed(w, numbers, count),
        n=members.sum(axis=0).astype(np.float64),
        total_n=float(len(x)),
        largest=top or 1.0,
        weight=float(w[0]) if count == len(x) and bool(np.all(w == w[0])) else None,
    )


def _means(cases: _Cases) -> _Family:
    """Return the scores of `worse_slices`; only clusters in which anything differs have a sign."""
    weight, squares = cases.sizes.sum(axis=0), (cases.sums**2).sum(axis=0)
    sizes_squared, share = (cases.sizes**2).sum(axis=0), cases.n / (cases.n + 2)
    factor, pseudo = (cases.clusters + 2) / (cases.clusters + 1), 2 * (weight / cases.n) ** 2
    freedom = cases.clusters + 1
    active = (cases.sums != 0).any(axis=1) | (cases.all_sums != 0)
    sums = cases.sums[active]
    crossed = None if cases.weight is not None else sums * cases.sizes[active]
    # Cumulants of a slice's sum are taken to be its share of the whole's.
    cubes, second = cases.all_sums[active] ** 3, float(cases.all_sums @ cases.all_sums) or 1.0
    scale = np.sqrt(cases.total_n / cases.n) / second**1.5

    def moments(signs: Floats) -> tuple[Floats, Floats]:
        total = signs @ sums
        shrunk = share * total / weight
        cross = total * cases.weight if crossed is None else signs @ crossed
        spread = squares - 2 * shrunk * cross + shrunk**2 * sizes_squared
        spread += pseudo * (cases.largest**2 + shrunk**2)
        return _normal_scale(total / np.sqrt(factor * spread), freedom), (signs @ cubes)[:, None] * scale

    return _Family(len(sums), moments)


def _gaps(cases: _Cases) -> _Family:
    """Return the scores of `slices_below_the_rest`.

    A cluster's influence on the gap is a - inside * u + beside * v; its squares are summed term by term.
    """
    weight = cases.sizes.sum(axis=0)
    rest = cases.all_sizes.sum() - weight
    u, v = cases.sizes / weight, (cases.all_sizes[:, None] - cases.sizes) / rest
    a = cases.sums / weight - (cases.all_sums[:, None] - cases.sums) / rest
    aa, uu, vv, uv = ((x * y).sum(axis=0) for x, y in ((a, a), (u, u), (v, v), (u, v)))
    au, av = (None, None) if cases.weight is not None else (a * u, a * v)
    n, other_n = cases.n, cases.total_n - cases.n
    pseudo = 2 * cases.largest**2 * (1 / n**2 + 1 / other_n**2)
    cubes, second = cases.all_sums**3, float(cases.all_sums @ cases.all_sums) or 1.0
    scale = np.sqrt(cases.total_n) * (1 / n**2 - 1 / other_n**2) / (second * (1 / n + 1 / other_n)) ** 1.5
    factor = len(cases.all_sizes) / (len(cases.all_sizes) - 1)
    freedom = np.minimum(cases.clusters, cases.clusters_outside) + 1

    def moments(signs: Floats) -> tuple[Floats, Floats]:
        total = signs @ cases.sums
        others = (signs @ cases.all_sums)[:, None] - total
        inside, beside = total / weight, others / rest
        if au is None or av is None:
            by_u, by_v = inside * cases.weight / weight, -beside * cases.weight / rest
        else:
            by_u, by_v = signs @ au, signs @ av
        spread = aa + inside**2 * uu + beside**2 * vv
        spread += 2 * (beside * by_v - inside * by_u - inside * beside * uv)
        error = np.sqrt(factor * np.maximum(spread, 0.0) + pseudo)
        return _normal_scale((inside - beside) / error, freedom), (signs @ cubes)[:, None] * scale

    return _Family(len(cases.all_sums), moments)


def _stepped_down(family: _Family, patterns: int, seed: int) -> MaxStat:
    """Compare each score with the largest of its own and all lower ones, pattern by pattern.

    Stopping once the worst slice was reached often enough keeps p-values valid: Besag & Clifford 1991.
    """
    seen = family.seen()
    if not len(seen):
        return MaxStat(seen, seen, 0)
    order = np.argsort(-seen, kind="stable")
    limits = seen[order] - _TIE * np.maximum(1.0, np.abs(seen[order]))
    extreme, tried = np.zeros(len(seen)), 0
    for signs in _signs(family.units, patterns, seed):
        t, skewness = family.moments(signs)
        # Opposite signs give the opposite of both, so that each product serves two patterns.
        for found in (_score(t, skewness), _score(-t, -skewness)):
            largest = np.maximum.accumulate(found[:, order[::-1]], axis=1)[:, ::-1]
            extreme += (largest >= limits).sum(axis=0)
            tried += len(signs)
        if extreme[0] >= ENOUGH and not flips.exact(family.units):
            break
    adjusted = np.empty(len(seen))
    adjusted[order] = np.maximum.accumulate(extreme / tried)
    return MaxStat(seen, adjusted, tried)


def _signs(units: int, patterns: int, seed: int) -> Iterator[Floats]:
    """Yield blocks (rows, units) of -1 and 1 that stand for themselves and their opposites.

    All patterns where units are few; otherwise what was seen comes first, as one of the patterns.
    """
    if not flips.exact(units):
        yield np.ones((1, units))
    for bits in flips.rows(units, max(1, patterns // 2), seed):
        for start in range(0, len(bits), _BLOCK):
            yield 2 * bits[start : start + _BLOCK] - 1


def _normal_scale(t: Floats, df: Floats) -> Floats:
    """Return the normal deviate with about the tail of Student's t (Wallace 1959): rising in t."""
    return np.sign(t) * (8 * df + 1) / (8 * df + 3) * np.sqrt(df * np.log1p(t * t / df))


def _score(t: Floats, skewness: Floats) -> Floats:
    """Return how far t lies below 0, with skewness to the right taken out (Hall 1992, rising in t).

    Skewness to the left makes t too careful; that is left as it is.
    """
    g = np.maximum(skewness, 0.0)
    return -(t + g * t**2 / 3 + g**2 * t**3 / 27 + g / 6)
