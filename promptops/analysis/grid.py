"""A run's scores by sample and repeat, before repeats are averaged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from promptops.analysis.sides import Loaded
from promptops.analysis.summary import Bools, Column, Floats, Tally
from promptops.gate.filled import with_missing
from promptops.gate.rules import GateRule
from promptops.metrics import Metric
from promptops.types import Run

_STEP = 1e-6


@dataclass(frozen=True)
class Scores:
    """One metric's scores, (samples, repeats); NaN where there is none."""

    column: Column
    counts: Floats
    """(samples, repeats, counts); NaN where a repeat has no score."""
    own: Floats
    """Each answer's own figure."""
    values: Floats
    """What each answer brings to the run's figure, of which they are the mean: `own`, but for corpus
    metrics the figure's linear approximation around the run (the influence function)."""


@dataclass(frozen=True)
class Grid:
    """All repeats of a run."""

    run: Run
    table: Tally
    metrics: Mapping[str, Metric]
    texts: npt.NDArray[np.int64]
    """(samples, repeats): equal numbers for equal answers, byte for byte; 0 where none is known."""
    failed: Bools
    """(samples, repeats): asked, and no answer came."""
    cached: int
    """Answers that were not asked for again but stored by an earlier run."""
    scores: Mapping[str, Scores]

    @property
    def identical(self) -> bool:
        """Tell whether every sample got the same answer in all its repeats, of which it has several."""
        known = [row[row != 0] for row in self.texts]
        several = any(len(row) > 1 for row in known)
        return several and not self.failed.any() and all(len(np.unique(row)) < 2 for row in known)


def grid_of(loaded: Loaded) -> Grid:
    """Read a run's answers and scores once; only hashes of the texts are kept."""
    run, table = loaded.side.run, loaded.side.table
    place = {sample.id: number for number, sample in enumerate(table.samples)}
    shape = (len(place), run.repeats)
    texts, failed = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    labels = [label for label in table.columns if label in loaded.metrics]
    counts = {label: np.full((*shape, table.columns[label].counts.shape[1]), np.nan) for label in labels}
    cached = 0
    for result in loaded.outputs():
        if result.sample_id not in place or result.repeat >= run.repeats:
            continue
        at = place[result.sample_id], result.repeat
        cached += result.cached
        failed[at] = result.failure is not None
        if result.failure is not None:
            continue
        if result.completion is not None:
            texts[at] = _mark(result.completion.text)
        for label in labels:
            score = result.scores.get(label)
            if score is not None and score.unscored is None:
                counts[label][at] = score.counts
    scores = {
        label: _scores(table, table.columns[label], loaded.metrics[label], counts[label]) for label in labels
    }
    return Grid(run, table, loaded.metrics, texts, failed, cached, scores)


def grids_for(rules: Sequence[GateRule], first: Loaded, second: Loaded) -> tuple[Grid, Grid] | None:
    """Read every repeat where a rule is about these very samples; elsewhere means are enough."""
    if all(rule.estimand == "population" for rule in rules):
        return None
    return grid_of(first), grid_of(second)


def with_worst(grid: Grid, label: str) -> Floats | None:
    """Return values with the worst one where no answer came; None where the metric has no worst one."""
    found, metric = grid.scores[label], grid.metrics[label]
    if not grid.failed.any():
        return found.values
    whole = replace(
        found.column,
        counts=np.zeros_like(found.column.counts),
        failed=np.ones(len(found.column.counts)),
    )
    worst = with_missing(whole, metric, grid.table.samples, np.asarray(grid.failed.any(axis=1)))
    if worst is None:
        return None
    counts = np.where(grid.failed[:, :, None], worst[:, None, :], found.counts)
    return _scores(grid.table, found.column, metric, counts).values


def _mark(text: str) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True) or 1


def _scores(table: Tally, column: Column, metric: Metric, counts: Floats) -> Scores:
    there = np.isfinite(counts[:, :, 0])
    own = np.full(there.shape, np.nan)
    own[there] = metric.combine(counts[there], np.ones(int(there.sum())))
    values = own
    if column.record.corpus and there.any():
        values = np.full(there.shape, np.nan)
        values[there] = _influence(table, metric, counts, there)
    return Scores(column, counts, own, values)


def _influence(table: Tally, metric: Metric, counts: Floats, there: Bools) -> Floats:
    """Return the figure and how it moves as weight is moved to one answer, for each answer."""
    some = there.any(axis=1)
    means = np.nansum(counts[some], axis=1) / there[some].sum(axis=1, keepdims=True)
    size = float(table.weights[some].sum())
    totals = (means * table.weights[some][:, None]).sum(axis=0)
    figure = float(metric.combine(totals, np.asarray(size)))
    moved = (1 - _STEP) * totals + _STEP * size * counts[there]
    return figure + (metric.combine(moved, np.full(len(moved), size)) - figure) / _STEP
