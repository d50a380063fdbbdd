"""Records, opinions and scores as columns, a page at a time: for figures over very many, without nouns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Select, Text, case, or_, select, type_coerce

from promptops.production.records import RecordFilter
from promptops.store.columns import PlainText, unmarked
from promptops.store.database import Database
from promptops.store.recordchoice import chosen, said_bad, said_good
from promptops.store.tables import feedback, record_scores, records

Columns: TypeAlias = list[Sequence[Any]]
PAGE = 5_000


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
        """Yield ids of records and 1 or 0 for each word that they were good or not, the oldest first."""
        good = case((said_good(), 1.0), else_=0.0)
        query = (
            select(_as_it_lies(feedback.c.record_id), good)
            .where(
                feedback.c.record_id.in_(chosen(select(records.c.id), wanted)), or_(said_good(), said_bad())
            )
            .order_by(feedback.c.at, feedback.c.id)
        )
        yield from self._columns(query, [0])

    def record_marks(self, wanted: RecordFilter, label: str | None = None) -> Iterator[Columns]:
        """Yield scores in the order in which they were stored: record, label, signature, value."""
        given = record_scores.c
        columns = [given.record_id, given.label, given.signature]
        query = (
            select(*map(_as_it_lies, columns), given.value)
            .where(given.record_id.in_(chosen(select(records.c.id), wanted)))
            .order_by(given.id)
        )
        yield from self._columns(query if label is None else query.where(given.label == label), [0, 1, 2])

    def _columns(self, query: Select[Any], plain: Sequence[int]) -> Iterator[Columns]:
        with self.reading() as connection:
            for rows in connection.execution_options(yield_per=PAGE).execute(query).partitions(PAGE):
                page: Columns = list(zip(*rows, strict=True))
                for place in plain:
                    # What marks texts is undone once for each that occurs.
                    known = {text: unmarked(text) for text in set(page[place]) if text is not None}
                    page[place] = [known.get(text) for text in page[place]]
                yield page


def _as_it_lies(column: Any) -> Any:
    return type_coerce(column, Text) if isinstance(column.type, PlainText) else column
