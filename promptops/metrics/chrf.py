"""Corpus chrF2 (or chrF++ with `word_order: 2`), as sacrebleu computes it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from promptops.metrics import Floats, Metric
from promptops.metrics._sacrebleu import SegmentCounter, chrf_counter
from promptops.types import Completion, Sample, Score

RECALL_WEIGHT = 2**2
"""Beta squared of chrF2: recall counts twice as much as precision."""


class Chrf(Metric):
    """F-score of character n-grams up to six (and of word n-grams up to `word_order`), added up over the set.

    Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015). Of several targets the
    nearest counts.
    """

    high: ClassVar[float | None] = 100.0
    unit: ClassVar[str] = "chrF"
    corpus: ClassVar[bool] = True

    word_order: int = Field(default=0, ge=0, le=4)
    lowercase: bool = False

    def score(self, completion: Completion, sample: Sample) -> Score:
        return Score.of(*self._counter().counts(completion.text, sample.references))

    def combine(self, totals: Floats, n: Floats) -> Floats:
        output, target, shared = totals[..., 0::3], totals[..., 1::3], totals[..., 2::3]
        both = (output > 0) & (target > 0)
        orders = np.maximum(both.sum(axis=-1), 1)
        precision = np.divide(shared, output, out=np.zeros_like(shared), where=both).sum(axis=-1) / orders
        recall = np.divide(shared, target, out=np.zeros_like(shared), where=both).sum(axis=-1) / orders
        weighted = RECALL_WEIGHT * precision + recall
        product = 100.0 * (1 + RECALL_WEIGHT) * precision * recall
        figures = np.divide(product, weighted, out=np.zeros_like(weighted), where=weighted > 0)
        return np.where(np.asarray(n) > 0, np.minimum(figures, 100.0), np.nan)

    def parts(self) -> dict[str, str]:
        return {"sacrebleu": self._counter().signature}

    def _counter(self) -> SegmentCounter:
        return chrf_counter(self.word_order, self.lowercase)
