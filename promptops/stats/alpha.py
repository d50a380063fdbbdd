"""Krippendorff's alpha: agreement of any number of raters, some of whose ratings may be missing.

alpha = 1 - D_o / D_e. A case with m ratings brings its pairs with weight 1 / (m - 1), a case with one rating
nothing. Ordinal distances are (R_c - R_k)^2 with the mid ranks R of all ratings that count. Krippendorff
2011, "Computing Krippendorff's alpha-reliability".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.kappa import ratio_from_one
from promptops.stats.reweighting import Weighted, at_once

Scale = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(ratings: npt.ArrayLike, scale: Scale) -> float | None:
    """Return alpha of ratings (n, raters), NaN where missing; None where all ratings are the same."""
    table = np.asarray(ratings, dtype=np.float64)
    value = float(at_once(alpha_figure(table, scale), len(table))[0])
    return value if np.isfinite(value) else None


def alpha_figure(ratings: Floats, scale: Scale) -> Weighted:
    """Return alpha as a figure of case weights, from ratings (n, raters)."""
    present = np.isfinite(ratings)
    counted = present & (present.sum(axis=1) >= 2)[:, None]
    if scale == "nominal":
        return _nominal(ratings, counted)
    return _ordinal(ratings, counted) if scale == "ordinal" else _interval(ratings, counted)


def _nominal(ratings: Floats, counted: Bools) -> Weighted:
    counts = _counts(ratings, counted)
    sizes = counts.sum(axis=1)
    apart = (sizes**2 - (counts**2).sum(axis=1)) / np.maximum(sizes - 1, 1)

    def figure(weights: Floats) -> Floats:
        totals = weights @ counts
        total = totals.sum(axis=1)
        by_chance = (total**2 - (totals**2).sum(axis=1)) / np.maximum(total - 1, 1)
        return ratio_from_one(weights @ apart, by_chance)

    return figure


def _ordinal(ratings: Floats, counted: Bools) -> Weighted:
    counts = _counts(ratings, counted)
    values = np.unique(ratings[counted])
    places = np.searchsorted(values, np.where(counted, ratings, values[0] if len(values) else 0.0))
    sizes = counted.sum(axis=1)

    def figure(weights: Floats) -> Floats:
        totals = weights @ counts
        total = totals.sum(axis=1)
        ranks = np.cumsum(totals, axis=1) - totals / 2
        ranks -= total[:, None] / 2
        sums, squares = np.zeros_like(weights), np.zeros_like(weights)
        for rater in range(ratings.shape[1]):
            own = ranks[:, places[:, rater]] * counted[:, rater] if len(values) else np.zeros_like(weights)
            sums += own
            squares += own**2
        apart = 2 * (sizes * squares - sums**2) / np.maximum(sizes - 1, 1)
        seen = (weights * apart).sum(axis=1)
        spread = total * (totals * ranks**2).sum(axis=1) - ((totals * ranks).sum(axis=1)) ** 2
        return ratio_from_one(seen, 2 * spread / np.maximum(total - 1, 1))

    return figure


def _interval(ratings: Floats, counted: Bools) -> Weighted:
    centre = ratings[counted].mean() if counted.any() else 0.0
    x = np.where(counted, ratings - centre, 0.0)
    x /= np.abs(x).max(initial=0.0) or 1.0
    sizes, sums, squares = counted.sum(axis=1), x.sum(axis=1), (x**2).sum(axis=1)
    apart = 2 * (sizes * squares - sums**2) / np.maximum(sizes - 1, 1)
    columns = np.column_stack([sizes, sums, squares, apart]).astype(np.float64)

    def figure(weights: Floats) -> Floats:
        total, first, second, seen = (weights @ columns).T
        by_chance = 2 * (total * second - first**2) / np.maximum(total - 1, 1)
        return ratio_from_one(seen, by_chance)

    return figure


def _counts(ratings: Floats, counted: Bools) -> Floats:
    """(n, k) how often each case was given each rating."""
    values = np.unique(ratings[counted])
    counts: Floats = ((ratings[:, :, None] == values) & counted[:, :, None]).sum(axis=1).astype(np.float64)
    return counts
