"""The content address of a call: the one digest that two calls share only where they ask the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from promptops.canonical import digest_of
from promptops.judges import JUDGES_APART
from promptops.types import Request


@dataclass(frozen=True)
class Asked:
    """Who is asked: a model's whole name, where its answers come from, and what is added to each request."""

    model: str
    origin: str
    body: Mapping[str, JsonValue] = field(default_factory=dict)


def content_address(asked: Asked, request: Request, prompt_digest: str) -> str:
    """Return the SHA-256, in hex, of all that can change an answer.

    That is the model, where it is reached, the body's extra fields, every message, the parameters, the
    response format, the number of the repeat, that of the poll where it is not the first, and the digest of
    the prompt with its template.
    """
    poll = {"poll": request.poll} if request.poll else {}
    return digest_of(
        {
            "model": asked.model,
            "origin": asked.origin,
            "body": dict(asked.body),
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "parameters": request.parameters,
            "response_format": request.response_format,
            "repeat": request.repeat,
            "prompt": prompt_digest,
            **poll,
        }
    )


def former_request(request: Request) -> Request:
    """Return a request with the number that its poll had in older runs.

    There, two judges of a jury that asked word for word the same shared an address.
    """
    if request.poll < JUDGES_APART:
        return request
    return request.model_copy(update={"poll": request.poll % JUDGES_APART})


def seal_of(address: str | None, content: str) -> str:
    """Return the digest that binds a stored completion, as its text in the store, to its request."""
    return hashlib.sha256(f"{address or ''}\n{content}".encode("utf-8", "surrogatepass")).hexdigest()
