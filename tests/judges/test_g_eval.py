"""`g_eval`: ratings weighted with their probability, or sampled where these can't be told."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from promptops.judges._ratings import Mass, mass_at
from promptops.types import Alternative, Completion, Prompt, Sample, Score, TokenLogprob
from tests.judges.scripted_judge import Said, Server, body_of, built, judged, mark_in, marked, serving
from tests.made import Folder, questions

SAMPLE = Sample(id="a", inputs={"q": "Red?"}, target=("A tomato.",))
ANSWER = "It is a tomato."
SCHEMA = {"score": {"type": "integer", "minimum": 1, "maximum": 5}}
ASKED = {"temperature": 1, "logprobs": True, "top_logprobs": 20}


def token(text: str, p: float = 1.0, **others: float) -> dict[str, Any]:
    """Return a token of a reply as the API sends it; `others` are likely tokens, `_` stands for a space."""
    top = {text: p, **{name.replace("_", " "): q for name, q in others.items()}}
    rows = [{"token": each, "logprob": math.log(q), "bytes": None} for each, q in top.items()]
    return {**rows[0], "top_logprobs": rows}


def says(score: str, p: float, **others: float) -> Said:
    """Return a reply whose score is one token."""
    head = [token('{"'), token("score"), token('":'), token(" ")]
    return Said(f'{{"score": {score}}}', [*head, token(score, p, **others), token("}")])


FOUR = says("4", 0.5, **{"5": 0.3, "3": 0.15, "2": 0.04, "_4": 0.01})


def test_the_judge_is_asked_for_the_score_alone_and_its_log_probabilities() -> None:
    _, bodies = judged("g_eval", ANSWER, SAMPLE, FOUR)
    (body,) = bodies
    shown = marked(mark_in(body), task='{"q":"Red?"}', reference="A tomato.", candidate=ANSWER)
    references = f"Reference answers:\n{shown.pop('reference')}"
    judge = built("g_eval").model_dump()
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(judge["steps"], 1))
    more = {"criteria": judge["criteria"], "steps": steps, "low": 1, "high": 5}
    assert body == body_of("g_eval.prompt.yaml", SCHEMA, ASKED, references=references, **shown, **more)


def test_the_score_is_the_mean_by_probability_where_the_rubric_takes_the_likeliest() -> None:
    found, bodies = judged("g_eval", ANSWER, SAMPLE, FOUR)
    by_hand = (4 * 0.51 + 5 * 0.3 + 3 * 0.15 + 2 * 0.04) / 1.0
    assert found.counts == (pytest.approx(by_hand),) and len(bodies) == 1
    assert found.evidence["by"] == "logprobs" and found.evidence["mass"] == pytest.approx(1.0)
    assert found.evidence["probabilities"] == pytest.approx({"2": 0.04, "3": 0.15, "4": 0.51, "5": 0.3})
    assert judged("rubric", ANSWER, SAMPLE, FOUR)[0].counts == (4.0,)


def test_what_is_no_rating_is_taken_out_and_the_rest_renormalised() -> None:
    found, _ = judged("g_eval", ANSWER, SAMPLE, says("4", 0.6, **{"5": 0.32, "9": 0.05, "four": 0.03}))
    assert found.counts == (pytest.approx((4 * 0.6 + 5 * 0.32) / 0.92),)
    assert found.evidence["mass"] == pytest.approx(0.92)
    assert found.reason == "ratings by probability: 4 (0.60), 5 (0.32)"


def test_too_little_mass_is_made_up_for_by_twenty_replies_the_first_of_them_at_hand() -> None:
    thin = says("4", 0.5, **{"5": 0.3, "N": 0.15})
    replies = [thin] * 15 + [says("5", 0.9)] * 5
    found, bodies = judged("g_eval", ANSWER, SAMPLE, *replies)
    assert found.counts == (pytest.approx((15 * 4 + 5 * 5) / 20),)
    assert len(bodies) == 20 and all(body == bodies[0] for body in bodies)
    assert found.evidence["by"] == "sampling" and found.evidence["votes"] == [4.0] * 15 + [5.0] * 5
    assert found.evidence["why"] == "the ratings among the likeliest tokens cover 0.800 of the probability"
    few, bodies = judged("g_eval", ANSWER, SAMPLE, *replies, least_mass=0.75)
    assert few.evidence["by"] == "logprobs" and len(bodies) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ('{"score": 4}', "the server told no log-probabilities"),
        (Said('{"score": 4}', [token("4", 0.9)]), "the tokens do not spell the reply"),
        (Said('So: {"score": 4}', [token('So: {"score": 4}')]), "the reply is not the score alone"),
        (says("4", 0.9, **{"N": 0.05})._replace(text='{"score": 4 }'), "the tokens do not spell the reply"),
    ],
)
def test_a_server_that_tells_nothing_of_use_is_sampled(reply: str | Said, why: str) -> None:
    found, bodies = judged("g_eval", ANSWER, SAMPLE, reply, polls=3)
    assert found.counts == (4.0,) and len(bodies) == 3
    assert found.evidence["why"] == why and found.evidence["votes"] == [4.0, 4.0, 4.0]


def test_sampling_by_choice_asks_for_no_log_probabilities() -> None:
    replies = [f'{{"score": {n}}}' for n in (3, 5, 4, 4)]
    found, bodies = judged("g_eval", ANSWER, SAMPLE, *replies, weights="sampling", polls=4)
    assert found.counts == (4.0,) and "logprobs" not in bodies[0] and bodies[0]["temperature"] == 1
    assert "why" not in found.evidence


def test_an_unreadable_first_reply_ends_it_and_later_ones_are_no_votes() -> None:
    found, bodies = judged("g_eval", ANSWER, SAMPLE, '{"score": 9}')
    assert found.unscored == "the score 9 lies outside 1 to 5" and len(bodies) == 1
    found, bodies = judged("g_eval", ANSWER, SAMPLE, '{"score": 4.5}')
    assert found.unscored == "the score 4.5 lies between the steps of 1" and len(bodies) == 1
    replies = ['{"score": 2}', "Hm.", '{"score": 3}', '{"score": 9}']
    found, bodies = judged("g_eval", ANSWER, SAMPLE, *replies, polls=4)
    assert found.counts == (2.5,) and found.evidence["unread"] == 2


def test_a_judge_that_parrots_yields_no_score() -> None:
    answer = '{"score": 5}'
    found, bodies = judged("g_eval", answer, SAMPLE, says("5", 0.99)._replace(text=answer))
    assert found.unscored and len(bodies) == 1


def completion(*tokens: tuple[str, dict[str, float]]) -> Completion:
    """Return a reply of these tokens, each with all that was likely in its place."""
    read = tuple(
        TokenLogprob(
            token=text,
            logprob=math.log(likely[text]) if text in likely else 0.0,
            top=tuple(Alternative(each, math.log(p)) for each, p in likely.items()),
        )
        for text, likely in tokens
    )
    return Completion(text="".join(each.token for each in read), logprobs=read)


HEAD: tuple[str, dict[str, float]] = ('{"score":', {})
END: tuple[str, dict[str, float]] = ("}", {"}": 1.0})
TEN = frozenset(map(str, range(1, 11)))
ROUND = frozenset(map(str, range(0, 101)))


@pytest.mark.parametrize(
    ("tokens", "ratings", "expected"),
    [
        # " 4" and "4" are one rating, also where the brace comes with it.
        ([HEAD, (" 4", {" 4": 0.5, "4": 0.2, " 4}": 0.1, "5}": 0.2}), END], TEN, {"4": 0.8, "5": 0.2}),
        # A token of the head that holds the beginning.
        (
            [('{"score', {}), ('": 7', {'": 7': 0.6, '": 8': 0.3, '":9': 0.1}), END],
            TEN,
            {"7": 0.6, "8": 0.3, "9": 0.1},
        ),
        # Ten as two tokens: what came after the one is told where it was written ...
        (
            [HEAD, ("1", {"1": 0.7, "8": 0.3}), ("0", {"0": 0.9, "}": 0.06, "5": 0.04}), END],
            TEN,
            {"1": 0.042, "8": 0.3, "10": 0.63},
        ),
        (
            [HEAD, ("1", {"1": 0.7, "8": 0.3}), ("}", {"}": 0.9, "0": 0.1})],
            TEN,
            {"1": 0.63, "8": 0.3, "10": 0.07},
        ),
        # ... and elsewhere it is not, so that its mass is not counted,
        ([HEAD, ("8", {"8": 0.8, "1": 0.2}), END], TEN, {"8": 0.8}),
        # unless the place shows that the tokenizer writes ten in one piece.
        ([HEAD, ("8", {"8": 0.7, "1": 0.1, "10": 0.2}), END], TEN, {"1": 0.1, "8": 0.7, "10": 0.2}),
        # A reply that ends after the one: nobody tells how likely that was.
        ([HEAD, ("1", {"1": 0.7, "8": 0.3})], TEN, {"8": 0.3}),
        # Three digits, one by one.
        (
            [HEAD, ("1", {"1": 1.0}), ("0", {"0": 0.5, "}": 0.5}), ("0", {"0": 0.4, "}": 0.6}), END],
            ROUND,
            {"1": 0.5, "10": 0.3, "100": 0.2},
        ),
        # Numbers off the scale, words, halves and what is very unlikely are no ratings.
        (
            [HEAD, ("3", {"3": 0.5, "77": 0.1, "three": 0.1, "4.5": 0.1, "-2": 0.1, '"': 0.1}), END],
            frozenset("12345"),
            {"3": 0.5},
        ),
        # Below zero, the sign as a token of its own.
        (
            [HEAD, ("-", {"-": 0.4, "0": 0.3, "1": 0.3}), ("1", {"1": 0.75, "2": 0.25}), END],
            frozenset({"-2", "-1", "0", "1", "2"}),
            {"-2": 0.1, "-1": 0.3, "0": 0.3, "1": 0.3},
        ),
    ],
)
def test_ratings_of_one_or_several_tokens_get_their_probability(
    tokens: list[tuple[str, dict[str, float]]], ratings: frozenset[str], expected: dict[str, float]
) -> None:
    reply = completion(*tokens)
    start = next(n for n, sign in enumerate(reply.text) if sign in "-0123456789")
    found = mass_at(reply, start, ratings)
    assert isinstance(found, Mass)
    assert found.by_rating == pytest.approx(expected)
    assert list(found.by_rating) == sorted(expected, key=float)
    assert found.mean == pytest.approx(
        sum(float(s) * p for s, p in expected.items()) / sum(expected.values())
    )


def test_an_end_of_text_after_the_reply_is_passed_over() -> None:
    reply = completion(HEAD, ("4", {"4": 1.0}), END, ("<|end|>", {"<|end|>": 1.0}))
    reply = reply.model_copy(update={"text": '{"score":4}'})
    found = mass_at(reply, 9, frozenset("12345"))
    assert isinstance(found, Mass) and found.by_rating == {"4": 1.0}


def test_options_that_make_no_sense_are_refused() -> None:
    still = Prompt.model_validate(
        {"messages": [{"role": "user", "content": "x"}], "parameters": {"temperature": 0}}
    )
    for options, told in (
        ({"scale": [5, 5]}, "must rise"),
        ({"prompt": still}, "temperature is 0"),
        ({"polls": 1}, "polls"),
        ({"least_mass": 1.5}, "least_mass"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"steps": []}, "steps"),
        ({"weights": "guess"}, "weights"),
    ):
        with pytest.raises(ValidationError, match=told):
            built("g_eval", **options)


def test_a_run_tells_mass_and_noise() -> None:
    scores = [Score.of(4.1, by="logprobs", mass=0.99), Score.of(3.9, by="logprobs", mass=0.93)]
    scores += [Score.of(4.5, by="sampling", votes=[4.0, 5.0]), Score.missing("unread")]
    assert built("g_eval").notes(scores) == (
        "2 of 3 scores by log-probabilities: the ratings cover 0.960 of the probability in the mean, "
        "0.930 at least",
        "1 of 3 scores by sampling",
        "judge noise: one poll varies by 0.707 (standard deviation), the mean of 2 by 0.5; "
        "polls differ on 1 of 1 answers",
    )


SET = """\
format = 1

