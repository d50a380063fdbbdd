"""A server of the chat API on loopback that really enforces limits, and counts what it let in and refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.providers.fault_server import completion, http

TOKENS_IN, TOKENS_OUT = 20, 30


@dataclass
class LimitServer:
    """Counts requests and tokens in windows, and calls at a time; refuses what is over them with 429."""

    seconds: float = 0.02
    """How long an answer takes."""
    window: float = 1.0
    requests: int | None = None
    tokens: int | None = None
    concurrency: int | None = None
    kind: Literal["sliding", "fixed", "steady"] = "fixed"
    """Whether any `window` counts, or one after the other, or what was used comes back bit by bit."""
    headers: bool = False
    """Whether answers and refusals tell what is left."""
    retry_after: bool = False
    url: str = ""
    admitted: list[str] = field(default_factory=list)
    """Models that were let in, in order."""
    refused: int = 0
    most: int = 0
    """Calls at a time."""
    _under_way: int = 0
    _used: tuple[float, float] = (0, 0)
    _forgot_at: float = 0.0
    _log: deque[float] = field(default_factory=deque)
    _window_ends: float = 0.0
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0])
                asked = json.loads(await reader.readexactly(length))
                writer.write(await self.answer(asked))
                await writer.drain()
        self._tasks.discard(task)
        writer.close()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, asked: dict[str, Any]) -> bytes:
        now = time.monotonic()
        self._forget(now)
        calls, tokens = self._used
        fits = (
            (self.requests is None or calls + 1 <= self.requests)
            and (self.tokens is None or tokens + TOKENS_IN + TOKENS_OUT <= self.tokens)
            and (self.concurrency is None or self._under_way < self.concurrency)
        )
        if not fits:
            self.refused += 1
            return http(429, b'{"error": {"message": "slow down"}}', *self._told(now, refused=True))
        self._used = (calls + 1, tokens + TOKENS_IN + TOKENS_OUT)
        self._log.append(now)
        told = self._told(now)
        self.admitted.append(str(asked["model"]))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(self.seconds)
        self._under_way -= 1
        judged = "json_schema" in json.dumps(asked)
        text = '{"reason": "right", "score": 4}' if judged else str(asked["messages"][-1]["content"])
        usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT}
        return http(200, json.dumps({**completion(text), "usage": usage}).encode(), *told)

    def _forget(self, now: float) -> None:
        calls, tokens = self._used
        if self.kind == "steady":
            back = (now - self._forgot_at) / self.window
            calls = max(calls - back * (self.requests or 0), 0)
            tokens = max(tokens - back * (self.tokens or 0), 0)
        elif self.kind == "fixed" and now >= self._window_ends:
            calls = tokens = 0
            self._window_ends = now + self.window
        while self.kind == "sliding" and self._log and self._log[0] + self.window <= now:
            self._log.popleft()
            calls, tokens = calls - 1, tokens - TOKENS_IN - TOKENS_OUT
        self._used, self._forgot_at = (calls, tokens), now

    def _told(self, now: float, *, refused: bool = False) -> list[str]:
        told, waits = [], [0.0]
        for kind, limit, used, need in (
            ("requests", self.requests, self._used[0], 1),
            ("tokens", self.tokens, self._used[1], TOKENS_IN + TOKENS_OUT),
        ):
            if limit is None:
                continue
            short = used + need > limit
            if self.kind == "steady":
                whole = used / limit * self.window
                again = (used + need - limit) / limit * self.window
            elif self.kind == "fixed":
                whole = again = self._window_ends - now
            else:
                whole = self._log[-1] + self.window - now
                again = self._log[0] + self.window - now
            waits.append(again if short else 0.0)
            if self.headers:
                reset = again if short and self.kind != "steady" else whole
                told += [
                    f"x-ratelimit-limit-{kind}: {limit}",
                    f"x-ratelimit-remaining-{kind}: {int(limit - used)}",
                    f"x-ratelimit-reset-{kind}: {reset * 1000:.0f}ms",
                ]
        if refused and self.retry_after:
            told.append(f"retry-after-ms: {max(waits) * 1000 + 1:.0f}")
        return told


@contextlib.asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[LimitServer]:
    """Serve on a free port of loopback."""
    limited = LimitServer(**limits)
    server = await asyncio.start_server(limited.serve, "127.0.0.1", 0, backlog=512)
    limited.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield limited
    finally:
        server.close()
        await limited.stop()
