"""Corpus translation edit rate (TER), as sacrebleu computes it; lower is better."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from promptops.metrics import Floats, Metric
from promptops.metrics._sacrebleu import SegmentCounter, ter_counter
from promptops.types import Completion, Sample, Score


class Ter(Metric):
    """Edits, with shifts of phrases, for a hundred words of the targets; the nearest target's edits count.

    Snover et al., "A study of translation edit rate" (2006). Meant for sentences: the search for shifts
    takes seconds at a few hundred words, so longer texts are left unscored.
    """

    higher_is_better: ClassVar[bool] = False
    high: ClassVar[float | None] = None
    unit: ClassVar[str] = "TER"
    corpus: ClassVar[bool] = True

    normalized: bool = False
    no_punct: bool = False
    asian_support: bool = False
    case_sensitive: bool = False
    max_words: int = Field(default=150, ge=1)

    def score(self, completion: Completion, sample: Sample) -> Score:
        longest = max(len(text.split()) for text in (completion.text, *sample.references))
        if longest > self.max_words:
            return Score.missing(
                f"a text has {longest} words; TER stops at {self.max_words} (option max_words)"
            )
        return Score.of(*self._counter().counts(completion.text, sample.references))

    def combine(self, totals: Floats, n: Floats) -> Floats:
        edits, words = totals[..., 0], totals[..., 1]
        # Empty targets: 0 where nothing was written, else 100, as sacrebleu has it.
        figures = 100.0 * np.divide(
            edits, words, out=np.asarray(edits > 0, dtype=np.float64), where=words > 0
        )
        return np.where(np.asarray(n) > 0, figures, np.nan)

    def parts(self) -> dict[str, str]:
        return {"sacrebleu": self._counter().signature}

    def _counter(self) -> SegmentCounter:
        return ter_counter(self.normalized, self.no_punct, self.asian_support, self.case_sensitive)
