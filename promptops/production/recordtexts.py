"""Every text of records that a command may have had turned into a point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import JsonValue

from promptops.distributions.textrows import joined
from promptops.production.records import Feedback, Record


def texts_of(records: Iterable[Record], said: Sequence[Feedback]) -> set[str]:
    """Return inputs and metadata, whole and each member, answers, and what was said, as windows join them."""
    found = {record.output for record in records if record.output}
    for record in records:
        for value in (*_members(record.inputs), *_members(record.metadata)):
            text = joined(value)
            found |= {text, text.strip()} if text else set()
    remarks: dict[str, list[str]] = {}
    for each in said:
        found |= {each.edit} if each.edit else set()
        if each.comment:
            remarks.setdefault(each.record, []).append(each.comment)
    for comments in remarks.values():
        found |= {*comments, *(comment.strip() for comment in comments), "\n".join(comments).strip()}
    return found


def _members(value: JsonValue) -> Iterator[JsonValue]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in inner:
        yield from _members(member)
