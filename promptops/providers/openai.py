"""Any server of the OpenAI chat API: OpenAI itself, vLLM, Ollama, llama.cpp, a LiteLLM proxy ...

The client is our own and thin: official ones cost ten times the CPU, retry behind the runner's
back, and take a proxy's HTML page for an answer (measured in design/reliability.md, finding 3).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import JsonValue
from pydantic_core import to_json

from promptops.errors import CallFailed, UsageError
from promptops.providers import Model, ProviderSettings
from promptops.providers._openai_address import KEY_VARIABLE, address_of
from promptops.providers._openai_answer import completion_of
from promptops.providers._openai_errors import refusal
from promptops.providers._openai_logprobs import wants_logprobs
from promptops.providers._openai_stream import EVENT_STREAM, FirstToken, whole_body
from promptops.providers._ratelimits import allowances
from promptops.types import Completion, Request

if TYPE_CHECKING:
    from ssl import SSLContext

    from promptops.providers._openai_batch import OpenAIBatches
    from promptops.providers._openai_embeddings import OpenAIEmbeddings
    from promptops.providers._openai_wire import Wire


class OpenAI(Model):
    """Asks `POST {base_url}/chat/completions`, once, and believes nothing that comes back unchecked."""

    key_variable: ClassVar[str | None] = KEY_VARIABLE
    by_usage: ClassVar[bool] = True

    def __init__(
        self, model: str, settings: ProviderSettings, environment: Mapping[str, str], root: Path
    ) -> None:
        """Find server, key and certificates. Raises SettingsError naming what to set."""
        super().__init__(model, settings, environment, root)
        if not model:
            raise UsageError("No model is named after 'openai/'. Write for instance openai/gpt-4o-mini.")
        self._address = address_of(settings, environment)
        self._wire: Wire | None = None
        self._tls: SSLContext | None = None
        if settings.ca_file is not None:
            from promptops.providers._openai_tls import context_with  # ssl takes time to import

            self._tls = context_with(settings.ca_file, root)

    @property
    def origin(self) -> str:
        """The server's address, with a digest of extra fields and headers; never the key."""
        return self._address.origin

    @property
    def account(self) -> str:
        """The server and a digest of the key: limits are counted for both together."""
        return self._address.account

    @property
    def patience(self) -> float:
        """`timeout` covers everything from the connection to the last byte."""
        return self.settings.timeout

    async def generate(self, request: Request) -> Completion:
        """Ask once. Raises CallFailed with the kind of failure, within `timeout` seconds."""
        sent = self._body(request)
        body = _spelled(sent)
        wire = self._open_wire()
        began = time.monotonic()
        first = FirstToken() if self.settings.stream else None
        reply = await wire.post(body, self.settings.timeout, None if first is None else first.feed)
        seconds = time.monotonic() - began
        key = self._address.key
        if self.tell is not None and (told := allowances(reply.headers)):
            self.tell(told)
        if not 200 <= reply.status < 300:
            raise refusal(reply.status, reply.headers, reply.body, key, self._address.url)
        text, headers, ttft = reply.body, reply.headers, None
        if first is not None and EVENT_STREAM in headers.get("content-type", "").lower():
            plain = {name.lower(): value for name, value in headers.items()}
            text, headers = whole_body(text, key), {**plain, "content-type": "application/json"}
            ttft = None if first.at is None else first.at - began
        found = completion_of(
            text,
            reply.status,
            headers,
            key=key,
            settings=self.settings,
            seconds=seconds,
            logprobs=wants_logprobs(sent),
        )
        return found if ttft is None else found.model_copy(update={"ttft": ttft})

    def unfit(self, parameters: Mapping[str, JsonValue]) -> str:
        """`stream` belongs to the settings: who reads the answer must know how it comes."""
        if not parameters.get("stream"):
            return ""
        return "The parameter 'stream' can't be used; write `stream = true` into the provider's settings."

    def batches(self) -> OpenAIBatches:
        """Return the server's files and batches."""
        from promptops.providers._openai_batch import OpenAIBatches  # aiohttp

        return OpenAIBatches(self._address, self.settings, self._tls)

    def embedder(self) -> OpenAIEmbeddings:
        """Return the server's embeddings by this model."""
        from promptops.providers._openai_embeddings import OpenAIEmbeddings  # aiohttp

        return OpenAIEmbeddings(self._address, self.model, self.settings, self._tls)

    def body(self, request: Request) -> dict[str, JsonValue]:
        """Return what is sent in a batch: it is never streamed."""
        body = self._body(request)
        for name in ("stream", "stream_options"):
            body.pop(name, None)
        return body

    async def close(self) -> None:
        """Close the connections; due in each event loop that asked."""
        wire, self._wire = self._wire, None
        if wire is not None and wire.loop is asyncio.get_running_loop():
            await wire.close()

    def _body(self, request: Request) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {
            **self.settings.body,
            **request.parameters,
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        }
        wanted = _response_format(request.response_format)
        if wanted is not None:
            body["response_format"] = wanted
        if told := self.unfit(body):
            raise CallFailed("rejected", told)
        if self.settings.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def _open_wire(self) -> Wire:
        if self._wire is None or self._wire.loop is not asyncio.get_running_loop():
            from promptops.providers._openai_wire import Wire  # aiohttp: 0.2 s that only a first call needs

            self._wire = Wire(self._address, self.settings.headers, self.settings.max_bytes, self._tls)
        return self._wire


def _spelled(body: dict[str, JsonValue]) -> bytes:
    """Return a body as JSON in ASCII, which every server reads whatever it takes the encoding for."""
    try:
        fast = to_json(body, inf_nan_mode="constants")
    except ValueError:  # half a character, or too deep for the fast one
        return json.dumps(body).encode()
    return fast if fast.isascii() else json.dumps(body).encode()


def _response_format(given: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    if given is None or given.get("type") == "text":
        return None
    if given.get("type") != "json_schema" or "json_schema" in given:
        return given
    schema: dict[str, JsonValue] = {
        "name": given.get("name", "answer"),
        "schema": given.get("schema", {}),
        "strict": given.get("strict", True),
    }
    return {"type": "json_schema", "json_schema": schema}
