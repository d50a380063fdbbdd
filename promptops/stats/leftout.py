"""Each unit (day) of a series, predicted from the others, where units differ by more than chance within one.

The deleted residual of a random-effects model (Viechtbauer & Cheung 2010), as Spiegelhalter 2005 holds
hospitals against over-dispersed others. Of a share the prediction is beta-binomial, else normal. How much
units differ is estimated from the others, so the prediction is averaged over all that their Cochran's Q
leaves possible (the Q-profile of Viechtbauer 2007): of equally large units that is Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from promptops.stats import Bools, Floats, Ints
from promptops.stats.betabinomial import beta_binomial_cdf
from promptops.stats.intervals import Interval
from promptops.stats.student import chi2_quantile

_NODES = 48
"""Values of Q over which is averaged; with more of them p-values of 1e-6 change by less than 2 %."""
_GRID = 400
_MOST_COUNTED = 5_000
"""To so many events a unit's counts are brought down: chance alone is 1.4 % of them then."""
_LEAST_P = 1e-12
"""Below it sums of probabilities are rounding."""


@dataclass(frozen=True)
class Series:
    """The figure of each unit (n,), its cases, and its group (0, 1 ...), which has a mean of its own."""

    figures: Floats
    sizes: Floats
    groups: Ints
    within: float | None = None
    """The variance of one case inside its unit; None where figures are shares."""

    def __len__(self) -> int:
        return len(self.figures)


@dataclass(frozen=True)
class Prediction:
    """What the others say of each unit, by node: its mean, and its variance before that of its own cases."""

    series: Series
    means: Floats
    """(units, nodes), as `spreads`."""
    spreads: Floats
    """In the variance of a case."""
    chances: Floats
    """(nodes,)"""

    def distances(self) -> Floats:
        """Return how far each unit lies off its mean, in standard errors, about."""
        means, spreads = self.means @ self.chances, self.spreads @ self.chances
        unit = means * (1 - means) if self.series.within is None else self.series.within
        found: Floats = np.abs(self.series.figures - means) / np.sqrt(
            unit * (spreads + 1 / self.series.sizes)
        )
        return found

    def p_value(self, place: int) -> float:
        """Return the two-sided p-value that a unit is like the others (twice the smaller tail)."""
        if self.series.within is not None:
            own = float(self.series.figures[place])
            return min(1.0, 2 * min(self._normal(place, own), self._normal(place, own, -1.0)))
        counts = self._counts(place)
        own = counts.share * counts.n
        above = counts.share > counts.mean
        # A part of a case (of weighted ones) is counted to where it says less.
        k = math.floor(own + 1e-9) if above else math.ceil(own - 1e-9)
        cdf = self._cdf(counts, k)
        tail = 1.0 - (float(cdf[k - 1]) if k else 0.0) if above else float(cdf[k])
        return min(1.0, max(2 * tail, _LEAST_P))

    def interval(self, place: int, level: float = 0.95) -> Interval:
        """Return the mean of a unit, and the range in which such a one lies with a chance of `level`."""
        lower, upper = (1 - level) / 2, (1 + level) / 2
        mean = float(self.means[place] @ self.chances)
        if self.series.within is not None:
            ends = [_root(lambda y: self._normal(place, y, -1.0), mean, share) for share in (lower, upper)]
            return Interval(mean, *ends)
        counts = self._counts(place)
        up_to = 16
        while (cdf := self._cdf(counts, up_to))[-1] < upper and up_to < counts.n:
            up_to *= 4
        low, high = (min(int((cdf < share).sum()), counts.n) / counts.n for share in (lower, upper))
        return Interval(mean, 1 - high, 1 - low) if counts.turned else Interval(mean, low, high)

    def _normal(self, place: int, value: float, sign: float = 1.0) -> float:
        """Return the chance of a figure at or above a value, with sign -1 at or below."""
        scale = np.sqrt((self.series.within or 0.0) * (self.spreads[place] + 1 / self.series.sizes[place]))
        tails = [0.5 * math.erfc(sign * z / math.sqrt(2)) for z in (value - self.means[place]) / scale]
        return float(self.chances @ np.array(tails))

    def _counts(self, place: int) -> _Counts:
        share, means = float(self.series.figures[place]), self.means[place]
        mean = float(self.chances @ means)
        turned = mean > 0.5
        if turned:
            share, means, mean = 1 - share, 1 - means, 1 - mean
        n = min(float(self.series.sizes[place]), _MOST_COUNTED / max(min(share, 0.5), mean))
        spreads = self.spreads[place]
        return _Counts(share, mean, max(round(n), 1), turned, means / spreads, (1 - means) / spreads)

    def _cdf(self, counts: _Counts, up_to: int) -> Floats:
        found: Floats = beta_binomial_cdf(counts.n, counts.a, counts.b, up_to) @ self.chances
        return found


