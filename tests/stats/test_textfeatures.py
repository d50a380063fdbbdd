import math

import pytest

from promptops.stats.textfeatures import FEATURES, dominant_script, text_features, unknown_shares, vocabulary

TEXT = "The Cat sat. It had 3 hats!\nNaïve cat?"


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("log characters", math.log1p(38)),
        ("words", 9),
        ("type-token", 8 / 3),
        ("mean word length", 27 / 9),
        ("words per sentence", 3),
        ("digit share", 1 / 38),
        ("punctuation share", 3 / 38),
        ("upper-case share", 4 / 38),
        ("newline share", 1 / 38),
        ("non-ASCII share", 1 / 38),
    ],
)
def test_a_text_has_plain_figures(feature: str, expected: float) -> None:
    assert len(TEXT) == 38
    assert text_features([TEXT])[0, FEATURES.index(feature)] == pytest.approx(expected)


def test_an_empty_text_has_figures_too() -> None:
    assert text_features([""]).tolist() == [[0.0] * len(FEATURES)]
    assert text_features([]).shape == (0, len(FEATURES))


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "Latin"),
        ("Ünïcödé", "Latin"),
        ("42 + 1 = ?", "none"),
        ("«» …", "none"),
        ("Привет, world и мир", "Cyrillic"),
        ("手机很好 ok", "Han"),
        ("𠀀𠀁", "Han"),
        ("ありがとう", "kana"),
        ("안녕하세요", "Hangul"),
        ("สวัสดี", "Thai"),
        ("שלום", "Hebrew"),
        ("مرحبا", "Arabic"),
        ("🙂🙂", "none"),
        ("\ud800", "none"),
    ],
)
def test_the_script_of_most_letters_is_dominant(text: str, script: str) -> None:
    assert dominant_script(text) == script


def test_unknown_words_are_those_of_no_known_text() -> None:
    known = vocabulary(["the cat", "A hat"])
    assert unknown_shares(["The hat!", "a dog", "", "x y z"], known).tolist() == [0.0, 0.5, 0.0, 1.0]
