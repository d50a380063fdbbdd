"""A measure's figure of each day, and how surely its records tell it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.production.measures import Measure
from promptops.production.traffic import Moments, Traffic
from promptops.stats import Floats, Ints

_LEAST_SECONDS = 1e-6
_LEAST_WITHIN = 1e-12
"""Of the variance of the days' figures: what stands for records that do not differ at all."""


@dataclass(frozen=True)
class Days:
    """Days with records that tell a measure; shares as they are, times in logarithms."""

    measure: Measure
    at: Moments
    records: Ints
    figures: Floats
    sizes: Floats
    """As how many equally heavy records, of 0 or 1 where figures are shares, a day's are."""
    within: float | None
    """The variance of one record inside its day; None where figures are shares."""

    @classmethod
    def of(cls, measure: Measure, traffic: Traffic) -> Days:
        """Return the days of records on which a measure has a figure."""
        told = np.isfinite(measure.values)
        when = traffic.at[told].astype("datetime64[D]")
        first = np.flatnonzero(np.append(True, when[1:] != when[:-1])[: len(when)])
        at = when[first]
        values = np.split(measure.values[told], first[1:])
        weights = np.split(traffic.weights[told], first[1:])
        sizes = np.array([w.sum() ** 2 / (w @ w) for w in weights if len(w)])
        records = np.array([len(w) for w in weights if len(w)], dtype=np.intp)
        if not len(at):
            return cls(measure, at, records, np.empty(0), sizes, None)
        if measure.quantile is not None:
            return cls._times(measure, measure.quantile, at, records, values, weights, sizes)
        shares = measure.scale.finite
        if shares:
            values = [measure.scaled(x) for x in values]
        figures = np.array([np.average(x, weights=w) for x, w in zip(values, weights, strict=True)])
        spread = np.array(
            [np.average((x - m) ** 2, weights=w) for x, w, m in zip(values, weights, figures, strict=True)]
        )
        if not shares:
            enough = sizes > 1
            each = spread[enough] * sizes[enough] / (sizes[enough] - 1)
            return cls(measure, at, records, figures, sizes, _within(each, figures))
        # Scores between 0 and 1 say more than as many 0s and 1s with their mean.
        most = float(sizes @ (figures * (1 - figures)))
        factor = float(sizes @ spread) / most if most > 0 else 1.0
        return cls(measure, at, records, figures, sizes / max(factor, 1e-3), None)

    @classmethod
    def _times(
        cls,
        measure: Measure,
        share: float,
        at: Moments,
        records: Ints,
        values: Sequence[Floats],
        weights: Sequence[Floats],
        sizes: Floats,
    ) -> Days:
        """Return quantiles of times; the spread of one by what lies a standard error of ranks beside it."""
        # Fewer records have no value on one side of the quantile.
        enough = np.flatnonzero(sizes * min(share, 1 - share) >= 1)
        figures, within = np.empty(len(enough)), np.empty(len(enough))
        for place, day in enumerate(int(each) for each in enough):
            reach = math.sqrt(share * (1 - share) / sizes[day])
            ends = [share, max(share - reach, 0.0), min(share + reach, 1.0)]
            times, ranks = _quantiles(values[day], weights[day], ends)
            figures[place], low, high = np.log(times)
            # By the ranks that there are: between two records lies no other.
            slope = (high - low) / (ranks[2] - ranks[1]) if ranks[2] > ranks[1] else 0.0
            within[place] = (slope * reach) ** 2 * sizes[day]
        return cls(measure, at[enough], records[enough], figures, sizes[enough], _within(within, figures))

    def shown(self, figures: npt.ArrayLike) -> list[float]:
        """Return figures in the measure's own unit."""
        found = np.asarray(figures, dtype=np.float64)
        if self.measure.quantile is not None:
            return [float(each) for each in np.exp(found)]
        return [self.measure.unscaled(float(each)) if self.within is None else float(each) for each in found]


def _within(spread: Floats, figures: Floats) -> float:
    """Return the median of the days' variances, so that no far day stands for the others."""
    least = _LEAST_WITHIN * (float(np.var(figures)) if len(figures) else 0.0)
    return max(float(np.median(spread)) if len(spread) else 0.0, least, 1e-300)


def _quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> tuple[Floats, Floats]:
    """Return the values below which such shares lie, and the shares that lie up to them."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(reached, np.array(shares) * (1 - 1e-12)), len(values) - 1)
    return np.maximum(values[order][places], _LEAST_SECONDS), reached[places]
