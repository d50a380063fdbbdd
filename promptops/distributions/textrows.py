"""Texts in a table of anybody's (JSONL, CSV, YAML, Parquet): one a row, with whatever else is asked of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import Faults, KeyPath, Located, did_you_mean, kind_of, shown
from promptops.files.textfile import file_name
from promptops.sets.samplefiles import read_rows

KEYS: dict[Literal["inputs", "outputs"] | None, tuple[str, ...]] = {
    None: ("inputs", "input", "text", "output"),
    "inputs": ("inputs", "input", "prompt", "question", "text"),
    "outputs": ("output", "outputs", "completion", "response", "answer", "text"),
}
"""Under which keys a row's text is looked for, by what is wanted."""
_TABLES = (".csv", ".parquet")
_PACKED = ("inputs", "metadata")
"""Columns of a table that hold objects, as `records export` and `export` write them: as JSON text."""
_FIRST_ROWS = 50
"""By which a file's columns are known."""
_SHOWN = 10
"""Fields of a row that a message names."""
_MILLISECONDS = 1e11
"""Seconds since 1970 are smaller numbers for the next three thousand years."""


class TextRow(NamedTuple):
    """One row: its text, and the values of the columns that were asked for (None where it has none)."""

    text: str
    values: tuple[JsonValue, ...]
    day: str | None
    key: str | None
    chosen: JsonValue
    """What the text was made of: itself, or an object of inputs."""
    line: int | None
    """Of the file; None where it has no lines."""


def read_texts(path: Path, field: str | None = None) -> list[str]:
    """Return one text for each row of a file of production inputs or outputs. Raises FileProblems."""
    return [row.text for row in read_text_rows(path, field)]


def read_text_rows(
    path: Path,
    field: str | None = None,
    *,
    what: Literal["inputs", "outputs"] | None = None,
    columns: Sequence[str] = (),
    day: str | None = None,
    key: str | None = None,
) -> list[TextRow]:
    """Return each row's text, with the values of some `columns`, its UTC `day`, and its `key`.

    A row is a text, or an object whose `inputs`, `input`, `text` or `output` is taken; `field` names
    another value, with dots into objects. Several inputs are joined by line ends in the order of their
    names; in a table they may stand in one cell as JSON. `day` names a field that holds a date, a time (ISO
    8601), or seconds since 1970; `key` one that is another in each row. Raises FileProblems.
    """
    problems: list[Problem] = []
    found: list[TextRow] = []
    seen: set[str] = set()
    for row in _rows(path, problems):
        faults = Faults(file_name(path), row, problems)
        chosen = _chosen(row.value, field, KEYS[what], faults)
        date = None if day is None else _day(value_at(row.value, day), day, faults)
        name = None if key is None else _key(value_at(row.value, key), key, seen, faults)
        if chosen is not None:
            values = tuple(value_at(row.value, column) for column in columns)
            found.append(TextRow(chosen.text, values, date, name, chosen.value, row.place(())[0]))
    if not found and not problems:
        problems.append(Problem(file_name(path), "holds no texts", 1))
    problems += [] if problems else _absent(path, columns, found)
    if problems:
        raise FileProblems(problems)
    return found


def text_fields(path: Path) -> tuple[str, ...]:
    """List the keys of a file's first rows, those of objects with dots, in order of appearance.

    Raises FileProblems where the file can't be read at all.
    """
    problems: list[Problem] = []
    found: dict[str, None] = {}
    for row in islice(_rows(path, problems), _FIRST_ROWS):
        for key, value in row.value.items() if isinstance(row.value, dict) else ():
            found[key] = None
            for inner in value if isinstance(value, dict) else ():
                found[f"{key}.{inner}"] = None
    return tuple(found)


def one_text_a_row(path: Path, field: str) -> bool:
    """Tell whether a file's first rows are texts, or have one text each under a key that is not `field`."""
    rows = [row.value for row in islice(_rows(path, []), _FIRST_ROWS)]
    keys = {key for row in rows if isinstance(row, dict) for key in row}
    texts = [text for row in rows for text in (row.values() if isinstance(row, dict) else (row,))]
    return (
        bool(texts) and all(isinstance(text, str) for text in texts) and len(keys) < 2 and field not in keys
    )


