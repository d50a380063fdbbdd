"""`chainpoll`: the share of polls that find something made up, each poll a call of its own."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from promptops.types import Prompt, Sample, Score
from tests.judges.scripted_judge import Server, body_of, built, judged, mark_in, marked, serving
from tests.made import Folder, questions

SAMPLE = Sample(id="a", inputs={"q": "Red?", "context": ["Tomatoes are red."]}, target=("A tomato.",))
ANSWER = "A tomato, found in 1823."
SCHEMA = {"reasoning": {"type": "string"}, "made_up": {"enum": ["yes", "no"]}}


def said(vote: str) -> str:
    return json.dumps({"reasoning": f"so it is {vote}", "made_up": vote, "score": 5})


def test_each_poll_sends_the_same_body() -> None:
    found, bodies = judged("chainpoll", ANSWER, SAMPLE, said("yes"), context="inputs.context")
    shown = marked(mark_in(bodies[0]), task='{"q":"Red?"}', context="Tomatoes are red.", candidate=ANSWER)
    shown["context"] = f"The context:\n{shown['context']}"
    assert bodies == [body_of("chainpoll.prompt.yaml", SCHEMA, {"temperature": 1}, **shown)] * 5
    assert found.counts == (1.0,)


def test_without_a_context_none_is_shown() -> None:
    _, (body, *_) = judged("chainpoll", ANSWER, SAMPLE, said("no"))
    assert "There is no context." in body["messages"][1]["content"]
    assert '{"context":["Tomatoes are red."],"q":"Red?"}' in body["messages"][1]["content"]


def test_the_score_is_the_share_of_yes_where_the_rubric_knows_one_grade() -> None:
    replies = [said(vote) for vote in ("yes", "no", "yes", "no", "no")]
    found, bodies = judged("chainpoll", ANSWER, SAMPLE, *replies)
    assert found.counts == (pytest.approx(2 / 5),) and len(bodies) == 5
    assert found.evidence["votes"] == [1, 0, 1, 0, 0]
    assert found.reason == "2 of 5 polls: so it is no"
    rubric, asked = judged("rubric", ANSWER, SAMPLE, *replies)
    assert rubric.counts == (5.0,) and len(asked) == 1
    assert not built("chainpoll").record("c", "chainpoll").higher_is_better


def test_replies_that_cant_be_read_are_no_votes_and_more_than_half_of_them_no_score() -> None:
    found, _ = judged("chainpoll", ANSWER, SAMPLE, said("yes"), "Hm.", said("no"), said("yes"), "I see.")
    assert found.counts == (pytest.approx(2 / 3),)
    assert found.evidence["unread"] == 2 and found.evidence["reply"] == "Hm."
    found, _ = judged("chainpoll", ANSWER, SAMPLE, said("yes"), "Hm.", "Hm.", said("no"), "Hm.")
    assert str(found.unscored) == "3 of 5 replies can't be read: the reply holds no readable verdict"


def test_a_judge_that_parrots_has_no_vote() -> None:
    answer = said("no")
    found, _ = judged("chainpoll", answer, SAMPLE, answer)
    assert not found.counts and found.unscored


def test_polls_at_temperature_0_are_refused() -> None:
    prompt = Prompt.model_validate(
        {"messages": [{"role": "user", "content": "x"}], "parameters": {"temperature": 0}}
    )
    with pytest.raises(ValidationError, match="temperature is 0, at which several polls say the same"):
        built("chainpoll", prompt=prompt)
    assert built("chainpoll", prompt=prompt, polls=1).model_dump()["polls"] == 1
    with pytest.raises(ValidationError):
        built("chainpoll", polls=0)


def test_a_sample_without_its_context_is_told() -> None:
    bare = Sample(id="a", inputs={"q": "Red?"})
    assert "has no context at inputs.context" in str(built("chainpoll", context="inputs.context").check(bare))
    assert built("chainpoll").check(bare) is None


def test_a_run_tells_the_judges_noise() -> None:
    # Within answers: squares 6/5 * 2 + 0 over 4 + 4 + 4 degrees of freedom.
    scores = [Score.of(0.6, votes=[1, 1, 1, 0, 0]), Score.of(0.4, votes=[1, 0, 1, 0, 0])]
    scores += [Score.of(1.0, votes=[1] * 5), Score.missing("unread")]
    assert built("chainpoll").notes(scores) == (
        "judge noise: one poll varies by 0.447 (standard deviation), the mean of 5 by 0.2; "
        "polls differ on 2 of 3 answers",
    )
    assert built("chainpoll").notes([Score.of(1.0, votes=[1])]) == ()


SET = """\
format = 1

[card]
description = "made for a test"

[metrics.made_up]
metric = "chainpoll"
"""


def project(folder: Folder, server: Server) -> tuple[str, ...]:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    folder.write(
        "promptops.toml",
        'model = "mock/echo"\njudge_model = "near/judge"\n\n'
        f'[providers.near]\nkind = "openai"\nbase_url = "{url}"\napi_key_env = "NEAR_KEY"\n',
    )
    folder.evalset("asked", questions(2), SET)
    return ("eval", "asked", "--prompt", "ask.prompt.yaml")


def test_every_poll_is_asked_stored_cached_recorded_and_replayed_by_itself(folder: Folder) -> None:
    votes = ["yes", "no", "no", "no", "yes", "no", "no", "no", "no", "yes"]
    with serving(*map(said, votes)) as server:
        arguments = project(folder, server)
        dry = json.loads(folder.run(*arguments, "--dry-run", "--json", NEAR_KEY="k").stdout)["forecast"]
        assert {part["name"]: part["calls"] for part in dry["parts"]}["made_up"] == 10
        done = json.loads(folder.run(*arguments, "-j", "1", "--json", NEAR_KEY="k").stdout)
        assert len(server.bodies) == 10
        # What was answered five times is not asked again, and not answered by the first of them.
        again = json.loads(folder.run(*arguments, "--json", NEAR_KEY="k").stdout)
        dry = json.loads(folder.run(*arguments, "--dry-run", "--json", NEAR_KEY="k").stdout)["forecast"]
        assert len(server.bodies) == 10 and dry["cached"] >= 10
        folder.run("record", "latest", "-o", "said.jsonl", NEAR_KEY="k")
    for each in (done, again):
        [figure] = [row for row in each["runs"][0]["estimates"] if row["slice"] is None]
        assert figure["value"] == pytest.approx(0.3)
    assert "polls differ on 2 of 2 answers" in folder.run("show", "latest").stdout
    kept = [folder.json("show", "latest", f"q00{n}")["cases"][0]["result"]["scores"] for n in (0, 1)]
    assert [score["made_up"]["evidence"]["votes"] for score in kept] == [[1, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    assert folder.json("replay", "latest")["replay"]["outcome"] == "equal"
    lines = [json.loads(line) for line in (folder.path / "said.jsonl").read_text("utf-8").splitlines()]
    assert sum(line.get("model") == "near/judge" for line in lines) == 10
    folder.run(*arguments, "--cassette", "said.jsonl", "--no-cache", NEAR_KEY="")
    fresh = folder.json("show", "latest", "q000")["cases"][0]["result"]["scores"]["made_up"]
    assert fresh["evidence"]["votes"] == [1, 0, 0, 0, 1]
