"""`criteria`: several grades of one answer, together or one by one, on scales of any kind."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.",))
ANSWER = "It is a tomato."
CRITERIA = {"right": "It is right.", "short": "It is short."}


def said(*grades: object) -> str:
    fields: dict[str, object] = {"score": 5}
    for n, grade in enumerate(grades, 1):
        fields |= {f"reason_{n}": f"why {n}", f"grade_{n}": grade}
    return json.dumps(fields)


def schema(count: int, grade: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for n in range(1, count + 1):
        fields |= {f"reason_{n}": {"type": "string"}, f"grade_{n}": grade}
    return fields


def slots(body: dict[str, Any]) -> dict[str, str]:
    shown = marked(mark_in(body), task='{"q":"Red?"}', reference="A tomato.", candidate=ANSWER)
    return {**shown, "references": f"Reference answers:\n{shown.pop('reference')}"}


WHOLE = {"type": "integer", "minimum": 1, "maximum": 5}


def test_all_are_asked_in_one_call() -> None:
    found, (body,) = judged("criteria", ANSWER, SAMPLE, said(5, 2), criteria=CRITERIA)
    told = {
        "criteria": "1. right: It is right.\n2. short: It is short.",
        "scale": "a whole number from 1 (worst) to 5 (best)",
    }
    assert body == body_of("criteria.prompt.yaml", schema(2, WHOLE), **slots(body), **told)
    assert found.counts == (3.5, 5.0, 2.0)
    assert found.evidence["criteria"]["short"] == {"grade": 2.0, "reason": "why 2"}  # type: ignore[call-overload,index]
    assert found.reason == "lowest, short: why 2"
    assert judged("rubric", ANSWER, SAMPLE, said(5, 2))[0].counts == (5.0,)


def test_each_is_asked_by_itself() -> None:
    found, bodies = judged(
        "criteria", ANSWER, SAMPLE, said(5), said(2), criteria=CRITERIA, together=False, figure="lowest"
    )
    for body, told in zip(bodies, ("1. right: It is right.", "1. short: It is short."), strict=True):
        more = {"criteria": told, "scale": "a whole number from 1 (worst) to 5 (best)"}
        assert body == body_of("criteria.prompt.yaml", schema(1, WHOLE), **slots(body), **more)
    assert found.counts == (2.0, 5.0, 2.0)


@pytest.mark.parametrize(
    ("options", "grade", "told", "good", "bad"),
    [
        (
            {"scale": [1, 5], "step": 0.5},
            {"type": "number", "minimum": 1, "maximum": 5},
            "a number from 1 (worst) to 5 (best) in steps of 0.5",
            (3.5, 3.5),
            (3.25, "grade_1: the score 3.25 lies between the steps of 0.5"),
        ),
        (
            {"scale": [1, 2], "step": 0.1},
            {"type": "number", "minimum": 1, "maximum": 2},
            "a number from 1 (worst) to 2 (best) in steps of 0.1",
            (1.7, 1.7),
            (1.75, "grade_1: the score 1.75 lies between the steps of 0.1"),
        ),
        (
            {"scale": [0, 10]},
            {"type": "integer", "minimum": 0, "maximum": 10},
            "a whole number from 0 (worst) to 10 (best)",
            (0, 0.0),
            (10.5, "grade_1: the score 10.5 lies outside 0 to 10"),
        ),
        (
            {"scale": [1, 100]},
            {"type": "integer", "minimum": 1, "maximum": 100},
            "a whole number from 1 (worst) to 100 (best)",
            ("73", 73.0),
            (73.5, "grade_1: the score 73.5 lies between the steps of 1"),
        ),
        (
            {"words": {"bad": 0, "fair": 0.5, "good": 1}},
            {"enum": ["bad", "fair", "good"]},
            "one of these words: bad, fair, good",
            (" Fair ", 0.5),
            ("great", "grade_1: 'great' is none of bad, fair, good"),
        ),
    ],
)
def test_a_scale_has_steps_or_words(
    options: dict[str, Any], grade: dict[str, Any], told: str, good: Any, bad: Any
) -> None:
    one = {"criteria": {"right": "It is right."}, **options}
    found, (body,) = judged("criteria", ANSWER, SAMPLE, said(good[0]), **one)
    asked = {"criteria": "1. right: It is right.", "scale": told}
    assert body == body_of("criteria.prompt.yaml", schema(1, grade), **slots(body), **asked)
    assert found.counts == (good[1], good[1])
    record = built("criteria", **one).record("q", "criteria")
    ends = options.get("words", {}).values() or options["scale"]
    assert (record.low, record.high) == (min(ends), max(ends))
    found, _ = judged("criteria", ANSWER, SAMPLE, said(bad[0]), **one)
    assert found.unscored == bad[1] and not found.counts


def test_one_grade_that_cant_be_read_leaves_no_score() -> None:
    for reply in (said(5), said(5, None), said(5, 6), "Good."):
        assert judged("criteria", ANSWER, SAMPLE, reply, criteria=CRITERIA)[0].unscored
    found, bodies = judged("criteria", ANSWER, SAMPLE, said(5), said(9), criteria=CRITERIA, together=False)
    assert found.unscored == "short: grade_1: the score 9 lies outside 1 to 5" and len(bodies) == 2


def test_a_judge_that_parrots_yields_no_score() -> None:
    answer = said(5, 5, 5)
    assert judged("criteria", answer, SAMPLE, answer)[0].unscored


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"criteria": {}}, "criteria"),
        ({"criteria": {" ": "x"}}, "criteria"),
        ({"scale": [5, 1]}, "must rise"),
        ({"step": 0.7}, "must divide the scale"),
        ({"step": 0}, "step"),
        ({"scale": [0, 100], "step": 0.01}, "1000 at most"),
        ({"words": {"good": 1}}, "two different numbers"),
        ({"words": {"a": 1, "A": 0}}, "more than their case"),
        ({"words": {"bad": 0, "good": 1}, "scale": [0, 1]}, "leave scale and step out"),
        ({"figure": "median"}, "figure"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        built("criteria", **options)


def test_grades_add_and_a_run_tells_the_mean_of_each() -> None:
    judge = built("criteria", criteria=CRITERIA)
    scores = [Score.of(3.5, 5, 2), Score.of(4, 4, 4), Score.missing("unread")]
    assert judge.notes(scores) == ("means: right 4.5, short 3",)
    totals = np.sum([score.counts for score in scores if score.counts], axis=0)
    assert float(judge.combine(totals, np.asarray(2.0))) == 3.75
    assert judge.value(scores[0]) == 3.5
