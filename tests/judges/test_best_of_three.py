"""`best_of_three`: chosen over two others, in rotated orders."""

from __future__ import annotations

import json
import re

import pytest

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

OTHERS = ["A pear.", "A plum."]
SAMPLE = Sample(id="a", inputs={"q": "Red?"}, metadata={"others": OTHERS})
ANSWER = "A tomato."
FIRST = '{"reason": "r", "best": "A", "score": 5}'


def knows(text: str) -> str:
    """A judge that finds the tomato wherever it stands."""
    place = re.search(r"<answer-([abc])-\w+>\nA tomato\.", text)
    assert place
    return json.dumps({"reason": "red", "best": place.group(1).upper()})


def shown_in(body: dict[str, object]) -> list[str]:
    text = str(body["messages"][1]["content"])  # type: ignore[index]
    return re.findall(r"<answer-[abc]-\w+>\n(.*)\n</answer", text)


def test_each_text_stands_in_each_place_once() -> None:
    found, bodies = judged("best_of_three", ANSWER, SAMPLE, knows)
    orders = [shown_in(body) for body in bodies]
    assert len(orders) == 3
    assert all(sorted(place) == sorted([ANSWER, *OTHERS]) for place in zip(*orders, strict=True))
    body, (a, b, c) = bodies[0], orders[0]
    shown = marked(mark_in(body), task='{"q":"Red?"}', answer_a=a, answer_b=b, answer_c=c)
    schema = {"reason": {"type": "string"}, "best": {"enum": ["A", "B", "C", "tie"]}}
    criteria = built("best_of_three").model_dump()["criteria"]
    assert body == body_of("best_of_three.prompt.yaml", schema, **shown, criteria=criteria)
    assert found.counts == (1.0,) and sorted(found.evidence["places"]) == ["A", "B", "C"]  # type: ignore[type-var,arg-type]


def test_a_judge_that_always_takes_the_first_place_is_worth_a_third() -> None:
    found, _ = judged("best_of_three", ANSWER, SAMPLE, FIRST)
    assert found.counts == pytest.approx((1 / 3,))
    assert judged("rubric", ANSWER, SAMPLE, FIRST)[0].counts == (5.0,)


def test_one_order_is_drawn_by_the_texts_alone() -> None:
    places = set()
    for n in range(30):
        answer = f"A tomato. {n}"
        _, bodies = judged("best_of_three", answer, SAMPLE, FIRST, orders="hash")
        _, again = judged("best_of_three", answer, SAMPLE, FIRST, orders="hash")
        assert len(bodies) == 1 and bodies == again
        places.add(shown_in(bodies[0]).index(answer))
    assert places == {0, 1, 2}


def test_a_tie_counts_a_third_and_equal_texts_are_not_asked_about() -> None:
    assert judged("best_of_three", ANSWER, SAMPLE, '{"best": "tie"}')[0].counts == pytest.approx((1 / 3,))
    found, bodies = judged("best_of_three", "A pear. ", SAMPLE, FIRST)
    assert "are the same" in str(found.unscored) and not bodies


def test_a_run_tells_which_places_were_chosen() -> None:
    scores = [Score.of(1 / 3, places=["A", "A", "A"]), Score.of(1, places=["A", "C", "tie"])]
    assert built("best_of_three").notes(scores) == (
        "places chosen: A 80%, B 0%, C 20% of 5, a third each without a bias; 1 ties",
    )


def test_two_others_are_needed() -> None:
    sample = Sample(id="a", inputs={}, metadata={"others": ["one"]})
    assert "has 1 texts at metadata.others" in str(built("best_of_three").check(sample))
    assert judged("best_of_three", ANSWER, SAMPLE, '{"best": "D"}')[0].unscored
