"""A judge against human raters, always beside the human raters against one another.

The estimand is the same on both sides: how well two single raters agree on one case. Judge and human: the
mean over raters r of the figure of (judge, r). Human and human: the mean over pairs of raters (Light 1971).
Each pair weighs as many cases as both rated; a pair without a figure is left out and counted. Both, and their
gap, come from the same resamples of cases. Alpha among all humans at once is `krippendorff_alpha`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptops.stats import Bools, Floats
from promptops.stats.alpha import Scale, alpha_figure
from promptops.stats.bootstrap import Method
from promptops.stats.clusters import Labels
from promptops.stats.correlation import correlation_figure
from promptops.stats.intervals import MeanInterval, equal_interval, mean_interval
from promptops.stats.kappa import kappa_figure
from promptops.stats.reweighting import RESAMPLES, Estimated, Weighted, drawn, estimated

Measure = Literal[
    "accuracy",
    "kappa",
    "linear_kappa",
    "quadratic_kappa",
    "alpha_nominal",
    "alpha_ordinal",
    "alpha_interval",
    "pearson",
    "spearman",
    "kendall",
]

_SAME = "all ratings are the same, so that nothing tells agreement from chance"
_CONSTANT = "one side gives every case the same rating, so that there is no correlation"
_NO_PAIR = "no case has both ratings"
_EQUAL = 1e-9
"""Differences that lie no further apart are one, as computers write it."""


@dataclass(frozen=True)
class Agreement:
    """One measure: judge with humans, humans with one another, and how much the judge agrees better."""

    measure: Measure
    judge_human: Estimated
    human_human: Estimated
    gap: Estimated
    """judge_human less human_human; above 0 the judge agrees with a human better than humans do."""
    undefined_pairs: int
    """Pairs of raters with cases in common for whom the measure has no figure."""


@dataclass(frozen=True)
class Bias:
    """Mean over cases of the judge's rating less the mean human one, with the cluster-robust t interval."""

    difference: MeanInterval
    unlabelled: int
    """Cases without a judge's rating or without a human one; they are left out."""


def agreement(
    judge: npt.ArrayLike,
    humans: npt.ArrayLike,
    measure: Measure,
    clusters: Labels | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    method: Method = "bca",
) -> Agreement:
    """Compare a judge's ratings (n,) with those of human raters (n, raters); NaN where missing.

    Intervals are BCa by default: these figures are skewed near their ends, and there the percentile
    interval lies too low. Raises TooFewClustersError for fewer than two clusters, and ValueError
    for tables of unlike length.
    """
    own, others = _checked(judge, humans)
    columns = [own, *others.T]
    pairs = list(combinations(range(len(columns)), 2))
    common = np.column_stack([_both(columns[i], columns[j]) for i, j in pairs]).astype(np.float64)
    figures = [_figure(measure, columns[i], columns[j]) for i, j in pairs]
    with_judge = np.array([first == 0 for first, _ in pairs])

    def means(weights: Floats) -> Floats:
        found = np.column_stack([figure(weights) for figure in figures])
        sizes = weights @ common
        sides = [_mean(found[:, side], sizes[:, side]) for side in (with_judge, ~with_judge)]
        return np.column_stack([*sides, sides[0] - sides[1]])

    boots = drawn(means, len(own), clusters, resamples=resamples, seed=seed)
    counts = int(common[:, with_judge].sum()), int(common[:, ~with_judge].sum())
    alone = np.ones((1, len(own)))
    undefined = sum(
        not np.isfinite(figure(alone)[0]) and bool(common[:, place].any())
        for place, figure in enumerate(figures)
    )
    why = _CONSTANT if measure in {"pearson", "spearman", "kendall"} else _SAME
    judge_human, human_human, gap = (
        estimated(boot, n, level, undefined=why if n else _NO_PAIR, method=method)
        for boot, n in zip(boots, (*counts, min(counts)), strict=True)
    )
    return Agreement(measure, judge_human, human_human, gap, undefined)


