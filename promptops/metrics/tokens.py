"""Mean tokens written for an answer, as the model counts them; lower is better."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.types import Completion, Sample, Score


class Tokens(Metric):
    """Tokens of the answer by the provider's own count; unscored where it does not tell."""

    higher_is_better: ClassVar[bool] = False
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "tokens"
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        if completion.tokens_out is None:
            return Score.missing("the provider does not tell how many tokens this answer has")
        return Score.of(completion.tokens_out)
