"""A streamed answer put together again: the same body as if it had come in one piece, and when it began.

Server-sent events by the HTML standard (comments, any line ending, data over several lines), holding the
chunks of the chat API. What is put together is checked like any other answer.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

from pydantic import JsonValue

from promptops.errors import CallFailed
from promptops.providers._wording import masked, one_line

EVENT_STREAM = "text/event-stream"
ENDED_EARLY = "The server's stream ended before the answer did."
_END = re.compile(rb"\r\n|\n|\r")
_SAYS_SOMETHING = re.compile(rb'"(?:content|refusal|arguments)"\s*:\s*"[^"]')

Chunk = dict[str, JsonValue]


class FirstToken:
    """Takes bytes in as they come and remembers when the first piece of the answer was among them."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._last = b""

    def feed(self, arrived: bytes) -> None:
        """Look at what has just arrived."""
        if self.at is None:
            # A piece may lie across two arrivals.
            seen = self._last + arrived
            if _SAYS_SOMETHING.search(seen):
                self.at = time.monotonic()
            self._last = seen[-64:]


def whole_body(stream: bytes, key: str | None) -> bytes:
    """Return the body that the same answer would have in one piece.

    Raises CallFailed, malformed, where the stream is none or ends before the answer does.
    """
    answer: Chunk = {}
    message: Chunk = {"role": "assistant"}
    logprobs: Chunk = {}
    finish: JsonValue = None
    ended = False
    for data in _events(stream, key):
        if data == "[DONE]":
            ended = True
            break
        chunk = _chunk(data, key)
        if chunk.get("error"):
            return json.dumps({"error": chunk["error"]}).encode()
        answer |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for choice in _choices(chunk):
            _add(message, choice.get("delta"))
            _add_logprobs(logprobs, choice.get("logprobs"))
            finish = choice.get("finish_reason") or finish
    if not ended and finish is None:
        raise CallFailed("malformed", ENDED_EARLY, status=200)
    if len(message) == 1 and finish is None and not answer:
        return b""
    message.setdefault("content", None)
    answer |= {"object": "chat.completion"}
    whole: Chunk = {"index": 0, "message": message, "finish_reason": finish}
    answer["choices"] = [{**whole, "logprobs": logprobs} if logprobs else whole]
    return json.dumps(answer).encode()


def _events(stream: bytes, key: str | None) -> Iterator[str]:
    """Yield each event's data; comments and other fields are passed over."""
    try:
        text = [line.decode("utf-8") for line in _END.split(stream.removeprefix(b"\xef\xbb\xbf"))]
    except UnicodeDecodeError:
        raise CallFailed("malformed", "The server sent bytes that are no UTF-8.", status=200) from None
    lines: list[str] = []
    for line in [*text, ""]:
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value.removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines).strip()
            lines = []


def _chunk(data: str, key: str | None) -> Chunk:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        told = one_line(masked(data[:4000], key), 100)
        raise CallFailed("malformed", f"The server streamed what is no JSON object: {told}", status=200)
    return found


def _choices(chunk: Chunk) -> list[Chunk]:
    choices = chunk.get("choices")
    found = choices if isinstance(choices, list) else []
    return [each for each in found if isinstance(each, dict) and each.get("index", 0) == 0]


def _add(message: Chunk, delta: JsonValue) -> None:
    """Append what a chunk adds to the message: pieces of text, of a refusal, of tool calls."""
    if not isinstance(delta, dict):
        return
    for name in ("content", "refusal"):
        piece = delta.get(name)
        if isinstance(piece, str):
            before = message.get(name)
            message[name] = (before if isinstance(before, str) else "") + piece
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        if isinstance(call, dict):
            _add_call(message, call)


def _add_logprobs(logprobs: Chunk, more: JsonValue) -> None:
    """Append the log-probabilities of a chunk's tokens; what is no list is kept to be told of."""
    found = more.get("content") if isinstance(more, dict) else more
    before = logprobs.setdefault("content", []) if found is not None else None
    if isinstance(before, list) and isinstance(found, list):
        before.extend(found)
    elif found is not None:
        logprobs["content"] = "unreadable"


def _add_call(message: Chunk, call: Chunk) -> None:
    calls = message.setdefault("tool_calls", [])
    number = call.get("index", 0)
    if not isinstance(calls, list) or isinstance(number, bool) or not isinstance(number, int):
        return
    if not 0 <= number <= len(calls) or number > 1000:
        raise CallFailed("malformed", "The server streamed tool calls out of their order.", status=200)
    if number == len(calls):
        calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
    whole, piece = calls[number], call.get("function")
    function = whole.get("function") if isinstance(whole, dict) else None
    if isinstance(function, dict) and isinstance(piece, dict):
        for name in ("name", "arguments"):
            if isinstance(piece.get(name), str):
                function[name] = f"{function.get(name) or ''}{piece[name]}"
