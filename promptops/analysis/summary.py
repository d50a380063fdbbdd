"""From stored scores to figures: arrays of counts per metric, and an Estimate for each slice.

Counts of repeats are averaged within a sample first, so that a sample counts once however often it
was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import is_not
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from promptops.errors import UsageError
from promptops.metrics import Metric
from promptops.sets.origins import ORIGIN_SLICES, SYNTHETIC, SYNTHETIC_SLICE, is_synthetic, origin_slices
from promptops.sets.places import at_places
from promptops.sets.roster import Roster
from promptops.stats.clusters import numbered
from promptops.stats.intervals import bootstrap_interval, mean_interval, wilson_interval
from promptops.types import Estimate, MetricRecord, Result, Run, Sample

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.intp]
Counts: TypeAlias = tuple[Ints, Floats]
"""Places of rows in their page, and a row of counts for each; all of one width."""
Page: TypeAlias = tuple[Sequence[str], Sequence[str | None], Mapping[str, Sequence[Counts]]]
"""Of each row the sample id and the kind of failure if it failed; and each label's counts where measured."""
Row: TypeAlias = tuple[str, int, str | None, Mapping[str, Mapping[str, object]]]
"""Sample id, repeat, kind of failure if it failed, and each label's score as stored."""

RESAMPLES = 2000
SEED = 20_261_121


@dataclass(frozen=True)
class Column:
    """One metric over a set's samples, in the set's order."""

    record: MetricRecord
    counts: Floats
    """(n, k); zero where nothing was measured."""
    scored: Bools
    """At least one repeat was measured."""
    failed: Floats
    """Share of the repeats without any answer: an outcome of the prompt and model."""
    unscored: Bools
    """Not measured though not failed: a fault of the metric or judge, or no result at all."""
    blank: Floats
    """Share of the answered repeats that were not measured; 1 where there is no result at all."""

    def only(self, places: npt.NDArray[np.intp]) -> Column:
        """Return the part of the samples at some places."""
        return Column(
            record=self.record,
            counts=self.counts[places],
            scored=self.scored[places],
            failed=self.failed[places],
            unscored=self.unscored[places],
            blank=self.blank[places],
        )


@dataclass(frozen=True)
class Tally:
    """A run's scores as arrays."""

    samples: Sequence[Sample]
    """In the set's order; of many, perhaps a view that reads them when they are looked at."""
    columns: dict[str, Column]
    complete: bool
    """Whether every sample has a result."""
    absent: Bools
    """(n,) which samples have no result at all: they were not asked yet."""
    roster: Roster

    def only(self, places: npt.NDArray[np.intp]) -> Tally:
        """Return the scores of the samples at some places."""
        columns = {label: column.only(places) for label, column in self.columns.items()}
        samples = tuple(at_places(self.samples, places))
        return Tally(samples, columns, self.complete, self.absent[places], Roster.of(samples))

    @property
    def clusters(self) -> npt.NDArray[np.int64]:
        """A number for each sample's group; a sample without one is its own."""
        return self.roster.clusters

    def mask(self, name: str | None) -> Bools:
        """(n,) which samples carry a tag, or are of an origin; all of them where none is named."""
        if name is None:
            return np.ones(len(self.samples), dtype=bool)
        mask = np.zeros(len(self.samples), dtype=bool)
        if name in ORIGIN_SLICES:
            mask[self.roster.synthetic] = True
            return mask if name == SYNTHETIC_SLICE else ~mask
        if name in self.roster.tagged:
            mask[self.roster.tagged[name]] = True
        return mask

    @property
    def origins(self) -> tuple[str, ...]:
        """The slices of people's samples and of synthetic ones; none where there is no synthetic one."""
        return origin_slices(len(self.roster.synthetic), len(self.samples))

    @property
    def slices(self) -> tuple[str, ...]:
        """What figures are told on: by origin, then by tag."""
        origins = self.origins
        return (*origins, *(tag for tag in self.tags if not (origins and tag == SYNTHETIC)))

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag, in order of appearance."""
        return tuple(self.roster.tagged)

    @property
    def weights(self) -> Floats:
        """(n,) sample weights."""
        return self.roster.weights


@dataclass(frozen=True)
class Side:
    """A run, or what an accepted file says of one, and its scores."""

    run: Run
    table: Tally


def clusters_and_weights(samples: Sequence[Sample]) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return a number for each sample's group, and the samples' weights, both (n,)."""
    found = Roster.of(samples)
    return found.clusters, found.weights


