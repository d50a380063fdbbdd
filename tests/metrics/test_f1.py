"""Token F1 by SQuAD's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.metrics.f1 import F1
from promptops.types import Completion, Sample


def figure(output: str, *targets: str, language: str = "en") -> float:
    return (
        F1(language=language)
        .score(Completion(text=output), Sample(id="1", inputs={}, target=targets))
        .counts[0]
    )


# Worked by hand from the rules of the evaluation script 2.0.
@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ("The Denver Broncos!", "denver broncos", 1.0),
        ("Broncos", "Denver Broncos", 2 / 3),
        ("the cat the cat", "cat", 2 / 3),
        ("in 1066, at Hastings", "1066", 0.4),
        ("dog", "cat", 0.0),
        ("", "", 1.0),
        ("the", "", 1.0),
        ("", "cat", 0.0),
        ("cat", "", 0.0),
        ("don't", "dont", 1.0),
        ("anthem", "them", 0.0),
    ],
)
def test_english(output: str, target: str, expected: float) -> None:
    assert figure(output, target) == pytest.approx(expected, abs=1e-12)


def test_the_best_of_several_targets_counts() -> None:
    assert figure("Denver", "Carolina", "Denver Broncos", "Denver") == 1.0


@pytest.mark.parametrize(
    ("language", "output", "target", "expected"),
    [
        ("zh", "北京市", "北京", 0.8),
        ("de", "the Haus", "Haus", 2 / 3),
        ("fr", "CAFÉ", "café", 1.0),
        ("ja", "猫が寝た", "猫が寝た。", 1.0),
    ],
)
def test_other_languages_keep_all_words(language: str, output: str, target: str, expected: float) -> None:
    assert figure(output, target, language=language) == pytest.approx(expected, abs=1e-12)


@given(first=st.text("ab the."), second=st.text("ab the."))
def test_it_is_symmetric_and_one_for_equal_texts(first: str, second: str) -> None:
    assert figure(first, second) == figure(second, first)
    assert figure(first, first) == 1.0


def test_the_signature_names_the_tokenizer() -> None:
    assert "tokenizer:squad 2.0" in F1().signature
    assert "tokenizer:unicode words" in F1(language="zh").signature
