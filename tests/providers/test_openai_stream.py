"""Streamed answers over real sockets: put together again, checked as any other, timed to the first token."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops import Project
from promptops.errors import CallFailed
from promptops.metrics.ttft import Ttft
from promptops.providers._openai_stream import FirstToken, whole_body
from promptops.types import Completion, Sample
from tests.made import EVALSET, PATIENCE, Folder, questions
from tests.providers import fault_server
from tests.providers.fault_server import KEY, Asked, Play, Writer, completion, http, says
from tests.providers.in_thread import serving
from tests.providers.test_openai import DEADLINE, answer_of, failure_of
from tests.runs.test_faulty_runs import project_at

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Connection: close\r\nx-request-id: req-9\r\n"
)
TWO_LINES = b'event: message\nid: 4\ndata: {"choices": [{"index": 0,\ndata:  "delta": {"content": "b"}}]}\n\n'


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk as the chat API streams it."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "served", "choices": choices, **more}


def event(found: object, end: str = "\n") -> bytes:
    return f"data: {found if isinstance(found, str) else json.dumps(found)}{end}{end}".encode()


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
START, STOP, DONE = chunk({"role": "assistant", "content": ""}), chunk({}, "stop"), "[DONE]"
TELLS = chunk(None, usage=USAGE)


def streams(*parts: object, end: str = "\n") -> Play:
    """Play a stream of events; a number is a pause in seconds, bytes are sent as they are."""

    async def play(writer: Writer, asked: Asked) -> bool:
        writer.write(HEAD + b"\r\n")
        for part in parts:
            if isinstance(part, float):
                await writer.drain()
                await asyncio.sleep(part)
            else:
                writer.write(part if isinstance(part, bytes) else event(part, end))
        await writer.drain()
        return False

    return play


GOOD: dict[str, tuple[Play, dict[str, Any]]] = {
    "plain": (
        streams(START, chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP, TELLS, DONE),
        {"text": "Hello", "tokens_in": 7, "tokens_out": 3, "finish_reason": "stop", "request_id": "req-9"},
    ),
    "returns and comments": (
        streams(b": hi\r\n\r\n", START, b": still here\r\n", chunk({"content": "a"}), STOP, DONE, end="\r\n"),
        {"text": "a", "tokens_in": None, "tokens_out": None, "cost": None},
    ),
    "old line ends": (streams(START, chunk({"content": "a"}), STOP, DONE, end="\r"), {"text": "a"}),
    "data over lines": (
        streams(
            START,
            TWO_LINES,
            STOP,
        ),
        {"text": "b"},
    ),
    "no done": (streams(START, chunk({"content": "a"}), STOP), {"text": "a", "finish_reason": "stop"}),
    "no finish": (streams(START, chunk({"content": "a"}), DONE), {"text": "a", "finish_reason": "other"}),
    "cut off": (streams(START, chunk({"content": "a"}, "length"), DONE), {"finish_reason": "length"}),
    "thinking only": (streams(START, chunk({}, "length"), DONE), {"text": "", "finish_reason": "length"}),
    "refusal": (
        streams(START, chunk({"refusal": "I "}), chunk({"refusal": "won't."}), STOP, DONE),
        {"text": "I won't.", "finish_reason": "refusal"},
    ),
    "tools": (
        streams(
            chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
            chunk({}, "tool_calls"),
            DONE,
        ),
        {"text": '[{"arguments":"{\\"a\\":1}","name":"f"}]', "finish_reason": "tool_calls"},
    ),
    "usage in every chunk": (
        streams({**START, "usage": None}, {**chunk({"content": "a"}), "usage": None}, STOP, TELLS, DONE),
        {"text": "a", "tokens_in": 7},
    ),
    "two choices": (
        streams(START, chunk({"content": "a"}), {"choices": [{"index": 1, "delta": {"content": "x"}}]}, STOP),
        {"text": "a"},
    ),
    "the key": (
        streams(START, chunk({"content": f"{KEY[:9]}"}), chunk({"content": KEY[9:]}), STOP),
        {"text": "[key]"},
    ),
    "one piece after all": (
        says(http(200, json.dumps(completion("whole")).encode())),
        {"text": "whole", "ttft": None},
    ),
    "letters beyond": (
        streams(START, chunk({"content": "\u00fc\U0001f600"}), STOP),
        {"text": "\u00fc\U0001f600"},
    ),
}


@pytest.mark.parametrize("play", GOOD)
def test_a_stream_is_put_together(play: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played, fields = GOOD[play]
    monkeypatch.setitem(fault_server.PLAYS, "streamed", played)
    found = answer_of("streamed", stream=True, price_in=1.0, price_out=2.0).model_dump()
    assert {name: found[name] for name in fields} == fields
    if found["ttft"] is not None:
        assert 0 <= found["ttft"] <= found["seconds"]


BAD: dict[str, tuple[Play, str]] = {
    "ends early": (streams(START, chunk({"content": "half an ans"})), "malformed"),
    "nothing": (streams(), "malformed"),
    "only done": (streams(DONE), "malformed"),
    "no json": (streams(START, "{oops", STOP), "malformed"),
    "a list": (streams([1, 2]), "malformed"),
    "no utf-8": (streams(START, b'data: {"choices": "\xff"}\n\n', STOP), "malformed"),
    "an error in it": (streams(START, {"error": {"message": "overloaded"}}), "server"),
    "quota in it": (streams({"error": {"code": "insufficient_quota", "message": "none left"}}), "quota"),
    "a limit in it": (streams({"error": {"code": 429, "message": "slow down"}}), "rate_limited"),
    "filtered": (streams(START, chunk({"content": "a"}, "content_filter"), DONE), "filtered"),
    "tools out of order": (streams(chunk({"tool_calls": [{"index": 7, "function": {}}]}), STOP), "malformed"),
    "drips for ever": (streams(START, *([chunk({"content": "a"}), 0.05] * 40), STOP), "timeout"),
    "hangs": (streams(START, chunk({"content": "a"}), 3.0, STOP), "timeout"),
    "endless": (streams(START, *[chunk({"content": "x" * 60_000})] * 30, STOP), "too_large"),
    "a web page": (says(http(200, b"<html>", kind="text/html")), "malformed"),
    "deep": (streams("[" * 100_000), "malformed"),
}


@pytest.mark.parametrize("play", BAD)
def test_what_is_no_answer_is_told_by_its_class(play: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played, kind = BAD[play]
    monkeypatch.setitem(fault_server.PLAYS, "streamed", played)
    failure = failure_of("streamed", stream=True, timeout=DEADLINE if kind == "timeout" else PATIENCE)
    assert failure.kind == kind
    assert KEY not in str(failure)


@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_in_parts_that_is_cut_off_is_told_in_plain_words(
    streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = event(chunk({"content": "half an ans"}))
    cut = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(part):x}\r\n".encode() + part + b"\r\n"
    monkeypatch.setitem(fault_server.PLAYS, "streamed", says(cut, then_close=True))
    failure = failure_of("streamed", stream=streamed)
    told = "stream ended before the answer" if streamed else "connection ended before the whole answer"
    assert failure.kind == ("malformed" if streamed else "connection")
    assert told in str(failure) and "400" not in str(failure)


def test_a_packed_stream_is_read_though_its_first_token_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = gzip.compress(b"".join(map(event, (START, chunk({"content": "packed"}), STOP, DONE))))
    monkeypatch.setitem(
        fault_server.PLAYS,
        "streamed",
        says(http(200, body, "Content-Encoding: gzip", kind="text/event-stream")),
    )
    found = answer_of("streamed", stream=True)
    assert (found.text, found.ttft) == ("packed", None)


def test_the_first_token_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = streams(START, 0.15, chunk({"content": "a"}), 0.15, chunk({"content": "b"}), STOP, DONE)
    monkeypatch.setitem(fault_server.PLAYS, "streamed", waits)
    found = answer_of("streamed", stream=True, timeout=5.0)
    assert found.ttft is not None and found.seconds is not None
    assert 0.15 <= found.ttft <= found.seconds - 0.1


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.lists(st.integers(1, 40), max_size=8)
)
def test_whatever_the_pieces_the_text_is_the_same(text: str, cuts: list[int]) -> None:
    """Content in any pieces, arriving in any pieces."""
    pieces, rest = [], text
    for cut in cuts:
        pieces, rest = [*pieces, rest[:cut]], rest[cut:]
    chunks = [START, *(chunk({"content": piece}) for piece in [*pieces, rest]), STOP, DONE]
    stream = b"".join(map(event, chunks))
    first = FirstToken()
    for at in range(0, len(stream), 7):
        first.feed(stream[at : at + 7])
    assert json.loads(whole_body(stream, None))["choices"][0]["message"]["content"] == text
    assert (first.at is not None) == bool(text)


def test_a_run_measures_the_first_token_and_unstreamed_answers_are_unscored(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULTY_KEY", KEY)
    asked: list[Asked] = []

    async def echo(writer: Writer, body: Asked) -> bool:
        asked.append(body)
        text = str(body["messages"][-1]["content"])
        return await streams(START, chunk({"content": text}), STOP, TELLS, DONE)(writer, body)

    monkeypatch.setitem(fault_server.PLAYS, "streamed", echo)
    with serving() as server:
        project_at(folder, server.url, 12, attempts=1, extra="stream = true\n")
        folder.evalset("numbers", questions(12), EVALSET + "[metrics.ttft]\n")
        with Project.open(folder.path) as project:
            run = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["faulty/streamed"])[0]
            figures = project.figures(run.id)
            path = project.accept(run.id)
            plain = project.evaluate("numbers", [folder.path / "ask.prompt.yaml"], ["mock/echo"])[0]
            unscored = next(each for each in project.estimates(plain.id) if each.label == "ttft")
    assert figures["exact"] == 1.0 and figures["ttft"] is not None and 0 < figures["ttft"] < 1
    assert all(body["stream"] and body["stream_options"] == {"include_usage": True} for body in asked)
    assert (unscored.value, unscored.unscored) == (None, 12)
    assert '"ttft": ' not in path.read_text() and '"ttft":{' not in path.read_text()


def test_a_time_that_is_not_known_is_no_zero() -> None:
    assert Ttft().score(Completion(text="a"), Sample(id="a", inputs={})).unscored


def test_the_parameter_still_can_t_be_given_by_a_prompt() -> None:
    with pytest.raises(CallFailed, match="stream = true"):
        answer_of("ok", body={"stream": True})
