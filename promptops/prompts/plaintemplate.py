"""Plain templates: `{{ slot }}` is replaced by an input, once; there is nothing else to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from promptops.canonical import canonical_json
from promptops.files.located import kind_of, shown

MAX_BYTES = 2_000_000
"""Bytes of one rendered message."""

_TOKEN = re.compile(
    r"""
    \{\{\s*+(?P<slot>[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z_][A-Za-z0-9_]*+)*+)\s*+\}\}
    | \{\{\s*+(?P<quote>['"])(?P<literal>\{\{|\}\}|\{%|%\})(?P=quote)\s*+\}\}
    | (?P<open>\{\{)
    | (?P<block>\{%)
    """,
    re.VERBOSE,
)


class TemplateFault(Exception):
    """What is wrong with one message's template and where, counted from 1."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Slot:
    """A place for an input: its name, dots leading into objects, and where it stands."""

    name: str
    offset: int


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[str | Slot, ...]:
    """Split a template into texts and slots. Raises TemplateFault for anything that only looks like one.

    The characters themselves are written `{{ '{{' }}`, as in Jinja and minijinja.
    """
    parts: list[str | Slot] = []
    at = 0
    last_end = text.rfind("%}")
    for token in _TOKEN.finditer(text):
        if token["block"] and last_end < token.end():
            continue
        if token["block"] or token["open"]:
            raise _fault(text, token.start(), _misread(text, token))
        parts.append(text[at : token.start()])
        parts.append(Slot(token["slot"], token.start()) if token["slot"] else token["literal"])
        at = token.end()
    parts.append(text[at:])
    return tuple(parts)


def fill(text: str, inputs: Mapping[str, JsonValue]) -> str:
    """Render a template in one pass: what an input says is never read as a template.

    Texts go in byte for byte, other values as compact JSON. Raises TemplateFault.
    """
    filled: list[str] = []
    size = 0
    for part in parse(text):
        value = _value(text, part, inputs) if isinstance(part, Slot) else part
        filled.append(value)
        size += len(value)
        if size > MAX_BYTES:
            raise TemplateFault(f"the message grows over {MAX_BYTES:,} bytes")
    return "".join(filled)


def available(inputs: Mapping[str, JsonValue]) -> str:
    """Say which inputs there are, for messages."""
    if not inputs:
        return "there are no inputs"
    names = ", ".join(shown(name) for name in list(inputs)[:20])
    return f"the inputs are {names}" + (" ..." if len(inputs) > 20 else "")


def _misread(text: str, token: re.Match[str]) -> str:
    opening, closing = ("{%", "%}") if token["block"] else ("{{", "}}")
    end = text.find(closing, token.end())
    if end < 0:
        return f"'{{{{' is never closed; write {{{{ '{opening}' }}}} for the characters themselves"
    written = shown(text[token.start() : end + 2])
    return (
        f"{written} is more than a slot such as {{{{ name }}}}; for conditions, loops and filters "
        f"set template: minijinja, or write {{{{ '{opening}' }}}} for the characters themselves"
    )


def _value(text: str, slot: Slot, inputs: Mapping[str, JsonValue]) -> str:
    value: object = inputs
    owner = ""
    for step in slot.name.split("."):
        name = f"{owner}.{step}" if owner else step
        if not isinstance(value, Mapping):
            told = f": {shown(owner)} is {kind_of(value)} and has no fields"
            raise _fault(text, slot.offset, f"{shown(name)} is undefined{told}")
        if step not in value:
            known = ", ".join(shown(key) for key in list(value)[:20])
            told = f"{shown(owner)} has {known or 'no fields'}" if owner else available(inputs)
            raise _fault(text, slot.offset, f"{shown(name)} is undefined; {told}")
        value, owner = value[step], name
    if value is None:
        raise _fault(text, slot.offset, f"{shown(slot.name)} is null; give it a text, or leave the slot out")
    return value if isinstance(value, str) else canonical_json(value)


def _fault(text: str, offset: int, reason: str) -> TemplateFault:
    line = text.count("\n", 0, offset) + 1
    return TemplateFault(reason, line, offset - (text.rfind("\n", 0, offset) + 1) + 1)
