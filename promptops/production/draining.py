"""From the spool into the database: each segment is stored whole, then deleted; twice does no harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from promptops.production.records import Feedback, Record
from promptops.production.segments import Found, Lines, free_segments, segment_paths
from promptops.store import Store

PAGE = 500
"""Records of one transaction."""


class Drained(NamedTuple):
    """What was moved from a spool into the database."""

    records: int = 0
    """Records that were new to it."""
    feedback: int = 0
    unread: int = 0
    """Lines that could not be read, and were put aside in a file that ends with `.unread`."""
    torn: int = 0
    """How many of these are lines that a process was writing when it died."""
    left: int = 0
    """Segments that are still there: running processes write to them."""
    deleted: int = 0
    """Records and feedback that were not taken: what there was of their person was deleted since."""


def drain(folder: Path, store: Store) -> Drained:
    """Move into a database what no process holds any more.

    Raises StoreError where the database takes nothing, and OSError; what was not stored stays in the spool.
    """
    total = Drained()
    for segment in free_segments(folder):
        done = _drained(segment, store)
        total = Drained(*map(sum, zip(total, done, strict=True)))
    return total._replace(left=len(segment_paths(folder)))


def _drained(segment: Found, store: Store) -> Drained:
    lines = segment.read()
    records, feedback, unread = _read(lines)
    taken = [store.take_records(records[at : at + PAGE]) for at in range(0, len(records), PAGE)]
    gone = frozenset[str]().union(*(each.gone for each in taken))
    words = [each for each in feedback if each.record not in gone]
    said = [store.take_feedback(words[at : at + PAGE]) for at in range(0, len(words), PAGE)]
    if unread:
        segment.keep(b"\n".join(unread))
    segment.delete()
    return Drained(
        records=sum(each.added for each in taken),
        feedback=sum(each.added for each in said),
        unread=len(unread),
        torn=int(bool(lines.torn)),
        deleted=len(gone) + len(feedback) - len(words) + sum(len(each.gone) for each in said),
    )


def _read(lines: Lines) -> tuple[list[Record], list[Feedback], list[bytes]]:
    records: list[Record] = []
    feedback: list[Feedback] = []
    unread: list[bytes] = [lines.torn] if lines.torn else []
    for line in lines.whole:
        try:
            held = json.loads(line)
            if "record" in held:
                records.append(Record.model_validate(held["record"]))
            else:
                feedback.append(Feedback.model_validate(held["feedback"]))
        except (ValueError, RecursionError, TypeError, KeyError, ValidationError):
            unread.append(line)
    return records, feedback, unread
