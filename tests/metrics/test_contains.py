"""Texts found in outputs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from promptops.metrics.contains import Contains
from promptops.types import Completion, Sample

SAMPLE = Sample(id="1", inputs={}, target=("Paris", "London"))


def figure(metric: Contains, output: str) -> float:
    return metric.score(Completion(text=output), SAMPLE).counts[0]


@pytest.mark.parametrize(
    ("output", "any_of", "all_of"), [("in paris", 1, 0), ("Paris, LONDON", 1, 1), ("Rome", 0, 0)]
)
def test_targets_are_looked_for(output: str, any_of: float, all_of: float) -> None:
    assert figure(Contains(), output) == any_of
    assert figure(Contains(mode="all"), output) == all_of


def test_given_texts_replace_the_targets() -> None:
    assert figure(Contains(text=("sorry",)), "Paris") == 0.0
    assert figure(Contains(text=("sorry",)), "I'm sorry") == 1.0
    assert Contains(text=("sorry",)).check(Sample(id="1", inputs={})) is None
    assert Contains().check(Sample(id="1", inputs={})) is not None


def test_one_text_needs_no_list() -> None:
    assert Contains.model_validate({"text": "sorry"}) == Contains(text=("sorry",))


def test_case_counts_if_asked() -> None:
    assert figure(Contains(ignore_case=False), "in paris") == 0.0


@pytest.mark.parametrize("text", ["", [" "], ["a", ""]])
def test_an_empty_text_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="empty text"):
        Contains.model_validate({"text": text})


def test_an_empty_target_is_refused() -> None:
    why = Contains().check(Sample(id="1", inputs={}, target=("a", " ")))
    assert why is not None
    assert "empty target" in why
