"""What a model replied: samples, each read by itself, or the verdict of a check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from promptops.generation import Rejection
from promptops.generation.seeds import Seed
from promptops.generation.shape import COPIED, PLACE, Shape
from promptops.judges import read_verdict
from promptops.judges._asking import Choice, Field, Shown, Unread, Words, object_schema, read_fields
from promptops.texts.personal import without_people
from promptops.types import Completion

LONGEST = 20_000
"""Characters of an input or target that a model writes."""
SHOWN = 300
"""Characters of a text that are told where it is rejected."""


@dataclass(frozen=True)
class Text(Field):
    """A text that says something."""

    def schema(self) -> dict[str, JsonValue]:
        return {"type": "string"}

    def read(self, value: JsonValue) -> str | Unread:
        if not isinstance(value, str):
            return Unread(f"{str(value)[:40]!r} is no text")
        if not value.strip():
            return Unread("is empty")
        if value.strip() == PLACE:
            return Unread("is the place of a text in the form, not a text")
        if len(value) > LONGEST:
            return Unread(f"has {len(value):,} characters, more than {LONGEST:,}")
        return without_people(value.strip())


@dataclass(frozen=True)
class Members(Field):
    """An object with fields of its own."""

    fields: Mapping[str, Field]

    def schema(self) -> dict[str, JsonValue]:
        return object_schema(self.fields)

    def read(self, value: JsonValue) -> dict[str, Any] | Unread:
        return read_fields(value, self.fields)


CHECKED: dict[str, Field] = {
    "reason": Words(),
    "answerable": Choice(("yes", "no")),
    "target_is_right": Choice(("yes", "no")),
    "as_asked": Choice(("yes", "no")),
}
"""What a check replies; `target_is_right` only where there is a target."""
_FAILED: tuple[tuple[str, Rejection], ...] = (
    ("answerable", "not_answerable"),
    ("target_is_right", "wrong_target"),
    ("as_asked", "not_as_asked"),
)


@dataclass(frozen=True)
class Draft:
    """A sample as a model wrote it; people and secrets are taken out already."""

    seed: Seed
    inputs: dict[str, str]
    """Those that were written; what is copied comes later."""
    target: str | None

    @property
    def text(self) -> str:
        """What was written, as one text."""
        return "\n".join(self.inputs[name] for name in sorted(self.inputs))


@dataclass(frozen=True)
class Written:
    """A reply taken apart."""

    drafts: tuple[Draft, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    """Of each item that is no sample why, and its beginning."""
    fewer: int = 0
    surplus: int = 0


@dataclass(frozen=True)
class Check:
    """What a check says of a draft: nothing against it, or why it is no candidate."""

    kind: Rejection | None = None
    reason: str = ""


def sample_fields(shape: Shape) -> dict[str, Field]:
    """Return the fields of one sample in a reply to a seed."""
    fields: dict[str, Field] = {"inputs": Members({name: Text() for name in shape.written})}
    if shape.targets:
        fields["target"] = Choice(shape.labels) if shape.labels else Text()
    return fields


def read_written(reply: Completion, seed: Seed, shape: Shape, shown: Shown) -> Written | str:
    """Return the samples in a reply, each that can't be read told by itself; or why there are none at all."""
    asked = shape.asked(seed.kind)
    found = _object(reply, frozenset({"samples"}), shown, "list")
    if isinstance(found, str):
        return found
    items = found["samples"]
    if not isinstance(items, list):
        return f"samples: {str(items)[:40]!r} is no list"
    drafts: list[Draft] = []
    unreadable: list[tuple[str, str]] = []
    for item in items[: seed.count]:
        read = read_fields(item, sample_fields(asked))
        if isinstance(read, Unread):
            unreadable.append((str(read), json.dumps(item, ensure_ascii=False)[:SHOWN]))
        else:
            target = read["target"] if asked.targets else _copied(seed)
            drafts.append(Draft(seed, read["inputs"], target))
    return Written(
        tuple(drafts),
        tuple(unreadable),
        fewer=max(seed.count - len(items), 0),
        surplus=max(len(items) - seed.count, 0),
    )


def read_check(reply: Completion, draft: Draft, shown: Shown) -> Check:
    """Return what a check says; one that can't be read is none."""
    fields = {
        name: each for name, each in CHECKED.items() if draft.target is not None or name != "target_is_right"
    }
    found = _object(reply, frozenset(fields) - {"reason"}, shown)
    read = Unread(found) if isinstance(found, str) else read_fields(found, fields)
    if isinstance(read, Unread):
        return Check("not_checked", f"the check can't be read: {read}")
    reason = without_people(str(read["reason"]))
    for name, kind in _FAILED:
        if read.get(name) == "no":
            return Check(kind, reason)
    return Check(None, reason)


def _object(
    reply: Completion, keys: frozenset[str], shown: Shown, what: str = "verdict"
) -> dict[str, JsonValue] | str:
    found = read_verdict(reply.text, keys, shown.mark, shown.all, what=what)
    if isinstance(found, str) and reply.finish_reason == "length":
        return "the reply was cut off at the limit of tokens"
    return found


def _copied(seed: Seed) -> str | None:
    """Return the target of the original, where what is written asks for the same and it is a text."""
    if seed.sample is None or seed.kind not in COPIED or not seed.sample.target:
        return None
    target = seed.sample.target[0]
    return target if isinstance(target, str) else None
