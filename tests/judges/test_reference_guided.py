"""`reference_guided`: a solution first, the grade against it second."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "17 * 6?"}, target=("102",))
ANSWER = "It is 92."
SCHEMA = {
    "mistakes": {"type": "string"},
    "reason": {"type": "string"},
    "score": {"type": "integer", "minimum": 1, "maximum": 10},
}


def gullible(text: str) -> str:
    """A judge that believes the answer unless it has a solution to hold it against."""
    if "\n102\n</reference" in text:
        return '{"mistakes": "92 is 102", "reason": "wrong", "score": 1}'
    return '{"mistakes": "none", "reason": "fine", "score": 5}'


def test_the_judge_solves_the_task_without_the_answer_and_grades_against_its_solution() -> None:
    found, (first, second) = judged("reference_guided", ANSWER, SAMPLE, " 102\n", gullible)
    task = '{"q":"17 * 6?"}'
    assert first == body_of("reference_guided.solve.prompt.yaml", None, **marked(mark_in(first), task=task))
    shown = marked(mark_in(second), task=task, reference="102", candidate=ANSWER)
    references = "Reference answers:\n" + shown.pop("reference")
    assert second == body_of(
        "reference_guided.prompt.yaml", SCHEMA, **shown, references=references, low=1, high=10
    )
    assert found.counts == (1.0,)
    assert found.evidence == {"mistakes": "92 is 102", "solution": "102"}


def test_a_rubric_and_the_control_without_a_reference_are_talked_into_the_wrong_answer() -> None:
    blind = Sample(id="a", inputs={"q": "17 * 6?"})
    assert judged("rubric", ANSWER, blind, gullible)[0].counts == (5.0,)
    found, bodies = judged("reference_guided", ANSWER, blind, gullible, reference="none")
    assert found.counts == (5.0,) and len(bodies) == 1
    assert judged("reference_guided", ANSWER, blind, "102", gullible)[0].counts == (1.0,)


def test_the_target_can_be_the_reference_and_is_then_asked_for() -> None:
    found, bodies = judged("reference_guided", ANSWER, SAMPLE, gullible, reference="target")
    assert found.counts == (1.0,) and len(bodies) == 1
    bare = Sample(id="a", inputs={"q": "17 * 6?"})
    assert "no target" in str(built("reference_guided", reference="target").check(bare))
    assert built("reference_guided").check(bare) is None


def test_no_solution_is_no_score_and_costs_no_second_call() -> None:
    found, bodies = judged("reference_guided", ANSWER, SAMPLE, "  ", gullible)
    assert found.unscored == "the judge gave no solution of its own" and len(bodies) == 1


def test_a_scale_must_rise() -> None:
    with pytest.raises(ValidationError, match="must rise"):
        built("reference_guided", scale=[5, 5])
