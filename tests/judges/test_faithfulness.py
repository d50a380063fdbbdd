"""`faithfulness`: statements of the answer, each held against the context."""

from __future__ import annotations

import json

import pytest

from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

CONTEXT = ["Goethe wrote Faust.", "He died in 1832."]
SAMPLE = Sample(id="a", inputs={"q": "Who?", "context": CONTEXT})
ANSWER = "Goethe, born in Bonn, wrote Faust."
STATEMENTS = json.dumps({"statements": ["Goethe wrote Faust.", "Goethe was\nborn in Bonn."], "score": 5})
CHECKED = json.dumps(
    {
        "reason_1": "it says so",
        "supported_1": "yes",
        "reason_2": "not there",
        "supported_2": "no",
        "quotes": ["Goethe wrote Faust", "born in Frankfurt"],
    }
)


def test_statements_are_taken_without_the_context_and_checked_without_the_answer() -> None:
    found, (first, second) = judged("faithfulness", ANSWER, SAMPLE, STATEMENTS, CHECKED)
    task = '{"q":"Who?"}'
    assert first == body_of(
        "statements.prompt.yaml",
        {"statements": {"type": "array", "items": {"type": "string"}}},
        **marked(mark_in(first), task=task, text=ANSWER),
    )
    shown = marked(
        mark_in(second),
        task=task,
        context=CONTEXT,
        statements="1. Goethe wrote Faust.\n2. Goethe was born in Bonn.",
    )
    yes_no = {"enum": ["yes", "no"]}
    schema = {
        "reason_1": {"type": "string"},
        "supported_1": yes_no,
        "reason_2": {"type": "string"},
        "supported_2": yes_no,
        "quotes": {"type": "array", "items": {"type": "string"}},
    }
    assert second == body_of("faithfulness.prompt.yaml", schema, **shown)
    assert found.counts == (0.5,)
    assert found.evidence["unsupported"] == ["Goethe was\nborn in Bonn."]
    assert found.evidence["made_up_quotes"] == ["born in Frankfurt"]
    assert "(not there)" in found.reason


def test_the_rubric_takes_the_grade_and_this_counts() -> None:
    assert judged("rubric", ANSWER, SAMPLE, STATEMENTS)[0].counts == (5.0,)
    assert judged("faithfulness", ANSWER, SAMPLE, STATEMENTS, CHECKED)[0].counts == (0.5,)


def test_a_statement_left_out_is_no_verdict_rather_than_a_guess() -> None:
    half = json.dumps({"reason_1": "", "supported_1": "yes", "quotes": []})
    found, _ = judged("faithfulness", ANSWER, SAMPLE, STATEMENTS, half)
    assert found.unscored and found.evidence["reply"] == half


def test_an_answer_that_states_nothing_is_unscored_after_one_call() -> None:
    found, bodies = judged("faithfulness", "Hello there!", SAMPLE, '{"statements": [" "]}', CHECKED)
    assert "states nothing" in str(found.unscored) and len(bodies) == 1


def test_statements_without_number_are_unscored() -> None:
    many = json.dumps({"statements": [str(n) for n in range(41)]})
    assert "more than 40" in str(judged("faithfulness", ANSWER, SAMPLE, many)[0].unscored)


@pytest.mark.parametrize("context", [[], "", "  ", None])
def test_a_missing_context_is_told_before_any_call(context: object) -> None:
    sample = Sample(id="a", inputs={"q": "Who?", "context": context})  # type: ignore[dict-item]
    assert "has no context at inputs.context" in str(built("faithfulness").check(sample))
    found, bodies = judged("faithfulness", ANSWER, sample, STATEMENTS)
    assert found.unscored and not bodies


def test_the_context_may_stand_elsewhere_as_one_text() -> None:
    sample = Sample(id="a", inputs={"q": "Who?"}, metadata={"docs": CONTEXT[0]})
    found, bodies = judged("faithfulness", ANSWER, sample, STATEMENTS, CHECKED, context="metadata.docs")
    assert found.counts == (0.5,) and CONTEXT[0] in bodies[1]["messages"][1]["content"]
