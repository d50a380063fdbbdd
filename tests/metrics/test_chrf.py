"""chrF against sacrebleu and its published example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from promptops.metrics.chrf import Chrf
from promptops.types import Completion, Sample

WORDS = st.sampled_from(
    ["the", "The", "cat", "sat", "(on)", "a", "mat,", "mat.", "!", "3.14", "猫坐", "é", "“x”"]
)
TEXTS = st.lists(WORDS, max_size=8).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5)


def rows(metric: Chrf, outputs: list[str], references: list[list[str]]) -> np.ndarray:
    return np.array(
        [
            metric.score(Completion(text=output), Sample(id="1", inputs={}, target=tuple(targets))).counts
            for output, *targets in zip(outputs, *references, strict=True)
        ]
    )


def corpus(metric: Chrf, outputs: list[str], references: list[list[str]]) -> float:
    return float(
        metric.combine(rows(metric, outputs, references).sum(axis=0), np.asarray(float(len(outputs))))
    )


def test_the_published_example_of_sacrebleu() -> None:
    outputs = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    references = [
        ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
        ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
    ]
    assert round(corpus(Chrf(), outputs, references), 2) == 59.73


@settings(max_examples=150)
@given(texts=CORPORA, word_order=st.integers(0, 2), lowercase=st.booleans())
def test_corpus_chrf_equals_sacrebleu(
    texts: list[tuple[str, str, str]], word_order: int, lowercase: bool
) -> None:
    outputs, first, second = (list(column) for column in zip(*texts, strict=True))
    expected = CHRF(word_order=word_order, lowercase=lowercase).corpus_score(outputs, [first, second]).score
    metric = Chrf(word_order=word_order, lowercase=lowercase)
    assert corpus(metric, outputs, [first, second]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("word_order", [0, 2])
def test_there_are_three_counts_for_each_order(word_order: int) -> None:
    assert rows(Chrf(word_order=word_order), ["a"], [["b"]]).shape == (1, 3 * (6 + word_order))


def test_many_resamples_are_combined_at_once() -> None:
    counted = rows(Chrf(), ["the cat", "a dog", ""], [["the cats", "the dog", "x"]])
    weights = np.random.default_rng(7).multinomial(3, [1 / 3] * 3, size=60).astype(np.float64)
    figures = Chrf().combine(weights @ counted, weights.sum(axis=-1))
    expected = [CHRF()._compute_f_score(list(total)) for total in weights @ counted]
    np.testing.assert_allclose(figures, expected, atol=1e-9)


def test_the_signature_holds_sacrebleus_own() -> None:
    oracle = CHRF(word_order=2)
    oracle.corpus_score(["a b", "c"], [["a b", "c"], ["a", None]])
    assert oracle.get_signature().format() in Chrf(word_order=2).signature
