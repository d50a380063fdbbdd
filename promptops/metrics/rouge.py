"""ROUGE-1, -2, -L or -Lsum (F1): words, word pairs or sequences shared with the target."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import chain, pairwise
from typing import Literal, TypeVar

from promptops.metrics import Metric
from promptops.metrics._lcs import lcs_length, lcs_places, rows_of
from promptops.metrics._porter import stem
from promptops.metrics._sentences import RULE, split_sentences
from promptops.metrics._tokenizers import (
    UNICODE_WORDS,
    english_words,
    is_english,
    share_of_letters_lost,
    unicode_words,
)
from promptops.types import Completion, Sample, Score

MOST_LETTERS_LOST = 0.05
"""Beyond it the English tokenizer would compare what is left of two texts instead of the texts."""

Variant = Literal["rouge1", "rouge2", "rougeL", "rougeLsum"]
Words = tuple[str, ...]
Item = TypeVar("Item")

_ADVICE = "set the option language (zh, ar, ...) of this metric, or the language in the set's card"


class Rouge(Metric):
    """F1 as rouge-score 0.1.2 computes it; over a set, the mean of the samples' F1.

    Lin, "ROUGE: a package for automatic evaluation of summaries" (2004). `language` chooses the tokenizer
    (the set's language unless given); only English words are stemmed.
    """

    variant: Variant = "rougeL"
    stemmer: bool = True
    references: Literal["max", "mean"] = "max"
    language: str = "en"

    def score(self, completion: Completion, sample: Sample) -> Score:
        figures: list[float] = []
        for reference in sample.references:
            if self._english and share_of_letters_lost(completion.text, reference) > MOST_LETTERS_LOST:
                return Score.missing(_too_few_letters(share_of_letters_lost(completion.text, reference)))
            figures.append(self._f1(reference, completion.text))
        return Score.of(max(figures) if self.references == "max" else sum(figures) / len(figures))

    def check(self, sample: Sample) -> str | None:
        if self._english:
            for reference in sample.references:
                if share_of_letters_lost(reference) == 1.0 and not english_words(reference):
                    return f"has a target without any English letter; {_ADVICE}"
        return super().check(sample)

    def parts(self) -> dict[str, str]:
        tokenizer = "rouge-score 0.1.2 (a-z0-9)" if self._english else UNICODE_WORDS
        stems = {"stems": "nltk porter" if self._stems else "none"}
        sentences = {"sentences": f"at newlines, else {RULE}"} if self.variant == "rougeLsum" else {}
        return {"tokenizer": tokenizer, **stems, **sentences}

    @property
    def _english(self) -> bool:
        return is_english(self.language)

    @property
    def _stems(self) -> bool:
        return self.stemmer and self._english

    def _f1(self, reference: str, output: str) -> float:
        if self.variant == "rougeLsum":
            return _summary_f1(
                _sentences(reference, self._english, self._stems),
                _sentences(output, self._english, self._stems),
            )
        target = _words(reference, self._english, self._stems)
        answer = _words(output, self._english, self._stems)
        if self.variant == "rougeL":
            return _f1(lcs_length(target, answer), len(target), len(answer))
        if self.variant == "rouge1":
            return _f1(_overlap(Counter(target), Counter(answer)), len(target), len(answer))
        shared = _overlap(Counter(pairwise(target)), Counter(pairwise(answer)))
        return _f1(shared, len(target) - 1, len(answer) - 1)


def _too_few_letters(share: float) -> str:
    return f"ROUGE's English tokenizer would drop {share:.0%} of the letters of output and target; {_ADVICE}"


def _summary_f1(reference: tuple[Words, ...], output: tuple[Words, ...]) -> float:
    """Return F1 of the union of sentence-wise sequences; no word counts more often than the output has it."""
    united: Counter[str] = Counter()
    for sentence in reference:
        rows = rows_of(sentence)
        places = 0
        for other in output:
            places |= lcs_places(rows, len(sentence), other)
        united.update(word for place, word in enumerate(sentence) if places >> place & 1)
    available = Counter(chain.from_iterable(output))
    return _f1(_overlap(united, available), sum(map(len, reference)), sum(map(len, output)))


def _f1(hits: int, target_length: int, answer_length: int) -> float:
    if not hits:
        return 0.0
    precision, recall = hits / answer_length, hits / target_length
    return 2 * precision * recall / (precision + recall)


def _overlap(first: Counter[Item], second: Counter[Item]) -> int:
    return sum(min(first[item], second[item]) for item in first.keys() & second.keys())


# Several ROUGE metrics of one set read the same texts one after the other.
@lru_cache(maxsize=64)
def _words(text: str, english: bool, stems: bool) -> Words:
    if not english:
        return tuple(unicode_words(text))
    words = english_words(text)
    return tuple(stem(word) if len(word) > 3 else word for word in words) if stems else tuple(words)


def _sentences(text: str, english: bool, stems: bool) -> tuple[Words, ...]:
    sentences = text.split("\n") if "\n" in text else split_sentences(text)
    return tuple(_words(sentence, english, stems) for sentence in sentences)
