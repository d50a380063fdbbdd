"""Records, opinions and scores as columns, a page at a time: for figures over very many, without nouns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, Text, case, func, or_, select, true, type_coerce

from promptops.production.records import RecordFilter
from promptops.store.columns import PlainText, unmarked
from promptops.store.database import Database
from promptops.store.recordchoice import chosen, said_bad, said_good
from promptops.store.tables import feedback, record_scores, records

Columns: TypeAlias = list[Sequence[Any]]
PAGE = 500
_MOST = 0.5
"""Share of the records from which on all that belongs to records is read, whosever it is."""


class RecordColumns(Database):
    """What figures need of records."""

    def record_columns(self, wanted: RecordFilter, names: Sequence[str]) -> Iterator[Columns]:
        """Yield columns of records, the oldest first; nothing else may be read until the last page came."""
        columns = [records.c[name] for name in names]
        query = chosen(select(*map(_as_it_lies, columns)), wanted).order_by(records.c.at, records.c.id)
        texts = [isinstance(each.type, PlainText) and each.name != "at" for each in columns]
        plain = [place for place, is_text in enumerate(texts) if is_text]
        yield from self._columns(query, plain)

    def record_opinions(self, wanted: RecordFilter) -> Iterator[Columns]:
        """Yield ids of records and 1 or 0 for each word that they were good or not, the oldest first.

        Where most records are wanted, the others' come with them.
        """
        good = case((said_good(), 1.0), else_=0.0)
        query = (
            select(_as_it_lies(feedback.c.record_id), good)
            .where(self._belongs(feedback.c.record_id, wanted), or_(said_good(), said_bad()))
            .order_by(feedback.c.at, feedback.c.id)
        )
        yield from self._columns(query, [0])

    def record_marks(self, wanted: RecordFilter, label: str | None = None) -> Iterator[Columns]:
        """Yield scores in the order in which they were stored: record, label, signature, value.

        Where most records are wanted, the others' come with them.
        """
        given = record_scores.c
        columns = [given.record_id, given.label, given.signature]
        query = (
            select(*map(_as_it_lies, columns), given.value)
            .where(self._belongs(given.record_id, wanted))
            .order_by(given.id)
        )
        yield from self._columns(query if label is None else query.where(given.label == label), [0, 1, 2])

    def _belongs(self, record_id: ColumnElement[str], wanted: RecordFilter) -> ColumnElement[bool]:
        """Say which rows belong to records, or all where most are wanted: a search for each takes longer."""
        which = chosen(select(records.c.id), wanted)
        with self.reading() as connection:
            found, there = (
                connection.execute(select(func.count()).select_from(each)).scalar_one()
                for each in (which.subquery(), records)
            )
        return true() if found > _MOST * there else record_id.in_(which)

    def _columns(self, query: Select[Any], plain: Sequence[int]) -> Iterator[Columns]:
        with self.reading() as connection:
            for rows in self._rows(connection, query):
                page: Columns = list(zip(*rows, strict=True))
                for place in plain:
                    page[place] = _unmarked(page[place])
                yield page

    def _rows(self, connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
        if self.dialect == "postgresql":  # which gives all at once where it is not told to stream
            yield from connection.execution_options(yield_per=PAGE).execute(query).partitions(PAGE)
            return
        cursor = connection.execute(query).cursor
        assert cursor is not None  # noqa: S101 - a select has one
        # As the driver gives them: a row of SQLAlchemy's for each takes as long as the database does.
        while rows := cursor.fetchmany(PAGE):
            yield rows


def _unmarked(texts: Sequence[str | None]) -> Sequence[str | None]:
    """Undo what marks texts, once for each that occurs; ids are many, and all but never have a mark."""
    there = [text for text in texts if text is not None] if None in texts else texts
    if "".join(there).isascii():  # type: ignore[arg-type]
        return texts
    known = {text: unmarked(text) for text in there if text is not None}
    return [None if text is None else known[text] for text in texts]


def _as_it_lies(column: Any) -> Any:
    return type_coerce(column, Text) if isinstance(column.type, PlainText) else column
