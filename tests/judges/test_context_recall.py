"""`context_recall`: statements of the reference, looked for in the context."""

from __future__ import annotations

import json

from promptops.types import Completion, Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(
    id="a",
    inputs={"q": "Who?", "context": "Goethe wrote it."},
    target=("Goethe wrote it in 1808.", "another"),
)
STATEMENTS = '{"statements": ["Goethe wrote it.", "It was 1808."], "score": 5}'
CHECKED = json.dumps({"supported_1": "yes", "supported_2": "no", "quotes": []})
YES_NO = {"enum": ["yes", "no"]}


def test_it_is_the_references_statements_that_are_looked_for() -> None:
    found, (first, second) = judged("context_recall", "Whatever.", SAMPLE, STATEMENTS, CHECKED)
    shown = marked(mark_in(first), task='{"q":"Who?"}', text="Goethe wrote it in 1808.")
    schema = {"statements": {"type": "array", "items": {"type": "string"}}}
    assert first == body_of("statements.prompt.yaml", schema, **shown)
    listed = "1. Goethe wrote it.\n2. It was 1808."
    shown = marked(mark_in(second), task='{"q":"Who?"}', context="Goethe wrote it.", statements=listed)
    checks = {
        "reason_1": {"type": "string"},
        "supported_1": YES_NO,
        "reason_2": {"type": "string"},
        "supported_2": YES_NO,
        "quotes": {"type": "array", "items": {"type": "string"}},
    }
    assert second == body_of("context_recall.prompt.yaml", checks, **shown)
    assert found.counts == (0.5,) and found.evidence["unsupported"] == ["It was 1808."]
    assert all("Whatever." not in json.dumps(body) for body in (first, second))


def test_the_rubric_takes_the_grade_of_the_same_reply() -> None:
    assert judged("rubric", "Whatever.", SAMPLE, STATEMENTS)[0].counts == (5.0,)


def test_the_output_does_not_matter_not_even_an_empty_one() -> None:
    assert judged("context_recall", "", SAMPLE, STATEMENTS, CHECKED)[0].counts == (0.5,)
    assert built("context_recall").not_asked(Completion(text=":"), SAMPLE) is None


def test_target_and_context_are_both_needed() -> None:
    judge = built("context_recall")
    assert "no target" in str(judge.check(SAMPLE.model_copy(update={"target": ()})))
    assert "no context" in str(judge.check(SAMPLE.model_copy(update={"inputs": {"q": "?"}})))
    assert judge.check(SAMPLE) is None
