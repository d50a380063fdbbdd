"""What a call is likely to use, before and after answers have told."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.calls.tokenestimate import USUAL_ANSWER, TokenEstimate
from promptops.types import Completion, Message, Request


def request(characters: int, **parameters: Any) -> Request:
    return Request(messages=(Message(role="user", content="x" * characters),), parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [({}, USUAL_ANSWER), ({"max_tokens": 50}, 50), ({"max_completion_tokens": 9, "max_tokens": 50}, 9)],
)
def test_length_and_the_longest_answer_count_before_anything_is_known(
    parameters: dict[str, Any], answer: float
) -> None:
    assert TokenEstimate().of(request(400, **parameters)) == 100 + answer


def test_answers_teach_how_many_tokens_a_text_is() -> None:
    estimate = TokenEstimate()
    for _ in range(3):
        estimate.learn(request(40), Completion(text="", tokens_in=40, tokens_out=7))
    assert estimate.of(request(80)) == pytest.approx(80 + 7)


def test_an_answer_that_tells_nothing_teaches_nothing() -> None:
    estimate = TokenEstimate()
    estimate.learn(request(40), Completion(text="", tokens_in=None, tokens_out=7))
    assert not estimate.learned and estimate.of(request(4)) == 1 + USUAL_ANSWER
