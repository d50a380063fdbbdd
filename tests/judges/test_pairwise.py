"""`pairwise`: the question in both orders, and what both come to."""

from __future__ import annotations

import json

import pytest

from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.",))
ANSWER = "It is a tomato."
SCHEMA = {"reason": {"type": "string"}, "winner": {"enum": ["A", "B", "tie"]}}


def said(winner: str) -> str:
    return json.dumps({"reason": f"it is {winner}", "winner": winner, "score": 5})


def test_both_orders_are_asked_and_only_the_places_differ() -> None:
    _, bodies = judged("pairwise", ANSWER, SAMPLE, said("A"))
    criteria = built("pairwise").model_dump()["criteria"]
    for body, (first, second) in zip(bodies, [(ANSWER, "A tomato."), ("A tomato.", ANSWER)], strict=True):
        texts = {"task": '{"q":"Red?"}', "reference": "A tomato.", "answer_a": first, "answer_b": second}
        shown = marked(mark_in(body), **texts)
        slots = {"task": shown["task"], "first": shown["answer_a"], "second": shown["answer_b"]}
        references = f"Reference answers:\n{shown['reference']}"
        wanted = body_of("pairwise.prompt.yaml", SCHEMA, **slots, references=references, criteria=criteria)
        wanted["response_format"]["json_schema"]["name"] = "preference"
        assert body == wanted


@pytest.mark.parametrize(
    ("winners", "share"),
    [("AB", 1.0), ("BA", 0.0), ("AA", 0.5), ("BB", 0.5), (("A", "tie"), 0.75), (("tie", "tie"), 0.5)],
)
def test_the_score_is_the_share_of_both_orders_where_the_rubric_takes_a_grade(
    winners: str | tuple[str, str], share: float
) -> None:
    replies = [said(winner) for winner in winners]
    found, _ = judged("pairwise", ANSWER, SAMPLE, *replies)
    assert found.counts == (share,) and found.evidence["orders"] == list(winners)
    assert judged("rubric", ANSWER, SAMPLE, *replies)[0].counts == (5.0,)


def test_one_order_that_cant_be_read_leaves_no_score() -> None:
    found, _ = judged("pairwise", ANSWER, SAMPLE, said("A"), "Both are fine.")
    assert found.unscored == "the reply holds no readable verdict"
