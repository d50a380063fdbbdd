"""Share of an answer's tokens that its model was unsure of, with the spans; needs `logprobs: true`."""

from __future__ import annotations

import json
import math
from itertools import groupby
from typing import ClassVar

from pydantic import Field

from promptops.metrics import Metric
from promptops.metrics._logprobs import Tokens, text_of, tokens_of
from promptops.types import Completion, Sample, Score

SPANS = 20
"""Spans that are kept with a score, the least sure first."""
SPAN_LENGTH = 200


class LowConfidence(Metric):
    """How many tokens had a probability below `threshold`; neighbours make a span, which is kept.

    That models know, to a degree, where they are unsure: Kadavath et al., arXiv 2207.05221; low token
    probabilities as a sign of made-up content: Varshney et al., arXiv 2307.03987. A sign, not a proof: names
    and numbers are unsure in right answers, too.
    """

    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "share unsure"
    needs_target: ClassVar[bool] = False

    threshold: float = Field(default=0.2, gt=0, lt=1)
    """A probability."""

    def score(self, completion: Completion, sample: Sample) -> Score:
        tokens = tokens_of(completion)
        if isinstance(tokens, str):
            return Score.missing(tokens)
        spans = self._spans(tokens)
        unsure = sum(len(span) for span in spans)
        listed = sorted(((_lowest(span), text_of(span)[:SPAN_LENGTH]) for span in spans), key=lambda x: x[0])
        kept = [{"text": text, "probability": lowest} for lowest, text in listed[:SPANS]]
        told = ", ".join(f"{json.dumps(text, ensure_ascii=False)} ({low:.2g})" for low, text in listed[:5])
        more = f" and {len(spans) - 5} more" if len(spans) > 5 else ""
        reason = f"Unsure of {told}{more}." if spans else ""
        return Score.of(unsure / len(tokens), reason=reason, tokens=len(tokens), spans=kept)

    def _spans(self, tokens: Tokens) -> list[Tokens]:
        limit = math.log(self.threshold)
        parts = groupby(tokens, key=lambda token: token.logprob is None or token.logprob < limit)
        return [tuple(part) for unsure, part in parts if unsure]


def _lowest(span: Tokens) -> float:
    """Return the lowest probability in a span; 0 where the server says no more than "very unlikely"."""
    return min(0.0 if token.logprob is None else math.exp(token.logprob) for token in span)
