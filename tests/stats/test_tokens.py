import pytest

from promptops.stats.tokens import tokens, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("naïve café", ["naïve", "café"]),
        ("", []),
        ("手机好", ["手", "机", "好", "手机", "机好"]),
        ("iPhone手机!", ["iphone", "手", "机", "手机", "!"]),
        ("ラーメン", ["ラ", "ー", "メ", "ン", "ラー", "ーメ", "メン"]),
        ("Привет, мир", ["привет", ",", "мир"]),
    ],
)
def test_texts_fall_into_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_thai_is_split_though_it_has_no_spaces() -> None:
    assert len(tokens("สวัสดีครับ")) > 10


def test_words_have_neither_punctuation_nor_pairs() -> None:
    assert words("iPhone手机, ok!") == ["iphone", "手", "机", "ok"]
    assert words("It's 3 pm.") == ["it", "s", "3", "pm"]


def test_broken_unicode_is_no_obstacle() -> None:
    assert words("a \ud800 b") == ["a", "b"]
