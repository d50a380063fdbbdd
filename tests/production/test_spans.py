"""Spans of OpenTelemetry as records: the conventions of several years, each as its documents show it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from promptops import Project
from promptops.errors import FileProblems
from promptops.production.records import Record, subject_mark
from promptops.production.spans import rows_of
from tests.made import Folder

TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"
BEGUN = 1_793_872_800_000_000_000


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {"stringValue": value}


def attributes(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in told.items()]


def span(
    told: dict[str, Any], events: dict[str, dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "chat m",
        "startTimeUnixNano": str(BEGUN),
        "endTimeUnixNano": str(BEGUN + 1_500_000_000),
        "attributes": attributes(told),
        "events": [{"name": name, "attributes": attributes(each)} for name, each in (events or {}).items()],
        **more,
    }


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": attributes({"service.name": "shop"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def read(folder: Folder, *spans: dict[str, Any]) -> list[Record]:
    path = folder.path / "spans.jsonl"
    path.write_text(json.dumps(request(*spans)) + "\n", "utf-8")
    with Project.open(folder.path) as project:
        project.import_records(path)
        return project.records()


BASE = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Where is"}, {"type": "text", "content": "it?"}]},
]
ANSWERED = [{"role": "assistant", "parts": [{"type": "text", "content": "Here."}], "finish_reason": "stop"}]
FORMS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]] | None]] = {
    "messages as text, since v1.37": (
        {"gen_ai.input.messages": json.dumps(ASKED), "gen_ai.output.messages": json.dumps(ANSWERED)},
        None,
    ),
    "messages as structures": ({"gen_ai.input.messages": ASKED, "gen_ai.output.messages": ANSWERED}, None),
    "system instructions apart": (
        {
            "gen_ai.system_instructions": json.dumps(ASKED[0]["parts"]),
            "gen_ai.input.messages": json.dumps(ASKED[1:]),
            "gen_ai.output.messages": json.dumps(ANSWERED),
        },
        None,
    ),
    "an event with all, v1.37": (
        {},
        {
            "gen_ai.client.inference.operation.details": {
                "gen_ai.input.messages": ASKED,
                "gen_ai.output.messages": ANSWERED,
            }
        },
    ),
    "events by message, v1.28": (
        {},
        {
            "gen_ai.system.message": {"gen_ai.event.content": json.dumps({"content": "Be kind."})},
            "gen_ai.user.message": {"content": "Where is\nit?"},
            "gen_ai.choice": {
                "gen_ai.event.content": json.dumps({"message": {"content": "Here."}, "finish_reason": "stop"})
            },
        },
    ),
    "events of content, v1.27": (
        {},
        {
            "gen_ai.content.prompt": {
                "gen_ai.prompt": json.dumps(
                    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is\nit?"}]
                )
            },
            "gen_ai.content.completion": {
                "gen_ai.completion": json.dumps(
                    [{"role": "assistant", "content": "Here.", "finish_reason": "stop"}]
                )
            },
        },
    ),
    "numbered attributes of OpenLLMetry": (
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be kind.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps(
                [{"type": "text", "text": "Where is"}, {"type": "text", "text": "it?"}]
            ),
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Here.",
            "gen_ai.completion.0.finish_reason": "stop",
        },
        None,
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "input.value": '{"messages": "the whole request"}',
            "output.value": '{"choices": "the whole response"}',
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be kind.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.text": "Where is",
            "llm.input_messages.1.message.contents.1.message_content.text": "it?",
            "llm.output_messages.0.message.content": "Here.",
            "llm.output_messages.0.message.finish_reason": "stop",
        },
        None,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_was_said_is_found_in_every_convention(folder: Folder, name: str) -> None:
    told, events = FORMS[name]
    [record] = read(folder, span({**BASE, **told}, events))
    assert (record.inputs, record.output) == ({"text": "Where is\nit?"}, "Here.")
    assert record.metadata["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Where is\nit?"},
    ]
    assert record.finish_reason == "stop"


def test_plain_texts_are_found_too(folder: Folder) -> None:
    [record] = read(
        folder, span({"openinference.span.kind": "LLM", "input.value": "Where?", "output.value": "Here."})
    )
    assert (record.inputs, record.output, "messages" in record.metadata) == (
        {"text": "Where?"},
        "Here.",
        False,
    )


def test_figures_names_and_people_are_taken(folder: Folder) -> None:
    told = {
        **BASE,
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "m-2026",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.conversation.id": "chat 4",
        "langfuse.observation.prompt.name": "reply",
        "langfuse.observation.prompt.version": 3,
        "traceloop.association.properties.user_id": "ada",
        "llm.cost.total": 0.25,
    }
    [record] = read(folder, span(told, parentSpanId=PARENT))
    assert record == Record(
        id=f"{TRACE}-{SPAN}", at="2026-11-05T10:00:00.000000+00:00", prompt="reply", version=3,
        model="m-2026", finish_reason="length", tokens_in=12, tokens_out=3, seconds=1.5, cost=0.25,
        subject=subject_mark("ada"), session="chat 4", parent=f"{TRACE}-{PARENT}", source="spans.jsonl",
        metadata={"span": "chat m", "service": "shop", "provider": "openai", "requested_model": "m"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "events", "error"),
    [
        ({"attributes": attributes({**BASE, "error.type": "timeout"})}, None, "timeout"),
        ({"status": {"code": 2}}, {"exception": {"exception.type": "ValueError"}}, "ValueError"),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, None, "error"),
        ({"status": {"code": 1}}, None, None),
    ],
)
def test_an_error_is_told_by_its_class(
    folder: Folder, more: dict[str, Any], events: dict[str, dict[str, Any]] | None, error: str | None
) -> None:
    assert read(folder, span(BASE, events, **more))[0].error == error


def test_other_spans_are_counted_and_left_out(folder: Folder) -> None:
    others = [
        span({"http.request.method": "GET"}),
        span({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e"}),
        span({"gen_ai.operation.name": "execute_tool"}),
        span({"openinference.span.kind": "CHAIN", "llm.model_name": "m"}),
    ]
    (folder.path / "spans.json").write_text(json.dumps(request(span(BASE), *others), indent=2), "utf-8")
    told = folder.json("records", "import", "spans.json")["imported"]
    assert (told["format"], told["added"]) == ("otel", 1)
    assert told["left_out"] == {"spans that are no calls to a model": 4}
    assert folder.json("records", "import", "spans.json")["imported"]["added"] == 0
    folder.write("none.jsonl", json.dumps(request(*others)))
    assert (
        "holds no calls to a model, but 4 other spans"
        in folder.run("records", "import", "none.jsonl", code=2).stderr
    )


def test_ids_in_base64_are_the_same_ids(folder: Folder) -> None:
    as_base64 = {
        "traceId": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "spanId": base64.b64encode(bytes.fromhex(SPAN)).decode(),
    }
    assert read(folder, span(BASE), span(BASE, **as_base64)) == read(folder, span(BASE))


def test_faults_of_spans_are_told_by_their_ids_and_attributes(folder: Folder) -> None:
    broken = span({**BASE, "gen_ai.usage.input_tokens": -4}, startTimeUnixNano="soon")
    (folder.path / "spans.jsonl").write_text(
        json.dumps(request(span(BASE))) + "\n" + json.dumps(request(broken)) + '\n{"other": 1}\n', "utf-8"
    )
    with Project.open(folder.path) as project, pytest.raises(FileProblems) as caught:
        project.import_records(folder.path / "spans.jsonl", form="otel")
    told = str(caught.value)
    where = f"spans.jsonl:2: span {SPAN} ('chat m', trace {TRACE})"
    assert f"{where}: startTimeUnixNano: must be a time" in told
    assert f"{where}: gen_ai.usage.input_tokens: must be greater than or equal to 0, not -4" in told
    assert "spans.jsonl:3:1: has no `resourceSpans`" in told
    assert "--skip-faulty" in told and "--map" not in told


def test_of_many_spans_faulty_ones_are_skipped_and_told(folder: Folder) -> None:
    spans = [span(BASE, spanId=f"{place:016x}") for place in range(1, 41)]
    for place in (3, 17):
        spans[place]["attributes"] = attributes({**BASE, "llm.token_count.prompt": -place})
    del spans[20]["startTimeUnixNano"]
    spans[21]["startTimeUnixNano"] = "0"
    folder.write("spans.json", json.dumps(request(*spans), indent=1))
    told = folder.run("records", "import", "spans.json", code=2).stderr
    assert f"spans.json: span {4:016x} ('chat m', trace {TRACE}): llm.token_count.prompt: must" in told
    assert f"startTimeUnixNano: is not there: when was the call? (and 1 more such: span {22:016x}" in told
    found = folder.run("records", "import", "spans.json", "--skip-faulty")
    assert "36 records, of which 36 are new" in found.stdout
    assert "Skipped, as they can't be read: 4 spans or lines" in found.stderr
    assert found.stderr.count("spans.json: span ") == 4
    spans[0]["attributes"] = attributes({**BASE, "gen_ai.usage.output_tokens": 5})
    folder.write("spans.jsonl", json.dumps(request(*spans)))
    again = folder.run("records", "import", "spans.jsonl", "--skip-faulty").stderr
    assert (
        f"spans.jsonl:1: span {1:016x} ('chat m', trace {TRACE}): id {TRACE}-{1:016x}: another tokens_out"
        in (again)
    )


def test_a_span_without_ids_is_told_by_its_number(folder: Folder) -> None:
    odd = span({**BASE, "gen_ai.usage.input_tokens": -4}, spanId=None, name="a\nb")
    folder.write("spans.jsonl", json.dumps(request(span({"http.route": "/"}), odd)))
    told = folder.run("records", "import", "spans.jsonl", code=2).stderr
    assert f"spans.jsonl:1: span number 2 of its request ('a\\nb', trace {TRACE})" in told


@pytest.mark.parametrize(
    "hostile",
    [
        {"resourceSpans": 5},
        {
            "resourceSpans": [
                None,
                {"scopeSpans": [None, {"spans": [None, 7, {"attributes": [3, {}, {"key": 1}]}]}]},
            ]
        },
        {"resourceSpans": [{"scopeSpans": {"spans": []}}]},
        request(span({"gen_ai.input.messages": "[" * 2_000, **BASE})),
        request(span({"gen_ai.response.finish_reasons": '["\x00"]', "gen_ai.prompt": {"a": [{}]}, **BASE})),
        request(span({"gen_ai.response.finish_reasons": '["a", b"]', **BASE})),
    ],
)
def test_odd_spans_crash_nothing(hostile: dict[str, Any]) -> None:
    assert all(row is None or row.fields["id"] for row in rows_of(hostile))
