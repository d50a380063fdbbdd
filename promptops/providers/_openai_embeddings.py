"""`POST {base_url}/embeddings`: texts as points, from any server of the OpenAI API.

What is sent and comes back is as OpenAI documents it (platform.openai.com/docs/api-reference/embeddings) and
vLLM, Ollama, llama.cpp, Text Embeddings Inference and LiteLLM copy it.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
from collections.abc import Sequence
from typing import NoReturn

from pydantic import JsonValue

from promptops.errors import CallFailed
from promptops.providers import Embedder, ProviderSettings, Vectors
from promptops.providers._openai_address import Address
from promptops.providers._openai_answer import parsed
from promptops.providers._openai_errors import error_in_answer, refusal
from promptops.providers._openai_wire import Wire

MAX_TEXTS = 128
"""OpenAI takes 2,048; servers on one's own machine often no more than this."""
MAX_CHARACTERS = 200_000
"""OpenAI takes 300,000 tokens in one request."""


class OpenAIEmbeddings(Embedder):
    """One embedding model of one server, asked with the key that belongs to that server."""

    max_texts = MAX_TEXTS
    max_characters = MAX_CHARACTERS

    def __init__(
        self, address: Address, model: str, settings: ProviderSettings, tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = address.at("embeddings")
        self._model = model
        self._settings = settings
        self._tls = tls
        self._wire: Wire | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Ask once. Raises CallFailed with the kind of failure, within the provider's `timeout`."""
        # An empty text is refused by OpenAI, and halves of characters are no UTF-8.
        sent = [text.encode("utf-8", "replace").decode() or " " for text in texts]
        body = {**self._settings.body, "model": self._model, "input": sent, "encoding_format": "float"}
        address, settings = self._address, self._settings
        reply = await self._open_wire().post(json.dumps(body).encode(), settings.timeout)
        if not 200 <= reply.status < 300:
            raise refusal(reply.status, reply.headers, reply.body, address.key, address.url)
        answer, _ = parsed(reply.body, reply.headers, address.key)
        if answer.get("error"):
            raise error_in_answer(answer["error"], reply.status, reply.headers, address.key)
        return Vectors(_rows(answer.get("data"), len(texts)), _tokens(answer.get("usage")))

    async def close(self) -> None:
        """Close the connections; due in each event loop that asked."""
        wire, self._wire = self._wire, None
        if wire is not None and wire.loop is asyncio.get_running_loop():
            await wire.close()

    def _open_wire(self) -> Wire:
        if self._wire is None or self._wire.loop is not asyncio.get_running_loop():
            self._wire = Wire(self._address, self._settings.headers, self._settings.max_bytes, self._tls)
        return self._wire


def _rows(data: JsonValue, count: int) -> list[list[float]]:
    """Return the points in the order of the texts. Raises CallFailed where one is missing or no point."""
    if not isinstance(data, list) or len(data) != count:
        told = f"{len(data)} points" if isinstance(data, list) else "no `data`"
        _malformed(f"{told} for {count} texts")
    found: dict[int, list[float]] = {}
    for place, item in enumerate(data):
        if not isinstance(item, dict):
            _malformed("a point that is no object")
        index = item.get("index", place)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count or index in found:
            _malformed(f"a point for text {str(index)[:20]!r} of {count}")
        found[index] = _point(item.get("embedding"))
    if len({len(point) for point in found.values()}) != 1:
        _malformed("points of different lengths")
    return [found[index] for index in range(count)]


def _point(given: JsonValue) -> list[float]:
    if not isinstance(given, list) or not given:
        _malformed("a point that is no list of numbers (it was asked for as `float`)")
    point = []
    for each in given:
        if isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each):
            _malformed("a point with something else than numbers")
        point.append(float(each))
    return point


def _tokens(usage: JsonValue) -> int | None:
    counts = usage if isinstance(usage, dict) else {}
    for name in ("prompt_tokens", "total_tokens"):
        count = counts.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**53:
            return count
    return None


def _malformed(what: str) -> NoReturn:
    raise CallFailed("malformed", f"The server sent {what}.", status=200)
