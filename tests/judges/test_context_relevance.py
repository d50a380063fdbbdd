"""`context_relevance`: the share of the context's sentences that are needed."""

from __future__ import annotations

import pytest

from promptops.judges.context_relevance import sentences_of
from promptops.types import Sample
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Who?", "context": ["Goethe wrote it. He liked tea.", "It rained."]})


def test_sentences_are_numbered_and_the_needed_ones_counted_once_each() -> None:
    reply = '{"reason": "r", "needed": [1, 1, "3"], "score": 5}'
    found, (body,) = judged("context_relevance", "x", SAMPLE, reply)
    listed = "1. Goethe wrote it.\n2. He liked tea.\n3. It rained."
    shown = marked(mark_in(body), task='{"q":"Who?"}', context=listed)
    schema = {
        "reason": {"type": "string"},
        "needed": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 3}},
    }
    assert body == body_of("context_relevance.prompt.yaml", schema, **shown)
    assert found.counts == pytest.approx((2 / 3,))
    assert found.evidence["needed"] == ["Goethe wrote it.", "It rained."]
    assert judged("rubric", "x", SAMPLE, reply)[0].counts == (5.0,)


def test_none_needed_is_zero_and_a_number_that_is_none_is_no_verdict() -> None:
    assert judged("context_relevance", "x", SAMPLE, '{"needed": []}')[0].counts == (0.0,)
    for wrong in ("[4]", "[0]", "[1.5]", '["one"]', "1", "[true]"):
        found, _ = judged("context_relevance", "x", SAMPLE, f'{{"needed": {wrong}}}')
        assert found.unscored and found.evidence["reply"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("Version 2.5 is out.", 1),
        ('He said "no." Then he left.', 2),
        ("一つ。二つ！三つ", 3),
        ("- a\n- b\n\n---\n", 2),
        ("", 0),
    ],
)
def test_sentences_end_at_marks_and_lines(text: str, count: int) -> None:
    assert len(sentences_of([text])) == count


def test_too_long_and_missing_contexts_are_told_without_a_call() -> None:
    long = Sample(id="a", inputs={"context": "A b. " * 401})
    found, bodies = judged("context_relevance", "x", long, "")
    assert "401 sentences" in str(found.unscored) and not bodies
    assert "no context" in str(built("context_relevance").check(Sample(id="a", inputs={"q": "?"})))
