"""Runs that this process works on: claimed so that no other one does, kept, and left as they then stand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promptops.errors import StoreError, UsageError
from promptops.runs.owner import is_dead, own_name
from promptops.runs.states import taken
from promptops.store import Store
from promptops.types import RunStatus

LEASE_SECONDS = 60.0


@dataclass
class Holding:
    """The runs of one command; each is left by itself, as soon as it needs nothing more."""

    store: Store
    root: Path
    owner: str = field(default_factory=own_name)
    held: list[str] = field(default_factory=list)
    """Ids of the runs that were claimed and not left yet, in order."""

    def claim(self, run_ids: Sequence[str]) -> None:
        """Become the one who works on some runs. Raises UsageError, with none claimed, where another does."""
        for run_id in run_ids:
            if not self._claimed(run_id):
                self.leave(list(self.held))
                raise UsageError(taken(self.root, run_id, self.store.run_owner(run_id)))
            self.held.append(run_id)

    @contextlib.contextmanager
    def claiming(self, run_ids: Sequence[str]) -> Iterator[None]:
        """Be the one who works on some runs; they are left as they were. Raises UsageError."""
        self.claim(run_ids)
        try:
            yield
        finally:
            self.leave(run_ids)

    async def keep(self) -> None:
        """Renew the leases until cancelled."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            for run_id in tuple(self.held):
                await asyncio.to_thread(self.store.renew_run, run_id, self.owner, LEASE_SECONDS)

    def leave(self, run_ids: Sequence[str], status: RunStatus | None = None) -> None:
        """Let others have some runs, with a new status where one is given."""
        for run_id in run_ids:
            if run_id not in self.held:
                continue
            self.held.remove(run_id)
            # A store that can't be written any more must not hide why the run ended.
            with contextlib.suppress(StoreError):
                if status is not None:
                    self.store.set_status(run_id, status)
                self.store.release_run(run_id, self.owner)

    def _claimed(self, run_id: str) -> bool:
        if self.store.claim_run(run_id, self.owner, LEASE_SECONDS):
            return True
        before = self.store.run_owner(run_id)
        if before is None or not is_dead(before):
            return False
        self.store.release_run(run_id, before)
        return self.store.claim_run(run_id, self.owner, LEASE_SECONDS)
