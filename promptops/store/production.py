"""Records of production, what was said of them, and their scores: kept until they are deleted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from promptops.errors import UnknownName, UsageError
from promptops.production.records import Feedback, Record, RecordFilter, RecordScore
from promptops.store.bulk import insert_new_rows
from promptops.store.database import Database, clean_messages
from promptops.store.opening import connect_sqlite
from promptops.store.pointed import with_versions
from promptops.store.recordchoice import chosen, without_scores
from promptops.store.recordrows import (
    FIGURES,
    AnyRow,
    feedback_of,
    feedback_row,
    record_of,
    record_row,
    score_of,
    score_row,
)
from promptops.store.tables import feedback, record_scores, records

SHORTEST_PREFIX = 4
_Item = TypeVar("_Item")
_PAGE = 1_000
_DELETED = 5_000
"""Records that one transaction deletes."""


class RecordFigures(NamedTuple):
    """What figures need of a record, without its texts."""

    id: str
    at: str
    prompt: str | None
    version: int | None
    alias: str | None
    model: str | None
    subject: str | None
    session: str | None
    parent: str | None
    error: str | None
    finish_reason: str | None
    tokens_in: int | None
    tokens_out: int | None
    seconds: float | None
    cost: float | None
    outcome: str | None
    rate: float
    source: str


class Production(Database):
    """What came back from production."""

    def add_records(self, added: Sequence[Record]) -> int:
        """Keep records in one transaction; return how many were new. What has a known id is left as it is.

        What names a prompt's alias and no version gets the one to which it pointed then.
        """
        if not added:
            return 0
        with self.writing() as connection:
            rows = [record_row(each) for each in with_versions(connection, added)]
            return self._put(connection, records, rows)

    def add_feedback(self, added: Sequence[Feedback]) -> int:
        """Keep what was said; return how much was new."""
        return self._add(feedback, [feedback_row(each) for each in added])

    def add_record_scores(self, added: Sequence[RecordScore]) -> int:
        """Keep scores of records; return how many were new. Raises StoreError for an unknown record."""
        return self._add(record_scores, [score_row(each) for each in added])

    def records(self, wanted: RecordFilter, *, limit: int | None = None, offset: int = 0) -> list[Record]:
        """Return records, the newest first."""
        query = chosen(select(records), wanted).order_by(records.c.at.desc(), records.c.id.desc())
        with self.reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset) if limit is not None else query)
            return [record_of(row) for row in rows]

    def record_pages(
        self, wanted: RecordFilter, *, lacking: Mapping[str, str] | None = None
    ) -> Iterator[list[Record]]:
        """Yield records a page at a time, the oldest first; what is added meanwhile may be among them.

        With `lacking`, signatures of metrics by label, only answers without a score by one of these.
        """
        which = chosen(select(records), wanted)
        if lacking:
            which = which.where(*without_scores(lacking))
        last: tuple[str, str] | None = None
        while True:
            query = which.order_by(records.c.at, records.c.id).limit(_PAGE)
            if last is not None:
                query = query.where(tuple_(records.c.at, records.c.id) > tuple_(*map(literal, last)))
            with self.reading() as connection:
                page = [record_of(row) for row in connection.execute(query)]
            if page:
                yield page
                last = page[-1].at, page[-1].id
            if len(page) < _PAGE:
                return

    def record(self, reference: str) -> Record:
        """Return a record by its id, or by the beginning of it (4 characters or more).

        Raises UnknownName where there is none, UsageError where several begin so.
        """
        which = records.c.id == reference
        if len(reference) >= SHORTEST_PREFIX:
            which = or_(which, records.c.id.startswith(reference, autoescape=True))
        with self.reading() as connection:
            found = connection.execute(select(records).where(which).order_by(records.c.id).limit(3)).all()
            exact = [row for row in found if row.id == reference]
            known = [] if found else list(connection.execute(select(records.c.id).limit(3)).scalars())
        if len(exact or found) == 1:
            return record_of((exact or found)[0])
        if found:
            raise UsageError(f"More than one record begins with {reference!r}. Write more of its id.")
        raise UnknownName("record", reference, known, hint="List them: promptops records list")

    def record_count(self, wanted: RecordFilter) -> int:
        """Return how many records there are."""
        query = chosen(select(func.count()).select_from(records), wanted)
        with self.reading() as connection:
            found: int = connection.execute(query).scalar_one()
        return found

    def record_rates(self, wanted: RecordFilter) -> tuple[int, float, float]:
        """Return how many records there are, their smallest rate, and the sum of smallest rate / rate.

        0, 1 and 0 where there are none.
        """
        rate = records.c.rate
        figures: list[ColumnElement[Any]] = [func.count(), func.min(rate), func.sum(1.0 / rate)]
        with self.reading() as connection:
            count, lowest, calls = connection.execute(chosen(select(*figures), wanted)).one()
        return (count, float(lowest), float(lowest * calls)) if count else (0, 1.0, 0.0)

    def any_record(self, wanted: RecordFilter) -> bool:
        """Tell whether there is such a record."""
        with self.reading() as connection:
            return connection.execute(chosen(select(records.c.id), wanted).limit(1)).first() is not None

    def record_prompts(self) -> list[str]:
        """Return the names of the prompts that there are records of."""
        return sorted(self.record_values("prompt"))

    def record_values(
        self, name: Literal["prompt", "version", "alias", "model"], prompt: str | None = None
    ) -> list[Any]:
        """Return what records, or those of a prompt, have in one column; each once, without None."""
        column = records.c[name]
        query = chosen(select(column), RecordFilter(prompt=prompt)).where(column.is_not(None))
        with self.reading() as connection:
            return list(connection.execute(query.distinct().limit(_PAGE)).scalars())

    def record_figures(self, wanted: RecordFilter) -> list[RecordFigures]:
        """Return what figures need of records, the oldest first; their texts are not read."""
        query = chosen(select(*FIGURES), wanted).order_by(records.c.at, records.c.id)
        with self.reading() as connection:
            return [RecordFigures(*row) for row in connection.execute(query)]

    def feedback(self, wanted: RecordFilter | None = None) -> list[Feedback]:
        """Return what was said of records, the oldest first; without a filter also of records not kept."""
        query = select(feedback).order_by(feedback.c.at, feedback.c.id)
        if wanted is not None:
            query = query.where(feedback.c.record_id.in_(chosen(select(records.c.id), wanted)))
        with self.reading() as connection:
            return [feedback_of(row) for row in connection.execute(query)]

    def record_scores(self, wanted: RecordFilter, label: str | None = None) -> list[RecordScore]:
        """Return scores of records, in the order in which they were stored."""
        ids = chosen(select(records.c.id), wanted)
        query = select(record_scores).where(record_scores.c.record_id.in_(ids)).order_by(record_scores.c.id)
        if label is not None:
            query = query.where(record_scores.c.label == label)
        with self.reading() as connection:
            return [score_of(row) for row in connection.execute(query)]

    def known_records(self, ids: Sequence[str]) -> set[str]:
        """Return those of some ids that there are records of."""
        found: set[str] = set()
        with self.reading() as connection:
            for some in _pages(ids):
                found.update(connection.execute(select(records.c.id).where(records.c.id.in_(some))).scalars())
        return found

    def other_records(self, given: Sequence[Record]) -> dict[int, tuple[str, ...]]:
        """Return, by place in what is given, in which fields the record differs that is kept under its id."""
        kept: dict[str, Record] = {}
        with self.reading() as connection:
            for some in _pages([each.id for each in given]):
                query = select(records).where(records.c.id.in_(some))
                kept |= {row.id: record_of(row) for row in connection.execute(query)}
        found = {
            place: _differences(each, kept[each.id]) for place, each in enumerate(given) if each.id in kept
        }
        return {place: fields for place, fields in found.items() if fields}

    def said_of(self, ids: Sequence[str]) -> list[Feedback]:
        """Return what was said of some records, the oldest first."""
        found: list[Feedback] = []
        with self.reading() as connection:
            for some in _pages(ids):
                query = select(feedback).where(feedback.c.record_id.in_(some))
                found += [feedback_of(row) for row in connection.execute(query)]
        return sorted(found, key=lambda each: (each.at, each.id))

    def feedback_by(self, person: str) -> list[Feedback]:
        """Return what a person said, by the person's mark, of anybody's records."""
        query = select(feedback).where(feedback.c.by == person).order_by(feedback.c.at, feedback.c.id)
        with self.reading() as connection:
            return [feedback_of(row) for row in connection.execute(query)]

    def scores_of(self, ids: Sequence[str]) -> list[RecordScore]:
        """Return the scores of some records, in the order in which they were stored."""
        found: list[AnyRow] = []
        with self.reading() as connection:
            for some in _pages(ids):
                query = select(record_scores).where(record_scores.c.record_id.in_(some))
                found += connection.execute(query.order_by(record_scores.c.id))
        return [score_of(row) for row in found]

    def feedback_count(self, wanted: RecordFilter) -> int:
        """Return how much would go with the records that `delete_records` deletes."""
        query = select(func.count()).select_from(feedback).where(_going(wanted))
        with self.reading() as connection:
            found: int = connection.execute(query).scalar_one()
        return found

    def delete_records(self, wanted: RecordFilter) -> int:
        """Delete records with all that was said of them and their scores; return how many they were.

        With a `subject` alone also what that person said of other records; with an `id` or `until` alone
        also what was said of records that are not kept. SQLite writes zeros over it; `erase` does the rest.
        """
        if wanted == RecordFilter():
            raise UsageError("Say which records to delete: a filter without conditions would delete all.")
        ids = chosen(select(records.c.id), wanted).limit(_DELETED)
        deleted = 0
        with self._overwriting() as connection:
            connection.execute(feedback.delete().where(_going(wanted)))
        while True:
            # Not all at once: whoever logs meanwhile waits no longer than a page takes.
            with self._overwriting() as connection:
                found = list(connection.execute(ids).scalars())
                self._note(connection, wanted, found)
                for some in _pages(found):
                    connection.execute(record_scores.delete().where(record_scores.c.record_id.in_(some)))
                    connection.execute(feedback.delete().where(feedback.c.record_id.in_(some)))
                    connection.execute(records.delete().where(records.c.id.in_(some)))
            deleted += len(found)
            if len(found) < _DELETED:
                return deleted

    def _note(self, connection: Connection, wanted: RecordFilter, ids: Sequence[str]) -> None:
        """Remember in the transaction that deletes records what is to be remembered of that."""

    def erase(self, *, rewrite: bool) -> bool:
        """Let no deleted text be left in the files; return whether the write-ahead log is empty now.

        Zeros in place of deleted rows are not enough: where SQLite moves rows between pages, it can leave a
        copy behind. `rewrite` writes the file (on PostgreSQL the tables of records) anew; writers wait.
        """
        if self.address.path is None:
            if rewrite and self.dialect == "postgresql":
                with clean_messages(self.address), self._engine.connect() as connection:
                    alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                    alone.exec_driver_sql("VACUUM (FULL) record_scores, feedback, records")
            return self.dialect == "sqlite"
        with clean_messages(self.address):
            mover = connect_sqlite(self.address.path)
            try:
                if rewrite:
                    mover.execute("PRAGMA secure_delete=ON")
                    mover.execute("VACUUM")
                # It takes the writers' lock by itself, unlike a passive one.
                busy: int = mover.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                mover.close()
        return busy == 0

    @contextlib.contextmanager
    def _overwriting(self) -> Iterator[Connection]:
        with self.writing("deletions") as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            yield connection

    def _add(self, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        if not rows:
            return 0
        with self.writing() as connection:
            return self._put(connection, table, rows)

    def _put(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        return sum(insert_new_rows(connection, table, some) for some in _pages(rows))


def _pages(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))


def _going(wanted: RecordFilter) -> ColumnElement[bool]:
    """Say which feedback goes with the records of a filter."""
    said = feedback.c
    going = said.record_id.in_(chosen(select(records.c.id), wanted))
    if wanted == RecordFilter(subject=wanted.subject):
        return or_(going, said.by == wanted.subject)
    if wanted == RecordFilter(id=wanted.id):
        return said.record_id == wanted.id
    if wanted == RecordFilter(until=wanted.until):
        return or_(going, and_(said.at < wanted.until, ~exists().where(records.c.id == said.record_id)))
    return going


def _differences(given: Record, kept: Record) -> tuple[str, ...]:
    """Return the fields in which two records differ; where the same one came from is none of them."""
    fields = [name for name in Record.model_fields if getattr(given, name) != getattr(kept, name)]
    filled = "version" if given.version is None and given.alias is not None else ""  # when it was taken in
    return tuple(name for name in fields if name not in ("source", filled))
