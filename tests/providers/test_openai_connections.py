"""The connections of the chat API's client: proxies, redirects, reuse, and answers that come twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from promptops.errors import CallFailed, SettingsError
from promptops.providers import ProviderSettings
from promptops.providers.openai import OpenAI
from promptops.types import Completion, Message, Request
from tests.made import PATIENCE
from tests.providers import fault_server
from tests.providers.fault_server import KEY, FaultServer

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


def test_a_refused_connection_says_so() -> None:
    settings = ProviderSettings(base_url="http://127.0.0.1:9/v1", timeout=5)

    async def ask() -> None:
        model = OpenAI("m", settings, {}, ROOT)
        try:
            await model.generate(request())
        finally:
            await model.close()

    with pytest.raises(CallFailed) as caught:
        asyncio.run(ask())
    assert caught.value.kind == "connection"
    assert caught.value.__context__ is None  # aiohttp's errors hold the headers


def test_a_redirect_reaches_no_other_origin() -> None:
    async def ask() -> int:
        async with fault_server.running() as other:
            play = fault_server.says(fault_server.http(307, b"", f"Location: {other.url}/chat/completions"))
            fault_server.PLAYS["redirect_here"] = play
            try:
                async with asked("redirect_here") as (model, _):
                    with pytest.raises(CallFailed, match="Redirects are not followed"):
                        await model.generate(request())
            finally:
                del fault_server.PLAYS["redirect_here"]
            return other.connections

    assert asyncio.run(ask()) == 0


def test_a_proxy_gets_the_call_and_loopback_needs_none() -> None:
    async def ask() -> tuple[str, str]:
        async with fault_server.running() as proxy:
            address = proxy.url.removesuffix("/v1")
            environment = {"HTTP_PROXY": address, "MODEL_KEY": KEY}
            settings = ProviderSettings(base_url="http://models.example/v1", api_key_env="MODEL_KEY")
            model = OpenAI("m", settings, environment, ROOT)
            await model.generate(request())
            through = proxy.last_target
            await model.close()
            direct = OpenAI("m", ProviderSettings(base_url=proxy.url), environment, ROOT)
            await direct.generate(request())
            await direct.close()
            return through, proxy.last_target

    assert asyncio.run(ask()) == ("http://models.example/v1/chat/completions", "/v1/chat/completions")


def test_no_proxy_is_obeyed_and_a_strange_proxy_is_refused() -> None:
    settings = ProviderSettings(base_url="http://models.example/v1", api_key_env="MODEL_KEY")
    environment = {"MODEL_KEY": KEY, "http_proxy": "socks5://127.0.0.1:1"}
    with pytest.raises(SettingsError, match="http_proxy"):
        OpenAI("m", settings, environment, ROOT)
    OpenAI("m", settings, {**environment, "no_proxy": "models.example"}, ROOT)


def asked_many(
    model_name: str, count: int, at_once: int, **settings: Any
) -> tuple[list[tuple[str, str]], FaultServer]:
    """Ask `count` questions, each until it is answered; return pairs of question and answer."""

    async def run() -> tuple[list[tuple[str, str]], FaultServer]:
        async with asked(model_name, **settings) as (model, server):
            gate = asyncio.Semaphore(at_once)

            async def one(number: int) -> tuple[str, str]:
                async with gate:
                    return await _until_answered(lambda: model.generate(request(f"sample {number}")), number)

            pairs = await asyncio.gather(*(one(number) for number in range(count)))
            return list(pairs), server

    return asyncio.run(run())


async def _until_answered(ask: Callable[[], Awaitable[Completion]], number: int) -> tuple[str, str]:
    for _ in range(20):
        try:
            return f"echo: sample {number}", (await ask()).text
        except CallFailed as failure:
            assert failure.retryable, failure
    return f"echo: sample {number}", "never answered"


@pytest.mark.parametrize("play", ["doubled", "doubled_late"])
def test_doubled_and_late_doubled_answers_never_reach_another_sample(play: str) -> None:
    pairs, server = asked_many(play, 500, 16, timeout=PATIENCE)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
    assert server.calls[play] >= 500


def test_the_connection_of_a_call_that_was_given_up_is_closed() -> None:
    async def run() -> tuple[str, int]:
        async with asked("slow_then_answers", timeout=0.1) as (model, server):
            with pytest.raises(CallFailed, match=r"0\.1 s"):
                await model.generate(request("first"))
            patient = model_at(server, "slow_then_answers", timeout=PATIENCE)
            patient._wire = model._wire
            text = (await patient.generate(request("second"))).text
            return text, server.connections

    assert asyncio.run(run()) == ("echo: second", 2)


def test_good_answers_keep_their_connection() -> None:
    pairs, server = asked_many("ok", 200, 4, timeout=PATIENCE)
    assert all(question == answer for question, answer in pairs)
    assert server.connections == 4


def test_a_server_that_says_the_same_to_all_is_believed_without_a_further_call() -> None:
    fault_server.PLAYS["canned"] = fault_server.answers(fault_server.completion("always this"))
    try:
        for at_once in (1, 8):
            pairs, server = asked_many("canned", 60, at_once, timeout=PATIENCE)
            assert {answer for _, answer in pairs} == {"always this"}
            assert server.calls["canned"] == 60
    finally:
        del fault_server.PLAYS["canned"]


def test_a_model_serves_one_event_loop_after_another() -> None:
    model = OpenAI("ok", ProviderSettings(base_url="http://127.0.0.1:1/v1"), {}, ROOT)

    async def ask() -> str:
        async with fault_server.running() as server:
            model._address = model_at(server, "ok")._address
            try:
                return (await model.generate(request())).text
            finally:
                await model.close()

    assert [asyncio.run(ask()) for _ in range(2)] == ["echo: Hello", "echo: Hello"]
