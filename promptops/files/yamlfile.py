"""Strict YAML: JSON's values in YAML's clothes, built from the parser's events.

The usual loaders crash on deep nesting (the C one takes the process with it), expand aliases, keep the
last of two equal keys and read `no`, `12:30` and `0123` as something else. Here the events are walked
and the value is built on the way, so that nothing is loaded that wasn't looked at.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml
from pydantic import JsonValue

from promptops.errors import FileProblems, Problem
from promptops.files.located import MAX_DEPTH, KeyPath, Located, Place, field_name, shown

MAX_BYTES = 10_000_000
MAX_NODES = 250_000

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_FORBIDDEN = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MAX_INTEGER = 2**63 - 1


def read_yaml(text: str, file: str) -> Located:
    """Return the one document's value and where each part stands. Raises FileProblems at the first fault."""
    text = text.removeprefix("\ufeff")
    lines = _Lines(text)
    if len(text) > MAX_BYTES:
        raise FileProblems([Problem(file, f"is larger than {MAX_BYTES:,} characters")])
    if found := _FORBIDDEN.search(text):
        reason = (
            f"character U+{ord(found[0]):04X} can't stand in YAML; write it as an escape in double quotes"
        )
        raise FileProblems([Problem(file, reason, *lines.place(found.start()))])
    builder = _Builder(file, lines)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = lines.place(mark.index) if mark else Place()
        raise FileProblems([Problem(file, f"is not YAML: {_told(error)}", *place)]) from error
    except yaml.YAMLError as error:
        raise FileProblems([Problem(file, f"is not YAML: {shown(str(error), 200)}")]) from error
    if not builder.documents:
        raise FileProblems([Problem(file, "is empty", 1, 1)])
    return Located(builder.value, builder.place)


def plain_value(text: str) -> JsonValue:
    """Return what an unquoted scalar means: YAML 1.2's null, booleans and decimal numbers, else text.

    Raises ValueError for numbers that JSON or 64 bits can't hold.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if INTEGER.fullmatch(text):
        if len(text) > 20 or abs(int(text)) > _MAX_INTEGER:
            raise ValueError("the number needs more than 64 bits; put it in quotes to keep it as text")
        return int(text)
    if FLOAT.fullmatch(text):
        number = float(text)
        if abs(number) == float("inf"):
            raise ValueError("the number is too large; put it in quotes to keep it as text")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no finite number; put it in quotes to keep it as text")
    return text


def _events(text: str) -> Iterator[yaml.Event]:
    loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)
    return events


def _told(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return shown(" ".join(parts), 200).strip("'\"")


def _offset(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


class _Lines:
    """Turns offsets into lines and columns; a line ends as editors see it, not as YAML 1.1 does."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", text))]

    def place(self, offset: int) -> Place:
        line = bisect.bisect_right(self.starts, offset)
        return Place(line, offset - self.starts[line - 1] + 1)


@dataclass
class _Frame:
    """A list or object that is being filled."""

    items: list[JsonValue] | None
    fields: dict[str, JsonValue] | None
    key: str | None = None
    key_lines: dict[str, int] = field(default_factory=dict)

    @property
    def step(self) -> str | int:
        return len(self.items) if self.items is not None else (self.key or "")

    @property
    def awaits_key(self) -> bool:
        return self.fields is not None and self.key is None


class _Builder:
    """Builds the value event by event and refuses what isn't plain data."""

    def __init__(self, file: str, lines: _Lines) -> None:
        self.value: JsonValue = None
        self.documents = 0
        self._file = file
        self._lines = lines
        self._nodes = 0
        self._stack: list[_Frame] = []
        self._offsets: dict[KeyPath, int] = {}

    def place(self, path: KeyPath) -> Place:
        """Return where a value stands; for a missing one, where its nearest owner does."""
        while path and path not in self._offsets:
            path = path[:-1]
        return self._lines.place(self._offsets[path]) if path in self._offsets else Place(1, 1)

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._refuse(event, "a second document begins here; one file holds one")
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"aliases (*{str(event.anchor)[:60]}) are not read; write the value out")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self._stack.pop()
            self._put(frame.items if frame.items is not None else frame.fields)

    def _node(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse(event, f"has more than {MAX_NODES:,} values; use JSONL for large data")
        if event.anchor is not None:
            self._refuse(event, f"anchors (&{str(event.anchor)[:60]}) are not read; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            self._refuse(event, f"tags ({shown(tag)}) are not read; write plain data")
        if self._stack and self._stack[-1].awaits_key:
            self._key(event)
            return
        path = self._path()
        # A key's own place is the better one to show.
        self._offsets.setdefault(path, _offset(event))
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event))
            return
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(event, f"is nested deeper than {MAX_DEPTH} levels")
        is_list = isinstance(event, yaml.SequenceStartEvent)
        self._stack.append(_Frame([] if is_list else None, None if is_list else {}))

    def _key(self, event: yaml.NodeEvent) -> None:
        if not isinstance(event, yaml.ScalarEvent) or (event.implicit[0] and event.value == ""):
            self._refuse(event, "a key must be a text")
        frame = self._stack[-1]
        key = event.value
        frame.key = key
        if key in frame.key_lines:
            self._refuse(event, f"key {shown(key)} stands here twice, first on line {frame.key_lines[key]}")
        frame.key_lines[key] = self._lines.place(_offset(event)).line or 0
        self._offsets[self._path()] = _offset(event)

    def _scalar(self, event: yaml.ScalarEvent) -> JsonValue:
        if not event.implicit[0]:
            return str(event.value)
        try:
            return plain_value(event.value)
        except ValueError as error:
            self._refuse(event, str(error))

    def _put(self, value: JsonValue) -> None:
        if not self._stack:
            self.value = value
            return
        frame = self._stack[-1]
        if frame.items is not None:
            frame.items.append(value)
        elif frame.fields is not None and frame.key is not None:
            frame.fields[frame.key] = value
            frame.key = None

    def _path(self) -> KeyPath:
        return tuple(frame.step for frame in self._stack)

    def _refuse(self, event: yaml.Event, reason: str) -> NoReturn:
        place = self._lines.place(_offset(event))
        path = self._path()
        if self._stack and self._stack[-1].awaits_key:
            path = path[:-1]
        raise FileProblems([Problem(self._file, reason, *place, field_name(path))])
