"""All versions' scores of a set's samples as one matrix, from stored runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptops.analysis.grid import Grid, grid_of, with_worst
from promptops.analysis.sides import Loaded
from promptops.errors import NotComparable, NotMeasured, UnknownName
from promptops.stats import Bools, Floats
from promptops.types import MetricRecord, Sample

LEAST_VERSIONS = 3
"""Two versions lie on a line whatever their scores: each sample's correlation would be 1 or -1."""
LEAST_SAMPLES = 8
MOST_UNMEASURED = 0.2
"""Share of samples without a score in some version above which nothing is said."""


@dataclass(frozen=True)
class CaseScores:
    """One metric's scores of the samples that every version has a score on."""

    record: MetricRecord
    samples: tuple[Sample, ...]
    unmeasured: tuple[str, ...]
    """Ids of samples that some version has no score on."""
    scores: Floats
    """(V, n) the means of repeats, higher is better."""
    repeats: tuple[Floats, ...]
    """Each version's (n, K), higher is better; NaN where there is none."""
    passed: Bools
    """(V, n) whether every repeat was fully right; nowhere for a metric whose range has no best end."""
    failed: Bools
    """(V, n) whether every repeat was as wrong as can be."""
    weights: Floats

    @property
    def binary(self) -> bool:
        """Whether every answer is fully right or as wrong as can be."""
        low, high = self.record.low, self.record.high
        if low is None or high is None:
            return False
        ends = np.abs([low, high])
        return all(np.isin(np.abs(each[np.isfinite(each)]), ends).all() for each in self.repeats)

    @property
    def repeated(self) -> bool:
        """Whether the noise between repeats is known."""
        return any((np.isfinite(each).sum(axis=1) > 1).any() for each in self.repeats)


def case_scores(loaded: Sequence[Loaded], metric: str | None) -> CaseScores:
    """Return what versions scored, by one metric (default: the first that all have).

    An answer that did not come counts as the worst one, where the metric has a worst one. Raises NotMeasured
    for too few versions or samples, NotComparable where the metric does not mean the same, UnknownName.
    """
    if len(loaded) < LEAST_VERSIONS:
        raise NotMeasured(
            f"What samples are worth shows where versions differ: that takes {LEAST_VERSIONS} versions "
            f"(prompts or models) with a run of the whole set; there are {len(loaded)}. Evaluate more: "
            "promptops eval SET --prompt A --prompt B --model M"
        )
    label = _label(loaded, metric)
    grids = [grid_of(each) for each in loaded]
    record = grids[0].scores[label].column.record
    sign = 1.0 if record.higher_is_better else -1.0
    values = [_values(grid, label) for grid in grids]
    there = np.all([np.isfinite(each).any(axis=1) for each in values], axis=0)
    samples = tuple(grids[0].table.samples)
    lost = tuple(sample.id for sample, ok in zip(samples, there, strict=True) if not ok)
    if there.sum() < LEAST_SAMPLES or len(lost) > MOST_UNMEASURED * len(samples):
        raise NotMeasured(
            f"{len(lost)} of {len(samples)} samples have no score of {label} in some version, and "
            f"{int(there.sum())} are left. Ask again what failed: promptops resume RUN --retry-errors"
        )
    best, worst = (record.high, record.low) if sign > 0 else (record.low, record.high)
    whole = [_values(grid, label, own=True)[there] for grid in grids]
    lacking = np.array([grid.failed[there].any(axis=1) for grid in grids])
    return CaseScores(
        record=record,
        samples=tuple(sample for sample, ok in zip(samples, there, strict=True) if ok),
        unmeasured=lost,
        scores=sign * np.array([np.nanmean(each[there], axis=1) for each in values]),
        repeats=tuple(sign * each[there] for each in values),
        passed=np.array([_all_at(each, best) for each in whole]) & ~lacking,
        failed=np.array([_all_at(each, worst) for each in whole]),
        weights=grids[0].table.weights[there],
    )


def _label(loaded: Sequence[Loaded], metric: str | None) -> str:
    first, *others = (each.side.run for each in loaded)
    shared = {record.label: record for record in first.metrics}
    for run in others:
        theirs = {record.label: record for record in run.metrics}
        shared = {label: record for label, record in shared.items() if label in theirs}
    if metric is not None and metric not in shared:
        raise UnknownName("metric of all runs", metric, shared)
    if not shared:
        raise NotComparable("The runs share no metric. `promptops score RUN` scores a stored run anew.")
    label = metric or next(iter(shared))
    for run in others:
        theirs = {record.label: record for record in run.metrics}
        if theirs[label].signature != shared[label].signature:
            raise NotComparable(
                f"{label!r} does not mean the same in runs {first.id} and {run.id}:\n  "
                f"{shared[label].signature}\n  {theirs[label].signature}\nScore one of them again: "
                "`promptops score RUN`."
            )
    return label


def _values(grid: Grid, label: str, *, own: bool = False) -> Floats:
    """Return an answer's part in the figure, or its own one; the worst one where no answer came."""
    found = grid.scores[label]
    filled = with_worst(grid, label)
    if own and found.column.record.corpus:
        return found.own
    return found.values if filled is None else filled


def _all_at(values: Floats, end: float | None) -> Bools:
    if end is None:
        return np.zeros(len(values), dtype=bool)
    there = np.isfinite(values)
    at = np.abs(values - end) <= 1e-9 * max(1.0, abs(end))
    found: Bools = np.all(at | ~there, axis=1) & there.any(axis=1)
    return found
