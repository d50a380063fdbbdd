"""Counts of answers that did not come: the worst that there could have been, or the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptops.metrics import Metric, scored
from promptops.summary import Bools, Column, Floats
from promptops.types import Completion, MetricRecord, Sample


def with_missing(
    column: Column, metric: Metric, samples: Sequence[Sample], used: Bools, *, best: bool = False
) -> Floats | None:
    """Return counts in which a missing answer counts as the worst (or best) one; None where none is known."""
    missing = used & (column.failed > 0)
    if not missing.any():
        return column.counts
    counts = column.counts.copy()
    for place in map(int, np.flatnonzero(missing)):
        end = _end(column.record, metric, samples[place], best)
        if end is None or len(end) != counts.shape[1]:
            return None
        share = column.failed[place]
        counts[place] = (1.0 - share) * counts[place] + share * np.asarray(end)
    return counts


def _end(record: MetricRecord, metric: Metric, sample: Sample, best: bool) -> tuple[float, ...] | None:
    """Return the counts of the worst or best answer: an empty one or the target where figures don't add."""
    if not record.corpus:
        value = record.high if best == record.higher_is_better else record.low
        return None if value is None else (value,)
    if best and not sample.references:
        return None
    text = sample.references[0] if best else ""
    return scored(metric, record, Completion(text=text), sample).counts or None
