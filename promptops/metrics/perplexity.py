"""Perplexity of the answers' tokens, by the model that wrote them; lower is surer. Needs `logprobs: true`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from promptops.metrics import Floats, Metric
from promptops.metrics._logprobs import tokens_of, whole_sum
from promptops.types import Completion, Sample, Score

LARGEST = 700.0
"""Nats a token beyond which the exponential is no number any more; no model is that unsure."""


class Perplexity(Metric):
    """exp(-sum of log-probabilities / number of tokens) over all answers together, as language models are
    measured (Jelinek et al. 1977): each token counts the same.

    Figures of models with different tokenizers can't be compared.
    """

    higher_is_better: ClassVar[bool] = False
    low: ClassVar[float | None] = 1.0
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "perplexity"
    corpus: ClassVar[bool] = True
    needs_target: ClassVar[bool] = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        tokens = tokens_of(completion)
        if isinstance(tokens, str):
            return Score.missing(tokens)
        total = whole_sum(tokens)
        return Score.missing(total) if isinstance(total, str) else Score.of(-total, len(tokens))

    def combine(self, totals: Floats, n: Floats) -> Floats:
        nats, tokens = totals[..., 0], totals[..., 1]
        mean = np.full(np.shape(nats), np.nan)
        np.divide(nats, tokens, out=mean, where=tokens > 0)
        figures: Floats = np.exp(np.minimum(mean, LARGEST))
        return figures
