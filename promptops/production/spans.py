"""Spans of OpenTelemetry (OTLP as JSON) that are calls to a model, as rows of ours.

The GenAI conventions from 2024 (v1.26) to 2026 with the names that came and went, OpenLLMetry's numbered
attributes, and OpenInference.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from promptops.files.located import shown
from promptops.production.messages import Said, json_in, last_question, said_in

Attributes = Mapping[str, JsonValue]
_CALLS = ("chat", "text_completion", "generate_content", "completion")
_MODELS = (
    *("gen_ai.response.model", "gen_ai.request.model", "llm.response.model", "llm.request.model"),
    "llm.model_name",
)
_TOKENS_IN = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_TOKENS_OUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_SESSIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
)
_PEOPLE = ("enduser.id", "user.id", "langfuse.user.id", "traceloop.association.properties.user_id")
_COSTS = ("promptops.cost_usd", "llm.cost.total", "gen_ai.usage.cost")
_PROMPTS = ("gen_ai.prompt.name", "langfuse.observation.prompt.name", "promptops.prompt.name")
_VERSIONS = ("langfuse.observation.prompt.version", "promptops.prompt.version")
_WRITTEN = {
    "prompt": _PROMPTS,
    "version": _VERSIONS,
    "model": _MODELS,
    "tokens_in": _TOKENS_IN,
    "tokens_out": _TOKENS_OUT,
    "cost": _COSTS,
    "person": _PEOPLE,
    "session": _SESSIONS,
}
"""The attributes that our fields are made of."""
_HEX = re.compile(r"[0-9a-fA-F]+")


class SpanRow(NamedTuple):
    """A span that is a call to a model, as a row of ours."""

    fields: dict[str, JsonValue]
    told: str
    """Which span it is: its ids and its name, or its number in its request."""
    attributes: Attributes

    def written(self, field: str) -> str:
        """Return what one of our fields is called in the span."""
        if field == "at":
            return "startTimeUnixNano"
        return next((name for name in _WRITTEN.get(field, ()) if name in self.attributes), field)


def rows_of(request: JsonValue) -> Iterator[SpanRow | None]:
    """Yield a row for each span of an export request that is a call to a model, and None for any other."""
    number = 0
    for resource in _members(request, "resourceSpans", "resource_spans"):
        about = attributes_of(_member(resource, "resource"))
        scopes = _members(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for span in (span for scope in scopes for span in _members(scope, "spans")):
            number += 1
            yield _row(span, about, number)


def holds_spans(value: JsonValue) -> bool:
    """Tell whether a JSON value is an export request."""
    return isinstance(value, dict) and ("resourceSpans" in value or "resource_spans" in value)


def attributes_of(owner: JsonValue) -> dict[str, JsonValue]:
    """Return the attributes of a span, an event or a resource as plain values."""
    found: dict[str, JsonValue] = {}
    for each in _members(owner, "attributes"):
        if isinstance(each, dict) and isinstance(each.get("key"), str):
            found[str(each["key"])] = _plain(each.get("value"))
    return found


def _row(span: JsonValue, about: Attributes, number: int) -> SpanRow | None:
    if not isinstance(span, dict):
        return None
    told = attributes_of(span)
    if not _is_call(told):
        return None
    events = [(str(_member(each, "name")), attributes_of(each)) for each in _members(span, "events")]
    asked, answered = said_in(told, events)
    trace, own = (
        _hex(span.get("traceId", span.get("trace_id"))),
        _hex(span.get("spanId", span.get("span_id"))),
    )
    parent = _hex(span.get("parentSpanId", span.get("parent_span_id")))
    start = span.get("startTimeUnixNano", span.get("start_time_unix_nano"))
    begun = _integer(start)
    ended = _integer(span.get("endTimeUnixNano", span.get("end_time_unix_nano")))
    row: dict[str, JsonValue] = {
        "id": f"{trace}-{own}" if trace and own else None,
        "at": start if begun is None else begun or None,  # 0 is how protobuf spells that there is none
        "prompt": _first(told, _PROMPTS),
        "version": _first(told, _VERSIONS),
        "model": _first(told, _MODELS),
        "inputs": {"text": last_question(asked)} if asked else None,
        "output": "\n".join(each.text for each in answered) if answered else None,
        "error": _error(span, told, events),
        "finish_reason": _ending(told, answered),
        "tokens_in": _first(told, _TOKENS_IN),
        "tokens_out": _first(told, _TOKENS_OUT),
        "seconds": (ended - begun) / 1e9 if begun and ended and ended >= begun else None,
        "cost": _first(told, _COSTS),
        "person": _first({**about, **told}, _PEOPLE),
        "session": _first(told, _SESSIONS),
        "parent": f"{trace}-{parent}" if trace and parent else None,
        "metadata": _metadata(span, told, about, asked),
    }
    known: dict[str, JsonValue] = {key: value for key, value in row.items() if value is not None}
    return SpanRow(known, _which(trace, own, span.get("name"), number), told)


def _which(trace: str, own: str, name: JsonValue, number: int) -> str:
    told = [shown(name)] if isinstance(name, str) and name else []
    told += [f"trace {_plainly(trace)}"] if trace else []
    which = f"span {_plainly(own)}" if own else f"span number {number:,} of its request"
    return f"{which} ({', '.join(told)})" if told else which


def _plainly(id: str) -> str:
    return id if id.isalnum() else shown(id)


def _is_call(told: Attributes) -> bool:
    operation = told.get("gen_ai.operation.name") or told.get("llm.request.type")
    if isinstance(operation, str):
        return operation in _CALLS
    kind = told.get("openinference.span.kind")
    if isinstance(kind, str):
        return kind.upper() == "LLM"
    return any(name in told for name in ("gen_ai.request.model", "gen_ai.response.model"))


def _error(
    span: Mapping[str, JsonValue], told: Attributes, events: list[tuple[str, dict[str, JsonValue]]]
) -> JsonValue:
    if told.get("error.type"):
        return told["error.type"]
    if _member(span.get("status"), "code") not in (2, "2", "STATUS_CODE_ERROR"):
        return None
    raised = (each.get("exception.type") for name, each in events if name == "exception")
    return next((name for name in raised if name), "error")


def _ending(told: Attributes, answered: list[Said]) -> JsonValue:
    reasons = json_in(told.get("gen_ai.response.finish_reasons"))  # some write a list as its text
    if reasons and isinstance(reasons, list | str):
        return reasons if isinstance(reasons, str) else reasons[0]
    own = next((each.ending for each in answered if each.ending), None)
    return own or told.get("llm.response.finish_reason") or told.get("gen_ai.completion.0.finish_reason")


def _metadata(
    span: Mapping[str, JsonValue], told: Attributes, about: Attributes, asked: list[Said]
) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        "span": span.get("name"),
        "service": about.get("service.name"),
        "provider": _first(told, ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")),
        "response_id": told.get("gen_ai.response.id"),
    }
    requested = _first(told, ("gen_ai.request.model", "llm.request.model"))
    if requested != _first(told, _MODELS):
        found["requested_model"] = requested
    if len(asked) > 1:
        found["messages"] = [{"role": each.role, "content": each.text} for each in asked]
    return {key: value for key, value in found.items() if value not in (None, "")}


def _first(told: Attributes, names: tuple[str, ...]) -> JsonValue:
    return next((told[name] for name in names if told.get(name) not in (None, "")), None)


def _plain(value: JsonValue) -> JsonValue:
    """Return an AnyValue of OTLP as the JSON value that it means."""
    if not isinstance(value, dict) or not value:
        return None
    kind, inside = next(iter(value.items()))
    if kind in ("intValue", "int_value"):  # 64 bits are written as a text
        return _integer(inside)
    if kind in ("arrayValue", "array_value"):
        return [_plain(each) for each in _members(inside, "values")]
    if kind in ("kvlistValue", "kvlist_value"):
        return attributes_of({"attributes": _members(inside, "values")})
    return inside


def _integer(value: JsonValue) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value) else None


def _hex(value: JsonValue) -> str:
    """Return an id as OTLP writes it; protobuf's own JSON has base64 in its place."""
    if not isinstance(value, str) or not value or len(value) > 100:
        return ""
    if len(value) in (16, 32) and _HEX.fullmatch(value):
        return value.lower()
    try:
        return base64.b64decode(value, validate=True).hex()
    except ValueError:
        return value


def _member(owner: JsonValue, name: str) -> JsonValue:
    return owner.get(name) if isinstance(owner, dict) else None


def _members(owner: JsonValue, *names: str) -> list[JsonValue]:
    """Return the list that stands under one of several names; nothing where there is none."""
    found = next((value for name in names if (value := _member(owner, name)) is not None), [])
    return found if isinstance(found, list) else []
