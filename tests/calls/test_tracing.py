"""Spans by the GenAI conventions: read back from OpenTelemetry's own in-memory exporter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.made import EVALSET, Folder, questions

pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-0123456789abcdef"
Spans = list[dict[str, Any]]


def spans(folder: Folder, *arguments: str, code: int = 0, **environment: str) -> Spans:
    file = folder.path / "spans.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.traced", str(file), *arguments],
        cwd=folder.path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    found: Spans = json.loads(file.read_text())
    return found


def named(found: Spans, name: str) -> Spans:
    return [span for span in found if span["name"] == name]


def test_a_run_holds_its_samples_and_a_sample_its_calls(folder: Folder) -> None:
    answers = {
        "*": {"tokens_in": 7, "tokens_out": 3, "cost": 0.001, "model": "mock-2026"},
        "q001": {"text": "a WORDY answer"},
        "q002": {"fail": "rejected", "message": "what the SERVER said", "status": 400},
        "q003": [{"fail": "server", "status": 503}, {}],
    }
    parameters = {"temperature": 0.5, "max_tokens": 20, "stop": "END"}
    folder.prompt("ask", "{{ question }}", parameters=parameters, response_format={"type": "json_object"})
    model = folder.script("s.json", answers)
    found = spans(folder, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", model, "--limit", "5")
    (run,) = named(found, "evaluate")
    samples, calls = named(found, "evaluate_sample"), named(found, "chat script:s.json")
    assert (len(samples), len(calls), len(found)) == (5, 6, 12)
    assert {each["parent_id"] for each in samples} == {run["context"]["span_id"]}
    assert len({each["context"]["trace_id"] for each in found}) == 1
    by_id = {each["attributes"]["promptops.sample.id"]: each for each in samples}
    inside = {
        name: [call for call in calls if call["parent_id"] == each["context"]["span_id"]]
        for name, each in by_id.items()
    }
    (call,) = inside["q000"]
    assert call["kind"] == "SpanKind.CLIENT" and run["kind"] == "SpanKind.INTERNAL"
    assert call["attributes"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mock",
        "gen_ai.request.model": "script:s.json",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "mock-2026",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "promptops.cost_usd": 0.001,
    }
    assert "gen_ai.usage.input_tokens" not in inside["q001"][0]["attributes"]
    events = {event["name"]: 0 for event in by_id["q001"]["events"]}
    assert list(events) == ["gen_ai.evaluation.result"]
    assert {
        event["attributes"]["gen_ai.evaluation.name"]: event["attributes"]["gen_ai.evaluation.score.value"]
        for event in by_id["q001"]["events"]
    } == {"exact": 0.0, "contains": 0.0}
    failed = inside["q002"][0]
    assert (failed["attributes"]["error.type"], failed["attributes"]["http.response.status_code"]) == (
        "rejected",
        400,
    )
    assert failed["status"]["status_code"] == by_id["q002"]["status"]["status_code"] == "ERROR"
    assert by_id["q002"]["attributes"]["error.type"] == "rejected" and by_id["q002"]["events"] == []
    assert [call["attributes"].get("error.type") for call in inside["q003"]] == ["server", None]
    assert run["attributes"]["promptops.done"] == 4 and run["attributes"]["promptops.errors"] == 1
    assert run["attributes"]["gen_ai.request.model"] == "script:s.json"
    text = json.dumps(found)
    for secret in ("WORDY", "SERVER", "number 0"):
        assert secret not in text


def test_each_run_has_a_span_of_its_own_and_cached_answers_have_no_call(folder: Folder) -> None:
    folder.evalset("numbers", questions(4))
    given = [
        "eval",
        "numbers",
        "-p",
        "ask.prompt.yaml",
        "-m",
        "mock/echo",
        "-m",
        "mock/constant:no",
        "-j",
        "1",
    ]
    first, again = spans(folder, *given), spans(folder, *given)
    for found, calls in ((first, 8), (again, 0)):
        runs = named(found, "evaluate")
        assert len(runs) == 2 and len(named(found, "evaluate_sample")) == 8
        assert len(found) == 10 + calls
    cached = {each["attributes"]["promptops.cached"] for each in named(again, "evaluate_sample")}
    assert cached == {True}
    # The second run begins where the first one ends, so its span doesn't hold the first one's time.
    one, two = sorted(named(first, "evaluate"), key=lambda span: str(span["start_time"]))
    assert one["start_time"] < one["end_time"] <= two["start_time"] < two["end_time"]


def test_a_judges_calls_belong_to_the_sample(folder: Folder) -> None:
    folder.evalset("numbers", questions(2), EVALSET + '[metrics.quality]\nmetric = "rubric"\n')
    judge = ["--judge-model", "mock/constant:Verdict: 5"]
    found = spans(folder, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", "mock/echo", *judge, code=3)
    samples = {each["context"]["span_id"] for each in named(found, "evaluate_sample")}
    judged = named(found, "chat constant:Verdict: 5")
    assert len(judged) >= 2 and {each["parent_id"] for each in judged} == samples


def test_a_servers_address_is_told_and_no_key(folder: Folder) -> None:
    folder.evalset("numbers", questions(2))
    server = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    folder.write("promptops.toml", "attempts = 1\n")
    found = spans(folder, "eval", "numbers", "-p", "ask.prompt.yaml", "-m", "openai/x", code=3, **server)
    calls = named(found, "chat x")
    assert {(each["attributes"]["server.address"], each["attributes"]["server.port"]) for each in calls} == {
        ("127.0.0.1", 9)
    }
    assert {each["attributes"]["error.type"] for each in calls} == {"connection"}
    assert "canary" not in json.dumps(found)


def test_without_tracing_nothing_of_it_is_imported(folder: Folder) -> None:
    code = (
        "import sys; from promptops import Project\n"
        "with Project.open('.') as project:\n"
        "    project.evaluate('numbers', ['./ask.prompt.yaml'], ['mock/echo'])\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder.path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_library_that_is_loaded_but_not_set_up_makes_no_spans(folder: Folder) -> None:
    code = "from opentelemetry import trace; from promptops.calls.tracing import tracing; print(tracing())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
