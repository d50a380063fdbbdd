"""Strict JSON Lines: one value a line, no double keys, no NaN, nothing that can't be stored.

Python's fast parser reads each line; only a faulty line is walked again to name the place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # public by use, not in typeshed
from pathlib import Path
from typing import NoReturn

from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import (
    MAX_DEPTH,
    MAX_PROBLEMS,
    KeyPath,
    Located,
    Place,
    field_name,
    shown,
    too_deep,
)
from promptops.files.textfile import decode, file_name, read_lines

MAX_SEARCHED = 1_000_000
"""Characters of a line up to which a fault is searched for its column; beyond, the line is told."""

_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|-?Infinity|NaN")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_INTEGER = 2**63 - 1


def read_json_lines(path: Path, problems: list[Problem]) -> Iterator[Located]:
    """Yield each line's value; faulty lines are skipped and noted in `problems`.

    Raises FileProblems where the file itself can't be read.
    """
    for number, data in read_lines(path):
        if not data.strip():
            continue
        try:
            yield read_json(decode(data, file_name(path), number), file_name(path), number)
        except FileProblems as error:
            problems.extend(error.problems)
            if len(problems) >= MAX_PROBLEMS:
                return


def read_json(text: str, file: str, line: int = 1) -> Located:
    """Return the value of a line of JSON and where its parts stand. Raises FileProblems."""
    try:
        value: JsonValue = _DECODER.decode(text)
        # Fewer brackets than that can't be nested deeper.
        if text.count("[") + text.count("{") > MAX_DEPTH and too_deep(value):
            raise _FaultError(f"is nested deeper than {MAX_DEPTH} levels")
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise FileProblems([_broken(text, file, line, error)]) from error
    except RecursionError as error:
        raise FileProblems([_found(text, file, line, f"is nested deeper than {MAX_DEPTH} levels")]) from error
    except UnicodeEncodeError as error:
        raise FileProblems([_found(text, file, line, _HALF_CHARACTER)]) from error
    except _FaultError as error:
        raise FileProblems([_found(text, file, line, str(error))]) from error
    return Located(value, lambda path: Place(line, _column(text, path)))


_HALF_CHARACTER = "holds half a character (a lone surrogate such as \\ud800), which can't be stored or sent"


class _FaultError(Exception):
    """A fault and, once it is known, where it stands."""

    def __init__(self, reason: str, offset: int | None = None, path: KeyPath = ()) -> None:
        super().__init__(reason)
        self.offset = offset
        self.path = path


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _FaultError(f"key {shown(double)} stands here twice")
    return fields


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _MAX_INTEGER:
        raise _FaultError("the number needs more than 64 bits; put it in quotes to keep it as text")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise _FaultError("the number is too large; put it in quotes to keep it as text")
    return number


def _not_finite(text: str) -> NoReturn:
    raise _FaultError(f"{text} is no JSON number; leave the key out where a value is unknown")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_not_finite
)
_SKIPPER = json.JSONDecoder()


def _broken(text: str, file: str, line: int, error: json.JSONDecodeError) -> Problem:
    if text.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
        return Problem(file, "is a conflict mark of git; finish the merge first", line, 1)
    if error.msg == "Extra data":
        return Problem(
            file, "goes on after the end of the value; one line holds one value", line, error.pos + 1
        )
    return Problem(file, f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}", line, error.pos + 1)


def _found(text: str, file: str, line: int, reason: str) -> Problem:
    """Walk a faulty line to name the place of its first fault."""
    if len(text) > MAX_SEARCHED:
        return Problem(file, reason, line)
    try:
        _walk(text, 0, ())
    except _FaultError as fault:
        column = None if fault.offset is None else fault.offset + 1
        return Problem(file, str(fault), line, column, field_name(fault.path))
    except (json.JSONDecodeError, IndexError):
        pass
    return Problem(file, reason, line)


def _walk(text: str, at: int, path: KeyPath) -> int:
    """Go through the value at `at` and return where it ends; raise the first fault with its place."""
    at = _skip_space(text, at)
    if len(path) >= MAX_DEPTH and text[at] in "[{":
        raise _FaultError(f"is nested deeper than {MAX_DEPTH} levels", at, path[:3])
    if text[at] == '"':
        return _text(text, at, path)[1]
    if text[at] == "[":
        return _walk_list(text, at, path)
    if text[at] == "{":
        return _walk_object(text, at, path)
    literal = _LITERAL.match(text, at)
    if literal is None:
        raise json.JSONDecodeError("Expecting value", text, at)
    try:
        _DECODER.decode(literal[0])
    except _FaultError as fault:
        raise _FaultError(str(fault), at, path) from fault
    return literal.end()


def _walk_list(text: str, at: int, path: KeyPath) -> int:
    at = _skip_space(text, at + 1)
    index = 0
    while text[at] != "]":
        at = _skip_space(text, _walk(text, at, (*path, index)))
        index += 1
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return at + 1


def _walk_object(text: str, at: int, path: KeyPath) -> int:
    at = _skip_space(text, at + 1)
    seen: set[str] = set()
    while text[at] != "}":
        key, end = _text(text, at, path)
        if key in seen:
            raise _FaultError(f"key {shown(key)} stands here twice", at, (*path, key))
        seen.add(key)
        at = _skip_space(text, _walk(text, _skip_space(text, end) + 1, (*path, key)))
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return at + 1


def _text(text: str, at: int, path: KeyPath) -> tuple[str, int]:
    value, end = scanstring(text, at + 1, True)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _FaultError(_HALF_CHARACTER, at, path) from error
    return value, end


def _column(text: str, path: KeyPath) -> int:
    """Return the column of the key or item that `path` leads to; of its nearest owner where it is missing."""
    at = mark = _skip_space(text, 0)
    for step in path:
        inside = _member(text, at, step)
        if inside is None:
            break
        mark, at = inside
    return mark + 1


def _member(text: str, at: int, step: str | int) -> tuple[int, int] | None:
    """Return where a member's key and value stand in the list or object at `at`."""
    opening = text[at]
    if opening not in "[{" or isinstance(step, int) != (opening == "["):
        return None
    at = _skip_space(text, at + 1)
    index = 0
    while text[at] not in "]}":
        mark = at
        key: str | int = index
        if opening == "{":
            key, end = scanstring(text, at + 1, True)
            at = _skip_space(text, _skip_space(text, end) + 1)
        if key == step:
            return mark, at
        at = _skip_space(text, _SKIPPER.raw_decode(text, at)[1])
        index += 1
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return None


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
