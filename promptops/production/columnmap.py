"""Which of a stranger's columns is which of ours: `output=answer,inputs.text=question`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from pydantic import JsonValue

from promptops.errors import UsageError
from promptops.files.located import KeyPath, did_you_mean, shown
from promptops.production.records import Record

PERSON = "person"
"""Whose data a row is, by name; of the name only its mark is kept."""
OWN = (*Record.model_fields, PERSON, "feedback", "scores")
"""The keys of a row of ours."""
_OWN = frozenset(OWN)
OPINIONS = ("thumb", "stars", "comment", "edit", "outcome", "at", "by", PERSON)
OPEN = ("inputs", "metadata", "score")
"""Objects whose members have names of their own."""
TARGETS = (
    *(key for key in OWN if key not in ("subject", "feedback", "scores")),
    *(f"{name}.NAME" for name in OPEN),
    *(f"feedback.{name}" for name in OPINIONS if name != "by"),
)
_KNOWN_AS = {
    "id": "record_id request_id uuid",
    "at": "time timestamp ts date datetime when created created_at start start_time started_at",
    "prompt": "prompt_name prompt_id template",
    "version": "prompt_version",
    "model": "llm model_name model_id engine",
    "inputs.text": "input user_input message user_message messages request",
    "inputs.question": "question query user_query",
    "output": "answer response completion reply result generation assistant",
    "error": "exception failure error_message",
    "finish_reason": "stop_reason",
    "tokens_in": "prompt_tokens input_tokens tokens_prompt",
    "tokens_out": "completion_tokens output_tokens tokens_completion",
    "seconds": "latency duration elapsed latency_seconds duration_seconds",
    "cost": "price cost_usd usd dollars total_cost",
    "person": "user user_id username customer customer_id end_user",
    "session": "session_id conversation conversation_id thread thread_id chat chat_id",
    "parent": "parent_id",
    "tags": "labels",
    "feedback.stars": "stars rating",
    "feedback.thumb": "thumb thumbs vote like liked",
    "feedback.comment": "comment feedback_comment remark",
    "feedback.edit": "edit correction corrected edited_output",
}
"""What others call our fields, whatever the capitals and marks between words."""


class Mapped(NamedTuple):
    """A row under our keys, and where in the stranger's row each of them stood."""

    fields: dict[str, JsonValue]
    paths: Mapping[str, KeyPath]
    unused: tuple[str, ...]
    """Keys of the row that were not taken."""


def read_map(given: Iterable[str]) -> dict[str, str]:
    """Return the stranger's column by our key, '' where ours is to be left out. Raises UsageError."""
    found: dict[str, str] = {}
    for pair in (pair.strip() for text in given for pair in text.split(",")):
        ours, mark, theirs = (part.strip() for part in pair.partition("="))
        if not mark or not ours:
            raise UsageError(f"--map {shown(pair)}: write OURS=THEIRS, for example output=answer.")
        if not _is_target(ours):
            hint = " A person's name or id is `person`: only its mark is kept." if ours == "subject" else ""
            raise UsageError(
                f"--map {shown(pair)}: no record has {shown(ours)}.{hint or did_you_mean(ours, TARGETS)}"
            )
        if ours in found:
            raise UsageError(f"--map gives {shown(ours)} twice.")
        found[ours] = theirs
    return found


def is_dotted(name: str) -> bool:
    """Tell whether a key or column names a member of ours: `inputs.question`, `feedback.stars`."""
    return "." in name and _is_target(name)


def nearest(name: str) -> str:
    """Return which of our fields a stranger's key seems to be; '' where none does."""
    found = _KNOWN.get(_plain(name), "")
    if found or len(name) > 100:
        return found
    return next(iter(difflib.get_close_matches(name, _TYPED, n=1, cutoff=0.75)), "")


def mapping(names: Iterable[str]) -> str:
    """Return a --map with what some keys seem to be, as it is typed; '' where none is like ours."""
    pairs: dict[str, str] = {}
    for name in names:
        ours = nearest(name)
        if ours and re.fullmatch(r"[\w.-]{1,60}", name):
            pairs.setdefault(ours, name)
    return "--map " + ",".join(f"{ours}={name}" for ours, name in pairs.items()) if pairs else ""


def mapped(row: dict[str, JsonValue], columns: Mapping[str, str]) -> Mapped:
    """Return a row under our keys: those of the map, and those that it has already under our own names."""
    dotted = [name for name in row if is_dotted(name) and name not in columns]
    if dotted:
        taken = set(columns.values())
        columns = {**columns, **{name: name for name in dotted if name not in taken}}
    used = {theirs.partition(".")[0] if theirs not in row else theirs for theirs in columns.values()}
    plain = {key: row[key] for key in row if key in _OWN and key not in used and key not in columns}
    fields: dict[str, JsonValue] = {key: value for key, value in plain.items() if value is not None}
    paths: dict[str, KeyPath] = {key: (key,) for key in fields}
    for ours, theirs in columns.items():
        value = _value_at(row, theirs) if theirs else None
        if value is not None:
            paths[ours] = (theirs,) if theirs in row else _steps(theirs)
            _put(fields, ours, value)
    unused = tuple(key for key in row if key not in used and key not in plain and columns.get(key) != "")
    return Mapped(fields, paths, unused)


@lru_cache(maxsize=1024)
def _steps(column: str) -> KeyPath:
    return tuple(int(step) if step.isdecimal() else step for step in column.split("."))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name[:100]).lower()


_KNOWN = {_plain(name): ours for ours, names in _KNOWN_AS.items() for name in names.split()}
_KNOWN |= {_plain(ours): ours for ours in TARGETS if "NAME" not in ours}
_TYPED = [ours for ours in TARGETS if "NAME" not in ours]


def _is_target(name: str) -> bool:
    outer, dot, inner = name.partition(".")
    return name in TARGETS or bool(dot and inner and outer in OPEN)


def _value_at(row: dict[str, JsonValue], column: str) -> JsonValue:
    """Return what a row has under a name, or under dots into objects and, by number from 0, into lists."""
    if column in row:
        return row[column]
    value: JsonValue = row
    for step in column.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return None
    return value


def _put(fields: dict[str, JsonValue], ours: str, value: JsonValue) -> None:
    outer, dot, inner = ours.partition(".")
    if not dot:
        fields[ours] = value
        return
    if outer == "score":
        scores = fields.setdefault("scores", [])
        if isinstance(scores, list):
            scores.append({"label": inner, "value": value})
        return
    inside = fields.setdefault(outer, {})
    if isinstance(inside, list):
        inside = inside[0] if inside and isinstance(inside[0], dict) else {}
    if not isinstance(inside, dict):
        inside = {"text": inside}
    fields[outer] = {**inside, inner: value}


def no_column(file: str, ours: str, theirs: str, there: Iterable[str]) -> str:
    """Say that a file has no column that the map names, which it has, and what to write."""
    return (
        f"{file}: no row has {shown(theirs)}, which --map {ours}={theirs} names."
        f"{did_you_mean(theirs, there)} Write --map {ours}=COLUMN with the column that holds it."
    )
