"""Which stored answers may be used again: counted, and forgotten without touching any run's results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from promptops.judges import asked_models
from promptops.store.database import Database
from promptops.store.tables import calls, runs

_VALUES = 200
"""Runs or addresses of one statement; databases bound how many values one may hold."""


@dataclass(frozen=True)
class Reusable:
    """Answers of one model that would be used again."""

    model: str
    entries: int
    """Distinct requests."""
    bytes: int
    """What their completions take in the database, indexes aside."""
    hits: int
    """Calls that were answered so far without being paid for."""
    oldest: str | None
    """When the entry was stored or used that lies furthest back; None where there is no entry."""
    newest: str | None


class Reuse(Database):
    """The cache: every stored answer with a key."""

    def reusable(self) -> list[Reusable]:
        """Return what may be used again by model, in the order of their names. Reads all calls once."""
        keyed = calls.c.cache_key.is_not(None)
        newest = select(func.max(calls.c.id)).where(keyed).group_by(calls.c.cache_key)
        entries = (
            select(
                calls.c.run_id,
                calls.c.purpose,
                func.count(),
                # The text is ASCII, so that characters are bytes.
                func.sum(func.length(calls.c.content)),
                func.min(calls.c.created_at),
                func.max(calls.c.created_at),
            )
            .where(calls.c.id.in_(newest))
            .group_by(calls.c.run_id, calls.c.purpose)
        )
        hits = (
            select(calls.c.run_id, calls.c.purpose, func.count())
            .where(calls.c.cached)
            .group_by(calls.c.run_id, calls.c.purpose)
        )
        with self.reading() as connection:
            kept = connection.execute(entries).all()
            used = connection.execute(hits).all()
        models = _Models(self, {row[0] for row in (*kept, *used)})
        found: dict[str, list[tuple[int, int, int, str | None, str | None]]] = {}
        for run_id, purpose, count, size, oldest, latest in kept:
            found.setdefault(models.of(run_id, purpose), []).append((count, int(size), 0, oldest, latest))
        for run_id, purpose, count in used:
            # A run that was scored anew has its parent's answers; no call was saved by that.
            if purpose != "answer" or run_id not in models.scored_anew:
                found.setdefault(models.of(run_id, purpose), []).append((0, 0, count, None, None))
        return [_added(model, parts) for model, parts in sorted(found.items())]

    def keyed(self, addresses: Sequence[str]) -> frozenset[str]:
        """Return which of some content addresses have an answer here that may be used again."""
        found: set[str] = set()
        with self.reading() as connection:
            for start in range(0, len(addresses), _VALUES):
                some = calls.c.cache_key.in_(addresses[start : start + _VALUES])
                found.update(connection.execute(select(calls.c.cache_key).where(some)).scalars())
        return frozenset(found)

    def forget(
        self, *, older_than: timedelta | None = None, model: str | None = None, dry_run: bool = False
    ) -> int:
        """Let no stored answer be used again, or only those of a model or of some age; return how many.

        Counts stored answers, of which several may belong to one request. Runs keep their results, and their
        answers keep their content address.
        """
        which: list[ColumnElement[bool]] = [calls.c.cache_key.is_not(None)]
        if older_than is not None:
            before = (datetime.now(UTC) - older_than).isoformat(timespec="microseconds")
            which.append(calls.c.created_at < before)
        parts = list(self._parts(model))
        if dry_run:
            count = select(func.count()).select_from(calls)
            with self.reading() as connection:
                return sum(connection.execute(count.where(*which, part)).scalar_one() for part in parts)
        change = update(calls).values(address=calls.c.cache_key, cache_key=None)
        with self.writing() as connection:
            return sum(connection.execute(change.where(*which, part)).rowcount for part in parts)

    def _parts(self, model: str | None) -> Iterator[ColumnElement[bool]]:
        """Yield conditions that together are all calls of a model."""
        if model is None:
            yield calls.c.cache_key.is_not(None)
            return
        models = _Models(self, None)
        for purpose, run_ids in models.places(model).items():
            for start in range(0, len(run_ids), _VALUES):
                part = calls.c.run_id.in_(run_ids[start : start + _VALUES])
                # A judge's further questions are numbered: judge:LABEL:2.
                first, after = f"{purpose}:", f"{purpose};"
                yield and_(
                    part,
                    or_(
                        calls.c.purpose == purpose,
                        and_(calls.c.purpose >= first, calls.c.purpose < after),
                    ),
                )


class _Models:
    """Which model answered, by run and purpose."""

    def __init__(self, store: Database, run_ids: Iterable[str] | None) -> None:
        query = select(runs.c.id, runs.c.model, runs.c.metrics, runs.c.parent)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        wanted = None if run_ids is None else set(run_ids)
        self.scored_anew = {row.id for row in rows if row.parent is not None}
        self._by_place: dict[tuple[str, str], str] = {}
        for row in rows:
            if wanted is not None and row.id not in wanted:
                continue
            self._by_place[row.id, "answer"] = row.model
            for metric in json.loads(row.metrics):
                models = asked_models(metric.get("options", {})) if metric.get("judge") else ()
                if models:  # which of a jury's models answered is not told by the purpose
                    self._by_place[row.id, f"judge:{metric['label']}"] = " + ".join(models)

    def of(self, run_id: str, purpose: str) -> str:
        """Return a model's name."""
        stem = ":".join(purpose.split(":")[:2])
        return self._by_place.get((run_id, stem), "unknown")

    def places(self, model: str) -> dict[str, list[str]]:
        """Return the runs in which a model answered, by purpose."""
        found: dict[str, list[str]] = {}
        for (run_id, purpose), name in self._by_place.items():
            if name == model:
                found.setdefault(purpose, []).append(run_id)
        return found


def _added(model: str, parts: Sequence[tuple[int, int, int, str | None, str | None]]) -> Reusable:
    dates = [date for part in parts for date in part[3:] if date is not None]
    return Reusable(
        model=model,
        entries=sum(part[0] for part in parts),
        bytes=sum(part[1] for part in parts),
        hits=sum(part[2] for part in parts),
        oldest=min(dates, default=None),
        newest=max(dates, default=None),
    )
