"""Several systems on the same cases: differences in intervals that hold together, and each one's ranks.

Cases (whole clusters) are resampled once for all systems, so that the largest deviation over all
differences is known with its dependence (max-t; Mogstad, Romano, Shaikh & Wilhelm 2024 for ranks, Hsu 1984
for comparisons with the best). A critical value is the largest of three: (1) of the resampled differences
over their own spread, taken from the normal's to Student's t scale by the number of clusters; (2) for
means also of the studentised differences, which know skewness; (3) the single comparison's t. Alone
(1) errs where every change is a loss, (2) where changes are rare. Figures here are higher-is-better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, Ints
from promptops.stats.bootstrap import Combine, drawings, table
from promptops.stats.clusters import Labels, TooFewClustersError, case_weights, numbered, summed
from promptops.stats.student import normal_cdf, t_quantile

Sides = Literal["both", "lower"]

_EQUAL = 1e-12
"""Figures this close, relative to the largest, are equal but for rounding."""
_UNDEFINED = 0.05
"""Share of resamples without a figure above which there are no bounds."""


@dataclass(frozen=True)
class Many:
    """K systems and their P = K (K - 1) / 2 differences, system `first` less system `second`.

    `roots` are resampled deviations (resamples, P) of the differences over their standard errors;
    `studentised` the same over each resample's own error, where there is one. `drawn` (resamples, K) are
    resampled figures, without those resamples on which a figure is undefined.
    """

    figures: Floats
    first: Ints
    second: Ints
    differences: Floats
    errors: Floats
    roots: Floats
    studentised: Floats | None
    drawn: Floats
    df: int
    clusters: int
    bounded: bool
    """False where some figure is undefined, or is so on over 5 % of the resamples: then bounds are NaN."""


@dataclass(frozen=True)
class Differences:
    """Differences with the ends of their simultaneous intervals, (K,) or (K, K): row less column."""

    difference: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class RankSets:
    """The best and the worst rank that each of K systems can have; 1 is the best."""

    best: Ints
    worst: Ints


def many_means(
    values: npt.ArrayLike,
    clusters: Labels | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Many:
    """Compare the (weighted) means of values (n, K) on a range of about 1.

    Standard errors are those of `paired.terminal_bound`: cluster-robust, with two pseudo-cases of the
    pair's largest difference, on every resample too. Raises TooFewClustersError, and ValueError for fewer
    than two systems or values that aren't finite.
    """
    x = _checked(values)
    n, k = x.shape
    w = case_weights(weights, n)
    numbers, count = _clustered(clusters, n)
    first, second = np.triu_indices(k, 1)
    means = w @ x / w.sum()
    gaps, sizes = summed(w[:, None] * (x - means), numbers, count), summed(w, numbers, count)
    spread = _Spread(n, count, w.mean(), means[first] - means[second], _largest(x), first, second, k)
    columns = spread.columns(gaps, sizes)
    _, errors = spread.moved(columns.sum(axis=0)[None])
    moved, drawn, studentised = [], [], []
    for chosen in drawings(count, resamples, seed):
        sums = chosen @ columns
        shifts, own_errors = spread.moved(sums)
        moved.append(shifts[:, first] - shifts[:, second])
        studentised.append(moved[-1] / own_errors)
        drawn.append(means + shifts)
    return Many(
        figures=means,
        first=first,
        second=second,
        differences=means[first] - means[second],
        errors=errors[0],
        roots=_scaled(np.concatenate(moved)),
        studentised=np.concatenate(studentised),
        drawn=np.concatenate(drawn),
        df=count + 1,
        clusters=count,
        bounded=True,
    )


def many_counts(
    tables: Sequence[npt.ArrayLike],
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Many:
    """Compare the figures that `combine` makes of each system's summed counts (cases, k).

    `n` holds each case's size: 1, or its weight where counts were multiplied by weights. Standard errors
    are the bootstrap's. Raises TooFewClustersError, and ValueError for fewer than two tables or
    unlike ones.
    """
    sides = [table(side) for side in tables]
    if len(sides) < 2 or any(side.shape != sides[0].shape for side in sides):
        raise ValueError(f"two or more tables have counts of one shape, not {[s.shape for s in sides]}")
    cases, width = sides[0].shape
    numbers, count = _clustered(clusters, cases)
    sizes = np.broadcast_to(np.asarray(n, dtype=np.float64), (cases,))
    sums = summed(np.column_stack([*sides, sizes]), numbers, count)
    k = len(sides)

    def figures(totals: Floats) -> Floats:
        split = [totals[:, place * width : (place + 1) * width] for place in range(k)]
        return np.stack(
            [np.asarray(combine(part, totals[:, -1]), dtype=np.float64) for part in split], axis=1
        )

    seen = figures(sums.sum(axis=0)[None])[0]
    drawn = np.concatenate([figures(chosen @ sums) for chosen in drawings(count, resamples, seed)])
    kept = drawn[np.isfinite(drawn).all(axis=1)]
    first, second = np.triu_indices(k, 1)
    differences = seen[first] - seen[second]
    moved = kept[:, first] - kept[:, second] - differences
    bounded = bool(np.isfinite(seen).all()) and len(kept) >= (1 - _UNDEFINED) * resamples
    errors = moved.std(axis=0, ddof=1) if bounded else np.full(len(first), np.nan)
    # A sample's spread is that of its clusters' sums around their own mean, which is too narrow by this.
    errors = errors * math.sqrt(count / (count - 1))
    alike = errors <= _EQUAL * np.abs(seen).max() if bounded else np.zeros(len(first), dtype=bool)
    return Many(
        figures=seen,
        first=first,
        second=second,
        differences=np.where(alike, 0.0, differences),
        errors=np.where(alike, 0.0, errors),
        roots=_scaled(np.where(alike, 0.0, moved)) if bounded else moved,
        studentised=None,
        drawn=kept,
        df=count - 1,
        clusters=count,
        bounded=bounded,
    )


def own_intervals(many: Many, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends (K,) of each system's own percentile interval; it promises nothing of the others."""
    if not many.bounded:
        none = np.full(len(many.figures), np.nan)
        return none, none
    low, high = np.quantile(many.drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def to_baseline(many: Many, baseline: int, level: float = 0.95) -> Differences:
    """Return every system's difference to one (K,) in two-sided intervals that all hold with `level`.

    What Dunnett's test is for independent samples; the baseline's own entry is 0 without width.
    """
    found = _about(many, _critical(many, level, "both", _signs_to(many, baseline)))
    return Differences(found.difference[:, baseline], found.low[:, baseline], found.high[:, baseline])


def all_pairs(many: Many, level: float = 0.95) -> Differences:
    """Return all differences (K, K) in two-sided intervals that all hold with `level` (as Tukey's do)."""
    return _about(many, _critical(many, level, "both", np.ones(len(many.first))))


def rank_sets(pairs: Differences) -> RankSets:
    """Return the ranks that each system can have: 1 + the certainly better ones, K - the certainly worse.

    From `all_pairs`; all K true ranks lie in their sets with the intervals' level: Mogstad et al. 2024.
    """
    return RankSets(1 + (pairs.high < 0).sum(axis=1), len(pairs.low) - (pairs.low > 0).sum(axis=1))


def behind_best(many: Many, level: float = 0.95) -> Floats:
    """Return for each system (K,) how far it may lie behind the best of the others; below 0 it is the best.

    One-sided bounds that all hold with `level`, whichever system is the best and however one of these is
    chosen: the largest over j of figure_j - figure_i + c_j error_ij, c_j of Dunnett's one-sided kind with j
    as control (comparisons with the best, Hsu 1984; unequal errors, Edwards & Hsu 1983).
    """
    k = len(many.figures)
    behind = np.full(k, -np.inf)
    for control in range(k):
        bound = _about(many, _critical(many, level, "lower", _signs_to(many, control))).low[:, control]
        others = np.arange(k) != control
        behind[others] = np.maximum(behind[others], -bound[others])
    return behind


@dataclass(frozen=True)
class _Spread:
    """How the columns that are summed over clusters become differences and their standard errors."""

    n: int
    clusters: int
    weight: float
    differences: Floats
    largest: Floats
    first: Ints
    second: Ints
    k: int

    def columns(self, gaps: Floats, sizes: Floats) -> Floats:
        """Return all that a resample's errors are made of, a row a cluster."""
        by_size = sizes[:, None]
        squares = gaps**2
        crossed = gaps[:, self.first] * gaps[:, self.second]
        return np.concatenate([gaps, squares, gaps * by_size, crossed, by_size, by_size**2], axis=1)

    def moved(self, sums: Floats) -> tuple[Floats, Floats]:
        """Return by how much the K means move on each resample (a row), and the P standard errors there."""
        k, first, second = self.k, self.first, self.second
        gaps, squares, by_size, crossed = np.split(sums[:, :-2], [k, 2 * k, 3 * k], axis=1)
        total, total_squares = sums[:, -2:-1], sums[:, -1:]
        shifts = gaps / total
        # As in paired.terminal_bound the centre of the residuals is shrunk to n/(n+2) of the mean.
        shrunk = (self.differences + shifts[:, first] - shifts[:, second]) * self.n / (self.n + 2)
        offset = self.differences - shrunk
        spread = squares[:, first] + squares[:, second] - 2 * crossed
        spread += 2 * offset * (by_size[:, first] - by_size[:, second]) + offset**2 * total_squares
        spread = np.maximum(spread, 0.0) + 2 * self.weight**2 * (self.largest**2 + shrunk**2)
        return shifts, np.sqrt((self.clusters + 2) / (self.clusters + 1) * spread) / total


def _checked(values: npt.ArrayLike) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or not np.all(np.isfinite(x)):
        raise ValueError(
            "values are a table of finite numbers, a row a case and a column for each of two systems or more"
        )
    return x


def _clustered(clusters: Labels | None, n: int) -> tuple[Ints, int]:
    numbers, count = numbered(clusters, n)
    if count < 2:
        raise TooFewClustersError(count)
    return numbers, count


def _largest(x: Floats) -> Floats:
    """Return each pair's largest difference, 1 where there is none."""
    rows = [np.abs(x[:, [place]] - x[:, place + 1 :]).max(axis=0) for place in range(x.shape[1] - 1)]
    found = np.concatenate(rows)
    return np.where(found < _EQUAL, 1.0, found)


def _scaled(moved: Floats) -> Floats:
    """Return deviations over their standard deviation; 0 where nothing ever moves."""
    spread = moved.std(axis=0, ddof=1)
    scaled: Floats = np.divide(moved, spread, out=np.zeros_like(moved), where=spread > 0)
    return scaled


def _signs_to(many: Many, control: int) -> Floats:
    """Return 1 for each pair of another system less the control, -1 the other way round, else 0."""
    signs: Floats = (many.second == control).astype(np.float64) - (many.first == control)
    return signs


def _critical(many: Many, level: float, sides: Sides, signs: Floats) -> float:
    """Return how many standard errors the intervals of the pairs with a sign reach, to hold all together."""
    if not many.bounded:
        return math.nan
    used = signs != 0

    def largest(roots: Floats) -> float:
        some = roots[:, used]
        peaks = (np.abs(some) if sides == "both" else some * signs[used]).max(axis=1)
        # The order statistic at which a new value lies below with `level` at least.
        place = min(math.ceil((len(peaks) + 1) * level), len(peaks)) - 1
        return float(np.partition(peaks, place)[place])

    single = t_quantile(0.5 + level / 2 if sides == "both" else level, many.df)
    plain = t_quantile(normal_cdf(largest(many.roots)), many.df)
    return max(single, plain, -math.inf if many.studentised is None else largest(many.studentised))


def _about(many: Many, critical: float) -> Differences:
    """Return all differences (K, K), row less column, with so many standard errors on both sides."""
    k = len(many.figures)
    difference, reach = np.zeros((k, k)), np.zeros((k, k))
    difference[many.first, many.second], difference[many.second, many.first] = (
        many.differences,
        -many.differences,
    )
    reach[many.first, many.second] = reach[many.second, many.first] = critical * many.errors
    return Differences(difference, difference - reach, difference + reach)
