"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.metrics._sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["The cat sat.", "It slept!", "Did it dream?", "Yes."],
        ["Dr. Smith met Mrs. Jones at 3.14 p.m. yesterday.", "They spoke."],
        ["He lives in the U.S. and works for Acme Inc. in Boston.", "It is cold there."],
        ["Fruits, e.g. apples, i.e. pomes, are good.", "Nuts too."],
        ["See No. 5 and Fig. 3.", "Both are new."],
        ["He said no.", "Then he left."],
        ["J. R. R. Tolkien wrote it.", "She read it."],
        ["So did I.", "We went home."],
        ["“Come in!”", "He sat down."],
        ['She said "stop."', "Nobody did."],
        ["Wait... what?", "No!"],
        ["1. Open the door.", "2. Close it."],
        ["He moved to the U.S.", "It was far."],
        ["¿Dónde está?", "¡Aquí!"],
    ],
)
def test_sentences_in_latin_script(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["今天天气很好。", "我们去公园吧！", "你来吗？"],
        ["他说：“好。”", "然后走了。"],
        ["猫が寝た。", "犬も寝た。"],
        ["यह पहला है।", "यह दूसरा है।"],
    ],
)
def test_sentences_that_end_without_a_space(sentences: list[str]) -> None:
    assert split_sentences("".join(sentences)) == sentences


def test_arabic_question_marks_end_a_sentence() -> None:
    assert split_sentences("أين القطة؟ هي هنا.") == ["أين القطة؟", "هي هنا."]


@pytest.mark.parametrize("text", ["", " \n "])
def test_no_text_has_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


@given(text=st.text() | st.text('ab AB.!?。" \n1'))
def test_no_character_but_space_is_lost(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_a_long_text_of_marks_takes_no_time() -> None:
    assert split_sentences(". " * 50_000 + '."' * 50_000 + ". a. " * 20_000)
