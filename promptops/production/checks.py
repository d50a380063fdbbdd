"""Checks of production's answers: metrics that need no target and ask no model, scored once and kept."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from promptops.calls.models import build_metric
from promptops.config import Settings
from promptops.errors import UsageError
from promptops.judges import Judge
from promptops.metrics import Metric, scored
from promptops.production.measures import Scale
from promptops.production.records import Record, RecordScore
from promptops.types import Completion, MetricSpec, Sample


def check_metrics(
    declared: Mapping[str, Mapping[str, JsonValue]], root: Path, settings: Settings
) -> dict[str, Metric]:
    """Make the checks of the settings: by label their options, with `metric` where it is another name.

    Raises UsageError for one that needs a target or a model, UnknownName.
    """
    found = {}
    for label, options in declared.items():
        kind = str(options.get("metric", label))
        spec = MetricSpec(
            label=label,
            metric=kind,
            options={key: value for key, value in options.items() if key != "metric"},
        )
        metric = build_metric(spec, folder=root, language="en", judge_model=None, settings=settings)
        refuse_unfit(metric, label)
        found[label] = metric
    return found


def refuse_unfit(metric: Metric, label: str) -> None:
    """Raise UsageError where a metric can't score what has no target, or asks a model."""
    if isinstance(metric, Judge):
        raise UsageError(
            f"{label!r} asks a model. Have it judge a sample of the records: --judge SET:{label}"
        )
    if metric.needs_target:
        raise UsageError(
            f"{label!r} compares with a target, and answers in production have none. Checks are metrics "
            "such as json_valid, json_schema, regex and length."
        )


def scale_of(metric: Metric) -> Scale:
    """Return the range of a metric's figure, which of a judge is that of its options."""
    record = metric.record("scale", "scale")
    return Scale(record.low, record.high, record.higher_is_better)


def as_sample(record: Record) -> Sample:
    """Return what was asked as a sample without a target."""
    return Sample(id=record.id, inputs=record.inputs, tags=record.tags)


def as_completion(record: Record) -> Completion:
    """Return what was answered. The record must have an output."""
    return Completion(
        text=record.output or "",
        finish_reason=record.finish_reason or "stop",
        tokens_in=record.tokens_in,
        tokens_out=record.tokens_out,
        seconds=record.seconds,
        cost=record.cost,
        model=record.model,
    )


def check_scores(
    metrics: Mapping[str, Metric], records: Iterable[Record], known: Container[tuple[str, str]], at: str
) -> Iterator[RecordScore]:
    """Yield the scores of answers that have none yet; `known` are records with labels that have."""
    kept = {label: metric.record(label, label) for label, metric in metrics.items()}
    for record in records:
        if record.output is None:
            continue
        sample, completion = as_sample(record), as_completion(record)
        for label, metric in metrics.items():
            if (record.id, label) in known:
                continue
            score = scored(metric, kept[label], completion, sample)
            yield RecordScore(
                record=record.id,
                label=label,
                signature=kept[label].signature,
                value=metric.value(score),
                unscored=score.unscored,
                reason=score.reason[:500],
                at=at,
            )


def declared_checks(
    checks: Sequence[str] | Mapping[str, Mapping[str, JsonValue]], named: Sequence[str]
) -> dict[str, Mapping[str, JsonValue]]:
    """Return the settings' checks by label with those that were named beside."""
    known: dict[str, Mapping[str, JsonValue]] = (
        {label: dict(options) for label, options in checks.items()}
        if isinstance(checks, Mapping)
        else {label: {} for label in checks}
    )
    return {**known, **{label: known.get(label, {}) for label in named}}
