"""How an output is read as JSON: strictly, and never with an error that isn't ValueError."""

from __future__ import annotations

import json

from pydantic import JsonValue

FENCE = "```"


def read_json(text: str, fenced: bool) -> JsonValue:
    """Return the JSON value that a text is; with `fenced`, one code fence around it is taken off.

    Raises ValueError where the text is no JSON by RFC 8259 (NaN and Infinity are none) or nested too deeply.
    """
    body = _inside_fence(text) if fenced else text
    try:
        value: JsonValue = json.loads(body, parse_constant=_refuse_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("JSON is nested too deeply to be read") from None
    return value


def same_json(first: JsonValue, second: JsonValue) -> bool:
    """Tell whether two JSON values are equal: 1 equals 1.0, but true does not equal 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same_json(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same_json, first, second))
    return first == second


def _inside_fence(text: str) -> str:
    stripped = text.strip()
    opening, newline, rest = stripped.partition("\n")
    if newline and opening.startswith(FENCE) and "`" not in opening[len(FENCE) :] and rest.endswith(FENCE):
        return rest.removesuffix(FENCE)
    return text


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"no JSON: {name} is no JSON value")


def _integer(digits: str) -> int | float:
    # Python refuses to read integers of more than 4,300 digits; such a number is JSON all the same.
    return int(digits) if len(digits) <= 4000 else float(digits)
