"""Mean cost of an answer in US dollars; lower is better."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score


class Cost(Metric):
    """US dollars that an answer cost; unscored where tokens or prices are not known."""

    higher_is_better: ClassVar[bool] = False
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "USD"
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        if completion.cost is None:
            return Score.missing(
                "the cost of this answer is not known; set the provider's price_in and price_out"
            )
        return Score.of(completion.cost)
