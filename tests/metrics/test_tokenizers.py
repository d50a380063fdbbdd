"""How texts become words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.tokenize import tokenize

from promptops.metrics._tokenizers import (
    count_words,
    english_words,
    is_english,
    share_of_letters_lost,
    unicode_words,
)


@given(text=st.text() | st.text("aB1 é-İK"))
def test_english_words_are_those_of_rouge_score(text: str) -> None:
    assert english_words(text) == tokenize(text, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Le café, l'été!", ["le", "café", "l", "été"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("cafe\u0301", ["café"]),
        ("ｆｕｌｌ　ｗｉｄｔｈ", ["full", "width"]),
        ("GPT-4 很好", ["gpt", "4", "很", "好"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("snake_case 🐍", ["snake", "case"]),
    ],
)
def test_unicode_words(text: str, words: list[str]) -> None:
    assert unicode_words(text) == words


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("plain", 0.0),
        ("“plain” — 100 €", 0.0),
        ("", 0.0),
        ("猫", 1.0),
        ("abcé", 0.25),
        ("12 猫", 1.0),
        ("🐍", 0.0),
    ],
)
def test_the_share_of_letters_that_english_would_lose(text: str, share: float) -> None:
    assert share_of_letters_lost(text) == share


def test_the_share_is_of_all_texts_together() -> None:
    assert share_of_letters_lost("aaa", "é") == 0.25


@pytest.mark.parametrize(
    ("tag", "english"), [("en", True), ("en-GB", True), ("EN_us", True), ("zh", False), ("enm", False)]
)
def test_english_is_known_by_its_first_subtag(tag: str, english: bool) -> None:
    assert is_english(tag) is english


@pytest.mark.parametrize(
    ("text", "words"), [("a state-of-the-art idea - yes!", 4), ("猫坐着。", 3), ("a 猫", 2), ("", 0)]
)
def test_words_are_counted_by_spaces_and_by_characters_where_there_are_none(text: str, words: int) -> None:
    assert count_words(text) == words
