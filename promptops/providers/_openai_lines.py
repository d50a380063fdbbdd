"""Connections that are not used again once the server said something on them that nobody asked for.

A server (or a proxy) that answers twice puts the second answer where the next request's answer is
expected: with kept-alive connections one sample would get another one's answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

REMEMBERED = 16
"""Answers that a line remembers; a later repetition than that has not been seen."""
PATIENCE_SECONDS = (0.5, 10.0)

_current: ContextVar[Line | None] = ContextVar("_current", default=None)


class Line(ResponseHandler):
    """A connection that knows what was answered on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.answered: OrderedDict[int, int] = OrderedDict()
        """Digest of an answer -> digest of the request that it was given to."""
        self.checked = True
        """Whether its last answer has been looked at; the pool gets a line back before anybody could."""
        self._more: asyncio.Future[bool] | None = None

    @staticmethod
    def current() -> Line | None:
        """Return the line that this task's last request went through."""
        return _current.get()

    def is_connected(self) -> bool:
        """Tell whether the line can take another request: open, checked, nothing unasked was said on it."""
        return self.checked and super().is_connected() and not self.should_close

    def set_response_params(self, **params: Any) -> None:
        """Note whose request this is, as every request passes here once."""
        _current.set(self)
        self.checked = False
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take an answer, and tell the one who waits for a second."""
        super().feed_data(data, size)
        self._tell()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the line, and tell the one who waits for a second answer."""
        super().connection_lost(exc)
        self._tell()

    def end(self) -> None:
        """Take the line out of use."""
        self.force_close()
        self.close()

    async def says_more(self, seconds: float) -> bool:
        """Wait for a second answer; the line is out of use from now on."""
        self._more = self._loop.create_future()
        self.force_close()
        try:
            if self._buffer or self._tail or not super().is_connected():
                return True
            await asyncio.wait([self._more], timeout=seconds)
            return self._more.done()
        finally:
            self._more = None
            self.abort()

    def _tell(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(True)


class Repetitions:
    """Notices an answer that a line has already given to another request.

    Completion ids are no help: many servers give the same id to all. So it is the whole body, byte
    for byte, and a server that gives one body on several lines is simply one that repeats itself.
    """

    def __init__(self) -> None:
        self.expected = False
        self._last: tuple[int, int, Line] | None = None
        self._slowest = 0.0

    def suspicious(self, line: Line, request: bytes, body: bytes) -> bool:
        """Note an answer; tell whether it may be an earlier one that came again."""
        if self.expected:
            return False
        asked, said = hash(request), hash(body)
        if (
            self._last is not None
            and self._last[1] == said
            and self._last[0] != asked
            and self._last[2] is not line
        ):
            self.expected = True
            return False
        self._last = (asked, said, line)
        before = line.answered.get(said)
        line.answered[said] = asked
        if len(line.answered) > REMEMBERED:
            line.answered.popitem(last=False)
        return before is not None and before != asked

    def patience(self, seconds: float) -> float:
        """Return how long to wait for a second answer, from how long a first one takes."""
        self._slowest = max(self._slowest, seconds)
        shortest, longest = PATIENCE_SECONDS
        return min(max(shortest, 2 * self._slowest), longest)


def lines_of(connector: aiohttp.TCPConnector, loop: asyncio.AbstractEventLoop) -> aiohttp.TCPConnector:
    """Make a connector's connections Lines."""
    # No public door for this in aiohttp; tests/providers/test_openai.py fails if it ever closes.
    connector._factory = partial(Line, loop=loop)  # type: ignore[assignment]
    return connector
