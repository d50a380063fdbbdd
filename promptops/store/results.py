"""Results as read: the newest attempt of each sample and repeat, ordered by sample id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, exists, func, select, tuple_

from promptops.errors import FailureKind
from promptops.store.database import Database
from promptops.store.encoding import noun_from, scores_from
from promptops.store.rows import ScoreFigures, ScoreRow
from promptops.store.tables import calls, results
from promptops.types import Completion, Failure, Result

_PAGE = 2_000
_BARE_PAGE = 20_000
_IDS = 500
_AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_later = results.alias("later")


def newest() -> ColumnElement[bool]:
    """The condition that a result has no later attempt."""
    return ~exists().where(
        _later.c.run_id == results.c.run_id,
        _later.c.sample_id == results.c.sample_id,
        _later.c.repeat == results.c.repeat,
        _later.c.attempt > results.c.attempt,
    )


class Results(Database):
    """What came of each sample."""

    def finished(self, run_id: str, *, errors_too: bool) -> set[tuple[str, int]]:
        """Return sample id and repeat of all that need no other attempt; on demand also of failures."""
        query = select(results.c.sample_id, results.c.repeat).where(results.c.run_id == run_id)
        if not errors_too:
            query = query.where(results.c.failure_kind.is_(None), newest())
        with self.reading() as connection:
            return {(row[0], row[1]) for row in connection.execute(query)}

    def attempts(self, run_id: str) -> dict[tuple[str, int], int]:
        """Return the number of the newest attempt by sample id and repeat."""
        query = select(results.c.sample_id, results.c.repeat, func.max(results.c.attempt)).where(
            results.c.run_id == run_id
        )
        with self.reading() as connection:
            rows = connection.execute(query.group_by(results.c.sample_id, results.c.repeat))
            return {(row[0], row[1]): row[2] for row in rows}

    def results(self, run_id: str, *, sample_ids: Sequence[str] | None = None) -> Iterator[Result]:
        """Return results with their completions, ordered by sample id and repeat."""
        if sample_ids is None:
            yield from self._pages(_WHOLE.where(results.c.run_id == run_id))
            return
        wanted = sorted(set(sample_ids))
        for start in range(0, len(wanted), _IDS):
            some = results.c.sample_id.in_(wanted[start : start + _IDS])
            yield from self._pages(_WHOLE.where(results.c.run_id == run_id, some))

    def result(self, run_id: str, sample_id: str, repeat: int = 0) -> Result | None:
        """Return one result with its completion; None while there is none."""
        with self.reading() as connection:
            row = connection.execute(
                _WHOLE.where(
                    results.c.run_id == run_id, results.c.sample_id == sample_id, results.c.repeat == repeat
                )
            ).first()
        return None if row is None else _result(row)

    def result_page(self, run_id: str, limit: int, offset: int = 0) -> list[Result]:
        """Return some results with their completions, ordered by sample id and repeat."""
        order = (results.c.sample_id, results.c.repeat)
        # The page is found before completions are looked up: a late page must not read all texts.
        page = (
            select(results.c.sample_id, results.c.repeat, results.c.attempt)
            .where(results.c.run_id == run_id, newest())
            .order_by(*order)
            .limit(limit)
            .offset(offset)
            .subquery()
        )
        same = and_(
            page.c.sample_id == results.c.sample_id,
            page.c.repeat == results.c.repeat,
            page.c.attempt == results.c.attempt,
        )
        query = _joined(results.join(page, same)).where(results.c.run_id == run_id).order_by(*order)
        with self.reading() as connection:
            return [_result(row) for row in connection.execute(query)]

    def score_rows(self, run_id: str) -> Iterator[ScoreRow]:
        """Return failures and counts without texts, ordered by sample id and repeat."""
        key = tuple_(results.c.sample_id, results.c.repeat, results.c.attempt)
        query = _BARE.where(results.c.run_id == run_id).order_by(*key.clauses).limit(_BARE_PAGE)
        pending: _AnyRow | None = None
        while True:
            page = query if pending is None else query.where(key > tuple(pending[:3]))
            with self.reading() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                # The next row may be a later attempt at the same.
                if pending is not None and (pending[0] != row[0] or pending[1] != row[1]):
                    yield _score_row(pending)
                pending = row
            if len(rows) < _BARE_PAGE:
                break
        if pending is not None:
            yield _score_row(pending)

    def _pages(self, query: Select[Any]) -> Iterator[Result]:
        key = tuple_(results.c.sample_id, results.c.repeat)
        query = query.order_by(*key.clauses).limit(_PAGE)
        last: _AnyRow | None = None
        while True:
            page = query if last is None else query.where(key > tuple(last[:2]))
            with self.reading() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                yield _result(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1]


_tried = calls.alias("tried")
# The answer that a result was made of: an attempt may have taken over the answer of an earlier one.
_answer = and_(
    calls.c.run_id == results.c.run_id,
    calls.c.sample_id == results.c.sample_id,
    calls.c.repeat == results.c.repeat,
    calls.c.purpose == "answer",
    calls.c.attempt
    == select(func.max(_tried.c.attempt))
    .where(
        _tried.c.run_id == results.c.run_id,
        _tried.c.sample_id == results.c.sample_id,
        _tried.c.repeat == results.c.repeat,
        _tried.c.purpose == "answer",
        _tried.c.attempt <= results.c.attempt,
    )
    .scalar_subquery(),
)


def _joined(source: FromClause) -> Select[Any]:
    """Return what a Result is made of, each with its answer."""
    return select(
        results.c.sample_id,
        results.c.repeat,
        results.c.failure,
        results.c.scores,
        results.c.remarks,
        results.c.cached,
        calls.c.content,
    ).select_from(source.outerjoin(calls, _answer))


_WHOLE = _joined(results).where(newest())
_BARE = select(
    results.c.sample_id, results.c.repeat, results.c.attempt, results.c.failure_kind, results.c.scores
)


def _result(row: _AnyRow) -> Result:
    failed = row.failure is not None
    return Result(
        sample_id=row.sample_id,
        repeat=row.repeat,
        completion=None if failed or row.content is None else noun_from(Completion, row.content),
        failure=noun_from(Failure, row.failure) if failed else None,
        scores=scores_from(row.scores, row.remarks),
        cached=bool(row.cached),
    )


def _score_row(row: _AnyRow) -> ScoreRow:
    sample_id, repeat, _, failure, scores = row
    return ScoreRow(
        sample_id,
        repeat,
        cast("FailureKind | None", failure),
        cast("dict[str, ScoreFigures]", json.loads(scores)),
    )
