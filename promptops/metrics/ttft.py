"""Mean seconds from a call to the first token of its answer; lower is better. Needs `stream = true`."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score


class Ttft(Metric):
    """Seconds to the first token; unscored where the answer was not streamed."""

    higher_is_better: ClassVar[bool] = False
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "s"
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        if completion.ttft is None:
            return Score.missing("the time to the first token is not known: the answer was not streamed")
        return Score.of(completion.ttft)
