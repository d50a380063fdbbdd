"""How far a command has come, for whoever watches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from promptops.calls.brake import Brake
from promptops.calls.usage import Usage
from promptops.runs.running import Running
from promptops.types import Result, Run


@dataclass
class Progress:
    """How far a command has come; handed to whoever draws it before the first call and after each result."""

    total: int
    usage: Usage
    done: int = 0
    errors: int = 0
    unscored: int = 0
    enough: bool = False
    """Whether the run stopped early: nothing depends on the rest."""
    runs: tuple[Run, ...] = ()
    """What is carried out, one run after the other."""
    latest: tuple[Run, Result] | None = None
    """What was stored last; None before the first result."""
    running: Running | None = None
    """The main metric of the run that the last result belongs to, as far as it is known."""
    brake: Brake = field(default_factory=Brake)
    """Held while the command is paused."""
    remarks: tuple[str, ...] = ()
    """What is to be known before the first call, as sentences."""
    at_once: int = 0
    """How many results are worked on at a time; 0 where that is not known."""
    taken: float = 0.0
    """Seconds that results with an answer took, each from its beginning, added up."""
    unit: str = ""
    """What is counted, where it is no samples of runs."""
    started: float = field(default_factory=monotonic)

    @property
    def paused(self) -> bool:
        """Whether no call begins until somebody lets them go on."""
        return self.brake.held

    @property
    def seconds(self) -> float:
        """Time since the start, without pauses."""
        return monotonic() - self.started - self.brake.held_seconds

    @property
    def rate(self) -> float:
        """Results a second since the start."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None before the first result.

        At first by how long a result takes: those under way are nearly there, and no pace counts them.
        """
        if not self.done:
            return None
        left = self.total - self.done
        answered = self.done - self.errors
        if self.done < 2 * self.at_once and answered and self.taken:
            return left * self.taken / answered / self.at_once
        return left / self.rate

    def add(
        self,
        run: Run,
        result: Result,
        running: Running | None = None,
        place: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Count a result that is stored; `running` knows its sample by its place among the task's."""
        self.done += 1
        self.taken += seconds if result.failure is None else 0.0
        self.errors += result.failure is not None
        self.unscored += any(score.unscored is not None for score in result.scores.values())
        self.latest = (run, result)
        self.running = running
        if running is not None:
            running.add(result, place)


Watch = Callable[[Progress], None]
"""Called before the first call, after each stored result, when the command pauses or goes on, and once a
second while no result comes.

In the thread of the calls: be quick.
"""

BEAT = 1.0
"""Seconds without a result after which whoever watches is called all the same."""


@asynccontextmanager
async def watched(progress: Progress, watch: Watch | None) -> AsyncIterator[None]:
    """Call whoever watches while no result comes, so that they can tell what is waited for."""
    beats = None if watch is None else asyncio.create_task(_beat(progress, watch))
    try:
        yield
    finally:
        if beats is not None:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats


async def _beat(progress: Progress, watch: Watch) -> None:
    while True:
        before = progress.done
        await asyncio.sleep(BEAT)
        if progress.done == before and not progress.paused:
            watch(progress)
