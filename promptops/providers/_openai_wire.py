"""The way to a server and back: one pool of connections, caps on what is read, no wrong reuse.

Imported when the first call is made: this file and its two neighbours (direct, lines) alone meet aiohttp.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from promptops.errors import CallFailed
from promptops.providers._deadlines import Deadlines
from promptops.providers._openai_address import Address
from promptops.providers._openai_direct import Direct, Exchange
from promptops.providers._openai_lines import Line, Repetitions, lines_of
from promptops.providers._openai_stream import ENDED_EARLY, EVENT_STREAM
from promptops.providers._wording import masked, one_line

CONNECT_SECONDS = 10.0
# Packed, a piece would be seen only when a whole block of them is there.
_STREAMED = {"Accept": f"{EVENT_STREAM}, application/json", "Accept-Encoding": "identity"}
ERROR_BYTES = 64_000
"""How much of a refusal is read; its message stands at the beginning."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, decompressed, before anybody looked at it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Posts bodies to one server, in one event loop."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        max_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._url = URL(address.url, encoded=True)
        self._key = address.key
        self._proxy = address.proxy
        self._max_bytes = max_bytes
        self._deadlines = Deadlines(self.loop)
        self._repetitions = Repetitions()
        self._doubles = False  # a server that did it once gets a new connection for each call
        connector = lines_of(aiohttp.TCPConnector(limit=0, ssl=True if tls is None else tls), self.loop)
        plain = _headers(headers, address.key)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # done here, under a cap
            headers=plain,
        )
        self._direct: tuple[Direct, Direct] | None = None
        if self._proxy is None and Direct.can_send(plain):
            whole, streamed = (
                Direct(connector, self._url, asked, CONNECT_SECONDS)
                for asked in (plain, _replaced(plain, _STREAMED))
            )
            self._direct = (whole, streamed)

    async def post(
        self, body: bytes, seconds: float, arrived: Callable[[bytes], None] | None = None
    ) -> Reply:
        """Send a body and read the whole reply within `seconds`. Raises CallFailed.

        With `arrived`, a stream of events is asked for, and told piece by piece as it comes.
        """
        began = time.monotonic()
        try:
            with self._deadlines.within(seconds):
                return await self._post(body, began, arrived)
        except TimeoutError:
            spent = time.monotonic() - began
            what = f"no whole answer within {seconds:g} s" if spent >= seconds else "no connection in time"
            failure = CallFailed("timeout", f"The server gave {what}.")
        except aiohttp.ClientPayloadError:  # its own words speak of a status 400 that nobody sent
            failure = (
                CallFailed("connection", "The connection ended before the whole answer was there.")
                if arrived is None
                else CallFailed("malformed", ENDED_EARLY)
            )
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError) as error:
            words = one_line(masked(str(error), self._key)) or type(error).__name__
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                words += " If an authority of your own signed it, name its certificate with ca_file."
            failure = CallFailed("connection", f"The connection failed: {words}")
        # Raised out here, so that no error of aiohttp, which holds the headers, hangs on to it.
        raise failure

    async def close(self) -> None:
        """Close all connections."""
        self._deadlines.close()
        await self._session.close()

    async def _post(self, body: bytes, began: float, arrived: Callable[[bytes], None] | None) -> Reply:
        if self._direct is None:
            return await self._post_by_session(body, began, arrived)
        exchange = await self._direct[arrived is not None].send(body)
        try:
            await exchange.begin()
            read = await self._read(exchange, arrived)
            await self._look_at(exchange.line, exchange.status, body, read, time.monotonic() - began)
        except BaseException:
            exchange.close()
            raise
        exchange.release()
        cap = self._cap(exchange.status)
        return Reply(exchange.status, exchange.headers, _decompressed(exchange, read, cap))

    async def _post_by_session(
        self, body: bytes, began: float, arrived: Callable[[bytes], None] | None
    ) -> Reply:
        response = await self._session.post(
            self._url,
            data=body,
            allow_redirects=False,
            proxy=self._proxy,
            headers=None if arrived is None else _STREAMED,
        )
        line = Line.current()
        try:
            read = await self._read(response, arrived)
        except BaseException:
            response.close()
            raise
        status = response.status
        if line is not None:
            await self._look_at(line, status, body, read, time.monotonic() - began)
        return Reply(status, response.headers, _decompressed(response, read, self._cap(status)))

    async def _read(
        self, response: aiohttp.ClientResponse | Exchange, arrived: Callable[[bytes], None] | None
    ) -> bytes:
        cap = self._cap(response.status)
        wanted = response.status < 300
        if wanted and (response.content_length or 0) > cap:
            raise _too_large(cap)
        chunks: list[bytes] = []
        size = 0
        while chunk := await response.content.readany():
            if arrived is not None:
                arrived(chunk)
            chunks.append(chunk)
            size += len(chunk)
            if size > cap:
                if wanted:
                    raise _too_large(cap)
                response.close()
                break
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _cap(self, status: int) -> int:
        return self._max_bytes if status < 300 else min(ERROR_BYTES, self._max_bytes)

    async def _look_at(self, line: Line, status: int, asked: bytes, said: bytes, seconds: float) -> None:
        if not 200 <= status < 300:
            line.end()
            return
        if not self._repetitions.suspicious(line, asked, said):
            line.checked = True
            if self._doubles:
                line.end()
            return
        if await line.says_more(self._repetitions.patience(seconds)):
            self._doubles = True
            raise CallFailed(
                "malformed",
                "The server sent the answer to an earlier request again in place of this one's.",
                status=200,
            )
        self._repetitions.expected = True


def _headers(extra: Mapping[str, str], key: str | None) -> dict[str, str]:
    headers = {"User-Agent": "promptops", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    headers["Content-Type"] = "application/json"
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return _replaced(headers, extra)


def _replaced(headers: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower() for name in by}
    return {**{name: value for name, value in headers.items() if name.lower() not in given}, **by}


def _decompressed(response: aiohttp.ClientResponse | Exchange, body: bytes, cap: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return body
    refused = response.status >= 300
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        if refused:
            return b""
        raise CallFailed(
            "malformed", f"The server sent the encoding {one_line(encoding, 40)!r}, unasked.", status=200
        )
    try:
        text, whole = _inflated(body, encoding, cap)
    except zlib.error:
        text, whole = b"", False
    if len(text) > cap:
        if refused:
            return text[:cap]
        raise _too_large(cap)
    if not whole and not refused:
        raise CallFailed("malformed", f"The server sent a broken {encoding} body.", status=200)
    return text


def _inflated(body: bytes, encoding: str, cap: int) -> tuple[bytes, bool]:
    # 32 tells gzip from zlib by the header; some servers say deflate and mean neither.
    bare = encoding == "deflate" and not (body[:1] and body[0] & 0x0F == 8)
    stream = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
    text = stream.decompress(body, cap + 1)
    return text, stream.eof


def _too_large(cap: int) -> CallFailed:
    return CallFailed(
        "too_large",
        f"The answer is larger than {cap:,} bytes; `max_bytes` of the provider is the cap.",
        status=200,
    )
