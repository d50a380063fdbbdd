"""Where a sample keeps what a judge needs beside task and target: a context, an original, feedback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, JsonValue

from promptops.canonical import canonical_json
from promptops.types import Sample


def _is_place(written: str) -> str:
    part, dot, name = written.partition(".")
    if part not in {"inputs", "metadata"} or not dot or not name:
        raise ValueError(f"{written!r} is no place in a sample; write inputs.NAME or metadata.NAME")
    return written


Place = Annotated[str, AfterValidator(_is_place)]
"""`inputs.NAME` or `metadata.NAME`: a text, or a list of texts."""


def value_at(sample: Sample, place: str) -> JsonValue:
    """Return what stands at a place; None where nothing does."""
    part, _, name = place.partition(".")
    return (sample.inputs if part == "inputs" else sample.metadata).get(name)


def texts_at(sample: Sample, place: str) -> tuple[str, ...]:
    """Return the texts at a place, without blank ones; what is no text as canonical JSON."""
    value = value_at(sample, place)
    if value is None:
        return ()
    each = value if isinstance(value, list) else [value]
    texts = (item if isinstance(item, str) else canonical_json(item) for item in each)
    return tuple(text for text in texts if text.strip())


def missing_at(sample: Sample, place: str, what: str, option: str) -> str | None:
    """Say that a sample has nothing at a place, and which option moves it; None where it has."""
    if texts_at(sample, place):
        return None
    return f'has no {what} at {place}; say where it stands: {option} = "inputs.NAME" or "metadata.NAME"'


def task_of(sample: Sample, without: Sequence[str] = ()) -> str:
    """Return a sample's inputs as canonical JSON, without those that are shown by themselves."""
    left = {name: value for name, value in sample.inputs.items() if f"inputs.{name}" not in without}
    return canonical_json(left)


def one_line(text: str) -> str:
    """Return a text on one line, so that it can't pretend to be several items of a numbered list."""
    return " ".join(text.split())


def listed(texts: Sequence[str]) -> str:
    """Return texts as a numbered list, a line each."""
    return "\n".join(f"{number}. {one_line(text)}" for number, text in enumerate(texts, 1))
