"""Two systems on the same cases, by a figure of the whole corpus: how far apart, and is it chance?

Bounds come from the paired cluster bootstrap (Koehn 2004, with BCa), p-values from approximate
randomisation (Riezler & Maxwell 2005): if two systems are equal it doesn't matter which one wrote which
output, so swap the outputs of each case (or cluster) by a coin and see how often the gap is as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptops.stats import bootstrap, flips
from promptops.stats.bootstrap import Bootstrap, Combine
from promptops.stats.clusters import Labels, numbered, summed

_TIE = 1e-9
"""Differences this close, relative to the figures, are equal but for rounding."""


@dataclass(frozen=True)
class BootstrapBound:
    """The difference b - a between its one-sided BCa bounds, its standard error and two-sided recentred p.

    `drawn` keeps the resamples for other bounds (`bootstrap.quantile`) and p-values (`bootstrap.p_below`).
    """

    difference: float
    low: float
    high: float
    se: float
    p: float
    drawn: Bootstrap


@dataclass(frozen=True)
class SwapTest:
    """The difference b - a with its p-values: two-sided, for "b is less" and for "b is greater"."""

    difference: float
    p: float
    p_less: float
    p_greater: float
    swaps: int


def paired_bootstrap(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    alpha: float = 0.05,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> BootstrapBound:
    """Return the difference of counts b and a (cases, k) with its lower and upper (1 - alpha) bounds.

    `n` holds each case's size: 1, or its weight where counts were multiplied by weights. Bounds are
    NaN where the difference is undefined on over 5 % of the resamples. Raises TooFewClustersError.
    """
    drawn = bootstrap.resampled(
        [bootstrap.table(a), bootstrap.table(b)], n, clusters, combine, resamples=resamples, seed=seed
    )
    return BootstrapBound(
        difference=drawn.figure,
        low=bootstrap.quantile(drawn, alpha),
        high=bootstrap.quantile(drawn, 1 - alpha),
        se=float(drawn.draws.std(ddof=1)) if len(drawn.draws) > 1 else float("nan"),
        p=bootstrap.recentred_p(drawn),
        drawn=drawn,
    )


def swap_test(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    n: npt.ArrayLike,
    clusters: Labels | None,
    combine: Combine,
    *,
    swaps: int = 10_000,
    seed: int = 0,
) -> SwapTest:
    """Test that counts a and b (cases, k) have the same figure, whichever wrote which output.

    p = (1 + # at least as extreme) / (swaps + 1), exact up to 14 clusters; identical outputs give 1.
    """
    first, second = bootstrap.table(a), bootstrap.table(b)
    if first.shape != second.shape:
        raise ValueError(f"pairs have counts of one shape, not {first.shape} and {second.shape}")
    numbers, count = numbered(clusters, len(first))
    gaps = summed(second - first, numbers, count)
    total_a, total_b = first.sum(axis=0), second.sum(axis=0)
    size = float(np.broadcast_to(np.asarray(n, dtype=np.float64), (len(first),)).sum())
    figure_a, figure_b = (float(combine(total, np.asarray(size))) for total in (total_a, total_b))
    difference = figure_b - figure_a
    close = _TIE * max(abs(figure_a), abs(figure_b))
    extreme = np.zeros(3)
    for moved in flips.totals(gaps, swaps, seed):
        sizes = np.full(len(moved), size)
        swapped = combine(total_b - moved, sizes) - combine(total_a + moved, sizes)
        extreme += [
            (np.abs(swapped) >= abs(difference) - close).sum(),
            (swapped <= difference + close).sum(),
            (swapped >= difference - close).sum(),
        ]
    p, p_less, p_greater = flips.p_value(extreme, count, swaps)
    tried = 2**count if flips.exact(count) else swaps
    return SwapTest(difference, float(p), float(p_less), float(p_greater), tried)
