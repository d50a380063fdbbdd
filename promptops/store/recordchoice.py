"""Which records a filter means, and what feedback says, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_

from promptops.production.records import RecordFilter
from promptops.store.encoding import json_text
from promptops.store.tables import feedback, records


def chosen(query: Select[Any], wanted: RecordFilter) -> Select[Any]:
    """Return a query of records with the conditions of a filter."""
    which = records.c
    equal = {
        which.id: wanted.id,
        which.session: wanted.session,
        which.prompt: wanted.prompt,
        which.version: wanted.version,
        which.alias: wanted.alias,
        which.model: wanted.model,
        which.subject: wanted.subject,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in equal.items() if value is not None
    ]
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


def said_good() -> ColumnElement[bool]:
    """Say in SQL what `Feedback.good` says."""
    said = feedback.c
    return or_(said.thumb == "up", and_(said.thumb.is_(None), said.stars > 3))


def said_bad() -> ColumnElement[bool]:
    """Say in SQL that feedback says that a record was bad."""
    said = feedback.c
    edited = and_(said.stars.is_(None), said.edited)
    return or_(said.thumb == "down", and_(said.thumb.is_(None), or_(said.stars < 3, edited)))
