"""Mean seconds from a call to its answer; lower is better."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score


class Latency(Metric):
    """Seconds that an answer took; unscored where the provider does not tell."""

    higher_is_better: ClassVar[bool] = False
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "s"
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        if completion.seconds is None:
            return Score.missing("the time of this answer is not known")
        return Score.of(completion.seconds)
