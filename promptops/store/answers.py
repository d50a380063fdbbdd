"""Answered calls: what a resume needs not pay again, and what a cache gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, insert, literal, or_, select

from promptops.store.columns import marked
from promptops.store.database import Database, timestamp
from promptops.store.encoding import noun_from
from promptops.store.results import newest
from promptops.store.tables import calls, results
from promptops.types import Completion

_PAGE = 2_000
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

    def is_begun(self, run_id: str) -> bool:
        """Tell whether anything of a run is stored."""
        with self.reading() as connection:
            return any(
                connection.execute(select(table.c.id).where(table.c.run_id == run_id).limit(1)).first()
                for table in (calls, results)
            )

    def spent(self, run_id: str) -> Spent:
        """Return what a run has asked for so far."""
        asked = select(calls.c.sample_id, calls.c.repeat).where(calls.c.run_id == run_id)
        unanswered = select(results.c.sample_id, results.c.repeat).where(
            results.c.run_id == run_id,
            results.c.failure_kind.is_not(None),
            ~exists().where(
                calls.c.run_id == run_id,
                calls.c.sample_id == results.c.sample_id,
                calls.c.repeat == results.c.repeat,
            ),
        )
        with self.reading() as connection:
            answered, failures = (
                connection.execute(select(func.count()).select_from(query.distinct().subquery())).scalar_one()
                for query in (asked, unanswered)
            )
        answers, judgements, paid = _Sum(), _Sum(), 0
        for purpose, cached, completion in self._completions(run_id):
            (answers if purpose == "answer" else judgements).add(completion)
            paid += not cached
        return Spent(
            places=answered + failures,
            failures=failures,
            asked=paid,
            answers=answers.taken(),
            judgements=judgements.taken(),
        )

    def cut_off(self, run_id: str) -> int:
        """Return how many of a run's answers ended at the limit of tokens, in the middle of a sentence."""
        # The words stand so in a completion only as its own field: within a text, quotes are escaped.
        ended = calls.c.content.contains('"finish_reason":"length"', autoescape=True)
        wanted = (calls.c.run_id == run_id, calls.c.purpose == "answer", ended)
        places = select(calls.c.sample_id, calls.c.repeat).where(*wanted).distinct().subquery()
        with self.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(places)).scalar_one())

    def taken(self, run_id: str) -> dict[str, Taken]:
        """Return what a run's calls took, by kind: `answer`, and `judge:LABEL` for each judge."""
        found: dict[str, _Sum] = {}
        for purpose, _, completion in self._completions(run_id):
            # A judge's further calls about one answer have a number after its label.
            found.setdefault(":".join(purpose.split(":")[:2]), _Sum()).add(completion)
        return {kind: each.taken() for kind, each in found.items()}

    def cached_judgements(self, run_id: str, label: str, since: str | None = None) -> int:
        """Return how many of a judge's replies in a run are those of an earlier one.

        With `since`, an ISO date in UTC, only those of which it is not known that they are no older.
        """
        own = or_(
            calls.c.purpose == f"judge:{label}",
            calls.c.purpose.startswith(f"judge:{label}:", autoescape=True),
        )
        query = select(func.count()).where(calls.c.run_id == run_id, calls.c.cached.is_(True), own)
        if since is not None:
            paid = calls.alias("paid")
            # What is used again is the newest reply to a request.
            later = exists().where(
                paid.c.cache_key == calls.c.cache_key,
                paid.c.cached.is_(False),
                paid.c.created_at >= since,
                paid.c.id < calls.c.id,
            )
            query = query.where(~later)
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def _completions(self, run_id: str) -> Iterator[tuple[str, bool, Completion]]:
        """Yield purpose, whether it came from the cache, and the completion of all calls, by pages."""
        query = select(calls.c.id, calls.c.purpose, calls.c.cached, calls.c.content)
        last = -1
        while True:
            page = query.where(calls.c.run_id == run_id, calls.c.id > last).order_by(calls.c.id)
            with self.reading() as connection:
                rows = connection.execute(page.limit(_PAGE)).all()
            for _, purpose, cached, content in rows:
                yield purpose, bool(cached), noun_from(Completion, content)
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def unfinished_calls(
        self, run_id: str, *, sample_ids: Sequence[str] | None = None
    ) -> dict[tuple[str, int, str], Completion]:
        """Return the newest completion by sample id, repeat and purpose, where no result succeeded yet.

        Of some samples only where their ids are given, at most 500.
        """
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
        if sample_ids is not None:
            query = query.where(calls.c.sample_id.in_(sample_ids))
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


@dataclass
class _Sum:
    """Adds up what calls took; what one of them does not tell is not known of all."""

    calls: int = 0
    cost: float | None = 0.0
    tokens_in: float | None = 0
    tokens_out: float | None = 0
    seconds: float | None = 0.0

    def add(self, completion: Completion) -> None:
        self.calls += 1
        for name in ("cost", "tokens_in", "tokens_out", "seconds"):
            before, more = getattr(self, name), getattr(completion, name)
            setattr(self, name, None if before is None or more is None else before + more)

    def taken(self) -> Taken:
        if not self.calls:
            return Taken(calls=0, cost=None, tokens_in=None, tokens_out=None, seconds=None)
        return Taken(self.calls, self.cost, _whole(self.tokens_in), _whole(self.tokens_out), self.seconds)


def _added(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None where any part is unknown or there is none."""
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
