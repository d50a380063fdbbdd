"""Which batches a run was handed in as: rows beside the server's own list, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select

from promptops.runs.submissions import BatchEvent, HandedIn
from promptops.store.database import Database, timestamp
from promptops.store.tables import submissions


class Submissions(Database):
    """What became of each batch is a row of its own; the newest one tells how it stands."""

    def note_batch(self, run_id: str, batch_id: str, event: BatchEvent, requests: int | None = None) -> None:
        """Write down what happened to a batch. Raises StoreError where there is no such run."""
        row = {
            "run_id": run_id,
            "batch_id": batch_id,
            "event": event,
            "requests": requests,
            "created_at": timestamp(),
        }
        with self.writing() as connection:
            connection.execute(insert(submissions).values(row))

    def batches(self, run_id: str) -> tuple[HandedIn, ...]:
        """Return the batches of a run, in the order in which they were handed in."""
        return self._batches([run_id]).get(run_id, ())

    def waiting_since(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return since when those of some runs wait for a batch that do."""
        return {
            run_id: min(batch.at for batch in batches if batch.event == "handed_in")
            for run_id, batches in self._batches(run_ids).items()
            if any(batch.event == "handed_in" for batch in batches)
        }

    def cancelled_at(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return when a batch of some runs was cancelled last, where its answers were not brought since."""
        return {
            run_id: max(batch.changed_at for batch in batches if batch.event == "cancelled")
            for run_id, batches in self._batches(run_ids).items()
            if any(batch.event == "cancelled" for batch in batches)
        }

    def _batches(self, run_ids: Sequence[str]) -> dict[str, tuple[HandedIn, ...]]:
        query = select(submissions).where(submissions.c.run_id.in_(run_ids)).order_by(submissions.c.id)
        found: dict[str, dict[str, HandedIn]] = {}
        with self.reading() as connection:
            for row in connection.execute(query):
                batches = found.setdefault(row.run_id, {})
                before = batches.get(row.batch_id)
                batches[row.batch_id] = HandedIn(
                    id=row.batch_id,
                    event=row.event,
                    requests=row.requests if before is None or row.requests is not None else before.requests,
                    changed_at=row.created_at,
                    at=row.created_at if before is None or row.event == "handed_in" else before.at,
                    cancelled=row.event == "cancelled" or (before is not None and before.cancelled),
                )
        return {run_id: tuple(batches.values()) for run_id, batches in found.items()}
