"""Several runs by one metric: each one's figure, its difference to a baseline, and the ranks it can have.

Everything is paired by sample over all runs at once. A run that gave no answer to a sample has the worst
value there; a sample that the metric could not score in one of the runs is left out for all and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from promptops.analysis.sides import Loaded
from promptops.analysis.summary import RESAMPLES, SEED, Bools, Column, Floats, Tally, bounded_interval
from promptops.gate.filled import with_missing
from promptops.metrics import Metric
from promptops.noun import Noun
from promptops.stats.many import (
    Many,
    all_pairs,
    behind_best,
    many_counts,
    many_means,
    own_intervals,
    rank_sets,
    to_baseline,
)
from promptops.types import MetricRecord

SMALL = 20
"""On fewer samples nobody is called better than another: the intervals lean on many."""
FEW_CLUSTERS = 10
UNSCORED_LIMIT = 0.05
"""Share of answers that could not be scored above which nobody is called better than another."""


class Standing(Noun):
    """One system by one metric, in the metric's own unit."""

    run: str
    figure: float | None
    low: float | None = None
    high: float | None = None
    """The system's own interval, which promises nothing of the others."""
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    """Interval of the difference to the baseline; those of all systems hold together."""
    best_rank: int | None = None
    worst_rank: int | None = None
    """The ranks from best to worst that the system can have; those of all systems hold together."""
    behind: float | None = None
    """The most that it lies behind the best of the others; below 0 it is the best. All hold together."""
    missing: int = 0
    """Samples that it gave no answer to in some repeat; they count as worst."""


class PairDifference(Noun):
    """Two systems' difference, run less other, in an interval that holds together with those of all pairs."""

    run: str
    other: str
    difference: float
    low: float
    high: float


class MetricRanking(Noun):
    """All systems by one metric, the best figure first."""

    label: str
    unit: str
    higher_is_better: bool
    n: int
    clusters: int
    unscored: int
    """Samples that were left out because the metric could not score some run's answer."""
    unscored_share: float
    """The same of answers, where samples were asked more than once."""
    standings: tuple[Standing, ...]
    pairs: tuple[PairDifference, ...] = ()
    method: str = ""
    note: str = ""


def by_metric(
    loaded: Sequence[Loaded], label: str, metric: Metric, baseline: int, level: float
) -> MetricRanking:
    """Return all systems by one metric that they share; intervals are missing where there can be none."""
    table = loaded[0].side.table
    columns = [one.side.table.columns[label] for one in loaded]
    record = columns[0].record
    used = np.logical_and.reduce([column.scored | (column.failed > 0) for column in columns])
    runs = [one.side.run.id for one in loaded]
    bare = MetricRanking(
        label=label,
        unit=record.unit,
        higher_is_better=record.higher_is_better,
        n=int(used.sum()),
        clusters=len(np.unique(table.clusters[used])),
        unscored=int((~used).sum()),
        unscored_share=float(np.max([column.blank for column in columns], axis=0).mean()),
        standings=tuple(
            Standing(run=run, figure=None, missing=int((used & (column.failed > 0)).sum()))
            for run, column in zip(runs, columns, strict=True)
        ),
    )
    if bare.n == 0:
        return bare.model_copy(update={"note": "no sample could be scored in all of these runs"})
    counts = _filled(columns, metric, table, used)
    if counts is None:
        note = "a missing answer has no worst value in this metric: no figure"
        return bare.model_copy(update={"note": note})
    case = _Case(record, metric, counts, table.weights[used], table.clusters[used])
    return _measured(bare, case, baseline, level)


@dataclass(frozen=True)
class _Case:
    """One metric on the samples that count, for all systems."""

    record: MetricRecord
    metric: Metric
    counts: list[Floats]
    weights: Floats
    clusters: npt.NDArray[np.int64]


def _filled(columns: Sequence[Column], metric: Metric, table: Tally, used: Bools) -> list[Floats] | None:
    """Return every system's counts with missing answers as the worst ones; None where there is no worst."""
    width = max((column.counts.shape[1] for column in columns if column.scored.any()), default=1)
    found: list[Floats] = []
    for column in columns:
        # A run without any answer does not know how many counts the metric has.
        blank = column if column.scored.any() else replace(column, counts=np.zeros((len(used), width)))
        counts = with_missing(blank, metric, table.samples, used)
        if counts is None or counts.shape[1] != width:
            return None
        found.append(counts[used])
    return found


