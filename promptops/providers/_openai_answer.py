"""Whether a 200 is an answer: the body of a chat completion, checked field by field.

A proxy's login page, an error in disguise or half an answer arrives with status 200 as well, and
none of them may become an output that is scored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NoReturn

from pydantic import JsonValue
from pydantic_core import to_json

from promptops.canonical import canonical_json
from promptops.errors import CallFailed
from promptops.providers import ProviderSettings
from promptops.providers._openai_errors import error_in_answer
from promptops.providers._openai_logprobs import logprobs_of
from promptops.providers._wording import masked, one_line, storable
from promptops.types import Completion, FinishReason

RAW_BYTES = 64_000

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_PLAIN_TYPES = ("", "application/json", "text/json", "text/plain", "application/octet-stream")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Made once: json.loads and json.dumps with options would make one for every answer.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(allow_nan=False)


def completion_of(
    body: bytes,
    status: int,
    headers: Mapping[str, str],
    *,
    key: str | None,
    settings: ProviderSettings,
    seconds: float,
    logprobs: bool = True,
) -> Completion:
    """Turn a body into a Completion. Raises CallFailed: malformed, filtered or what an error in it says.

    `logprobs` is whether log-probabilities were asked for; else they are left out.
    """
    answer, replaced = parsed(body, headers, key)
    if answer.get("error"):
        raise error_in_answer(answer["error"], status, headers, key)
    choice = _first_choice(answer)
    text, finish = _text(choice, key)
    tokens_in, tokens_out = _usage(answer)
    model, request_id = answer.get("model"), headers.get("x-request-id")
    told, unread = logprobs_of(choice, key) if logprobs else ((), None)
    return Completion(
        text=text,
        finish_reason=finish,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        seconds=seconds,
        cost=_cost(tokens_in, tokens_out, _cached_tokens(answer), settings),
        model=_named(masked(model, key)) if isinstance(model, str) else None,
        request_id=one_line(masked(request_id, key)) if request_id else None,
        logprobs=told,
        raw=_raw(answer, replaced, unread, key),
    )


@lru_cache(maxsize=64)
def _named(model: str) -> str:
    return one_line(model)  # the same in every answer, mostly


def parsed(body: bytes, headers: Mapping[str, str], key: str | None) -> tuple[dict[str, JsonValue], bool]:
    """Return a body's JSON object, and whether it held halves of characters. Raises CallFailed."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PLAIN_TYPES and not kind.endswith("+json"):
        _malformed(f"sent {one_line(kind, 60)!r} where JSON belongs", body, key)
    if not body.strip():
        _malformed("sent an empty body", b"", key)
    try:
        source = masked(body.decode("utf-8"), key)
        answer = _DECODER.decode(source)
    except UnicodeDecodeError:
        _malformed("sent bytes that are no UTF-8", b"", key)
    except RecursionError:
        _malformed("sent JSON that is nested too deeply", b"", key)
    except ValueError as error:
        _malformed(f"sent no valid JSON ({one_line(str(error), 80)})", body, key)
    if not isinstance(answer, dict):
        _malformed("sent JSON that is no object", body, key)
    if _SURROGATE_ESCAPE.search(source) is None:
        return answer, False
    cleaned = _cleaned(answer)
    return cleaned, cleaned != answer


def _cleaned(value: JsonValue) -> dict[str, JsonValue]:
    # The standard parser is as deep as the stack allows, and so is this walk: no answer is that deep.
    def walk(item: JsonValue) -> JsonValue:
        if isinstance(item, str):
            return storable(item)
        if isinstance(item, list):
            return [walk(part) for part in item]
        if isinstance(item, dict):
            return {storable(name): walk(part) for name, part in item.items()}
        return item

    try:
        cleaned = walk(value)
    except RecursionError:
        _malformed("sent JSON that is nested too deeply", b"", None)
    return cleaned if isinstance(cleaned, dict) else {}


def _first_choice(answer: dict[str, JsonValue]) -> dict[str, JsonValue]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        _malformed("sent an answer without choices", b"", None)
    if not isinstance(choices[0].get("message"), dict):
        _malformed("sent a choice without a message", b"", None)
    return choices[0]


