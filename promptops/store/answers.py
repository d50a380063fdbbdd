"""Answered calls: what a resume needs not pay again, and what a cache gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, insert, literal, select

from promptops.store.columns import marked
from promptops.store.database import Database, timestamp
from promptops.store.encoding import noun_from
from promptops.store.results import newest
from promptops.store.tables import calls, results
from promptops.types import Completion

_BY_KEY = "SELECT content FROM calls WHERE cache_key = ? ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Taken:
    """What calls of one kind took, those from the cache among them. What any does not tell is None."""

    calls: int
    cost: float | None
    """US dollars; None where any has no price, and where there is no call."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float | None
    """Seconds of waiting, added up."""


@dataclass(frozen=True)
class Spent:
    """What a run has asked for so far."""

    places: int
    """Samples times repeats that were asked."""
    failures: int
    """How many of these got no answer."""
    asked: int
    """Calls that were not answered by the cache."""
    answers: Taken
    judgements: Taken

    @property
    def calls(self) -> int:
        """How many answers and judgements there are."""
        return self.answers.calls + self.judgements.calls

    @property
    def cost(self) -> float | None:
        """US dollars of all of them; None where any has no price."""
        return self._all("cost")

    @property
    def seconds(self) -> float | None:
        """Seconds of waiting for all of them, added up."""
        return self._all("seconds")

    @property
    def tokens_in(self) -> int | None:
        """Tokens that were sent in all."""
        return _whole(self._all("tokens_in"))

    @property
    def tokens_out(self) -> int | None:
        """Tokens that came back in all."""
        return _whole(self._all("tokens_out"))

    def _all(self, name: str) -> float | None:
        return _added([getattr(each, name) for each in (self.answers, self.judgements) if each.calls])


class Answers(Database):
    """Completions by run, and by cache key over all runs."""

    def spent(self, run_id: str) -> Spent:
        """Return what a run has asked for so far."""
        failed = select(results.c.sample_id, results.c.repeat).where(
            results.c.run_id == run_id, results.c.failure_kind.is_not(None)
        )
        query = select(calls.c.sample_id, calls.c.repeat, calls.c.purpose, calls.c.cached, calls.c.content)
        with self.reading() as connection:
            silent = {(row.sample_id, row.repeat) for row in connection.execute(failed)}
            rows = connection.execute(query.where(calls.c.run_id == run_id)).all()
        answers, judgements = (
            [noun_from(Completion, row.content) for row in rows if (row.purpose == "answer") is answered]
            for answered in (True, False)
        )
        answered_places = {(row.sample_id, row.repeat) for row in rows}
        return Spent(
            places=len(silent | answered_places),
            failures=len(silent - answered_places),
            asked=sum(not row.cached for row in rows),
            answers=_taken(answers),
            judgements=_taken(judgements),
        )

    def taken(self, run_id: str) -> dict[str, Taken]:
        """Return what a run's calls took, by kind: `answer`, and `judge:LABEL` for each judge."""
        query = select(calls.c.purpose, calls.c.content).where(calls.c.run_id == run_id)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        found: dict[str, list[Completion]] = {}
        for purpose, content in rows:
            # A judge's further calls about one answer have a number after its label.
            kind = ":".join(purpose.split(":")[:2])
            found.setdefault(kind, []).append(noun_from(Completion, content))
        return {kind: _taken(completions) for kind, completions in found.items()}

    def unfinished_calls(self, run_id: str) -> dict[tuple[str, int, str], Completion]:
        """Return the newest completion by sample id, repeat and purpose, where no result succeeded yet."""
        succeeded = exists().where(
            results.c.run_id == calls.c.run_id,
            results.c.sample_id == calls.c.sample_id,
            results.c.repeat == calls.c.repeat,
            results.c.failure_kind.is_(None),
            newest(),
        )
        query = select(calls.c.sample_id, calls.c.repeat, calls.c.purpose, calls.c.content).where(
            calls.c.run_id == run_id, ~succeeded
        )
        with self.reading() as connection:
            rows = connection.execute(query.order_by(calls.c.attempt)).all()
        # A later attempt takes the place of an earlier one.
        contents = {(row.sample_id, row.repeat, row.purpose): row.content for row in rows}
        return {key: noun_from(Completion, content) for key, content in contents.items()}

    def judge_calls(self, run_id: str, sample_id: str, repeat: int = 0) -> dict[str, Completion]:
        """Return what judges replied about one answer, by purpose in order, the newest of each."""
        query = select(calls.c.purpose, calls.c.content).where(
            calls.c.run_id == run_id,
            calls.c.sample_id == sample_id,
            calls.c.repeat == repeat,
            calls.c.purpose != "answer",
        )
        with self.reading() as connection:
            rows = connection.execute(query.order_by(calls.c.purpose, calls.c.attempt)).all()
        return {purpose: noun_from(Completion, content) for purpose, content in rows}

    def cached_completion(self, cache_key: str) -> Completion | None:
        """Return the newest completion that was stored under a key; None if there is none."""
        if self.address.path is not None:
            content = self._glance(_BY_KEY, marked(cache_key))
        else:
            query = select(calls.c.content).where(calls.c.cache_key == cache_key)
            with self.reading() as connection:
                content = connection.execute(query.order_by(calls.c.id.desc()).limit(1)).scalar()
        return None if content is None else noun_from(Completion, str(content))

    def copy_answers(self, from_run: str, to_run: str) -> int:
        """Give a run the answers of another one, as cached; return how many. Those it has are left alone.

        What judges replied is not copied: another judge would take it for its own.
        """
        had = calls.alias("had")
        copied = ("sample_id", "repeat", "purpose", "attempt", "cache_key", "content", "address", "seal")
        has = exists().where(
            had.c.run_id == to_run,
            *(had.c[name] == calls.c[name] for name in ("sample_id", "repeat", "purpose", "attempt")),
        )
        query = (
            select(literal(to_run), literal(True), literal(timestamp()), *(calls.c[name] for name in copied))
            .where(calls.c.run_id == from_run, calls.c.purpose == "answer", ~has)
            .order_by(calls.c.id)
        )
        statement = insert(calls).from_select(["run_id", "cached", "created_at", *copied], query)
        with self.writing() as connection:
            return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount


def _taken(completions: list[Completion]) -> Taken:
    return Taken(
        calls=len(completions),
        cost=_added([each.cost for each in completions]),
        tokens_in=_whole(_added([each.tokens_in for each in completions])),
        tokens_out=_whole(_added([each.tokens_out for each in completions])),
        seconds=_added([each.seconds for each in completions]),
    )


def _added(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None where any part is unknown or there is none."""
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
