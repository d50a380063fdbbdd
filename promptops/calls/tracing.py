"""Spans of runs, samples and calls by OpenTelemetry's GenAI conventions, where somebody has set up tracing.

Nothing is imported, set up or sent from here: a process that traces has OpenTelemetry loaded and a provider
set before (`opentelemetry-instrument promptops ...`, or `trace.set_tracer_provider` in Python). Attributes
are those of the conventions of 2026 (https://opentelemetry.io/docs/specs/semconv/gen-ai/), which are still in
development; ours begin with `promptops.`. No text of a prompt, an answer, a judge or a server is in them.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from promptops.errors import CallFailed
from promptops.types import Completion, Request, Result, Run

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

NUMBERS = ("temperature", "top_p", "top_k", "max_tokens", "frequency_penalty", "presence_penalty", "seed")
"""Parameters that have an attribute `gen_ai.request.NAME`."""
OUTPUT = {"text": "text", "json_object": "json", "json_schema": "json"}
EVALUATION = "gen_ai.evaluation.result"


def tracing() -> Tracing | None:
    """Return who makes spans; None where nobody has set up tracing in this process."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    provider = api.get_tracer_provider()
    if isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider):
        return None
    try:
        version = importlib.metadata.version("promptops")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    return Tracing(provider.get_tracer("promptops", version), api)


@dataclass
class Tracing:
    """Makes spans: a run holds its samples, a sample holds its calls, those of judges as well."""

    tracer: Tracer
    api: ModuleType
    _runs: dict[str, _RunSpan] = field(default_factory=dict)

    def expect(self, run: Run, results: int) -> None:
        """Say how many results a run is to have here: its span begins with the first, ends with the last."""
        self._runs[run.id] = _RunSpan(run, results)

    def end(self) -> None:
        """End the spans of runs that have not come to their last result."""
        for each in self._runs.values():
            each.end()

    @contextlib.contextmanager
    def sample(self, run: Run, sample_id: str, repeat: int) -> Iterator[SampleSpan]:
        """Make a sample's span the current one."""
        whole = self._runs[run.id]
        if whole.span is None:
            whole.span = self.tracer.start_span("evaluate", attributes=_of_run(run))
        attributes: dict[str, Any] = {
            "promptops.run.id": run.id,
            "promptops.sample.id": sample_id,
            "promptops.repeat": repeat,
        }
        with self._current(
            "evaluate_sample", attributes, context=self.api.set_span_in_context(whole.span)
        ) as span:
            found = SampleSpan(span, self.api)
            yield found
        whole.count(found.failed)

    @contextlib.contextmanager
    def call(self, model: str, origin: str, request: Request) -> Iterator[CallSpan]:
        """Make a call's span the current one; what ends it is told by its kind alone."""
        provider, _, name = model.partition("/")
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": name,
            **_address(origin),
            **_parameters(request),
        }
        with self._current(f"chat {name}", attributes, kind=self.api.SpanKind.CLIENT) as span:
            try:
                yield CallSpan(span)
            except BaseException as error:
                self._fail(span, error)
                raise

    def _fail(self, span: Span, error: BaseException) -> None:
        kind = error.kind if isinstance(error, CallFailed) else type(error).__name__
        span.set_attribute("error.type", "timeout" if isinstance(error, TimeoutError) else kind)
        if isinstance(error, CallFailed) and error.status is not None:
            span.set_attribute("http.response.status_code", error.status)
        span.set_status(self.api.StatusCode.ERROR)

    @contextlib.contextmanager
    def _current(self, name: str, attributes: Mapping[str, Any], **more: Any) -> Iterator[Span]:
        # Exceptions are not recorded: their messages may quote what a server said.
        with self.tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False, **more
        ) as span:
            yield span


@dataclass
class SampleSpan:
    """A sample on its way."""

    span: Span
    api: ModuleType
    failed: bool | None = None
    """None where it was given up."""

    def finished(self, result: Result, figures: Mapping[str, float | None]) -> None:
        """Put down how it ended, an event for each metric that could be scored."""
        self.failed = result.failure is not None
        self.span.set_attribute("promptops.cached", result.cached)
        if result.failure is not None:
            self.span.set_attribute("error.type", result.failure.kind)
            self.span.set_status(self.api.StatusCode.ERROR)
        for label, value in figures.items():
            if value is not None and math.isfinite(value):
                score: dict[str, Any] = {
                    "gen_ai.evaluation.name": label,
                    "gen_ai.evaluation.score.value": value,
                }
                self.span.add_event(EVALUATION, score)


@dataclass
class CallSpan:
    """A call on its way."""

    span: Span

    def answered(self, completion: Completion) -> None:
        """Put down what is known of an answer, but for its text."""
        known: dict[str, Any] = {
            "gen_ai.response.model": completion.model,
            "gen_ai.response.finish_reasons": [completion.finish_reason],
            "gen_ai.usage.input_tokens": completion.tokens_in,
            "gen_ai.usage.output_tokens": completion.tokens_out,
            "promptops.cost_usd": completion.cost,
        }
        self.span.set_attributes({name: value for name, value in known.items() if value is not None})


@dataclass
class _RunSpan:
    run: Run
    left: int
    span: Span | None = None
    done: int = 0
    errors: int = 0

    def count(self, failed: bool | None) -> None:
        self.left -= 1
        self.done += failed is False
        self.errors += failed is True
        if self.left == 0:
            self.end()

    def end(self) -> None:
        if self.span is not None:
            self.span.set_attributes({"promptops.done": self.done, "promptops.errors": self.errors})
            self.span.end()
            self.span = None


def _of_run(run: Run) -> dict[str, Any]:
    provider, _, model = run.model.partition("/")
    return {
        "promptops.run.id": run.id,
        "promptops.evalset.name": run.evalset,
        "promptops.evalset.digest": run.evalset_digest,
        "promptops.prompt.name": run.prompt_ref,
        "promptops.prompt.digest": run.prompt.digest,
        "promptops.samples": run.samples,
        "promptops.repeats": run.repeats,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }


def _address(origin: str) -> dict[str, Any]:
    """Return the server of a call, where an origin is an address."""
    if not origin.startswith(("http://", "https://")):
        return {}
    found = urlsplit(origin)
    port = found.port or (443 if found.scheme == "https" else 80)
    return {"server.address": found.hostname or "", "server.port": port}


def _parameters(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in NUMBERS:
        value = request.parameters.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[f"gen_ai.request.{name}"] = value
    stop = request.parameters.get("stop")
    if isinstance(stop, str | list):
        found["gen_ai.request.stop_sequences"] = (
            [stop] if isinstance(stop, str) else [str(each) for each in stop]
        )
    kind = (request.response_format or {}).get("type")
    if isinstance(kind, str) and kind in OUTPUT:
        found["gen_ai.output.type"] = OUTPUT[kind]
    return found
