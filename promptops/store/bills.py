"""What runs took, added up from their calls without making nouns of these: cheap enough for lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json
from sqlalchemy import func, select

from promptops.calls.bills import Bill
from promptops.errors import Altered
from promptops.store.database import Database
from promptops.store.tables import calls

_PAGE = 5_000


class Bills(Database):
    """What was paid, by run."""

    def bills(self, run_ids: Sequence[str], *, most: int | None = None) -> dict[str, Bill]:
        """Return what each of some runs took; those with more than `most` calls are left out."""
        counts = select(calls.c.run_id, func.count().label("many")).where(calls.c.run_id.in_(run_ids))
        with self.reading() as connection:
            found: dict[str, int] = {
                row.run_id: row.many for row in connection.execute(counts.group_by(calls.c.run_id))
            }
        wanted = [run_id for run_id in run_ids if most is None or found.get(run_id, 0) <= most]
        return {run_id: _bill(self._paid(run_id)) for run_id in wanted}

    def _paid(self, run_id: str) -> Iterator[tuple[bool, str]]:
        """Yield of each call whether it came from the cache, and its completion as text."""
        query = select(calls.c.id, calls.c.cached, calls.c.content).where(calls.c.run_id == run_id)
        last = -1
        while True:
            page = query.where(calls.c.id > last).order_by(calls.c.id).limit(_PAGE)
            with self.reading() as connection:
                rows = connection.execute(page).all()
            for _, cached, content in rows:
                yield bool(cached), content
            if len(rows) < _PAGE:
                return
            last = rows[-1].id


def _bill(paid: Iterator[tuple[bool, str]]) -> Bill:
    made = cached = 0
    sums: dict[str, float | None] = {"tokens_in": 0, "tokens_out": 0, "cost": 0.0, "saved": 0.0}
    for again, content in paid:
        made, cached = made + (not again), cached + again
        told = _fields(content)
        for name in ("saved",) if again else ("tokens_in", "tokens_out", "cost"):
            before, more = sums[name], told.get("cost" if again else name)
            sums[name] = None if before is None or more is None else before + more
    return Bill.model_validate({"calls": made, "cached": cached, **sums})


def _fields(content: str) -> dict[str, Any]:
    try:
        found = from_json(content)
    except ValueError:  # a lone surrogate, which json reads
        try:
            found = json.loads(content)
        except ValueError as error:
            raise Altered(f"A stored answer can't be read; was the database edited? {error}") from error
    return found if isinstance(found, dict) else {}
