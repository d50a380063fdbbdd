"""From a stored run or a baseline file to one side of a Comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from promptops.analysis.summary import Side, rows_of, tally, tally_pages
from promptops.calls.models import rebuild_metric
from promptops.errors import NotComparable
from promptops.gate.baselines import read_baseline
from promptops.judges import Judge
from promptops.metrics import Metric, scored
from promptops.runs.collector import collecting_later
from promptops.store import Store
from promptops.types import MetricRecord, Result, Run, Sample, Score


@dataclass(frozen=True)
class Loaded:
    """A run with its scores as arrays, and a way to look at its outputs."""

    side: Side
    metrics: Mapping[str, Metric]
    output: Callable[[str, int], Result | None]
    outputs: Callable[[], Iterable[Result]]

    def only(self, places: npt.NDArray[np.intp]) -> Loaded:
        """Return what a run says of the samples at some places."""
        table = self.side.table.only(places)
        ids = {sample.id for sample in table.samples}
        side = replace(self.side, table=table)
        return replace(self, side=side, outputs=lambda: (x for x in self.outputs() if x.sample_id in ids))


def load_run(
    store: Store,
    run: Run,
    samples: Sequence[Sample] | None = None,
    *,
    beside: Loaded | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Loaded:
    """Read a stored run's scores; its samples too, unless they were read already for the run `beside` it.

    Its own metrics are made again, unless `metrics` are given in their place.
    """
    with collecting_later():
        roster = None
        if beside is not None:
            samples, roster = beside.side.table.samples, beside.side.table.roster
        elif samples is None:
            samples = tuple(store.snapshot_samples(run.evalset_digest))
        pages = store.score_pages(run.id, [record.label for record in run.metrics])
        table = tally_pages(samples, pages, run.metrics, roster=roster)
    return Loaded(
        Side(run, table),
        metrics_of(run) if metrics is None else metrics,
        lambda sample, repeat: store.result(run.id, sample, repeat),
        lambda: store.results(run.id),
    )


def load_baseline(path: Path, samples: Sequence[Sample], current: Mapping[str, Metric], run: Run) -> Loaded:
    """Read a baseline file; stored outputs are scored again where a metric's signature changed.

    Raises NotComparable where that would need outputs that were left out, or a judge.
    """
    accepted, results = read_baseline(path)
    records = {record.label: record for record in run.metrics}
    results, used = _brought_up(accepted, results, samples, current, records, path)
    table = tally(samples, rows_of(results), used)
    found = {(result.sample_id, result.repeat): result for result in results}
    side = Side(accepted.model_copy(update={"metrics": tuple(used)}), table)
    return Loaded(side, dict(current), lambda sample, repeat: found.get((sample, repeat)), found.values)


def load_accepted(
    path: Path, samples: Sequence[Sample], *, metrics: Mapping[str, Metric] | None = None
) -> Loaded:
    """Read a baseline file by itself, with the metrics by which it was accepted, or the ones given."""
    run, results = read_baseline(path)
    found = {(result.sample_id, result.repeat): result for result in results}
    side = Side(run, tally(samples, rows_of(results), run.metrics))
    made = metrics_of(run) if metrics is None else metrics
    return Loaded(side, made, lambda sample, repeat: found.get((sample, repeat)), found.values)


def metrics_of(run: Run) -> dict[str, Metric]:
    """Return the metrics of a run, able to combine its counts."""
    return {record.label: rebuild_metric(record) for record in run.metrics}


def same_outputs(a: Loaded, b: Loaded) -> bool:
    """Tell whether two runs gave the same text on every sample and repeat."""
    samples, repeats = b.side.table.samples, b.side.run.repeats
    if a.side.run.repeats != repeats or not samples:
        return False
    before = {(result.sample_id, result.repeat): _mark(result) for result in a.outputs()}
    if len(before) != len(samples) * repeats:
        return False
    places = 0
    for result in b.outputs():
        mark = _mark(result)
        if mark is None or before.get((result.sample_id, result.repeat)) != mark:
            return False
        places += 1
    return places == len(before)


def _mark(result: Result) -> bytes | None:
    """Return what tells an answer's text from others; None where there is none."""
    text = result.completion.text if result.completion is not None else ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() if text else None


def _brought_up(
    accepted: Run,
    results: list[Result],
    samples: Sequence[Sample],
    current: Mapping[str, Metric],
    records: Mapping[str, MetricRecord],
    path: Path,
) -> tuple[list[Result], list[MetricRecord]]:
    changed = [
        record.label
        for record in accepted.metrics
        if record.label in records and record.signature != records[record.label].signature
    ]
    if not changed:
        return results, list(accepted.metrics)
    for label in changed:
        if isinstance(current[label], Judge):
            raise NotComparable(
                f"The judge {label!r} is not the one that scored the baseline {path.name}. Score anew what "
                "is of the older judge: `promptops score RUN`; of the baseline its run (`promptops score "
                "BASELINE_RUN`, then accept the new run that it prints), or evaluate its prompt again and "
                "accept that."
            )
    by_id = {sample.id: sample for sample in samples}
    anew = [
        _scored_again(result, by_id, {label: current[label] for label in changed}, records, path)
        for result in results
    ]
    kept = [records[record.label] if record.label in changed else record for record in accepted.metrics]
    return anew, kept


def _scored_again(
    result: Result,
    samples: Mapping[str, Sample],
    metrics: Mapping[str, Metric],
    records: Mapping[str, MetricRecord],
    path: Path,
) -> Result:
    if result.failure is not None or result.sample_id not in samples:
        return result
    if result.completion is None:
        raise NotComparable(
            f"{', '.join(metrics)} changed since {path.name} was accepted, and its outputs were left out. "
            "Evaluate the baseline's prompt again and `promptops accept` it."
        )
    scores: dict[str, Score] = dict(result.scores)
    for label, metric in metrics.items():
        scores[label] = scored(metric, records[label], result.completion, samples[result.sample_id])
    return result.model_copy(update={"scores": scores})
