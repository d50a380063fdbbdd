"""Longest common subsequences against rouge-score's table."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import _lcs_table, lcs_ind

from promptops.metrics._lcs import lcs_length, lcs_places, rows_of

WORDS = st.lists(st.sampled_from("abcdx"), max_size=40)


@settings(max_examples=300)
@given(first=WORDS, second=WORDS)
def test_the_length_is_the_corner_of_the_table(first: list[str], second: list[str]) -> None:
    assert lcs_length(first, second) == _lcs_table(first, second)[-1][-1]


@settings(max_examples=300)
@given(reference=WORDS, other=st.lists(st.sampled_from("abcdxyz"), max_size=40))
def test_the_places_are_those_that_rouge_score_reads_out(reference: list[str], other: list[str]) -> None:
    places = lcs_places(rows_of(reference), len(reference), other)
    assert [place for place in range(len(reference)) if places >> place & 1] == lcs_ind(reference, other)


def test_long_texts_are_fast() -> None:
    first = [str(number * 7919 % 5003) for number in range(5_000)]
    second = [str(number * 104729 % 5003) for number in range(5_000)]
    assert 0 < lcs_length(first, second) < 5_000
