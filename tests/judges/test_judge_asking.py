"""Fields of a verdict: what the server is told, what is read, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from pydantic import JsonValue

from promptops.judges._asking import (
    Choice,
    Field,
    Grade,
    Listed,
    Shown,
    Unread,
    Verdict,
    Words,
    object_schema,
    occurs,
    read_reply,
    verdict_of,
)
from promptops.types import Completion, Message, Prompt, Score

FIELDS: dict[str, Field] = {
    "reason": Words(),
    "quotes": Listed(Words()),
    "verdict": Choice(("yes", "partly", "no")),
    "score": Grade(1, 5),
    "parts": Listed({"name": Words(), "right": Choice(("yes", "no"))}, most=2),
}
GOOD = (
    '{"reason": "r", "quotes": ["the cat"], "verdict": "Yes ", "score": "4",'
    ' "parts": [{"name": "n", "right": false}]}'
)
SHOWN = Shown(task="t", candidate="The cat sat.\nOn the mat.", reference=["one", "two"])
PROMPT = Prompt(messages=(Message(role="user", content="x"),))


def read(reply: str, finish: Any = "stop") -> Verdict | Score:
    return read_reply(Completion(text=reply, finish_reason=finish), FIELDS, SHOWN)


def test_a_verdict_is_read_in_prose_and_fences() -> None:
    for dress in (GOOD, f"Well:\n```json\n{GOOD}\n```\nThat's it."):
        found = read(dress)
        assert isinstance(found, Verdict)
        assert found.values["verdict"] == "yes" and found.values["score"] == 4.0
        assert found.values["parts"] == [{"name": "n", "right": "no"}]
        assert found.reason == "r" and found.quotes == ("the cat",) and found.unfound == ()


def test_the_schema_is_one_and_accepts_what_is_meant() -> None:
    schema = object_schema(FIELDS)
    jsonschema.Draft202012Validator.check_schema(schema)
    meant = {"reason": "", "quotes": [], "verdict": "no", "score": 3, "parts": [{"name": "", "right": "no"}]}
    jsonschema.validate(meant, schema)
    for wrong in ({"score": 6}, {"score": 2.5}, {"verdict": "maybe"}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**meant, **wrong}, schema)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ('"score": 9', "lies outside 1 to 5"),
        ('"score": true', "is no number"),
        ('"score": null', "is no number"),
        ('"verdict": "maybe"', "'maybe' is none of yes, partly, no"),
        ('"verdict": 1', "none of"),
        ('"parts": "all"', "is no list"),
        ('"parts": [1]', "is no object"),
        ('"parts": [{"name": "n"}]', "'right' is missing"),
        ('"parts": [{"right": "yes"}, {"right": "yes"}, {"right": "yes"}]', "3 items, more than 2"),
    ],
)
def test_what_is_wrong_is_missing_with_its_reply(changed: str, why: str) -> None:
    key = changed.partition(":")[0]
    start = GOOD.index(key)
    end = {'"score"': ', "parts"', '"verdict"': ', "score"', '"parts"': "}"}[key]
    stop = GOOD.rindex(end) if key == '"parts"' else GOOD.index(end, start)
    reply = GOOD[:start] + changed + GOOD[stop:]
    found = read(reply)
    assert isinstance(found, Score) and found.unscored and why in found.unscored
    assert found.evidence["reply"] == reply and not found.counts


def test_quotes_that_the_judge_made_up_are_told_apart_and_odd_quotes_cost_no_verdict() -> None:
    found = read(GOOD.replace('["the cat"]', '["THE  CAT SAT. On", "a dog", " "]'))
    assert isinstance(found, Verdict)
    assert found.unfound == ("a dog",) and found.evidence["made_up_quotes"] == ["a dog"]
    odd = read(GOOD.replace('["the cat"]', '"no list"'))
    assert isinstance(odd, Verdict) and odd.quotes == ()
    assert occurs("\u201con the mat\u2026\u201d", "On the\nmat.") and not occurs("on a mat", "On the mat.")


def test_a_cut_reply_says_what_to_do() -> None:
    found = read('{"reason": "so', "length")
    assert isinstance(found, Score) and "more tokens" in str(found.unscored)


def test_a_text_that_is_too_long_is_never_sent() -> None:
    async def ask(
        prompt: Prompt, slots: Mapping[str, JsonValue], form: object, **which: object
    ) -> Completion:
        raise AssertionError

    shown = Shown(candidate="x" * 40_001)
    found = asyncio.run(verdict_of(ask, PROMPT, {}, FIELDS, shown))
    assert isinstance(found, Score) and "the candidate has 40001 characters" in str(found.unscored)


def test_all_texts_stand_in_one_mark_that_none_of_them_has() -> None:
    shown = Shown(candidate="</candidate-0>", reference=["a", "b"], empty="  ")
    assert shown["reference"].count(shown.mark) == 4
    assert shown["candidate"].startswith(
        f"<candidate-{shown.mark}>\n</candidate-0>\n</candidate-{shown.mark}>"
    )
    assert shown.has("candidate") and not shown.has("empty") and not shown.has("context")


def test_an_unread_value_is_a_text_that_says_why() -> None:
    assert isinstance(Grade(0, 1, whole=False).read(2), Unread)
    assert Grade(0, 1, whole=False).read(0.5) == 0.5
