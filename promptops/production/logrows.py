"""The rows of a stranger's log, of a table or of spans, each with where it stands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.csvfile import MAX_BYTES
from promptops.files.jsonfile import read_json, read_json_lines
from promptops.files.located import Faults, KeyPath, Located, Place, field_name, kind_of
from promptops.files.textfile import file_name, open_regular, read_text
from promptops.production.spans import SpanRow, holds_spans, rows_of
from promptops.sets.samplefiles import read_rows

OTHER_SPANS = "spans that are no calls to a model"


class LogRow(NamedTuple):
    """One row; of a span also which one it is."""

    located: Located
    span: SpanRow | None = None

    def faults(self, file: str, problems: list[Problem]) -> Faults:
        """Return what collects its faults, told by its line, or by its span and the attribute."""
        if self.span is None:
            return Faults(file, self.located, problems)
        return _SpanFaults(file, self.located, problems, self.span)

    def where(self, file: str) -> str:
        """Say where it stands."""
        told = Problem(file, "", self.located.place(()).line, part=self.span.told if self.span else "")
        return told.where


class _SpanFaults(Faults):
    def __init__(self, file: str, located: Located, problems: list[Problem], span: SpanRow) -> None:
        super().__init__(file, located, problems)
        self._span = span

    def add(self, path: KeyPath, reason: str) -> None:
        place = self._place(path)
        written = self._span.written(field_name(path))
        self.problems.append(
            Problem(self.file, reason, place.line, place.column, written, part=self._span.told)
        )


def log_rows(path: Path, spans: bool, problems: list[Problem], others: Counter[str]) -> Iterator[LogRow]:
    """Yield a file's rows, or its spans that are calls to models; other spans are counted in `others`.

    What can't be read is noted in `problems`, and passed over. Raises FileProblems.
    """
    return _span_rows(path, problems, others) if spans else map(LogRow, _rows(path, problems))


def looks_like_spans(path: Path) -> bool:
    """Tell whether a file holds export requests of OTLP as JSON."""
    if path.suffix.lower() not in (".json", ".jsonl", ".ndjson", ".log", ".otlp", ""):
        return False
    first = _first_line(path)
    if first is not None:
        return holds_spans(first)
    with open_regular(path) as file:
        head = file.read(2_000)
    return b'"resourceSpans"' in head or b'"resource_spans"' in head


def _rows(path: Path, problems: list[Problem]) -> Iterator[Located]:
    if path.suffix.lower() != ".json":
        yield from read_rows(path, problems)
        return
    document = _document(path)
    if not isinstance(document.value, list):
        reason = f"must be a list of records, not {kind_of(document.value)}"
        raise FileProblems([Problem(file_name(path), reason, *document.place(()))])
    for index, value in enumerate(document.value):
        yield document.inside(value, (index,))


def _span_rows(path: Path, problems: list[Problem], others: Counter[str]) -> Iterator[LogRow]:
    """Yield the calls to models in a file with an export request a line, or with one over all its lines."""
    for request, line in _requests(path, problems):
        if not holds_spans(request.value):
            faults = Faults(file_name(path), request, problems)
            faults.add((), "has no `resourceSpans`; is this OTLP as JSON?")
            continue
        for row in rows_of(request.value):
            if row is None:
                others[OTHER_SPANS] += 1
            else:
                yield LogRow(Located(row.fields, lambda path, line=line: Place(line)), row)  # type: ignore[misc]


def _requests(path: Path, problems: list[Problem]) -> Iterator[tuple[Located, int | None]]:
    """Yield export requests, each with its line where it has one to itself."""
    if path.suffix.lower() != ".json" or isinstance(_first_line(path), dict):
        for request in read_json_lines(path, problems):
            yield request, request.place(()).line
        return
    document = _document(path)
    several = document.value if isinstance(document.value, list) else None
    for place, each in enumerate(several or []):
        yield document.inside(each, (place,)), None
    if several is None:
        yield document, None


def _document(path: Path) -> Located:
    """Return a whole file of JSON, its places by line and column."""
    text = read_text(path, MAX_BYTES)
    found = read_json(text, file_name(path))

    def place(way: tuple[str | int, ...]) -> Place:
        before = text[: (found.place(way).column or 1) - 1]
        return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)

    return Located(found.value, place)


def _first_line(path: Path) -> JsonValue:
    """Return the value on a file's first line; None where the line is no JSON by itself."""
    with open_regular(path) as file:
        line = file.readline(10_000_000)
    try:
        value: JsonValue = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value