def bias(
    judge: npt.ArrayLike,
    humans: npt.ArrayLike,
    clusters: Labels | None = None,
    level: float = 0.95,
    *,
    scale: tuple[float, float] | None = None,
) -> Bias:
    """Return how far a judge (n,) rates above the mean of a case's human ratings (n, raters).

    The t interval of a mean needs no resampling and keeps its level for few cases. Where all differences are
    equal it would have no width; with the judge's `scale`, what may have gone unseen makes it as wide as the
    cases are few. Raises TooFewClustersError where fewer than two clusters have both ratings.
    """
    own, others = _checked(judge, humans)
    rated = np.isfinite(others)
    known = np.isfinite(own) & rated.any(axis=1)
    sums = np.where(rated, others, 0.0).sum(axis=1)
    means = sums[known] / rated[known].sum(axis=1)
    differences = own[known] - means
    labels = None if clusters is None else [each for each, kept in zip(clusters, known, strict=True) if kept]
    found = mean_interval(differences, labels, level)
    if scale is not None and np.ptp(differences) <= _EQUAL:
        reach = scale[0] - float(means.max()), scale[1] - float(means.min())
        ends = equal_interval(found.mean, found.clusters, *reach, level)
        found = replace(found, low=ends.low, high=ends.high)
    return Bias(found, int((~known).sum()))


def _checked(judge: npt.ArrayLike, humans: npt.ArrayLike) -> tuple[Floats, Floats]:
    own, others = np.asarray(judge, dtype=np.float64), np.asarray(humans, dtype=np.float64)
    if others.ndim == 1:
        others = others[:, None]
    if own.ndim != 1 or others.ndim != 2 or len(own) != len(others) or not others.shape[1]:
        raise ValueError(
            f"a judge's ratings {own.shape} and a table of human ones {others.shape} have the same cases"
        )
    if np.isinf(own).any() or np.isinf(others).any():
        raise ValueError("ratings are finite numbers, NaN where missing")
    return own, others


def _both(a: Floats, b: Floats) -> Bools:
    both: Bools = np.isfinite(a) & np.isfinite(b)
    return both


def _mean(figures: Floats, sizes: Floats) -> Floats:
    """Return the mean over pairs (columns) that have a figure, weighted by size; NaN where none has."""
    weights = np.where(np.isfinite(figures), sizes, 0.0)
    total = weights.sum(axis=1)
    sums = (weights * np.where(np.isfinite(figures), figures, 0.0)).sum(axis=1)
    found: Floats = np.divide(sums, total, out=np.full(len(figures), np.nan), where=total > 0)
    return found


def _figure(measure: Measure, a: Floats, b: Floats) -> Weighted:
    return _BUILDERS[measure](a, b)


def _accuracy(a: Floats, b: Floats) -> Weighted:
    both = _both(a, b)
    columns = np.column_stack([both & (a == b), both]).astype(np.float64)

    def figure(weights: Floats) -> Floats:
        equal, total = (weights @ columns).T
        found: Floats = np.divide(equal, total, out=np.full(len(total), np.nan), where=total > 0)
        return found

    return figure


def _alpha(scale: Scale) -> Callable[[Floats, Floats], Weighted]:
    return lambda a, b: alpha_figure(np.column_stack([a, b]), scale)


_BUILDERS: dict[Measure, Callable[[Floats, Floats], Weighted]] = {
    "accuracy": _accuracy,
    "kappa": lambda a, b: kappa_figure(a, b, "nominal"),
    "linear_kappa": lambda a, b: kappa_figure(a, b, "linear"),
    "quadratic_kappa": lambda a, b: kappa_figure(a, b, "quadratic"),
    "alpha_nominal": _alpha("nominal"),
    "alpha_ordinal": _alpha("ordinal"),
    "alpha_interval": _alpha("interval"),
    "pearson": lambda a, b: correlation_figure(a, b, "pearson"),
    "spearman": lambda a, b: correlation_figure(a, b, "spearman"),
    "kendall": lambda a, b: correlation_figure(a, b, "kendall"),
}
MEASURES: Sequence[Measure] = tuple(_BUILDERS)
