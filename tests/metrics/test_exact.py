"""Exact match after folding."""

from __future__ import annotations

import pytest

from promptops.metrics.exact import Exact
from promptops.types import Completion, Sample


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (" Paris\n", "paris", 1.0),
        ("ｆｕｌｌ", "full", 1.0),
        ("cafe\u0301", "café", 1.0),
        ("STRASSE", "straße", 1.0),
        ("the cat", "cat", 0.0),
        ("Paris.", "Paris", 0.0),
        ("a  b\tc", "a b c", 1.0),
    ],
)
def test_characters_spaces_and_case_are_folded_but_words_and_marks_count(
    output: str, target: str, expected: float
) -> None:
    assert Exact().score(Completion(text=output), Sample(id="1", inputs={}, target=(target,))).counts == (
        expected,
    )


def test_case_counts_if_asked() -> None:
    sample = Sample(id="1", inputs={}, target=("paris",))
    assert Exact(ignore_case=False).score(Completion(text="Paris"), sample).counts == (0.0,)


def test_any_target_is_enough() -> None:
    sample = Sample(id="1", inputs={}, target=("no", "yes"))
    assert Exact().score(Completion(text="Yes"), sample).counts == (1.0,)
