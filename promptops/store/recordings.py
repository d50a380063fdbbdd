"""What a run was told, call by call: what a replay needs in place of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from promptops.calls.contentaddress import seal_of
from promptops.store.database import Database
from promptops.store.encoding import noun_from
from promptops.store.tables import calls, results
from promptops.types import Completion

_PAGE = 2_000

Place = tuple[str, int, str]
"""Sample id, repeat, purpose."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One stored completion and what it was an answer to."""

    attempt: int
    completion: Completion
    address: str | None
    """The content address of the request; None where an earlier schema did not keep it."""
    sealed: bool | None
    """Whether completion and address are those that were stored; None where an earlier schema can't tell."""


class Recordings(Database):
    """Calls and attempts of some of a run's samples."""

    def recorded(self, run_id: str, sample_ids: Sequence[str]) -> dict[Place, Recorded]:
        """Return what the newest result of each sample and repeat was made of. At most 500 ids at a time.

        Where there is no result yet, the newest completion of each purpose. Raises StoreError where a stored
        completion can't be read.
        """
        query = select(
            calls.c.sample_id,
            calls.c.repeat,
            calls.c.purpose,
            calls.c.attempt,
            calls.c.cache_key,
            calls.c.address,
            calls.c.seal,
            calls.c.content,
        ).where(calls.c.run_id == run_id, calls.c.sample_id.in_(sample_ids))
        attempts = self.attempts_of(run_id, sample_ids)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(calls.c.attempt)).all()
        chosen = {}
        for row in rows:
            place = (row.sample_id, row.repeat, row.purpose)
            last = attempts.get(place[:2])
            # A result may have taken over the answer of an earlier attempt. It has a later one only in a run
            # that was scored anew, with its answers as its parent numbered them.
            if last is None or row.attempt <= last or place not in chosen:
                chosen[place] = row
        return {place: _recorded(*row[3:]) for place, row in chosen.items()}

    def seals(self, run_id: str) -> Iterator[tuple[Place, bool | None]]:
        """Yield of every completion of a run whether it is the one that was stored; None where unknown."""
        query = select(
            calls.c.id,
            calls.c.sample_id,
            calls.c.repeat,
            calls.c.purpose,
            calls.c.cache_key,
            calls.c.address,
            calls.c.seal,
            calls.c.content,
        ).where(calls.c.run_id == run_id)
        last = -1
        while True:
            page = query.where(calls.c.id > last).order_by(calls.c.id).limit(_PAGE)
            with self.reading() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                yield (row.sample_id, row.repeat, row.purpose), _sealed(*row[4:])
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def attempts_of(self, run_id: str, sample_ids: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return the number of the newest result of some samples, by sample id and repeat."""
        query = (
            select(results.c.sample_id, results.c.repeat, func.max(results.c.attempt))
            .where(results.c.run_id == run_id, results.c.sample_id.in_(sample_ids))
            .group_by(results.c.sample_id, results.c.repeat)
        )
        with self.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def call_count(self, run_id: str) -> int:
        """Return how many completions are stored for a run, whatever became of them."""
        query = select(func.count()).select_from(calls).where(calls.c.run_id == run_id)
        with self.reading() as connection:
            return connection.execute(query).scalar_one()


def _recorded(
    attempt: int, cache_key: str | None, address: str | None, seal: str | None, content: str
) -> Recorded:
    sealed = _sealed(cache_key, address, seal, content)
    return Recorded(attempt, noun_from(Completion, content), cache_key or address, sealed)


def _sealed(cache_key: str | None, address: str | None, seal: str | None, content: str) -> bool | None:
    if seal is None:
        return None
    return seal == seal_of(cache_key or address, content)
