"""Requests written straight onto aiohttp's connections: what never changes about them is made once.

A session makes a request and a response object, a task and a dozen headers anew for every call, which is
half of the steps that a run spends on one. Connections, TLS and the parser of answers stay aiohttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
from yarl import URL

from promptops.providers._openai_lines import Line

BUFFER = 2**16
_BY_CALL = frozenset({"content-length", "transfer-encoding", "expect", "connection", "trailer", "upgrade"})
"""Headers that change how a body is sent; whoever sets them gets aiohttp's own way."""


class Direct:
    """Sends bodies to one address, in one event loop."""

    def __init__(
        self, connector: aiohttp.TCPConnector, url: URL, headers: Mapping[str, str], connect_seconds: float
    ) -> None:
        self._connector = connector
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_seconds)
        # Only its address and its headers are used, as often as there are calls; it is never sent.
        self._request = aiohttp.ClientRequest("POST", url, headers=headers, loop=asyncio.get_running_loop())
        told = {name: value for name, value in self._request.headers.items() if name.lower() not in _BY_CALL}
        self._start = f"POST {url.raw_path_qs} HTTP/1.1\r\n".encode()
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in told.items()).encode()

    @staticmethod
    def can_send(headers: Mapping[str, str]) -> bool:
        """Tell whether requests with these headers are all alike but for their bodies."""
        return not _BY_CALL & {name.lower() for name in headers}

    async def send(self, body: bytes) -> Exchange:
        """Write a request onto a free connection, or a new one. Raises what aiohttp raises."""
        connection = await self._connector.connect(self._request, [], self._timeout)
        try:
            line, transport = connection.protocol, connection.transport
            if not isinstance(line, Line) or transport is None:
                raise aiohttp.ServerDisconnectedError
            line.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=BUFFER)
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            transport.write(b"".join((self._start, self._fixed, length, body)))
        except BaseException:
            connection.close()
            raise
        return Exchange(connection, line)


class Exchange:
    """A request that was sent, and its answer; must be released or closed."""

    __slots__ = ("_connection", "content", "headers", "line", "status")

    def __init__(self, connection: Any, line: Line) -> None:
        self._connection = connection
        self.line = line
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.content: aiohttp.StreamReader

    async def begin(self) -> None:
        """Wait for the head of the answer. Raises what aiohttp raises."""
        while True:
            message, content = await cast("Any", self.line).read()
            if not 100 <= message.code < 200 or message.code == 101:
                break
        self.status, self.headers, self.content = message.code, message.headers, content

    @property
    def content_length(self) -> int | None:
        """How long the body is said to be, if that is said."""
        told = self.headers.get("Content-Length")
        return int(told) if told is not None and told.isdecimal() else None

    def release(self) -> None:
        """Let the connection be used again, if it can be."""
        self._connection.release()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
