"""The Batch API: requests in a file, answered within a day, for half the price where a server says so.

POST /files (multipart, purpose `batch`), POST /batches, GET /batches and /files/ID/content, as OpenAI
documents them (platform.openai.com/docs/guides/batch) and others copy them. What is downloaded goes to a
file, not into memory.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import BinaryIO

import aiohttp
from pydantic import JsonValue
from yarl import URL

from promptops.errors import CallFailed
from promptops.providers import Batch, BatchServer, BatchStatus, ProviderSettings
from promptops.providers._openai_address import Address
from promptops.providers._openai_answer import completion_of
from promptops.providers._openai_errors import error_in_answer, refusal
from promptops.providers._wording import masked, one_line
from promptops.types import Completion

ENDPOINT = "/v1/chat/completions"
MAX_REQUESTS = 50_000
MAX_BYTES = 190_000_000
"""A file may have 200 MB; the form around it takes a little."""
PAGE = 100
PAGES = 100
CONNECT_SECONDS = 10.0
STALL_SECONDS = 120.0
"""A transfer that stands still so long has failed."""
DOWNLOAD_BYTES = 4_000_000_000
_REPLY_BYTES = 2_000_000
_STATUSES: dict[str, BatchStatus] = {
    "validating": "pending",
    "in_progress": "pending",
    "finalizing": "pending",
    "cancelling": "pending",
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}


class OpenAIBatches(BatchServer):
    """One server's files and batches, asked with the key that belongs to it."""

    max_requests = MAX_REQUESTS
    max_bytes = MAX_BYTES

    def __init__(
        self, address: Address, settings: ProviderSettings, tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = address
        self._settings = settings
        self._tls = tls
        self._base = URL(address.url, encoded=True)
        self._session: aiohttp.ClientSession | None = None

    def line(self, custom_id: str, body: Mapping[str, JsonValue]) -> bytes:
        """Return one request as it stands in a file."""
        row = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"

    async def submit(self, file: BinaryIO, name: str, metadata: Mapping[str, str], window: str) -> Batch:
        """Upload a file of requests and have it worked on. Raises CallFailed."""
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", file, filename=name, content_type="application/jsonl")
        uploaded = await self._json("POST", "files", data=form)
        given: dict[str, JsonValue] = {
            "input_file_id": _id(uploaded, "file"),
            "endpoint": ENDPOINT,
            "completion_window": window,
            "metadata": dict(metadata),
        }
        return _batch(await self._json("POST", "batches", json=given))

    async def listed(self, metadata: Mapping[str, str]) -> list[Batch]:
        """Return the batches with all of this metadata, the oldest first. Raises CallFailed."""
        found: list[Batch] = []
        after = ""
        for _ in range(PAGES):
            query = {"limit": str(PAGE), **({"after": after} if after else {})}
            page = await self._json("GET", "batches", query=query)
            rows = page.get("data")
            if not isinstance(rows, list):
                raise CallFailed("malformed", "The server sent a list of batches without any data.")
            batches = [_batch(row) for row in rows if isinstance(row, dict)]
            found += [each for each in batches if metadata.items() <= each.metadata.items()]
            if not page.get("has_more") or not batches or batches[-1].id == after:
                break
            after = batches[-1].id
        return sorted(found, key=lambda each: (each.created_at, each.id))

    async def batch(self, batch_id: str) -> Batch | None:
        """Return one batch; None where the server knows none of that id. Raises CallFailed."""
        try:
            found = _batch(await self._json("GET", f"batches/{_safe(batch_id)}"))
        except CallFailed as failed:
            if failed.status == 404:
                return None
            raise
        if found.id != batch_id:
            raise CallFailed("malformed", f"The server was asked for batch {batch_id} and sent another one.")
        return found

    async def cancel(self, batch_id: str) -> Batch:
        """Have a batch worked on no more. Raises CallFailed."""
        return _batch(await self._json("POST", f"batches/{_safe(batch_id)}/cancel"))

    async def download(self, file_id: str, target: BinaryIO) -> None:
        """Write a file of results to `target`. Raises CallFailed."""
        async with _Told(self, "download"), self._sent("GET", f"files/{_safe(file_id)}/content") as response:
            await self._refuse(response)
            size = 0
            async for chunk in response.content.iter_chunked(65_536):
                size += len(chunk)
                if size > DOWNLOAD_BYTES:
                    raise CallFailed("too_large", f"The file {file_id} is over {DOWNLOAD_BYTES:,} bytes.")
                target.write(chunk)

    def read(self, line: bytes) -> tuple[str, Completion | CallFailed]:
        """Return whose result a line is, and the result. Raises ValueError where it is nobody's."""
        key = self._address.key
        row = json.loads(line)
        custom_id = row.get("custom_id") if isinstance(row, dict) else None
        if not isinstance(custom_id, str):
            raise ValueError("a line without custom_id")
        response, error = row.get("response"), row.get("error")
        if not isinstance(response, dict):
            given = error if isinstance(error, dict) else {}
            code, words = str(given.get("code") or ""), one_line(masked(str(given.get("message") or ""), key))
            if _never_came(code):
                return custom_id, CallFailed(
                    "timeout", f"The batch ended before this was answered: {words or code}"
                )
            return custom_id, error_in_answer(given or {"message": "no response"}, 200, {}, key)
        status, body = response.get("status_code"), response.get("body")
        if not isinstance(status, int):
            return custom_id, CallFailed("malformed", "The server sent a result without a status.")
        text = json.dumps(body).encode()
        headers = {"x-request-id": str(response.get("request_id") or "")}
        if not 200 <= status < 300:
            return custom_id, refusal(status, headers, text, key)
        try:
            found = completion_of(text, status, headers, key=key, settings=self._settings, seconds=0.0)
        except CallFailed as failed:
            return custom_id, failed
        # How long it waited in the batch says nothing of how long the model took.
        return custom_id, found.model_copy(update={"seconds": None})

    def unanswered(self, line: bytes) -> bool:
        """Tell whether a line only says that the batch ended before the request's turn came."""
        row = json.loads(line)
        error = row.get("error") if isinstance(row, dict) else None
        return isinstance(error, dict) and not row.get("response") and _never_came(str(error.get("code")))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: JsonValue | None = None,
        data: aiohttp.FormData | None = None,
    ) -> dict[str, JsonValue]:
        async with _Told(self, path), self._sent(method, path, query, json, data) as response:
            await self._refuse(response)
            return _object(await response.content.read(_REPLY_BYTES))

    def _sent(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        json: JsonValue | None = None,
        data: aiohttp.FormData | None = None,
    ) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=STALL_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "promptops", **self._headers()},
            )
        url = self._base.with_path(self._base.path.removesuffix("/chat/completions") + f"/{path}")
        url = url.with_query({**self._base.query, **(query or {})})
        return self._session.request(
            method, url, json=json, data=data, allow_redirects=False, proxy=self._address.proxy
        )

    def _headers(self) -> dict[str, str]:
        given = dict(self._settings.headers)
        if self._address.key is not None and "authorization" not in {name.lower() for name in given}:
            given["Authorization"] = f"Bearer {self._address.key}"
        return given

    async def _refuse(self, response: aiohttp.ClientResponse) -> None:
        if not 200 <= response.status < 300:
            body = await response.content.read(64_000)
            raise refusal(response.status, response.headers, body, self._address.key)