def _measured(bare: MetricRanking, case: _Case, baseline: int, level: float) -> MetricRanking:
    totals = [(counts * case.weights[:, None]).sum(axis=0) for counts in case.counts]
    size = np.asarray(case.weights.sum())
    figures = [float(case.metric.combine(total, size)) for total in totals]
    shown = [
        standing.model_copy(update={"figure": value if np.isfinite(value) else None})
        for standing, value in zip(bare.standings, figures, strict=True)
    ]
    if bare.clusters < 2:
        note = "one group only: no interval"
        return bare.model_copy(update={"standings": _sorted(shown, bare), "note": note})
    many, own = (_corpus if case.record.corpus else _means)(case, level)
    if not many.bounded:
        note = "a figure is undefined, or is so on too many resamples: no interval"
        return bare.model_copy(update={"standings": _sorted(shown, bare), "note": note})
    return _with_bounds(bare, shown, own, many, case.record, baseline, level)


def _means(case: _Case, level: float) -> tuple[Many, list[tuple[float, float]]]:
    record, ones = case.record, np.ones(len(case.weights))
    values = np.column_stack([case.metric.combine(counts, ones) for counts in case.counts])
    many = many_means(
        values * _sign(record) / _scale(record),
        case.clusters,
        weights=case.weights,
        resamples=RESAMPLES,
        seed=SEED,
    )
    own = [
        bounded_interval(column, case.clusters, case.weights, level, low=record.low, high=record.high)
        for column in values.T
    ]
    return many, own


def _corpus(case: _Case, level: float) -> tuple[Many, list[tuple[float, float]]]:
    sign = _sign(case.record)

    def oriented(totals: Floats, n: Floats) -> Floats:
        turned: Floats = sign * case.metric.combine(totals, n)
        return turned

    weighted = [counts * case.weights[:, None] for counts in case.counts]
    many = many_counts(weighted, case.weights, case.clusters, oriented, resamples=RESAMPLES, seed=SEED)
    lows, highs = own_intervals(many, level)
    ends = [(sign * low, sign * high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
    return many, [(min(each), max(each)) for each in ends]


def _with_bounds(
    bare: MetricRanking,
    shown: Sequence[Standing],
    own: Sequence[tuple[float, float]],
    many: Many,
    record: MetricRecord,
    baseline: int,
    level: float,
) -> MetricRanking:
    scale = 1.0 if record.corpus else _scale(record)
    widest = scale if record.low is not None and record.high is not None and not record.corpus else np.inf
    sign = _sign(record)

    def printed(difference: float, low: float, high: float) -> tuple[float, float, float]:
        ends = sorted((sign * scale * low, sign * scale * high))
        # No difference lies beyond the range.
        return sign * scale * difference + 0.0, max(ends[0], -widest), min(ends[1], widest)

    against, pairs, behind = (
        to_baseline(many, baseline, level),
        all_pairs(many, level),
        behind_best(many, level),
    )
    ranks = rank_sets(pairs)
    doubt = _doubt(bare)
    decided = not doubt
    whole: list[Standing] = []
    for place, standing in enumerate(shown):
        difference, low, high = printed(against.difference[place], against.low[place], against.high[place])
        other = place != baseline
        whole.append(
            standing.model_copy(
                update={
                    "low": own[place][0],
                    "high": own[place][1],
                    "difference": difference if other else None,
                    "difference_low": low if other else None,
                    "difference_high": high if other else None,
                    "best_rank": int(ranks.best[place]) if decided else 1,
                    "worst_rank": int(ranks.worst[place]) if decided else len(shown),
                    "behind": min(float(scale * behind[place]), widest) if decided else None,
                }
            )
        )
    differences = []
    for i, j in zip(many.first.tolist(), many.second.tolist(), strict=True):
        difference, low, high = printed(pairs.difference[i, j], pairs.low[i, j], pairs.high[i, j])
        differences.append(
            PairDifference(run=shown[i].run, other=shown[j].run, difference=difference, low=low, high=high)
        )
    how = "of bootstrapped figures" if record.corpus else "studentised, with two pseudo-cases"
    return bare.model_copy(
        update={
            "standings": _sorted(whole, bare),
            "pairs": tuple(differences),
            "method": f"max-t over all systems, {how}, {RESAMPLES} cluster resamples, seed {SEED}",
            "note": doubt,
        }
    )


def _doubt(bare: MetricRanking) -> str:
    """Return why nobody may be called better than another; nothing where one may."""
    if bare.n < SMALL:
        return f"under {SMALL} samples, too few to call one better than another"
    if bare.unscored_share > UNSCORED_LIMIT:
        return f"{bare.unscored_share:.0%} of the answers could not be scored, so nobody is called better"
    return ""


def _sorted(standings: Sequence[Standing], ranking: MetricRanking) -> tuple[Standing, ...]:
    sign = 1.0 if ranking.higher_is_better else -1.0
    return tuple(
        sorted(standings, key=lambda one: float("inf") if one.figure is None else -sign * one.figure)
    )


def _sign(record: MetricRecord) -> float:
    return 1.0 if record.higher_is_better else -1.0


def _scale(record: MetricRecord) -> float:
    return record.high - record.low if record.low is not None and record.high is not None else 1.0
