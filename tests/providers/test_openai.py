"""The client of the chat API against a real server that plays faults over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from promptops.canonical import canonical_json
from promptops.errors import CallFailed, SettingsError, UsageError
from promptops.providers import ProviderSettings
from promptops.providers._openai_errors import refusal
from promptops.providers.openai import OpenAI
from promptops.types import Completion, Message, Request
from tests.made import PATIENCE
from tests.providers import fault_server
from tests.providers.fault_server import KEY, FaultServer

DEADLINE = 0.4
"""Seconds, of calls that hang for ever; what answers has far longer, for the machine may be busy."""
ROOT = Path()


def request(text: str = "Hello", **more: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), **more)


def model_at(server: FaultServer, model: str, **settings: Any) -> OpenAI:
    given = {"base_url": server.url, "timeout": PATIENCE, "max_bytes": 1_000_000, **settings}
    return OpenAI(model, ProviderSettings(api_key_env="MODEL_KEY", **given), {"MODEL_KEY": KEY}, ROOT)


@asynccontextmanager
async def asked(name: str, **settings: Any) -> AsyncIterator[tuple[OpenAI, FaultServer]]:
    async with fault_server.running() as server:
        model = model_at(server, name, **settings)
        try:
            yield model, server
        finally:
            await model.close()


def answer_of(name: str, **settings: Any) -> Completion:
    async def ask() -> Completion:
        async with asked(name, **settings) as (model, _):
            return await model.generate(request())

    return asyncio.run(ask())


def failure_of(name: str, **settings: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        answer_of(name, **settings)
    return caught.value


FAILURES = {
    "html": "malformed",
    "html_as_json": "malformed",
    "json_as_html": "malformed",
    "event_stream": "malformed",
    "error_in_200": "server",
    "error_text_in_200": "server",
    "quota_in_200": "quota",
    "error_code_in_200": "rate_limited",
    "no_choices": "malformed",
    "empty_choices": "malformed",
    "choices_no_list": "malformed",
    "choice_no_object": "malformed",
    "no_message": "malformed",
    "null_content": "malformed",
    "number_content": "malformed",
    "image_content": "malformed",
    "array": "malformed",
    "truncated": "malformed",
    "bad_utf8": "malformed",
    "empty_body": "malformed",
    "no_content_204": "malformed",
    "nan": "malformed",
    "deep": "malformed",
    "long_number": "malformed",
    "hang": "timeout",
    "hang_after_head": "timeout",
    "drip": "timeout",
    "drip_head": "timeout",
    "huge": "too_large",
    "huge_chunked": "too_large",
    "endless": "too_large",
    "endless_refusal": "server",
    "gzip_bomb": "too_large",
    "gzip_broken": "malformed",
    "gzip_cut": "malformed",
    "brotli": "malformed",
    "length_too_long": "connection",
    "length_too_short": "connection",
    "garbage": "connection",
    "long_header": "connection",
    "reset": "connection",
    "reset_in_body": "connection",
    "close_at_once": "connection",
    "redirect": "rejected",
    "redirect_307": "rejected",
    "echo_key_refused": "auth",
    "echo_key_garbage": "malformed",
    "filtered": "filtered",
    "filtered_400": "filtered",
    "rate_seconds": "rate_limited",
    "rate_larger": "rejected",
    "quota": "quota",
    "payment": "quota",
    "s400": "rejected",
    "s401": "auth",
    "s403": "auth",
    "s404": "not_found",
    "s408": "timeout",
    "s409": "server",
    "s413": "rejected",
    "s418": "rejected",
    "s422": "rejected",
    "s500": "server",
    "s502_html": "server",
    "s503": "server",
    "s529": "server",
}


@pytest.mark.parametrize(("fault", "kind"), FAILURES.items())
def test_each_fault_ends_in_time_as_its_own_kind(fault: str, kind: str) -> None:
    began = time.monotonic()
    failure = failure_of(fault, timeout=DEADLINE if kind == "timeout" else PATIENCE)
    assert failure.kind == kind
    assert time.monotonic() - began < PATIENCE
    message = str(failure)
    assert 10 < len(message) < 450
    assert message.isprintable()
    assert KEY not in "".join(traceback.format_exception(failure)) + repr(vars(failure))


ANSWERS: dict[str, dict[str, object]] = {
    "ok": {
        "text": "echo: Hello",
        "finish_reason": "stop",
        "tokens_in": 7,
        "tokens_out": 3,
        "request_id": "req-1",
    },
    "text_plain": {"text": "plain"},
    "null_error": {"text": "fine"},
    "list_content": {"text": "one two"},
    "empty_text": {"text": "", "finish_reason": "stop"},
    "thought_only": {"text": "", "finish_reason": "length"},
    "gzip": {"text": "zipped"},
    "deflate_bare": {"text": "deflated"},
    "no_usage": {"text": "free", "tokens_in": None, "tokens_out": None, "cost": None},
    "odd_usage": {"tokens_in": None, "tokens_out": None, "cost": None},
    "float_usage": {"tokens_in": None, "tokens_out": None, "cost": None},
    "cut_off": {"text": "half an ans", "finish_reason": "length"},
    "refusal": {"text": "I can't help with that.", "finish_reason": "refusal"},
    "tool_calls": {"text": '[{"arguments":"{\\"a\\":1}","name":"f"}]', "finish_reason": "tool_calls"},
    "odd_finish": {"finish_reason": "other"},
    "null_finish": {"finish_reason": "other"},
    "surrogate": {"text": "a\ufffdb \U0001f600"},
    "emoji": {"text": "\U0001f600 fine"},
    "echo_key": {"text": "your key is [key]", "request_id": "[key]"},
    "infinite": {"text": "big", "raw": None},
    "big_logprobs": {"text": "x", "logprobs": ()},
    "big_rest": {"text": "x", "raw": None},
    "doubled": {"text": "echo: Hello"},
}


@pytest.mark.parametrize(("play", "fields"), ANSWERS.items())
def test_each_odd_but_good_answer_is_read_right(play: str, fields: dict[str, object]) -> None:
    completion = answer_of(play, price_in=1.0, price_out=10.0)
    found = completion.model_dump()
    assert {name: found[name] for name in fields} == fields
    canonical_json(found).encode()  # whatever was kept can be stored
    assert KEY not in repr(completion)


def test_the_server_plays_more_than_forty_kinds_of_faults_and_each_one_is_expected_here() -> None:
    apart = {"doubled_late", "slow_then_answers", "long_message", *RETRY_AFTER}
    assert set(fault_server.PLAYS) == (set(FAILURES) | set(ANSWERS) | apart) - {"ok"}
    assert len(fault_server.PLAYS) > 80


RETRY_AFTER: dict[str, float | None] = {
    "rate_seconds": 7.0,
    "rate_ms": 1.5,
    "rate_date": 120.0,
    "rate_past": None,
    "rate_junk": None,
    "rate_negative": None,
    "rate_nan": None,
    "rate_zero": 0.0,
    "rate_none": None,
}


@pytest.mark.parametrize(("play", "seconds"), RETRY_AFTER.items())
def test_each_form_of_retry_after_is_understood_and_junk_is_none(play: str, seconds: float | None) -> None:
    failure = failure_of(play)
    assert failure.kind == "rate_limited"
    assert failure.status == 429
    assert failure.retry_after == (None if seconds is None else pytest.approx(seconds, abs=1.5))


@pytest.mark.parametrize(
    ("path", "code", "hint"),
    [
        ("", None, True),
        ("/api", None, True),
        ("/v1", None, False),
        ("/openai/v2", None, False),
        ("", "model_not_found", False),
        ("", ["odd"], True),
    ],
)
def test_where_nothing_is_found_the_address_is_told_and_what_it_may_lack(
    path: str, code: object, hint: bool
) -> None:
    place = f"http://here:8000{path}/chat/completions"
    body = json.dumps({"error": {"message": "no such route", "code": code}}).encode()
    told = str(refusal(404, {}, body, None, f"{place}?key=hidden"))
    assert told.startswith(f"The server answered 404 at {place}: no such route")
    assert told.endswith("no such route. Its base_url usually ends in /v1") is hint


def test_a_long_message_of_a_server_becomes_one_short_line() -> None:
    assert len(str(failure_of("long_message"))) < 340


def test_cost_comes_from_tokens_and_both_prices_and_else_is_unknown() -> None:
    assert answer_of("ok", price_in=1.0, price_out=10.0).cost == pytest.approx(37e-6)
    assert answer_of("ok", price_in=1.0).cost is None
    assert answer_of("no_usage", price_in=1.0, price_out=1.0).cost is None


def test_what_is_kept_of_an_answer_leaves_the_messages_out() -> None:
    raw = answer_of("surrogate").raw
    assert isinstance(raw, dict)
    assert raw["choices"] == [{"index": 0, "finish_reason": "stop"}]
    assert raw["replaced_lone_surrogates"] is True
    assert "replaced_lone_surrogates" not in (answer_of("emoji").raw or {})  # type: ignore[operator]


def sent(
    response_format: dict[str, Any] | None = None, **parameters: Any
) -> tuple[dict[str, Any], FaultServer]:
    async def ask() -> tuple[dict[str, Any], FaultServer]:
        settings = {"body": {"top_p": 0.5, "seed": 1}, "headers": {"X-Team": "a"}}
        async with asked("any-model", **settings) as (model, server):
            await model.generate(request(parameters=parameters, response_format=response_format))
            return server.last_body, server

    return asyncio.run(ask())


def test_parameters_go_into_the_body_over_the_settings_and_never_over_model_and_messages() -> None:
    body, server = sent(seed=7, logprobs=True, stop=["\n"], model="other", messages=[])
    assert body == {
        "top_p": 0.5,
        "seed": 7,
        "logprobs": True,
        "stop": ["\n"],
        "model": "any-model",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert server.last_headers["authorization"] == f"Bearer {KEY}"
    assert server.last_headers["x-team"] == "a"
    assert server.last_target == "/v1/chat/completions"


def test_headers_of_the_settings_take_the_place_of_the_clients_own() -> None:
    async def ask() -> dict[str, str]:
        async with asked("any-model", headers={"user-agent": "ours", "authorization": "Basic x"}) as (
            model,
            server,
        ):
            await model.generate(request())
            return server.last_headers

    headers = asyncio.run(ask())
    assert (headers["user-agent"], headers["authorization"]) == ("ours", "Basic x")


def test_a_response_format_is_translated_for_the_api() -> None:
    schema = {"type": "object"}
    body, _ = sent({"type": "json_schema", "schema": schema, "name": "mail"})
    expected = {"type": "json_schema", "json_schema": {"name": "mail", "schema": schema, "strict": True}}
    assert body["response_format"] == expected
    assert sent({"type": "json_object"})[0]["response_format"] == {"type": "json_object"}
    assert "response_format" not in sent({"type": "text"})[0]
    assert sent(expected)[0]["response_format"] == expected


def test_streaming_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(CallFailed, match="stream"):
        sent(stream=True)


def test_a_missing_key_names_the_variable_except_for_private_servers() -> None:
    def build(environment: dict[str, str], **settings: Any) -> OpenAI:
        return OpenAI("m", ProviderSettings(**settings), environment, ROOT)

    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        build({})
    with pytest.raises(SettingsError, match="MY_KEY"):
        build({"OPENAI_API_KEY": KEY}, api_key_env="MY_KEY")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        build({"OPENAI_BASE_URL": "https://api.example.com/v1"})
    for private in (
        "http://localhost:1/v1",
        "http://10.1.2.3/v1",
        "http://[::1]:8/v1",
        "http://vllm:8000/v1",
    ):
        build({}, base_url=private)


def test_the_base_url_comes_from_settings_then_environment_then_the_public_address() -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:2/v1/"}
    assert OpenAI("m", ProviderSettings(), environment, ROOT).origin == "http://localhost:2/v1"
    settings = ProviderSettings(base_url="http://localhost:1/v1")
    assert OpenAI("m", settings, environment, ROOT).origin == "http://localhost:1/v1"
    assert (
        OpenAI("m", ProviderSettings(), {"OPENAI_API_KEY": KEY}, ROOT).origin == "https://api.openai.com/v1"
    )


@pytest.mark.parametrize(
    ("key", "told"), [("sk-k\u00e4se", "characters outside ASCII"), ("sk a", "spaces or unprintable")]
)
def test_what_can_be_no_key_is_told_why(key: str, told: str) -> None:
    settings = ProviderSettings(base_url="http://localhost:1/v1", api_key_env="MODEL_KEY")
    with pytest.raises(SettingsError, match=told) as caught:
        OpenAI("m", settings, {"MODEL_KEY": key}, ROOT)
    assert key not in str(caught.value)


def test_extra_fields_change_the_origin_so_that_the_cache_keeps_them_apart() -> None:
    def origin(**settings: Any) -> str:
        return OpenAI("m", ProviderSettings(base_url="http://localhost/v1", **settings), {}, ROOT).origin

    assert (
        len({origin(), origin(body={"seed": 1}), origin(body={"seed": 2}), origin(headers={"X": "1"})}) == 4
    )


@pytest.mark.parametrize("base_url", ["localhost:8000", "ftp://x/v1", "http://", "http://x:port/v1", ""])
def test_a_base_url_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(SettingsError, match="base_url"):
        OpenAI("m", ProviderSettings(base_url=base_url), {"OPENAI_API_KEY": KEY}, ROOT)


def test_secrets_in_a_base_url_or_a_broken_key_are_refused_and_not_repeated() -> None:
    for settings, environment in (
        (ProviderSettings(base_url="http://me:hunter22@localhost/v1"), {}),
        (ProviderSettings(), {"OPENAI_API_KEY": "hunter22 \x00"}),
        (ProviderSettings(headers={"X-Key": "hunter22\r\nX: 1"}), {"OPENAI_API_KEY": KEY}),
    ):
        with pytest.raises(SettingsError) as caught:
            OpenAI("m", settings, environment, ROOT)
        assert "hunter22" not in str(caught.value)


def test_a_model_must_be_named() -> None:
    with pytest.raises(UsageError):
        OpenAI("", ProviderSettings(), {"OPENAI_API_KEY": KEY}, ROOT)


def test_nothing_printable_of_a_model_shows_its_key() -> None:
    model = OpenAI("m", ProviderSettings(), {"OPENAI_API_KEY": KEY}, ROOT)
    assert KEY not in repr(model) + repr(model._address) + model.origin


def test_a_large_answer_under_the_cap_is_whole() -> None:
    fault_server.PLAYS["large"] = fault_server.answers(fault_server.completion("x" * 900_000))
    try:
        assert len(answer_of("large", timeout=10.0).text) == 900_000
        assert failure_of("large", max_bytes=500_000).kind == "too_large"
    finally:
        del fault_server.PLAYS["large"]


def test_the_request_can_hold_what_json_can_not_say_directly() -> None:
    async def ask() -> str:
        async with asked("ok") as (model, server):
            await model.generate(request('"\\ \u2028 \ud800 \x00'))
            return str(json.dumps(server.last_body["messages"][0]["content"]))

    assert asyncio.run(ask()) == '"\\"\\\\ \\u2028 \\ud800 \\u0000"'
