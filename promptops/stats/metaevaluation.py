"""How well a metric tells systems and outputs apart as people do: the correlations that papers print.

Scores are tables (documents, systems). `sample`: over all outputs at once. `group`: within each document over
the systems, then the mean over documents; a document on which a side never varies has none, and is counted.
`system`: of the systems' means. Fabbri et al. 2021, arXiv 2007.12626 (system and group); Deutsch et al. 2021,
arXiv 2104.00054 (definitions, bootstrap). Percentile intervals, as there, resample documents and keep the
systems: they are about these systems on other documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.correlation import Coefficient, correlation, correlation_figure, pearson_rows
from promptops.stats.reweighting import RESAMPLES, Estimated, Weighted, drawn, estimated

Level = Literal["sample", "group", "system"]

_TIE = 1e-9
"""Means of systems this close, relative to the largest, are equal but for rounding."""
_CONSTANT = "one side never varies, so that there is no correlation"


@dataclass(frozen=True)
class MetaCorrelation:
    """A metric's correlation with human scores at one level."""

    level: Level
    coefficient: Coefficient
    correlation: Estimated
    left_out: int
    """`group`: documents without a correlation. Else outputs without both scores."""


@dataclass(frozen=True)
class PairOrder:
    """Which pairs of systems a metric's means order as the human means do."""

    accuracy: Estimated
    """Share of the pairs that people order; one that only the metric ties counts half."""
    agreed: int
    reversed: int
    metric_ties: int
    """Pairs that people order and the metric does not."""
    human_ties: int
    """Pairs that people do not order; they are left out."""


def meta_correlation(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    level: Level,
    coefficient: Coefficient,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetaCorrelation:
    """Correlate a metric's scores (documents, systems) with human ones, NaN where missing.

    An output counts where it has both scores. Raises TooFewClustersError for fewer than two documents, and
    ValueError for tables of unlike shape or fewer than two systems.
    """
    x, y = _checked(metric, human)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    n, left_out = int(known.sum()), int((~known).sum())
    if level == "sample":
        figure = _sample(x, y, coefficient)
    elif level == "system":
        figure = _system(x, y, coefficient)
    else:
        within = [correlation(a, b, coefficient) for a, b in zip(x, y, strict=True)]
        defined = np.array([each is not None for each in within])
        figure = _group(np.array([0.0 if each is None else each for each in within]), defined)
        n, left_out = int(defined.sum()), int((~defined).sum())
    (boot,) = drawn(figure, len(x), resamples=resamples, seed=seed)
    found = estimated(boot, n, confidence, undefined=_CONSTANT, method="percentile")
    return MetaCorrelation(level, coefficient, found, left_out)


def pair_order(
    metric: npt.ArrayLike,
    human: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairOrder:
    """Compare how a metric's means order pairs of systems with how human means do (Kocmi et al. 2021).

    Arguments and errors are those of `meta_correlation`.
    """
    x, y = _checked(metric, human)
    known = np.isfinite(x) & np.isfinite(y)
    values = [np.where(known, side, 0.0) for side in (x, y)]
    first, second = np.triu_indices(x.shape[1], 1)

    def signs(weights: Floats) -> tuple[Floats, Floats]:
        sizes = weights @ known
        orders = []
        for side in values:
            means = np.divide(weights @ side, sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0)
            gaps = means[:, first] - means[:, second]
            close = _TIE * np.nanmax(np.abs(side), initial=0.0)
            orders.append(np.where(np.abs(gaps) <= close, 0.0, np.sign(gaps)))
        return orders[0], orders[1]

    def share(weights: Floats) -> Floats:
        ours, theirs = signs(weights)
        counted = np.isfinite(ours) & np.isfinite(theirs) & (theirs != 0)
        right = np.where(counted, (1 + np.nan_to_num(ours * theirs)) / 2, 0.0).sum(axis=1)
        total = counted.sum(axis=1)
        found: Floats = np.divide(right, total, out=np.full(len(weights), np.nan), where=total > 0)
        return found

    ours, theirs = (side[0] for side in signs(np.ones((1, len(x)))))
    product, ordered = ours * theirs, np.isfinite(ours) & (theirs != 0)
    (boot,) = drawn(share, len(x), resamples=resamples, seed=seed)
    return PairOrder(
        accuracy=estimated(
            boot, int(ordered.sum()), confidence, undefined="people order no pair", method="percentile"
        ),
        agreed=int((product > 0).sum()),
        reversed=int((product < 0).sum()),
        metric_ties=int(((ours == 0) & (theirs != 0)).sum()),
        human_ties=int((theirs == 0).sum()),
    )


def _checked(metric: npt.ArrayLike, human: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(metric, dtype=np.float64), np.asarray(human, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"scores {x.shape} and {y.shape} are tables of documents by two systems or more")
    if np.isinf(x).any() or np.isinf(y).any():
        raise ValueError("scores are finite numbers, NaN where missing")
    return x, y


def _sample(x: Floats, y: Floats, coefficient: Coefficient) -> Weighted:
    figure, systems = correlation_figure(x.ravel(), y.ravel(), coefficient), x.shape[1]
    return lambda weights: figure(np.repeat(weights, systems, axis=1))


def _group(within: Floats, defined: Bools) -> Weighted:
    def figure(weights: Floats) -> Floats:
        total = weights @ defined
        found: Floats = np.divide(weights @ within, total, out=np.full(len(weights), np.nan), where=total > 0)
        return found

    return figure


def _system(x: Floats, y: Floats, coefficient: Coefficient) -> Weighted:
    known = np.isfinite(x)
    values = [np.where(known, side, 0.0) for side in (x, y)]

    def figure(weights: Floats) -> Floats:
        sizes = weights @ known
        ours, theirs = (
            np.divide(weights @ side, sizes, out=np.zeros_like(sizes), where=sizes > 0) for side in values
        )
        found = _across(ours, theirs, coefficient)
        # A system without any output in a resample has no mean there.
        found[(sizes == 0).any(axis=1)] = np.nan
        return found

    return figure


def _across(x: Floats, y: Floats, coefficient: Coefficient) -> Floats:
    """Return the correlation of each row of x with that of y, (b, systems)."""
    if coefficient == "pearson":
        return pearson_rows(np.ones_like(x), x, y)
    # Order against every other system: its row sums are ranks, its product is Kendall's.
    ours, theirs = (_orders(side) for side in (x, y))
    if coefficient == "spearman":
        return pearson_rows(np.ones_like(x), ours.sum(axis=2), theirs.sum(axis=2))
    scale = np.sqrt(np.abs(ours).sum(axis=(1, 2)) * np.abs(theirs).sum(axis=(1, 2)))
    found: Floats = np.divide(
        (ours * theirs).sum(axis=(1, 2)), scale, out=np.full(len(x), np.nan), where=scale > 0
    )
    return found


def _orders(means: Floats) -> Floats:
    """(b, k, k) 1 where the row's system is above the column's, -1 below, 0 for a tie."""
    gaps = means[:, :, None] - means[:, None, :]
    orders: Floats = np.where(np.abs(gaps) <= _TIE * np.abs(means).max(initial=0.0), 0.0, np.sign(gaps))
    return orders
