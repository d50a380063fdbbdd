"""Records, feedback and scores as rows of their tables, and back."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from sqlalchemy import Row

from promptops.production.records import Feedback, Record, RecordScore
from promptops.store.encoding import json_text
from promptops.store.tables import records

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
FIGURES = [column for column in records.columns if column.name not in ("tags", "content")]
"""Columns of a record without its texts."""
_FIGURE_NAMES = [column.name for column in FIGURES]


def record_row(record: Record) -> dict[str, Any]:
    """Return a record as a row, its texts as JSON."""
    # Field by field: pydantic's own dump takes three times as long.
    row = {name: getattr(record, name) for name in _FIGURE_NAMES}
    content: dict[str, Any] = {"inputs": record.inputs} if record.inputs else {}
    if record.output is not None:
        content["output"] = record.output
    if record.metadata:
        content["metadata"] = record.metadata
    return {**row, "tags": json_text(list(record.tags)), "content": json_text(content)}


def record_of(row: AnyRow) -> Record:
    """Return the record that a row holds."""
    figures = {column.name: getattr(row, column.name) for column in FIGURES}
    return Record.model_validate({**figures, "tags": tuple(json.loads(row.tags)), **json.loads(row.content)})


def feedback_row(said: Feedback) -> dict[str, Any]:
    """Return feedback as a row."""
    row = said.model_dump(exclude={"record", "comment", "edit"})
    content = said.model_dump(include={"comment", "edit"}, exclude_defaults=True)
    return {**row, "record_id": said.record, "edited": said.edit is not None, "content": json_text(content)}


def feedback_of(row: AnyRow) -> Feedback:
    """Return the feedback that a row holds."""
    kept = {name: getattr(row, name) for name in ("id", "at", "thumb", "stars", "outcome", "by")}
    return Feedback.model_validate({**kept, "record": row.record_id, **json.loads(row.content)})


def score_row(score: RecordScore) -> dict[str, Any]:
    """Return a score as a row."""
    return {**score.model_dump(exclude={"record"}), "record_id": score.record}


def score_of(row: AnyRow) -> RecordScore:
    """Return the score that a row holds."""
    names = ("label", "signature", "value", "unscored", "reason", "at")
    return RecordScore(record=row.record_id, **{name: getattr(row, name) for name in names})