@dataclass(frozen=True)
class _Counts:
    """A unit's share and the others' as counts, of what is seldom."""

    share: float
    mean: float
    n: int
    turned: bool
    a: Floats
    b: Floats


def left_out(series: Series, kept: Bools) -> Prediction:
    """Predict each unit from those that are kept, without itself; a unit whose group has no other: NaN."""
    own, groups = series.groups, np.arange(int(series.groups.max()) + 1)
    shared = np.asarray(own[:, None] == groups, dtype=np.float64)
    centre = 0.0 if series.within is None else float(np.median(series.figures))
    y = series.figures - centre
    q, chances = _nodes(int(kept.sum()) - 1 - int((shared[kept].sum(axis=0) > 0).sum()))
    theta = _spreads(series, q)
    weights = np.where(kept, 1 / (theta[:, None] + 1 / series.sizes), 0.0)
    sums = np.stack([weights, weights * y, weights * y * y])
    whole = sums @ shared
    without = whole[..., own] - sums
    of_groups, _ = _dispersion(series, theta, whole)
    of_own, means = _dispersion(series, theta, without)
    # Of shares that lie close together Q need not fall with every step.
    found = np.minimum.accumulate(of_groups.sum(axis=1, keepdims=True) - of_groups[:, own] + of_own)
    spreads = np.stack([np.interp(-q, -each, theta) for each in found.T])
    at = [np.interp(each, theta, column) for each, column in zip(spreads, means.T, strict=True)]
    heavy = [np.interp(each, theta, column) for each, column in zip(spreads, without[0].T, strict=True)]
    with np.errstate(divide="ignore"):
        return Prediction(series, np.stack(at) + centre, spreads + 1 / np.stack(heavy), chances)


def _spreads(series: Series, q: Floats) -> Floats:
    """Return variances between units, in that of a case, from none to more than can be."""
    sizes, top = series.sizes, 1e4
    if series.within is not None:
        top = 100 * max(len(series) * float(np.var(series.figures)) / series.within / q[0], 1 / sizes.min())
    return np.concatenate([[0.0], np.geomspace(1e-3 / sizes.max(), top, _GRID)])


def _dispersion(series: Series, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return Cochran's Q and the mean of groups, (theta, groups), from sums of weights times 1, y and y^2."""
    weight, first, second = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.maximum(np.where(weight > 0, second - first**2 / weight, 0.0), 0.0)
        if series.within is not None:
            return squares / series.within, np.where(weight > 0, first / weight, np.nan)
    # Jeffreys' half event on either side: where the others have none, one event is no wonder.
    means = np.where(weight > 0, (first + 0.5) / (weight + 1), np.nan)
    unit = np.where(weight > 0, means * (1 - means), 1.0) / (1 + theta[:, None])
    return squares / unit, means


@lru_cache(maxsize=256)
def _nodes(df: int) -> tuple[Floats, Floats]:
    """Return values of chi-square with their chances, far into both tails."""
    low, high = (math.log(chi2_quantile(p, df)) for p in (1e-9, 1 - 1e-7))
    logs = np.linspace(low, high, _NODES)
    density = 0.5 * df * logs - 0.5 * np.exp(logs)
    chances = np.exp(density - density.max())
    return np.exp(logs), chances / chances.sum()


def _root(rising: Callable[[float], float], start: float, level: float) -> float:
    """Return where a rising function reaches a level."""
    step = max(abs(start), 1e-9)
    low = high = start
    while rising(low) > level:
        low, step = low - step, 2 * step
    while rising(high) < level:
        high, step = high + step, 2 * step
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2
