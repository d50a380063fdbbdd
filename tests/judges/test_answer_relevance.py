"""`answer_relevance`: questions made back from the answer."""

from __future__ import annotations

import json

import pytest

from promptops.judges.answer_relevance import word_f1
from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Who wrote Faust?", "context": "Goethe wrote it."})
ASKED = ["Who wrote Faust?", "Who was Goethe?"]
FIRST = json.dumps({"questions": ASKED, "noncommittal": "no", "score": 5})
SECOND = json.dumps({"reason_1": "", "same_1": "yes", "reason_2": "", "same_2": "partly"})


def test_questions_are_made_without_the_task_and_compared_without_the_answer() -> None:
    found, (first, second) = judged("answer_relevance", "Goethe did.", SAMPLE, FIRST, SECOND)
    schema = {
        "questions": {"type": "array", "items": {"type": "string"}},
        "noncommittal": {"enum": ["yes", "no"]},
    }
    shown = marked(mark_in(first), candidate="Goethe did.")
    assert first == body_of("answer_relevance.prompt.yaml", schema, **shown, count=3)
    same = {"enum": ["yes", "partly", "no"]}
    schema = {
        "reason_1": {"type": "string"},
        "same_1": same,
        "reason_2": {"type": "string"},
        "same_2": same,
    }
    listed = "1. Who wrote Faust?\n2. Who was Goethe?"
    shown = marked(mark_in(second), task='{"q":"Who wrote Faust?"}', questions=listed)
    assert second == body_of("answer_relevance.same.prompt.yaml", schema, **shown)
    assert found.counts == (0.75,) and found.evidence["similar"] == [1.0, 0.5]


def test_a_noncommittal_answer_is_zero_though_a_rubric_may_like_it() -> None:
    reply = json.dumps({"questions": ASKED, "noncommittal": "yes", "score": 5})
    found, bodies = judged("answer_relevance", "I can't say.", SAMPLE, reply, SECOND)
    assert found.counts == (0.0,) and len(bodies) == 1
    assert judged("rubric", "I can't say.", SAMPLE, reply)[0].counts == (5.0,)


def test_words_can_be_compared_in_place_of_a_second_call() -> None:
    found, bodies = judged(
        "answer_relevance", "Goethe did.", SAMPLE, FIRST, similarity="tokens", question="inputs.q"
    )
    assert len(bodies) == 1
    assert found.counts == pytest.approx(((1 + 2 / 6) / 2,))


def test_comparing_words_needs_to_know_with_what() -> None:
    assert "needs to know where the question stands" in str(
        built("answer_relevance", similarity="tokens").check(SAMPLE)
    )
    assert "no question at inputs.ask" in str(built("answer_relevance", question="inputs.ask").check(SAMPLE))
    assert built("answer_relevance").check(SAMPLE) is None


@pytest.mark.parametrize(
    ("first", "second", "f1"),
    [("a b", "B a!", 1.0), ("a", "b", 0.0), ("a a b", "a c", 0.4), ("", "", 0.0)],
)
def test_the_f1_of_words_counts_each_as_often_as_it_stands(first: str, second: str, f1: float) -> None:
    assert word_f1(first, second) == pytest.approx(f1)


def test_more_questions_than_were_asked_for_or_none_are_no_verdict() -> None:
    many = json.dumps({"questions": ["a?"] * 4, "noncommittal": "no"})
    assert "more than 3" in str(judged("answer_relevance", "G.", SAMPLE, many)[0].unscored)
    none = json.dumps({"questions": [""], "noncommittal": "no"})
    assert "no question" in str(judged("answer_relevance", "G.", SAMPLE, none)[0].unscored)
