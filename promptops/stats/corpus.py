"""Bounds of the change of a corpus figure: those of BCa, no narrower than those of two pseudo-cases.

A bootstrap draws from the changes that were seen. Where they are few or rare, the losses may be just what
was not drawn: BCa alone let a loss of one margin pass in 5 to 22 % of sets of 20 to 50 cases
(docs/decisions/0050).
So each case's difference is also taken as if the figure were a mean, and has the bound of a mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import Floats, bootstrap
from promptops.stats.bootstrap import Combine
from promptops.stats.clusters import Labels, numbered
from promptops.stats.paired import Bound, p_above, p_below, terminal_bound

UNDEFINED = math.nan


@dataclass(frozen=True)
class CorpusBound:
    """A change between its one-sided bounds, with the p-values of "below 0" and "above 0", dual to them.

    All but the difference are NaN where the figure is undefined on too many resamples or without a case.
    """

    difference: float
    low: float
    high: float
    se: float
    p_below: float
    p_above: float


def corpus_bound(
    a: Floats,
    b: Floats,
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    alpha: float = 0.05,
    *,
    resamples: int,
    seed: int,
) -> CorpusBound:
    """Return the change from counts a to b (cases, k) with bounds that are each wrong with probability alpha.

    `n` holds the cases' sizes: 1, or their weight where counts were multiplied by weights. The wider of both
    bounds counts on either side, and the larger of both p-values. Raises TooFewClustersError.
    """
    sizes = np.broadcast_to(np.asarray(n, dtype=np.float64), (len(a),))
    # Numbers are read twice and quickly, which labels of any kind are not.
    labels = None if clusters is None else numbered(clusters, len(a))[0]
    drawn = bootstrap.resampled([a, b], sizes, labels, combine, resamples=resamples, seed=seed)
    low, high = bootstrap.quantile(drawn, alpha), bootstrap.quantile(drawn, 1.0 - alpha)
    d = as_of_a_mean(a, b, sizes, combine)
    if not (math.isfinite(low) and math.isfinite(high) and np.all(np.isfinite(d))):
        return CorpusBound(drawn.figure, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    linear = terminal_bound(d, labels, alpha, weights=sizes)
    # The linear mean is the figure but for rounding and curvature; its reach is what counts.
    reach = linear.high - linear.mean
    around = Bound(drawn.figure, drawn.figure - reach, drawn.figure + reach, linear.se, linear.df, 0, 0)
    return CorpusBound(
        difference=drawn.figure,
        low=min(low, around.low),
        high=max(high, around.high),
        se=max(float(np.std(drawn.draws, ddof=1)), linear.se),
        p_below=max(bootstrap.p_below(drawn, 0.0), p_below(around, 0.0)),
        p_above=max(bootstrap.p_above(drawn, 0.0), p_above(around, 0.0)),
    )


def as_of_a_mean(a: Floats, b: Floats, n: Floats, combine: Combine) -> Floats:
    """(cases,) the difference that each case would have if the figure were a mean of cases.

    Pseudo-values of the jackknife (Tukey 1958), weighted; of a mean they are the differences themselves.
    """
    before, after, size = a.sum(axis=0), b.sum(axis=0), n.sum()
    left = size - n
    whole = float(combine(after, np.asarray(size))) - float(combine(before, np.asarray(size)))
    without = np.asarray(combine(after - b, left)) - np.asarray(combine(before - a, left))
    found: Floats = whole + (whole - without) * left / n
    return found