def _never_came(code: str) -> bool:
    """Tell whether a code (`batch_expired`, `batch_cancelled`) says that a request was never worked on."""
    return "expired" in code or "cancel" in code


class _Told:
    """Turns faults of the connection into CallFailed, without anything that holds a header."""

    def __init__(self, server: OpenAIBatches, what: str) -> None:
        self._key = server._address.key
        self._what = what

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            raise CallFailed("timeout", f"The server did not answer in time ({self._what}).") from None
        if isinstance(error, aiohttp.ClientError | OSError):
            words = one_line(masked(str(error), self._key)) or type(error).__name__
            raise CallFailed("connection", f"The connection failed ({self._what}): {words}") from None


def _object(body: bytes) -> dict[str, JsonValue]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CallFailed("malformed", "The server sent no JSON object where one belongs.")
    return found


def _id(row: Mapping[str, JsonValue], what: str) -> str:
    found = row.get("id")
    if not isinstance(found, str) or not found:
        raise CallFailed("malformed", f"The server sent a {what} without an id.")
    return found


def _safe(name: str) -> str:
    """Return an id as a part of a path. Raises CallFailed where it could lead elsewhere."""
    if not name or not all(sign.isalnum() or sign in "-_." for sign in name) or name.startswith("."):
        raise CallFailed("malformed", f"The server names a file or batch {one_line(name, 60)!r}.")
    return name


def _batch(row: Mapping[str, JsonValue]) -> Batch:
    status, counts, metadata = row.get("status"), row.get("request_counts"), row.get("metadata")
    errors = row.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else errors
    told = (
        [str(each.get("message") or each) for each in listed if isinstance(each, dict)]
        if isinstance(listed, list)
        else []
    )
    number = counts if isinstance(counts, dict) else {}
    created = row.get("created_at")
    return Batch(
        id=_safe(_id(row, "batch")),
        status=_STATUSES.get(str(status), "pending"),
        told=str(status),
        metadata={str(key): str(value) for key, value in metadata.items()}
        if isinstance(metadata, dict)
        else {},
        input_file=_name(row.get("input_file_id")),
        result_files=tuple(
            name for key in ("output_file_id", "error_file_id") if (name := _name(row.get(key))) is not None
        ),
        total=_count(number.get("total")),
        completed=_count(number.get("completed")),
        failed=_count(number.get("failed")),
        errors=tuple(one_line(each, 300) for each in told[:5]),
        created_at=float(created) if isinstance(created, int | float) else 0.0,
    )


def _name(value: JsonValue | None) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: JsonValue | None) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
