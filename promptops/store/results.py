"""Results as read: the newest attempt of each sample and repeat, ordered by sample id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, CursorResult, Row, Select, exists, func, select, tuple_

from promptops.errors import FailureKind
from promptops.store.bulk import bare_rows
from promptops.store.database import Database
from promptops.store.encoding import noun_from, scores_from
from promptops.store.figures import counts_of, figures_of
from promptops.store.rows import ScorePage, ScoreRow
from promptops.store.tables import calls, results
from promptops.types import Completion, Failure, FailureCount, Result

_PAGE = 2_000
_BARE_PAGE = 5_000
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

    def finished(
        self, run_id: str, *, errors_too: bool, sample_ids: Sequence[str] | None = None
    ) -> set[tuple[str, int]]:
        """Return sample id and repeat of all that need no other attempt; on demand also of failures.

        Of some samples only where their ids are given, at most 500.
        """
        query = _finished(select(results.c.sample_id, results.c.repeat), run_id, errors_too)
        if sample_ids is not None:
            query = query.where(results.c.sample_id.in_(sample_ids))
        with self.reading() as connection:
            return {(row[0], row[1]) for row in connection.execute(query)}

    def finished_count(self, run_id: str, *, errors_too: bool) -> int:
        """Return how many `finished` returns."""
        places = _finished(select(results.c.sample_id, results.c.repeat).distinct(), run_id, errors_too)
        with self.reading() as connection:
            return connection.execute(select(func.count()).select_from(places.subquery())).scalar_one()

    def failures(self, run_id: str, sample_ids: Sequence[str]) -> dict[tuple[str, int], Failure]:
        """Return what stands as a failure of some samples, by sample id and repeat; at most 500 ids."""
        query = select(results.c.sample_id, results.c.repeat, results.c.failure).where(
            results.c.run_id == run_id,
            results.c.sample_id.in_(sample_ids),
            results.c.failure_kind.is_not(None),
            newest(),
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return {(row.sample_id, row.repeat): noun_from(Failure, row.failure) for row in rows}

    def failure_counts(self, run_id: str) -> list[FailureCount]:
        """Return the kinds of failure that stand, the most frequent first, each with one message."""
        query = (
            select(results.c.failure_kind, func.count(), func.min(results.c.failure))
            .where(results.c.run_id == run_id, results.c.failure_kind.is_not(None), newest())
            .group_by(results.c.failure_kind)
            .order_by(func.count().desc(), results.c.failure_kind)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [
            FailureCount(kind=kind, count=count, example=noun_from(Failure, failure).message)
            for kind, count, failure in rows
        ]

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
            yield from self._whole(run_id, None)
            return
        wanted = sorted(set(sample_ids))
        for start in range(0, len(wanted), _IDS):
            yield from self._whole(run_id, wanted[start : start + _IDS])

    def result(self, run_id: str, sample_id: str, repeat: int = 0) -> Result | None:
        """Return one result with its completion; None while there is none."""
        query = _WHOLE.where(
            results.c.run_id == run_id, results.c.sample_id == sample_id, results.c.repeat == repeat
        )
        with self.reading() as connection:
            row = connection.execute(query.order_by(results.c.attempt.desc()).limit(1)).first()
        return None if row is None else next(self._with_answers(run_id, [row]))

    def result_page(self, run_id: str, limit: int, offset: int = 0) -> list[Result]:
        """Return some results with their completions, ordered by sample id and repeat."""
        order = (results.c.sample_id, results.c.repeat)
        query = _WHOLE.where(results.c.run_id == run_id, newest()).order_by(*order)
        with self.reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).all()
        return list(self._with_answers(run_id, rows))

    def score_rows(self, run_id: str) -> Iterator[ScoreRow]:
        """Return failures and counts without texts, ordered by sample id and repeat."""
        for rows in self._newest(_BARE.where(results.c.run_id == run_id), _BARE_PAGE, bare_rows):
            for sample_id, repeat, _, failure, scores, figures in rows:
                yield ScoreRow(
                    sample_id, repeat, cast("FailureKind | None", failure), figures_of(figures, scores)
                )

    def score_pages(self, run_id: str, labels: Sequence[str]) -> Iterator[ScorePage]:
        """Return what `score_rows` returns of some metrics as arrays, by pages."""
        for rows in self._newest(_BARE.where(results.c.run_id == run_id), _BARE_PAGE, bare_rows):
            if rows:
                sample_ids, _, _, failures, texts, figures = zip(*rows, strict=True)
                answered: Sequence[int] = range(len(rows))
                if failures.count(None) < len(rows):
                    answered = [place for place in answered if failures[place] is None]
                yield ScorePage(sample_ids, failures, counts_of(labels, answered, figures, texts))

    def _whole(self, run_id: str, sample_ids: Sequence[str] | None) -> Iterator[Result]:
        query = _WHOLE.where(results.c.run_id == run_id)
        if sample_ids is not None:
            query = query.where(results.c.sample_id.in_(sample_ids))
        for rows in self._newest(query, _PAGE, CursorResult.all):
            yield from self._with_answers(run_id, rows, sample_ids)

    def _newest(
        self, query: Select[Any], size: int, fetched: Callable[[CursorResult[Any]], Sequence[Any]]
    ) -> Iterator[list[Any]]:
        """Read by pages in the order of the index, which no query planner can get wrong.

        No connection is held between pages, so that whoever reads may also write.
        """
        query = query.order_by(*_place.clauses).limit(size)
        pending: Any = None
        more = True
        while more:
            page = query if pending is None else query.where(_place > tuple(pending[:3]))
            with self.reading() as connection:
                rows = fetched(connection.execute(page))
            more = len(rows) == size
            seen = [*rows] if pending is None else [pending, *rows]
            ready = seen[:-1]
            if len({row[0] for row in seen}) < len(seen):  # the next row may be a later attempt at the same
                ready = [row for row, later in pairwise(seen) if row[0] != later[0] or row[1] != later[1]]
            pending = seen[-1] if seen else None
            if not more and pending is not None:
                ready.append(pending)
            yield ready

    def _with_answers(
        self, run_id: str, rows: Sequence[_AnyRow], sample_ids: Sequence[str] | None = None
    ) -> Iterator[Result]:
        """Put completions to rows that are in order; the ids tell which, where the rows have gaps."""
        if not rows:
            return
        query = _ANSWERS.where(calls.c.run_id == run_id, calls.c.purpose == "answer")
        if sample_ids is None:
            query = query.where(
                calls.c.sample_id >= rows[0].sample_id, calls.c.sample_id <= rows[-1].sample_id
            )
        else:
            query = query.where(calls.c.sample_id.in_(sample_ids))
        answers: dict[tuple[str, int], list[tuple[int, str]]] = {}
        with self.reading() as connection:
            for sample_id, repeat, attempt, content in connection.execute(query):
                answers.setdefault((sample_id, repeat), []).append((attempt, content))
        for row in rows:
            yield _result(row, answers.get((row.sample_id, row.repeat), []))


_place = tuple_(results.c.sample_id, results.c.repeat, results.c.attempt)
_WHOLE = select(
    results.c.sample_id,
    results.c.repeat,
    results.c.attempt,
    results.c.failure,
    results.c.scores,
    results.c.figures,
    results.c.remarks,
    results.c.cached,
)
_BARE = select(
    results.c.sample_id,
    results.c.repeat,
    results.c.attempt,
    results.c.failure_kind,
    results.c.scores,
    results.c.figures,
)
_ANSWERS = select(calls.c.sample_id, calls.c.repeat, calls.c.attempt, calls.c.content)


def _finished(query: Select[Any], run_id: str, errors_too: bool) -> Select[Any]:
    query = query.where(results.c.run_id == run_id)
    return query if errors_too else query.where(results.c.failure_kind.is_(None), newest())


def _result(row: _AnyRow, answers: list[tuple[int, str]]) -> Result:
    # An attempt may have taken over the answer of an earlier one; a run that was scored anew has its answers
    # as its parent numbered them.
    before = [answer for answer in answers if answer[0] <= row.attempt]
    made_of = max(before, default=min(answers, default=None))
    failed = row.failure is not None
    return Result(
        sample_id=row.sample_id,
        repeat=row.repeat,
        completion=None if failed or made_of is None else noun_from(Completion, made_of[1]),
        failure=noun_from(Failure, row.failure) if failed else None,
        scores=scores_from(figures_of(row.figures, row.scores), row.remarks),
        cached=bool(row.cached),
    )
