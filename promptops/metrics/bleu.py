"""Corpus BLEU, as sacrebleu computes it."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import field_validator

from promptops.metrics import Floats, Metric
from promptops.metrics._sacrebleu import SegmentCounter, bleu_counter
from promptops.metrics._tokenizers import primary_language
from promptops.types import Completion, Sample, Score

Tokenizer = Literal["13a", "intl", "zh", "char", "none"]

ORDERS = 4

_TOKENIZERS: dict[str, Tokenizer] = {
    "zh": "zh",
    "ja": "char",
    "th": "char",
    "lo": "char",
    "km": "char",
    "my": "char",
}
"""For languages without spaces between words; all others get 13a."""
_NEED_A_DOWNLOAD = frozenset({"spm", "flores101", "flores200", "spBLEU-1K", "ja-mecab", "ko-mecab"})


class Bleu(Metric):
    """BLEU with four orders, brevity penalty and `exp` smoothing, from counts added up over the set.

    Papineni et al. (2002), Post, "A call for clarity in reporting BLEU scores" (2018). `tokenize` is 13a
    unless given, zh for Chinese, char for other languages without spaces. A sample's own value is sentence
    BLEU with effective order: a diagnostic, whose mean is not BLEU.
    """

    high: ClassVar[float | None] = 100.0
    unit: ClassVar[str] = "BLEU"
    corpus: ClassVar[bool] = True

    tokenize: Tokenizer | None = None
    lowercase: bool = False
    language: str = "en"

    @field_validator("tokenize", mode="before")
    @classmethod
    def _refuse_downloads(cls, value: object) -> object:
        if isinstance(value, str) and value in _NEED_A_DOWNLOAD:
            raise ValueError(
                f"sacrebleu's tokenizer {value!r} needs a download or an extra package; "
                "use 13a, intl, zh, char or none"
            )
        return value

    def score(self, completion: Completion, sample: Sample) -> Score:
        return Score.of(*self._counter().counts(completion.text, sample.references))

    def combine(self, totals: Floats, n: Floats) -> Floats:
        return np.where(np.asarray(n) > 0, _bleu(totals, effective_order=False), np.nan)

    def value(self, score: Score) -> float | None:
        if score.unscored is not None:
            return None
        return float(_bleu(np.asarray(score.counts, dtype=np.float64), effective_order=True))

    def parts(self) -> dict[str, str]:
        return {"sacrebleu": self._counter().signature}

    def _counter(self) -> SegmentCounter:
        tokenize = self.tokenize or _TOKENIZERS.get(primary_language(self.language), "13a")
        return bleu_counter(tokenize, self.lowercase)


def _bleu(totals: Floats, effective_order: bool) -> Floats:
    """Return BLEU, 0 to 100, from totals (..., 10): two lengths, matches and totals of each order."""
    output_length, target_length = totals[..., 0], totals[..., 1]
    matches, counted = totals[..., 2 : 2 + ORDERS], totals[..., 2 + ORDERS :]
    # An order of which the outputs have no n-gram ends the row: effective order leaves it out.
    reached = np.logical_and.accumulate(counted > 0, axis=-1)
    # `exp` halves the precision with each order that has no match.
    halvings = np.cumsum(reached & (matches == 0), axis=-1)
    precisions = np.divide(
        np.where(matches > 0, matches, 0.5**halvings), counted, out=np.ones_like(counted), where=reached
    )
    orders = np.maximum(reached.sum(axis=-1), 1) if effective_order else ORDERS
    mean = np.exp(np.log(precisions).sum(axis=-1) / orders)
    scored = matches.any(axis=-1) & (effective_order | reached.all(axis=-1))
    figures = 100.0 * _brevity_penalty(output_length, target_length) * mean
    return np.where(scored, np.minimum(figures, 100.0), 0.0)


def _brevity_penalty(output_length: Floats, target_length: Floats) -> Floats:
    ratio = np.divide(
        target_length, output_length, out=np.full_like(output_length, np.inf), where=output_length > 0
    )
    return np.where(output_length < target_length, np.exp(np.minimum(1.0 - ratio, 0.0)), 1.0)
