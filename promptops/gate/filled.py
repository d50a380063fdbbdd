"""Counts of answers that did not come: the worst that there could have been, or the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np

from promptops.analysis.summary import Bools, Column, Floats, Ints
from promptops.metrics import Metric, scored
from promptops.sets.places import at_places
from promptops.types import Completion, MetricRecord, Sample


def with_missing(
    column: Column, metric: Metric, samples: Sequence[Sample], used: Bools, *, best: bool = False
) -> Floats | None:
    """Return counts in which a missing answer counts as the worst (or best) one; None where none is known."""
    missing = used & (column.failed > 0)
    if not missing.any():
        return column.counts
    counts = column.counts.copy()
    places = np.flatnonzero(missing)
    for place, end in zip(map(int, places), _ends(column.record, metric, samples, places, best), strict=True):
        if end is None or len(end) != counts.shape[1]:
            return None
        share = column.failed[place]
        counts[place] = (1.0 - share) * counts[place] + share * np.asarray(end)
    return counts


def _ends(
    record: MetricRecord, metric: Metric, samples: Sequence[Sample], places: Ints, best: bool
) -> Iterable[tuple[float, ...] | None]:
    """Return the counts of the worst or best answer at some places; samples are read only where they tell."""
    if record.corpus:
        return (_corpus_end(record, metric, sample, best) for sample in at_places(samples, places))
    value = record.high if best == record.higher_is_better else record.low
    return repeat(None if value is None else (value,), len(places))


def _corpus_end(record: MetricRecord, metric: Metric, sample: Sample, best: bool) -> tuple[float, ...] | None:
    """Return the counts of an empty answer, or of the target, where figures don't add."""
    if best and not sample.references:
        return None
    text = sample.references[0] if best else ""
    return scored(metric, record, Completion(text=text), sample).counts or None