def value_at(row: JsonValue, field: str) -> JsonValue:
    """Return what a row has under a key, or under dots into objects; None where it has nothing there."""
    if isinstance(row, dict) and field in row:
        return row[field]
    value = row
    for step in field.split("."):
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def joined(value: JsonValue) -> str | None:
    """Return a value as one text, its members joined by line ends in the order of their names.

    None where there is no text in it.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return str(value)
    members = [value[key] for key in sorted(value)] if isinstance(value, dict) else value
    texts = [joined(member) for member in members if member is not None]
    told = [text for text in texts if text is not None]
    return "\n".join(told) if told else None


def day_of(value: JsonValue) -> str | None:
    """Return the UTC day of an ISO 8601 date or time, or of seconds since 1970; None for anything else."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC).date().isoformat()
        if not isinstance(value, str):
            return None
        time = datetime.fromisoformat(value.strip())
        return (time if time.tzinfo is None else time.astimezone(UTC)).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _rows(path: Path, problems: list[Problem]) -> Iterator[Located]:
    """Yield a file's rows; what a table's cells of `inputs` and `metadata` hold as JSON text is opened."""
    for row in read_rows(path, problems):
        packed = [key for key in _PACKED if isinstance(row.value, dict) and key in row.value]
        if packed and path.suffix.lower() in _TABLES and isinstance(row.value, dict):
            yield Located({**row.value, **{key: _opened(row.value[key]) for key in packed}}, row.place)
        else:
            yield row


def _opened(value: JsonValue) -> JsonValue:
    """Return the object that a text is as JSON; any other text is just that."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, dict) else value


class _Chosen(NamedTuple):
    """A row's text and what it was made of."""

    text: str
    value: JsonValue


def _chosen(value: JsonValue, field: str | None, keys: tuple[str, ...], faults: Faults) -> _Chosen | None:
    """Return the text that a row stands for, or note why it has none."""
    path: KeyPath = ()
    # One of several inputs is compared; a case made of the row needs them all.
    whole = value.get("inputs") if isinstance(value, dict) else None
    if field is not None:
        for step in [field] if isinstance(value, dict) and field in value else field.split("."):
            if not isinstance(value, dict) or step not in value:
                known = list(value) if isinstance(value, dict) else []
                faults.add(path, f"has no {shown(step)}." + did_you_mean(step, known))
                return None
            value, path = value[step], (*path, step)
    elif isinstance(value, dict):
        key = next((key for key in keys if key in value), None)
        if key is None:
            told = f"has none of {', '.join(keys)}; name the field that holds the text (--field NAME)"
            there = ", ".join(shown(name) for name in list(value)[:_SHOWN])
            faults.add((), f"{told}; it has {there}" if there else told)
            return None
        value, path = value[key], (key,)
    text = joined(value)
    if text is None:
        faults.add(path, f"must be a text or an object of texts, not {kind_of(value)}")
        return None
    return _Chosen(text, whole if len(path) > 1 and path[0] == "inputs" else value)


def _day(value: JsonValue, field: str, faults: Faults) -> str | None:
    day = day_of(value)
    if day is None:
        faults.add((field,), f"must be a date, a time (ISO 8601) or seconds since 1970, not {shown(value)}")
    return day


def _key(value: JsonValue, field: str, seen: set[str], faults: Faults) -> str | None:
    if not isinstance(value, str | int) or isinstance(value, bool):
        faults.add((field,), f"must be a text or a whole number that names the row, not {kind_of(value)}")
        return None
    name = str(value)
    if name in seen:
        faults.add((field,), f"{shown(name)} was given already, so that rows can't be paired by it")
    seen.add(name)
    return name


def _absent(path: Path, columns: Sequence[str], rows: Sequence[TextRow]) -> list[Problem]:
    return [
        Problem(file_name(path), f"no row has {shown(column)}")
        for place, column in enumerate(columns)
        if all(row.values[place] is None for row in rows)
    ]
