"""What `records ... --json` prints: one object a command, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.cli.documents import Document
from promptops.noun import Noun
from promptops.production.importing import Imported
from promptops.production.records import Deletion, Feedback, Record, RecordScore
from promptops.production.themes import Themes
from promptops.production.usercases import MadeCases


class RecordWithFeedback(Noun):
    """A record and what was said of it."""

    record: Record
    feedback: tuple[Feedback, ...] = ()


class RecordsDocument(Document):
    """`records list`."""

    records: tuple[RecordWithFeedback, ...]
    count: int
    """How many there are on all pages."""
    page: int


class OneRecordDocument(Document):
    """`records show`."""

    record: Record
    feedback: tuple[Feedback, ...]
    scores: tuple[RecordScore, ...]


class FeedbackDocument(Document):
    """`records feedback`."""

    feedback: Feedback


class DeletionDocument(Document):
    """`records delete` and `records prune`."""

    deletion: Deletion


class ImportDocument(Document):
    """`records import`."""

    imported: Imported


class ExportedDocument(Document):
    """`records export`."""

    file: str
    records: int


class ThemesDocument(Document):
    """`records themes`."""

    themes: Themes


class CasesDocument(Document):
    """`records cases`."""

    cases: MadeCases


class DrainDocument(Document):
    """`records drain`."""

    records: int
    """Records that were new to the database."""
    feedback: int
    unread: int
    """Lines that could not be read, and were put aside."""
    torn: int
    """How many of these were cut off when a process died."""
    left: int
    """Files that belong to running processes."""
    deleted: int
    """Records and feedback that were not taken: their person's records were deleted meanwhile."""
