"""What was deleted: neither what a spool still holds of a person, nor later words on a record, are taken."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from promptops.production.records import Feedback, Record, RecordFilter
from promptops.store.database import timestamp
from promptops.store.pointed import with_versions
from promptops.store.production import Production
from promptops.store.recordrows import feedback_row, record_row
from promptops.store.tables import deletions, feedback, records

_PAGE = 500


class Taken(NamedTuple):
    """What was taken from a spool."""

    added: int
    """How many were new."""
    gone: frozenset[str]
    """Ids of what was not taken: its person's records were deleted after it was logged."""


class Deletions(Production):
    """What stays deleted."""

    def delete_records(self, wanted: RecordFilter) -> int:
        """Delete records with all that belongs to them; with a `subject` alone they stay deleted.

        What a spool holds of that person from before this moment is not taken any more, nor what anybody says
        later of records of a person or with an `id`. With `until` alone such notes go, too, where they are
        older: records that old would go with the next call.
        """
        person = wanted.subject if wanted == RecordFilter(subject=wanted.subject) else None
        if person is not None:
            # Before anything is deleted, so that whoever takes records in meanwhile has done so or sees this.
            with self.writing("deletions") as connection:
                connection.execute(insert(deletions).values(subject=_shade(person), before=timestamp()))
        deleted = super().delete_records(wanted)
        if wanted.until is not None and wanted == RecordFilter(until=wanted.until):
            with self.writing() as connection:
                connection.execute(delete(deletions).where(deletions.c.before < wanted.until))
        return deleted

    def _note(self, connection: Connection, wanted: RecordFilter, ids: Sequence[str]) -> None:
        if wanted.subject is not None or wanted.id is not None:
            _note_records(connection, ids)

    def take_records(self, logged: Sequence[Record]) -> Taken:
        """Keep what was logged, but for what was deleted since; known ids stay as they are.

        What was said of the others goes, and is not taken later.
        """
        with self._taking(_shade(each.subject) for each in logged if each.subject) as (connection, gone):
            kept = [each for each in logged if not _is_gone(gone, each.subject, each.at)]
            dropped = sorted({each.id for each in logged} - {each.id for each in kept})
            _note_records(connection, dropped)
            for start in range(0, len(dropped), _PAGE):
                of_these = feedback.c.record_id.in_(dropped[start : start + _PAGE])
                connection.execute(delete(feedback).where(of_these))
            added = (
                self._put(connection, records, [record_row(each) for each in with_versions(connection, kept)])
                if kept
                else 0
            )
        return Taken(added, frozenset(dropped))

    def take_feedback(self, said: Sequence[Feedback]) -> Taken:
        """Keep what was said, but for what was deleted since, and what is said of a deleted record."""
        people = {_shade(each.by) for each in said if each.by}
        with self._taking(people | {_record_shade(each.record) for each in said}) as (connection, gone):
            # An import may have brought a record back.
            lost = {each.record for each in said if _record_shade(each.record) in gone}
            lost -= _there(connection, sorted(lost))
            kept = [each for each in said if each.record not in lost and not _is_gone(gone, each.by, each.at)]
            added = self._put(connection, feedback, [feedback_row(each) for each in kept]) if kept else 0
        return Taken(added, frozenset(each.id for each in said) - {each.id for each in kept})

    @contextlib.contextmanager
    def _taking(self, shades: Iterable[str]) -> Iterator[tuple[Connection, dict[str, str]]]:
        """Give a transaction, and which of some shades were noted by a deletion, with their moment.

        Nobody deletes meanwhile: a deletion is noted before or after the whole of it.
        """
        looked_for = sorted(set(shades))
        with self.writing("deletions" if looked_for else None) as connection:
            yield connection, _deleted(connection, looked_for)


def _deleted(connection: Connection, shades: Sequence[str]) -> dict[str, str]:
    """Return before which moment what some shades stand for was deleted, of those for which it was."""
    found: dict[str, str] = {}
    for start in range(0, len(shades), _PAGE):
        query = (
            select(deletions.c.subject, func.max(deletions.c.before).label("before"))
            .where(deletions.c.subject.in_(shades[start : start + _PAGE]))
            .group_by(deletions.c.subject)
        )
        found |= {row.subject: row.before for row in connection.execute(query)}
    return found


def _note_records(connection: Connection, ids: Sequence[str]) -> None:
    """Note deleted records, so that what is said of them later is not taken."""
    if ids:
        now = timestamp()
        connection.execute(
            insert(deletions), [{"subject": _record_shade(each), "before": now} for each in ids]
        )


def _there(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _PAGE):
        query = select(records.c.id).where(records.c.id.in_(ids[start : start + _PAGE]))
        found.update(connection.execute(query).scalars())
    return found


def _shade(person: str) -> str:
    """Return what is kept of a person who was deleted: the mark itself must be gone from the files, too."""
    return hashlib.sha256(f"promptops deleted\n{person}".encode()).hexdigest()[:32]


def _record_shade(record: str) -> str:
    return hashlib.sha256(f"promptops deleted record\n{record}".encode("utf-8", "surrogatepass")).hexdigest()[
        :32
    ]


def _is_gone(gone: dict[str, str], person: str | None, at: str) -> bool:
    return person is not None and at < gone.get(_shade(person), "")
