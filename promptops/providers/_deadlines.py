"""Ends what takes too long: `asyncio.timeout` for very many short waits, with one timer for all of them.

A timer for each call is a fifth of what a call costs the event loop, and hardly any of them ever rings.
"""

from __future__ import annotations

import asyncio

_NEVER = float("inf")


class Deadlines:
    """The deadlines of one event loop; close it at the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: dict[Deadline, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = _NEVER

    def within(self, seconds: float) -> Deadline:
        """Return a context that raises TimeoutError once it has taken so long; entered by a task, once."""
        return Deadline(self, self._loop.time() + seconds)

    def close(self) -> None:
        """Let no timer ring any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = None, _NEVER

    def _begin(self, deadline: Deadline, end: float) -> None:
        self._ends[deadline] = end
        if end < self._rings_at:
            self._ring_at(end)

    def _ring_at(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = self._loop.call_at(end, self._ring), end

    def _ring(self) -> None:
        """End what is due, mostly nothing: what the timer was set for is long over."""
        self._timer, self._rings_at = None, _NEVER
        now = self._loop.time()
        for deadline in [each for each, end in self._ends.items() if end <= now]:
            del self._ends[deadline]
            deadline.pass_by()
        if self._ends:
            self._ring_at(min(self._ends.values()))


class Deadline:
    """One wait that must come to an end."""

    __slots__ = ("_all", "_cancelling", "_end", "_passed", "_task")

    def __init__(self, deadlines: Deadlines, end: float) -> None:
        self._all = deadlines
        self._end = end
        self._passed = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def pass_by(self) -> None:
        """Cancel what waits."""
        self._passed = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        self._task = task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline belongs to a task")
        self._cancelling = task.cancelling()
        self._all._begin(self, self._end)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not self._passed:
            del self._all._ends[self]
        elif (
            self._task is not None
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error
