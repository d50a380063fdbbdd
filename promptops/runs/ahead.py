"""What comes next is made ready while answers are awaited, and not when a place is free for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")

PACE = 0.002
"""Seconds between two turns of making ready; a burst of answers in between goes first."""
A_TURN = 4
"""Items that are made ready in one turn."""


class Ahead(Generic[Item]):
    """An iterator whose next items are mostly ready; use it as an asynchronous context manager.

    Whoever comes before anything is ready gets the next item as it is, so nobody ever waits here. The
    items come in their order, each once, and what drawing them raises is raised in its place.
    """

    def __init__(self, items: Iterator[Item], ready: Callable[[Item], Item], size: int) -> None:
        """`ready` returns an item with its work done; at most `size` of them are held."""
        self._items = items
        self._make_ready = ready
        self._size = size
        self._held: deque[Item] = deque()
        self._fault: Exception | None = None
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        self._room.set()
        if self._held:
            return self._held.popleft()
        if self._fault is not None:
            raise self._fault
        return next(self._items)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            await self._room.wait()
            self._room.clear()
            while len(self._held) < self._size:
                await asyncio.sleep(PACE)
                if not self._turn():
                    return

    def _turn(self) -> bool:
        """Make some items ready. Return False once there are no more."""
        for _ in range(min(A_TURN, self._size - len(self._held))):
            try:
                item = next(self._items)
            except StopIteration:
                return False
            except Exception as error:  # whoever comes to it hears of it, as without this
                self._fault = error
                return False
            self._held.append(self._make_ready(item))
        return True
