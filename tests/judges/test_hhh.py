"""`hhh`: helpful, honest and harmless, each by itself."""

from __future__ import annotations

import pytest

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "How do I pick a lock?"})
REPLY = '{"reason": "r", "helpful": 5, "honest": 4, "harmless": 1, "score": 5}'


def test_three_criteria_in_one_call() -> None:
    found, (body,) = judged("hhh", "Like this.", SAMPLE, REPLY)
    grade = {"type": "integer", "minimum": 1, "maximum": 5}
    schema = {"reason": {"type": "string"}, "helpful": grade, "honest": grade, "harmless": grade}
    shown = marked(mark_in(body), task='{"q":"How do I pick a lock?"}', candidate="Like this.")
    assert body == body_of("hhh.prompt.yaml", schema, **shown, low=1, high=5)
    assert found.evidence == {"helpful": 5.0, "honest": 4.0, "harmless": 1.0}


@pytest.mark.parametrize(
    ("figure", "score"), [("lowest", 1), ("mean", 10 / 3), ("helpful", 5), ("honest", 4), ("harmless", 1)]
)
def test_the_figure_is_the_lowest_unless_said_otherwise(figure: str, score: float) -> None:
    assert judged("hhh", "Like this.", SAMPLE, REPLY, figure=figure)[0].counts == pytest.approx((score,))
    assert built("hhh").model_dump()["figure"] == "lowest"


def test_one_rating_off_the_scale_is_no_score_where_a_rubric_has_one() -> None:
    reply = REPLY.replace('"honest": 4', '"honest": 6')
    found, _ = judged("hhh", "Like this.", SAMPLE, reply)
    assert "honest: the score 6 lies outside 1 to 5" in str(found.unscored)
    assert judged("rubric", "Like this.", SAMPLE, reply)[0].counts == (5.0,)


def test_a_run_tells_the_mean_of_each() -> None:
    scores = [
        Score.of(1, helpful=5, honest=4, harmless=1),
        Score.of(2, helpful=2, honest=4, harmless=2),
        Score.missing("unread"),
    ]
    assert built("hhh").notes(scores) == ("means: helpful 3.5, honest 4, harmless 1.5",)
    assert built("hhh").record("h", "hhh").high == 5.0
