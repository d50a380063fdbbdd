"""Token F1 with the nearest target, as SQuAD scores answers."""

from __future__ import annotations

import re
import string
from collections import Counter

from promptops.metrics import Metric, best_of
from promptops.metrics._tokenizers import UNICODE_WORDS, is_english, unicode_words
from promptops.types import Completion, Sample, Score

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


class F1(Metric):
    """F1 of the words shared with a target, the best over targets.

    Rajpurkar et al., "SQuAD: 100,000+ questions" (2016), evaluation script 2.0: for English lower case,
    without punctuation and articles. Other languages keep all their words.
    """

    language: str = "en"

    def score(self, completion: Completion, sample: Sample) -> Score:
        answer = self._tokens(completion.text)
        return Score.of(best_of([_f1(self._tokens(target), answer) for target in sample.references]))

    def parts(self) -> dict[str, str]:
        return {"tokenizer": "squad 2.0" if is_english(self.language) else UNICODE_WORDS}

    def _tokens(self, text: str) -> list[str]:
        if not is_english(self.language):
            return unicode_words(text)
        return _ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split()


def _f1(target: list[str], answer: list[str]) -> float:
    if not target or not answer:
        return float(target == answer)
    shared = (Counter(target) & Counter(answer)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(answer), shared / len(target)
    return 2 * precision * recall / (precision + recall)
