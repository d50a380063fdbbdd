"""Counts agree with their words."""

from __future__ import annotations

import pytest

from promptops.texts.figures import counted


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1_200, "1,200 records")]
)
def test_one_is_one(count: int, told: str) -> None:
    assert counted(count, "record") == told


def test_other_plurals_and_verbs_are_given() -> None:
    assert counted(1, "person is", "people are") == "1 person is"
    assert counted(3, "person is", "people are") == "3 people are"
