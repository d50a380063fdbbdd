"""The command line in a process that traces, as `opentelemetry-instrument` starts one; spans go to a file.

python -m tests.traced FILE ARGUMENTS...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from promptops.cli import main


def traced(file: Path) -> None:
    """Run the command line and write its spans down, whatever its exit code."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    try:
        main()
    finally:
        file.write_text(json.dumps([json.loads(span.to_json()) for span in kept.get_finished_spans()]))


if __name__ == "__main__":
    place = Path(sys.argv.pop(1))
    traced(place)
