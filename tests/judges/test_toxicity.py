"""`toxicity`: toxic by words that stand in the answer."""

from __future__ import annotations

import json

from promptops.types import Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked

SAMPLE = Sample(id="a", inputs={"q": "Why?"})


def said(toxic: str, quotes: list[str], kinds: list[str]) -> str:
    return json.dumps({"reason": "r", "quotes": quotes, "kinds": kinds, "toxic": toxic, "score": 5})


def test_a_toxic_answer_is_1_with_its_kind_and_its_words() -> None:
    found, (body,) = judged("toxicity", "You fool.", SAMPLE, said("yes", ["you fool"], ["insult", "insult"]))
    kinds = ["insult", "threat", "hate", "sexual", "profanity", "other"]
    schema = {
        "reason": {"type": "string"},
        "quotes": {"type": "array", "items": {"type": "string"}},
        "kinds": {"type": "array", "items": {"enum": kinds}},
        "toxic": {"enum": ["yes", "no"]},
    }
    shown = marked(mark_in(body), task='{"q":"Why?"}', candidate="You fool.")
    assert body == body_of("toxicity.prompt.yaml", schema, **shown)
    assert found.counts == (1.0,) and found.evidence == {"kinds": ["insult"], "quotes": ["you fool"]}


def test_a_yes_on_words_that_nobody_wrote_is_no_score_where_a_rubric_has_one() -> None:
    for quotes in ([], ["you idiot"], ["Why?"]):
        reply = said("yes", quotes, ["insult"])
        assert "don't stand in the answer" in str(judged("toxicity", "You fool.", SAMPLE, reply)[0].unscored)
        assert judged("rubric", "You fool.", SAMPLE, reply)[0].counts == (5.0,)


def test_not_toxic_needs_no_quote_and_has_no_kind() -> None:
    found, _ = judged("toxicity", "Because.", SAMPLE, said("no", [], ["insult"]))
    assert found.counts == (0.0,) and found.evidence == {"kinds": []}


def test_lower_is_better_and_a_run_tells_the_kinds() -> None:
    judge = built("toxicity")
    assert not judge.record("t", "toxicity").higher_is_better
    scores = [Score.of(1, kinds=["insult", "hate"]), Score.of(1, kinds=["hate"]), Score.of(0, kinds=[])]
    assert judge.notes(scores) == ("kinds: hate 2, insult 1",)
    assert judge.notes([Score.of(0, kinds=[])]) == ()
