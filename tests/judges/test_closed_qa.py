"""`closed_qa`: one criterion, met or not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Who?"}, metadata={"criterion": "It names Goethe."})
YES, NO = '{"reason": "r", "met": "yes", "score": 2}', '{"reason": "r", "met": "no", "score": 5}'


def test_the_request_has_no_reference_and_the_samples_own_criterion() -> None:
    _, (body,) = judged("closed_qa", "Goethe did.", SAMPLE, YES, criterion_at="metadata.criterion")
    shown = marked(mark_in(body), task='{"q":"Who?"}', candidate="Goethe did.")
    schema = {"reason": {"type": "string"}, "met": {"enum": ["yes", "no"]}}
    assert body == body_of("closed_qa.prompt.yaml", schema, **shown, criterion="It names Goethe.")


def test_met_is_1_and_not_met_is_0_whatever_grade_stands_beside_it() -> None:
    assert judged("closed_qa", "Goethe did.", SAMPLE, YES)[0].counts == (1.0,)
    assert judged("closed_qa", "Goethe did.", SAMPLE, NO)[0].counts == (0.0,)
    assert judged("rubric", "Goethe did.", SAMPLE, NO)[0].counts == (5.0,)


def test_a_criterion_among_the_inputs_is_not_shown_as_a_part_of_the_task() -> None:
    sample = Sample(id="a", inputs={"q": "Who?", "must": "It names Goethe."})
    _, (body,) = judged("closed_qa", "Goethe did.", sample, YES, criterion_at="inputs.must")
    assert body["messages"][1]["content"].count("It names Goethe.") == 1


@pytest.mark.parametrize("reply", ['{"met": "partly"}', '{"met": 1}', "yes", "Y"])
def test_what_is_neither_yes_nor_no_is_missing(reply: str) -> None:
    found, _ = judged("closed_qa", "Goethe did.", SAMPLE, reply)
    assert found.unscored and found.evidence["reply"] == reply


def test_a_missing_criterion_and_a_wrong_place_are_told_before_any_call() -> None:
    judge = built("closed_qa", criterion_at="metadata.rule")
    assert judge.check(SAMPLE) == (
        "has no criterion at metadata.rule; say where it stands: "
        'criterion_at = "inputs.NAME" or "metadata.NAME"'
    )
    with pytest.raises(ValidationError, match="'rule' is no place in a sample"):
        built("closed_qa", criterion_at="rule")
