"""Mean log-probability of an answer's tokens, by the model that wrote it; needs `logprobs: true`."""

from __future__ import annotations

from typing import ClassVar

from promptops.metrics import Metric
from promptops.metrics._logprobs import tokens_of, whole_sum
from promptops.types import Completion, Sample, Score


class MeanLogprob(Metric):
    """Natural logarithms, averaged over tokens, then over answers, so that each answer counts the same.

    How sure a model was of its words, not whether they are right. Figures of models with different
    tokenizers can't be compared.
    """

    low: ClassVar[float | None] = None
    high: ClassVar[float | None] = 0.0
    unit: ClassVar[str] = "nats a token"
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        tokens = tokens_of(completion)
        if isinstance(tokens, str):
            return Score.missing(tokens)
        total = whole_sum(tokens)
        return Score.missing(total) if isinstance(total, str) else Score.of(total / len(tokens))
