from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.texts.visible import visible, visible_line


@pytest.mark.parametrize(
    "hidden",
    [
        "\x1b",
        "\x00",
        "\x9b",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\u00ad",
        "\U000e0041",
        "\ud800",
    ],
)
def test_what_acts_or_hides_is_shown_as_its_number(hidden: str) -> None:
    assert visible(f"a{hidden}b") == f"a\\u{ord(hidden):04x}b"


@pytest.mark.parametrize(
    "text", ["naïve café", "مرحبا", "می‌خواهم", "क्‍ष", "👩‍👩‍👧", "日本語", "a\n\tb", "a\u00a0b"]
)
def test_ordinary_text_of_any_script_is_left_alone(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_what_was_made_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(), st.integers(1, 80))
def test_a_line_is_one_line_and_no_longer_than_its_limit(text: str, limit: int) -> None:
    line = visible_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
