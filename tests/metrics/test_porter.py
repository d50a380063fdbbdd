"""Our stems against nltk's, which rouge-score uses."""

from __future__ import annotations

import re
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from promptops.metrics._porter import stem

ORACLE = PorterStemmer()
SPELLED = (
    "ed ing s y i al ation iz ate bl at ion ement ent li ousli alli logi bli eed ied ies ful fulli ness "
    "iveness ss ll e a o w x t n h yy ab 1 sky die control hop tr"
)
PIECES = st.sampled_from(SPELLED.split())


@settings(max_examples=300)
@given(word=st.lists(PIECES, min_size=1, max_size=6).map("".join) | st.text("aeioublstyngz19", min_size=1))
def test_made_up_words_have_the_stem_that_nltk_gives(word: str) -> None:
    assert stem(word) == ORACLE.stem(word)


def test_the_words_of_a_book_have_the_stem_that_nltk_gives() -> None:
    words = set(re.findall("[a-z0-9]+", " ".join(topics.values()).lower()))
    assert len(words) > 3_000
    endings = ("", "s", "ed", "ing", "ly", "ies", "ness", "ization", "fully")
    longer = {word + ending for word in words for ending in endings}
    assert {word: stem(word) for word in longer} == {word: ORACLE.stem(word) for word in longer}


# Porter (1980) and the notes of nltk on its extensions.
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("plastered", "plaster"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("relational", "relat"),
        ("vietnamization", "vietnam"),
        ("controll", "control"),
        ("dies", "die"),
        ("flies", "fli"),
        ("enjoy", "enjoy"),
        ("skies", "sky"),
        ("geology", "geolog"),
    ],
)
def test_published_stems(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_a_long_word_takes_no_time() -> None:
    assert stem("y" * 50_000 + "ing").startswith("yyyy")
