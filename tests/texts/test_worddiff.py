from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promptops.texts.worddiff import word_diff


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_parts_make_up_both_texts(before: str, after: str) -> None:
    parts = word_diff(before, after)
    assert "".join(part.text for part in parts if part.kind != "added") == before
    assert "".join(part.text for part in parts if part.kind != "removed") == after


def test_a_changed_word_in_a_long_text_is_found_among_repeated_words() -> None:
    before = " ".join(["the cat sat on the mat"] * 60)
    after = before.replace("cat", "dog", 1)
    changed = [part for part in word_diff(before, after) if part.kind != "same"]
    assert [(part.kind, part.text) for part in changed] == [("removed", "cat"), ("added", "dog")]


def test_a_text_of_ten_thousand_words_is_compared_by_lines() -> None:
    lines = [f"line {number} " + "word " * 20 for number in range(500)]
    after = [*lines[:250], "another line", *lines[250:]]
    changed = [part for part in word_diff("\n".join(lines), "\n".join(after)) if part.kind != "same"]
    assert [part.text for part in changed] == ["another line\n"]
