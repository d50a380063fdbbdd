"""What a judge is shown and what it is to reply: texts in marks, fields with a schema, read without mercy.

A kind of judge names its texts and its fields; that the texts can't forge their end, that the server is
told the form, and that what can't be read is no verdict, is the same for all of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from promptops.judges import CANDIDATE_LIMIT, Ask, enclosed, mark_for, read_score, read_verdict
from promptops.types import Completion, Prompt, Score

REPLY_KEPT = 2_000
"""Characters of a reply that can't be read, and of a reason, that are kept with the score."""
QUOTES = 5
"""Quotes that are kept with a score."""


class Shown:
    """Texts that a judge is shown: each once and whole, all before the instructions, in one random mark."""

    def __init__(self, **texts: str | Sequence[str]) -> None:
        self._texts = {
            name: (text,) if isinstance(text, str) else tuple(text) for name, text in texts.items()
        }
        self.all = tuple(text for each in self._texts.values() for text in each)
        self.mark = mark_for(*self.all)

    def __getitem__(self, name: str) -> str:
        """Return one kind of text as it goes into the prompt; several stand below each other."""
        kind = name.replace("_", "-")
        return "\n".join(enclosed(kind, text, self.mark) for text in self._texts[name])

    def has(self, name: str) -> bool:
        """Tell whether there is any text of a kind."""
        return any(text.strip() for text in self._texts.get(name, ()))

    def of(self, name: str) -> tuple[str, ...]:
        """Return the texts of a kind as they are."""
        return self._texts[name]

    @property
    def too_long(self) -> str | None:
        """Say which text is longer than a judge is shown; None where none is."""
        for name, texts in self._texts.items():
            longest = max((len(text) for text in texts), default=0)
            if longest > CANDIDATE_LIMIT:
                return f"the {name.replace('_', ' ')} has {longest} characters, more than a judge is shown"
        return None


class Unread(str):
    """Why a value is none of a field."""

    __slots__ = ()


class Field(ABC):
    """One member of the object that a judge replies with."""

    @abstractmethod
    def schema(self) -> dict[str, JsonValue]:
        """Return its JSON Schema."""

    @abstractmethod
    def read(self, value: JsonValue) -> Any:
        """Return what a value means, or Unread. Nothing is clamped and nothing is guessed."""


@dataclass(frozen=True)
class Grade(Field):
    """A number on a scale; `whole` takes no fraction, and a `step` no number between the steps."""

    low: float
    high: float
    whole: bool = True
    step: float | None = None

    def schema(self) -> dict[str, JsonValue]:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.low, "maximum": self.high}

    def read(self, value: JsonValue) -> float | Unread:
        found = read_score(value, self.low, self.high)
        if isinstance(found, str):
            return Unread(found)
        if self.step is not None and not in_steps(found, self.low, self.step):
            return Unread(f"the score {found:g} lies between the steps of {self.step:g}")
        if self.whole and not found.is_integer():
            return Unread(f"the score {found:g} is no whole number, and the scale has no others")
        return found


def in_steps(value: float, low: float, step: float) -> bool:
    """Tell whether a number is so many steps from the lowest one (0.1 is no number of a computer's)."""
    steps = (value - low) / step
    return abs(steps - round(steps)) < 1e-6


@dataclass(frozen=True)
class Choice(Field):
    """One of some words; case and spaces around don't matter."""

    options: tuple[str, ...]

    def schema(self) -> dict[str, JsonValue]:
        return {"enum": list(self.options)}

    def read(self, value: JsonValue) -> str | Unread:
        if isinstance(value, bool):  # some servers make a yes into a true
            value = {True: "yes", False: "no"}[value]
        known = {option.casefold(): option for option in self.options}
        found = known.get(value.strip().casefold()) if isinstance(value, str) else None
        return found or Unread(f"{str(value)[:40]!r} is none of {', '.join(self.options)}")


@dataclass(frozen=True)
class Words(Field):
    """A text; whatever is no text counts as none."""

    def schema(self) -> dict[str, JsonValue]:
        return {"type": "string"}

    def read(self, value: JsonValue) -> str:
        return value[:REPLY_KEPT] if isinstance(value, str) else ""


@dataclass(frozen=True)
class Listed(Field):
    """A list of objects with fields of their own, or of single values of one field."""

    item: Field | Mapping[str, Field]
    most: int = 100

    def schema(self) -> dict[str, JsonValue]:
        inner = self.item.schema() if isinstance(self.item, Field) else object_schema(self.item)
        return {"type": "array", "items": inner}

    def read(self, value: JsonValue) -> list[Any] | Unread:
        if not isinstance(value, list):
            return Unread(f"{str(value)[:40]!r} is no list")
        if len(value) > self.most:
            return Unread(f"the list has {len(value)} items, more than {self.most}")
        found = [self._one(each) for each in value]
        return next((each for each in found if isinstance(each, Unread)), found)

    def _one(self, value: JsonValue) -> Any:
        if isinstance(self.item, Field):
            return self.item.read(value)
        return read_fields(value, self.item)


