"""What is written straight onto a connection is what aiohttp's own session would have written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from promptops.errors import CallFailed
from promptops.providers import ProviderSettings
from promptops.providers._openai_address import address_of
from promptops.providers._openai_direct import Direct
from promptops.providers._openai_wire import Reply, Wire
from tests.made import PATIENCE
from tests.providers import fault_server
from tests.providers.fault_server import FaultServer, Play, http, says

BODY = json.dumps({"model": "here", "messages": [{"role": "user", "content": "Grüße"}]}).encode()


def posted(
    play: Play | None = None,
    *,
    times: int = 1,
    headers: dict[str, str] | None = None,
    query: str = "",
    arrived: Callable[[bytes], None] | None = None,
    by_session: bool = False,
) -> tuple[list[Reply], FaultServer]:
    """Post a body to a server that plays something; return its replies and what it saw."""

    async def post() -> tuple[list[Reply], FaultServer]:
        async with fault_server.running() as server:
            fault_server.PLAYS["here"] = play or fault_server.ok
            wire = Wire(
                address_of(ProviderSettings(base_url=server.url + query), {}), headers or {}, 1_000_000
            )
            if by_session:
                wire._direct = None
            try:
                return [await wire.post(BODY, 5.0, arrived) for _ in range(times)], server
            finally:
                del fault_server.PLAYS["here"]
                await wire.close()

    return asyncio.run(post())


def seen(server: FaultServer) -> tuple[Any, ...]:
    headers = {**server.last_headers, "host": server.last_headers["host"].partition(":")[0]}
    return server.last_target, headers, server.last_body


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"query": "?api-version=2024 02&x=%20y"},
        {"headers": {"accept": "text/plain", "X-Own": "Grüße", "Host": "models.example"}},
        {"arrived": lambda _: None},
        {"arrived": lambda _: None, "headers": {"accept": "text/plain", "ACCEPT-ENCODING": "gzip"}},
    ],
    ids=["plain", "query", "own headers", "streamed", "streamed with own headers"],
)
def test_a_request_is_what_a_session_would_have_sent(more: dict[str, Any]) -> None:
    (reply,), server = posted(**more)
    assert reply.status == 200
    assert seen(server) == seen(posted(**more, by_session=True)[1])


@pytest.mark.parametrize("name", ["Connection", "transfer-encoding", "EXPECT", "Content-Length"])
def test_a_header_that_says_how_bodies_are_sent_is_left_to_the_session(name: str) -> None:
    assert not Direct.can_send({"X-Own": "1", name: "close"})
    assert Direct.can_send({"X-Own": "1"})


def test_one_connection_is_used_again_and_one_that_is_to_be_closed_is_not() -> None:
    assert posted(times=3)[1].connections == 1
    closing = says(http(200, b"{}", "Connection: close"))
    assert posted(closing, times=3)[1].connections == 3


@pytest.mark.parametrize(
    ("response", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + http(200, b"{}"), b"{}"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http(200, b"{}"), b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["continue", "early hints", "chunks", "no content"],
)
def test_an_answer_in_any_form_is_read_and_leaves_the_connection_fit(response: bytes, body: bytes) -> None:
    replies, server = posted(says(response), times=2)
    assert [reply.body for reply in replies] == [body, body]
    assert server.connections == 1


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    play = says(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}", then_close=True)
    replies, server = posted(play, times=2)
    assert [reply.body for reply in replies] == [b"{}", b"{}"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "response",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", b"\0\0\0\0\r\n\r\n"],
    ids=["another protocol", "no length", "zeros"],
)
def test_what_is_no_http_is_a_failed_connection(response: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        posted(says(response))
    assert caught.value.kind == "connection"
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)


def test_a_call_that_is_given_up_closes_its_connection() -> None:
    async def give_up() -> tuple[int, int]:
        async with fault_server.running() as server:
            fault_server.PLAYS["here"] = fault_server.hang
            wire = Wire(address_of(ProviderSettings(base_url=server.url), {}), {}, 1_000_000)
            try:
                with pytest.raises(CallFailed) as caught:
                    await wire.post(BODY, 0.05)
                assert caught.value.kind == "timeout"
                fault_server.PLAYS["here"] = fault_server.ok
                await wire.post(BODY, PATIENCE)
                return server.connections, server.calls["here"]
            finally:
                del fault_server.PLAYS["here"]
                await wire.close()

    assert asyncio.run(give_up()) == (2, 2)
