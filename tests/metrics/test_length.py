"""Lengths and limits."""

from __future__ import annotations

import pytest
from pydantic import JsonValue, ValidationError

from promptops.metrics.length import Length
from promptops.types import Completion, Sample

SAMPLE = Sample(id="1", inputs={})


def figure(output: str, **options: JsonValue) -> float:
    return Length.model_validate(options).score(Completion(text=output), SAMPLE).counts[0]


def test_words_and_characters_are_counted() -> None:
    assert figure("one two  three") == 3
    assert figure("one two", unit="characters") == 7
    assert figure("猫坐着") == 3


@pytest.mark.parametrize(("words", "within"), [(1, 0.0), (2, 1.0), (4, 1.0), (5, 0.0)])
def test_limits_are_inclusive(words: int, within: float) -> None:
    assert figure("w " * words, min=2, max=4) == within


def test_without_limits_it_is_a_measure_without_range() -> None:
    record = Length.model_validate({"unit": "characters"}).record("length", "length")
    assert (record.low, record.high, record.unit, record.higher_is_better) == (0.0, None, "characters", False)


def test_with_a_limit_it_is_a_share() -> None:
    record = Length(max=100).record("length", "length")
    assert (record.low, record.high, record.unit, record.higher_is_better) == (0.0, 1.0, "", True)


def test_limits_that_nothing_meets_are_refused() -> None:
    with pytest.raises(ValidationError, match="min is 5 and max is 4"):
        Length(min=5, max=4)
