"""A server of the chat API on loopback that plays faults: the model's name says which one."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

KEY = "sk-canary-0123456789abcdef"

Writer = asyncio.StreamWriter
Asked = dict[str, Any]


class FaultServer:
    """Counts calls by model, keeps the last request, and plays what the model's name says."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.last_body: Asked = {}
        self.last_headers: dict[str, str] = {}
        self.last_target = ""
        self.connections = 0
        self.closed_early = 0
        self.url = ""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer the requests of one connection until a fault ends it."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_early += 1
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        """End all connections that are still open."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: Writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        asked = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
        self.last_target, self.last_headers, self.last_body = head[0].split(" ")[1], headers, asked
        model = str(asked.get("model", "?"))
        self.calls[model] += 1
        play = PLAYS.get(model, ok)
        return bool(await play(writer, asked))


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[FaultServer]:
    """Serve on a free port of loopback."""
    faults = FaultServer()
    server = await asyncio.start_server(faults.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    faults.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield faults
    finally:
        server.close()
        await faults.stop()


_numbers = iter(range(1, 10**9))


def completion(text: object, **choice: Any) -> Asked:
    """Return the body of a good answer, with a choice's fields changed."""
    message = {"role": "assistant", "content": text, **choice.pop("message", {})}
    return {
        "id": f"chatcmpl-{next(_numbers):08d}",
        "object": "chat.completion",
        "model": "served-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def http(
    status: int, body: bytes, *headers: str, kind: str = "application/json", length: int | None = None
) -> bytes:
    """Return a whole response as it goes over the wire."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def good(asked: Asked) -> bytes:
    """Return a good answer that echoes the last message."""
    return http(
        200,
        json.dumps(completion(f"echo: {asked['messages'][-1]['content']}")).encode(),
        "x-request-id: req-1",
    )


async def ok(writer: Writer, asked: Asked) -> bool:
    """Play no fault."""
    writer.write(good(asked))
    await writer.drain()
    return True


Play = Callable[[Writer, Asked], Awaitable[bool]]


def says(response: bytes, *, then_close: bool = False) -> Play:
    """Play one fixed response."""

    async def play(writer: Writer, asked: Asked) -> bool:
        writer.write(response)
        await writer.drain()
        return not then_close

    return play


def answers(body: object, *headers: str, status: int = 200, kind: str = "application/json") -> Play:
    """Play a JSON body."""
    return says(http(status, json.dumps(body).encode(), *headers, kind=kind))


def refuses(status: int, *headers: str, **error: Any) -> Play:
    """Play a refusal as the API words it."""
    return answers(
        {"error": {"message": f"refused with {status}", "type": "some_error", **error}},
        *headers,
        status=status,
    )


def later(**delta: float) -> str:
    """Return an HTTP date that far from now."""
    return format_datetime(datetime.now(UTC) + timedelta(**delta), usegmt=True)


async def hang(writer: Writer, asked: Asked) -> bool:
    await asyncio.Event().wait()
    return False


async def hang_after_head(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    return await hang(writer, asked)


async def drip(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_head(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def huge_chunked(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(800):
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    return True


async def endless(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def endless_refusal(writer: Writer, asked: Asked) -> bool:
    writer.write(b"HTTP/1.1 500 X\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def reset(writer: Writer, asked: Asked) -> bool:
    writer.transport.abort()
    return False


async def reset_in_body(writer: Writer, asked: Asked) -> bool:
    writer.write(good(asked)[:-20])
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.transport.abort()
    return False


async def close_at_once(writer: Writer, asked: Asked) -> bool:
    return False


async def echo_key(writer: Writer, asked: Asked) -> bool:
    return await says(
        http(200, json.dumps(completion(f"your key is {KEY}", model=KEY)).encode(), f"x-request-id: {KEY}")
    )(writer, asked)


async def gzipped(writer: Writer, asked: Asked) -> bool:
    body = gzip.compress(json.dumps(completion("zipped")).encode())
    return await says(http(200, body, "Content-Encoding: gzip"))(writer, asked)


async def deflated_bare(writer: Writer, asked: Asked) -> bool:
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(json.dumps(completion("deflated")).encode()) + packer.flush()
    return await says(http(200, body, "Content-Encoding: deflate"))(writer, asked)


async def doubled(writer: Writer, asked: Asked) -> bool:
    response = good(asked)
    writer.write(response + response)
    await writer.drain()
    return True


async def doubled_late(writer: Writer, asked: Asked) -> bool:
    """Answer, and answer again a little later, when the next request may be under way."""
    response = good(asked)
    writer.write(response)
    await writer.drain()
    await asyncio.sleep(next(_pauses))
    writer.write(response)
    await asyncio.sleep(0.004)
    return True


async def slow_then_answers(writer: Writer, asked: Asked) -> bool:
    """Answer after the caller has given up."""
    await asyncio.sleep(0.25)
    writer.write(good(asked))
    await writer.drain()
    return True


def _pauses_forever() -> Any:
    while True:
        yield from (0.0, 0.001, 0.003, 0.008)


_pauses = _pauses_forever()
_BOMB = gzip.compress(b" " * 60_000_000)
_TRUNCATED = json.dumps(completion("cut")).encode()[:-25]
_QUOTA = {"code": "insufficient_quota", "message": "You exceeded your current quota"}
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}

PLAYS: dict[str, Play] = {
    "html": says(http(200, b"<html><body>Log in</body></html>", kind="text/html")),
    "html_as_json": says(http(200, b"<html><body>Log in</body></html>")),
    "json_as_html": answers(completion("hidden"), kind="text/html"),
    "event_stream": says(http(200, b"data: {}\n\n", kind="text/event-stream")),
    "text_plain": answers(completion("plain"), kind="text/plain"),
    "error_in_200": answers({"error": {"message": "overloaded"}}),
    "error_text_in_200": answers({"error": "it broke"}),
    "quota_in_200": answers({"error": _QUOTA}),
    "error_code_in_200": answers({"error": {"code": 429, "message": "slow down"}}),
    "null_error": answers({**completion("fine"), "error": None}),
    "no_choices": answers({"id": "x"}),
    "empty_choices": answers({**completion("x"), "choices": []}),
    "choices_no_list": answers({**completion("x"), "choices": {"0": 1}}),
    "choice_no_object": answers({**completion("x"), "choices": ["hello"]}),
    "no_message": answers({**completion("x"), "choices": [{"index": 0, "text": "old"}]}),
    "null_content": answers(completion(None)),
    "number_content": answers(completion(42)),
    "list_content": answers(completion([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}])),
    "image_content": answers(completion([{"type": "image_url", "image_url": {"url": "x"}}])),
    "empty_text": answers(completion("")),
    "thought_only": answers(completion(None, finish_reason="length")),
    "array": answers([1, 2]),
    "truncated": says(http(200, _TRUNCATED)),
    "bad_utf8": says(http(200, b'{"choices": [{"message": {"content": "\xff\xfe"}}]}')),
    "empty_body": says(http(200, b"")),
    "no_content_204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "nan": says(http(200, b'{"choices": [{"message": {"content": "x"}}], "logprobs": NaN}')),
    "infinite": says(
        http(200, json.dumps(completion("big")).encode().replace(b'"index": 0', b'"index": 1e999'))
    ),
    "deep": says(http(200, b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    "long_number": says(http(200, b'{"choices": ' + b"1" * 5000 + b"}")),
    "hang": hang,
    "hang_after_head": hang_after_head,
    "drip": drip,
    "drip_head": drip_head,
    "huge": says(http(200, b"x" * 3_000_000), then_close=True),
    "huge_chunked": huge_chunked,
    "endless": endless,
    "endless_refusal": endless_refusal,
    "gzip_bomb": says(http(200, _BOMB, "Content-Encoding: gzip")),
    "gzip": gzipped,
    "deflate_bare": deflated_bare,
    "gzip_broken": says(http(200, b"\x1f\x8b\x08garbage", "Content-Encoding: gzip")),
    "gzip_cut": says(http(200, gzip.compress(b"{}" * 900)[:-12], "Content-Encoding: gzip")),
    "brotli": says(http(200, b"\x0b\x02\x80", "Content-Encoding: br")),
    "length_too_long": says(http(200, b"{}", length=500), then_close=True),
    "length_too_short": says(http(200, json.dumps(completion("short")).encode(), length=40), then_close=True),
    "garbage": says(b"\x00\x01\x02 not http at all\r\n\r\n", then_close=True),
    "long_header": says(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n{}", then_close=True),
    "reset": reset,
    "reset_in_body": reset_in_body,
    "close_at_once": close_at_once,
    "redirect": says(http(302, b"", "Location: http://127.0.0.2:9/v1/chat/completions?token=1")),
    "redirect_307": says(http(307, b"", "Location: https://elsewhere.example/v1/chat/completions")),
    "echo_key": echo_key,
    "echo_key_refused": refuses(401, message=f"Incorrect API key provided: {KEY}."),
    "echo_key_garbage": says(http(200, b"{" + KEY.encode() + b"\xff")),
    "no_usage": answers({name: value for name, value in completion("free").items() if name != "usage"}),
    "odd_usage": answers({**completion("odd"), "usage": {"prompt_tokens": "7", "completion_tokens": -3}}),
    "float_usage": answers({**completion("odd"), "usage": {"prompt_tokens": 7.5, "completion_tokens": True}}),
    "cut_off": answers(completion("half an ans", finish_reason="length")),
    "filtered": answers(completion(None, finish_reason="content_filter")),
    "filtered_400": refuses(400, code="content_filter"),
    "refusal": answers(completion(None, message={"refusal": "I can't help with that."})),
    "tool_calls": answers(completion(None, finish_reason="tool_calls", message={"tool_calls": [_CALL]})),
    "odd_finish": answers(completion("x", finish_reason="eos_token")),
    "null_finish": answers(completion("x", finish_reason=None)),
    "surrogate": answers(completion("a\ud800b \ud83d\ude00")),
    "emoji": answers(completion("\U0001f600 fine")),
    "big_logprobs": answers(completion("x", logprobs={"content": ["y" * 1000] * 100})),
    "big_rest": answers({**completion("x"), "more": "y" * 100_000}),
    "rate_seconds": refuses(429, "Retry-After: 7"),
    "rate_ms": refuses(429, "Retry-After: 9", "retry-after-ms: 1500"),
    "rate_date": refuses(429, f"Retry-After: {later(minutes=2)}", f"Date: {later()}"),
    "rate_past": refuses(429, f"Retry-After: {later(minutes=-2)}"),
    "rate_junk": refuses(429, "Retry-After: soon, I promise"),
    "rate_negative": refuses(429, "Retry-After: -5"),
    "rate_nan": refuses(429, "Retry-After: nan"),
    "rate_zero": refuses(429, "Retry-After: 0"),
    "rate_none": refuses(429),
    "rate_larger": refuses(
        429,
        message="Request too large for m on tokens per min (TPM): Limit 30000, Requested 34000.",
        type="tokens",
        code="rate_limit_exceeded",
    ),
    "quota": refuses(429, **_QUOTA),
    "payment": refuses(402),
    "s400": refuses(400),
    "s401": refuses(401),
    "s403": refuses(403),
    "s404": refuses(404, code="model_not_found"),
    "s408": refuses(408),
    "s409": refuses(409),
    "s413": refuses(413),
    "s422": answers({"detail": [{"loc": ["body"], "msg": "field required"}]}, status=422),
    "s418": refuses(418),
    "s500": refuses(500),
    "s502_html": says(http(502, b"<html>Bad\r\ngateway \x1b[31m</html>", kind="text/html")),
    "s503": refuses(503, "Retry-After: 3"),
    "s529": refuses(529),
    "long_message": refuses(400, message="line\n" * 5000),
    "doubled": doubled,
    "doubled_late": doubled_late,
    "slow_then_answers": slow_then_answers,
}
