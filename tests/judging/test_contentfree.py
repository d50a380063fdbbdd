"""Answers that say nothing are told from short ones that say something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.judging.contentfree import is_content_free

PUBLISHED = [".", ",", ":", "Thought process:", "Let's solve this problem step by step.", "Solution"]
PUBLISHED += ["解", "かいせつ", "Respuesta"]
OURS = [
    "...",
    "---",
    "\u2014",
    "**Solution:**",
    "# Answer",
    "\u201cSolution\u201d",
    "Let\u2019s think step by step",
]
OURS += [
    "SOLUTION",
    "Lösung:",
    "Réponse :",
    "Solución",
    "答案：",
    "정답",
    "> Answer:",
    "[]",
    "{}",
    "()",
    "\u200b.",
]


@pytest.mark.parametrize("text", [*PUBLISHED, *OURS])
def test_master_keys_say_nothing(text: str) -> None:
    assert is_content_free(text) and is_content_free(f"\n {text} \n")


@pytest.mark.parametrize(
    "text",
    [
        "Solution: 4",
        "4",
        "yes",
        "No.",
        "A",
        "答案是四",
        "👍",
        "€",
        "Solution to what?",
        "x",
        "Let's think: 2",
        "100%",
    ],
)
def test_short_answers_say_something(text: str) -> None:
    assert not is_content_free(text)


def test_what_the_reference_says_is_an_answer_and_silence_is_told_elsewhere() -> None:
    assert not is_content_free(":", ["colon", " : "])
    assert not is_content_free("  ")


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=25))
def test_words_of_some_length_say_something(text: str) -> None:
    assert not is_content_free(text)