@dataclass(frozen=True)
class Verdict:
    """A reply as it was read."""

    values: Mapping[str, Any]
    reply: str
    quotes: tuple[str, ...] = ()
    unfound: tuple[str, ...] = ()
    """Quotes that don't occur in any text that was shown: the judge made them up."""

    @property
    def reason(self) -> str:
        return str(self.values.get("reason", ""))

    @property
    def evidence(self) -> dict[str, Any]:
        """What is kept of it beside the counts."""
        found: dict[str, Any] = {}
        if self.quotes:
            found["quotes"] = list(self.quotes[:QUOTES])
        if self.unfound:
            found["made_up_quotes"] = list(self.unfound[:QUOTES])
        return found


def object_schema(fields: Mapping[str, Field]) -> dict[str, JsonValue]:
    """Return the JSON Schema of an object with these fields, all of them required (as `strict` wants)."""
    return {
        "type": "object",
        "properties": {name: field.schema() for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def read_fields(value: JsonValue, fields: Mapping[str, Field]) -> dict[str, Any] | Unread:
    """Return an object's fields as read, or Unread with the first that is missing or wrong."""
    if not isinstance(value, dict):
        return Unread(f"{str(value)[:40]!r} is no object")
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in value and not isinstance(field, Words) and name != "quotes":
            return Unread(f"{name!r} is missing")
        read = field.read(value.get(name, [] if name == "quotes" else ""))
        if isinstance(read, Unread):
            if name != "quotes":
                return Unread(f"{name}: {read}")
            read = []
        found[name] = read
    return found


def numbered(count: int, **fields: Field) -> dict[str, Field]:
    """Return fields for each of `count` items, numbered from 1; none may be left out."""
    return {f"{name}_{n}": field for n in range(1, count + 1) for name, field in fields.items()}


async def verdict_of(
    ask: Ask,
    prompt: Prompt,
    slots: Mapping[str, JsonValue],
    fields: Mapping[str, Field],
    shown: Shown,
    poll: int = 0,
    fault: Fault | None = None,
) -> Verdict | Score:
    """Ask once; return the verdict, or a missing Score that says why there is none and keeps the reply.

    The fields go to the server as a JSON Schema and come back as an object, with prose or fences around it
    where the server knows no schema. `reason` first has the judge think before it grades. A field `quotes`
    is checked: what does not occur in the texts that were shown is told apart. A verdict with a `fault` is
    none.
    """
    if shown.too_long is not None:
        return Score.missing(shown.too_long)
    reader = Reader(fields, shown, fault)
    return reader.read(await ask(prompt, slots, form_of(fields), poll=poll, reads=reader.can_read))


Fault = Callable[["Verdict"], str | None]
"""Says why a verdict is none though each of its fields can be read; None where it is one."""


@dataclass
class Reader:
    """Reads replies to one question, each once."""

    fields: Mapping[str, Field]
    shown: Shown
    fault: Fault | None = None
    _last: tuple[Completion, Verdict | Score] | None = None

    def read(self, reply: Completion) -> Verdict | Score:
        """Return what a reply says, or a missing Score that says why it says nothing."""
        if self._last is None or self._last[0] is not reply:
            self._last = reply, self._read(reply)
        return self._last[1]

    def can_read(self, reply: Completion) -> bool:
        """Tell whether a reply holds a verdict."""
        return isinstance(self.read(reply), Verdict)

    def _read(self, reply: Completion) -> Verdict | Score:
        found = read_reply(reply, self.fields, self.shown)
        why = self.fault(found) if self.fault is not None and isinstance(found, Verdict) else None
        return found if why is None else Score.missing(why, reply=reply.text[:REPLY_KEPT])


def form_of(fields: Mapping[str, Field]) -> dict[str, JsonValue]:
    """Return the response format that asks for an object with these fields."""
    return {"type": "json_schema", "name": "verdict", "schema": object_schema(fields)}


def read_reply(reply: Completion, fields: Mapping[str, Field], shown: Shown) -> Verdict | Score:
    """Return what a reply says in these fields, or a missing Score that says why it says nothing."""
    needed = frozenset(
        name for name, field in fields.items() if not isinstance(field, Words) and name != "quotes"
    )
    found = read_verdict(reply.text, needed, shown.mark, shown.all)
    if isinstance(found, str):
        if reply.finish_reason == "length":
            found = "the reply was cut off before its verdict; give the judge more tokens"
        return Score.missing(found, reply=reply.text[:REPLY_KEPT])
    values = read_fields(found, fields)
    if isinstance(values, Unread):
        return Score.missing(str(values).removeprefix("score: "), reply=reply.text[:REPLY_KEPT])
    quotes = tuple(str(quote) for quote in values.get("quotes", ()) if str(quote).strip())
    unfound = tuple(quote for quote in quotes if not any(occurs(quote, text) for text in shown.all))
    return Verdict(values, reply.text, quotes, unfound)


def occurs(quote: str, text: str) -> bool:
    """Tell whether a quote stands in a text, whatever its spaces, quotation marks and case."""
    return _plain(quote) in _plain(text)


def _plain(text: str) -> str:
    joined = re.sub(r"\s+", " ", text.strip().strip("\"'\u201c\u201d\u2018\u2019\u00ab\u00bb").strip())
    return re.sub("[\u2018\u2019]", "'", re.sub("[\u201c\u201d]", '"', joined)).rstrip(".\u2026").casefold()


def references_of(shown: Shown) -> str:
    """Return the reference answers as they go into a prompt, or that there is none."""
    return (
        "Reference answers:\n" + shown["reference"]
        if shown.of("reference")
        else "There is no reference answer."
    )
