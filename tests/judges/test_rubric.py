"""`rubric`: one call, one grade on a scale of whole numbers."""

from __future__ import annotations

import json

import pytest

from promptops.types import Sample
from tests.judges.scripted_judge import body_of, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.", "A rose."))
ANSWER = "It is a tomato."


def test_the_request_shows_task_references_answer_and_scale() -> None:
    options = {"criteria": "It is short.", "scale": [0, 10]}
    found, (body,) = judged("rubric", ANSWER, SAMPLE, '{"reason": "so", "score": 7}', **options)
    texts = {"task": '{"q":"Red?"}', "reference": ["A tomato.", "A rose."], "candidate": ANSWER}
    shown = marked(mark_in(body), **texts)  # type: ignore[arg-type]
    references = f"Reference answers:\n{shown.pop('reference')}"
    grade = {"type": "integer", "minimum": 0, "maximum": 10}
    slots = {**shown, "references": references, "criteria": "It is short.", "low": 0, "high": 10}
    assert body == body_of("rubric.prompt.yaml", {"reason": {"type": "string"}, "score": grade}, **slots)
    assert (found.counts, found.reason) == ((7.0,), "so")


def test_references_can_be_kept_from_the_judge() -> None:
    _, (body,) = judged("rubric", ANSWER, SAMPLE, '{"score": 5}', show_reference=False)
    text = body["messages"][-1]["content"]
    assert "A rose." not in text and "There is no reference answer." in text


@pytest.mark.parametrize("score", [0, 6, -4, 4.5, "3.5", True, "five", None])
def test_what_is_no_number_on_the_scale_leaves_no_score(score: object) -> None:
    found, _ = judged("rubric", ANSWER, SAMPLE, json.dumps({"reason": "so", "score": score}))
    assert found.unscored and not found.counts


def test_a_fraction_is_no_grade_on_a_scale_of_whole_numbers() -> None:
    found, _ = judged("rubric", ANSWER, SAMPLE, '{"reason": "so", "score": 4.5}')
    assert found.unscored == "the score 4.5 is no whole number, and the scale has no others"
    assert "4.5" in str(found.evidence["reply"]), "the reply is kept"
    for written in ("4", "4.0", '"4.0"'):
        assert judged("rubric", ANSWER, SAMPLE, f'{{"score": {written}}}')[0].counts == (4.0,)
