"""Strict TOML: JSON's values only, with the line of each key where a plain look at the text tells it."""

from __future__ import annotations

import contextlib
import math
import re
import tomllib
from pathlib import Path

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import Faults, KeyPath, Located, Place, kind_of, too_deep
from promptops.files.textfile import file_name, read_text

MAX_BYTES = 200_000

_PLACE = re.compile(r"^(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*'))*)\s*="""
)
_HEADER = re.compile(r"\s*(\[\[?[^\]]+\]\]?)\s*(?:#.*)?$")
_MAX_DOTS = 2_000


def read_toml(path: Path) -> Located:
    """Return a file's table and where its keys stand. Raises FileProblems for what isn't TOML or JSON."""
    return parse_toml(read_text(path, MAX_BYTES), file_name(path))


def parse_toml(text: str, file: str) -> Located:
    """Return a text's table and where its keys stand. Raises FileProblems."""
    # tomllib's work grows with the square of a dotted key's parts: 100,000 of them take a minute.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MAX_DOTS:
            raise FileProblems([Problem(file, f"a line has more than {_MAX_DOTS:,} dots", number)])
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = _PLACE.match(str(error))
        reason = told[1] if told else str(error)
        at = int(told[2]) if told and told[2] else text.count("\n") + 1
        column = int(told[3]) if told and told[3] else None
        if reason == "Cannot overwrite a value" and (key := _KEY.match(text.split("\n")[at - 1])):
            raise FileProblems([Problem(file, f"{key[1]} stands there twice", at)]) from error
        raise FileProblems(
            [Problem(file, f"is not TOML: {reason[:1].lower()}{reason[1:]}", at, column)]
        ) from error
    except (RecursionError, ValueError) as error:
        raise FileProblems([Problem(file, "is not TOML: nested too deeply or a number too long")]) from error
    if too_deep(table):
        raise FileProblems([Problem(file, "is nested too deeply")])
    places = _places(text)
    located = Located(table, lambda path: _nearest(places, path))
    faults = Faults(file, located)
    _refuse_other_kinds(table, (), faults)
    faults.stop()
    return located


def _nearest(places: dict[KeyPath, Place], path: KeyPath) -> Place:
    while path and path not in places:
        path = path[:-1]
    return places.get(path, Place(1, 1))


def _places(text: str) -> dict[KeyPath, Place]:
    """Find the lines of headers and keys; texts over several lines are passed over."""
    places: dict[KeyPath, Place] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    inside = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not inside:
            if header := _HEADER.match(line):
                table = _header(header[1], counts)
                for length in range(1, len(table) + 1):
                    places.setdefault(table[:length], Place(number, header.start(1) + 1))
            elif key := _KEY.match(line):
                path = (*table, *_steps(f"{key[1]}=0"))
                for length in range(len(table) + 1, len(path) + 1):
                    places.setdefault(path[:length], Place(number, key.start(1) + 1))
        for quotes in re.findall(r'"""|\'\'\'', line):
            inside = "" if inside == quotes else inside or quotes
    return places


def _header(header: str, counts: dict[KeyPath, int]) -> KeyPath:
    path: KeyPath = ()
    steps = _steps(header)
    for position, step in enumerate(steps):
        path = (*path, step)
        last = position == len(steps) - 1
        if header.startswith("[[") and last:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _steps(line: str) -> list[str]:
    """Return the parts of a dotted key, as TOML itself splits it."""
    steps: list[str] = []
    with contextlib.suppress(tomllib.TOMLDecodeError):
        value: object = tomllib.loads(line)
        while isinstance(value, dict | list) and value:
            if isinstance(value, list):
                value = value[0]
                continue
            key = next(iter(value))
            steps.append(key)
            value = value[key]
    return steps


def _refuse_other_kinds(value: JsonValue, path: KeyPath, faults: Faults) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            _refuse_other_kinds(member, (*path, key), faults)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _refuse_other_kinds(member, (*path, index), faults)
    elif isinstance(value, float) and not math.isfinite(value):
        faults.add(path, f"{value} is no finite number")
    elif not isinstance(value, str | int | float):
        faults.add(
            path, f"dates and times are not read; write {str(value)!r} in quotes ({kind_of(str(value))})"
        )
