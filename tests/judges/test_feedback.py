"""`feedback`: each item asked of the revised text and of the original."""

from __future__ import annotations

import json

import pytest
from scipy.stats import binomtest

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(
    id="a",
    inputs={"q": "Write."},
    metadata={"original": "A long text.", "feedback": ["Be short.", "Name\nthe author.", "Be kind."]},
)


def said(*answers: str, **more: object) -> str:
    items = {f"done_{n}": answer for n, answer in enumerate(answers, 1)}
    return json.dumps({**items, **more})


def test_both_texts_are_asked_about_in_the_same_words() -> None:
    found, bodies = judged(
        "feedback", "Short.", SAMPLE, said("yes", "partly", "yes"), said("no", "no", "yes")
    )
    answers = {"enum": ["yes", "partly", "no"]}
    schema = {}
    for n in (1, 2, 3):
        schema |= {f"reason_{n}": {"type": "string"}, f"done_{n}": answers}
    for body, text in zip(bodies, ("Short.", "A long text."), strict=True):
        shown = marked(
            mark_in(body),
            task='{"q":"Write."}',
            candidate=text,
            feedback="1. Be short.\n2. Name the author.\n3. Be kind.",
        )
        assert body == body_of("feedback.prompt.yaml", schema, **shown)
    assert found.counts == pytest.approx((1 / 3,))
    assert found.evidence["revised"] == ["yes", "partly", "yes"]
    assert found.evidence["original"] == ["no", "no", "yes"]


def test_a_judge_that_always_says_yes_finds_no_effect_where_a_rubric_finds_the_best() -> None:
    yes = said("yes", "yes", "yes", score=5)
    assert judged("feedback", "Short.", SAMPLE, yes)[0].counts == (0.0,)
    assert judged("rubric", "Short.", SAMPLE, yes)[0].counts == (5.0,)


def test_half_an_answer_is_none() -> None:
    assert judged("feedback", "Short.", SAMPLE, said("yes", "no"))[0].unscored
    found, bodies = judged("feedback", "Short.", SAMPLE, said("yes", "yes", "yes"), "no idea")
    assert found.unscored and found.evidence["reply"] == "no idea" and len(bodies) == 2


def test_a_runs_items_are_pooled_with_mcnemars_exact_test() -> None:
    scores = [
        Score.of(0.5, revised=["yes", "yes"], original=["no", "yes"]),
        Score.of(1.0, revised=["yes"] * 5, original=["no", "partly", "no", "no", "no"]),
        Score.of(-1.0, revised=["no"], original=["yes"]),
        Score.missing("unread"),
    ]
    first, second = built("feedback").notes(scores)
    assert "8 items of feedback: yes of 7 on the revised texts (88%) and of 2 on the originals (25%)" in first
    assert "effect +0.625" in first
    p = binomtest(1, 7, 0.5).pvalue
    assert second == f"6 items became yes and 1 ceased to be: McNemar's exact p = {p:.3g}"
    assert built("feedback").notes([Score.missing("unread")]) == ()


def test_what_is_missing_is_told_before_any_call() -> None:
    judge = built("feedback")
    assert "no original text at metadata.original" in str(judge.check(Sample(id="a", inputs={})))
    bare = Sample(id="a", inputs={}, metadata={"original": "x"})
    assert "no feedback at metadata.feedback" in str(judge.check(bare))
    assert judge.check(SAMPLE) is None
