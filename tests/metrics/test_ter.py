"""TER against sacrebleu."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.ter import TER

from promptops.metrics.ter import Ter
from promptops.types import Completion, Sample, Score

WORDS = st.sampled_from(["the", "The", "cat", "sat", "on", "a", "mat,", "mat.", "!", "3.14", "猫坐", "x-y"])
TEXTS = st.lists(WORDS, max_size=10).map(" ".join)
CORPORA = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5)


def score(metric: Ter, output: str, *targets: str) -> Score:
    return metric.score(Completion(text=output), Sample(id="1", inputs={}, target=targets))


@settings(max_examples=100)
@given(texts=CORPORA, flags=st.tuples(*[st.booleans()] * 4))
def test_corpus_ter_equals_sacrebleu(texts: list[tuple[str, str, str]], flags: tuple[bool, ...]) -> None:
    options = dict(zip(("normalized", "no_punct", "asian_support", "case_sensitive"), flags, strict=True))
    outputs, first, second = (list(column) for column in zip(*texts, strict=True))
    metric = Ter.model_validate(options)
    totals = np.sum([score(metric, *row).counts for row in texts], axis=0)
    expected = TER(**options).corpus_score(outputs, [first, second]).score
    assert float(metric.combine(totals, np.asarray(float(len(texts))))) == pytest.approx(expected, abs=1e-9)


# Conventions of sacrebleu's TER.
@pytest.mark.parametrize(("output", "target", "expected"), [("", "", 0), ("", "a b", 100), ("a b", "", 100)])
def test_empty_texts(output: str, target: str, expected: float) -> None:
    assert Ter().value(score(Ter(), output, target)) == expected


def test_a_shift_of_a_phrase_is_one_edit() -> None:
    assert score(Ter(), "d e f a b c", "a b c d e f").counts == (1.0, 6.0)


def test_texts_too_long_to_search_are_unscored() -> None:
    scored = score(Ter(), "word " * 151, "word")
    assert scored.unscored is not None
    assert "max_words" in scored.unscored
    assert score(Ter(max_words=151), "word " * 151, "word").unscored is None


def test_the_signature_holds_sacrebleus_own() -> None:
    oracle = TER()
    oracle.corpus_score(["a b", "c"], [["a b", "c"], ["a", None]])
    assert oracle.get_signature().format() in Ter().signature


def test_less_is_better_and_there_is_no_upper_end() -> None:
    record = Ter().record("ter", "ter")
    assert not record.higher_is_better
    assert record.high is None