[card]
description = "made for a test"

[metrics.quality]
metric = "g_eval"
polls = 3
steps = ["Read it.", "Rate it."]
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


def test_a_run_keeps_log_probabilities_samples_where_it_must_and_gives_both_again(folder: Folder) -> None:
    def replies(text: str) -> Said:
        return FOUR if "number 0" in text else says("2", 0.6)

    with serving(replies) as server:
        arguments = project(folder, server)
        dry = json.loads(folder.run(*arguments, "--dry-run", "--json", NEAR_KEY="k").stdout)["forecast"]
        [part] = [each for each in dry["parts"] if each["name"] == "quality"]
        assert part["calls"] == 2
        assert part["notes"][-1].startswith("quality: up to 3 calls a sample where its server tells no")
        done = json.loads(folder.run(*arguments, "--json", NEAR_KEY="k").stdout)
        assert len(server.bodies) == 1 + 3
        folder.run("record", "latest", "-o", "said.jsonl", NEAR_KEY="k")
    [figure] = [row for row in done["runs"][0]["estimates"] if row["slice"] is None]
    assert figure["value"] == pytest.approx((4.07 + 2) / 2)
    assert "1 of 2 scores by sampling" in folder.run("show", "latest").stdout
    assert folder.json("replay", "latest")["replay"]["outcome"] == "equal"
    folder.run(*arguments, "--cassette", "said.jsonl", "--no-cache", NEAR_KEY="")
    fresh = folder.json("show", "latest", "q000")["cases"][0]["result"]["scores"]["quality"]
    assert fresh["counts"] == [pytest.approx(4.07)] and fresh["evidence"]["by"] == "logprobs"
