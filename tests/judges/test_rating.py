"""`rating`: what a training pair is worth."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"instruction": "Add.", "input": "1 1"}, target=("2",))


def test_the_pair_is_rated_without_a_reference_in_halves() -> None:
    found, (body,) = judged("rating", "Two.", SAMPLE, '{"score": 4.5, "reason": "r"}')
    shown = marked(mark_in(body), instruction='{"input":"1 1","instruction":"Add."}', answer="Two.")
    schema = {"score": {"type": "number", "minimum": 0, "maximum": 5}, "reason": {"type": "string"}}
    assert body == body_of("rating.prompt.yaml", schema, **shown, dimension="accuracy")
    assert found.counts == (4.5,) and found.evidence["kept"] is True


def test_nothing_is_rounded_and_the_scale_is_its_own() -> None:
    assert judged("rating", "Two.", SAMPLE, '{"score": 0}')[0].counts == (0.0,)
    assert judged("rubric", "Two.", SAMPLE, '{"score": 0}')[0].unscored
    for wrong in ("4.3", "5.5", "-1", '"4.5/5"'):
        assert judged("rating", "Two.", SAMPLE, f'{{"score": {wrong}}}')[0].unscored


def test_a_run_tells_the_histogram_and_how_many_would_be_kept() -> None:
    scores = [Score.of(value) for value in (5, 4.5, 4.5, 0)] + [Score.missing("unread")]
    told = built("rating").notes(scores)
    assert told == ("ratings 0: 1, 4.5: 2, 5: 1", "3 of 4 pairs (75%) are rated 4.5 or more")
    assert built("rating", keep=5).notes(scores)[1] == "1 of 4 pairs (25%) are rated 5 or more"
    with pytest.raises(ValidationError):
        built("rating", keep=6)
