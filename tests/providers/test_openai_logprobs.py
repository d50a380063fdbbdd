"""Log-probabilities as OpenAI documents them, over real sockets: read, checked, bounded, and kept once."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest

from promptops.providers import _openai_logprobs
from promptops.providers._openai_logprobs import logprobs_of
from promptops.store.encoding import noun_from, noun_text
from promptops.types import Alternative, Completion, TokenLogprob
from tests.made import EVALSET, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Play, answers, completion, http, says
from tests.providers.test_openai import asked, failure_of, request
from tests.providers.test_openai_stream import DONE, STOP, chunk, streams


def token(text: str, logprob: object = -0.5, top: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return one token as the API sends it."""
    return {
        "token": text,
        "logprob": logprob,
        "bytes": list(text.encode()),
        "top_logprobs": [{"token": text, "logprob": logprob, "bytes": list(text.encode())}]
        if top is None
        else top,
        **more,
    }


def read(play: Play, monkeypatch: pytest.MonkeyPatch, *, wanted: bool = True, **settings: Any) -> Completion:
    async def ask() -> tuple[Completion, dict[str, Any]]:
        async with asked("told", **settings) as (model, server):
            parameters = {"logprobs": True, "top_logprobs": 2} if wanted else {}
            return await model.generate(request(parameters=parameters)), server.last_body

    monkeypatch.setitem(fault_server.PLAYS, "told", play)
    found, body = asyncio.run(ask())
    assert body.get("logprobs", False) is wanted and body.get("top_logprobs") == (2 if wanted else None)
    return found


HELLO = {
    "content": [
        token("Hel", -0.25, [{"token": "Hel", "logprob": -0.25}, {"token": "Good", "logprob": -1.75}]),
        token("lo", -9999.0, [{"token": "p", "logprob": -1e-9}, {"token": "lo", "logprob": -3.4028e38}]),
    ],
    "refusal": None,
}
READ = (
    TokenLogprob(token="Hel", logprob=-0.25, top=(Alternative("Hel", -0.25), Alternative("Good", -1.75))),
    TokenLogprob(token="lo", logprob=None, top=(Alternative("p", -1e-9), Alternative("lo", None))),
)


def test_tokens_alternatives_and_what_is_very_unlikely_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(answers(completion("Hello", logprobs=HELLO)), monkeypatch)
    assert found.text == "Hello" and found.logprobs == READ
    assert isinstance(found.raw, dict) and found.raw["choices"] == [{"index": 0, "finish_reason": "stop"}]


def test_a_stream_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ({"content": [each]} for each in HELLO["content"])  # type: ignore[union-attr]
    pieces = [chunk({"content": "Hel"}), chunk({"content": "lo"})]
    for piece, told in zip(pieces, (first, second), strict=True):
        piece["choices"][0]["logprobs"] = told
    start = chunk({"role": "assistant", "content": ""})
    start["choices"][0]["logprobs"] = None
    found = read(streams(start, *pieces, STOP, DONE), monkeypatch, stream=True)
    assert found.text == "Hello" and found.logprobs == READ


def test_a_stream_with_something_else_in_between_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    piece, other = chunk({"content": "Hel"}), chunk({"content": "lo"})
    piece["choices"][0]["logprobs"] = {"content": HELLO["content"][:1]}  # type: ignore[index]
    other["choices"][0]["logprobs"] = {"content": "secret"}
    found = read(streams(piece, other, STOP, DONE), monkeypatch, stream=True)
    assert found.text == "Hello" and found.logprobs == ()
    assert isinstance(found.raw, dict) and found.raw["unread_logprobs"] == "they are no list of tokens"


