"""Runs and who is working on them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, insert, or_, select, update

from promptops.errors import Altered, StoreError, UnknownName, UsageError
from promptops.runs.owner import Lease
from promptops.store.database import Database, timestamp
from promptops.store.encoding import json_text, noun_from
from promptops.store.results import newest
from promptops.store.tables import results, runs
from promptops.types import MetricRecord, Part, Prompt, Run, RunStatus

SHORTEST_PREFIX = 4

_METRICS = TypeAdapter(tuple[MetricRecord, ...])
_AFTER_ALL = "\U0010fffd"
_other = results.alias("other")
_AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class Runs(Database):
    """What shaped each run is written once; only its status and its lease change."""

    def create_run(self, run: Run, config: dict[str, JsonValue]) -> None:
        """Keep a new run with the settings that a resume needs. Raises StoreError if the id is taken."""
        with self.writing("runs") as connection:
            if connection.execute(select(runs.c.id).where(runs.c.id == run.id)).first() is not None:
                raise StoreError(f"There is a run {run.id!r} already; ids must not be used twice.")
            highest = connection.execute(select(func.max(runs.c.number))).scalar()
            connection.execute(insert(runs).values(number=(highest or 0) + 1, **_columns(run, config)))

    def run(self, reference: str) -> Run:
        """Return a run by id, by the beginning of its id (4 characters or more), or `latest`.

        Raises UnknownName where there is none, UsageError where several begin so.
        """
        with self.reading() as connection:
            found = _find(connection, reference)
            if len(found) == 1:
                return _run(connection, found[0])
        if not found:
            raise self._unknown(reference)
        some = ", ".join(row.id for row in found[:5]) + (" ..." if len(found) > 5 else "")
        raise UsageError(f"More than one run begins with {reference!r}: {some}. Write more of the id.")

    def results_since(self, run_id: str, moment: str) -> tuple[int, str | None]:
        """Return how many results of a run were stored since a moment in UTC, and when the first of them."""
        query = select(func.count(), func.min(results.c.created_at))
        with self.reading() as connection:
            lately = results.c.run_id == run_id, results.c.created_at >= moment
            count, first = connection.execute(query.where(*lately)).one()
        return count, first

    def run_config(self, run_id: str) -> dict[str, JsonValue]:
        """Return the settings that a run was created with."""
        with self.reading() as connection:
            config = connection.execute(select(runs.c.config).where(runs.c.id == run_id)).scalar()
        if config is None:
            raise self._unknown(run_id)
        return cast(dict[str, JsonValue], json.loads(config))

    def runs(self, *, limit: int = 50, offset: int = 0, evalset: str | None = None) -> list[Run]:
        """Return runs, newest first."""
        query = select(runs).order_by(runs.c.number.desc()).limit(limit).offset(offset)
        if evalset is not None:
            query = query.where(runs.c.evalset == evalset)
        with self.reading() as connection:
            return [_run(connection, row) for row in connection.execute(query).all()]

    def run_count(self, evalset: str | None = None) -> int:
        """Return how many runs there are."""
        query = select(func.count()).select_from(runs)
        if evalset is not None:
            query = query.where(runs.c.evalset == evalset)
        with self.reading() as connection:
            return connection.execute(query).scalar_one()

    def run_evalsets(self) -> list[str]:
        """Return the names of all evaluation sets that have runs, in order."""
        query = select(runs.c.evalset).distinct().order_by(runs.c.evalset)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """Say how a run stands; the moment it finishes is kept."""
        finished_at = timestamp() if status == "finished" else None
        if not self._change(runs.c.id == run_id, status=status, finished_at=finished_at):
            raise self._unknown(run_id)

    def claim_run(self, run_id: str, owner: str, seconds: float) -> bool:
        """Become the one who works on a run, for so long; False where somebody else is."""
        now = self._clock()
        free = or_(
            runs.c.lease_owner.is_(None),
            runs.c.lease_owner == owner,
            runs.c.lease_until <= now,
            # Further off than it was ever given for: the clock was set back since.
            runs.c.lease_until > now + runs.c.lease_seconds + 1,
        )
        claimed = self._change(
            (runs.c.id == run_id) & free, lease_owner=owner, lease_until=now + seconds, lease_seconds=seconds
        )
        if not claimed:
            self.run_config(run_id)  # raises where there is no such run
        return claimed

    def run_owner(self, run_id: str) -> str | None:
        """Return who last claimed a run and has not released it."""
        with self.reading() as connection:
            return connection.execute(select(runs.c.lease_owner).where(runs.c.id == run_id)).scalar()

    def leases(self, run_ids: Sequence[str]) -> dict[str, Lease]:
        """Return the leases of those of some runs that somebody claimed and has not released."""
        query = select(runs.c.id, runs.c.lease_owner, runs.c.lease_until, runs.c.lease_seconds)
        with self.reading() as connection:
            rows = connection.execute(
                query.where(runs.c.id.in_(run_ids), runs.c.lease_owner.is_not(None))
            ).all()
        now = self._clock() if rows else 0.0
        return {
            row.id: Lease(row.lease_owner, not now < row.lease_until <= now + row.lease_seconds + 1)
            for row in rows
        }

    def renew_run(self, run_id: str, owner: str, seconds: float) -> bool:
        """Stay its owner for so long from now; False where the run was lost to somebody else."""
        return self._change(
            (runs.c.id == run_id) & (runs.c.lease_owner == owner),
            lease_until=self._clock() + seconds,
            lease_seconds=seconds,
        )

    def release_run(self, run_id: str, owner: str) -> None:
        """Let others have the run; nothing happens where it isn't the owner's."""
        self._change(
            (runs.c.id == run_id) & (runs.c.lease_owner == owner),
            lease_owner=None,
            lease_until=None,
            lease_seconds=None,
        )

    def _change(self, which: ColumnElement[bool], **values: object) -> bool:
        with self.writing() as connection:
            return connection.execute(update(runs).where(which).values(**values)).rowcount == 1

    def _clock(self) -> float:
        """Return seconds since 1970 by the clock that all who share the database share."""
        if self.dialect == "sqlite":
            return time.time()
        with self.reading() as connection:
            seconds = connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
        return float(seconds)

    def _unknown(self, reference: str) -> UnknownName:
        with self.reading() as connection:
            which = (runs.c.id, runs.c.evalset, runs.c.prompt_ref, runs.c.created_at)
            known = connection.execute(select(*which).order_by(runs.c.number.desc()).limit(200)).all()
        few = "" if len(reference) >= SHORTEST_PREFIX else f"Write {SHORTEST_PREFIX} characters or more. "
        about = {
            run.id: f"{run.evalset}, {run.prompt_ref}, {str(run.created_at)[:16].replace('T', ' ')}"
            for run in known
        }
        hint = f"{few}All: promptops runs" if known else few.strip()
        return UnknownName("run", reference, about, hint=hint, about=about)


def _find(connection: Connection, reference: str) -> Sequence[_AnyRow]:
    """Return the run, or up to six that it may be."""
    newest_first = select(runs).order_by(runs.c.number.desc())
    if reference == "latest":
        return connection.execute(newest_first.limit(1)).all()
    exact = connection.execute(select(runs).where(runs.c.id == reference)).all()
    if exact or len(reference) < SHORTEST_PREFIX:
        return exact
    return connection.execute(newest_first.where(*_begins_with(reference)).limit(6)).all()


def _begins_with(reference: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # LIKE would ignore case on SQLite and can't use the index.
    return runs.c.id >= reference, runs.c.id < reference + _AFTER_ALL


def _columns(run: Run, config: dict[str, JsonValue]) -> dict[str, object]:
    return {
        "id": run.id,
        "created_at": run.created_at,
        "status": run.status,
        "evalset": run.evalset,
        "evalset_digest": run.evalset_digest,
        "prompt": json_text(run.prompt.model_dump()),
        "prompt_digest": run.prompt.digest,
        "prompt_ref": run.prompt_ref,
        "model": run.model,
        "metrics": json_text([metric.model_dump() for metric in run.metrics]),
        "repeats": run.repeats,
        "samples": run.samples,
        "parent": run.parent,
        "actor": run.actor,
        "config": json_text(config if run.part is None else {**config, "part": run.part.model_dump()}),
        "finished_at": timestamp() if run.status == "finished" else None,
    }


def _run(connection: Connection, row: _AnyRow) -> Run:
    prompt = noun_from(Prompt, row.prompt)
    if prompt.digest != row.prompt_digest:
        raise Altered(f"The prompt of run {row.id} was changed in the database. Restore it from a backup.")
    done, errors = connection.execute(_counts(row.id)).one()
    return Run(
        id=row.id,
        created_at=row.created_at,
        status=row.status,
        evalset=row.evalset,
        evalset_digest=row.evalset_digest,
        prompt=prompt,
        prompt_ref=row.prompt_ref,
        model=row.model,
        metrics=_METRICS.validate_python(json.loads(row.metrics)),
        repeats=row.repeats,
        samples=row.samples,
        done=done,
        errors=errors,
        parent=row.parent,
        actor=row.actor,
        part=_part(row.config),
    )


def _part(config: str) -> Part | None:
    """Return which part of its set a run asked; runs of older versions asked all of it."""
    found = json.loads(config).get("part")
    return None if found is None else Part.model_validate(found)


def _counts(run_id: str) -> Select[int, int]:
    """Samples times repeats whose newest attempt succeeded, and those where it failed."""
    # Asked once, and in most runs nothing is tried again: to look for a later attempt of each costs more.
    tried_again = exists().where(_other.c.run_id == run_id, _other.c.attempt > 0)
    return select(
        func.count().filter(results.c.failure_kind.is_(None)),
        func.count().filter(results.c.failure_kind.is_not(None)),
    ).where(results.c.run_id == run_id, or_(~tried_again, newest()))