def _text(choice: dict[str, JsonValue], key: str | None) -> tuple[str, FinishReason]:
    message, reason = choice["message"], choice.get("finish_reason")
    if reason == "content_filter":
        raise CallFailed("filtered", "The server's content filter held the answer back.", status=200)
    if not isinstance(message, dict):
        _malformed("sent a choice without a message", b"", None)
    finish = _FINISH.get(reason, "other") if isinstance(reason, str) else "other"
    content = _content(message.get("content"))
    refused = message.get("refusal")
    if isinstance(refused, str) and refused:
        content, finish = content or refused, "refusal"
    calls = message.get("tool_calls")
    if not content and isinstance(calls, list) and calls:
        content, finish = _calls_as_text(calls), "tool_calls"
    if content is None and finish == "length":
        content = ""  # all tokens went into thinking; that is an answer, and it is marked as cut
    if content is None:
        _malformed("sent a message without content", b"", None)
    return masked(content, key), finish


def _content(content: JsonValue) -> str | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        _malformed("sent content that is neither text nor a list of parts", b"", None)
    texts = []
    for part in content:
        text = (
            part.get("text") if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS else None
        )
        if not isinstance(text, str):
            _malformed("sent a part of the content that is no text", b"", None)
        texts.append(text)
    return "".join(texts)


_TEXT_PARTS = ("text", "output_text")


def _calls_as_text(calls: list[JsonValue]) -> str:
    functions = [call.get("function") if isinstance(call, dict) else None for call in calls]
    try:
        return canonical_json(functions)
    except ValueError:
        _malformed("sent tool calls that are no JSON", b"", None)


def _usage(answer: dict[str, JsonValue]) -> tuple[int | None, int | None]:
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None, None
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: JsonValue) -> int | None:
    # The store keeps 64 bits; a count beyond any context window is as good as none.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        return None
    return value


def _cached_tokens(answer: dict[str, JsonValue]) -> int:
    """Return how many of the tokens read are billed as cached, as far as the usage tells."""
    usage = answer.get("usage")
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    return (_count(details.get("cached_tokens")) if isinstance(details, dict) else None) or 0


def _cost(
    tokens_in: int | None, tokens_out: int | None, cached: int, settings: ProviderSettings
) -> float | None:
    if tokens_in is None or tokens_out is None or settings.price_in is None or settings.price_out is None:
        return None
    # Without a price of their own, or more than were read in all, they are counted as the others.
    price_cached = settings.price_in if settings.price_cached_in is None else settings.price_cached_in
    again = cached if cached <= tokens_in else 0
    read = (tokens_in - again) * settings.price_in + again * price_cached
    return (read + tokens_out * settings.price_out) / 1_000_000


def _raw(answer: dict[str, JsonValue], replaced: bool, unread: str | None, key: str | None) -> JsonValue:
    """Return what else the server said: not the text, and not the log-probabilities, which are kept apart."""
    raw: dict[str, JsonValue] = {name: value for name, value in answer.items() if name != "choices"}
    choices = answer["choices"]
    raw["choices"] = [
        {name: value for name, value in choice.items() if name not in {"message", "logprobs"}}
        if isinstance(choice, dict)
        else choice
        for choice in (choices if isinstance(choices, list) else [])
    ]
    if replaced:
        raw["replaced_lone_surrogates"] = True
    if unread is not None:
        raw["unread_logprobs"] = unread
    text = _spelled(raw)
    if text is None:
        return None
    # An escaped echo of the key is seen only now, after parsing; such a record isn't worth keeping.
    return raw if len(text) <= RAW_BYTES and masked(text, key) == text else None


def _spelled(raw: dict[str, JsonValue]) -> str | None:
    """Return a record as JSON; None where it is none: 1e999 is valid JSON, and an infinity to Python."""
    try:
        fast = to_json(raw, inf_nan_mode="constants")
        if fast.isascii() and b"Infinity" not in fast:
            return fast.decode("ascii")
        return _ENCODER.encode(raw)
    except (ValueError, RecursionError):
        return None


def _malformed(what: str, body: bytes, key: str | None) -> NoReturn:
    start = one_line(masked(body[:4000].decode("utf-8", "replace"), key), 100)
    raise CallFailed("malformed", f"The server {what}{f': {start}' if start else '.'}", status=200) from None
