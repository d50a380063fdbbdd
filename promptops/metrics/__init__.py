"""How good is this output? The contract of the wing; each neighbour file is one metric.

A Score is a small vector of counts and counts add: `score` returns them for one output, `combine`
turns totals over n outputs into a figure. The mean of one count is the default, so that the
shortest metric is a class with `score` alone (see `exact.py`).
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from promptops.canonical import canonical_json
from promptops.types import Completion, MetricRecord, Sample, Score

Floats = npt.NDArray[np.float64]
LARGEST = 1e100
"""Counts beyond this could not be squared and summed."""


class Metric(BaseModel):
    """Scores one output, and figures for many. Its fields are its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    higher_is_better: ClassVar[bool] = True
    low: ClassVar[float | None] = 0.0
    high: ClassVar[float | None] = 1.0
    unit: ClassVar[str] = ""
    corpus: ClassVar[bool] = False
    """True where `combine` is not the mean of the samples' own values."""
    needs_target: ClassVar[bool] = True
    version: ClassVar[str] = "1"
    """Raised when the same output would get another score."""

    @abstractmethod
    def score(self, completion: Completion, sample: Sample) -> Score:
        """Return the counts for one output, or `Score.missing(why)`; never zero for 'unknown'."""

    def combine(self, totals: Floats, n: Floats) -> Floats:
        """Turn totals (..., k) over n (...) outputs into figures (...); the mean of the first count."""
        figures: Floats = np.full(np.shape(totals)[:-1], np.nan)
        np.divide(totals[..., 0], n, out=figures, where=np.asarray(n) > 0)
        return figures

    def value(self, score: Score) -> float | None:
        """Return one sample's own figure, for display; None where it is unscored."""
        if score.unscored is not None:
            return None
        if type(self).combine is Metric.combine:  # what the mean of one is, without arrays
            return float(score.counts[0])
        return float(self.combine(np.asarray(score.counts, dtype=np.float64), np.asarray(1.0)))

    def check(self, sample: Sample) -> str | None:
        """Return why a sample can't be scored by this metric at all, before anything is spent."""
        if self.needs_target and not sample.target:
            return "has no target, which this metric compares with"
        return None

    def parts(self) -> dict[str, str]:
        """Return what the figures depend on beside the options (libraries, tokenizers, prompts)."""
        return {}

    @property
    def signature(self) -> str:
        """All that a figure depends on, in one line; runs with different ones are not compared."""
        options = self.model_dump(mode="json")
        fields = {**options, **self.parts(), "version": self.version}
        name = type(self).__module__.rpartition(".")[2]
        return "|".join([name, *(f"{key}:{_plain(value)}" for key, value in sorted(fields.items()))])

    def record(self, label: str, name: str) -> MetricRecord:
        """Return what a run keeps of this metric."""
        return MetricRecord(
            label=label,
            metric=name,
            options=self.model_dump(mode="json", exclude_defaults=True),
            signature=self.signature,
            higher_is_better=self.higher_is_better,
            low=self.low,
            high=self.high,
            unit=self.unit,
            corpus=self.corpus,
        )

    @classmethod
    def example(cls) -> Metric:
        """Return an instance for the contract tests; override where options are required."""
        return cls()


def scored(metric: Metric, record: MetricRecord, completion: Completion, sample: Sample) -> Score:
    """Return a metric's Score of one output; what it raises, or what is no figure, is unscored."""
    try:
        return sound(metric, record, metric.score(completion, sample))
    except Exception as error:
        return Score.missing(f"{type(error).__name__}: {error}"[:500])


def sound(metric: Metric, record: MetricRecord, score: Score) -> Score:
    """Return the Score, or why it is none: statistics and store need finite counts within the range."""
    if not isinstance(score, Score):
        return Score.missing(f"the metric returned no Score but {type(score).__name__}")
    if score.evidence and not _is_json(score.evidence):
        score = score.model_copy(update={"evidence": {"left_out": "it holds a number that JSON hasn't"}})
    if score.unscored is not None:
        return score
    if not score.counts:
        return Score.missing("the metric returned a Score without counts")
    if not all(abs(count) <= LARGEST for count in score.counts):
        return Score.missing(f"the metric returned {max(score.counts, key=_wildness)}, which is no figure")
    if record.corpus or record.low is None or record.high is None:
        return score
    value = metric.value(score)
    slack = 1e-9 * (record.high - record.low)
    if value is None or not record.low - slack <= value <= record.high + slack:
        return Score.missing(
            f"the metric returned {value}, outside its range {record.low:g} to {record.high:g}"
        )
    return score


def best_of(scores: list[float]) -> float:
    """Return the best score over several targets (the usual rule of SQuAD and ROUGE)."""
    return max(scores)


def _is_json(value: object) -> bool:
    try:
        canonical_json(value)
    except ValueError:
        return False
    return True


def _wildness(count: float) -> float:
    return math.inf if math.isnan(count) else abs(count)


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    # A pattern or a schema may hold line breaks; a signature is one line.
    return text if text.isprintable() else json.dumps(value, sort_keys=True, separators=(",", ":"))
