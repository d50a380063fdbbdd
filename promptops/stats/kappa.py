"""Cohen's kappa of two raters: nominal, and weighted for ratings with an order.

kappa = 1 - sum d(a_i, b_i) / n over the same mean if ratings met by chance, d = 1 where ratings differ
(Cohen 1960), |a - b| or (a - b)^2 (Cohen 1968). Distances are those of the rating's values, so that a step
of a scale that nobody used still counts as a step.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats
from promptops.stats.reweighting import Weighted, at_once

Distance = Literal["nominal", "linear", "quadratic"]


def cohen_kappa(a: npt.ArrayLike, b: npt.ArrayLike, distance: Distance = "nominal") -> float | None:
    """Return kappa of ratings (n,), NaN where missing; None where both raters gave one and the same only."""
    first = np.asarray(a, dtype=np.float64)
    value = float(at_once(kappa_figure(first, np.asarray(b, dtype=np.float64), distance), len(first))[0])
    return value if np.isfinite(value) else None


def kappa_figure(a: Floats, b: Floats, distance: Distance) -> Weighted:
    """Return kappa as a figure of case weights; cases without both ratings don't count."""
    both = np.isfinite(a) & np.isfinite(b)
    values = np.unique(np.concatenate([a[both], b[both]]))
    distances = _distances(values, distance)
    first, second = (_indicators(side, values) * both[:, None] for side in (a, b))
    apart = np.einsum("nk,kl,nl->n", first, distances, second)

    def figure(weights: Floats) -> Floats:
        rows, columns = weights @ first, weights @ second
        total = weights @ both.astype(np.float64)
        by_chance = ((rows @ distances) * columns).sum(axis=1)
        seen = weights @ apart * total
        return ratio_from_one(seen, by_chance)

    return figure


def ratio_from_one(seen: Floats, by_chance: Floats) -> Floats:
    """Return 1 - seen / by_chance, NaN where chance leaves nothing to tell from."""
    ratio = np.divide(seen, by_chance, out=np.full_like(by_chance, np.nan), where=by_chance > 1e-12)
    return 1.0 - ratio


def _distances(values: Floats, distance: Distance) -> Floats:
    gaps: Floats = np.abs(values[:, None] - values)
    gaps /= gaps.max(initial=0.0) or 1.0
    if distance == "nominal":
        return (gaps > 0).astype(np.float64)
    return gaps if distance == "linear" else gaps**2


def _indicators(side: Floats, values: Floats) -> Floats:
    indicators: Floats = (side[:, None] == values).astype(np.float64)
    return indicators