def cluster_codes(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """Number the groups in order of appearance; samples without a group stand alone."""
    return Roster.of(samples).clusters


def slice_mask(samples: Sequence[Sample], name: str | None) -> Bools:
    """Say which samples carry a tag, or are of an origin; all of them where no slice is named."""
    if name is None:
        return np.ones(len(samples), dtype=bool)
    if name in ORIGIN_SLICES:
        wanted = name == SYNTHETIC_SLICE
        return np.fromiter((is_synthetic(each) == wanted for each in samples), dtype=bool, count=len(samples))
    return np.fromiter((name in sample.tags for sample in samples), dtype=bool, count=len(samples))


def slice_names(samples: Sequence[Sample], declared: Sequence[str] = ()) -> tuple[str, ...]:
    """List the slices to report: the declared ones, else every tag in order of appearance."""
    if declared:
        return tuple(declared)
    return tuple(dict.fromkeys(tag for sample in samples for tag in sample.tags))


def rows_of(results: Iterable[Result]) -> list[Row]:
    """Return results in the shape in which the store yields scores."""
    return [
        (
            result.sample_id,
            result.repeat,
            result.failure.kind if result.failure else None,
            {
                label: {"counts": score.counts, "unscored": score.unscored}
                for label, score in result.scores.items()
            },
        )
        for result in results
    ]


def tally(samples: Sequence[Sample], rows: Iterable[Row], records: Sequence[MetricRecord]) -> Tally:
    """Arrange scores by the set's order of samples."""
    kept = list(rows)
    counts = {record.label: _measured(record.label, kept) for record in records}
    return tally_pages(samples, [([row[0] for row in kept], [row[2] for row in kept], counts)], records)


def tally_pages(
    samples: Sequence[Sample],
    pages: Iterable[Page],
    records: Sequence[MetricRecord],
    *,
    roster: Roster | None = None,
) -> Tally:
    """Arrange scores that come as arrays by the set's order of samples.

    `roster` is that of the very samples, where another run's Tally has it.
    """
    roster = roster or Roster.of(samples)
    places = roster.places
    positions: list[Ints] = []
    fell: list[Bools] = []
    counts: dict[str, list[Counts]] = {record.label: [] for record in records}
    for sample_ids, failures, measured in pages:
        where = places.find(sample_ids)
        known = where >= 0
        every = bool(known.all())
        positions.append(where[known])
        fell.append(np.fromiter(map(is_not, failures, repeat(None)), bool, len(failures))[known])
        for label, found in counts.items():
            found.extend(
                (where[rows], vectors) if every else (where[rows][known[rows]], vectors[known[rows]])
                for rows, vectors in measured.get(label, ())
            )
    at = np.concatenate([np.empty(0, np.intp), *positions])
    fallen = np.concatenate([np.empty(0, bool), *fell])
    columns = {
        record.label: _column(record, counts[record.label], at, fallen, len(samples)) for record in records
    }
    present = np.zeros(len(samples), dtype=bool)
    present[at] = True
    return Tally(samples, columns, bool(present.all()), ~present, roster)


def estimates(
    table: Tally, metrics: Mapping[str, Metric], slices: Sequence[str] = (), level: float = 0.95
) -> tuple[Estimate, ...]:
    """Return every metric's Estimate on the whole set and on each slice."""
    return tuple(
        estimate(table, metrics[label], label, name, level=level)
        for label in table.columns
        if label in metrics
        for name in (None, *slices)
    )


def estimate(
    table: Tally, metric: Metric, label: str, name: str | None = None, level: float = 0.95
) -> Estimate:
    """Return one metric's figure with its two-sided interval: by `bounded_interval`, or by a bootstrap."""
    column = table.columns[label]
    mask = table.mask(name)
    used = mask & column.scored
    n = int(used.sum())
    missing = int((mask & column.unscored & ~table.absent).sum())
    absent = int((mask & table.absent).sum())
    if n == 0:
        return Estimate(
            label=label, slice=name, value=None, n=0, unscored=missing, absent=absent, level=level
        )
    value, low, high = _figure(table, column, metric, used, level)
    return Estimate(
        label=label,
        slice=name,
        value=value,
        low=low,
        high=high,
        n=n,
        clusters=numbered(table.clusters[used], n)[1],
        unscored=missing,
        absent=absent,
        level=level,
    )


def whole_figures(table: Tally, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    """Return every metric's figure on the whole set, without the cost of intervals."""
    return {
        label: _total(table, column, metrics[label], column.scored) if column.scored.any() else None
        for label, column in table.columns.items()
        if label in metrics
    }


def own_figures(result: Result, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    """Return each metric's figure on one output alone; None where it has none."""
    found: dict[str, float | None] = {}
    for label, metric in metrics.items():
        score = result.scores.get(label)
        scored = result.failure is None and score is not None and score.unscored is None
        if scored and score is not None:
            found[label] = float(metric.combine(np.array([score.counts]), np.ones(1))[0])
        else:
            found[label] = None
    return found


def sample_values(column: Column, metric: Metric) -> Floats:
    """(n,) one figure a sample, NaN where it has none; the sample's own figure for corpus metrics."""
    figures = metric.combine(column.counts, np.ones(len(column.counts)))
    return np.where(column.scored, figures, np.nan)


def bounded_interval(
    values: Floats,
    clusters: npt.NDArray[np.int64],
    weights: Floats,
    level: float,
    *,
    low: float | None,
    high: float | None,
) -> tuple[float, float]:
    """Return the interval of a (weighted) mean of values within a range; needs two clusters.

    Cluster-robust t, cut at the ends of the range; Wilson for unclustered shares. Where all values
    are alike, or the figures of all clusters, there is no spread to estimate from: at an end of the
    range Wilson's interval with a trial for each cluster, between the ends the t interval with two
    pseudo-clusters, one at either end.
    """
    _, groups = numbered(clusters, len(clusters))
    if low is not None and high is not None and np.all(values == values[0]):
        return _without_spread(float(values[0]), groups, level, low, high)
    if groups == len(values) and np.all(weights == weights[0]) and np.isin(values, (0.0, 1.0)).all():
        share = wilson_interval(int(values.sum()), len(values), level)
        return share.low, share.high
    mean = mean_interval(values, clusters, level, weights=weights)
    if low is not None and high is not None and mean.high - mean.low < 1e-9 * (high - low):
        return _without_spread((mean.low + mean.high) / 2, groups, level, low, high)
    return max(mean.low, -np.inf if low is None else low), min(mean.high, np.inf if high is None else high)


def _without_spread(value: float, groups: int, level: float, low: float, high: float) -> tuple[float, float]:
    if value in {low, high}:
        share = wilson_interval(groups if value == high else 0, groups, level)
        return low + share.low * (high - low), low + share.high * (high - low)
    stretched = mean_interval(np.array([*[value] * groups, low, high]), None, level)
    return max(min(stretched.low, value), low), min(max(stretched.high, value), high)


def _figure(
    table: Tally, column: Column, metric: Metric, used: Bools, level: float
) -> tuple[float, float | None, float | None]:
    counts, weights, clusters = column.counts[used], table.weights[used], table.clusters[used]
    value = _total(table, column, metric, used)
    if (clusters == clusters[:1]).all():
        return value, None, None
    if column.record.corpus:
        found = bootstrap_interval(
            counts * weights[:, None],
            weights,
            clusters,
            metric.combine,
            level,
            resamples=RESAMPLES,
            seed=SEED,
        )
        return value, found.low, found.high
    values = sample_values(column, metric)[used]
    record = column.record
    return value, *bounded_interval(values, clusters, weights, level, low=record.low, high=record.high)


def _total(table: Tally, column: Column, metric: Metric, used: Bools) -> float:
    weights = table.weights[used]
    totals = (column.counts[used] * weights[:, None]).sum(axis=0)
    return float(metric.combine(totals, np.asarray(weights.sum())))


def _measured(label: str, rows: Sequence[Row]) -> list[Counts]:
    """Return one metric's counts where rows without a failure were measured, a table for each width."""
    vectors: dict[int, list[Sequence[float]]] = {}
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        score = row[3].get(label)
        if row[2] is None and score is not None and score.get("unscored") is None:
            vector = cast("Sequence[float]", score["counts"])
            vectors.setdefault(len(vector), []).append(vector)
            places.setdefault(len(vector), []).append(place)
    return [
        (np.array(places[width], np.intp), np.array(found, np.float64).reshape(len(found), width))
        for width, found in vectors.items()
    ]


def _column(record: MetricRecord, found: Sequence[Counts], positions: Ints, fell: Bools, n: int) -> Column:
    label = record.label
    widths = {vectors.shape[1] for where, vectors in found if len(where)}
    if len(widths) > 1 or 0 in widths:
        raise UsageError(
            f"The scores of {label!r} have {sorted(widths)} counts; a metric gives every sample the same "
            "number of them, one or more. Mend the metric and score the run anew: promptops score RUN"
        )
    at = np.concatenate([np.empty(0, np.intp), *(where for where, _ in found)])
    times = np.bincount(at, minlength=n).astype(np.float64)
    scored, repeated = times > 0, times > 1
    alone = not repeated.any()
    counts = np.zeros((n, widths.pop() if widths else 1))
    for where, vectors in found:
        if not len(where):
            continue
        if not alone and repeated[where].any():
            np.add.at(counts, where, vectors)
        else:
            counts[where] += vectors
    if not alone:
        counts[repeated] /= times[repeated, None]
    falls = np.bincount(positions[fell], minlength=n).astype(np.float64)
    failed = np.divide(falls, falls + times, out=np.zeros(n), where=falls + times > 0)
    answered = np.bincount(positions[~fell], minlength=n).astype(np.float64)
    blank = np.divide(answered - times, answered, out=(falls == 0).astype(np.float64), where=answered > 0)
    unscored = ~scored & (falls == 0)
    return Column(record=record, counts=counts, scored=scored, failed=failed, unscored=unscored, blank=blank)
