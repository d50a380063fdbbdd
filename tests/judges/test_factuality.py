"""`factuality`: a class from the judge, a score from the mapping."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from promptops.judges.factuality import RELATIONS, SCORES
from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Who wrote Faust?"}, target=("Goethe wrote Faust.",))


def said(relation: str) -> str:
    return json.dumps({"reason": "r", "quotes": ["Goethe"], "relation": relation, "score": 5})


def test_the_request_shows_task_reference_and_answer_and_names_the_classes() -> None:
    _, (body,) = judged("factuality", "Goethe did.", SAMPLE, said("same"))
    shown = marked(
        mark_in(body),
        task='{"q":"Who wrote Faust?"}',
        reference="Goethe wrote Faust.",
        candidate="Goethe did.",
    )
    schema = {
        "reason": {"type": "string"},
        "quotes": {"type": "array", "items": {"type": "string"}},
        "relation": {"enum": ["subset", "superset", "same", "disagreement", "immaterial"]},
    }
    assert body == body_of("factuality.prompt.yaml", schema, **shown)


@pytest.mark.parametrize(
    ("relation", "score"),
    [("subset", 0.4), ("superset", 0.6), ("same", 1.0), ("disagreement", 0.0), ("immaterial", 1.0)],
)
def test_each_class_has_the_score_that_autoevals_gives_it(relation: str, score: float) -> None:
    found, _ = judged("factuality", "Goethe did.", SAMPLE, said(relation))
    assert found.counts == (score,) and found.evidence["relation"] == relation
    assert found.evidence["quotes"] == ["Goethe"]


def test_the_rubric_reads_the_grade_of_the_same_reply_and_this_reads_the_class() -> None:
    reply = said("disagreement")
    assert judged("rubric", "Schiller did.", SAMPLE, reply)[0].counts == (5.0,)
    assert judged("factuality", "Schiller did.", SAMPLE, reply)[0].counts == (0.0,)


def test_users_say_what_a_class_is_worth_and_must_say_it_of_each() -> None:
    mine = {**SCORES, "superset": 0.0}
    assert judged("factuality", "Goethe did.", SAMPLE, said("superset"), scores=mine)[0].counts == (0.0,)
    with pytest.raises(ValidationError, match="scores says nothing of superset, same"):
        built("factuality", scores={"subset": 1, "disagreement": 0, "immaterial": 1})
    with pytest.raises(ValidationError, match="must lie between 0 and 1"):
        built("factuality", scores={**SCORES, "same": 2})
    assert built("factuality", scores=mine).signature != built("factuality").signature
    assert len(RELATIONS) == 5


@pytest.mark.parametrize("reply", [said("equal"), "(C)", '{"relation": ["same"]}', "same"])
def test_a_class_that_is_none_is_missing_with_its_reply(reply: str) -> None:
    found, _ = judged("factuality", "Goethe did.", SAMPLE, reply)
    assert found.unscored and found.evidence["reply"] == reply


def test_a_sample_without_target_is_told_before_any_call() -> None:
    bare = Sample(id="b", inputs={"q": "?"})
    assert "no target" in str(built("factuality").check(bare))
    found, bodies = judged("factuality", "Goethe did.", bare, said("same"))
    assert found.unscored and not bodies
