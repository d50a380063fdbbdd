"""People whose records were deleted: what a spool still holds of them is not taken in afterwards."""

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

        What a spool holds of that person from before this moment is not taken any more. With `until` alone
        such notes go, too, where they are older: records that old would go with the next call.
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

    def take_records(self, logged: Sequence[Record]) -> Taken:
        """Keep what was logged, but for what was deleted since; known ids stay as they are."""
        with self._taking(each.subject for each in logged) as (connection, gone):
            kept = [each for each in logged if not _is_gone(gone, each.subject, each.at)]
            added = (
                self._put(connection, records, [record_row(each) for each in with_versions(connection, kept)])
                if kept
                else 0
            )
        return Taken(added, frozenset(each.id for each in logged) - {each.id for each in kept})

    def take_feedback(self, said: Sequence[Feedback]) -> Taken:
        """Keep what was said, but for what was deleted since."""
        with self._taking(each.by for each in said) as (connection, gone):
            kept = [each for each in said if not _is_gone(gone, each.by, each.at)]
            added = self._put(connection, feedback, [feedback_row(each) for each in kept]) if kept else 0
        return Taken(added, frozenset(each.id for each in said) - {each.id for each in kept})

    @contextlib.contextmanager
    def _taking(self, people: Iterable[str | None]) -> Iterator[tuple[Connection, dict[str, str]]]:
        """Give a transaction, and before which moment what there was of its people was deleted.

        Nobody deletes meanwhile: a deletion is noted before or after the whole of it.
        """
        named = sorted({each for each in people if each is not None})
        with self.writing("deletions" if named else None) as connection:
            yield connection, _deleted(connection, named)


def _deleted(connection: Connection, people: Sequence[str]) -> dict[str, str]:
    """Return before which moment what there was of people was deleted, of those who were."""
    found: dict[str, str] = {}
    shades = {_shade(each): each for each in people}
    for start in range(0, len(people), _PAGE):
        some = list(shades)[start : start + _PAGE]
        query = (
            select(deletions.c.subject, func.max(deletions.c.before))
            .where(deletions.c.subject.in_(some))
            .group_by(deletions.c.subject)
        )
        found.update({shades[shade]: before for shade, before in connection.execute(query)})
    return found


def _shade(person: str) -> str:
    """Return what is kept of a person who was deleted: the mark itself must be gone from the files, too."""
    return hashlib.sha256(f"promptops deleted\n{person}".encode()).hexdigest()[:32]


def _is_gone(gone: dict[str, str], person: str | None, at: str) -> bool:
    return person is not None and person in gone and at < gone[person]
