"""`jury`: several judges, or one several times; what they come to, and how far they lie apart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import krippendorff
import numpy as np
import pytest
from pydantic import ValidationError

from promptops.judges import asked_models, models_of
from promptops.judges._votes import combined
from promptops.types import Completion, Prompt, Sample, Score
from tests.judges.scripted_judge import body_of, built, judged, mark_in, marked, seat

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.",))
ANSWER = "It is a tomato."
SCHEMA = {"reason": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 5}}
THREE = {"a": seat("openai/a"), "b": seat("openai/b"), "c": seat("openai/c")}
WARM = {"messages": [{"role": "user", "content": "{{ candidate }} Reply with one JSON object"}]}


def said(score: object) -> str:
    return json.dumps({"reason": f"why {score}", "score": score})


def test_every_judge_is_asked_at_its_own_model() -> None:
    found, bodies = judged("jury", ANSWER, SAMPLE, said(2), said(5), said(4), judges=THREE)
    shown = marked(mark_in(bodies[0]), task='{"q":"Red?"}', reference="A tomato.", candidate=ANSWER)
    shown["references"] = f"Reference answers:\n{shown.pop('reference')}"
    criteria = built("rubric").model_dump()["criteria"]
    body = body_of("rubric.prompt.yaml", SCHEMA, **shown, criteria=criteria, low=1, high=5)
    assert bodies == [{**body, "model": name} for name in "abc"]
    assert found.counts == (pytest.approx(11 / 3),)
    assert found.evidence == {"votes": {"a": [2.0], "b": [5.0], "c": [4.0]}, "spread": 3.0}
    assert found.reason == "1 x 2, 1 x 4, 1 x 5; c: why 4"
    assert judged("rubric", ANSWER, SAMPLE, said(2), said(5), said(4))[0].counts == (2.0,)


@pytest.mark.parametrize(
    ("rule", "votes", "value"),
    [
        ("mean", [1, 2, 6], 3.0),
        ("median", [1, 2, 6], 2.0),
        ("median", [1, 2, 4, 6], 3.0),
        ("majority", [1, 5, 5], 5.0),
        ("majority", [1, 1, 2, 3, 3], None),
        ("majority", [2, 4], None),
        ("majority", [4], 4.0),
    ],
)
def test_votes_come_to_a_mean_a_median_or_a_majority(
    rule: Any, votes: list[float], value: float | None
) -> None:
    assert combined(rule, [float(vote) for vote in votes]) == value


def test_a_split_jury_has_no_score_but_its_votes() -> None:
    found, _ = judged("jury", ANSWER, SAMPLE, said(2), said(5), said(4), judges=THREE, combine_by="majority")
    assert found.unscored == "the jury is split: 1 x 2, 1 x 4, 1 x 5"
    assert found.evidence == {"votes": {"a": [2.0], "b": [5.0], "c": [4.0]}, "split": True}
    assert built("jury", judges=THREE, combine_by="majority").notes([found, found])[2:] == (
        "split on 2 of 2 answers, which have no score",
    )


def test_a_vote_that_cant_be_read_is_none_and_more_than_half_of_them_leave_no_score() -> None:
    found, _ = judged("jury", ANSWER, SAMPLE, said(2), "Hm.", said(4), judges=THREE)
    assert found.counts == (3.0,)
    assert found.evidence["votes"] == {"a": [2.0], "b": [None], "c": [4.0]}
    assert found.evidence["unread"] == 1 and found.evidence["reply"] == "Hm."
    found, _ = judged("jury", ANSWER, SAMPLE, said(2), "Hm.", said(9), judges=THREE)
    assert found.unscored == "2 of 3 votes are missing; b: the reply holds no readable verdict"
    assert judged("jury", said(5), SAMPLE, said(5), judges=THREE)[0].unscored


def test_judges_of_other_kinds_may_sit_together_if_their_scale_is_one() -> None:
    judges = {"a": seat("openai/a", "refusal"), "b": seat("openai/b", "chainpoll", polls=2)}
    replies = ['{"kind": "refusal"}', '{"made_up": "yes"}', '{"made_up": "no"}']
    found, bodies = judged("jury", ANSWER, SAMPLE, *replies, judges=judges)
    assert found.counts == (0.75,) and [body["model"] for body in bodies] == ["a", "b", "b"]
    assert not built("jury", judges=judges).record("j", "jury").higher_is_better


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"judges": {}}, "judges"),
        ({"judges": {"a": seat("openai/a")}}, "one judge that is asked once is no jury"),
        ({"judges": {"a": seat("x/a"), "b": seat("x/b", "hhh", scale=[1, 7])}}, "have different scales"),
        (
            {"judges": {"a": seat("x/a", "toxicity"), "b": seat("x/b", "closed_qa", criterion="It is.")}},
            "scales",
        ),
        ({"judges": {"a": seat("x/a", scale=[5, 1]), "b": seat("x/b")}}, "judges.a: scale .* must rise"),
        ({"judges": {"a": {**seat("x/a"), "metric": "rubrik"}, "b": seat("x/b")}}, "judges.a: .*'rubric'"),
        ({"judges": {"a": {"model": "x/a"}, "b": seat("x/b")}}, "judges.a: needs its kind"),
        ({"judges": {"a": seat("x/a", "pairwise"), "b": seat("x/b")}}, "a pairwise can't sit in a jury"),
        (
            {"judges": {"a": {**seat("x/a"), "metric": "jury"}, "b": seat("x/b")}},
            "a jury can't sit in a jury",
        ),
        ({"judges": {"a": seat("x/a")}, "polls": 3}, "judges.a: the prompt's temperature is 0"),
        ({"combine_by": "vote"}, "combine_by"),
        ({"polls": 0}, "polls"),
    ],
)
def test_a_jury_that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        built("jury", **options)


def test_polls_are_told_apart_also_of_judges_that_are_the_same_or_poll_themselves() -> None:
    chain = {"metric": "chainpoll", "model": "x/a", "prompt": WARM, "polls": 2}
    twice = built("jury", judges={"a": chain, "b": chain, "c": {**chain, "model": "x/c"}}, polls=2)
    asked: list[tuple[str, int]] = []

    async def ask(
        prompt: Prompt, slots: Any, form: Any, *, model: str = "", poll: int = 0, reads: Any = None
    ) -> Completion:
        asked.append((model, poll))
        return Completion(text='{"made_up": "no"}')

    asyncio.run(twice.judge(Completion(text=ANSWER), SAMPLE, ask))
    assert len(asked) == 12 and len(set(asked)) == 12
    assert {poll for model, poll in asked if model == "x/c"} == {0, 1, 1000, 1001}
    # The first poll is the question that the judge would ask by itself, so that the cache knows it.
    assert {poll for model, poll in asked if model == "x/a"} == {0, 1, 1000, 1001, 2000, 2001, 3000, 3001}


def test_models_and_signature_are_those_of_the_judges() -> None:
    jury = built("jury", judges={**THREE, "d": seat("openai/a", scale=[1, 5], criteria="It is short.")})
    assert jury.models == ("openai/a", "openai/b", "openai/c")
    record = jury.record("j", "jury")
    assert asked_models(record.options) == jury.models and (record.low, record.high) == (1.0, 5.0)
    plain = record.model_copy(update={"judge": False, "options": {"model": "no model of ours"}})
    assert models_of([plain, record, record]) == jury.models
    assert asked_models({"model": "x/a"}) == ("x/a",) and asked_models({}) == ()
    other = built("jury", judges={**THREE, "d": seat("openai/a", criteria="It is long.")})
    assert jury.signature != other.signature and "\n" not in jury.signature
    assert (
        built("jury", judges={**THREE, "d": seat("mock/echo", stand_in=True)}).stand_in and not jury.stand_in
    )


def test_a_run_tells_means_disagreement_and_noise() -> None:
    prompt = {**WARM, "parameters": {"temperature": 1}}
    judges = {name: {"metric": "rubric", "model": f"x/{name}", "prompt": prompt} for name in "ab"}
    votes = [[[4, 5], [3, 3]], [[2, 2], [2, 2]], [[5, 5], [4, None]]]
    scores = [Score.of(0, votes={"a": a, "b": b}) for a, b in votes] + [Score.missing("failed")]
    table = np.array([a + b for a, b in votes], dtype=float)
    alpha = krippendorff.alpha(reliability_data=table.T, level_of_measurement="interval")
    # Pairs: 4, 5, 3, 3 lie 1.167 apart, then 0, and 5, 5, 4 lie 0.667 apart.
    assert not any("split" in note for note in built("jury", judges=judges, polls=2).notes(scores))
    assert built("jury", judges=judges, polls=2).notes(scores) == (
        "means: a 3.833, b 2.8",
        f"all votes agree on 1 of 3 answers; two votes lie 0.611 apart in the mean; "
        f"Krippendorff's alpha (interval) {alpha:.3f}",
        "judge noise: one poll varies by 0.316 (standard deviation), the mean of 2 by 0.224; "
        "polls differ on 1 of 5 answers",
    )
    same = [Score.of(0, votes={"a": [4], "b": [4]})] * 2
    assert "undefined, as all votes are the same" in built("jury", judges=judges, polls=2).notes(same)[1]


def test_a_judge_with_nothing_to_judge_has_no_vote_and_the_others_are_asked() -> None:
    sample = SAMPLE.model_copy(update={"inputs": {"q": "Red?", "context": ["It is a tomato. It is red."]}})
    judges = {"a": seat("openai/a", "chainpoll", polls=1), "b": seat("openai/b", "context_relevance")}
    jury = built("jury", judges={"b": judges["b"], "c": {**judges["b"], "model": "openai/c"}})
    assert jury.not_asked(Completion(text=""), sample) is None
    assert "says nothing" in str(built("jury").not_asked(Completion(text=":"), sample))
    with pytest.raises(ValidationError, match="different scales"):
        built("jury", judges=judges)


def test_a_jury_without_reference_is_one_of_judges_that_show_none() -> None:
    guided = {**seat("openai/b"), "metric": "reference_guided", "reference": "target", "scale": [1, 5]}
    guided["solve_prompt"] = guided["prompt"]
    jury = built(
        "jury", judges={"a": seat("openai/a"), "b": guided, "c": seat("openai/c", show_reference=False)}
    )
    bare = jury.unreferenced()
    assert bare is not None and bare.signature != jury.signature and bare.unreferenced() is None
    asked: list[str] = []

    async def ask(prompt: Prompt, slots: Any, form: Any, **which: Any) -> Completion:
        asked.append(json.dumps(slots))
        return Completion(text=said(3))

    for each, showing in ((jury, 2), (bare, 0)):
        asked.clear()
        asyncio.run(each.judge(Completion(text=ANSWER), SAMPLE, ask))
        assert len(asked) == 3 and sum("A tomato." in slots for slots in asked) == showing
    blind = {name: seat(f"openai/{name}", show_reference=False) for name in "ab"}
    assert built("jury", judges=blind).unreferenced() is None
