"""Which records a filter means, and what feedback says, in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from promptops.production.records import RecordFilter
from promptops.store.encoding import json_text
from promptops.store.tables import alias_moves, feedback, record_scores, records


def chosen(query: Select[Any], wanted: RecordFilter) -> Select[Any]:
    """Return a query of records with the conditions of a filter."""
    which = records.c
    equal = {
        which.id: wanted.id,
        which.session: wanted.session,
        which.prompt: wanted.prompt,
        which.version: wanted.version,
        which.model: wanted.model,
        which.subject: wanted.subject,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
    if wanted.alias is not None:
        conditions.append(or_(which.alias == wanted.alias, _stood_for(wanted.alias)))
    if wanted.since is not None:
        conditions.append(which.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(which.at < wanted.until)
    if wanted.tag is not None:
        conditions.append(which.tags.contains(json_text(wanted.tag), autoescape=True))
    if wanted.failed is not None:
        conditions.append(which.error.is_not(None) if wanted.failed else which.error.is_(None))
    if wanted.with_feedback:
        conditions.append(exists().where(feedback.c.record_id == which.id))
    if wanted.good is not None:
        said = said_good() if wanted.good else said_bad()
        conditions.append(exists().where(feedback.c.record_id == which.id, said))
    return query.where(*conditions)


def _stood_for(alias: str) -> ColumnElement[bool]:
    """Say that a record names no alias, but the version to which this one pointed at its moment."""
    which, move = records.c, alias_moves.c
    later = func.lead(move.moved_at).over(partition_by=move.name, order_by=(move.moved_at, move.id))
    times = select(move.name, move.to_number, move.moved_at, later.label("later")).where(move.alias == alias)
    # All times of the alias at once: a search for each record's own takes eight times as long.
    own = times.subquery().c
    pointed = (own.name == which.prompt, own.to_number == which.version, own.moved_at <= which.at)
    return and_(
        which.alias.is_(None), exists().where(*pointed, or_(own.later.is_(None), which.at < own.later))
    )


def without_scores(signatures: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
    """Say that a record has an answer, and no score by one of some metrics: signatures by label."""
    given = record_scores.c
    # One look into the index for all of them: a record has each of these scores once at most.
    by_these = or_(
        *(and_(given.label == label, given.signature == signature) for label, signature in signatures.items())
    )
    count = select(func.count()).select_from(record_scores).where(given.record_id == records.c.id, by_these)
    yield count.scalar_subquery() < len(signatures)
    # More than have one, as an input may be called so; it spares most of the others their reading.
    yield records.c.content.contains('"output":')


def said_good() -> ColumnElement[bool]:
    """Say in SQL what `Feedback.good` says."""
    said = feedback.c
    return or_(said.thumb == "up", and_(said.thumb.is_(None), said.stars > 3))


def said_bad() -> ColumnElement[bool]:
    """Say in SQL that feedback says that a record was bad."""
    said = feedback.c
    edited = and_(said.stars.is_(None), said.edited)
    return or_(said.thumb == "down", and_(said.thumb.is_(None), or_(said.stars < 3, edited)))