def test_they_are_kept_only_where_they_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(answers(completion("Hello", logprobs=HELLO)), monkeypatch, wanted=False)
    assert found.text == "Hello" and found.logprobs == ()
    assert "logprobs" not in json.dumps(found.raw)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, None),
        ({"content": None}, None),
        ({"content": []}, None),
        ({"refusal": [token("I")]}, None),
        ({"tokens": ["a"], "token_logprobs": [-0.5]}, None),
        ("yes", "they are no list of tokens"),
        ({"content": {"token": "a"}}, "they are no list of tokens"),
        ({"content": ["a"]}, "token 1 is no object"),
        ({"content": [token("a"), {"logprob": -1}]}, "token 2 has no text"),
        ({"content": [token("a", "-0.5", [])]}, "token 1 has the log-probability '-0.5'"),
        ({"content": [token("a", True, [])]}, "token 1 has the log-probability 'True'"),
        ({"content": [token("a", 0.7, [])]}, "token 1 has the log-probability 0.7, which is above 0"),
        ({"content": [token("a", -1, [{"token": 5}])]}, "token 1 has an alternative that has no text"),
        ({"content": [token("a", -1, ["a"])]}, "token 1 has an alternative that is no object"),
        ({"content": [token(KEY[:8]), token(KEY[8:])]}, "their tokens spell the key"),
    ],
)
def test_what_cant_be_read_is_left_out_as_a_whole_and_told(
    told: object, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(answers(completion("Hello", logprobs=told)), monkeypatch)
    assert found.text == "Hello" and found.logprobs == ()
    assert isinstance(found.raw, dict) and found.raw.get("unread_logprobs") == why


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (None, None),
        (-1, -1.0),
        (0, 0.0),
        (-0.0, 0.0),
        (1e-7, 0.0),
        (-9998.5, -9998.5),
        (-9999, None),
        (-math.inf, None),
    ],
)
def test_a_log_probability_is_at_most_0_or_told_as_very_unlikely(told: object, kept: float | None) -> None:
    (found,), why = logprobs_of({"logprobs": {"content": [token("a", told, [])]}}, None)
    assert found.logprob == kept and why is None


def test_no_json_is_no_answer_whatever_it_says_of_log_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(completion("a", logprobs={"content": [token("a", -math.inf)]})).encode()
    assert b"-Infinity" in body
    monkeypatch.setitem(fault_server.PLAYS, "infinite_logprob", says(http(200, body)))
    assert failure_of("infinite_logprob").kind == "malformed"


def test_bytes_are_kept_of_parts_of_characters_only() -> None:
    halves = [
        {"token": "\\xf0\\x9f", "logprob": -0.1, "bytes": [0xF0, 0x9F]},
        {"token": "\\x98\\x80", "logprob": -0.2, "bytes": [0x98, 0x80]},
        {"token": "a", "logprob": -0.2, "bytes": [97]},
        {"token": "b", "logprob": -0.2, "bytes": None},
        {"token": "c", "logprob": -0.2, "bytes": [999]},
    ]
    found, _ = logprobs_of({"logprobs": {"content": halves}}, None)
    assert [each.bytes for each in found] == [(0xF0, 0x9F), (0x98, 0x80), None, None, None]


def test_a_long_answer_keeps_its_own_tokens_and_a_longer_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openai_logprobs, "NUMBERS", 6)
    small, _ = logprobs_of({"logprobs": {"content": [token("a")] * 3}}, None)
    large, _ = logprobs_of({"logprobs": {"content": [token("a")] * 4}}, None)
    too_large, why = logprobs_of({"logprobs": {"content": [token("a")] * 7}}, None)
    assert [len(each.top) for each in small] == [1, 1, 1]
    assert [len(each.top) for each in large] == [0, 0, 0, 0]
    assert too_large == () and why == "they are of 7 tokens, more than are kept"


def test_they_come_back_from_the_store_as_they_were_and_old_rows_are_read_as_before() -> None:
    found = Completion(text="Hello", logprobs=READ)
    assert noun_from(Completion, noun_text(found)) == found
    old = {"text": "Hello", "raw": {"choices": [{"logprobs": HELLO}]}}
    assert noun_from(Completion, json.dumps(old)).model_dump(exclude_defaults=True) == old


def test_a_mock_tells_what_its_script_says_where_it_is_asked(folder: Folder) -> None:
    step = {"text": "Hello", "logprobs": [{"token": "Hello", "logprob": -0.5, "top": [["Hello", -0.5]]}]}
    folder.write("script.json", json.dumps({"*": step}))
    folder.evalset("numbers", questions(2), EVALSET)
    wanted = "messages:\n  - {role: user, content: '{{ question }}'}\nparameters: {logprobs: true}\n"
    folder.write("told.prompt.yaml", wanted)
    folder.prompt("plain", "{{ question }}")
    seen = {}
    for prompt in ("told", "plain"):
        folder.run("eval", "numbers", "-p", f"{prompt}.prompt.yaml", "-m", "mock/script:script.json")
        [case] = folder.json("show", "latest", "q000")["cases"]
        seen[prompt] = case["result"]["completion"]["logprobs"]
    assert seen["plain"] == []
    assert seen["told"] == [{"token": "Hello", "logprob": -0.5, "bytes": None, "top": [["Hello", -0.5]]}]
