"""The nouns of runs in batches: what was handed in, and what came back so far."""

from __future__ import annotations

from typing import Literal

from promptops.noun import Noun
from promptops.types import Run

BatchEvent = Literal["handed_in", "ended", "cancelled", "given_up"]
"""What became of a batch. `ended`: all that it answered is stored; `cancelled`: by us; `given_up`: its server
does not know it any more, and its requests may be made again."""


class HandedIn(Noun):
    """A batch as we have written it down; its server knows how far it is."""

    id: str
    event: BatchEvent
    """The newest one."""
    requests: int | None
    """How many it has; None where that is not known."""
    at: str
    """When it was handed in, or first found in the server's list."""
    changed_at: str = ""
    """When the newest event was written down."""
    cancelled: bool = False
    """Whether we have had it cancelled, whatever came after."""

    @property
    def open(self) -> bool:
        """Whether it has answers, or will have, that were not brought yet."""
        return self.event in ("handed_in", "cancelled")


class Submission(Noun):
    """What of a run was handed to a server to be answered in its own time."""

    run: str
    model: str
    requests: int
    batches: tuple[str, ...]
    """The server's ids, one a file."""
    window: str


class BatchState(Noun):
    """One batch as its server tells of it."""

    id: str
    status: str
    """`pending`, `completed`, `failed`, `expired` or `cancelled`."""
    told: str
    """The server's own word."""
    requests: int
    answered: int
    failed: int
    errors: tuple[str, ...] = ()


class Collection(Noun):
    """What came back of a run's batches so far."""

    run: Run
    batches: tuple[BatchState, ...]
    left: int
    """Samples times repeats that have no result yet."""
    submitted: int = 0
    """Requests that were handed in just now."""
    notes: tuple[str, ...] = ()

    @property
    def pending(self) -> int:
        """How many batches are still worked on."""
        return sum(batch.status == "pending" for batch in self.batches)
